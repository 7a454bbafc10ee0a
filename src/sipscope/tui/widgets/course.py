"""The course of RTP streams as charts over time, with a place that is read out.

All streams of a call share one axis, so that what stands in a column happened at one time.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, groupby
from typing import NamedTuple

from rich.cells import cell_len

from sipscope.calls.columns import Severity, jitter_severity, loss_severity, mos_severity
from sipscope.rtpqos.figures import Interval, StreamFigures
from sipscope.tui.line_list import Span
from sipscope.tui.widgets.moments import clock
from sipscope.tui.widgets.sparkline import bars
from sipscope.tui.widgets.wrapping import Line, line_text

CHARTS = 4
"""How many charts a stream has."""

MOST_HEIGHT = 5
"""So many lines high a chart is at most."""

_NS = 1_000_000_000
_LABEL, _SCALE, _EXTREME = 13, 5, 13
_MOST_BREADTH = 4
_HEARD_LOSS = 1.0
_LATE_MS = 60.0
"""So much later than its turn, a packet comes too late for the jitter buffer of our MOS."""


class Axis(NamedTuple):
    """The time axis of charts: slots of equal length.

    Attributes:
        begin: ns since the epoch.
        step: Length of a slot in ns.
        slots: How many there are.
        breadth: Cells of the terminal for each.
    """

    begin: int
    step: int
    slots: int
    breadth: int

    @property
    def end(self) -> int:
        """Where the last slot ends, ns since the epoch."""
        return self.begin + self.slots * self.step

    def slot(self, time: int) -> int:
        """Return the slot of a time (ns), the first or last one for a time outside."""
        return max(0, min((time - self.begin) // self.step, self.slots - 1))

    def middle(self, slot: int) -> int:
        """Return the time in the middle of a slot, ns."""
        return self.begin + slot * self.step + self.step // 2


class Look(NamedTuple):
    """How courses are drawn.

    Attributes:
        axis: Of all charts.
        height: Lines of a chart.
        slot: The one that is read out, None for none.
    """

    axis: Axis
    height: int = 1
    slot: int | None = None


class _Chart(NamedTuple):
    """What one chart shows of an interval.

    `least` is the top of its scale at least, so that high bars mean bad sound; `bottom` the
    other end. `extreme` and `word` say which value is told beside it.
    """

    label: str
    value: Callable[[Interval], float | None]
    style: Callable[[float, StreamFigures], str]
    least: float
    bottom: float
    digits: int
    extreme: Callable[[Iterable[float]], float]
    word: str


def axis_of(streams: Iterable[StreamFigures], width: int) -> Axis | None:
    """Return the axis for charts in `width` cells; None when there is nothing to draw."""
    courses = [stream.intervals for stream in streams if stream.intervals]
    if not courses:
        return None
    room = max(1, width - _LABEL - _SCALE - 1 - _EXTREME)
    begin = min(course[0].start for course in courses)
    end = max(course[-1].start + _length(course[-1]) for course in courses)
    step = min(_length(course[0]) for course in courses)
    slots = max(1, round((end - begin) / step))
    if slots > room:
        slots, step = room, -(-(end - begin) // room)
    return Axis(begin, step, slots, min(_MOST_BREADTH, room // slots))


def worst_moment(streams: Iterable[StreamFigures]) -> int | None:
    """Return when it sounded worst (ns): by MOS, then by loss; the newest of equal times."""
    parts = [
        (5.0 if part.mos is None else part.mos, -(_loss(part) or 0.0), -_middle(part))
        for stream in streams
        for part in stream.intervals
        if part.packets
    ]
    return -min(parts)[2] if parts else None


def faults(streams: Iterable[StreamFigures], axis: Axis) -> list[int]:
    """Return the slots in which a stream lost packets, or would have sounded badly."""
    return sorted(
        {
            axis.slot(_middle(part))
            for stream in streams
            for part in stream.intervals
            if part.lost > 0
            or mos_severity(part.mos) != Severity.GOOD
            or jitter_severity(part.jitter_ms) != Severity.GOOD
        }
    )


def course_lines(figures: StreamFigures, width: int, look: Look) -> list[Line]:
    """Return the charts of a stream in `width` cells, and what stands under the cursor."""
    if not figures.intervals:
        return []
    parts = fold(figures.intervals, look.axis)
    lines = [line for chart in _CHARTS for line in _draw(chart, parts, figures, look)]
    if look.height > 1:
        lines.append(_axis_line(look))
    if look.slot is not None:
        lines.append(_reading(parts, figures, width, look, look.slot))
    return lines


def fold(intervals: Sequence[Interval], axis: Axis) -> list[Interval | None]:
    """Return the intervals of a stream, one a slot; None where there is none.

    Several intervals of one slot are added up; one that is longer than a slot stands in all
    slots that it reaches over.
    """
    parts: list[Interval | None] = [None] * axis.slots
    for part in intervals:
        slot = axis.slot(_middle(part))
        parts[slot] = _sum(parts[slot], part)
    if intervals and _length(intervals[0]) > axis.step:
        begin, length = intervals[0].start, _length(intervals[0])
        for slot in range(axis.slots):
            place = (axis.middle(slot) - begin) // length
            parts[slot] = intervals[place] if 0 <= place < len(intervals) else None
    return parts


def _sum(former: Interval | None, part: Interval) -> Interval:
    if former is None:
        return part
    return Interval(
        former.start,
        former.seconds + part.seconds,
        former.packets + part.packets,
        former.lost + part.lost,
        _of_known(max, former.jitter_ms, part.jitter_ms),
        _of_known(max, former.delta_max_ms, part.delta_max_ms),
        _of_known(min, former.mos, part.mos),
    )


def _of_known(choose: Callable[[Iterable[float]], float], *values: float | None) -> float | None:
    known = [value for value in values if value is not None]
    return choose(known) if known else None


def _length(part: Interval) -> int:
    return round(part.seconds * _NS)


def _middle(part: Interval) -> int:
    return part.start + _length(part) // 2


def _loss(part: Interval) -> float | None:
    """Return the loss in percent; None when nothing was sent, as far as one can tell."""
    lost = max(0, part.lost)
    sent = part.packets + lost
    return 100 * lost / sent if sent else None


def _loss_style(percent: float, _: StreamFigures) -> str:
    return Severity.GOOD if percent <= 0 else loss_severity(max(percent, _HEARD_LOSS))


def _delta_style(milliseconds: float, figures: StreamFigures) -> str:
    """Return doubtful at most: silence that is not sent is no fault."""
    late = milliseconds - (figures.ptime_ms or 0.0) >= _LATE_MS
    return Severity.DOUBTFUL if late else Severity.GOOD


_CHARTS = (
    _Chart("loss %", _loss, _loss_style, 5.0, 0.0, 1, max, "max"),
    _Chart(
        "jitter ms",
        lambda part: part.jitter_ms,
        lambda value, _: jitter_severity(value),
        30.0,
        0.0,
        1,
        max,
        "max",
    ),
    _Chart("delta ms", lambda part: part.delta_max_ms, _delta_style, 100.0, 0.0, 1, max, "max"),
    _Chart(
        "MOS", lambda part: part.mos, lambda value, _: mos_severity(value), 5.0, 1.0, 2, min, "min"
    ),
)


def _draw(
    chart: _Chart, parts: Sequence[Interval | None], figures: StreamFigures, look: Look
) -> list[Line]:
    """Return the lines of one chart: label, scale, bars, and the highest or lowest value."""
    values = [None if part is None else chart.value(part) for part in parts]
    known = [value for value in values if value is not None]
    extreme = chart.extreme(known) if known else None
    top = _round_up(max(chart.least, *known)) if known else chart.least
    styles = ["" if value is None else chart.style(value, figures) for value in values]
    if look.slot is not None:
        styles[look.slot] = f"{styles[look.slot]} place".lstrip()
    above = [None if value is None else value - chart.bottom for value in values]
    lines = []
    for row, text in enumerate(bars(above, top - chart.bottom, look.height)):
        label = f"  {chart.label}" if row == 0 else ""
        scale = ""
        if look.height > 1 and row in (0, look.height - 1):
            scale = f"{top if row == 0 else chart.bottom:g}"
        told = "" if extreme is None or row else f"  {chart.word} {extreme:,.{chart.digits}f}"
        lines.append(
            (
                Span(label.ljust(_LABEL), "old"),
                Span(scale.rjust(_SCALE) if look.height > 1 else "", "old"),
                Span("│" if look.height > 1 else "", "rule"),
                *_runs(text, styles, look.axis.breadth),
                Span(told.ljust(_EXTREME), "old"),
            )
        )
    return lines


def _runs(text: str, styles: Sequence[str], breadth: int) -> Iterable[Span]:
    """Yield bars as spans, one for all neighbours of the same style."""
    for style, run in groupby(zip(text, styles, strict=True), key=lambda bar: bar[1]):
        yield Span("".join(bar * breadth for bar, _ in run), style)


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, 30, 50, 100... that is not under `value`."""
    scale = 1.0
    while value > 10 * scale:
        scale *= 10
    return next(scale * step for step in (1, 2, 3, 5, 10) if value <= scale * step)


