"""The columns of the call list: what a cell says, how it sorts, how important it is.

A new column is one entry of `COLUMNS`.
"""

import re
import time
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from sipscope.calls.dialog import State
from sipscope.calls.rows import CallRow

SortValue = str | int | float | None
"""How a cell compares with others of its column; None is unknown and comes last."""

_DIGITS = re.compile(r"[0-9]+")


class Severity(StrEnum):
    """How a call has gone."""

    GOOD = "good"
    PROGRESS = "progress"
    DOUBTFUL = "doubtful"
    FAILED = "failed"
    OLD = "old"


class Column(NamedTuple):
    """One column.

    Attributes:
        id: Stable name.
        title: Over the column, with the unit.
        text: What a cell says, empty when unknown.
        value: How it sorts.
        width: Cells that it needs.
        most: Cells that it can use when there is room.
        importance: Columns with the smallest are shown first; one after the other, as long
            as there is room.
        right: Whether it is aligned on the right, as numbers are.
    """

    id: str
    title: str
    text: Callable[[CallRow], str]
    value: Callable[[CallRow], SortValue]
    width: int
    most: int
    importance: int
    right: bool = False


_CODED = frozenset({State.BUSY, State.DECLINED, State.NO_ANSWER, State.DIVERTED, State.REJECTED})
_DOUBTFUL = frozenset({State.BUSY, State.DECLINED, State.NO_ANSWER})
_OLD = frozenset({State.CANCELLED, State.DIVERTED, State.UNREGISTERED})

_LOSS_PERCENT = (1.0, 5.0)
_JITTER_MS = (30.0, 100.0)
_MOS = (3.6, 3.1)


def severity(row: CallRow) -> Severity:
    """Return how a call has gone: by its state, and by how it sounded."""
    heard = {loss_severity(row.loss_percent), mos_severity(row.mos)}
    if row.state.failed or Severity.FAILED in heard:
        return Severity.FAILED
    if row.state in _DOUBTFUL or Severity.DOUBTFUL in {*heard, jitter_severity(row.jitter_ms)}:
        return Severity.DOUBTFUL
    return state_severity(row.state)


def state_severity(state: State) -> Severity:
    """Return what a state alone says of a call."""
    if state.failed:
        return Severity.FAILED
    if state in _DOUBTFUL:
        return Severity.DOUBTFUL
    if state.active:
        return Severity.PROGRESS
    return Severity.OLD if state in _OLD else Severity.GOOD


def loss_severity(percent: float | None) -> Severity:
    """Return whether a loss is heard: doubtful from 1 %, bad from 5 %."""
    return _over(percent, _LOSS_PERCENT)


def jitter_severity(milliseconds: float | None) -> Severity:
    """Return whether a mean jitter is heard: doubtful from 30 ms, bad from 100 ms."""
    return _over(milliseconds, _JITTER_MS)


def mos_severity(mos: float | None) -> Severity:
    """Return whether a MOS is low: doubtful under 3.6, bad under 3.1."""
    if mos is None or mos >= _MOS[0]:
        return Severity.GOOD
    return Severity.DOUBTFUL if mos >= _MOS[1] else Severity.FAILED


