"""The first screen: all calls, live."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from sipscope.calls.columns import COLUMN, COLUMNS
from sipscope.calls.view import CallView
from sipscope.tui import REFRESH_S
from sipscope.tui.keys import CALLS, EVERYWHERE, MOVEMENT, Context, bindings
from sipscope.tui.line_list import LineList, Span
from sipscope.tui.screens.call import CallScreen
from sipscope.tui.screens.messages import MessagesScreen
from sipscope.tui.screens.question import Question
from sipscope.tui.screens.save import SaveScreen
from sipscope.tui.screens.statistics import StatisticsScreen
from sipscope.tui.status import StatusLine, damages
from sipscope.tui.widgets.call_list import CallList
from sipscope.tui.widgets.filter_line import FilterLine
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.notice_line import NoticeLine

if TYPE_CHECKING:
    from sipscope.engine import Engine, Status

_PAUSE_BETWEEN_SLICES_S = 0.01


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
        self.filter_line = FilterLine()
        self.notice_line = NoticeLine()
        self.following = False
        self._followed: int | None = None
        self._before_filter: Hashable | None = None

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield StatusLine(self.engine)
        yield self.notice_line
        yield self.filter_line
        yield self.calls
        yield KeyLine(CALLS)

    def on_mount(self) -> None:
        """Look for news from now on."""
        self.calls.focus()
        self.refresh_calls()
        self.set_interval(REFRESH_S, self.refresh_calls)

    def on_screen_resume(self) -> None:
        """Catch up after another screen."""
        self.refresh_calls()

    def refresh_calls(self) -> None:
        """Show what changed."""
        if not self.is_current:
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
        ids = [column.id for column in COLUMNS]
        place = ids.index(self.view.column) + columns
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
        if not live or not status.active:
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
        """Filter by what has been typed so far."""
        self.view.arrange(text=event.text)
        self.refresh_calls()

    def on_filter_line_closed(self) -> None:
        """Go back to the list."""
        self.calls.focus()
        self.refresh_calls()

    def _sort(self, column: str) -> None:
        self.view.arrange(column=column, descending=COLUMN[column].right or column == "time")
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
        if view.column != "time" or not view.descending:
            arrow = "↓" if view.descending else "↑"
            parts.append(Span(f"sorted by {COLUMN[view.column].title} {arrow}"))
        if self.following:
            parts.append(Span("following the newest (A)", "progress"))
        if self.calls.marked:
            parts.append(Span(f"{len(self.calls.marked):,} marked", "marked"))
        if view.progress is not None:
            parts.append(Span(f"working {100 * view.progress:.0f} %", "progress"))
        count = f"{len(view.ids):,} of {view.total:,}" if view.filter else ""
        left = [piece for part in parts for piece in (Span("   "), part)][1:]
        self.notice_line.state(left, count)
        self.filter_line.count(count)
