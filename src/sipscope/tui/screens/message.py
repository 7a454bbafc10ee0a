"""One message on the whole screen, and those before and after it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from sipscope.calls.ladder import MessageRow
from sipscope.decode.text import display
from sipscope.tui.clipboard import copy
from sipscope.tui.keys import EVERYWHERE, MESSAGE, MOVEMENT, Context, bindings
from sipscope.tui.line_list import Span
from sipscope.tui.status import StatusLine
from sipscope.tui.widgets.call_title import CallTitle
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.message_text import MessageText
from sipscope.tui.widgets.notice_line import NoticeLine
from sipscope.tui.widgets.search_line import SearchLine

if TYPE_CHECKING:
    from sipscope.engine import Engine


class MessageScreen(Screen[MessageRow]):
    """A message; the result is the one that was looked at last.

    Args:
        engine: Told about on top, as on every screen.
        rows: The messages to go through.
        place: The one to begin with.
        utc: Whether times are in UTC.
        words: What is looked for, empty for nothing.
        explained: Whether SDP is explained in place of the message.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(MESSAGE)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (MESSAGE, MOVEMENT, EVERYWHERE)

    def __init__(
        self,
        engine: "Engine",
        rows: Sequence[MessageRow],
        place: int,
        *,
        utc: bool = False,
        words: str = "",
        explained: bool = False,
    ) -> None:
        super().__init__()
        self.engine = engine
        self.text = MessageText()
        self.text.words = words
        self._rows = rows
        self._place = place
        self._utc = utc
        self._explained = explained
        self._title = CallTitle()
        self._notice = NoticeLine()
        self._search = SearchLine()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield StatusLine(self.engine)
        yield self._title
        yield self._notice
        yield self.text
        yield self._search
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

    def action_search(self) -> None:
        """Type what to look for."""
        self._search.open()

    def action_search_next(self, direction: int) -> None:
        """Go to the next or previous place with the text, in any message, or to a message."""
        if not self.text.words:
            self.action_step(direction)
        elif not self.text.find_next(direction) and not self._find_in_others(direction):
            self._notice.say(f"No {display(self.text.words)} in these messages", "doubtful")

    def on_search_line_asked(self, event: SearchLine.Asked) -> None:
        """Look for the words."""
        self.text.focus()
        if event.words is not None:
            self._explained = False
            self.text.words = event.words
            self._show()
            self.action_search_next(1)

    def action_explain(self) -> None:
        """Explain the SDP, or show the message."""
        self._explained = not self._explained
        self._show()

    def action_mark(self) -> None:
        """Mark lines from the cursor on, or none."""
        self.text.set_mark(self.text.mark is None)

    def action_copy_part(self) -> None:
        """Put the line under the cursor, or the marked lines, on the clipboard."""
        text = self.text.part()
        what = "the marked lines" if self.text.mark is not None else "the line"
        self._notice.say(*copy(self.app, text, what if text else "text of the message here"))
        self.text.set_mark(False)

    def action_copy(self) -> None:
        """Put the message on the clipboard."""
        self._notice.say(*copy(self.app, self.text.whole(), self._rows[self._place].label))

    def action_copy_body(self) -> None:
        """Put the body on the clipboard."""
        self._notice.say(*copy(self.app, self.text.body(), "body"))

    def action_back(self) -> None:
        """Forget the search; without one, go back to the ladder."""
        if self.text.words:
            self.text.search("")
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Go back to the ladder."""
        self.dismiss(self._rows[self._place])

    def _find_in_others(self, direction: int) -> bool:
        """Go to the next message with the text, around; back to this one in the end."""
        begin = self._place
        for step in range(1, len(self._rows) + 1):
            self._place = (begin + direction * step) % len(self._rows)
            self.text.show_message(self._rows[self._place].message, utc=self._utc)
            if self.text.find_next(direction):
                self._show_title()
                return True
        return False

    def _show(self) -> None:
        row = self._rows[self._place]
        self._show_title()
        self.text.show_message(row.message, utc=self._utc, explained=self._explained)

    def _show_title(self) -> None:
        name = (Span(self._rows[self._place].label, "strong"),)
        self._title.show(name, f"message {self._place + 1} of {len(self._rows)}")
