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
        style: One of the names in `STYLES`, or several with blanks between; empty for plain
            text.
    """

    text: str
    style: str = ""


STYLES = (
    "failed",
    "doubtful",
    "good",
    "progress",
    "old",
    "rule",
    "strong",
    "marked",
    "alarm",
    "place",
)
"""What a span can mean: see `themes`; `strong` is bold, `alarm` red behind, `place` what is
read out elsewhere."""


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


def changed_cells(old: Strip, new: Strip) -> tuple[int, int]:
    """Return from which cell up to before which one two lines differ; the same twice if nowhere."""
    if old.cell_length != new.cell_length:
        return 0, max(old.cell_length, new.cell_length)
    before, after = list(old), list(new)
    begin = 0
    while before and after and _looks_alike(before[0], after[0]):
        begin += before[0].cell_length
        del before[0], after[0]
    end = new.cell_length
    while before and after and _looks_alike(before[-1], after[-1]):
        end -= before.pop().cell_length
        after.pop()
    if before and after and before[0].style == after[0].style:
        begin += _common(before[0].text, after[0].text)
    if before and after and before[-1].style == after[-1].style:
        end -= _common(before[-1].text[::-1], after[-1].text[::-1])
    return begin, max(begin, end)


def _looks_alike(one: Segment, other: Segment) -> bool:
    """Tell whether two pieces of a line look the same; blanks do in any colour of text."""
    if one.text != other.text:
        return False
    if one.style == other.style:
        return True
    if one.style is None or other.style is None or not one.text.isspace():
        return False
    return _behind(one.style) == _behind(other.style)


def _behind(style: Style) -> tuple[object, ...]:
    """Return what is seen of a style where there is no text."""
    return style.bgcolor, style.color if style.reverse else None, style.underline


def _common(one: str, other: str) -> int:
    """Return how many cells two texts have in common at their beginning."""
    if not (one.isascii() and other.isascii()):
        return 0
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


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
        & > .line--place { background: $cursor; }
        & > .line--cursor { background: $cursor; text-style: bold; }
        &:ansi > .line--alarm { color: ansi_default; background: ansi_default; }
        &:ansi > .line--alarm { text-style: bold reverse; }
        &:ansi > .line--place { background: ansi_bright_black; }
        &:ansi > .line--cursor { background: ansi_default; text-style: reverse; }
        &:nocolor > .line--place { background: ansi_default; text-style: underline; }
        &:nocolor > .line--cursor { text-style: reverse; }
        &:nocolor > .line--alarm { text-style: bold reverse; }
        &:nocolor > .line--old { text-style: dim; }
        &:nocolor > .line--rule { text-style: dim; }
    }
    """

    ALLOW_SELECT = False

    def style_of(self, names: str) -> Style:
        """Return what names in `STYLES`, or `cursor`, add to the text; of no name, the text's."""
        # Textual works them out again each time, which costs more than all else in a line.
        known: dict[str, Style] = self.__dict__.setdefault("_known_styles", {})
        found = known.get(names)
        if found is None:
            parts = names.split(" ") if names else ()
            own = [self.get_component_rich_style(f"line--{name}", partial=True) for name in parts]
            found = known[names] = Style.combine(own) if own else self.rich_style
        return found

    def notify_style_update(self) -> None:
        """Forget colours that are others now."""
        super().notify_style_update()
        self.__dict__.pop("_known_styles", None)

    def strip(self, spans: Iterable[Span | tuple[str, str]], *, cursor: bool = False) -> Strip:
        """Return one line as wide as the widget; runs of one style are one segment.

        Args:
            spans: Cut on the right when they are too long.
            cursor: Whether the cursor is on the line.
        """
        base = self.style_of("")
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
        self._strip_at: dict[int, Strip] = {}
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
                self._refresh_line(y)

    def refresh_header(self) -> None:
        """Paint the header again."""
        self.refresh(Region(0, 0, self.size.width, 1))

    def refresh_all(self) -> None:
        """Forget what was formatted and paint everything."""
        self._strips.clear()
        self._painted.clear()
        self._strip_at.clear()
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
        strip = self._strip_at[y] = self._line(key, y - header)
        return strip

    def notify_style_update(self) -> None:
        """Forget lines that were painted in other colours."""
        super().notify_style_update()
        self._strips.clear()
        self._strip_at.clear()

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

    def _refresh_line(self, y: int) -> None:
        """Paint what is different in a line: over SSH every cell counts."""
        begin, end = 0, self.size.width
        if y in self._strip_at:
            line = y - self.header_lines
            begin, end = changed_cells(self._strip_at[y], self._line(self._line_key(line), line))
        if begin < end:
            self.refresh(Region(begin, y, end - begin, 1))
        else:
            self._painted[y] = self._line_key(y - self.header_lines)

    def _line(self, key: Hashable, line: int) -> Strip:
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._format_line(line)
        return strip

    def _format_line(self, line: int) -> Strip:
        width = self.size.width
        index = self.top + line
        if index >= len(self.rows):
            return self.strip(self.render_empty(width - 1) if not index else ())
        spans = list(self.render_row(self.rows[index], width - 1))
        strip = self.strip(spans, cursor=index == self._index)
        if not self._on_thumb(line, self.page):
            return strip
        thumb = Strip([Segment("▐", self.rich_style + self.style_of("rule"))], 1)
        return Strip.join([strip.crop(0, width - 1), thumb])

    def _line_key(self, line: int) -> Hashable:
        index = self.top + line
        width, height = self.size
        if index >= len(self.rows):
            return (None, width, *self.render_empty(width - 1)) if not index else (None, width)
        row = self.rows[index]
        on_thumb = self._on_thumb(line, max(1, height - self.header_lines))
        return (row, self.row_version(row), index == self._index, on_thumb, width)

    def _on_thumb(self, line: int, page: int) -> bool:
        """Whether the thumb of the scroll bar is on `line`; none if everything is seen."""
        count = len(self.rows)
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
