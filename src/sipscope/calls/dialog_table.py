"""What a view knows of every dialog, in columns: whether it passes, and what it sorts by."""

from collections.abc import Iterable, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sipscope.calls.dialog_ids import Ids

TEXT_BYTES = 24
"""So much of a text decides its place; equal ones stand in the order of their start."""

FAILS, PASSES = 0, 1
FOLDABLE = ("OPTIONS", "REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH")
"""Methods that can be folded away; their verdict is 2 and more."""

_GONE = 255
_VERDICT_OF = {method: number for number, method in enumerate(FOLDABLE, PASSES + 1)}
_LEAST_CAPACITY = 1024
_MOST_GONE = 8

Value = str | bytes | int | float | None


class Kind(Enum):
    """What the values of a column are."""

    TEXT = f"S{TEXT_BYTES}"
    NUMBER = "f8"


def verdict(method: str, passes: bool) -> int:
    """Return the verdict on a dialog of a method."""
    return _VERDICT_OF.get(method, PASSES) if passes else FAILS


class Values:
    """What dialogs sort by, row by row.

    Attributes:
        known: Whether the value was asked for.
        values: NaN or empty where a dialog has none.
    """

    def __init__(self, kind: Kind, capacity: int) -> None:
        self.kind = kind
        self.known: NDArray[np.bool_] = np.zeros(capacity, np.bool_)
        self.values: NDArray[Any] = np.zeros(capacity, kind.value)

    def set(self, rows: Sequence[int], values: Sequence[Value]) -> bool:
        """Set the values of rows; tell whether any is another one."""
        places = np.asarray(rows, np.int64)
        given: NDArray[Any]
        if self.kind is Kind.NUMBER:
            given = np.array(values, np.float64)  # None becomes NaN
        else:
            given = np.array([_sort_bytes(v) for v in values], self.kind.value)
        before = self.values[places]
        same = (before == given) | ((before != before) & (given != given))  # noqa: PLR0124 # NaN
        changed = not bool((same & self.known[places]).all())
        self.values[places] = given
        self.known[places] = True
        return changed

    def resize(self, capacity: int) -> None:
        """Make room, or give some back."""
        self.known = _resized(self.known, capacity)
        self.values = _resized(self.values, capacity)

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Keep only some rows."""
        self.known[: len(rows)] = self.known[rows]
        self.known[len(rows) :] = False
        self.values[: len(rows)] = self.values[rows]


class DialogTable:
    """The dialogs that a view knows, in the order of their start.

    Attributes:
        size: How many rows there are, those of dialogs that are gone included.
        columns: Values by the id of a column.
    """

    def __init__(self) -> None:
        self.size = 0
        self.columns: dict[str, Values] = {}
        self._ids: Ids = np.zeros(_LEAST_CAPACITY, np.int64)
        self._verdicts: NDArray[np.uint8] = np.zeros(_LEAST_CAPACITY, np.uint8)
        self._due: NDArray[np.bool_] = np.zeros(_LEAST_CAPACITY, np.bool_)
        self._gone = 0

    @property
    def ids(self) -> Ids:
        """The ids, rising."""
        return self._ids[: self.size]

    @property
    def capacity(self) -> int:
        """How many rows there is room for."""
        return len(self._ids)

    def append(self, ids: Iterable[int]) -> None:
        """Add dialogs newer than all others; they are due."""
        new = np.array(sorted(ids), np.int64)
        end = self.size + len(new)
        if end > self.capacity:
            self._resize(max(end, 2 * self.capacity))
        self._ids[self.size : end] = new
        self._verdicts[self.size : end] = FAILS
        self._due[self.size : end] = True
        self.size = end

    def rows(self, ids: Sequence[int]) -> list[int]:
        """Return the rows of dialogs; those that are not in the table are left out."""
        wanted = np.asarray(ids, np.int64)
        rows = np.searchsorted(self.ids, wanted)
        inside = rows < self.size
        found = rows[inside]
        there: list[int] = found[self._ids[found] == wanted[inside]].tolist()
        return there

    def judge(self, rows: Sequence[int], verdicts: Sequence[int]) -> bool:
        """Set verdicts; tell whether any is another one."""
        places = np.asarray(rows, np.int64)
        given = np.asarray(verdicts, np.uint8)
        changed = not np.array_equal(self._verdicts[places], given)
        self._verdicts[places] = given
        self._due[places] = False
        return changed

    def remove(self, rows: Sequence[int]) -> None:
        """Take out dialogs; their rows stay until `tidy`."""
        places = np.asarray(rows, np.int64)
        self._gone += int(np.count_nonzero(self._verdicts[places] != _GONE))
        self._verdicts[places] = _GONE
        self._due[places] = False

    def tidy(self) -> NDArray[np.int64] | None:
        """Take out the rows of dialogs that are gone when there are many.

        Returns:
            The rows that are left, None when nothing was done.
        """
        if self._gone * _MOST_GONE <= self.size:
            return None
        kept = np.flatnonzero(self._verdicts[: self.size] != _GONE)
        self._ids = _resized(self._ids[kept], self.capacity)  # the old ones may be on the screen
        for column in (self._verdicts, self._due):
            column[: len(kept)] = column[kept]
        for values in self.columns.values():
            values.keep(kept)
        self.size, self._gone = len(kept), 0
        if self.capacity > 4 * max(self.size, _LEAST_CAPACITY):
            self._resize(2 * max(self.size, _LEAST_CAPACITY))
        return kept

    def judge_again(self, *, forget: bool) -> None:
        """Make all rows due.

        Args:
            forget: Whether no dialog passes until it is judged.
        """
        here = self._verdicts[: self.size]
        self._due[: self.size] = here != _GONE
        if forget:
            here[here != _GONE] = FAILS

    def due(self, start: int, end: int) -> list[int]:
        """Return the rows from `start` to `end` that are to be judged, the newest first."""
        found: list[int] = (start + np.flatnonzero(self._due[start:end]))[::-1].tolist()
        return found

    def values(self, column: str, kind: Kind) -> Values:
        """Return what is known of a column, nothing at first."""
        known = self.columns.get(column)
        if known is None:
            known = self.columns[column] = Values(kind, self.capacity)
        return known

    def unvalued(self, column: str, start: int, end: int, *, passing: bool = True) -> list[int]:
        """Return rows whose value in a column is unknown, the newest first.

        Args:
            column: Which.
            start: First row.
            end: Row after the last.
            passing: Only those that pass.
        """
        here = self._verdicts[start:end]
        wanted = ~self.columns[column].known[start:end] & (here != _GONE)
        if passing:
            wanted &= here != FAILS
        found: list[int] = (start + np.flatnonzero(wanted))[::-1].tolist()
        return found

    def passing(self, folded: Iterable[str]) -> NDArray[np.bool_]:
        """Return which rows are of dialogs that pass and are not of a folded method."""
        here = self._verdicts[: self.size]
        shown = here - np.uint8(PASSES) <= len(FOLDABLE)  # FAILS wraps around to the greatest
        for method in folded:
            if method in _VERDICT_OF:
                shown &= here != _VERDICT_OF[method]
        return shown

    def count(self, method: str) -> int:
        """Return how many dialogs of a method that can be folded pass."""
        return int(np.count_nonzero(self._verdicts[: self.size] == _VERDICT_OF[method]))

    def _resize(self, capacity: int) -> None:
        self._ids = _resized(self._ids, capacity)
        self._verdicts = _resized(self._verdicts, capacity)
        self._due = _resized(self._due, capacity)
        for values in self.columns.values():
            values.resize(capacity)


def _sort_bytes(value: Value) -> bytes:
    if value is None:
        return b""
    return value if isinstance(value, bytes) else _folded(str(value))


@lru_cache(maxsize=16_384)
def _folded(text: str) -> bytes:
    return text.casefold().encode("utf-8", "replace")


def _resized(array: NDArray[Any], capacity: int) -> NDArray[Any]:
    resized = np.zeros(capacity, array.dtype)
    kept = min(capacity, len(array))
    resized[:kept] = array[:kept]
    return resized
