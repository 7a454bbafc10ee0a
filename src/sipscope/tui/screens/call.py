"""One call, or several legs: the ladder and, beside it or below, what its rows hold."""

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import Screen

from sipscope.calls.ladder import MessageRow, Row
from sipscope.tui import REFRESH_S
from sipscope.tui.keys import CALL, EVERYWHERE, MOVEMENT, Context, bindings
from sipscope.tui.screens.chosen import ChosenDialogs
from sipscope.tui.screens.compare import CompareScreen
from sipscope.tui.screens.media import MediaScreen
from sipscope.tui.screens.message import MessageScreen
from sipscope.tui.screens.messages import MessagesScreen
from sipscope.tui.screens.save import SaveScreen
from sipscope.tui.status import StatusLine
from sipscope.tui.widgets.call_title import CallTitle
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.ladder import LadderView
from sipscope.tui.widgets.message import message_content
from sipscope.tui.widgets.notice_line import NoticeLine
from sipscope.tui.widgets.stream import stream_lines
from sipscope.tui.widgets.text_view import Content, TextView

if TYPE_CHECKING:
    from sipscope.engine import Engine

SIDE_BY_SIDE = 100
"""From so many cells on the message has room beside the ladder."""

SHOWN_BELOW = 20
"""From so many lines on it has room below the ladder."""

_LEAST_PREVIEW = (30, 4)
_GOOD_PREVIEW = 9
_LEAST_LADDER = (44, 8)


