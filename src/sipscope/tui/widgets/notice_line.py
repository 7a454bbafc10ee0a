"""The second line: what makes the view differ from all there is, and short messages."""

from rich.cells import cell_len
from textual.strip import Strip
from textual.timer import Timer

from sipscope.tui.line_list import Span, StyledLines, fit

_MESSAGE_S = 6.0


class NoticeLine(StyledLines):
    """A line that is there only when it has something to say."""

    DEFAULT_CSS = """
    NoticeLine { height: 1; width: 1fr; display: none; background: $background; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._left: list[Span] = []
        self._right = ""
        self._message: list[Span] = []
        self._timer: Timer | None = None

    def state(self, left: list[Span], right: str) -> None:
        """Say what holds for now.

        Args:
            left: In order of importance; cut on the right.
            right: A few words on the right, empty for none.
        """
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self._show()

    def say(self, text: str, style: str = "") -> None:
        """Say something for some seconds, in place of all else."""
        if self._timer is not None:
            self._timer.stop()
        self._message = [Span(text, style)]
        self._show()
        self._timer = self.set_timer(_MESSAGE_S, self._fall_silent)

    def render_line(self, y: int) -> Strip:
        """Return the line."""
        spans = self._message or self._left
        right = "" if self._message else self._right
        room = self.size.width - 2 - (cell_len(right) + 1 if right else 0)
        line = [Span(" ")]
        for text, style in spans:
            piece = text if cell_len(text) <= room else fit(text, max(0, room))
            line.append(Span(piece, style))
            room -= cell_len(piece)
            if room <= 0:
                break
        line.append(Span(" " * (max(0, room) + 1)))
        return self.strip([*line, Span(right, "old")])

    def _show(self) -> None:
        self.display = bool(self._message or self._left)
        self.refresh()

    def _fall_silent(self) -> None:
        self._message = []
        self._show()
