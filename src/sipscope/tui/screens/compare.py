"""Two messages by header, with the words that differ."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from sipscope.calls.comparison import Pair, Words, compare
from sipscope.calls.ladder import MessageRow
from sipscope.tui.keys import COMPARE, EVERYWHERE, MOVEMENT, Context, bindings
from sipscope.tui.line_list import Span
from sipscope.tui.status import StatusLine
from sipscope.tui.widgets.call_title import CallTitle
from sipscope.tui.widgets.changed_text import CHANGED, ChangedText
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.message import envelope_lines
from sipscope.tui.widgets.wrapping import CONTINUATION, Line, line_text, wrap

if TYPE_CHECKING:
    from sipscope.engine import Engine

SIDE_BY_SIDE = 110
"""From so many cells on the messages stand beside each other."""

_BETWEEN = Span(" │ ", "rule")
_FIRST, _SECOND, _BOTH = "< ", "> ", "  "


class CompareScreen(Screen[None]):
    """Two messages.

    Args:
        engine: Told about on top, as on every screen.
        first: On the left, or above.
        second: On the right, or below.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(COMPARE)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (COMPARE, MOVEMENT, EVERYWHERE)

    def __init__(self, engine: "Engine", first: MessageRow, second: MessageRow) -> None:
        super().__init__()
        self.engine = engine
        self.text = ChangedText()
        self._first, self._second = first, second
        self._pairs: list[Pair] = []
        self._only_differences = False
        self._title = CallTitle()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield StatusLine(self.engine)
        yield self._title
        yield self.text
        yield KeyLine(COMPARE)

    def on_mount(self) -> None:
        """Show the messages."""
        self.text.focus()
        self._show()

    def action_differences(self) -> None:
        """Show only what differs, or all."""
        self._only_differences = not self._only_differences
        self._show()

    def action_swap(self) -> None:
        """Change sides."""
        self._first, self._second = self._second, self._first
        self._show()

    def action_back(self) -> None:
        """Go back."""
        self.dismiss()

    def _show(self) -> None:
        self._pairs = compare(self._first.message.raw, self._second.message.raw)
        names = f"{self._first.label} / {self._second.label}"
        differing = sum(not pair.same for pair in self._pairs)
        about = f"{differing} of {len(self._pairs)} lines differ"
        self._title.show((Span("Compare ", "old"), Span(names, "strong")), about)
        self.text.show(self._lines)

    def _lines(self, width: int) -> list[Line]:
        pairs = [pair for pair in self._pairs if not (self._only_differences and pair.same)]
        first, second = self._first.message, self._second.message
        if width < SIDE_BY_SIDE:
            room = width - len(_BOTH)
            heads = ((_FIRST, envelope_lines(first, room)), (_SECOND, envelope_lines(second, room)))
            lines = [(Span(sign, "old"), *line) for sign, head in heads for line in head]
            return [*lines, (), *(line for pair in pairs for line in below_each_other(pair, width))]
        half = max(1, (width - 3) // 2)
        both = zip_longest(envelope_lines(first, half), envelope_lines(second, half), fillvalue=())
        lines = [_beside(left, right, half) for left, right in both]
        lines.append(_beside((), (), half))
        return [*lines, *(line for pair in pairs for line in beside_each_other(pair, half))]


def beside_each_other(pair: Pair, half: int) -> Iterator[Line]:
    """Yield a pair in lines of two times `half` cells.

    A sign between them says whether they are the same: `≠`, or `<` and `>` where only one
    message has such a line.
    """
    sign = "│" if pair.same else "<" if pair.second is None else "≠"
    sign = ">" if pair.first is None else sign
    alone = pair.first is None or pair.second is None
    parts = zip_longest(
        wrap(_spans(pair.first, alone=alone), half, CONTINUATION),
        wrap(_spans(pair.second, alone=alone), half, CONTINUATION),
        fillvalue=(),
    )
    for number, (left, right) in enumerate(parts):
        between = _BETWEEN if pair.same or number else Span(f" {sign} ", "doubtful")
        yield _beside(left, right, half, between)


def below_each_other(pair: Pair, width: int) -> Iterator[Line]:
    """Yield a pair in lines of `width` cells: once if it is the same, else with `<` and `>`."""
    sides = ((_BOTH, pair.first),) if pair.same else ((_FIRST, pair.first), (_SECOND, pair.second))
    alone = pair.first is None or pair.second is None
    for sign, words in sides:
        if words is None:
            continue
        line = _spans(words, alone=alone)
        for number, part in enumerate(wrap(line, width - len(sign), CONTINUATION)):
            yield (Span(" " * len(sign) if number else sign, "doubtful"), *part)


def _spans(words: Words | None, *, alone: bool) -> Line:
    """Return a side of a pair; of a line that stands alone, every word differs."""
    spans: list[Span] = []
    for text, changed in words or ():
        if not changed or alone:
            spans.append(Span(text, "doubtful" if changed else ""))
            continue
        inner = text.strip()
        before, _, after = text.partition(inner) if inner else (text, "", "")
        spans += (Span(before), Span(inner, CHANGED), Span(after))
    return tuple(span for span in spans if span.text)


def _beside(left: Line, right: Line, half: int, between: Span = _BETWEEN) -> Line:
    fill = " " * max(0, half - cell_len(line_text(left)))
    return (*left, Span(fill), between, *right)
