"""Two messages beside each other, with what differs."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from sipscope.calls.ladder import MessageRow
from sipscope.decode.text import display
from sipscope.tui.keys import BACK, EVERYWHERE, MOVEMENT, Context, bindings
from sipscope.tui.line_list import Span
from sipscope.tui.status import StatusLine
from sipscope.tui.widgets.call_title import CallTitle
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.message import CONTINUATION, envelope_lines
from sipscope.tui.widgets.text_view import TextView
from sipscope.tui.widgets.wrapping import Line, line_text, wrap

if TYPE_CHECKING:
    from sipscope.engine import Engine

_BETWEEN = Span(" │ ", "rule")
_MOST_LINES = 2000


class CompareScreen(Screen[None]):
    """Two messages.

    Args:
        engine: Told about on top, as on every screen.
        first: On the left.
        second: On the right.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(BACK)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (BACK, MOVEMENT, EVERYWHERE)

    def __init__(self, engine: "Engine", first: MessageRow, second: MessageRow) -> None:
        super().__init__()
        self.engine = engine
        self._first, self._second = first, second
        self._title = CallTitle()
        self.text = TextView()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield StatusLine(self.engine)
        yield self._title
        yield self.text
        yield KeyLine(BACK)

    def on_mount(self) -> None:
        """Show the messages."""
        self.text.focus()
        names = f"{self._first.label} / {self._second.label}"
        self._title.show((Span("Compare ", "old"), Span(names, "strong")))
        self.text.show(self._lines)

    def action_back(self) -> None:
        """Go back."""
        self.dismiss()

    def _lines(self, width: int) -> list[Line]:
        half = max(1, (width - 3) // 2)
        first, second = self._first.message, self._second.message
        heads = envelope_lines(first, half), envelope_lines(second, half)
        lines = [_beside(left, right, half) for left, right in zip_longest(*heads, fillvalue=())]
        lines.append(_beside((), (), half))
        return lines + list(compared(first.raw, second.raw, half))


def compared(first: bytes, second: bytes, half: int) -> Iterator[Line]:
    """Yield the lines of two messages beside each other, `half` cells each.

    Lines that are the same stand beside each other; the others are marked, in words of
    signs: `≠` between lines that differ, `<` and `>` where one side has no line.
    """
    lefts, rights = _text_lines(first), _text_lines(second)
    matcher = SequenceMatcher(None, lefts, rights, autojunk=False)
    for tag, left, left_end, right, right_end in matcher.get_opcodes():
        style = "" if tag == "equal" else "doubtful"
        for one, other in zip_longest(lefts[left:left_end], rights[right:right_end]):
            sign = " │ " if tag == "equal" else " < " if other is None else " ≠ "
            sign = " > " if one is None else sign
            parts = zip_longest(
                wrap((Span(one or "", style),), half, CONTINUATION),
                wrap((Span(other or "", style),), half, CONTINUATION),
                fillvalue=(),
            )
            for number, (left_part, right_part) in enumerate(parts):
                between = Span(sign, style) if style and number == 0 else _BETWEEN
                yield _beside(left_part, right_part, half, between)


def _text_lines(raw: bytes) -> list[str]:
    return [
        display(line.removesuffix(b"\r"))
        for line in raw.removesuffix(b"\n").split(b"\n")[:_MOST_LINES]
    ]


def _beside(left: Line, right: Line, half: int, between: Span = _BETWEEN) -> Line:
    fill = " " * max(0, half - cell_len(line_text(left)))
    return (*left, Span(fill), between, *right)
