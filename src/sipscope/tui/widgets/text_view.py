"""Text to read: lines that scroll, without a cursor."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.geometry import Region
from textual.strip import Strip

from sipscope.tui.keys import MOVEMENT, bindings
from sipscope.tui.line_list import StyledLines
from sipscope.tui.widgets.wrapping import Line

Content = Callable[[int], Sequence[Line]]
"""Gives the lines for a width in cells."""

_CACHED_LINES = 512
_WHEEL_LINES = 3


class TextView(StyledLines, can_focus=True):
    """Shows lines, made for its width; a subclass may make them as they are seen.

    Attributes:
        top: Index of the first line on the screen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(MOVEMENT)]

    COMPONENT_CLASSES: ClassVar[set[str]] = {"line--name", "line--identity", "line--found"}

    DEFAULT_CSS = """
    TextView {
        width: 1fr;
        height: 1fr;
        padding: 0 0 0 1;
        background: $background;
        color: $foreground;
        & > .line--name { color: $secondary; }
        & > .line--identity { color: $accent; }
        & > .line--found { color: $background; background: $warning; }
        &:ansi > .line--found { color: ansi_default; background: ansi_default; }
        &:ansi > .line--found { text-style: reverse; }
        &:nocolor > .line--found { text-style: reverse; }
    }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.top = 0
        self._content: Content = _nothing
        self._lines: Sequence[Line] = ()
        self._strips: LRUCache[int, Strip] = LRUCache(_CACHED_LINES)

    @property
    def line_count(self) -> int:
        """How many lines there are, as far as is known."""
        return len(self._lines)

    def line(self, index: int) -> Line:
        """Return one of the lines."""
        return self._lines[index]

    @property
    def text_width(self) -> int:
        """Cells for text: all but the one for the scroll bar."""
        return max(1, self.size.width - 1)

    def show(self, content: Content, *, keep_place: bool = False) -> None:
        """Show other lines, from the first one on or from where the view stands.

        Of a view that stays where it is, only lines that are different are painted.
        """
        before, top = [self._seen(y) for y in range(self.size.height)], self.top
        self._content = content
        if not keep_place:
            self.top = 0
        self._make_lines()
        if self.top != top:
            self.refresh()
            return
        for y, seen in enumerate(before):
            if self._seen(y) != seen:
                self.refresh(Region(0, y, self.size.width, 1))

    def reflow(self) -> None:
        """Make all lines again."""
        self._make_lines()
        self.refresh()

    def scroll_to_line(self, top: int) -> None:
        """Make `top` the first line on the screen, as far as there are lines below it."""
        before = self.top
        self.top = max(0, min(top, self.line_count - self.size.height))
        if self.top != before:
            self.refresh()

    def action_move(self, lines: int) -> None:
        """Scroll by `lines`."""
        self.scroll_to_line(self.top + lines)

    def action_move_pages(self, pages: float) -> None:
        """Scroll by `pages`."""
        self.scroll_to_line(self.top + round(pages * max(1, self.size.height - 1)))

    def action_move_first(self) -> None:
        """Scroll to the first line."""
        self.scroll_to_line(0)

    def action_move_last(self) -> None:
        """Scroll to the last line."""
        self.scroll_to_line(self.line_count)

    def render_line(self, y: int) -> Strip:
        """Return the line of the terminal at `y`."""
        index = self.top + y
        if index >= self.line_count:
            return self.strip(())
        strip = self._strips.get(index)
        if strip is None:
            strip = self._strips[index] = self.strip(self.line(index))
        if not self._on_thumb(y):
            return strip
        thumb = Strip([Segment("▐", self.rich_style + self.style_of("rule"))], 1)
        return Strip.join([strip.crop(0, self.size.width - 1), thumb])

    def _make_lines(self) -> None:
        if self.size.width:
            self._lines = self._content(self.text_width)
        self._strips.clear()
        self.scroll_to_line(self.top)

    def _seen(self, y: int) -> tuple[Line, bool]:
        """Return what line `y` of the terminal looks like."""
        index = self.top + y
        line = self._lines[index] if index < self.line_count else ()
        return line, self._on_thumb(y)

    def _on_thumb(self, y: int) -> bool:
        """Whether the thumb of the scroll bar is on line `y`; none if everything is seen."""
        count, page = self.line_count, self.size.height
        if count <= page:
            return False
        length = max(1, page * page // count)
        start = round(self.top * (page - length) / (count - page))
        return start <= y < start + length

    def notify_style_update(self) -> None:
        """Forget lines that were painted in other colours."""
        super().notify_style_update()
        self._strips.clear()

    def on_resize(self) -> None:
        """Fit the new size."""
        self.reflow()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll down."""
        event.stop()
        self.action_move(_WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll up."""
        event.stop()
        self.action_move(-_WHEEL_LINES)


def _nothing(width: int) -> Sequence[Line]:
    return ()
