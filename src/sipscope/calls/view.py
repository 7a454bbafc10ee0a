"""The call list as one person looks at it: filtered, sorted, kept current.

Nothing here takes longer than the budget it is given. A new order is worked out in slices
while the former list stays; what passes a new filter appears as it is found. In the
meantime, and afterwards, only dialogs that changed are looked at.
"""

from collections.abc import Iterable
from itertools import islice
from time import monotonic
from typing import Any

from sipscope.calls.columns import COLUMN, SortValue, search_text
from sipscope.calls.dialog import Dialog
from sipscope.calls.rows import CallRow, call_row
from sipscope.calls.store import DialogStore

_SLICE = 32
_CALL_ID_WORD = 6
_KEPT_ROWS = 4096


class TextFilter:
    """Words that a row must hold, and words after `!` that it must not.

    Args:
        text: As typed, words separated by spaces; upper and lower case are the same. Long
            words are looked for in the Call-ID too; short ones would be found in any.
    """

    def __init__(self, text: str = "") -> None:
        words = text.lower().split()
        self.text = text
        self.wanted = tuple(word for word in words if word[0] != "!")
        self.unwanted = tuple(word[1:] for word in words if word[0] == "!" and len(word) > 1)

    def __bool__(self) -> bool:
        return bool(self.wanted or self.unwanted)

    def __call__(self, text: str, call_id: str = "") -> bool:
        """Tell whether lower case text has all wanted words and no unwanted one."""

        def found(word: str) -> bool:
            return word in text or (len(word) >= _CALL_ID_WORD and word in call_id)

        return all(map(found, self.wanted)) and not any(map(found, self.unwanted))


class _Order:
    """Ids in the order of their values; those without a value come last in any direction."""

    def __init__(self) -> None:
        self.values: dict[int, SortValue] = {}
        self._known: list[tuple[Any, int]] = []
        self._unknown: list[int] = []

    def change(self, values: dict[int, SortValue], gone: Iterable[int]) -> bool:
        """Set values, drop ids; tell whether the order is another one."""
        old = self.values
        moved = {
            dialog_id: value
            for dialog_id, value in values.items()
            if dialog_id not in old or old[dialog_id] != value
        }
        gone = {dialog_id for dialog_id in gone if dialog_id in old}
        if not moved and not gone:
            return False
        if any(dialog_id in old for dialog_id in moved) or gone:
            self._known = [e for e in self._known if e[1] not in moved and e[1] not in gone]
            self._unknown = [i for i in self._unknown if i not in moved and i not in gone]
        self._known += [(value, i) for i, value in moved.items() if value is not None]
        self._known.sort()
        self._unknown += [i for i, value in moved.items() if value is None]
        self._unknown.sort()
        old.update(moved)
        for dialog_id in gone:
            del old[dialog_id]
        return True

    def ids(self, *, descending: bool) -> list[int]:
        known = [dialog_id for _, dialog_id in self._known]
        unknown = self._unknown
        return [*known[::-1], *unknown[::-1]] if descending else [*known, *unknown]


