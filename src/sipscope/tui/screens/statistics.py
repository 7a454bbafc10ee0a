"""The traffic in numbers: how calls go, over time, and who makes them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from sipscope.calls.names import AddressNames
from sipscope.calls.statistics import Figures, Minute, TrafficStatistics
from sipscope.decode.address import parse_address
from sipscope.decode.text import display
from sipscope.settings.model import Settings
from sipscope.tui.keys import EVERYWHERE, MOVEMENT, STATISTICS, Context, bindings
from sipscope.tui.line_list import Span, fit
from sipscope.tui.status import StatusLine
from sipscope.tui.visibility import is_seen
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.moments import clock
from sipscope.tui.widgets.sparkline import bars, resample
from sipscope.tui.widgets.text_view import TextView
from sipscope.tui.widgets.wrapping import Line

if TYPE_CHECKING:
    from sipscope.engine import Engine

_Name = TypeVar("_Name", str, int)

_REFRESH_S = 1.0
_BUDGET_S = 0.02
_COLUMN_WIDTHS = (26, 38)
_SHARE_WIDTH = 8
_CHART_LINES = 3
_WIDEST_BAR = 8
_TITLE, _VALUE = 14, 9
_MOST_NAMES = 12
_CLASSES = {
    1: "1xx progress",
    2: "2xx success",
    3: "3xx redirect",
    4: "4xx client",
    5: "5xx server",
    6: "6xx global",
}


class Counts(NamedTuple):
    """What the store counted.

    Attributes:
        methods: Requests by method.
        statuses: Responses by status code.
        states: Dialogs by state.
    """

    methods: Mapping[str, int]
    statuses: Mapping[int, int]
    states: Mapping[str, int]


class StatisticsScreen(Screen[None]):
    """Figures of the traffic, live.

    Args:
        engine: Whose calls are counted.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(STATISTICS)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (STATISTICS, MOVEMENT, EVERYWHERE)

    def __init__(self, engine: "Engine") -> None:
        super().__init__()
        self.engine = engine
        self._traffic: TrafficStatistics | None = None
        self._names = AddressNames({})
        self._text = TextView()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield StatusLine(self.engine)
        yield self._text
        yield KeyLine(STATISTICS)

    def on_mount(self) -> None:
        """Count from now on; what was counted when the screen was last open still counts."""
        settings: Settings = getattr(self.app, "settings", Settings())
        self._names = AddressNames(settings.aliases)
        self._traffic = self._kept_traffic()
        self._text.focus()
        self.count()
        self.set_interval(_REFRESH_S, self.count)

    def count(self) -> None:
        """Count and show."""
        if not is_seen(self) or self._traffic is None:
            return
        self._traffic.update(_BUDGET_S)
        store = self.engine.store
        with store.lock:
            counts = Counts(
                dict(store.counters.methods),
                dict(store.counters.statuses),
                {state.replace("-", " "): n for state, n in store.states.items() if n},
            )
        figures, waiting = self._traffic.figures(), self._traffic.waiting
        lines = partial(statistics_lines, figures, counts, names=self._names, waiting=waiting)
        self._text.show(lines, keep_place=True)
        if waiting:
            self.set_timer(_BUDGET_S, self.count)

    def _kept_traffic(self) -> TrafficStatistics:
        """Return the figures that the application keeps while other screens are shown."""
        kept = getattr(self.app, "traffic", None)
        if kept is None:
            kept = TrafficStatistics(self.engine.store)
            if hasattr(self.app, "traffic"):
                self.app.traffic = kept
        return kept

    def action_back(self) -> None:
        """Go back."""
        self.dismiss()


def statistics_lines(
    figures: Figures,
    counts: Counts,
    width: int,
    *,
    names: AddressNames,
    waiting: int = 0,
) -> list[Line]:
    """Return the statistics in as many columns as fit `width` cells.

    Args:
        figures: Of the traffic.
        counts: Of the store.
        width: Of the screen.
        names: Of addresses.
        waiting: Dialogs that are still to be counted.
    """
    fitting = [cells for cells in _COLUMN_WIDTHS if 3 * cells <= width]
    cells = max(fitting, default=min(width, _COLUMN_WIDTHS[0]))
    lines: list[Line] = [()]
    if waiting:
        lines += [(Span(f"counting, {waiting:,} dialogs to go", "progress"),), ()]
    lines += _beside([list(column) for column in _figures(figures)], cells, bool(fitting))
    lines += [(), *_charts(figures.minutes, width)]
    lines += _beside(_tables(counts, cells), cells, bool(fitting))
    return [*lines, (), *_beside(_talkers(figures, names, cells), cells, bool(fitting))]


def _figures(figures: Figures) -> tuple[list[Line], list[Line], list[Line]]:
    """Return what everybody wants to know first, in three columns."""
    return (
        [
            _figure("Calls", f"{figures.attempts:,}", "strong"),
            _figure("answered", f"{figures.answered:,}"),
            _figure("ended", f"{figures.ended:,}"),
            _figure("talking now", f"{figures.talking:,}", "progress" if figures.talking else ""),
        ],
        [
            _figure("ASR", _percent(figures.asr_percent), "strong"),
            _figure("NER", _percent(figures.ner_percent), "strong"),
            _figure("ACD", _duration(figures.acd_s), "strong"),
        ],
        [
            _figure("PDD mean", _ms(figures.pdd_ms), "strong"),
            _figure("PDD of 95 %", _ms(figures.pdd_95_ms), "strong"),
            _figure("calls/s", f"{figures.calls_per_second:.2f}", "strong"),
        ],
    )


