"""Charts of streams over time."""

from dataclasses import replace

import pytest

from sipscope.calls.rows import stream_figures
from sipscope.rtpqos.figures import Interval, StreamFigures
from sipscope.tui.widgets.course import (
    Axis,
    Look,
    axis_of,
    course_lines,
    faults,
    fold,
    worst_moment,
)
from sipscope.tui.widgets.wrapping import line_text
from tests.signalling import answered_call, store_of

SECOND = 1_000_000_000
BEGIN = 1_700_000_002 * SECOND


@pytest.fixture(scope="module")
def figures() -> StreamFigures:
    """250 packets of the PBX, without 12 in two bursts."""
    store = store_of(answered_call(media=250, lost=(*range(100, 110), 200, 201)))
    return stream_figures(store.dialogs[1], store.streams)[1]


def part(
    second: float,
    *,
    seconds: float = 1.0,
    packets: int = 50,
    lost: int = 0,
    jitter_ms: float | None = 1.0,
    delta_max_ms: float | None = 20.0,
    mos: float | None = 4.41,
) -> Interval:
    """A second without fault that begins so many seconds after `BEGIN`."""
    begin = BEGIN + round(second * SECOND)
    return Interval(begin, seconds, packets, lost, jitter_ms, delta_max_ms, mos)


def course(figures: StreamFigures, *parts: Interval) -> StreamFigures:
    return replace(figures, intervals=parts)


def axis(slots: int, *, step: int = SECOND, breadth: int = 1) -> Axis:
    return Axis(BEGIN, step, slots, breadth)


def texts(figures: StreamFigures, width: int, look: Look) -> list[str]:
    return [line_text(line).rstrip() for line in course_lines(figures, width, look)]


def test_an_axis_reaches_over_all_streams_in_slots_of_their_intervals(
    figures: StreamFigures,
) -> None:
    early, late = course(figures, part(0), part(1)), course(figures, part(1.003), part(2.003))
    assert axis_of([early, late], 79) == axis(3, breadth=4)


def test_a_long_course_has_as_many_slots_as_there_are_cells(figures: StreamFigures) -> None:
    long = course(figures, *(part(second) for second in range(100)))
    assert axis_of([long], 79) == axis(47, step=2_127_659_575, breadth=1)


def test_streams_without_intervals_have_no_axis(figures: StreamFigures) -> None:
    assert axis_of([course(figures)], 79) is None


def test_each_interval_stands_in_the_slot_of_its_middle() -> None:
    parts = part(0.4), part(1.4), part(3.4)
    assert fold(parts, axis(5)) == [parts[0], parts[1], None, parts[2], None]


def test_intervals_of_one_slot_are_added_up_and_the_worst_counts() -> None:
    parts = part(0, lost=3, mos=3.0, jitter_ms=None), part(1, delta_max_ms=80.0, mos=None)
    assert fold(parts, axis(1, step=2 * SECOND)) == [
        Interval(BEGIN, 2.0, 100, 3, 1.0, 80.0, 3.0),
    ]


def test_an_interval_longer_than_a_slot_stands_in_all_of_its_slots() -> None:
    long = part(1, seconds=2.0)
    assert fold([long], axis(4)) == [None, long, long, None]


def test_the_worst_moment_is_that_of_the_lowest_mos(figures: StreamFigures) -> None:
    assert worst_moment([figures]) == figures.intervals[2].start + SECOND // 2


def test_without_a_mos_the_worst_moment_is_that_of_the_highest_loss(
    figures: StreamFigures,
) -> None:
    parts = (part(second, mos=None, lost=lost) for second, lost in enumerate((0, 2, 9, 2)))
    assert worst_moment([course(figures, *parts)]) == BEGIN + 5 * SECOND // 2


def test_where_all_is_well_the_newest_moment_counts(figures: StreamFigures) -> None:
    good = course(figures, part(0), part(1), part(2, packets=0, mos=None))
    assert worst_moment([good]) == BEGIN + 3 * SECOND // 2


def test_faults_are_losses_and_bad_sound(figures: StreamFigures) -> None:
    parts = part(0), part(1, lost=1), part(2), part(3, mos=3.5), part(4, jitter_ms=31.0), part(5)
    assert faults([course(figures, *parts)], axis(6)) == [1, 3, 4]


