"""The RTP streams of a call: figures, and their course."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from sipscope.rtpqos.figures import StreamFigures
from sipscope.tui import REFRESH_S
from sipscope.tui.keys import EVERYWHERE, MEDIA, MOVEMENT, Context, bindings
from sipscope.tui.line_list import Span
from sipscope.tui.screens.chosen import ChosenDialogs, Media
from sipscope.tui.status import StatusLine
from sipscope.tui.visibility import is_seen
from sipscope.tui.widgets.call_title import CallTitle
from sipscope.tui.widgets.course import (
    CHARTS,
    MOST_HEIGHT,
    Axis,
    Look,
    axis_of,
    course_lines,
    faults,
    worst_moment,
)
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.media_facts import call_lines, media_lines, rtcp_lines
from sipscope.tui.widgets.stream import stream_words, wireshark_lines
from sipscope.tui.widgets.text_view import TextView
from sipscope.tui.widgets.wrapping import Line

if TYPE_CHECKING:
    from sipscope.engine import Engine

_MEDIA_AGAIN_S = 1.0


class MediaScreen(Screen[None]):
    """All streams of some dialogs, or one stream alone, live.

    Args:
        engine: Where they are.
        dialog_ids: Whose streams; none for the stream alone.
        stream_id: The one to begin with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(MEDIA)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (MEDIA, MOVEMENT, EVERYWHERE)

    def __init__(
        self, engine: "Engine", dialog_ids: list[int], stream_id: int | None = None
    ) -> None:
        super().__init__()
        self.engine = engine
        self.text = TextView()
        self.wireshark = False
        self._chosen = ChosenDialogs(engine, dialog_ids)
        self._title = CallTitle()
        self._begin_with = stream_id
        self._figures: list[StreamFigures] = []
        self._starts: dict[int, int] = {}
        self._media = Media((), {}, {})
        self._media_due = 0.0
        self._axis: Axis | None = None
        self._moment: int | None = None
        self._now: int | None = None

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield StatusLine(self.engine)
        yield self._title
        yield self.text
        yield KeyLine(MEDIA)

    def on_mount(self) -> None:
        """Look for news from now on."""
        self.text.focus()
        self.refresh_media()
        self.call_after_refresh(self._scroll_to_first)
        self.set_interval(REFRESH_S, self.refresh_media)

    def on_screen_resume(self) -> None:
        """Catch up after another screen."""
        self.refresh_media()

    def refresh_media(self) -> None:
        """Show what changed."""
        if not is_seen(self):
            return
        status = self.engine.status()
        before, self._now = self._now, None if status.finished else status.now
        if not self._chosen.ids:
            self._title.show((Span("A stream of no call that was seen", "strong"),))
        else:
            self._title.show(*self._chosen.title(status.now))
        # What a stream does now ends without news of it.
        live = before is not None or self._now is not None
        if self._chosen.changed() or live or not self._figures:
            self._figures = self._found()
            if not live or monotonic() >= self._media_due:
                self._media_due = monotonic() + _MEDIA_AGAIN_S
                self._media = self._chosen.media(self._figures)
            self.text.show(self._lines, keep_place=True)

    @property
    def slot(self) -> int | None:
        """The slot of the charts that is read out: where it sounded worst, at first."""
        if self._axis is None:
            return None
        moment = worst_moment(self._figures) if self._moment is None else self._moment
        return self._axis.slots - 1 if moment is None else self._axis.slot(moment)

    def action_step(self, slots: int) -> None:
        """Read out the slot before, or after."""
        if self.slot is not None:
            self._read_out(self.slot + slots)

    def action_step_to_fault(self, direction: int) -> None:
        """Read out the next slot with a fault, or the one before."""
        if self._axis is None or self.slot is None:
            return
        slots = faults(self._figures, self._axis)
        later = bisect_right(slots, self.slot)
        place = later if direction > 0 else bisect_left(slots, self.slot) - 1
        if 0 <= place < len(slots):
            self._read_out(slots[place])

    def action_next_stream(self) -> None:
        """Scroll to the next stream; after the last one, to the first."""
        starts = sorted(self._starts.values())
        after = [start for start in starts if start > self.text.top]
        before = self.text.top
        self.text.scroll_to_line(after[0] if after else 0)
        if self.text.top == before:
            self.text.scroll_to_line(0)

    def action_wireshark(self) -> None:
        """Show what Wireshark shows, or no longer."""
        self.wireshark = not self.wireshark
        self.text.show(self._lines, keep_place=True)

    def action_back(self) -> None:
        """Go back."""
        self.dismiss()

    def _read_out(self, slot: int) -> None:
        assert self._axis is not None
        self._moment = self._axis.middle(max(0, min(slot, self._axis.slots - 1)))
        self.text.show(self._lines, keep_place=True)

    def _scroll_to_first(self) -> None:
        if self._begin_with in self._starts:
            self.text.scroll_to_line(self._starts[self._begin_with])

    def _found(self) -> list[StreamFigures]:
        if self._chosen.ids or self._begin_with is None:
            return self._chosen.figures()
        store = self.engine.store
        with store.lock:
            if not store.streams.listed(self._begin_with):
                return self._figures
            return [store.streams.figures(self._begin_with)]

    def _lines(self, width: int) -> list[Line]:
        self._starts.clear()
        self._axis = axis_of(self._figures, width)
        words = [self._words(figures, width) for figures in self._figures]
        lines = [line for call in self._media.calls for line in call_lines(call, width)]
        look = self._axis and Look(self._axis, self._height([*words, lines]), self.slot)
        for number, (figures, about) in enumerate(zip(self._figures, words, strict=True)):
            if number:
                lines.append(())
            self._starts[figures.id] = len(lines)
            lines += about
            if look is not None:
                lines += course_lines(figures, width, look)
        if not self._figures:
            lines.append((Span("There is no RTP of this call in the capture.", "old"),))
        return lines

    def _words(self, figures: StreamFigures, width: int) -> list[Line]:
        lines = stream_words(figures, width, self._now)
        media, rtcp = self._media.streams.get(figures.id), self._media.rtcp.get(figures.id)
        if media is not None:
            lines += media_lines(media, width)
        if rtcp is not None:
            lines += rtcp_lines(figures, rtcp, width)
        if self.wireshark:
            lines += wireshark_lines(figures, width)
        return lines

    def _height(self, words: Sequence[Sequence[Line]]) -> int:
        """Return how high the charts can be so that all is seen at once."""
        streams = max(1, len(self._figures))
        room = self.text.size.height - sum(map(len, words)) - 3 * streams + 1
        return max(1, min(room // (CHARTS * streams), MOST_HEIGHT))