def _figure(title: str, value: str, style: str = "") -> Line:
    return (Span(title.ljust(_TITLE)), Span(value.rjust(_VALUE), style))


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} %"


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f} ms"


def _duration(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f} s" if value < 100 else f"{value // 60:.0f}:{value % 60:02.0f}"


def _charts(minutes: tuple[Minute, ...], width: int) -> list[Line]:
    """Return the course of calls and of those that were talking at once."""
    if not minutes:
        return []
    room = max(1, width - 8)
    shown = minutes[-room:] if len(minutes) <= 2 * room else minutes
    courses: tuple[tuple[str, list[float], str], ...] = (
        ("Calls per minute", [float(each.attempts) for each in shown], "progress"),
        ("Failed", [float(each.failed) for each in shown], "failed"),
        ("Calls at once", [float(each.concurrent) for each in shown], "good"),
    )
    lines: list[Line] = []
    for title, values, style in courses:
        if style == "failed" and not any(values):
            continue
        lines += _chart(title, values, style, room)
    begin, end = clock(shown[0].start, 0)[:5], clock(shown[-1].start, 0)[:5]
    used = min(room, len(shown) * _stretch(len(shown), room))
    axis = begin if len(shown) < 2 or used < 12 else begin + " " * (used - 10) + end
    return [*lines, (Span(" " * 8 + axis, "old"),), ()]


def _chart(title: str, values: list[float], style: str, room: int) -> list[Line]:
    top = max(1.0, *values)
    height = 1 if style == "failed" else _CHART_LINES
    factor = _stretch(len(values), room)
    wide = [value for value in resample(values, room) for _ in range(factor)]
    drawn = bars(wide, top, height)
    scale = [f"{top:,.0f}", *[""] * (height - 1)]
    now = Span(f"   now {values[-1]:,.0f}", "old")
    return [
        (Span(title, "strong"), now),
        *(
            (Span(fit(s, 7, right=True) + " ", "old"), Span(line, style))
            for s, line in zip(scale, drawn, strict=True)
        ),
    ]


def _stretch(count: int, room: int) -> int:
    """Return how many cells a bar has: few minutes are not to look lost."""
    return max(1, min(_WIDEST_BAR, room // max(1, count)))


def _tables(counts: Counts, cells: int) -> list[list[Line]]:
    classes: Counter[str] = Counter()
    for status, number in counts.statuses.items():
        classes[_CLASSES.get(status // 100, "other")] += number
    return [
        _table("Requests", [(display(name), n) for name, n in _by_number(counts.methods)], cells),
        [
            *_table("Responses", sorted(classes.items()), cells),
            (),
            *_table("Codes", [(str(s), n) for s, n in _by_number(counts.statuses)], cells),
        ],
        _table("Calls and others", _by_number(counts.states), cells),
    ]


def _talkers(figures: Figures, names: AddressNames, cells: int) -> list[list[Line]]:
    called = partial(_called, names)
    return [
        _table("Sources", _top(figures.sources, called), cells),
        _table("Destinations", _top(figures.destinations, called), cells),
        _table("User agents", _top(figures.agents, display), cells),
    ]


def _top(counts: Counter[str], shown: Callable[[str], str]) -> list[tuple[str, int]]:
    common = counts.most_common(_MOST_NAMES)
    rest = counts.total() - sum(number for _, number in common)
    rows = [(shown(name), number) for name, number in common]
    return [*rows, (f"{len(counts) - len(common):,} others", rest)] if rest else rows


def _called(names: AddressNames, host: str) -> str:
    address = parse_address(host)
    return (names.host_name(address) if address else None) or display(host)


def _by_number(counts: Mapping[_Name, int]) -> list[tuple[_Name, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))


def _table(title: str, rows: Iterable[tuple[str, int]], width: int) -> list[Line]:
    rows = list(rows)
    total = sum(number for _, number in rows)
    return [
        (Span(title, "strong"),),
        *(
            (
                Span(fit(name, max(4, width - _SHARE_WIDTH - 2 - len(f"{number:,}") - 1)) + " "),
                Span(f"{number:,}"),
                Span(f"{100 * number / total:.1f} %".rjust(_SHARE_WIDTH), "old"),
            )
            for name, number in rows
        ),
    ]


def _beside(columns: list[list[Line]], cells: int, fitting: bool) -> list[Line]:
    """Put columns beside each other, or under each other where there is no room."""
    if not fitting:
        return [line for column in columns for line in (*column, ())]
    return [
        tuple(span for cell in row for span in _filled(cell, cells))
        for row in zip_longest(*columns, fillvalue=())
    ]


def _filled(line: Line, width: int) -> Line:
    used = sum(cell_len(span.text) for span in line)
    return (*line, Span(" " * (width - used)))
