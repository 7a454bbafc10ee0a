"""The ladder on the screen: host names that stay, rows that scroll, a cursor on a row."""

from collections.abc import Hashable, Sequence
from string import ascii_uppercase
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.strip import Strip

from sipscope.calls.ladder import Ladder, MessageRow, Row, SdpMode, agents, sdp_lines
from sipscope.tui.line_list import LineList, Span, StyledLines
from sipscope.tui.widgets.ladder_drawing import (
    Lifelines,
    draw,
    draw_below,
    heading,
    least_width,
    place,
    wanted_width,
)
from sipscope.tui.widgets.moments import clock, seconds, signed_seconds
from sipscope.tui.widgets.wrapping import Line, skip

_TIME_WIDTH = 12
_DELTA_WIDTH = 8
_MARK = "◆"


class RowLine(NamedTuple):
    """A line of the list.

    Attributes:
        key: Of the ladder's row.
        below: 0 for the arrow, else the number of the line of SDP under it.
    """

    key: tuple[int, ...]
    below: int


class LadderRows(LineList):
    """The rows of a ladder.

    Attributes:
        ladder: What is shown.
        sdp_mode: How much of the SDP is shown under the arrows.
        relative: Whether times count from the first row.
        mark: Key of the marked row, from which all rows are measured.
        lifelines: Where the lifelines stand.
        left: First cell of the ladder that is seen.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"line--media"}

    DEFAULT_CSS = """
    LadderRows > .line--media { color: $secondary; }
    """

    class Shifted(Message):
        """The lifelines stand elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.ladder = Ladder((), ())
        self.sdp_mode = SdpMode.OFF
        self.relative = False
        self.mark: tuple[int, ...] | None = None
        self.lifelines: Lifelines = place((), 0)
        self.left = 0
        self._by_key: dict[tuple[int, ...], Row] = {}
        self._below: dict[tuple[int, ...], tuple[str, ...]] = {}
        self._several = False

    @property
    def ladder_row(self) -> Row | None:
        """The row under the cursor."""
        return None if self.row is None else self._by_key[self._line(self.row).key]

    @property
    def marked_row(self) -> Row | None:
        """The row with the mark."""
        return None if self.mark is None else self._by_key.get(self.mark)

    @property
    def times_width(self) -> int:
        """Cells before the ladder: mark, times, and the letter of the leg if there are several."""
        return 1 + _TIME_WIDTH + 1 + _DELTA_WIDTH + 1 + 2 * self._several

    @property
    def wanted_width(self) -> int:
        """Cells in which everything is good to read."""
        return self.times_width + wanted_width(self.ladder.columns) + 1

    @property
    def least_width(self) -> int:
        """Cells in which all hosts are seen."""
        return self.times_width + least_width(self.ladder.columns) + 1

    @property
    def room(self) -> int:
        """Cells for the ladder, without times and scroll bar."""
        return max(0, self.size.width - 1 - self.times_width)

    def show_ladder(self, ladder: Ladder) -> None:
        """Show `ladder`; the cursor stays on its row."""
        self.ladder = ladder
        self._by_key = {row.key: row for row in ladder.rows}
        self._several = len({row.dialog for row in ladder.rows}) > 1
        self._fill()

    def show_sdp(self, mode: SdpMode) -> None:
        """Show that much of the SDP."""
        self.sdp_mode = mode
        self._below.clear()
        self._fill()

    def set_mark(self, key: tuple[int, ...] | None) -> None:
        """Mark a row in place of the one that is marked, or none."""
        self.mark = key
        self.refresh_changed()
        self.post_message(self.Shifted())

    def move_to_key(self, key: tuple[int, ...]) -> None:
        """Put the cursor on a row of the ladder."""
        self.move_to(RowLine(key, 0))

    def row_version(self, row: Hashable) -> Hashable:
        """Return what a line depends on beside its row."""
        known = self._by_key[self._line(row).key]
        figures = 0 if isinstance(known, MessageRow) else known.figures.packets
        look = self.lifelines, self.left, self.relative, self.mark, self._several
        return figures, known.delta, *look

    def render_row(self, row: Hashable, width: int) -> Sequence[Span]:
        """Return a line: mark, times, leg, ladder."""
        key, below = self._line(row)
        known = self._by_key[key]
        if below and isinstance(known, MessageRow):
            text = self._sdp(known)[below - 1]
            return [
                Span(" " * self.times_width),
                *self._seen(draw_below(known, text, self.lifelines)),
            ]
        leg = f" {ascii_uppercase[known.leg % 26]}" if self._several else ""
        return [
            Span(_MARK if key == self.mark else " ", "marked"),
            Span(self._time(known).rjust(_TIME_WIDTH), ""),
            Span(self._delta(known).rjust(_DELTA_WIDTH + 1), "old"),
            Span(leg, "strong"),
            Span(" "),
            *self._seen(draw(known, self.lifelines)),
        ]

    def move_to_index(self, index: int) -> None:
        """Put the cursor on the arrow at `index`, or on the one that the line belongs to."""
        index = max(0, min(index, len(self.rows) - 1))
        if self.rows and (below := self._line(self.rows[index]).below):
            arrow = index - below
            after = self._arrow_after(index) if arrow == self.index else None
            index = arrow if after is None else after
        super().move_to_index(index)
        self._show_host()
        self._show_below()

    def _arrow_after(self, index: int) -> int | None:
        for following in range(index + 1, len(self.rows)):
            if not self._line(self.rows[following]).below:
                return following
        return None

    def _show_below(self) -> None:
        """Scroll so that the SDP under the arrow of the cursor is seen."""
        row = self.ladder_row
        if row is not None:
            last = self.index + len(self._sdp(row))
            self.top = min(self.index, max(self.top, last - self.page + 1))
            self.refresh_changed()

    def pan(self, hosts: int) -> None:
        """Show what is beside, by so many hosts."""
        self._pan_to(self.left + hosts * self.lifelines.spacing)

    def on_resize(self) -> None:
        """Place the lifelines anew."""
        self.lifelines = place(self.ladder.columns, self.room)
        super().on_resize()
        self._show_host()

    @staticmethod
    def _line(row: Hashable) -> RowLine:
        assert isinstance(row, RowLine)
        return row

    def _fill(self) -> None:
        self.lifelines = place(self.ladder.columns, self.room)
        self.show(
            [
                RowLine(row.key, below)
                for row in self.ladder.rows
                for below in range(1 + len(self._sdp(row)))
            ]
        )
        self._show_host()

    def _sdp(self, row: Row) -> tuple[str, ...]:
        if self.sdp_mode is SdpMode.OFF or not isinstance(row, MessageRow) or not row.message.sdp:
            return ()
        if row.key not in self._below:
            self._below[row.key] = sdp_lines(row.message, self.sdp_mode)
        return self._below[row.key]

    def _time(self, row: Row) -> str:
        if self.relative:
            return seconds(row.time - self.ladder.rows[0].time)
        return clock(row.time)

    def _delta(self, row: Row) -> str:
        marked = self.marked_row
        if marked is not None:
            return "" if row.key == self.mark else signed_seconds(row.time - marked.time)
        return "" if row.delta is None else signed_seconds(row.delta)

    def _seen(self, line: Line) -> list[Span]:
        """Return the part of a ladder's line that is not panned out."""
        return list(skip(line, self.left))

    def _show_host(self) -> None:
        """Pan so that the arrow under the cursor is seen."""
        row = self.ladder_row
        if row is None:
            self._pan_to(0)
            return
        room = self.room
        first, last = sorted(self.lifelines.cells[end] for end in (row.source, row.destination))
        left = self.left
        if last + 2 > left + room:
            left = last + 2 + self.lifelines.spacing // 2 - room
        if first < left + 1:
            left = first - self.lifelines.spacing // 2
        self._pan_to(left)

    def _pan_to(self, left: int) -> None:
        self.left = max(0, min(left, self.lifelines.width - self.room))
        self.refresh_changed()
        self.post_message(self.Shifted())