def clock_text(nanoseconds: int) -> str:
    """Return the time of day, local, `14:03:22`."""
    return time.strftime("%H:%M:%S", time.localtime(nanoseconds // 1_000_000_000))


def duration_text(seconds: float | None) -> str:
    """Return a duration as `0:42` or `1:03:10`, empty when unknown."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def state_text(row: CallRow) -> str:
    """Return the state in words, with the status code where it tells more."""
    words = row.state.replace("-", " ")
    return f"{row.status} {words}" if row.status and row.state in _CODED else words


def reason_text(row: CallRow) -> str:
    """Return why a dialog went no further, empty when it did."""
    if row.status is None:
        return "no response" if row.state is State.FAILED else ""
    return row.reason if row.status >= 300 else ""


def decimal_text(value: float | None) -> str:
    """Return a figure with one decimal, empty when unknown."""
    return "" if value is None else f"{value:.1f}"


def _over(value: float | None, bounds: tuple[float, float]) -> Severity:
    if value is None or value < bounds[0]:
        return Severity.GOOD
    return Severity.DOUBTFUL if value < bounds[1] else Severity.FAILED


def _natural(text: str) -> str:
    """Return `text` so that 10.0.0.9 sorts before 10.0.0.10."""
    return _DIGITS.sub(lambda digits: digits[0].zfill(5), text)


COLUMNS: tuple[Column, ...] = (
    Column("time", "Time", lambda r: clock_text(r.started), lambda r: r.id, 8, 8, 3),
    Column("from", "From", lambda r: r.caller, lambda r: r.caller.casefold(), 10, 22, 0),
    Column("to", "To", lambda r: r.callee, lambda r: r.callee.casefold(), 10, 22, 1),
    Column("method", "Method", lambda r: r.method, lambda r: r.method, 9, 9, 6),
    Column("state", "State", state_text, lambda r: f"{r.state}{r.status or 0}", 13, 13, 2),
    Column("messages", "Msgs", lambda r: str(r.messages), lambda r: r.messages, 4, 4, 10, True),
    Column("source", "Source", lambda r: r.source, lambda r: _natural(r.source), 18, 30, 11),
    Column(
        "destination",
        "Destination",
        lambda r: r.destination,
        lambda r: _natural(r.destination),
        18,
        30,
        12,
    ),
    Column(
        "duration",
        "Dur",
        lambda r: duration_text(r.duration_s),
        lambda r: r.duration_s,
        7,
        7,
        4,
        True,
    ),
    Column("codec", "Codec", lambda r: r.codec, lambda r: r.codec or None, 9, 9, 8),
    Column(
        "loss",
        "Loss %",
        lambda r: decimal_text(r.loss_percent),
        lambda r: r.loss_percent,
        6,
        6,
        7,
        True,
    ),
    Column(
        "jitter",
        "Jit ms",
        lambda r: decimal_text(r.jitter_ms),
        lambda r: r.jitter_ms,
        6,
        6,
        9,
        True,
    ),
    Column("mos", "MOS", lambda r: decimal_text(r.mos), lambda r: r.mos, 4, 4, 5, True),
    Column("reason", "Reason", reason_text, lambda r: reason_text(r) or None, 19, 30, 13),
)
"""In the order of the screen."""

COLUMN: dict[str, Column] = {column.id: column for column in COLUMNS}
"""By id."""


class Placed(NamedTuple):
    """A column on the screen.

    Attributes:
        column: Which.
        start: Its first cell.
        width: Its cells.
    """

    column: Column
    start: int
    width: int


@lru_cache(maxsize=64)
def place(width: int, gutter: int) -> tuple[Placed, ...]:
    """Return the columns that fit `width` cells, after `gutter` cells, one cell apart.

    The least important are left out; what room remains is shared by those that can use it.
    Only the width decides, so that columns never jump.
    """
    chosen: set[str] = set()
    room = width - gutter + 1
    for column in sorted(COLUMNS, key=lambda column: column.importance):
        if column.width + 1 > room:
            break
        chosen.add(column.id)
        room -= column.width + 1
    shown = [column for column in COLUMNS if column.id in chosen]
    widths = [column.width for column in shown]
    while room > 0 and shown:
        want = [column.most - cells for column, cells in zip(shown, widths, strict=True)]
        if max(want) == 0:
            break
        widths[want.index(max(want))] += 1
        room -= 1
    placed = []
    start = gutter
    for column, cells in zip(shown, widths, strict=True):
        placed.append(Placed(column, start, cells))
        start += cells + 1
    return tuple(placed)


def search_text(row: CallRow) -> str:
    """Return all that can be read in a row, lower case: every column, status and reason."""
    cells = [column.text(row) for column in COLUMNS]
    return " ".join((*cells, row.state, str(row.status or ""), row.reason)).lower()