class CallScreen(Screen[None]):
    """The ladder of some dialogs.

    Args:
        engine: Where they are.
        dialog_ids: In the order of their letters.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(CALL)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (CALL, MOVEMENT, EVERYWHERE)

    DEFAULT_CSS = """
    CallScreen {
        & > #call-body { layout: vertical; height: 1fr; }
        & > #call-body > TextView { border-top: solid $rule; }
        & > #call-body.-beside { layout: horizontal; }
        & > #call-body.-beside > TextView { border-top: none; border-left: solid $rule; }
    }
    """

    def __init__(self, engine: "Engine", dialog_ids: list[int]) -> None:
        super().__init__()
        self.engine = engine
        self.chosen = ChosenDialogs(engine, dialog_ids)
        self.ladder = LadderView()
        self.preview = TextView()
        self._title = CallTitle()
        self._notice = NoticeLine()
        self._streams = True
        self._preview_wanted: bool | None = None
        self._preview_grown = {True: 0, False: 0}
        self._previewed: Row | None = None

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield StatusLine(self.engine)
        yield self._title
        yield self._notice
        with Container(id="call-body"):
            yield self.ladder
            yield self.preview
        yield KeyLine(CALL)

    def on_mount(self) -> None:
        """Look for news from now on."""
        self.ladder.rows.focus()
        self.refresh_call(force=True)
        self.set_interval(REFRESH_S, self.refresh_call)

    def on_screen_resume(self) -> None:
        """Catch up after another screen."""
        self.refresh_call()

    def on_resize(self, event: events.Resize) -> None:
        """Divide the screen between ladder and message."""
        self._arrange(event.size.width, event.size.height)

    def refresh_call(self, *, force: bool = False) -> None:
        """Show what changed."""
        if not self.is_current:
            return
        self._title.show(*self.chosen.title(self.engine.status().now))
        if self.chosen.changed() or force:
            self.ladder.show_ladder(self.chosen.ladder(streams=self._streams))
            self._arrange(*self.size)
            self._show_preview()

    @property
    def beside(self) -> bool:
        """Whether the message is shown beside the ladder, not below."""
        return self.size.width >= SIDE_BY_SIDE

    @property
    def previewing(self) -> bool:
        """Whether the message is shown at all: by itself where there is room."""
        room = self.beside or self.size.height >= SHOWN_BELOW
        return room if self._preview_wanted is None else self._preview_wanted

    def on_line_list_moved(self) -> None:
        """Show the row under the cursor."""
        self._show_preview()

    def on_line_list_opened(self) -> None:
        """Open the row that was clicked twice."""
        self.action_open()

    def action_open(self) -> None:
        """Show the message under the cursor as a whole, or the media of a stream."""
        row = self.ladder.rows.ladder_row
        if isinstance(row, MessageRow):
            messages = [r for r in self.ladder.rows.ladder.rows if isinstance(r, MessageRow)]
            place = [r.key for r in messages].index(row.key)
            self.app.push_screen(MessageScreen(self.engine, messages, place), self._message_left)
        elif row is not None:
            self.app.push_screen(MediaScreen(self.engine, self.chosen.ids, row.figures.id))

    def action_mark(self) -> None:
        """Mark the row under the cursor; compare it with the one that is marked."""
        rows = self.ladder.rows
        row, marked = rows.ladder_row, rows.marked_row
        if row is None:
            return
        if marked is None or row.key == marked.key:
            rows.set_mark(None if marked is not None else row.key)
        elif isinstance(row, MessageRow) and isinstance(marked, MessageRow):
            self.app.push_screen(CompareScreen(self.engine, marked, row))
        else:
            self._notice.say("Only two messages can be compared, not streams")

    def action_unmark(self) -> None:
        """Unmark the row."""
        self.ladder.rows.set_mark(None)

    def action_open_messages(self) -> None:
        """Show all messages as text."""
        row = self.ladder.rows.ladder_row
        key = row.key if isinstance(row, MessageRow) else None
        self.app.push_screen(MessagesScreen(self.engine, self.chosen.ids, key))

    def action_open_media(self) -> None:
        """Show the media streams."""
        self.app.push_screen(MediaScreen(self.engine, self.chosen.ids))

    def action_sdp(self) -> None:
        """Show more of the SDP in the ladder, or none."""
        self.ladder.rows.show_sdp(self.ladder.rows.sdp_mode.next)

    def action_streams(self) -> None:
        """Show the streams in the ladder, or not."""
        self._streams = not self._streams
        self.refresh_call(force=True)

    def action_legs(self) -> None:
        """Show all legs of the call, or only what was chosen."""
        before = len(self.chosen.ids)
        self.chosen.show_legs(not self.chosen.all_legs)
        if self.chosen.all_legs and len(self.chosen.ids) == before:
            self._notice.say("The call has no other legs so far")
        self.refresh_call(force=True)

    def action_times(self) -> None:
        """Show the time of day, or the time since the first row."""
        self.ladder.rows.relative = not self.ladder.rows.relative
        self.ladder.rows.refresh_changed()

    def action_preview(self) -> None:
        """Show or hide the message."""
        self._preview_wanted = not self.previewing
        self._arrange(*self.size)
        self._show_preview()

    def action_resize_preview(self, cells: int) -> None:
        """Give the message more room, or less."""
        self._preview_grown[self.beside] += cells if self.beside else cells // 2
        self._arrange(*self.size)

    def action_pan(self, hosts: int) -> None:
        """Show hosts that are beside the screen."""
        self.ladder.rows.pan(hosts)

    def action_other_pane(self) -> None:
        """Go from the ladder to the message, or back."""
        here = self.preview.has_focus or not self.previewing
        (self.ladder.rows if here else self.preview).focus()

    def action_save(self) -> None:
        """Save the call to a file."""
        self.app.push_screen(SaveScreen(self.engine, {"this": self.chosen.ids}), self._saved)

    def action_back(self) -> None:
        """Go back to the list."""
        self.dismiss()

    def _saved(self, message: str | None) -> None:
        if message:
            self._notice.say(message, "good")

    def _message_left(self, row: MessageRow | None) -> None:
        """Put the cursor on the message that was looked at last."""
        if row is not None:
            self.ladder.rows.move_to_key(row.key)

    def _show_preview(self) -> None:
        row = self.ladder.rows.ladder_row if self.previewing else None
        before, self._previewed = self._previewed, row
        if row is None:
            return
        same = before is not None and before.key == row.key
        if not same or not isinstance(row, MessageRow):
            self.preview.show(row_content(row), keep_place=same)

    def _arrange(self, width: int, height: int) -> None:
        """Divide `width` or `height` cells between ladder and message."""
        beside = width >= SIDE_BY_SIDE
        self.query_one("#call-body").set_class(beside, "-beside")
        self.preview.display = self.previewing
        if not self.previewing and self.preview.has_focus:
            self.ladder.rows.focus()
        rows = self.ladder.rows
        if beside:
            least, most = _LEAST_PREVIEW[0], width - _LEAST_LADDER[0]
            good = max(width - rows.wanted_width, min(width * 2 // 5, width - rows.least_width))
            good = max(least, min(good, width // 2))
        else:
            least, most = _LEAST_PREVIEW[1], height - _LEAST_LADDER[1]
            good = max(_GOOD_PREVIEW, most - len(rows.rows) + 2)
            good = max(least, min(good, most))
        cells = max(least, min(good + self._preview_grown[beside], most))
        self._preview_grown[beside] = cells - good
        self.preview.styles.width = cells if beside else "1fr"
        self.preview.styles.height = "1fr" if beside else cells


def row_content(row: Row) -> Content:
    """Return what the pane beside the ladder shows of a row."""
    if isinstance(row, MessageRow):
        return message_content(row.message)
    return lambda width: stream_lines(row.figures, width)
