"""A question to be answered with yes or no."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from sipscope.tui.keys import ANSWER, EVERYWHERE, Context, bindings


class Question(ModalScreen[bool]):
    """Asks; the result is whether the answer was yes.

    Args:
        text: The question.
        yes: What Enter or y does, one word.
        no: What Esc or n does, one word.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(ANSWER)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (ANSWER, EVERYWHERE)

    DEFAULT_CSS = """
    Question {
        align: center bottom;
        background: $background 40%;
        & > Vertical { width: 100%; height: auto; padding: 1 2; background: $bar; }
        & #answers { color: $old; margin-top: 1; }
    }
    """

    def __init__(self, text: str, yes: str, no: str) -> None:
        super().__init__()
        self._text = text
        self._answers = f"Enter, y  {yes}     Esc, n  {no}"

    def compose(self) -> ComposeResult:
        """Lay the question out."""
        with Vertical():
            yield Static(Content(self._text))
            yield Static(Content(self._answers), id="answers")

    def action_answer(self, yes: bool) -> None:
        """Take the answer."""
        self.dismiss(yes)
