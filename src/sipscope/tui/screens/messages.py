"""All messages of a call as text, with search."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from sipscope.calls.ladder import Key
from sipscope.decode.text import display
from sipscope.tui import REFRESH_S
from sipscope.tui.clipboard import copy
from sipscope.tui.keys import EVERYWHERE, MESSAGES, MOVEMENT, Context, bindings
from sipscope.tui.screens.chosen import ChosenDialogs
from sipscope.tui.screens.save import SaveScreen
from sipscope.tui.status import StatusLine
from sipscope.tui.visibility import is_seen
from sipscope.tui.widgets.call_title import CallTitle
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.message_log import MessageLog
from sipscope.tui.widgets.notice_line import NoticeLine
from sipscope.tui.widgets.search_line import SearchLine

if TYPE_CHECKING:
    from sipscope.engine import Engine


class MessagesScreen(Screen[None]):
    """The messages of some dialogs in the order of time, live.

    Args:
        engine: Where they are.
        dialog_ids: Whose messages.
        key: Of the ladder's row to begin with.
        utc: Whether times are in UTC.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(MESSAGES)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (MESSAGES, MOVEMENT, EVERYWHERE)

    def __init__(
        self,
        engine: "Engine",
        dialog_ids: list[int],
        key: Key | None = None,
        *,
        utc: bool = False,
    ) -> None:
        super().__init__()
        self.engine = engine
        self.log_view = MessageLog()
        self.log_view.utc = utc
        self._chosen = ChosenDialogs(engine, dialog_ids)
        self._begin_with = key
        self._title = CallTitle()
        self._notice = NoticeLine()
        self._search = SearchLine()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield StatusLine(self.engine)
        yield self._title
        yield self._notice
        yield self.log_view
        yield self._search
        yield KeyLine(MESSAGES)

    def on_mount(self) -> None:
        """Look for news from now on."""
        self.log_view.focus()
        self.refresh_messages()
        self.call_after_refresh(self._scroll_to_first)
        self.set_interval(REFRESH_S, self.refresh_messages)

    def on_screen_resume(self) -> None:
        """Catch up after another screen."""
        self.refresh_messages()

    def refresh_messages(self) -> None:
        """Show what is new."""
        if not is_seen(self):
            return
        self._title.show(*self._chosen.title(self.engine.status().now))
        if self._chosen.changed():
            self.log_view.show_messages(self._chosen.messages())

    def action_search(self) -> None:
        """Type what to look for."""
        self._search.open()

    def action_search_next(self, direction: int) -> None:
        """Go to the next or previous place with the text."""
        if self.log_view.words and not self.log_view.find_next(direction):
            self._notice.say(f"No {display(self.log_view.words)} in these messages", "doubtful")

    def action_mark(self) -> None:
        """Mark lines from the cursor on, or none."""
        self.log_view.set_mark(self.log_view.mark is None)

    def action_copy_part(self) -> None:
        """Put the line under the cursor, or the marked lines, on the clipboard."""
        text = self.log_view.part()
        what = "the marked lines" if self.log_view.mark is not None else "the line"
        self._notice.say(*copy(self.app, text, what if text else "text of a message here"))
        self.log_view.set_mark(False)

    def action_copy(self) -> None:
        """Put the message under the cursor on the clipboard."""
        row = self.log_view.message
        if row is not None:
            self._notice.say(*copy(self.app, self.log_view.whole(), row.label))

    def action_save(self) -> None:
        """Save the call to a file."""
        self.app.push_screen(SaveScreen(self.engine, {"this": self._chosen.ids}), self._saved)

    def action_back(self) -> None:
        """Forget the search; without one, go back."""
        if self.log_view.words:
            self.log_view.search("")
        else:
            self.dismiss()

    def on_search_line_asked(self, event: SearchLine.Asked) -> None:
        """Look for the words."""
        self.log_view.focus()
        if event.words is not None:
            self.log_view.search(event.words)
            self.action_search_next(1)

    def _saved(self, message: str | None) -> None:
        if message:
            self._notice.say(message, "good")

    def _scroll_to_first(self) -> None:
        if self._begin_with is not None:
            self.log_view.scroll_to_message(self._begin_with)
