"""Many messages under each other, formatted as they are seen."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from time import monotonic

from textual.cache import LRUCache

from sipscope.calls.ladder import MessageRow
from sipscope.decode.text import display
from sipscope.tui.line_list import Span
from sipscope.tui.widgets.message import CONTINUATION, message_lines
from sipscope.tui.widgets.moments import clock
from sipscope.tui.widgets.text_view import TextView
from sipscope.tui.widgets.wrapping import Line, line_text, restyle, wrap

_FORMATTED_MESSAGES = 64
_COUNT_BUDGET_S = 0.01
_COUNT_PAUSE_S = 0.03

Piece = tuple[int, int, int]
"""Line within a message, first and end character of a match in it."""


class MessageLog(TextView):
    """Messages as text.

    A message has to be formatted to know how many lines it has. That is done a little at a
    time from the first one on; only the numbers are kept, and the messages lately seen.

    Attributes:
        words: What is looked for, empty for nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.words = ""
        self._rows: Sequence[MessageRow] = ()
        self._starts = [0]
        self._formatted: LRUCache[int, list[Line]] = LRUCache(_FORMATTED_MESSAGES)
        self._found: tuple[int, int] | None = None
        self._counting = False

    @property
    def line_count(self) -> int:
        """Lines of the messages that were counted so far."""
        return self._starts[-1]

    def line(self, index: int) -> Line:
        """Return one of the lines, with what was looked for picked out."""
        message = bisect_right(self._starts, index) - 1
        within = index - self._starts[message]
        line = self._message(message)[within]
        if self.words:
            for number, pieces in enumerate(self._matches(message)):
                style = "found" if (message, number) == self._found else "marked"
                for place, start, end in pieces:
                    line = restyle(line, start, end, style) if place == within else line
        return line

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
        top = bisect_right(self._starts, self.top) - 1
        self._starts = [0]
        self._formatted.clear()
        self._strips.clear()
        if self.size.width:
            self._count_up_to(top)
            self.top = self._starts[min(top, len(self._starts) - 1)]
            self._count()
        self.refresh()

    def scroll_to_message(self, key: tuple[int, ...]) -> None:
        """Put the message of a ladder's row on top."""
        for place, row in enumerate(self._rows):
            if row.key == key:
                self._count_up_to(place)
                self._count_page(place)
                self.scroll_to_line(self._starts[place])

    def action_move_last(self) -> None:
        """Scroll to the end of the last message."""
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
        start, number = self._found or (bisect_right(self._starts, self.top) - 1, -1)
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
        self.refresh()

    def _message(self, place: int) -> list[Line]:
        lines = self._formatted.get(place)
        if lines is None:
            row = self._rows[place]
            lines = [*_heading(row, self.text_width)]
            lines += message_lines(row.message.raw, self.text_width)
            if lines and lines[-1]:
                lines.append(())
            self._formatted[place] = lines
        return lines

    def _matches(self, place: int) -> list[list[Piece]]:
        """Return where in a message the words are."""
        pattern = re.compile(re.escape(self.words), re.I)
        raw = self._rows[place].message.raw
        if not pattern.search(display(raw)):
            return []
        return list(matches(self._message(place), pattern))

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
            self._starts.append(self._starts[-1] + len(self._message(counted)))


def matches(lines: Sequence[Line], pattern: re.Pattern[str]) -> Iterator[list[Piece]]:
    """Yield each match, in pieces where a line was broken within it."""
    text = ""
    parts: list[tuple[int, int, int, int]] = []
    for place, line in enumerate(lines):
        broken = bool(line) and line[0] == CONTINUATION
        shift = len(CONTINUATION.text) if broken else 0
        text += "" if broken else "\n"
        content = line_text(line)[shift:]
        parts.append((len(text), len(text) + len(content), place, shift))
        text += content
    first = 0
    for match in pattern.finditer(text):
        while parts[first][1] <= match.start():
            first += 1
        pieces: list[Piece] = []
        for begin, end, place, shift in parts[first:]:
            if begin >= match.end():
                break
            start, stop = max(begin, match.start()), min(end, match.end())
            pieces.append((place, start - begin + shift, stop - begin + shift))
        yield pieces


def _heading(row: MessageRow, width: int) -> Iterator[Line]:
    message = row.message
    text = (
        f"{clock(message.time, digits=6)}  {message.flow.source} → {message.flow.destination}  "
        f"{message.flow.transport.upper()}  #{message.number}"
    )
    parts = list(wrap((Span(display(text), "strong"),), width - 3, CONTINUATION))
    for number, part in enumerate(parts):
        rule = "─" * (width - 4 - len(line_text(part))) if number == len(parts) - 1 else ""
        yield (Span("── ", "rule"), *part, Span(f" {rule}", "rule"))
