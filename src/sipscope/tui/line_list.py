"""Lines of text with meaning-bearing styles, and a list of any length made of them.

`LineList` formats a row only when it is seen and paints a line only when it changed: its
cost does not depend on how many rows there are.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from sipscope.tui.keys import MOVEMENT, bindings

_CACHED_LINES = 1024
_WHEEL_LINES = 3


class Span(NamedTuple):
    """A piece of a line.

    Attributes:
        text: Safe to show: from `decode.text.display` if it came from the network.
        style: One of the names in `STYLES`; empty for plain text.
    """

    text: str
    style: str = ""


STYLES = ("failed", "doubtful", "good", "progress", "old", "rule", "strong", "marked", "alarm")
"""What a span can mean: see `themes`; `strong` is bold, `alarm` red behind."""


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Return `text` in exactly `width` cells, cut with an ellipsis or filled with spaces.

    Args:
        text: One line.
        width: Cells of the terminal, wide characters count as two.
        right: Fill on the left: for numbers.
    """
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 0 else ""
    fill = " " * (width - length)
    return fill + text if right else text + fill


class StyledLines(Widget):
    """A widget that paints lines of spans."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line--{name}" for name in (*STYLES, "cursor")}

    DEFAULT_CSS = """
    StyledLines {
        & > .line--failed { color: $error; }
        & > .line--doubtful { color: $warning; }
        & > .line--good { color: $success; }
        & > .line--progress { color: $primary; }
        & > .line--old { color: $old; }
        & > .line--rule { color: $rule; }
        & > .line--strong { text-style: bold; }
        & > .line--marked { color: $marked; text-style: bold; }
        & > .line--alarm { color: $background; background: $error; text-style: bold; }
        & > .line--cursor { background: $cursor; text-style: bold; }
        &:ansi > .line--alarm { color: ansi_default; background: ansi_default; }
        &:ansi > .line--alarm { text-style: bold reverse; }
        &:ansi > .line--cursor { background: ansi_default; text-style: reverse; }
        &:nocolor > .line--cursor { text-style: reverse; }
        &:nocolor > .line--alarm { text-style: bold reverse; }
        &:nocolor > .line--old { text-style: dim; }
        &:nocolor > .line--rule { text-style: dim; }
    }
    """

    ALLOW_SELECT = False

    def style_of(self, name: str) -> Style:
        """Return the colours and attributes of a name in `STYLES`, or of `cursor`."""
        return self.get_component_rich_style(f"line--{name}", partial=True)

    def strip(self, spans: Iterable[Span | tuple[str, str]], *, cursor: bool = False) -> Strip:
        """Return one line as wide as the widget; runs of one style are one segment.

        Args:
            spans: Cut on the right when they are too long.
            cursor: Whether the cursor is on the line.
        """
        base = self.rich_style
        if cursor:
            base += self.style_of("cursor")
        segments: list[Segment] = []
        text, current = "", ""
        for piece, style in spans:
            if style != current:
                if text:
                    segments.append(self._segment(text, current, base, cursor))
                text, current = piece, style
            else:
                text += piece
        if text:
            segments.append(self._segment(text, current, base, cursor))
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _segment(self, text: str, style: str, base: Style, cursor: bool) -> Segment:
        if not style:
            return Segment(text, base)
        own = self.style_of(style)
        if cursor and base.reverse:
            own = Style(bold=own.bold)
        return Segment(text, base + own)


class LineList(StyledLines, can_focus=True):
    """A list of rows, one line each, with a cursor that stays on its row.

    A subclass says how a row looks (`render_row`) and when it looks different
    (`row_version`), and gives the rows in order with `show`. A row is anything hashable
    that stays the same while the row lives: the id of a dialog, not its place.
    """

    header_lines: ClassVar[int] = 0
    """1 in a list with titles over the rows."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(MOVEMENT)]

    DEFAULT_CSS = """
    LineList {
        width: 1fr;
        height: 1fr;
        background: $background;
        color: $foreground;
    }
    """

    class Moved(Message):
        """The cursor came to another row.

        Attributes:
            line_list: Where.
            row: The row under the cursor, None in an empty list.
        """

        def __init__(self, line_list: "LineList", row: Hashable | None) -> None:
            super().__init__()
            self.line_list = line_list
            self.row = row

        @property
        def control(self) -> "LineList":
            """The list."""
            return self.line_list

    class Opened(Message):
        """A row was clicked twice."""

        def __init__(self, line_list: "LineList", row: Hashable) -> None:
            super().__init__()
            self.line_list = line_list
            self.row = row

        @property
        def control(self) -> "LineList":
            """The list."""
            return self.line_list

    class HeaderClicked(Message):
        """The header was clicked.

        Attributes:
            x: The column of the terminal, from the left of the list.
        """

        def __init__(self, line_list: "LineList", x: int) -> None:
            super().__init__()
            self.line_list = line_list
            self.x = x

        @property
        def control(self) -> "LineList":
            """The list."""
            return self.line_list

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.rows: Sequence[Hashable] = ()
        self.top = 0
        self._index = 0
        self._painted: dict[int, Hashable] = {}
        self._strips: LRUCache[Hashable, Strip] = LRUCache(_CACHED_LINES)

    def row_version(self, row: Hashable) -> Hashable:
        """Return a value that differs whenever the row would look different."""
        return 0

    def render_row(self, row: Hashable, width: int) -> Iterable[Span | tuple[str, str]]:
        """Return the row's line, `width` cells wide."""
        raise NotImplementedError

    def render_header(self, width: int) -> Iterable[Span | tuple[str, str]]:
        """Return the line over the rows, seen if `header_lines` is 1."""
        return ()

    def render_empty(self, width: int) -> Iterable[Span | tuple[str, str]]:
        """Return the line that stands in an empty list."""
        return ()

    @property
    def row(self) -> Hashable | None:
        """The row under the cursor, None in an empty list."""
        return self.rows[self._index] if self.rows else None

    @property
    def index(self) -> int:
        """The place of the cursor, 0 in an empty list."""
        return self._index

    @property
    def page(self) -> int:
        """How many rows are seen at once, at least 1."""
        return max(1, self.size.height - self.header_lines)

    @property
    def visible_rows(self) -> Sequence[Hashable]:
        """The rows that are on the screen."""
        return self.rows[self.top : self.top + self.page]

    def show(self, rows: Sequence[Hashable]) -> None:
        """Take `rows` as the contents, in this order; the cursor stays on its row.

        The list does not move under the eye: the row of the cursor keeps its line, except
        at the top, where new rows push the others down as long as the cursor is seen. If the
        row has gone, the one in its place gets the cursor.
        """
        before, line = self.row, self._index - self.top
        self.rows = rows
        self._index = self._place(before)
        if self.top or line >= self.page or self._index >= self.page:
            self.top = self._index - line
        self._stay_inside()
        if self.row != before:
            self.post_message(self.Moved(self, self.row))
        self.refresh_changed()

    def refresh_changed(self) -> None:
        """Paint the lines that look different from what is on the screen."""
        header = self.header_lines
        last = header + self.page
        for y in range(header, min(last, self.size.height)):
            if self._painted.get(y) != self._line_key(y - header):
                self.refresh(Region(0, y, self.size.width, 1))

    def refresh_header(self) -> None:
        """Paint the header again."""
        self.refresh(Region(0, 0, self.size.width, 1))

    def refresh_all(self) -> None:
        """Forget what was formatted and paint everything."""
        self._strips.clear()
        self._painted.clear()
        self.refresh()

    def move_to(self, row: Hashable) -> None:
        """Put the cursor on `row`; nothing happens if it is not in the list."""
        index = self._find(row)
        if index is not None:
            self.move_to_index(index)

    def move_to_index(self, index: int) -> None:
        """Put the cursor on the row at `index`, or the nearest that there is."""
        before = self.row
        self._index = index
        self._stay_inside()
        if self.row != before:
            self.post_message(self.Moved(self, self.row))
        self.refresh_changed()

    def action_move(self, lines: int) -> None:
        """Move the cursor by `lines`."""
        self.move_to_index(self._index + lines)

    def action_move_pages(self, pages: float) -> None:
        """Move the cursor and what is seen by `pages`."""
        lines = int(pages * self.page) or (1 if pages > 0 else -1)
        self.top += lines
        self.move_to_index(self._index + lines)

    def action_move_first(self) -> None:
        """Move the cursor to the first row."""
        self.move_to_index(0)

    def action_move_last(self) -> None:
        """Move the cursor to the last row."""
        self.move_to_index(len(self.rows) - 1)

    def render_line(self, y: int) -> Strip:
        """Return the line of the terminal at `y`, from the top of the list."""
        header = self.header_lines
        if y < header:
            return self.strip(self.render_header(self.size.width))
        key = self._line_key(y - header)
        self._painted[y] = key
        strip = self._strips.get(key)
        if strip is None:
            strip = self._format_line(y - header)
            self._strips[key] = strip
        return strip

    def notify_style_update(self) -> None:
        """Forget lines that were painted in other colours."""
        super().notify_style_update()
        self._strips.clear()

    def on_resize(self) -> None:
        """Keep the cursor on the screen."""
        self._stay_inside()
        self.refresh_all()

    def on_focus(self) -> None:
        """Show the cursor."""
        self.refresh_changed()

    def on_blur(self) -> None:
        """Show the cursor."""
        self.refresh_changed()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to where the mouse is; a second click opens the row."""
        line = event.y - self.header_lines
        if line < 0:
            self.post_message(self.HeaderClicked(self, event.x))
        elif self.top + line < len(self.rows):
            self.move_to_index(self.top + line)
            if event.chain > 1 and self.row is not None:
                self.post_message(self.Opened(self, self.row))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move down."""
        event.stop()
        self.action_move(_WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move up."""
        event.stop()
        self.action_move(-_WHEEL_LINES)

    def _format_line(self, line: int) -> Strip:
        width = self.size.width
        index = self.top + line
        if index >= len(self.rows):
            return self.strip(self.render_empty(width - 1) if not index else ())
        spans = list(self.render_row(self.rows[index], width - 1))
        strip = self.strip(spans, cursor=index == self._index)
        if not self._on_thumb(line):
            return strip
        thumb = Strip([Segment("▐", self.rich_style + self.style_of("rule"))], 1)
        return Strip.join([strip.crop(0, width - 1), thumb])

    def _line_key(self, line: int) -> Hashable:
        index = self.top + line
        width = self.size.width
        if index >= len(self.rows):
            return (None, width, *self.render_empty(width - 1)) if not index else (None, width)
        row = self.rows[index]
        return (row, self.row_version(row), index == self._index, self._on_thumb(line), width)

    def _on_thumb(self, line: int) -> bool:
        """Whether the thumb of the scroll bar is on `line`; none if everything is seen."""
        count, page = len(self.rows), self.page
        if count <= page:
            return False
        length = max(1, page * page // count)
        start = round(self.top * (page - length) / (count - page))
        return start <= line < start + length

    def _find(self, row: Hashable) -> int | None:
        if self._index < len(self.rows) and self.rows[self._index] == row:
            return self._index
        try:
            return self.rows.index(row)
        except ValueError:
            return None

    def _place(self, row: Hashable | None) -> int:
        found = None if row is None else self._find(row)
        return self._index if found is None else found

    def _stay_inside(self) -> None:
        """Keep the cursor on a row and on the screen, and the screen within the rows."""
        count, page = len(self.rows), self.page
        self._index = max(0, min(self._index, count - 1))
        self.top = max(self._index - page + 1, min(self.top, self._index))
        self.top = max(0, min(self.top, count - page))
