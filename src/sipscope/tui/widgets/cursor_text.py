"""Text to read with a cursor: the line under it, or the lines from a mark to it, can be taken."""

from rich.segment import Segment
from textual.strip import Strip

from sipscope.tui.widgets.text_view import Content, TextView


class CursorText(TextView):
    """Text with a line under the cursor.

    Attributes:
        cursor: Index of that line.
        mark: Index of the line from which on lines are marked, None for none.
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.cursor = 0
        self.mark: int | None = None

    @property
    def taken(self) -> range:
        """The lines from the mark to the cursor, or that of the cursor."""
        ends = (self.cursor, self.cursor if self.mark is None else self.mark)
        return range(min(ends), min(max(ends) + 1, self.line_count))

    def show(self, content: Content, *, keep_place: bool = False) -> None:
        """Show other lines; the cursor goes to the first one, unless the view is to stay."""
        if not keep_place:
            self.cursor, self.mark = 0, None
        super().show(content, keep_place=keep_place)
        self.refresh()

    def move_cursor(self, line: int) -> None:
        """Put the cursor on a line, or on the nearest that there is, and show it."""
        self.cursor = max(0, min(line, self.line_count - 1))
        height = max(1, self.size.height)
        self.scroll_to_line(max(self.cursor - height + 1, min(self.top, self.cursor)))
        self.refresh()

    def set_mark(self, marked: bool) -> None:
        """Mark lines from the cursor on, or none."""
        self.mark = self.cursor if marked else None
        self.refresh()

    def action_move(self, lines: int) -> None:
        """Move the cursor by `lines`."""
        self.move_cursor(self.cursor + lines)

    def action_move_pages(self, pages: float) -> None:
        """Move the cursor and what is seen by `pages`."""
        lines = round(pages * max(1, self.size.height - 1))
        self.scroll_to_line(self.top + lines)
        self.move_cursor(self.cursor + lines)

    def action_move_first(self) -> None:
        """Move the cursor to the first line."""
        self.move_cursor(0)

    def action_move_last(self) -> None:
        """Move the cursor to the last line."""
        self.move_cursor(self.line_count - 1)

    def render_line(self, y: int) -> Strip:
        """Return the line of the terminal at `y`."""
        index = self.top + y
        if index not in self.taken:
            return super().render_line(y)
        strip = self.strip(self.line(index), cursor=True)
        if not self._on_thumb(y):
            return strip
        thumb = Strip([Segment("▐", self.rich_style + self.style_of("rule"))], 1)
        return Strip.join([strip.crop(0, self.size.width - 1), thumb])
