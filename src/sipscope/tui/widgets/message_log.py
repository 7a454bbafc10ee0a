"""Many messages under each other, formatted as they are seen."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import NamedTuple

from textual.cache import LRUCache

from sipscope.calls.ladder import Key, MessageRow
from sipscope.decode.text import display
from sipscope.tui.line_list import Span
from sipscope.tui.widgets.cursor_text import CursorText
from sipscope.tui.widgets.finding import Piece, highlighted, matches, pattern_of
from sipscope.tui.widgets.message import Extent, copyable, placed_lines
from sipscope.tui.widgets.message_text import text_of
from sipscope.tui.widgets.moments import clock
from sipscope.tui.widgets.wrapping import CONTINUATION, Line, line_text, wrap

_FORMATTED_MESSAGES = 64
_COUNT_BUDGET_S = 0.01
_COUNT_PAUSE_S = 0.03


class Formatted(NamedTuple):
    """A message as lines.

    Attributes:
        lines: Its heading, itself, and an empty line.
        extents: Which bytes of it each line shows.
    """

    lines: list[Line]
    extents: list[Extent]


class MessageLog(CursorText):
    """Messages as text.

    A message has to be formatted to know how many lines it has. That is done a little at a
    time from the first one on; only the numbers are kept, and the messages lately seen.

    Attributes:
        words: What is looked for, empty for nothing.
        utc: Whether times are in UTC.
    """

    def __init__(self) -> None:
        super().__init__()
        self.words = ""
        self.utc = False
        self._rows: Sequence[MessageRow] = ()
        self._starts = [0]
        self._formatted: LRUCache[int, Formatted] = LRUCache(_FORMATTED_MESSAGES)
        self._found: tuple[int, int] | None = None
        self._counting = False

    @property
    def line_count(self) -> int:
        """Lines of the messages that were counted so far."""
        return self._starts[-1]

    def line(self, index: int) -> Line:
        """Return one of the lines, with what was looked for picked out."""
        message = self._message_at(index)
        within = index - self._starts[message]
        if not self.words:
            return self._message(message).lines[within]
        at = self._found[1] if self._found and self._found[0] == message else None
        return highlighted(self._message(message).lines, self._matches(message), at)[within]

    @property
    def message(self) -> MessageRow | None:
        """The message under the cursor."""
        if not self._rows:
            return None
        return self._rows[min(self._message_at(self.cursor), len(self._rows) - 1)]

    def part(self) -> str:
        """Return the text of the line under the cursor, or of the marked lines."""
        extents: dict[int, list[Extent]] = {}
        for line in self.taken:
            place = self._message_at(line)
            extent = self._message(place).extents[line - self._starts[place]]
            extents.setdefault(place, []).append(extent)
        parts = (text_of(self._rows[i].message.raw, found) for i, found in extents.items())
        return "\n\n".join(part for part in parts if part)

    def whole(self) -> str:
        """Return the text of the message under the cursor."""
        row = self.message
        return "" if row is None else copyable(row.message.raw)

    def show_messages(self, rows: Sequence[MessageRow]) -> None:
        """Show these; what stands already stays where it is when some are added at the end."""
        before = self._rows
        self._rows = rows
        if len(rows) < len(before) or any(
            new.message is not old.message for new, old in zip(rows, before, strict=False)
        ):
            self.reflow()
        else:
            self._count()

    def reflow(self) -> None:
        """Format everything again; the message on top stays there."""
        top, place = self._message_at(self.top), self._message_at(self.cursor)
        within = self.cursor - self._starts[place]
        self._starts = [0]
        self._formatted.clear()
        self._strips.clear()
        if self.size.width:
            self._count_up_to(top)
            self.top = self._starts[min(top, len(self._starts) - 1)]
            self._count_up_to(place)
            self._count()
            begin = self._starts[min(place, len(self._starts) - 1)]
            self.cursor, self.mark = max(self.top, min(begin + within, self.line_count - 1)), None
        self.refresh()

    def scroll_to_message(self, key: Key) -> None:
        """Put the message of a ladder's row on top."""
        for place, row in enumerate(self._rows):
            if row.key == key:
                self._count_up_to(place)
                self._count_page(place)
                self.scroll_to_line(self._starts[place])
                self.cursor = self._starts[place]

    def action_move_last(self) -> None:
        """Go to the end of the last message."""
        self._count_up_to(len(self._rows))
        super().action_move_last()

    def search(self, words: str) -> None:
        """Look for `words`, upper and lower case alike; nothing for an empty text."""
        self.words = words
        self._found = None
        self._strips.clear()
        self.refresh()

    def find_next(self, direction: int) -> bool:
        """Go to the next match, or the previous one for -1, around; False without any."""
        count = len(self._rows)
        if not count:
            return False
        start, number = self._found or (self._message_at(self.cursor), -1)
        start = min(start, count - 1)
        for step in range(count + 1):
            message = (start + direction * step) % count
            matches = self._matches(message)
            if direction > 0:
                first = number + 1 if step == 0 else 0
                candidates = range(first, len(matches))
            else:
                last = number if step == 0 and self._found else len(matches)
                candidates = range(last - 1, -1, -1)
            if candidates:
                self._go_to(message, candidates[0])
                return True
        return False

    def _go_to(self, message: int, number: int) -> None:
        self._found = message, number
        self._count_up_to(message)
        self._count_page(message)
        line = self._starts[message] + self._matches(message)[number][0][0]
        self._strips.clear()
        if not self.top <= line < self.top + self.size.height:
            self.scroll_to_line(line - self.size.height // 3)
        self.move_cursor(line)

    def _message_at(self, line: int) -> int:
        """Return the place of the message that a line belongs to."""
        return bisect_right(self._starts, line) - 1

    def _message(self, place: int) -> Formatted:
        formatted = self._formatted.get(place)
        if formatted is None:
            row = self._rows[place]
            lines = list(_heading(row, self.text_width, utc=self.utc))
            extents = [Extent(0, 0)] * len(lines)
            placed = placed_lines(row.message.raw, self.text_width)
            lines += (line for line, _ in placed)
            extents += (extent for _, extent in placed)
            if lines and lines[-1]:
                lines.append(())
                extents.append(Extent(0, 0))
            formatted = self._formatted[place] = Formatted(lines, extents)
        return formatted

    def _matches(self, place: int) -> list[list[Piece]]:
        """Return where in a message the words are."""
        pattern = pattern_of(self.words)
        raw = self._rows[place].message.raw
        if not pattern.search(display(raw)):
            return []
        return list(matches(self._message(place).lines, pattern))

    def _count(self) -> None:
        """Count lines for a moment, and go on after a pause."""
        if not self.size.width:
            return
        until = monotonic() + _COUNT_BUDGET_S
        counted = len(self._starts) - 1
        while counted < len(self._rows) and (monotonic() < until or counted == 0):
            counted += 1
            self._count_up_to(counted)
        self.refresh()
        if counted < len(self._rows) and not self._counting:
            self._counting = True
            self.set_timer(_COUNT_PAUSE_S, self._count_on)

    def _count_on(self) -> None:
        self._counting = False
        self._count()

    def _count_page(self, place: int) -> None:
        """Count what may be seen when message `place` is on top."""
        while place < len(self._rows) and self._starts[-1] < self._starts[place] + self.size.height:
            if len(self._starts) > len(self._rows):
                break
            self._count_up_to(len(self._starts))

    def _count_up_to(self, place: int) -> None:
        """Find where the message `place` begins, and so all before it."""
        while len(self._starts) <= min(place, len(self._rows)):
            counted = len(self._starts) - 1
            self._starts.append(self._starts[-1] + len(self._message(counted).lines))


def _heading(row: MessageRow, width: int, *, utc: bool) -> Iterator[Line]:
    message = row.message
    text = (
        f"{clock(message.time, digits=6, utc=utc)}{' UTC' * utc}  "
        f"{message.flow.source} → {message.flow.destination}  "
        f"{message.flow.transport.upper()}  #{message.number}"
    )
    parts = list(wrap((Span(display(text), "strong"),), width - 3, CONTINUATION))
    for number, part in enumerate(parts):
        rule = "─" * (width - 4 - len(line_text(part))) if number == len(parts) - 1 else ""
        yield (Span("── ", "rule"), *part, Span(f" {rule}", "rule"))
