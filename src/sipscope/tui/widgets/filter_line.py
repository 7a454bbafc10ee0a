"""The line in which a text filter is typed."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static


class FilterLine(Horizontal):
    """An input that tells what is typed, key by key; hidden until it is opened."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "Clear the filter", show=False),
        Binding("tab,down,up,pagedown,pageup", "close", "To the list", show=False),
    ]

    DEFAULT_CSS = """
    FilterLine {
        height: 1;
        display: none;
        background: $background;
        & > #filter-sign { width: 3; color: $marked; text-style: bold; }
        & > Input { width: 1fr; height: 1; border: none; padding: 0; background: $bar; }
        & > Input:focus { border: none; }
        & > #filter-count { width: auto; padding: 0 1; color: $old; }
    }
    """

    class Typed(Message):
        """The text is another one."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Closed(Message):
        """The person is done."""

    def __init__(self) -> None:
        super().__init__()
        self._input = Input(compact=True, placeholder="words in any column, !word leaves out")
        self._count = Static("", id="filter-count", markup=False)

    def compose(self) -> ComposeResult:
        """Lay the line out."""
        yield Static(" / ", id="filter-sign", markup=False)
        yield self._input
        yield self._count

    def open(self, text: str) -> None:
        """Let the person type, starting from `text`."""
        self.display = True
        with self._input.prevent(Input.Changed):
            self._input.value = text
        self._input.cursor_position = len(text)
        self._input.focus()

    def count(self, text: str) -> None:
        """Show how many rows pass."""
        self._count.update(Content(text))

    def action_clear(self) -> None:
        """Clear the filter and go."""
        self._input.value = ""
        self.action_close()

    def action_close(self) -> None:
        """Go, and let the filter be."""
        self.display = False
        self.post_message(self.Closed())

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell what has been typed."""
        event.stop()
        self.post_message(self.Typed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go to the list."""
        event.stop()
        self.action_close()
