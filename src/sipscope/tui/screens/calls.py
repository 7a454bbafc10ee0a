"""The first screen: all calls, live."""

from collections.abc import Hashable
from dataclasses import fields
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from sipscope.calls.columns import find_column
from sipscope.calls.dialog_table import FOLDABLE
from sipscope.calls.filter import FilterExpressionError
from sipscope.calls.filter.completion import complete
from sipscope.calls.view import CallView
from sipscope.decode.text import display
from sipscope.settings.model import CallList as CallListSettings
from sipscope.settings.model import Settings
from sipscope.settings.paths import state_folder
from sipscope.tui import REFRESH_S
from sipscope.tui.filter_history import FilterHistory
from sipscope.tui.keys import CALLS, EVERYWHERE, MOVEMENT, Context, bindings, written
from sipscope.tui.line_list import LineList, Span
from sipscope.tui.places import PlaceError, find_place
from sipscope.tui.screens.call import CallScreen
from sipscope.tui.screens.columns import ColumnsScreen, ShownColumns
from sipscope.tui.screens.filter import FilterScreen
from sipscope.tui.screens.media import MediaScreen
from sipscope.tui.screens.messages import MessagesScreen
from sipscope.tui.screens.question import Question
from sipscope.tui.screens.save import SaveScreen
from sipscope.tui.screens.statistics import StatisticsScreen
from sipscope.tui.screens.streams import StreamsScreen
from sipscope.tui.status import StatusLine, damages
from sipscope.tui.visibility import is_seen
from sipscope.tui.widgets.call_list import COLOR_BY, CallList
from sipscope.tui.widgets.filter_line import FilterLine
from sipscope.tui.widgets.folded_line import FoldedLine
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.notice_line import NoticeLine
from sipscope.tui.widgets.search_line import SearchLine

if TYPE_CHECKING:
    from sipscope.engine import Engine, Status

_PAUSE_BETWEEN_SLICES_S = 0.002
_HISTORY = "filters"
_NEWEST_FIRST = frozenset({"time", "date", "index"})
_WORST_LOW = frozenset({"mos", "r"})
_FOLD_KEY = next(key for key in CALLS.keys if key.id == "calls.fold")