class CallView:
    """A filtered and sorted list of the dialogs of a store.

    Args:
        store: Where the dialogs are; its lock is held for some rows at a time.

    Attributes:
        ids: The dialogs that are shown, in their order.
        column: Id of the column that they are sorted by.
        descending: Whether the greatest come first.
        filter: What is typed as the text filter.
        paused: Whether the list stands still; new order and filter are obeyed still.
    """

    def __init__(self, store: DialogStore) -> None:
        self.ids: list[int] = []
        self.column = "time"
        self.descending = True
        self.filter = TextFilter()
        self.paused = False
        self._store = store
        self._order = self._building = _Order()
        self._queue: dict[int, None] = {}
        self._queued = 0
        self._stale = False
        self._seen = 0
        self._newest = 0
        self._rows: dict[int, tuple[int, CallRow]] = {}
        self._texts: dict[int, tuple[int, str, str]] = {}
        self._values: dict[int, tuple[int, SortValue]] = {}
        self._restart()

    @property
    def total(self) -> int:
        """How many dialogs there are, shown or not."""
        return len(self._store.dialogs)

    @property
    def waiting(self) -> bool:
        """Whether there is work left for `update`."""
        return bool(self._queue)

    @property
    def progress(self) -> float | None:
        """The share of a new order or filter that is worked out, None when it is in effect."""
        if not self._queued:
            return None
        return max(0.0, 1 - len(self._queue) / self._queued)

    @property
    def newest(self) -> int | None:
        """The dialog that started last of those shown."""
        return max(self.ids, default=None)

    def arrange(
        self,
        *,
        column: str | None = None,
        descending: bool | None = None,
        text: str | None = None,
    ) -> None:
        """Ask for another order or filter; `update` works it out.

        Args:
            column: Id of a column.
            descending: Whether the greatest come first; this alone is done at once.
            text: What is typed as the text filter.
        """
        if descending is not None and descending != self.descending:
            self.descending = descending
            self.ids = self._order.ids(descending=descending)
        if (column or self.column) == self.column and text in (None, self.filter.text):
            return
        if column not in (None, self.column):
            self.column = column or self.column
            self._values.clear()
        if text is not None:
            self.filter = TextFilter(text)
            if not self.filter:
                self._texts.clear()
        self._restart()
        if text is not None and self.filter:
            self._order = self._building
            self._stale = True

    def update(self, now: int, budget_s: float = 0.02) -> bool:
        """Look at what changed, for `budget_s` at most; tell whether `ids` is another list.

        Args:
            now: The time of the capture in ns, for calls in progress.
            budget_s: When it is used up, `waiting` is true and `update` wants to be called
                again.
        """
        if not self.paused:
            self._take_changes()
        if not self._queue and not self._stale and self._building is self._order:
            return False
        until = monotonic() + budget_s
        values: dict[int, SortValue] = {}
        gone: list[int] = []
        while self._queue:
            some = list(islice(self._queue, _SLICE))
            for dialog_id in some:
                del self._queue[dialog_id]
            with self._store.lock:
                self._examine(some, now, values, gone)
            if monotonic() >= until:
                break
        changed = self._building.change(values, gone) or self._stale
        if not self._queue:
            changed = changed or self._building is not self._order
            self._order = self._building
            self._queued = 0
        if self._building is not self._order:
            return False
        self._stale = False
        if changed:
            self.ids = self._order.ids(descending=self.descending)
        return changed

    def row(self, dialog_id: int, now: int) -> CallRow | None:
        """Return the row of a dialog as it is now, as it was last when the dialog is gone."""
        kept = self._rows.get(dialog_id)
        if self.paused and kept is not None:
            return kept[1]
        with self._store.lock:
            dialog = self._store.dialogs.get(dialog_id)
            if dialog is None:
                return None if kept is None else kept[1]
            second = now // 1_000_000_000 if dialog.state.active else 0
            mark = hash((dialog.version, second))
            if kept is not None and kept[0] == mark:
                return kept[1]
            row = call_row(dialog, self._store.streams, now)
        if len(self._rows) > _KEPT_ROWS:
            self._rows.clear()
        self._rows[dialog_id] = mark, row
        return row

    def _restart(self) -> None:
        with self._store.lock:
            if not self.paused:
                self._seen = self._store.version
                self._newest = next(reversed(self._store.dialogs), 0)
            ids = [i for i in self._store.dialogs if i <= self._newest]
        if self.descending:
            ids.reverse()
        self._building = _Order()
        self._queue = dict.fromkeys(ids)
        self._queued = len(ids)

    def _take_changes(self) -> None:
        with self._store.lock:
            self._seen, changed = self._store.changes(self._seen)
            self._newest = next(reversed(self._store.dialogs), 0)
            if changed is None:
                changed = {*self._store.dialogs, *self._order.values, *self._building.values}
        self._queue.update(dict.fromkeys(changed))

    def _examine(
        self, ids: list[int], now: int, values: dict[int, SortValue], gone: list[int]
    ) -> None:
        """Find the values of dialogs that are shown, and which ones are not."""
        for dialog_id in ids:
            dialog = self._store.dialogs.get(dialog_id)
            if dialog is None:
                for cache in (self._texts, self._values, self._rows):
                    cache.pop(dialog_id, None)
                gone.append(dialog_id)
            elif self._passes(dialog, now):
                values[dialog_id] = self._value(dialog, now)
            else:
                gone.append(dialog_id)

    def _passes(self, dialog: Dialog, now: int) -> bool:
        if not self.filter:
            return True
        kept = self._texts.get(dialog.id)
        if kept is None or kept[0] != dialog.version:
            row = call_row(dialog, self._store.streams, now)
            kept = dialog.version, search_text(row), row.call_id.lower()
            self._texts[dialog.id] = kept
        return self.filter(kept[1], kept[2])

    def _value(self, dialog: Dialog, now: int) -> SortValue:
        if self.column == "time":
            return dialog.id
        kept = self._values.get(dialog.id)
        if kept is None or kept[0] != dialog.version:
            row = call_row(dialog, self._store.streams, now)
            kept = dialog.version, COLUMN[self.column].value(row)
            self._values[dialog.id] = kept
        return kept[1]
