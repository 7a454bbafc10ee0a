"""All RTP streams, the worst first, live."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from sipscope.calls.filter import FilterExpressionError
from sipscope.calls.filter.completion import complete
from sipscope.tui import REFRESH_S
from sipscope.tui.keys import EVERYWHERE, MOVEMENT, STREAMS, Context, bindings
from sipscope.tui.line_list import Span
from sipscope.tui.screens.call import CallScreen
from sipscope.tui.screens.media import MediaScreen
from sipscope.tui.status import StatusLine
from sipscope.tui.stream_view import StreamView
from sipscope.tui.visibility import is_seen
from sipscope.tui.widgets.filter_line import FilterLine
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.notice_line import NoticeLine
from sipscope.tui.widgets.stream_list import SORTED, StreamList

if TYPE_CHECKING:
    from sipscope.engine import Engine, Status

_PAUSE_BETWEEN_SLICES_S = 0.01


class StreamsScreen(Screen[None]):
    """The list of streams with its filter and order.

    Args:
        engine: Where the streams are.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(STREAMS)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (STREAMS, MOVEMENT, EVERYWHERE)

    def __init__(self, engine: "Engine") -> None:
        super().__init__()
        self.engine = engine
        self.view = StreamView(engine.store)
        self.streams = StreamList(self.view)
        self.filter_line = FilterLine(
            "words: address, codec, SSRC, who calls; or: mos < 3.5 and loss > 2", complete
        )
        self.notice_line = NoticeLine()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield StatusLine(self.engine)
        yield self.notice_line
        yield self.filter_line
        yield self.streams
        yield KeyLine(STREAMS)

    def on_mount(self) -> None:
        """Look for news from now on."""
        self.streams.focus()
        self.refresh_streams()
        self.set_interval(REFRESH_S, self.refresh_streams)

    def on_screen_resume(self) -> None:
        """Catch up after another screen."""
        self.refresh_streams()

    def refresh_streams(self) -> None:
        """Show what changed."""
        if not is_seen(self):
            return
        status = self.engine.status()
        self.streams.now = None if status.finished else status.now
        self.view.now = status.now
        if self.view.update():
            self.streams.show(self.view.ids)
        self.streams.empty = self._why_empty(status)
        self.streams.update()
        self._tell()
        if self.view.waiting:
            self.set_timer(_PAUSE_BETWEEN_SLICES_S, self.refresh_streams)

    def action_open(self) -> None:
        """Show the stream among those of its call, or alone."""
        row = self.streams.row
        if isinstance(row, int):
            owner = self.engine.store.owner(row)
            dialogs = [] if owner is None else [owner.id]
            self.app.push_screen(MediaScreen(self.engine, dialogs, row))

    def action_open_call(self) -> None:
        """Open the call of the stream."""
        row = self.streams.row
        owner = self.engine.store.owner(row) if isinstance(row, int) else None
        if owner is not None:
            self.app.push_screen(CallScreen(self.engine, [owner.id]))
        elif row is not None:
            self.notice_line.say("No call that was seen has this stream")

    def action_filter(self) -> None:
        """Type a filter."""
        self.filter_line.open(self.view.filter.text)

    def action_sort(self, columns: int) -> None:
        """Sort by the next column, or the one before."""
        ids = [column.id for column in SORTED]
        place = ids.index(self.view.column) + columns
        self._sort(ids[place % len(ids)])

    def action_reverse(self) -> None:
        """Reverse the order."""
        self._arrange(descending=not self.view.descending)

    def action_back(self) -> None:
        """Clear the filter; without one, go back."""
        if self.view.filter.text:
            self._arrange(text="")
        else:
            self.dismiss()

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss()

    def on_line_list_opened(self) -> None:
        """Open the stream that was clicked twice."""
        self.action_open()

    def on_stream_list_sort_asked(self, event: StreamList.SortAsked) -> None:
        """Sort by a column, reverse if it is the one already."""
        if event.column == self.view.column:
            self.action_reverse()
        else:
            self._sort(event.column)

    def on_filter_line_typed(self, event: FilterLine.Typed) -> None:
        """Filter by what has been typed so far; until it is a filter, the former one stays."""
        try:
            self._arrange(text=event.text)
        except FilterExpressionError as error:
            self.filter_line.complain(error)
        else:
            self.filter_line.complain(None)

    def on_filter_line_closed(self) -> None:
        """Go back to the list."""
        self.streams.focus()
        self.refresh_streams()

    def _sort(self, column: str) -> None:
        worst_high = any(each.worst_high for each in SORTED if each.id == column)
        self._arrange(column=column, descending=worst_high)

    def _arrange(
        self,
        *,
        column: str | None = None,
        descending: bool | None = None,
        text: str | None = None,
    ) -> None:
        """Ask for another order or filter and show it at once."""
        self.view.arrange(column=column, descending=descending, text=text)
        self.streams.refresh_header()
        self.refresh_streams()

    def _why_empty(self, status: "Status") -> str:
        if self.view.filter and self.view.total:
            return "No stream matches the filter. Esc clears it."
        return "There is no RTP in here." if status.finished else "Waiting for RTP."

    def _tell(self) -> None:
        """Say in the second line what is listed."""
        view = self.view
        arrow = "↓" if view.descending else "↑"
        title = next(column.title for column in SORTED if column.id == view.column)
        parts = [Span("RTP streams", "strong"), Span(f"   sorted by {title} {arrow}")]
        if view.filter.text and not self.filter_line.display:
            parts += [Span("   "), Span(f"filter: {view.filter.text}", "marked")]
        streams = "stream" if view.total == 1 else "streams"
        count = f"{view.total:,} {streams}"
        if view.filter:
            count = f"{len(view.ids):,} of {count}"
        self.notice_line.state(parts, count)
        self.filter_line.count(count if view.filter else "")
