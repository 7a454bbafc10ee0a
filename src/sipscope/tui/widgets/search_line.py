"""The line in which one types what to look for."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static


class SearchLine(Horizontal):
    """An input that is there only while one types.

    Args:
        hint: What stands there before anything is typed.
        sign: What stands before it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Search for nothing", show=False)
    ]

    DEFAULT_CSS = """
    SearchLine {
        height: 1;
        display: none;
        background: $background;
        & > #search-sign { width: 3; color: $marked; text-style: bold; }
        & > Input { width: 1fr; height: 1; border: none; padding: 0; background: $bar; }
        & > Input:focus { border: none; }
    }
    """

    class Asked(Message):
        """The person is done.

        Attributes:
            words: What to look for, None when nothing.
        """

        def __init__(self, words: str | None) -> None:
            super().__init__()
            self.words = words

    def __init__(self, hint: str = "text in the messages", sign: str = "/") -> None:
        super().__init__()
        self._sign = sign
        self._input = Input(compact=True, placeholder=hint)

    def compose(self) -> ComposeResult:
        """Lay the line out."""
        yield Static(f" {self._sign} ", id="search-sign", markup=False)
        yield self._input

    def open(self) -> None:
        """Let the person type."""
        self.display = True
        self._input.value = ""
        self._input.focus()

    def action_cancel(self) -> None:
        """Go, and look for nothing."""
        self._close(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Look for what was typed."""
        event.stop()
        self._close(event.value or None)

    def _close(self, words: str | None) -> None:
        self.display = False
        self.post_message(self.Asked(words))
