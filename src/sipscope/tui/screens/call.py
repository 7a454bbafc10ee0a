"""One call, or several legs: the ladder and, beside it or below, what its rows hold."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import Screen

from sipscope.calls.ladder import EventRow, Ladder, MessageRow, Row
from sipscope.calls.ladder_selection import Selection, select, transaction_name
from sipscope.calls.ladder_words import SdpMode
from sipscope.calls.names import AddressNames, column_names
from sipscope.decode.text import display
from sipscope.settings import Settings
from sipscope.tui import REFRESH_S
from sipscope.tui.clipboard import copy
from sipscope.tui.keys import CALL, EVERYWHERE, MOVEMENT, Context, bindings
from sipscope.tui.line_list import Span
from sipscope.tui.reverse_names import ReverseNames
from sipscope.tui.screens.chosen import ChosenDialogs
from sipscope.tui.screens.compare import CompareScreen
from sipscope.tui.screens.media import MediaScreen
from sipscope.tui.screens.message import MessageScreen
from sipscope.tui.screens.messages import MessagesScreen
from sipscope.tui.screens.save import SaveScreen
from sipscope.tui.status import StatusLine
from sipscope.tui.visibility import is_seen
from sipscope.tui.widgets.call_title import CallTitle
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.ladder import LadderView
from sipscope.tui.widgets.ladder_rows import row_text
from sipscope.tui.widgets.leg_lines import LegLines
from sipscope.tui.widgets.message import copyable
from sipscope.tui.widgets.moments import Times
from sipscope.tui.widgets.notice_line import NoticeLine
from sipscope.tui.widgets.preview import row_content
from sipscope.tui.widgets.search_line import SearchLine
from sipscope.tui.widgets.text_view import TextView

if TYPE_CHECKING:
    from sipscope.engine import Engine

SIDE_BY_SIDE = 100
"""From so many cells on the message has room beside the ladder."""

SHOWN_BELOW = 20
"""From so many lines on it has room below the ladder."""

_LEAST_PREVIEW = (30, 4)
_GOOD_PREVIEW = 9
_LEAST_LADDER = (44, 8)
_LEGS_S, _LEGS_PAUSE_S = 0.01, 0.03
_SDP = {"off": SdpMode.OFF, "short": SdpMode.FIRST, "full": SdpMode.FULL}


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
        self.reverse_names = ReverseNames()
        self.selection = Selection()
        self._title = CallTitle()
        self._notice = NoticeLine()
        self._legs = LegLines()
        self._search = SearchLine("text in labels and messages")
        self._whole = Ladder((), ())
        self._names = AddressNames({})
        self._named = self._explained = self._asked_for_legs = False
        self._looked_up = 0
        self._merged = True
        self._percent = 40
        self._preview_wanted: bool | None = None
        self._preview_grown = {True: 0, False: 0}
        self._previewed: Row | None = None

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield StatusLine(self.engine)
        yield self._title
        yield self._legs
        yield self._notice
        with Container(id="call-body"):
            yield self.ladder
            yield self.preview
        yield self._search
        yield KeyLine(CALL)

    def on_mount(self) -> None:
        """Look for news from now on."""
        self._take_settings(getattr(self.app, "settings", Settings()))
        self.ladder.rows.focus()
        self.refresh_call(force=True)
        self._find_legs()
        self.set_interval(REFRESH_S, self.refresh_call)

    def on_screen_resume(self) -> None:
        """Catch up after another screen."""
        self.refresh_call()

    def on_resize(self, event: events.Resize) -> None:
        """Divide the screen between ladder and message."""
        self._legs.show_legs(self.chosen.legs, event.size.height)
        self._arrange(event.size.width, event.size.height)

    def refresh_call(self, *, force: bool = False) -> None:
        """Show what changed."""
        if not is_seen(self):
            return
        self._title.show(*self.chosen.title(self.engine.status().now))
        found = len(self.reverse_names.names)
        if self.chosen.changed() or force or found != self._looked_up:
            self._looked_up = found
            self._whole = self.chosen.ladder(merge=self._merged)
            self._legs.show_legs(self.chosen.legs, self.size.height)
            self._show_ladder()

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
            screen = MessageScreen(
                self.engine,
                messages,
                place,
                utc=self.ladder.rows.times is Times.UTC,
                words=self.ladder.rows.words,
                explained=self._explained,
            )
            self.app.push_screen(screen, self._message_left)
        elif row is not None:
            stream = None if isinstance(row, EventRow) else row.figures.id
            self.app.push_screen(MediaScreen(self.engine, self.chosen.ids, stream))

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

    def action_search(self) -> None:
        """Type what to look for."""
        self._search.open()

    def action_search_next(self, direction: int) -> None:
        """Go to the next or previous row with the text."""
        rows = self.ladder.rows
        if rows.words and not rows.find_next(direction):
            self._notice.say(f"No {display(rows.words)} in this ladder", "doubtful")

    def on_search_line_asked(self, event: SearchLine.Asked) -> None:
        """Look for the words."""
        self.ladder.rows.focus()
        if event.words is not None:
            self._look_for(event.words)
            self.action_search_next(1)

    def action_open_messages(self) -> None:
        """Show all messages as text."""
        row = self.ladder.rows.ladder_row
        key = row.key if isinstance(row, MessageRow) else None
        utc = self.ladder.rows.times is Times.UTC
        self.app.push_screen(MessagesScreen(self.engine, self.chosen.ids, key, utc=utc))

    def action_open_media(self) -> None:
        """Show the figures of the streams."""
        self.app.push_screen(MediaScreen(self.engine, self.chosen.ids))

    def action_sdp(self) -> None:
        """Show more of the SDP in the ladder, or none."""
        self.ladder.rows.show_sdp(self.ladder.rows.sdp_mode.next)

    def action_explain(self) -> None:
        """Explain the SDP of the message beside the ladder, or show the message."""
        self._explained = not self._explained
        if self._explained and not self.previewing:
            self.action_preview()
        self._show_preview(again=True)

    def action_streams(self) -> None:
        """Show streams and what else is no message, or not."""
        self._select(media=not self.selection.media, messages=True)

    def action_media_only(self) -> None:
        """Show nothing but media, or everything."""
        only = self.selection.messages or not self.selection.media
        self._select(messages=not only, media=True)

    def action_sdp_only(self) -> None:
        """Show only messages with SDP, or all."""
        self._select(sdp_only=not self.selection.sdp_only)

    def action_fold(self) -> None:
        """Fold messages that were sent again, or not."""
        self._select(folded=not self.selection.folded)

    def action_zoom(self) -> None:
        """Show only the transaction of the message under the cursor, or all."""
        row = self.ladder.rows.ladder_row
        if self.selection.transaction is not None:
            self._select(transaction=None)
        elif isinstance(row, MessageRow):
            self._select(transaction=row)
        else:
            self._notice.say("Only a message belongs to a transaction")

    def action_columns(self) -> None:
        """Give each port a column, or one to each host."""
        self._merged = not self._merged
        self.refresh_call(force=True)

    def action_names(self) -> None:
        """Show the names of hosts, or their addresses."""
        self._named = not self._named
        self._show_ladder()
        if self._named and not any(self.ladder.rows.names):
            self._notice.say("No host has a name: write [aliases] in the settings, or ask DNS (A)")

    def action_look_up(self) -> None:
        """Ask DNS for the names of the hosts that are shown."""
        hosts = {column.address for column in self._whole.columns}
        unknown = [host for host in hosts if self._names.host_name(host) is None]
        asked = self.reverse_names.ask(unknown)
        self._named = True
        self._show_ladder()
        if asked:
            self._notice.say(f"Asked DNS for {asked} {'name' if asked == 1 else 'names'}")

    def action_legs(self) -> None:
        """Show all legs of the call, or only what was chosen."""
        self.chosen.show_legs(not self.chosen.all_legs)
        self._asked_for_legs = self.chosen.all_legs
        self.refresh_call(force=True)
        self._find_legs()

    def action_times(self) -> None:
        """Count times from somewhere else."""
        rows = self.ladder.rows
        rows.show_times(rows.times.next)
        self._show_preview(again=True)

    def action_copy(self) -> None:
        """Put the message under the cursor on the clipboard."""
        row = self.ladder.rows.ladder_row
        if isinstance(row, MessageRow):
            self._notice.say(*copy(self.app, copyable(row.message.raw), row.label))
        elif row is not None:
            text = row_text(row)
            self._notice.say(*copy(self.app, text, text.partition("\n")[0]))

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
        """End the search, then the zoom; without them, go back to the list."""
        if self.ladder.rows.words:
            self._look_for("")
        elif self.selection.transaction is not None:
            self._select(transaction=None)
        else:
            self.dismiss()

    def action_leave(self) -> None:
        """Go back to the list."""
        self.dismiss()

    def _take_settings(self, settings: Settings) -> None:
        """Begin as the person likes it."""
        ladder = settings.ladder
        utc = ladder.times == "clock" and ladder.utc
        self.ladder.rows.times = Times.UTC if utc else Times(ladder.times)
        self.ladder.rows.sdp_mode = _SDP[ladder.sdp]
        self.selection = Selection(media=ladder.streams, folded=ladder.fold_retransmissions)
        self._merged = ladder.merge_ports
        self._percent = max(10, min(ladder.preview_percent, 90))
        self._preview_wanted = None if ladder.preview else False
        self._names = AddressNames(settings.aliases)
        self._named = bool(settings.aliases)
        if ladder.legs and not self.chosen.all_legs:
            self.chosen.show_legs(True)

    def _select(self, **changes: "bool | MessageRow | None") -> None:
        """Show other rows."""
        self.selection = replace(self.selection, **changes)  # type: ignore[arg-type]
        self._show_ladder()

    def _show_ladder(self) -> None:
        shown = select(self._whole, self.selection)
        found = self.reverse_names.names
        names = column_names(shown.columns, self._names, found) if self._named else ()
        legs = len({row.dialog for row in self._whole.rows}) > 1
        self.ladder.show_ladder(shown, self._whole, names, legs=legs)
        self._tell_selection()
        self._arrange(*self.size)
        self._show_preview()

    def _tell_selection(self) -> None:
        """Say what makes the ladder differ from all there is."""
        selection, rows = self.selection, self.ladder.rows
        parts = []
        if selection.transaction is not None:
            parts.append(f"only transaction {transaction_name(selection.transaction)} (Esc)")
        if not selection.messages:
            parts.append("only media (M)")
        if not selection.media:
            parts.append("no media (m)")
        if selection.sdp_only:
            parts.append("only messages with SDP (D)")
        if selection.folded:
            parts.append("folded: sent again (f)")
        if rows.words:
            parts.append(f"search: {display(rows.words)} (Esc)")
        count = f"{len(rows.ladder.rows):,} of {len(self._whole.rows):,} rows"
        left = [Span("   ".join(parts), "marked")] if parts else []
        self._notice.state(left, count if parts else "")

    def _look_for(self, words: str) -> None:
        self.ladder.rows.search(words)
        self._tell_selection()
        self._show_preview(again=True)

    def _find_legs(self) -> None:
        """Go on looking for legs, a little at a time."""
        before = self.chosen.ids
        done = self.chosen.find_legs(_LEGS_S)
        if self.chosen.ids != before:
            self.refresh_call(force=True)
        if not done:
            self.set_timer(_LEGS_PAUSE_S, self._find_legs)
        elif self._asked_for_legs:
            self._asked_for_legs = False
            if len(self.chosen.legs) == 1:
                self._notice.say("The call has no other legs so far")

    def _saved(self, message: str | None) -> None:
        if message:
            self._notice.say(message, "good")

    def _message_left(self, row: MessageRow | None) -> None:
        """Put the cursor on the message that was looked at last."""
        if row is not None:
            self.ladder.rows.move_to_key(row.key)

    def _show_preview(self, *, again: bool = False) -> None:
        row = self.ladder.rows.ladder_row if self.previewing else None
        before, self._previewed = self._previewed, row
        if row is None:
            self.preview.show(lambda width: ())
            return
        same = before is not None and before.key == row.key
        if again or not same or not isinstance(row, MessageRow):
            rows = self.ladder.rows
            utc = rows.times is Times.UTC
            content = row_content(row, rows.words, utc=utc, explained=self._explained)
            self.preview.show(content, keep_place=same)

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
            share = width * self._percent // 100
            good = max(width - rows.wanted_width, min(share, width - rows.least_width))
            good = max(least, min(good, max(share, width // 2)))
        else:
            least, most = _LEAST_PREVIEW[1], height - _LEAST_LADDER[1]
            good = max(_GOOD_PREVIEW, most - len(rows.rows) + 2)
            good = max(least, min(good, most))
        cells = max(least, min(good + self._preview_grown[beside], most))
        self._preview_grown[beside] = cells - good
        self.preview.styles.width = cells if beside else "1fr"
        self.preview.styles.height = "1fr" if beside else cells