class CallsScreen(Screen[None]):
    """The call list with its filter, order and marks.

    Args:
        engine: Where the calls come from.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(CALLS)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (CALLS, MOVEMENT, EVERYWHERE)
    """For the help."""

    def __init__(self, engine: "Engine") -> None:
        super().__init__()
        self.engine = engine
        self.view = CallView(engine.store)
        self.calls = CallList(self.view)
        self.history = FilterHistory(state_folder() / _HISTORY)
        self.filter_line = FilterLine(
            "words, !without, or: state = rejected and mos < 3.6", complete, self.history
        )
        self.jump_line = SearchLine("a time as 14:03, or a number as #1203", sign=":")
        self.notice_line = NoticeLine()
        self.folded_line = FoldedLine(written(_FOLD_KEY.keys[0]))
        self.following = False
        self._followed: int | None = None
        self._foldable: set[str] = set(FOLDABLE)
        self._settings: CallListSettings | None = None
        self._before_filter: Hashable | None = None

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield StatusLine(self.engine)
        yield self.notice_line
        yield self.filter_line
        yield self.jump_line
        yield self.calls
        yield self.folded_line
        yield KeyLine(CALLS)

    def on_mount(self) -> None:
        """Look for news from now on."""
        self._take_settings()
        self.calls.focus()
        self.refresh_calls()
        self.set_interval(REFRESH_S, self.refresh_calls)

    def on_screen_resume(self) -> None:
        """Catch up after another screen, which may have changed the settings."""
        self._take_settings()
        self.refresh_calls()

    def refresh_calls(self) -> None:
        """Show what changed."""
        if not is_seen(self):
            return
        status = self.engine.status()
        self.calls.now = status.now if not self.view.paused else self.calls.now
        changed = self.view.update(self.calls.now)
        self.calls.empty = self._why_empty(status)
        if changed:
            self.calls.show(self.view.ids)
            if self.filter_line.display:
                self.calls.move_to_index(0)
                self.calls.move_to(self._before_filter)
            if self.following:
                self._follow()
        else:
            self.calls.refresh_changed()
        self._tell(status)
        if self.view.waiting:
            self.set_timer(_PAUSE_BETWEEN_SLICES_S, self.refresh_calls)

    def chosen(self) -> list[int]:
        """Return the marked calls in the order of the list, or the one under the cursor."""
        marked = self.calls.marked
        row = self.calls.row
        if marked:
            return [i for i in self.view.ids if i in marked] or sorted(marked)
        return [row] if isinstance(row, int) else []

    def action_open(self) -> None:
        """Open the marked calls, or the one under the cursor."""
        if chosen := self.chosen():
            self.app.push_screen(CallScreen(self.engine, chosen))

    def action_open_legs(self) -> None:
        """Open all legs of the marked calls, or of the one under the cursor."""
        if chosen := self.chosen():
            screen = CallScreen(self.engine, chosen)
            screen.chosen.show_legs(True)
            self.app.push_screen(screen)

    def action_open_messages(self) -> None:
        """Show the raw messages of the marked calls, or of the one under the cursor."""
        if chosen := self.chosen():
            self.app.push_screen(MessagesScreen(self.engine, chosen))

    def action_open_media(self) -> None:
        """Show the media of the marked calls, or of the one under the cursor."""
        if chosen := self.chosen():
            self.app.push_screen(MediaScreen(self.engine, chosen))

    def action_open_streams(self) -> None:
        """List all streams."""
        self.app.push_screen(StreamsScreen(self.engine))

    def action_mark(self) -> None:
        """Mark or unmark the call under the cursor and go on."""
        row = self.calls.row
        if isinstance(row, int):
            self.calls.marked ^= {row}
            self.calls.action_move(1)
            self.calls.refresh_changed()
            self.refresh_calls()

    def action_unmark(self) -> None:
        """Unmark all calls."""
        self.calls.marked.clear()
        self.refresh_calls()

    def action_filter(self) -> None:
        """Type a filter; the cursor stays on its call, or goes to the top while that is hidden."""
        self._before_filter = self.calls.row
        self.filter_line.open(self.view.filter.text)

    def action_filters(self) -> None:
        """Make a filter of fields, or take one that was saved."""
        screen = FilterScreen(self.view.filter.text, self.history)
        self.app.push_screen(screen, self._filter_made)

    def action_columns(self) -> None:
        """Choose the columns."""
        shown = ShownColumns(self.calls.chosen, dict(self.calls.widths))
        self.app.push_screen(ColumnsScreen(shown), self._columns_chosen)

    def action_pan(self, columns: int) -> None:
        """Move over columns that do not fit the screen."""
        self.calls.pan(columns)

    def action_fold(self) -> None:
        """Fold away what is no call, or show it."""
        self.view.arrange(folded=() if self.view.folded else self._foldable)
        self.refresh_calls()

    def action_color(self) -> None:
        """Let the colour mean something else."""
        place = COLOR_BY.index(self.calls.color_by) + 1
        self.calls.color_by = COLOR_BY[place % len(COLOR_BY)]
        self.notice_line.say(f"coloured by {self.calls.color_by}")
        self.calls.refresh_changed()

    def action_pin(self) -> None:
        """Keep the marked calls, or the one under the cursor, or no longer."""
        if chosen := self.chosen():
            pinned = self.view.pin(chosen)
            calls = "call" if len(chosen) == 1 else "calls"
            words = "kept whatever comes" if pinned else "kept as all others"
            self.notice_line.say(f"{len(chosen):,} {calls} {words}")
            self.calls.refresh_changed()

    def action_jump(self) -> None:
        """Go to a time or a number."""
        self.jump_line.open()

    def action_mark_all(self) -> None:
        """Mark all calls that are shown; unmark them if they are."""
        shown = set(self.view.ids)
        if shown <= self.calls.marked:
            self.calls.marked -= shown
        else:
            self.calls.marked |= shown
        self.calls.refresh_changed()
        self.refresh_calls()

    def action_save(self) -> None:
        """Save calls to a file."""
        choices = {
            "marked": [i for i in self.view.ids if i in self.calls.marked],
            "this": [self.calls.row] if isinstance(self.calls.row, int) else [],
            "shown": list(self.view.ids),
            "all": list(self.engine.store.dialogs),
        }
        if choices["all"]:
            self.app.push_screen(SaveScreen(self.engine, choices), self._saved)
        else:
            self.notice_line.say("There is no call to save yet")

    def action_statistics(self) -> None:
        """Show statistics."""
        self.app.push_screen(StatisticsScreen(self.engine))

    def action_pause(self) -> None:
        """Let the view stand still, or go on."""
        self.view.paused = not self.view.paused
        self.refresh_calls()

    def action_sort(self, columns: int) -> None:
        """Sort by the next column, or the one before."""
        ids = self.calls.column_ids
        known = self.view.column in ids
        place = ids.index(self.view.column) + columns if known else min(columns, 0)
        self._sort(ids[place % len(ids)])

    def action_reverse(self) -> None:
        """Reverse the order."""
        self.view.arrange(descending=not self.view.descending)
        self._rearranged()

    def action_follow(self) -> None:
        """Follow the newest call, or stay."""
        self.following = not self.following
        if self.following:
            self._follow()
        self.refresh_calls()

    def action_clear(self) -> None:
        """Forget all calls."""
        self._forget_all_but(())

    def action_clear_hidden(self) -> None:
        """Forget all calls but those that pass the filter."""
        self._forget_all_but(tuple(self.view.ids))

    def action_back(self) -> None:
        """Clear the filter; without one, quit."""
        if self.view.filter.text:
            self.view.arrange(text="")
            self.refresh_calls()
        else:
            self.action_quit_asking()

    def action_quit_asking(self) -> None:
        """Quit; ask before that if live calls are in progress."""
        status = self.engine.status()
        live = any(source.kind == "interface" for source in status.sources)
        settings: Settings = getattr(self.app, "settings", Settings())
        if not live or not status.active or not settings.view.ask_before_quitting:
            self.app.exit(return_code=0)
            return
        calls = "call is" if status.active == 1 else "calls are"
        question = Question(f"{status.active:,} {calls} in progress. Quit?", "Quit", "Stay")
        self.app.push_screen(question, self._quit_answered)

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        """Stop following when the person goes elsewhere."""
        if self.following and event.row != self._followed:
            self.following = False
            self._tell(self.engine.status())

    def on_line_list_opened(self) -> None:
        """Open the call that was clicked twice."""
        self.action_open()

    def on_call_list_sort_asked(self, event: CallList.SortAsked) -> None:
        """Sort by a column, reverse if it is the one already."""
        if event.column == self.view.column:
            self.action_reverse()
        else:
            self._sort(event.column)

    def on_filter_line_typed(self, event: FilterLine.Typed) -> None:
        """Filter by what has been typed so far; until it is a filter, the former one stays."""
        self.filter_line.complain(self._filter_by(event.text))
        self.refresh_calls()

    def on_filter_line_closed(self) -> None:
        """Go back to the list."""
        self.calls.focus()
        self.refresh_calls()

    def on_search_line_asked(self, event: SearchLine.Asked) -> None:
        """Go where the person wants to be."""
        self.calls.focus()
        if event.words is None:
            return
        try:
            place = find_place(event.words, self.view, self.calls.row, self.calls.now)
        except PlaceError as error:
            self.notice_line.say(display(str(error)), "doubtful")
            return
        self.following = False
        self.calls.move_to(place)

    def _take_settings(self) -> None:
        """Show the list as the person has set it, as far as that is news."""
        settings: CallListSettings = getattr(self.app, "settings", Settings()).list
        before, self._settings = self._settings, settings
        news = {
            each.name
            for each in fields(settings)
            if before is None or getattr(before, each.name) != getattr(settings, each.name)
        }
        if "color_by" in news:
            self.calls.color_by = settings.color_by
        if news & {"columns", "widths"}:
            self.calls.arrange_columns(settings.columns, settings.widths)
        if news & {"sort", "descending"}:
            self.view.arrange(column=settings.sort, descending=settings.descending)
        if "fold" in news:
            folded = {method.upper() for method in settings.fold}
            self._foldable = folded or set(FOLDABLE)
            self.view.arrange(folded=folded)
        if "follow" in news:
            self.following = settings.follow
        if "filter" in news and (error := self._filter_by(settings.filter)) is not None:
            self.notice_line.say(display(f"settings: filter: {error}"), "doubtful")

    def _filter_by(self, text: str) -> FilterExpressionError | None:
        """Take another filter; return what is wrong with it."""
        try:
            self.view.arrange(text=text)
        except FilterExpressionError as error:
            return error
        return None

    def _filter_made(self, text: str | None) -> None:
        if text is not None and self._filter_by(text) is None:
            self.history.add(text)
        self.refresh_calls()

    def _columns_chosen(self, shown: ShownColumns | None) -> None:
        if shown is not None:
            self.calls.arrange_columns(shown.columns, shown.widths)

    def _sort(self, column: str) -> None:
        found = find_column(column)
        first_high = column in _NEWEST_FIRST or bool(
            found is not None and found.right and column not in _WORST_LOW
        )
        self.view.arrange(column=column, descending=first_high)
        self._rearranged()

    def _rearranged(self) -> None:
        self.calls.show(self.view.ids)
        self.calls.refresh_header()
        self.refresh_calls()

    def _follow(self) -> None:
        self._followed = self.view.newest
        if self._followed is not None:
            self.calls.move_to(self._followed)

    def _forget_all_but(self, kept: tuple[int, ...]) -> None:
        before = self.view.total
        self.engine.clear(kept)
        self.calls.marked &= set(kept)
        self.view.paused = False
        self.notice_line.say(f"{before - self.view.total:,} calls forgotten")
        self.refresh_calls()

    def _saved(self, message: str | None) -> None:
        if message:
            self.notice_line.say(message, "good")

    def _quit_answered(self, answer: bool | None) -> None:
        if answer:
            self.app.exit(return_code=0)

    def _why_empty(self, status: "Status") -> str:
        if self.view.filter and self.view.total:
            return "No call matches the filter. Esc clears it."
        if status.finished:
            return "There is no SIP in here."
        if any(source.kind == "interface" for source in status.sources):
            return "Waiting for SIP."
        return ""

    def _tell(self, status: "Status") -> None:
        """Say in the second line what makes the list differ from all calls as they come."""
        view = self.view
        parts: list[Span] = []
        if self.engine.failure is not None:
            error = type(self.engine.failure).__name__
            parts.append(Span(f"The capture has stopped, internal error: {error}", "failed"))
        if wrong := damages(status):
            parts.append(Span(wrong, "failed"))
        if view.paused:
            parts.append(Span("view paused, capture goes on (p)", "doubtful"))
        if view.filter.text and not self.filter_line.display:
            parts.append(Span(f"filter: {view.filter.text}", "marked"))
        column = find_column(view.column)
        if column is not None and (view.column != "time" or not view.descending):
            arrow = "↓" if view.descending else "↑"
            parts.append(Span(f"sorted by {column.title} {arrow}"))
        if self.following:
            parts.append(Span("following the newest (A)", "progress"))
        if self.calls.marked:
            parts.append(Span(f"{len(self.calls.marked):,} marked", "marked"))
        if view.progress is not None:
            parts.append(Span(f"working {100 * view.progress:.0f} %", "progress"))
        count = f"{len(view.ids):,} of {view.total:,}" if view.filter else ""
        self.folded_line.tell(view.folded_counts(), folds=bool(view.folded))
        left = [piece for part in parts for piece in (Span("   "), part)][1:]
        self.notice_line.state(left, count)
        self.filter_line.count(count)