class HostNames(StyledLines):
    """What stands over the lifelines: the program of each host, and its address."""

    DEFAULT_CSS = """
    HostNames { height: 2; width: 1fr; background: $background; color: $foreground; }
    """

    def __init__(self, rows: LadderRows) -> None:
        super().__init__()
        self._rows = rows
        self._agents: tuple[str | None, ...] = ()
        self._shown: Hashable = None

    def show_agents(self, programs: tuple[str | None, ...]) -> None:
        """Name the programs of the hosts, None for unknown."""
        self._agents = programs
        self.styles.height = 2 if any(programs) else 1

    def update(self) -> None:
        """Follow the rows."""
        shown = (
            self._rows.lifelines,
            self._rows.left,
            self._rows.mark is None,
            self._rows.times_width,
        )
        if shown != self._shown:
            self._shown = shown
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return the line of the programs or that of the addresses."""
        rows = self._rows
        lifelines = rows.lifelines
        gutter = Span(" " * rows.times_width)
        if y == self.size.height - 1:
            since = "to mark" if rows.marked_row is not None else "delta"
            times = "time".rjust(1 + _TIME_WIDTH) + since.rjust(1 + _DELTA_WIDTH)
            before = " ◂" if rows.left else ""
            gutter = Span(times.ljust(rows.times_width - len(before)) + before, "old")
            line = heading(lifelines, lifelines.names, "strong")
        else:
            names = [agent or "" for agent in self._agents]
            line = heading(lifelines, names, "old")
        strip = self.strip([gutter, *skip(line, rows.left)])
        if rows.lifelines.width - rows.left <= rows.room:
            return strip
        more = self.strip([Span(" ▸", "marked")]).crop(0, 2)
        return Strip.join([strip.crop(0, self.size.width - 2), more])


class LadderView(Vertical):
    """Host names over the rows of a ladder."""

    DEFAULT_CSS = """
    LadderView { width: 1fr; height: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.rows = LadderRows()
        self._names = HostNames(self.rows)

    def compose(self) -> ComposeResult:
        """Put the names over the rows."""
        yield self._names
        yield self.rows

    def show_ladder(self, ladder: Ladder) -> None:
        """Show `ladder`; the cursor stays on its row."""
        self.rows.show_ladder(ladder)
        self._names.show_agents(agents(ladder))
        self._names.update()

    def on_ladder_rows_shifted(self) -> None:
        """Keep the names over the lifelines."""
        self._names.update()
