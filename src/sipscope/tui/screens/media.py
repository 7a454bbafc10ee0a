"""The RTP streams of a call: figures, and their course."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from sipscope.tui import REFRESH_S
from sipscope.tui.keys import EVERYWHERE, MEDIA, MOVEMENT, Context, bindings
from sipscope.tui.line_list import Span
from sipscope.tui.screens.chosen import ChosenDialogs
from sipscope.tui.status import StatusLine
from sipscope.tui.widgets.call_title import CallTitle
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.stream import stream_lines
from sipscope.tui.widgets.text_view import TextView
from sipscope.tui.widgets.wrapping import Line

if TYPE_CHECKING:
    from sipscope.engine import Engine


class MediaScreen(Screen[None]):
    """All streams of some dialogs, live.

    Args:
        engine: Where they are.
        dialog_ids: Whose streams.
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
        self._chosen = ChosenDialogs(engine, dialog_ids)
        self._title = CallTitle()
        self._begin_with = stream_id
        self._starts: dict[int, int] = {}
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
        if not self.is_current:
            return
        status = self.engine.status()
        self._now = None if status.finished else status.now
        self._title.show(*self._chosen.title(status.now))
        if self._chosen.changed():
            self.text.show(self._lines, keep_place=True)

    def action_back(self) -> None:
        """Go back."""
        self.dismiss()

    def _scroll_to_first(self) -> None:
        if self._begin_with in self._starts:
            self.text.scroll_to_line(self._starts[self._begin_with])

    def _lines(self, width: int) -> list[Line]:
        lines: list[Line] = []
        self._starts.clear()
        for figures in self._chosen.figures():
            self._starts[figures.id] = len(lines)
            lines += stream_lines(figures, width, self._now)
            lines.append(())
        return lines or [(Span("There is no RTP of this call in the capture.", "old"),)]
