"""What has been seen, in numbers: methods, answers, states."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, ClassVar, TypeVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from sipscope.decode.text import display
from sipscope.tui.keys import EVERYWHERE, MOVEMENT, STATISTICS, Context, bindings
from sipscope.tui.line_list import Span
from sipscope.tui.status import StatusLine
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.text_view import TextView
from sipscope.tui.widgets.wrapping import Line

if TYPE_CHECKING:
    from sipscope.engine import Engine

_Name = TypeVar("_Name", str, int)

_REFRESH_S = 1.0
_COLUMN_WIDTHS = (26, 38)
_SHARE_WIDTH = 8
_CLASSES = {
    1: "1xx progress",
    2: "2xx success",
    3: "3xx redirect",
    4: "4xx client",
    5: "5xx server",
    6: "6xx global",
}


class StatisticsScreen(Screen[None]):
    """Counts with their shares, live.

    Args:
        engine: Whose store is counted.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(STATISTICS)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (STATISTICS, MOVEMENT, EVERYWHERE)

    def __init__(self, engine: "Engine") -> None:
        super().__init__()
        self.engine = engine
        self._text = TextView()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield StatusLine(self.engine)
        yield self._text
        yield KeyLine(STATISTICS)

    def on_mount(self) -> None:
        """Count from now on."""
        self._text.focus()
        self.count()
        self.set_interval(_REFRESH_S, self.count)

    def count(self) -> None:
        """Count and show."""
        if not self.is_current:
            return
        store = self.engine.store
        with store.lock:
            methods = dict(store.counters.methods)
            statuses = dict(store.counters.statuses)
            states = {state.replace("-", " "): n for state, n in store.states.items() if n}
        self._text.show(partial(statistics_lines, methods, statuses, states), keep_place=True)

    def action_back(self) -> None:
        """Go back."""
        self.dismiss()


def statistics_lines(
    methods: Mapping[str, int], statuses: Mapping[int, int], states: Mapping[str, int], width: int
) -> list[Line]:
    """Return the statistics in as many columns as fit `width` cells.

    Args:
        methods: Requests by method.
        statuses: Responses by status code.
        states: Dialogs by state.
        width: Of the screen.
    """
    classes: Counter[str] = Counter()
    for status, number in statuses.items():
        classes[_CLASSES.get(status // 100, "other")] += number
    fitting = [cells for cells in _COLUMN_WIDTHS if 3 * cells <= width]
    cells = max(fitting, default=_COLUMN_WIDTHS[0])
    tables = [
        _table("Requests", [(display(method), n) for method, n in _by_number(methods)], cells),
        [
            *_table("Responses", sorted(classes.items()), cells),
            (),
            *_table("Status codes", [(str(s), n) for s, n in _by_number(statuses)], cells),
        ],
        _table("Calls and others", _by_number(states), cells),
    ]
    if not fitting:
        return [line for table in tables for line in ((), *table)]
    return [
        (),
        *(
            tuple(span for cell in row for span in _filled(cell, cells))
            for row in zip_longest(*tables, fillvalue=())
        ),
    ]


def _by_number(counts: Mapping[_Name, int]) -> list[tuple[_Name, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))


def _table(title: str, rows: Iterable[tuple[str, int]], width: int) -> list[Line]:
    rows = list(rows)
    total = sum(number for _, number in rows)
    return [
        (Span(title, "strong"),),
        *(
            (
                Span(name),
                Span(f"{number:,}".rjust(width - len(name) - _SHARE_WIDTH - 2)),
                Span(f"{100 * number / total:.1f} %".rjust(_SHARE_WIDTH), "old"),
            )
            for name, number in rows
        ),
    ]


def _filled(line: Line, width: int) -> Line:
    used = sum(cell_len(span.text) for span in line)
    return (*line, Span(" " * (width - used)))
