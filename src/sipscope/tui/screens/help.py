"""The keys of a screen, and what the signs mean."""

from collections.abc import Sequence
from functools import partial
from itertools import zip_longest
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from sipscope.tui.keys import BACK, Context, bindings, written
from sipscope.tui.line_list import Span, fit
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.text_view import TextView
from sipscope.tui.widgets.wrapping import Line

_COLUMN_GAP = 3

_SIGNS: tuple[Line, ...] = (
    (Span("Signs", "strong"),),
    (Span("●", "failed"), Span(" failed, or hardly heard")),
    (Span("▲", "doubtful"), Span(" refused, or poor to hear")),
    (Span("*", "marked"), Span(" marked")),
    (Span("Empty is unknown, 0 is zero", "old"),),
)


class HelpScreen(Screen[None]):
    """Shows keys; any key for going back goes back.

    Args:
        contexts: The keys, the screen's own first.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(BACK)]

    def __init__(self, contexts: Sequence[Context]) -> None:
        super().__init__()
        self._contexts = contexts
        self._text = TextView()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self._text
        yield KeyLine(BACK)

    def on_mount(self) -> None:
        """Show the keys."""
        self._text.show(partial(help_lines, self._contexts))
        self._text.focus()

    def action_back(self) -> None:
        """Go back."""
        self.dismiss()


def help_lines(contexts: Sequence[Context], width: int) -> list[Line]:
    """Return the help: two columns if `width` allows, the first context on the left."""
    left = _section(contexts[0])
    right: list[Line] = []
    for context in contexts[1:]:
        right += [*_section(context), ()]
    right += _SIGNS
    left_width = max(map(_width, left)) + _COLUMN_GAP
    if left_width + max(map(_width, right)) > width:
        return [*left, (), *right]
    return [
        (*line, Span(" " * (left_width - _width(line))), *other)
        for line, other in zip_longest(left, right, fillvalue=())
    ]


def _section(context: Context) -> list[Line]:
    names = [" ".join(map(written, key.keys)) for key in context.keys]
    keys_width = max(map(len, names)) + 1
    return [
        (Span(context.title, "strong"),),
        *(
            (Span(fit(name, keys_width), "progress"), Span(key.words))
            for name, key in zip(names, context.keys, strict=True)
        ),
    ]


def _width(line: Line) -> int:
    return sum(cell_len(span.text) for span in line)
