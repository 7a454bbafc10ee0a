"""One message on the whole screen, and those before and after it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from sipscope.calls.ladder import MessageRow
from sipscope.tui.keys import EVERYWHERE, MESSAGE, MOVEMENT, Context, bindings
from sipscope.tui.line_list import Span
from sipscope.tui.status import StatusLine
from sipscope.tui.widgets.call_title import CallTitle
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.message import message_content
from sipscope.tui.widgets.text_view import TextView

if TYPE_CHECKING:
    from sipscope.engine import Engine


class MessageScreen(Screen[MessageRow]):
    """A message; the result is the one that was looked at last.

    Args:
        engine: Told about on top, as on every screen.
        rows: The messages to go through.
        place: The one to begin with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(MESSAGE)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (MESSAGE, MOVEMENT, EVERYWHERE)

    def __init__(self, engine: "Engine", rows: Sequence[MessageRow], place: int) -> None:
        super().__init__()
        self.engine = engine
        self._rows = rows
        self._place = place
        self._title = CallTitle()
        self.text = TextView()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield StatusLine(self.engine)
        yield self._title
        yield self.text
        yield KeyLine(MESSAGE)

    def on_mount(self) -> None:
        """Show the message."""
        self.text.focus()
        self._show()

    def action_step(self, messages: int) -> None:
        """Go to a message after or before this one."""
        place = max(0, min(self._place + messages, len(self._rows) - 1))
        if place != self._place:
            self._place = place
            self._show()

    def action_back(self) -> None:
        """Go back to the ladder."""
        self.dismiss(self._rows[self._place])

    def _show(self) -> None:
        row = self._rows[self._place]
        name = (Span(row.label, "strong"),)
        self._title.show(name, f"message {self._place + 1} of {len(self._rows)}")
        self.text.show(message_content(row.message))
