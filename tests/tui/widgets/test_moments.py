"""Times as they are written."""

import time

import pytest

from sipscope.tui.widgets.moments import Times, clock, date, seconds, signed_seconds

NIGHT = 1_700_000_000_987_654_321


def test_the_time_of_day_has_milliseconds_that_are_not_rounded_up() -> None:
    assert clock(NIGHT) == "22:13:20.987"


def test_the_time_of_day_has_more_digits_on_request() -> None:
    assert clock(NIGHT, digits=6) == "22:13:20.987654"


def test_the_day_is_written_as_in_iso_8601() -> None:
    assert date(NIGHT) == "2023-11-14"


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (0, "0.000"),
        (4_301_000_000, "4.301"),
        (-20_000_000, "-0.020"),
        (999_999_000_000, "999.999"),
        (3_600_000_000_000, "3600"),
    ],
)
def test_spans_are_in_seconds(span: int, text: str) -> None:
    assert seconds(span) == text


def test_a_span_forward_has_a_plus() -> None:
    assert signed_seconds(4_000_000) == "+0.004"
    assert signed_seconds(-4_000_000) == "-0.004"


def test_times_and_days_are_local_or_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    assert (clock(NIGHT), date(NIGHT)) == ("11:13:20.987", "2023-11-15")
    assert (clock(NIGHT, utc=True), date(NIGHT, utc=True)) == ("22:13:20.987", "2023-11-14")


def test_the_ways_to_count_times_come_in_turn() -> None:
    assert [mode.next for mode in Times] == [Times.UTC, Times.START, Times.PREVIOUS, Times.CLOCK]
