"""The call list."""

from collections.abc import Hashable, Iterable
from typing import ClassVar

from textual.message import Message

from sipscope.calls.columns import (
    Placed,
    jitter_severity,
    loss_severity,
    mos_severity,
    place,
    severity,
    state_severity,
)
from sipscope.calls.rows import CallRow
from sipscope.calls.view import CallView
from sipscope.tui.line_list import LineList, Span, fit

_GUTTER = 3
_SIGNS = {"failed": "●", "doubtful": "▲"}
_QUIET = frozenset({"time", "reason"})


class CallList(LineList):
    """The calls of a view, one a line.

    Args:
        view: Which calls, in which order.

    Attributes:
        now: The time of the capture in ns, for calls in progress.
        marked: The calls that the person has marked.
        empty: What stands in the list when there is no call.
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

    def row_version(self, row: Hashable) -> Hashable:
        """Return what a line depends on: the dialog, its talk time, its mark."""
        call = self._call(row)
        if call is None:
            return None
        seconds = None if call.duration_s is None else int(call.duration_s)
        return call.version, seconds, row in self.marked

    def render_row(self, row: Hashable, width: int) -> Iterable[Span]:
        """Return the line of a call: mark, sign, columns."""
        call = self._call(row)
        if call is None:
            return
        sign = severity(call)
        yield Span("*" if row in self.marked else " ", "marked")
        yield Span(_SIGNS.get(sign, " ") + " ", sign)
        end = _GUTTER
        for placed in place(width, _GUTTER):
            yield Span(" " * (placed.start - end))
            column = placed.column
            yield Span(
                fit(column.text(call), placed.width, right=column.right),
                _cell_style(column.id, call),
            )
            end = placed.start + placed.width

    def render_header(self, width: int) -> Iterable[Span]:
        """Return the titles; an arrow shows what the list is sorted by."""
        arrow = "↓" if self.view.descending else "↑"
        line = ""
        spans = []
        for column, start, cells in place(width - 1, _GUTTER):
            gap = " " * (start - len(line))
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
        return spans

    def render_empty(self, width: int) -> Iterable[Span]:
        """Say why the list is empty."""
        return [Span(fit(" " * _GUTTER + self.empty, width), "old")]

    def on_line_list_header_clicked(self, event: LineList.HeaderClicked) -> None:
        """Ask for the order by the column that was clicked."""
        event.stop()
        column = _column_at(place(self.size.width - 1, _GUTTER), event.x)
        if column is not None:
            self.post_message(self.SortAsked(column))

    def _call(self, row: Hashable) -> CallRow | None:
        return self.view.row(row, self.now) if isinstance(row, int) else None


def _cell_style(column: str, call: CallRow) -> str:
    found = {
        "state": state_severity(call.state),
        "loss": loss_severity(call.loss_percent),
        "jitter": jitter_severity(call.jitter_ms),
        "mos": mos_severity(call.mos),
    }.get(column)
    if found is None:
        return "old" if column in _QUIET else ""
    return "" if found == "good" else found


def _column_at(columns: Iterable[Placed], x: int) -> str | None:
    for column, start, cells in columns:
        if start <= x <= start + cells:
            return column.id
    return None
