"""Choosing the columns of the call list: which, in which order, how wide."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from sipscope.calls.columns import COLUMNS, HEADER_PREFIX, USUAL, find_column
from sipscope.decode.text import display
from sipscope.settings.editing import save_settings
from sipscope.settings.loading import SettingsError
from sipscope.settings.paths import NO_FILES_VARIABLE, settings_file, settings_files
from sipscope.tui.keys import COLUMNS as KEYS
from sipscope.tui.keys import EVERYWHERE, MOVEMENT, Context, bindings
from sipscope.tui.line_list import LineList, Span, fit
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.notice_line import NoticeLine
from sipscope.tui.widgets.search_line import SearchLine

if TYPE_CHECKING:
    from sipscope.tui.app import SipscopeApp

MOST_WIDTH = 200


class ShownColumns(NamedTuple):
    """The columns of a person.

    Attributes:
        columns: Ids from left to right; empty for as many of the usual ones as fit.
        widths: Cells of those whose width is fixed.
    """

    columns: tuple[str, ...]
    widths: Mapping[str, int]


class ColumnsList(LineList):
    """All columns, those that are shown first, in their order.

    Attributes:
        shown: Ids of the columns that are shown, from left to right.
        widths: Cells of those whose width is fixed.
    """

    header_lines: ClassVar[int] = 1

    def __init__(self, given: ShownColumns) -> None:
        super().__init__()
        self.shown = list(given.columns) or [column.id for column in USUAL]
        self.widths = dict(given.widths)

    def list_again(self, cursor: str | None = None) -> None:
        """Show the columns as they are now."""
        rest = [column.id for column in COLUMNS if column.id not in self.shown]
        self.show((*self.shown, *rest))
        if cursor is not None:
            self.move_to(cursor)

    def row_version(self, row: Hashable) -> Hashable:
        """Return what a line depends on."""
        return row in self.shown, self.widths.get(str(row))

    def render_row(self, row: Hashable, width: int) -> Iterable[Span]:
        """Return a column: whether it is shown, its title, width and meaning."""
        column = find_column(str(row))
        if column is None:
            return
        shown = column.id in self.shown
        fixed = self.widths.get(column.id)
        most = f"{column.width} to {column.most}" if column.most > column.width else column.width
        yield Span("   [x] " if shown else "   [ ] ", "marked" if shown else "old")
        yield Span(fit(column.title, 18), "strong" if shown else "")
        yield Span(
            fit(f"{most if fixed is None else fixed}", 10), "" if fixed is None else "marked"
        )
        yield Span(column.words, "old")

    def render_header(self, width: int) -> Iterable[Span]:
        """Return the titles."""
        return [Span(f"       {'Column':18}{'Width':10}What it is", "old")]


class ColumnsScreen(Screen[ShownColumns | None]):
    """Lets the person choose columns; the result is what was chosen.

    Args:
        given: The columns as they are.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (KEYS, MOVEMENT, EVERYWHERE)

    app: "SipscopeApp"

    def __init__(self, given: ShownColumns) -> None:
        super().__init__()
        self.list = ColumnsList(given)
        self._usual = not given.columns
        self._notice = NoticeLine()
        self._header = SearchLine("the name of a SIP header, as User-Agent", sign="+")

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self._notice
        yield self._header
        yield self.list
        yield KeyLine(KEYS)

    def on_mount(self) -> None:
        """Show the columns."""
        self.list.focus()
        self.list.list_again()
        self._tell()

    @property
    def chosen(self) -> ShownColumns:
        """The columns as they are now."""
        columns = () if self._usual else tuple(self.list.shown)
        return ShownColumns(columns, dict(self.list.widths))

    def action_show(self) -> None:
        """Show the column under the cursor, or not; one has to stay."""
        column, shown = str(self.list.row), self.list.shown
        if column not in shown:
            shown.append(column)
        elif len(shown) > 1:
            shown.remove(column)
        self._changed(column)

    def action_shift(self, places: int) -> None:
        """Move the column under the cursor further to the left or right."""
        column, shown = str(self.list.row), self.list.shown
        if column in shown:
            place = shown.index(column)
            shown.remove(column)
            shown.insert(max(0, place + places), column)
            self._changed(column)

    def action_widen(self, cells: int) -> None:
        """Make the column under the cursor wider or narrower."""
        name = str(self.list.row)
        column = find_column(name)
        if column is not None:
            width = self.list.widths.get(name, column.width) + cells
            self.list.widths[name] = max(1, min(width, MOST_WIDTH))
            self.list.refresh_changed()

    def action_add_header(self) -> None:
        """Ask for the name of a header."""
        self._header.open()

    def action_default(self) -> None:
        """Show as many of the usual columns as fit."""
        self._usual = True
        self.list.shown = [column.id for column in USUAL]
        self.list.widths.clear()
        self.list.list_again()
        self._tell()

    def action_save(self) -> None:
        """Keep the columns in the person's settings."""
        if not settings_files():
            self._notice.say(f"{NO_FILES_VARIABLE} is set: nothing is kept", "doubtful")
            return
        columns, widths = self.chosen
        changes = {"list": {"columns": columns or None, "widths": dict(widths) or None}}
        try:
            save_settings(settings_file(), changes)
        except SettingsError as error:
            self._notice.say(display(str(error)), "failed")
            return
        kept = replace(self.app.settings.list, columns=columns, widths=dict(widths))
        self.app.settings = replace(self.app.settings, list=kept)
        self._notice.say(f"Kept in {display(str(settings_file()))}", "good")

    def action_back(self) -> None:
        """Go back to the calls."""
        self.dismiss(self.chosen)

    def on_search_line_asked(self, event: SearchLine.Asked) -> None:
        """Add the header that was typed."""
        self.list.focus()
        if event.words is None:
            return
        name = event.words.strip().removesuffix(":").removeprefix(HEADER_PREFIX)
        column = find_column(HEADER_PREFIX + name)
        if column is None:
            self._notice.say("That is no name of a header: letters, digits and -", "doubtful")
            return
        if column.id not in self.list.shown:
            self.list.shown.append(column.id)
        self._changed(column.id)

    def _changed(self, cursor: str) -> None:
        self._usual = False
        self.list.list_again(cursor)
        self.list.refresh_changed()
        self._tell()

    def _tell(self) -> None:
        words = "as many as fit, the most important first" if self._usual else "in this order"
        self._notice.state([Span("Columns", "strong"), Span(f"   {words}", "old")], "")
