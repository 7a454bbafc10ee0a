"""The call list as one person looks at it: filtered, folded, sorted, kept current.

Nothing here takes longer than the budget it is given. What passes a new filter appears as it
is found, the newest first; a new order takes effect when it is worked out. In the meantime,
and afterwards, only dialogs that changed are looked at.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from time import monotonic
from typing import NamedTuple

import numpy as np

from sipscope.calls.columns import USUAL, Column, find_column
from sipscope.calls.dialog_table import FOLDABLE, DialogTable, Kind, Values, verdict
from sipscope.calls.filter import Filter, Subject, compile_filter
from sipscope.calls.rows import CallRow, call_row, party_names
from sipscope.calls.sorting import Sorted, Sorting
from sipscope.calls.store import DialogStore

_SLICE = 32
_MOST_SLICE = 2_048
_SHORT_S, _LONG_S = 0.001, 0.004
_KEPT_ROWS = 4_096

_AGAIN_S = 1.0
_SHARE = 10
"""Sorting many dialogs again takes one part in so many of the time at most."""

_FOUND_S = 0.1
_IN_TURN = 256
_PREPARE_S = 0.01
_PARTIES = ("from", "to")
_BY_START = frozenset({"time", "date", "index"})


class _Shown(NamedTuple):
    """A dialog as it is shown.

    Attributes:
        mark: Differs when it may look different.
        row: Its figures.
        cells: What it says, by the id of the column.
    """

    mark: int
    row: CallRow
    cells: dict[str, str]


class CallView:
    """A filtered and sorted list of the dialogs of a store.

    Args:
        store: Where the dialogs are; its lock is held for some rows at a time.

    Attributes:
        ids: The dialogs that are shown, in their order.
        column: Id of the column that they are sorted by.
        descending: Whether the greatest come first.
        filter: The filter that is in effect.
        folded: Methods whose dialogs are not shown.
        columns: What `cells` answers for, see `show_columns`.
        paused: Whether the list stands still; new order and filter are obeyed still.
    """

    def __init__(self, store: DialogStore) -> None:
        self.column = "time"
        self.descending = True
        self.filter = compile_filter("")
        self.folded: frozenset[str] = frozenset()
        self.columns: tuple[Column, ...] = USUAL
        self.paused = False
        self._store = store
        self._table = DialogTable()
        self._sorted = Sorted(np.zeros(0, np.int64), 0, by_id=True)
        self.ids = self._sorted.listed(self.descending)
        self._sorting: Sorting | None = None
        self._queue: dict[int, None] = {}
        self._cursor = self._scanned = self._prepared = self._turn = 0
        self._slice = _SLICE
        self._stale = self._former = False
        self._next_list = self._next_sort = self._next_look = 0.0
        self._active: set[int] = set()
        self._rows: dict[int, _Shown] = {}
        with store.lock:
            self._seen = store.version
            self._table.append(store.dialogs)
        self._scan()

    @property
    def total(self) -> int:
        """How many dialogs there are, shown or not."""
        return len(self._store.dialogs)

    @property
    def waiting(self) -> bool:
        """Whether there is work left for `update`."""
        return bool(self._queue or self._cursor or self._sorting)

    @property
    def progress(self) -> float | None:
        """The share of a new order or filter that is worked out, None when it is in effect."""
        return 1 - self._cursor / self._scanned if self._cursor else None

    @property
    def newest(self) -> int | None:
        """The dialog that started last of those shown."""
        return self.ids.newest()

    def folded_counts(self) -> dict[str, int]:
        """Return how many dialogs pass the filter but are folded away, by method."""
        found = {name: self._table.count(name) for name in FOLDABLE if name in self.folded}
        return {method: count for method, count in found.items() if count}

    def arrange(
        self,
        *,
        column: str | None = None,
        descending: bool | None = None,
        text: str | None = None,
        folded: Collection[str] | None = None,
    ) -> None:
        """Ask for another order or filter; `update` works it out.

        Args:
            column: Id of a column; nothing happens when there is no such column.
            descending: Whether the greatest come first; this alone is done at once.
            text: The filter, see `calls.filter`.
            folded: Methods whose dialogs are not shown.

        Raises:
            FilterExpressionError: The text is no filter; the former one stays in effect.
        """
        if descending is not None and descending != self.descending:
            self.descending = descending
            self.ids = self._sorted.listed(descending)
        if folded is not None and frozenset(folded) != self.folded:
            self.folded = frozenset(folded)
            self._stale, self._next_sort = True, 0.0
        if column not in (None, self.column) and find_column(column or "") is not None:
            self.column = column or self.column
            self._drop_values()
            self._former = self._former or not self._cursor
            self._scan()
        if text is not None and text != self.filter.text:
            self._take_filter(compile_filter(text))

    def update(self, now: int, budget_s: float = 0.015) -> bool:
        """Look at what changed, for `budget_s` at most; tell whether `ids` is another list.

        Args:
            now: The time of the capture in ns, for calls in progress.
            budget_s: When it is used up, `waiting` is true and `update` wants to be called
                again.
        """
        until = monotonic() + budget_s
        if not self.paused:
            self._take_changes()
            self._ask_again()
        if not self.waiting and not self._stale:
            self._prepare(min(until, monotonic() + _PREPARE_S))
        while self._queue or self._cursor:
            begin = monotonic()
            with self._store.lock:
                self._look(now)
            end = monotonic()
            if end - begin > _LONG_S:
                self._slice = max(_SLICE, self._slice // 2)
            elif end - begin < _SHORT_S:
                self._slice = min(_MOST_SLICE, 2 * self._slice)
            if end >= until:
                break
        if not self._cursor:
            self._tidy()
        return self._list()

    def row(self, dialog_id: int, now: int) -> CallRow | None:
        """Return the row of a dialog as it is now, as it was last when the dialog is gone."""
        found = self._known(dialog_id, now)
        return None if found is None else found.row

    def cells(self, dialog_id: int, now: int) -> Mapping[str, str]:
        """Return what a dialog says in `columns`, by the id of the column."""
        found = self._known(dialog_id, now)
        return {} if found is None else found.cells

    def show_columns(self, columns: Iterable[Column]) -> None:
        """Take the columns that `cells` is to answer for."""
        self.columns = tuple(columns)
        self._rows.clear()

    def is_pinned(self, dialog_id: int) -> bool:
        """Tell whether a dialog stays whatever comes."""
        return dialog_id in self._store.pinned

    def pin(self, ids: Collection[int]) -> bool:
        """Keep dialogs whatever comes; no longer if all of them were pinned. Tell which."""
        with self._store.lock:
            pinned = not all(dialog_id in self._store.pinned for dialog_id in ids)
            for dialog_id in ids:
                self._store.pin(dialog_id, pinned)
        return pinned

    def at_time(self, time: int) -> int | None:
        """Return the first dialog shown that started at `time` (ns) or after, else the last."""
        ids = self.ids.rising()
        low, high = 0, len(ids)
        with self._store.lock:
            while low < high:
                middle = (low + high) // 2
                dialog = self._store.dialogs.get(int(ids[middle]))
                if dialog is None or dialog.started < time:
                    low = middle + 1
                else:
                    high = middle
        return int(ids[min(low, len(ids) - 1)]) if len(ids) else None

    def _known(self, dialog_id: int, now: int) -> _Shown | None:
        """Return a dialog as it is shown, with what tells whether that is still so."""
        kept = self._rows.get(dialog_id)
        if self.paused and kept is not None:
            return kept
        with self._store.lock:
            dialog = self._store.dialogs.get(dialog_id)
            if dialog is None:
                return kept
            second = now // 1_000_000_000 if dialog.state.active else 0
            mark = hash((dialog.version, second))
            if kept is not None and kept.mark == mark:
                return kept
            subject = Subject(dialog, self._store.streams, now)
            row = subject.row or call_row(dialog, self._store.streams, now)
            kept = _Shown(mark, row, {column.id: column.text(subject) for column in self.columns})
        if len(self._rows) > _KEPT_ROWS:
            self._rows.clear()
        self._rows[dialog_id] = kept
        return kept

    def _take_filter(self, wanted: Filter) -> None:
        self.filter = wanted
        self._table.judge_again(forget=True)
        self._active.clear()
        self._queue.clear()
        self._sorting = None
        self._former = False
        self._scan()

    def _scan(self) -> None:
        """Look at all dialogs, from the newest on."""
        self._cursor = self._scanned = self._table.size
        self._slice = _SLICE
        self._stale = True
        self._next_list = self._next_sort = self._next_look = 0.0

    def _take_changes(self) -> None:
        table, dialogs = self._table, self._store.dialogs
        with self._store.lock:
            self._seen, changed = self._store.changes(self._seen)
            known = int(table.ids[-1]) if table.size else 0
            if changed is None:
                here = np.fromiter(dialogs, np.int64, len(dialogs))
                table.remove(np.flatnonzero(~np.isin(table.ids, here)).tolist())
                table.append(here[here > known].tolist())
                table.judge_again(forget=False)
                self._former = True
                self._scan()
                return
        table.append(i for i in changed if i > known)
        self._queue.update(dict.fromkeys(changed))

    def _ask_again(self) -> None:
        """Ask a filter again that time changes: each second for those in progress, all in turn."""
        if not self.filter.passing or self._cursor:
            return
        begin = monotonic()
        if begin >= self._next_look:
            self._next_look = begin + _AGAIN_S
            self._queue.update(dict.fromkeys(self._active))
        start = self._turn if self._turn < self._table.size else 0
        self._turn = start + _IN_TURN
        self._queue.update(dict.fromkeys(self._table.ids[start : self._turn].tolist()))

    def _look(self, now: int) -> None:
        """Look at some dialogs: those that changed first."""
        if self._queue:
            some = list(islice(self._queue, self._slice))
            for dialog_id in some:
                del self._queue[dialog_id]
            self._examine(self._table.rows(some), now)
            return
        start = max(0, self._cursor - self._slice)
        self._examine(self._table.due(start, self._cursor), now)
        if (values := self._values()) is not None:
            self._evaluate(values, self._table.unvalued(self.column, start, self._cursor), now)
        self._cursor = start

    def _examine(self, rows: list[int], now: int) -> None:
        """Find which dialogs pass, and what they sort by."""
        if not rows:
            return
        dialogs, streams, wanted = self._store.dialogs, self._store.streams, self.filter
        judged: list[int] = []
        verdicts: list[int] = []
        gone: list[int] = []
        for row, dialog_id in zip(rows, self._table.ids[rows].tolist(), strict=True):
            dialog = dialogs.get(dialog_id)
            if dialog is None:
                gone.append(row)
                self._rows.pop(dialog_id, None)
                self._active.discard(dialog_id)
                continue
            judged.append(row)
            passes = not wanted or wanted(Subject(dialog, streams, now))
            verdicts.append(verdict(dialog.method, passes))
            if wanted.passing:
                (self._active.add if dialog.state.active else self._active.discard)(dialog_id)
        changed = self._table.judge(judged, verdicts)
        if gone:
            self._table.remove(gone)
        if changed or gone:
            self._stale = True
        if (values := self._values()) is not None:
            passing = [row for row, code in zip(judged, verdicts, strict=True) if code]
            self._evaluate(values, passing, now)

    def _evaluate(self, values: Values, rows: list[int], now: int) -> None:
        """Find what dialogs sort by."""
        column = find_column(self.column)
        if column is None or not rows:
            return
        known, streams, key = self._store.dialogs, self._store.streams, column.key
        dialogs = [known.get(dialog_id) for dialog_id in self._table.ids[rows].tolist()]
        if None in dialogs:
            rows = [row for row, dialog in zip(rows, dialogs, strict=True) if dialog is not None]
        if values.set(
            rows, [key(dialog, streams, now) for dialog in dialogs if dialog is not None]
        ):
            self._stale = True

    def _values(self) -> Values | None:
        """Return what the list is sorted by, None when that is the start."""
        column = find_column(self.column)
        if column is None or column.id in _BY_START:
            return None
        return self._table.values(column.id, column.kind)

    def _drop_values(self) -> None:
        """Drop values that nobody keeps current any more."""
        for name in list(self._table.columns):
            column = find_column(name)
            if name != self.column and (column is None or not column.fixed):
                del self._table.columns[name]

    def _prepare(self, until: float) -> None:
        """Read From and To in time to spare: who sorts by them does not want to wait."""
        table, dialogs = self._table, self._store.dialogs
        if self._prepared == table.size:
            return
        callers, callees = (table.values(name, Kind.TEXT) for name in _PARTIES)
        while self._prepared < table.size and monotonic() < until:
            end = min(table.size, self._prepared + _SLICE)
            rows = table.unvalued(_PARTIES[0], self._prepared, end, passing=False)
            ids = table.ids[rows].tolist()
            with self._store.lock:
                found = [party_names(dialogs[i]) if i in dialogs else ("", "") for i in ids]
            callers.set(rows, [caller for caller, _ in found])
            callees.set(rows, [callee for _, callee in found])
            self._prepared = end

    def _tidy(self) -> None:
        kept = self._table.tidy()
        if kept is not None:
            self._prepared = int(np.searchsorted(kept, self._prepared))

    def _list(self) -> bool:
        """Take the order that was worked out, or begin another; tell whether the list is new."""
        if self._sorting is not None:
            return self._take_order(self._sorting)
        values, now = self._values(), monotonic()
        self._former = self._former and bool(self._cursor) and values is not None
        if not self._stale or self._former or now < self._next_sort:
            return False
        if self._cursor and now < self._next_list:
            return False
        self._stale = False
        self._next_list = now + _FOUND_S
        ids = self._table.ids
        shown = self._table.passing(self.folded)
        if values is not None:
            shown &= values.known[: len(ids)]
            self._sorting = Sorting(ids[shown], values.values[: len(ids)][shown])
            return self._take_order(self._sorting)
        ids = ids if shown.all() else ids[shown]
        self._sorted = Sorted(ids, len(ids), by_id=True)
        self.ids = self._sorted.listed(self.descending)
        return True

    def _take_order(self, sorting: Sorting) -> bool:
        """Show what was sorted, if that is done."""
        if sorting.result is None:
            return False
        self._sorting, self._sorted = None, sorting.result
        if sorting.took > _LONG_S:
            self._next_sort = monotonic() + max(_AGAIN_S, _SHARE * sorting.took)
        self.ids = self._sorted.listed(self.descending)
        return True
