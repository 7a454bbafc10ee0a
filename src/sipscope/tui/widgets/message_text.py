"""One message to read, to search and to copy from."""

from collections.abc import Iterable

from sipscope.calls.dialog import Message
from sipscope.decode.sip import header_end
from sipscope.tui.widgets.cursor_text import CursorText
from sipscope.tui.widgets.finding import Piece, finding, highlighted, matches, pattern_of
from sipscope.tui.widgets.message import Extent, copyable, envelope_lines, placed_lines
from sipscope.tui.widgets.sdp_explained import sdp_content
from sipscope.tui.widgets.wrapping import Line


class MessageText(CursorText):
    """A message under its envelope.

    Attributes:
        words: What is looked for, empty for nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.words = ""
        self._message: Message | None = None
        self._utc = False
        self._extents: list[Extent] = []
        self._found: list[list[Piece]] = []
        self._at: int | None = None

    def show_message(self, message: Message, *, utc: bool = False, explained: bool = False) -> None:
        """Show a message, or what its SDP means, from the first line on."""
        self._message, self._utc, self._at = message, utc, None
        self._extents, self._found = [], []
        self.show(finding(sdp_content(message), self.words) if explained else self._format)

    def search(self, words: str) -> None:
        """Look for `words`, upper and lower case alike; nothing for an empty text."""
        self.words, self._at = words, None
        self.show(self._format, keep_place=True)

    def find_next(self, direction: int) -> bool:
        """Go to the next match, or the previous one for -1; False behind the last."""
        number = -1 if self._at is None else self._at
        if self._at is None and direction < 0:
            number = len(self._found)
        number += direction
        if not 0 <= number < len(self._found):
            return False
        self._at = number
        self.show(self._format, keep_place=True)
        self.move_cursor(self._found[number][0][0])
        return True

    def part(self) -> str:
        """Return the text of the line under the cursor, or of the marked lines."""
        if self._message is None or not self._extents:
            return ""
        return text_of(self._message.raw, (self._extents[line] for line in self.taken))

    def whole(self) -> str:
        """Return the text of the message."""
        return "" if self._message is None else copyable(self._message.raw)

    def body(self) -> str:
        """Return the text of the message's body, empty without one."""
        if self._message is None:
            return ""
        raw = self._message.raw
        return copyable(raw, header_end(raw)).lstrip("\n")

    def _format(self, width: int) -> list[Line]:
        message = self._message
        if message is None:
            return []
        envelope = envelope_lines(message, width, utc=self._utc)
        placed = placed_lines(message.raw, width)
        self._extents = [*[Extent(0, 0)] * len(envelope), *(extent for _, extent in placed)]
        lines = [*envelope, *(line for line, _ in placed)]
        self._found = list(matches(lines, pattern_of(self.words))) if self.words else []
        return highlighted(lines, self._found, self._at)


def text_of(raw: bytes, extents: Iterable[Extent]) -> str:
    """Return the text of parts of a message, each once and in order; remarks are left out."""
    parts = sorted({extent for extent in extents if extent.end})
    return "".join(copyable(raw, start, end) for start, end in parts).rstrip("\n")
