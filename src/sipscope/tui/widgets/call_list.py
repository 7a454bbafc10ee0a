"""The call list."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import ClassVar, Literal

from textual.message import Message

from sipscope.calls.column_places import Placed, place
from sipscope.calls.columns import (
    USUAL,
    Severity,
    find_column,
    jitter_severity,
    loss_severity,
    mos_severity,
    severity,
    state_severity,
)
from sipscope.calls.rows import CallRow
from sipscope.calls.view import CallView
from sipscope.tui.line_list import LineList, Span, fit

ColorBy = Literal["state", "group", "problem", "method"]
COLOR_BY: tuple[ColorBy, ...] = ("state", "group", "problem", "method")

_GUTTER = 3
_SIGNS = {"failed": "●", "doubtful": "▲"}
_QUIET = frozenset({"time", "date", "index", "reason"})
_HUES = ("progress", "good", "doubtful", "marked", "")
"""Of groups, in turn; red stays for what failed."""

_METHOD_HUES = {
    "INVITE": "progress",
    "REGISTER": "good",
    "MESSAGE": "doubtful",
    "OPTIONS": "old",
    "PUBLISH": "marked",
    "SUBSCRIBE": "marked",
    "NOTIFY": "marked",
}


_RATED: dict[str, Callable[[CallRow], Severity]] = {
    "state": lambda call: state_severity(call.state),
    "loss": lambda call: loss_severity(call.loss_percent),
    "jitter": lambda call: jitter_severity(call.jitter_ms),
    "mos": lambda call: mos_severity(call.mos),
}


class CallList(LineList):
    """The calls of a view, one a line.

    Args:
        view: Which calls, in which order.

    Attributes:
        now: The time of the capture in ns, for calls in progress.
        marked: The calls that the person has marked.
        empty: What stands in the list when there is no call.
        color_by: What the colour of a line means.
        chosen: Ids of the columns that the person wants, empty for as many usual ones as fit.
        widths: Cells of columns whose width is fixed.
    """

    class SortAsked(Message):
        """The title of a column was clicked."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    header_lines: ClassVar[int] = 1

    def __init__(self, view: CallView) -> None:
        super().__init__()
        self.view = view
        self.now = 0
        self.marked: set[int] = set()
        self.empty = ""
        self.color_by: ColorBy = "state"
        self.chosen: tuple[str, ...] = ()
        self.widths: tuple[tuple[str, int], ...] = ()
        self._skip = 0

    @property
    def column_ids(self) -> list[str]:
        """The columns from left to right, those off the screen too."""
        return list(self.chosen) or [column.id for column in USUAL]

    def arrange_columns(self, chosen: Iterable[str], widths: Mapping[str, int]) -> None:
        """Show other columns, or in other widths; what is no column is left out."""
        self.chosen = tuple(each for each in chosen if find_column(each) is not None)
        self.widths = tuple(widths.items())
        self._skip = 0
        found = map(find_column, self.column_ids)
        self.view.show_columns(column for column in found if column is not None)
        self.refresh_all()

    def pan(self, columns: int) -> None:
        """Move over the columns that are off the screen."""
        placed = self._placed(self.size.width - 1)
        at_end = self._skip + len(placed) >= len(self.column_ids)
        if columns > 0 and at_end:
            return
        skip = max(0, min(self._skip + columns, len(self.column_ids) - 1))
        if skip != self._skip:
            self._skip = skip
            self.refresh_all()

    def row_version(self, row: Hashable) -> Hashable:
        """Return what a line depends on: the dialog, its talk time, its marks, the columns."""
        call = self._call(row)
        if call is None:
            return None
        seconds = None if call.duration_s is None else int(call.duration_s)
        return call.version, seconds, self._mark(call.id), self.color_by

    def render_row(self, row: Hashable, width: int) -> Iterable[Span]:
        """Return the line of a call: mark, sign, columns."""
        call = self._call(row)
        if call is None:
            return
        cells = self.view.cells(call.id, self.now)
        sign = severity(call)
        colour = self._colour(call)
        yield Span(self._mark(call.id), "marked")
        yield Span(_SIGNS.get(sign, " ") + " ", sign)
        end = _GUTTER
        for column, start, room in self._placed(width):
            yield Span(" " * (start - end))
            text = fit(cells.get(column.id, ""), room, right=column.right)
            own = _cell_style(column.id, call)
            yield Span(text, own if colour is None or own in ("failed", "doubtful") else colour)
            end = start + room

    def render_header(self, width: int) -> Iterable[Span]:
        """Return the titles; an arrow shows what the list is sorted by."""
        arrow = "↓" if self.view.descending else "↑"
        placed = self._placed(width - 1)
        line = ""
        spans = []
        for column, start, cells in placed:
            gap = " " * (start - len(line))
            if self._skip and column is placed[0].column:
                gap = gap[:-2] + "◂ "
            sorted_by = column.id == self.view.column
            title = column.title
            if sorted_by and column.right:
                gap = gap[:-1] + arrow if len(title) == cells else gap
                title = title if len(title) == cells else arrow + title
            elif sorted_by:
                title += arrow
            text = fit(title, cells, right=column.right)
            spans += [Span(gap, "strong" if arrow in gap else "old")]
            spans += [Span(text, "strong" if sorted_by else "old")]
            line += gap + text
        if self._skip + len(placed) < len(self.column_ids):
            spans.append(Span(" " * (width - 1 - len(line)) + "▸", "old"))
        return spans

    def render_empty(self, width: int) -> Iterable[Span]:
        """Say why the list is empty."""
        return [Span(fit(" " * _GUTTER + self.empty, width), "old")]

    def on_line_list_header_clicked(self, event: LineList.HeaderClicked) -> None:
        """Ask for the order by the column that was clicked."""
        event.stop()
        column = _column_at(self._placed(self.size.width - 1), event.x)
        if column is not None:
            self.post_message(self.SortAsked(column))

    def _placed(self, width: int) -> tuple[Placed, ...]:
        return place(width, _GUTTER, self.chosen, self.widths, self._skip)

    def _call(self, row: Hashable) -> CallRow | None:
        return self.view.row(row, self.now) if isinstance(row, int) else None

    def _mark(self, dialog_id: int) -> str:
        pinned = self.view.is_pinned(dialog_id)
        if dialog_id in self.marked:
            return "◈" if pinned else "*"
        return "◆" if pinned else " "

    def _colour(self, call: CallRow) -> str | None:
        """Return the colour of a line, None where only single cells have one."""
        match self.color_by:
            case "group":
                return _HUES[call.group % len(_HUES)]
            case "problem":
                found = severity(call)
                return found if found in ("failed", "doubtful") else "old"
            case "method":
                return _METHOD_HUES.get(call.method, "")
        return None


def _cell_style(column: str, call: CallRow) -> str:
    if column not in _RATED:
        return "old" if column in _QUIET else ""
    found = _RATED[column](call)
    return "" if found == "good" else found


def _column_at(columns: Iterable[Placed], x: int) -> str | None:
    for column, start, cells in columns:
        if start <= x <= start + cells:
            return column.id
    return None