def test_a_low_screen_has_one_line_a_chart(figures: StreamFigures) -> None:
    found = axis_of([figures], 79)
    assert found is not None
    assert texts(figures, 79, Look(found)) == [
        "  loss %     ▁▁▁▁▁▁▁▁████▁▁▁▁▂▂▂▂  max 20.0",
        "  jitter ms  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁  max 0.0",
        "  delta ms   ▂▂▂▂▂▂▂▂▆▆▆▆▂▂▂▂▂▂▂▂  max 220.0",
        "  MOS        ▇▇▇▇▇▇▇▇▂▂▂▂▇▇▇▇▆▆▆▆  min 1.39",
    ]


def test_higher_charts_have_scales_and_an_axis_with_a_mark(figures: StreamFigures) -> None:
    found = axis_of([figures], 79)
    assert found is not None
    lines = texts(figures, 79, Look(found, 2, 3))
    assert lines[:4] == [
        "  loss %        20│        ████          max 20.0",
        "                 0│▁▁▁▁▁▁▁▁████▁▁▁▁▄▄▄▄",
        "  jitter ms     30│                      max 0.0",
        "                 0│▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁",
    ]
    assert lines[8:] == [
        "                   22:13:22     ▲",
        "▸ 22:13:25  packets 50  lost  0  jitter 0.0 ms  max delta  20.0 ms  MOS 4.41",
    ]


def test_the_ends_of_the_axis_are_told_where_the_mark_leaves_room(
    figures: StreamFigures,
) -> None:
    long = course(figures, *(part(second) for second in range(30)))
    marks = [texts(long, 79, Look(axis(30), 2, slot))[8].strip() for slot in (0, 15, 29)]
    assert marks == [
        "▲                     22:13:52",
        "22:13:22       ▲      22:13:52",
        "22:13:22                     ▲",
    ]


def test_the_slot_under_the_cursor_is_marked_in_every_chart(figures: StreamFigures) -> None:
    lines = course_lines(course(figures, part(0), part(1, lost=2)), 79, Look(axis(2), 1, 1))
    assert [line[4].style for line in lines[:4]] == [
        "doubtful place",
        "good place",
        "good place",
        "good place",
    ]


def test_what_is_read_out_has_the_style_of_how_bad_it_is(figures: StreamFigures) -> None:
    bad = course(figures, part(0, lost=10, jitter_ms=40.0, delta_max_ms=90.0, mos=2.0))
    reading = course_lines(bad, 79, Look(axis(1), 1, 0))[-1]
    assert {span.text: span.style for span in reading if span.text.strip()[:1].isdigit()} == {
        "22:13:22": "strong",
        "50": "",
        "10": "failed",
        "40.0": "doubtful",
        "90.0": "doubtful",
        "2.00": "failed",
    }


def test_a_slot_without_an_interval_says_so(figures: StreamFigures) -> None:
    one = course(figures, part(0))
    assert texts(one, 79, Look(axis(3), 1, 2))[-1] == "▸ 22:13:24  no packets"


def test_figures_keep_their_places_from_slot_to_slot(figures: StreamFigures) -> None:
    uneven = course(figures, part(0, jitter_ms=123.4), part(1, lost=12), part(2, jitter_ms=None))
    readings = [texts(uneven, 79, Look(axis(3), 1, slot))[-1] for slot in range(3)]
    assert readings == [
        "▸ 22:13:22  packets 50  lost  0  jitter 123.4 ms  max delta 20.0 ms  MOS 4.41",
        "▸ 22:13:23  packets 50  lost 12  jitter   1.0 ms  max delta 20.0 ms  MOS 4.41",
        "▸ 22:13:24  packets 50  lost  0  jitter           max delta 20.0 ms  MOS 4.41",
    ]


def test_the_length_of_a_slot_is_told_when_it_is_not_a_second(figures: StreamFigures) -> None:
    long = course(figures, part(0, seconds=8.0, packets=400), part(8, seconds=8.0))
    reading = texts(long, 79, Look(axis(2, step=8 * SECOND), 1, 0))[-1]
    assert reading.startswith("▸ 22:13:22 8 s  packets 400  lost 0")


def test_units_are_left_out_where_there_is_no_room(figures: StreamFigures) -> None:
    reading = texts(course(figures, part(0)), 70, Look(axis(1), 1, 0))[-1]
    assert reading == "▸ 22:13:22  packets 50  lost 0  jitter 1.0  max delta 20.0  MOS 4.41"


def test_a_long_delta_alone_is_doubtful_at_most(figures: StreamFigures) -> None:
    silent = course(figures, part(0, delta_max_ms=5000.0))
    assert course_lines(silent, 79, Look(axis(1)))[2][3].style == "doubtful"
