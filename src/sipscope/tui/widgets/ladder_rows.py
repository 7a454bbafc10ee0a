"""The rows of a ladder: times, arrows, SDP under them, a cursor, a mark and what was found."""

from collections.abc import Hashable, Sequence
from typing import ClassVar, NamedTuple

from textual.message import Message

from sipscope.calls.ladder import EventRow, Key, Ladder, MessageRow, Row, StreamRow, deltas
from sipscope.calls.ladder_words import SdpMode, sdp_lines
from sipscope.decode.text import display
from sipscope.tui.line_list import LineList, Span
from sipscope.tui.widgets.finding import pattern_of
from sipscope.tui.widgets.ladder_drawing import (
    LEGS,
    Lifelines,
    draw,
    draw_below,
    least_width,
    leg_letter,
    place,
    wanted_width,
)
from sipscope.tui.widgets.moments import Times, clock, seconds, signed_seconds
from sipscope.tui.widgets.wrapping import Line, line_text, restyle, skip

_TIME_WIDTH = 12
_DELTA_WIDTH = 8
_MARK = "◆"
_MATCH = "»"


class RowLine(NamedTuple):
    """A line of the list.

    Attributes:
        key: Of the ladder's row.
        below: 0 for the arrow, else the number of the line of SDP under it.
    """

    key: Key
    below: int