def _axis_line(look: Look) -> Line:
    """Return when the charts begin and end, and a mark under the cursor."""
    axis = look.axis
    length = axis.slots * axis.breadth
    margin = " " * (_LABEL + _SCALE + 1)
    begin, end = clock(axis.begin)[:8], clock(axis.end)[:8]
    if look.slot is None:
        return (Span(margin + begin + end.rjust(length - len(begin)), "old"),)
    place = look.slot * axis.breadth + (axis.breadth - 1) // 2
    before = begin if place > len(begin) else ""
    after = end if length - place - 1 > len(end) else ""
    mark = Span("▲", "strong")
    fill = after.rjust(length - place - 1)
    return Span(margin + before.ljust(place), "old"), mark, Span(fill, "old")


_READ = ("packets", "lost", "jitter", "max delta", "MOS")
_UNITS = ("", "", " ms", " ms", "")


def _reading(
    parts: Sequence[Interval | None], figures: StreamFigures, width: int, look: Look, slot: int
) -> Line:
    """Return what is known of a slot; figures stay in their places from slot to slot."""
    part = parts[slot]
    start = look.axis.begin + slot * look.axis.step if part is None else part.start
    head: Line = Span("▸ ", "strong"), Span(clock(start)[:8], "strong")
    if part is None:
        return *head, Span("  no packets", "old")
    known = [each for each in parts if each is not None]
    if any(each.seconds != 1 for each in known):
        longest = max(len(f"{each.seconds:g}") for each in known)
        head = *head, Span(f" {part.seconds:{longest}g} s")
    texts = [_texts(each) for each in known]
    room = [max(map(len, column)) for column in zip(*texts, strict=True)]
    styles = ["", *(_read_style(chart, part, figures) for chart in _CHARTS)]
    columns = zip(_READ, _texts(part), room, styles, _UNITS, strict=True)
    cells = [
        (
            Span(f"  {label} ", "old"),
            Span(text.rjust(cells), style),
            Span((unit if text else "").ljust(len(unit))),
        )
        for label, text, cells, style, unit in columns
    ]
    line = (*head, *chain.from_iterable(cells))
    if cell_len(line_text(line)) <= width:
        return line
    return *head, *chain.from_iterable(cell[:2] for cell in cells)


def _texts(part: Interval) -> tuple[str, ...]:
    """Return the figures that are read out."""
    values = [chart.value(part) for chart in _CHARTS[1:]]
    told = (
        "" if value is None else f"{value:,.{chart.digits}f}"
        for chart, value in zip(_CHARTS[1:], values, strict=True)
    )
    return f"{part.packets:,}", f"{max(0, part.lost):,}", *told


def _read_style(chart: _Chart, part: Interval, figures: StreamFigures) -> str:
    value = chart.value(part)
    style = "" if value is None else chart.style(value, figures)
    return "" if style == Severity.GOOD else style
