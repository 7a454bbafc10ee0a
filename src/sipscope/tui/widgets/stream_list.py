"""The list of RTP streams."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import lru_cache
from typing import ClassVar, NamedTuple

from textual.message import Message

from sipscope.calls.columns import (
    Severity,
    clock_text,
    decimal_text,
    jitter_severity,
    loss_severity,
    mos_severity,
)
from sipscope.decode.text import display
from sipscope.rtpqos.listing import StreamRow
from sipscope.tui import REFRESH_S
from sipscope.tui.line_list import LineList, Span, fit
from sipscope.tui.stream_view import ListedStream, StreamView
from sipscope.tui.widgets.ladder_drawing import crop_middle
from sipscope.tui.widgets.stream import LIVE_NS

_GUTTER = 2
_TURNS = round(1 / REFRESH_S)
_GOOD = "good"
_BAD = (Severity.FAILED, Severity.DOUBTFUL)
_QUIET = frozenset({"first", "call"})
_SIGNS = {Severity.FAILED: "●", Severity.DOUBTFUL: "▲"}


class StreamColumn(NamedTuple):
    """One column.

    Attributes:
        id: What `StreamTable.order` sorts by, where `sorts` is set.
        title: Over the column, with the unit.
        text: What a cell says, empty when unknown; the number is the time of the capture.
        width: Cells that it needs.
        most: Cells that it can use when there is room.
        importance: Columns with the smallest are shown first, as long as there is room.
        right: Whether it is aligned on the right, as numbers are.
        style: How good the figure is; None for what is neither good nor bad.
        sorts: Whether the list can be sorted by it.
        worst_high: Whether the greatest values are looked at first.
    """

    id: str
    title: str
    text: Callable[[ListedStream, int | None], str]
    width: int
    most: int
    importance: int
    right: bool = False
    style: Callable[[StreamRow], Severity] | None = None
    sorts: bool = True
    worst_high: bool = False


def severity(row: StreamRow) -> Severity:
    """Return how a stream has sounded."""
    jitter = jitter_severity(row.jitter_ms)
    return _worst(
        loss_severity(row.loss_percent),
        mos_severity(row.mos),
        jitter if jitter is Severity.GOOD else Severity.DOUBTFUL,
    )


def now_text(row: StreamRow, now: int | None) -> str:
    """Return how a stream has sounded in its newest second, empty when it has ended."""
    lost = _now_loss(row)
    if lost is None or now is None or now - row.last >= LIVE_NS:
        return ""
    if lost > 0:
        return f"lost {lost:3.0f} %" if lost >= 1 else "lost  <1 %"
    if row.now_mos is None or mos_severity(row.now_mos) is Severity.GOOD:
        return _GOOD
    return f"MOS {row.now_mos:6.2f}"


def _now_severity(row: StreamRow) -> Severity:
    return _worst(loss_severity(_now_loss(row)), mos_severity(row.now_mos))


def _worst(*found: Severity) -> Severity:
    return next((bad for bad in _BAD if bad in found), Severity.GOOD)


def _now_loss(row: StreamRow) -> float | None:
    """Return the loss of the newest second in percent."""
    if row.now_packets is None or row.now_lost is None:
        return None
    lost = max(0, row.now_lost)
    return 100 * lost / max(row.now_packets + lost, 1)


COLUMNS: tuple[StreamColumn, ...] = (
    StreamColumn("first", "Time", lambda s, _: clock_text(s.row.first), 8, 8, 9, worst_high=True),
    StreamColumn("source", "Source", lambda s, _: str(s.row.flow.source), 20, 30, 0),
    StreamColumn("destination", "Destination", lambda s, _: str(s.row.flow.destination), 20, 30, 1),
    StreamColumn("call", "Call", lambda s, _: s.call, 15, 24, 10, sorts=False),
    StreamColumn("codec", "Codec", lambda s, _: display(s.row.codec or ""), 5, 9, 6),
    StreamColumn(
        "packets",
        "Packets",
        lambda s, _: f"{s.row.packets:,}",
        8,
        9,
        8,
        right=True,
        worst_high=True,
    ),
    StreamColumn(
        "loss",
        "Loss %",
        lambda s, _: decimal_text(s.row.loss_percent),
        6,
        6,
        3,
        right=True,
        style=lambda row: loss_severity(row.loss_percent),
        worst_high=True,
    ),
    StreamColumn(
        "jitter",
        "Jit ms",
        lambda s, _: decimal_text(s.row.jitter_ms),
        6,
        6,
        5,
        right=True,
        style=lambda row: jitter_severity(row.jitter_ms),
        worst_high=True,
    ),
    StreamColumn(
        "delta",
        "Max Δ ms",
        lambda s, _: _delta_text(s.row.delta_max_ms),
        8,
        8,
        7,
        right=True,
        worst_high=True,
    ),
    StreamColumn(
        "mos",
        "MOS",
        lambda s, _: "" if s.row.mos is None else f"{s.row.mos:.2f}",
        4,
        4,
        2,
        right=True,
        style=lambda row: mos_severity(row.mos),
    ),
    StreamColumn(
        "now",
        "Now",
        lambda s, now: now_text(s.row, now),
        10,
        10,
        4,
        style=_now_severity,
        sorts=False,
    ),
)
"""In the order of the screen."""

SORTED = tuple(column for column in COLUMNS if column.sorts)
"""Those that the list can be sorted by."""


def _delta_text(milliseconds: float | None) -> str:
    """Return a longest delta, without a decimal from 100,000 ms on."""
    if milliseconds is None:
        return ""
    return f"{milliseconds:,.{1 if milliseconds < 9999.95 else 0}f}"


@lru_cache(maxsize=64)
def place(width: int) -> tuple[tuple[StreamColumn, int, int], ...]:
    """Return the columns that fit `width` cells with their first cell and their width.

    Only the width decides, so that columns never jump.
    """
    room = width - _GUTTER + 1
    widths: dict[str, int] = {}
    for column in sorted(COLUMNS, key=lambda column: column.importance):
        cells = column.width if widths else min(column.width, room - 1)
        if cells + 1 > room:
            break
        widths[column.id] = cells
        room -= cells + 1
    while room > 0:
        shown = [column for column in COLUMNS if column.id in widths]
        want = max(shown, key=lambda column: column.most - widths[column.id], default=None)
        if want is None or want.most == widths[want.id]:
            break
        widths[want.id] += 1
        room -= 1
    placed = []
    start = _GUTTER
    for column in COLUMNS:
        if column.id in widths:
            placed.append((column, start, widths[column.id]))
            start += widths[column.id] + 1
    return tuple(placed)


class StreamList(LineList):
    """The streams of a view, one a line.

    Args:
        view: Which streams, in which order.

    Attributes:
        now: The time of the capture in ns, None when nothing more will come.
        empty: What stands in the list when there is no stream.
    """

    class SortAsked(Message):
        """The title of a column was clicked."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    header_lines: ClassVar[int] = 1

    def __init__(self, view: StreamView) -> None:
        super().__init__()
        self.view = view
        self.now: int | None = None
        self.empty = ""
        self._seen: dict[int, ListedStream] = {}
        self._turn = 0

    def update(self) -> None:
        """Get new figures of the streams on the screen, in turns, and paint what changed.

        All figures of a live stream change all the time: each line is painted once a second,
        so that it costs little, and can be read.
        """
        visible = [row for row in self.visible_rows if isinstance(row, int)]
        self._turn = (self._turn + 1) % _TURNS
        self._seen = {row: self._seen[row] for row in visible if row in self._seen}
        self._get(visible[self._turn :: _TURNS])
        self.refresh_changed()

    def row_version(self, row: Hashable) -> Hashable:
        """Return what a line depends on."""
        stream = self._stream(row)
        return None if stream is None else (*stream, now_text(stream.row, self.now))

    def render_row(self, row: Hashable, width: int) -> Iterable[Span]:
        """Return the line of a stream: sign, columns."""
        stream = self._stream(row)
        if stream is None:
            return
        sign = severity(stream.row)
        yield Span(_SIGNS.get(sign, " ").ljust(_GUTTER), sign)
        end = _GUTTER
        for column, start, cells in place(width):
            text = column.text(stream, self.now)
            if column.id in ("source", "destination"):
                text = crop_middle(text, cells)
            cell = fit(text, cells, right=column.right)
            yield Span(" " * (start - end))
            yield Span(cell, _cell_style(column, stream.row, text))
            end = start + cells

    def render_header(self, width: int) -> Iterable[Span]:
        """Return the titles; an arrow shows what the list is sorted by."""
        arrow = "↓" if self.view.descending else "↑"
        end = 0
        for column, start, cells in place(width - 1):
            by = column.id == self.view.column
            title = column.title
            gap = " " * (start - end)
            if by and column.right:
                full = len(title) == cells
                gap, title = (gap[:-1] + arrow, title) if full else (gap, arrow + title)
            elif by:
                title += arrow
            yield Span(gap, "strong" if by else "old")
            yield Span(fit(title, cells, right=column.right), "strong" if by else "old")
            end = start + cells

    def render_empty(self, width: int) -> Iterable[Span]:
        """Say why the list is empty."""
        return [Span(fit(" " * _GUTTER + self.empty, width), "old")]

    def on_line_list_header_clicked(self, event: LineList.HeaderClicked) -> None:
        """Ask for the order by the column that was clicked."""
        event.stop()
        for column, start, cells in place(self.size.width - 1):
            if column.sorts and start <= event.x <= start + cells:
                self.post_message(self.SortAsked(column.id))

    def _stream(self, row: Hashable) -> ListedStream | None:
        """Return a stream as it was seen last; one that has just come into sight, as it is."""
        if not isinstance(row, int):
            return None
        if row not in self._seen:
            self._get([i for i in self.visible_rows if isinstance(i, int) and i not in self._seen])
        return self._seen.get(row)

    def _get(self, ids: Sequence[int]) -> None:
        self._seen.update(self.view.rows(ids))


def _cell_style(column: StreamColumn, row: StreamRow, text: str) -> str:
    if column.style is None:
        return "old" if column.id in _QUIET else ""
    found = column.style(row)
    return "" if found is Severity.GOOD and text != _GOOD else found
