from dataclasses import replace

import pytest

from sipscope.calls.columns import (
    COLUMNS,
    Severity,
    clock_text,
    duration_text,
    place,
    reason_text,
    search_text,
    severity,
    state_text,
)
from sipscope.calls.dialog import State
from sipscope.calls.rows import CallRow

ROW = CallRow(
    id=3,
    version=1,
    started=1_700_000_000_000_000_000,
    caller="1001",
    callee="+4930123456",
    method="INVITE",
    state=State.COMPLETED,
    messages=7,
    source="192.0.2.21:5060",
    destination="198.51.100.5:5060",
    duration_s=42.7,
    codec="PCMA",
    loss_percent=0.0,
    jitter_ms=1.25,
    mos=4.41,
    group=3,
    status=200,
    reason="OK",
    call_id="call-1",
)


def cell(column_id: str, row: CallRow = ROW) -> str:
    return next(column.text(row) for column in COLUMNS if column.id == column_id)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.0, "0:00"), (42.9, "0:42"), (190, "3:10"), (3790, "1:03:10")],
)
def test_durations_read_like_a_clock(seconds: float | None, text: str) -> None:
    assert duration_text(seconds) == text


def test_the_time_is_the_local_time_of_day() -> None:
    assert clock_text(ROW.started)[2::3] == "::"
    assert len(clock_text(ROW.started)) == 8


def test_figures_have_one_decimal() -> None:
    assert [cell(name) for name in ("loss", "jitter", "mos")] == ["0.0", "1.2", "4.4"]


@pytest.mark.parametrize("name", ["loss", "jitter", "mos", "duration", "codec"])
def test_unknown_is_an_empty_cell(name: str) -> None:
    unknown = replace(ROW, loss_percent=None, jitter_ms=None, mos=None, duration_s=None, codec="")
    assert cell(name, unknown) == ""


@pytest.mark.parametrize(
    ("state", "status", "text"),
    [
        (State.IN_CALL, 200, "in call"),
        (State.REJECTED, 488, "488 rejected"),
        (State.NO_ANSWER, 480, "480 no answer"),
        (State.NO_ANSWER, None, "no answer"),
        (State.COMPLETED, 200, "completed"),
    ],
)
def test_the_state_comes_with_the_code_that_explains_it(
    state: State, status: int | None, text: str
) -> None:
    assert state_text(replace(ROW, state=state, status=status)) == text


@pytest.mark.parametrize("state", list(State))
def test_every_state_fits_its_column(state: State) -> None:
    width = next(column.width for column in COLUMNS if column.id == "state")
    assert len(state_text(replace(ROW, state=state, status=480))) <= width


@pytest.mark.parametrize(
    ("state", "status", "text"),
    [
        (State.COMPLETED, 200, ""),
        (State.REJECTED, 488, "OK"),
        (State.FAILED, None, "no response"),
        (State.RINGING, None, ""),
    ],
)
def test_the_reason_is_told_where_something_went_no_further(
    state: State, status: int | None, text: str
) -> None:
    assert reason_text(replace(ROW, state=state, status=status)) == text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Severity.GOOD),
        ({"state": State.REJECTED}, Severity.FAILED),
        ({"state": State.BUSY}, Severity.DOUBTFUL),
        ({"state": State.IN_CALL}, Severity.PROGRESS),
        ({"state": State.CANCELLED}, Severity.OLD),
        ({"loss_percent": 0.9}, Severity.GOOD),
        ({"loss_percent": 1.0}, Severity.DOUBTFUL),
        ({"loss_percent": 5.0}, Severity.FAILED),
        ({"jitter_ms": 30.0}, Severity.DOUBTFUL),
        ({"mos": 3.59}, Severity.DOUBTFUL),
        ({"mos": 3.09}, Severity.FAILED),
        ({"state": State.IN_CALL, "loss_percent": 2.0}, Severity.DOUBTFUL),
    ],
)
def test_the_worst_of_state_and_sound_decides(
    changes: dict[str, object], expected: Severity
) -> None:
    assert severity(replace(ROW, **changes)) is expected  # type: ignore[arg-type]


def names(width: int) -> list[str]:
    return [placed.column.id for placed in place(width, 3)]


def test_eighty_cells_show_who_what_and_how_well() -> None:
    assert names(79) == ["time", "from", "to", "method", "state", "duration", "loss", "mos"]


def test_a_wide_terminal_shows_all_columns() -> None:
    assert names(159) == [column.id for column in COLUMNS]


def test_a_narrow_terminal_shows_who_and_how_it_went() -> None:
    assert names(39) == ["from", "to", "state"]


@pytest.mark.parametrize("width", range(0, 320, 7))
def test_columns_stay_within_the_width_and_apart(width: int) -> None:
    end = 2
    for _, start, cells in place(width, 3):
        assert start == end + 1
        end = start + cells
    assert end <= max(width, 2)


@pytest.mark.parametrize("width", range(20, 319, 13))
def test_a_wider_terminal_never_loses_a_column(width: int) -> None:
    assert set(names(width)) <= set(names(width + 1))


def test_addresses_sort_by_number() -> None:
    value = next(column.value for column in COLUMNS if column.id == "source")
    nine, ten = (replace(ROW, source=f"10.0.0.{n}:5060") for n in (9, 10))
    assert str(value(nine)) < str(value(ten))


@pytest.mark.parametrize("text", ["1001", "invite", "in call", "0:42", "pcma", "4.4", "200"])
def test_what_can_be_read_can_be_searched(text: str) -> None:
    assert text in search_text(replace(ROW, state=State.IN_CALL))