class LadderRows(LineList):
    """The rows of a ladder.

    Attributes:
        ladder: What is shown.
        sdp_mode: How much of the SDP is shown under the arrows.
        times: From when on times count.
        names: What to call the hosts, None for their address.
        words: What is looked for, empty for nothing.
        mark: Key of the marked row, from which all rows are measured.
        lifelines: Where the lifelines stand.
        left: First cell of the ladder that is seen.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line--media",
        "line--found",
        *(f"line--{leg}" for leg in LEGS),
    }

    DEFAULT_CSS = """
    LadderRows {
        & > .line--media { color: $secondary; }
        & > .line--leg-a { color: $primary; }
        & > .line--leg-b { color: $accent; }
        & > .line--leg-c { color: $secondary; }
        & > .line--leg-d { color: $foreground; }
        & > .line--found { color: $background; background: $warning; }
        &:ansi > .line--found { color: ansi_default; background: ansi_default; }
        &:ansi > .line--found { text-style: reverse; }
        &:nocolor > .line--found { text-style: reverse; }
    }
    """

    class Shifted(Message):
        """The lifelines stand elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.ladder = Ladder((), ())
        self.sdp_mode = SdpMode.OFF
        self.times = Times.CLOCK
        self.names: tuple[str | None, ...] = ()
        self.words = ""
        self.mark: Key | None = None
        self.lifelines: Lifelines = place((), 0)
        self.left = 0
        self._by_key: dict[Key, Row] = {}
        self._below: dict[Key, tuple[str, ...]] = {}
        self._deltas: dict[Key, int] = {}
        self._texts: dict[Key, str] = {}
        self._matching: frozenset[Key] = frozenset()
        self._several = False

    @property
    def ladder_row(self) -> Row | None:
        """The row under the cursor."""
        return None if self.row is None else self._by_key[self._row_line(self.row).key]

    @property
    def marked_row(self) -> Row | None:
        """The row with the mark."""
        return None if self.mark is None else self._by_key.get(self.mark)

    @property
    def times_width(self) -> int:
        """Cells before the ladder: mark, times, and the letter of the leg if there are several."""
        time = 0 if self.times is Times.PREVIOUS else _TIME_WIDTH
        return 1 + time + 1 + _DELTA_WIDTH + 1 + 2 * self._several

    @property
    def times_heading(self) -> str:
        """What stands over the times."""
        since = "to mark" if self.marked_row is not None else "delta"
        titles = {Times.CLOCK: "time", Times.UTC: "time UTC", Times.START: "since first"}
        time = "" if self.times is Times.PREVIOUS else titles[self.times].rjust(_TIME_WIDTH)
        return f" {time}{since.rjust(1 + _DELTA_WIDTH)}"

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

    def show_ladder(
        self, ladder: Ladder, names: tuple[str | None, ...] = (), *, legs: bool | None = None
    ) -> None:
        """Show `ladder`; the cursor stays on its row, or goes to the next that is shown.

        Args:
            ladder: What to show.
            names: What to call the hosts.
            legs: Whether rows have the letters and colours of their legs; by default, when
                there are several.
        """
        before, row = list(self._by_key), self.ladder_row
        self.ladder = ladder
        self.names = names
        self._by_key = {row.key: row for row in ladder.rows}
        self._deltas = deltas(ladder.rows)
        self._several = len({row.dialog for row in ladder.rows}) > 1 if legs is None else legs
        self._match()
        self._fill()
        if row is not None and row.key not in self._by_key:
            self._move_near(before, row.key)

    def show_times(self, times: Times) -> None:
        """Count times from somewhere else."""
        self.times = times
        self.lifelines = place(self.ladder.columns, self.room, self.names)
        self._show_host()

    def search(self, words: str) -> None:
        """Look for `words` in labels and messages; nothing for an empty text."""
        self.words = words
        self._match()
        self.refresh_changed()

    def find_next(self, direction: int) -> bool:
        """Go to the next row with the words, or the previous one for -1, around."""
        keys = [row.key for row in self.ladder.rows]
        here = self.ladder_row
        if here is None or not self._matching:
            return False
        start = keys.index(here.key)
        for step in range(1, len(keys) + 1):
            key = keys[(start + direction * step) % len(keys)]
            if key in self._matching:
                self.move_to_key(key)
                return True
        return False

    def show_sdp(self, mode: SdpMode) -> None:
        """Show that much of the SDP."""
        self.sdp_mode = mode
        self._below.clear()
        self._fill()

    def set_mark(self, key: Key | None) -> None:
        """Mark a row in place of the one that is marked, or none."""
        self.mark = key
        self.refresh_changed()
        self.post_message(self.Shifted())

    def move_to_key(self, key: Key) -> None:
        """Put the cursor on a row of the ladder."""
        self.move_to(RowLine(key, 0))

    def row_version(self, row: Hashable) -> Hashable:
        """Return what a line depends on beside its row."""
        known = self._by_key[self._row_line(row).key]
        news: Hashable = 0
        if isinstance(known, StreamRow):
            news = known.figures.packets
        else:
            news = known.times if isinstance(known, MessageRow) else known.event.labels
        found = self.words if known.key in self._matching else ""
        look = self.lifelines, self.left, self.times, self.mark, self._several
        return news, self._deltas.get(known.key), found, *look

    def render_row(self, row: Hashable, width: int) -> Sequence[Span]:
        """Return a line: mark, times, leg, ladder."""
        key, below = self._row_line(row)
        known = self._by_key[key]
        if below and isinstance(known, MessageRow):
            text = self._sdp(known)[below - 1]
            return [
                Span(" " * self.times_width),
                *self._seen(draw_below(known, text, self.lifelines)),
            ]
        leg = leg_letter(known.leg) if self._several else ""
        style = LEGS[known.leg % len(LEGS)]
        matching = key in self._matching
        mark = (
            Span(_MARK, "marked")
            if key == self.mark
            else Span(_MATCH if matching else " ", "found")
        )
        if mark.text == " ":
            mark = Span(" ")
        line = self._seen(draw(known, self.lifelines, legs=self._several))
        return [
            mark,
            Span(self._time(known), ""),
            Span(self._delta(known).rjust(_DELTA_WIDTH + 1), "old"),
            Span(f" {leg}" if leg else "", f"{style} strong"),
            Span(" "),
            *(self._picked_out(line) if matching else line),
        ]

    def move_to_index(self, index: int) -> None:
        """Put the cursor on the arrow at `index`, or on the one that the line belongs to."""
        index = max(0, min(index, len(self.rows) - 1))
        if self.rows and (below := self._row_line(self.rows[index]).below):
            arrow = index - below
            after = self._arrow_after(index) if arrow == self.index else None
            index = arrow if after is None else after
        super().move_to_index(index)
        self._show_host()
        self._show_below()

    def _arrow_after(self, index: int) -> int | None:
        for following in range(index + 1, len(self.rows)):
            if not self._row_line(self.rows[following]).below:
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
        self.lifelines = place(self.ladder.columns, self.room, self.names)
        super().on_resize()
        self._show_host()

    @staticmethod
    def _row_line(row: Hashable) -> RowLine:
        assert isinstance(row, RowLine)
        return row

    def _fill(self) -> None:
        self.lifelines = place(self.ladder.columns, self.room, self.names)
        self.show(
            [
                RowLine(row.key, below)
                for row in self.ladder.rows
                for below in range(1 + len(self._sdp(row)))
            ]
        )
        self._show_host()

    def _sdp(self, row: Row) -> tuple[str, ...]:
        if self.sdp_mode is SdpMode.OFF or not isinstance(row, MessageRow):
            return ()
        if not row.message.sdp or row.message.retransmission:
            return ()
        if row.key not in self._below:
            self._below[row.key] = sdp_lines(row.message, self.sdp_mode)
        return self._below[row.key]

    def _time(self, row: Row) -> str:
        """Return when a row was, in the cells for it; none where only deltas are shown."""
        if self.times is Times.PREVIOUS:
            return ""
        if self.times is Times.START:
            return seconds(row.time - self.ladder.rows[0].time).rjust(_TIME_WIDTH)
        return clock(row.time, utc=self.times is Times.UTC).rjust(_TIME_WIDTH)

    def _delta(self, row: Row) -> str:
        marked = self.marked_row
        if marked is not None:
            return "" if row.key == self.mark else signed_seconds(row.time - marked.time)
        delta = self._deltas.get(row.key)
        return "" if delta is None else signed_seconds(delta)

    def _seen(self, line: Line) -> list[Span]:
        """Return the part of a ladder's line that is not panned out."""
        return list(skip(line, self.left))

    def _picked_out(self, line: list[Span]) -> list[Span]:
        """Return a line with the words that are looked for standing out."""
        shown = tuple(line)
        for match in pattern_of(self.words).finditer(line_text(shown)):
            shown = restyle(shown, match.start(), match.end(), "found")
        return list(shown)

    def _match(self) -> None:
        """Find the rows with the words that are looked for."""
        if not self.words:
            self._matching = frozenset()
            self._texts.clear()
            return
        pattern = pattern_of(self.words)
        rows = self.ladder.rows
        self._matching = frozenset(row.key for row in rows if pattern.search(self._text(row)))

    def _text(self, row: Row) -> str:
        """Return all text of a row."""
        if not isinstance(row, MessageRow):
            return row_text(row)
        if row.key not in self._texts:
            self._texts[row.key] = row_text(row)
        return self._texts[row.key]

    def _move_near(self, before: Sequence[Key], key: Key) -> None:
        """Put the cursor on the last row before `key` that is still shown, else after it."""
        place = before.index(key)
        for near in (*reversed(before[:place]), *before[place:]):
            if near in self._by_key:
                self.move_to_key(near)
                return

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


def row_text(row: Row) -> str:
    """Return what a row and its message say, a line each; safe to show."""
    if isinstance(row, EventRow):
        return "\n".join((row.event.labels[0], *row.event.notes))
    if isinstance(row, MessageRow):
        raw = row.message.raw.replace(b"\r\n", b"\n").split(b"\n")
        return "\n".join((row.label, *map(display, raw)))
    figures = row.figures
    codec = "RTP" if figures.codec is None else display(figures.codec)
    return f"{codec}\n{figures.flow.source} → {figures.flow.destination}\nSSRC {figures.ssrc:08x}"
