"""Putting many dialogs in order without holding up anybody."""

from threading import Thread
from time import thread_time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.calls.dialog_ids import DialogIds, Ids

AT_ONCE = 20_000
"""So many are sorted on the spot; more in a thread of their own, where numpy lets others run."""


class Sorted(NamedTuple):
    """Ids in rising order of what they sort by.

    Attributes:
        ids: Those that have a value, then those that have none.
        known: How many have one.
        by_id: Whether the order is that of the ids themselves.
    """

    ids: Ids
    known: int
    by_id: bool = False

    def listed(self, descending: bool) -> DialogIds:
        """Return them as a list; those without a value come last in both directions."""
        if not descending:
            return DialogIds(self.ids, rising=self.by_id)
        if self.by_id:
            return DialogIds(self.ids[::-1], falling=True)
        if self.known == len(self.ids):
            return DialogIds(self.ids[::-1])
        known, unknown = self.ids[: self.known], self.ids[self.known :]
        return DialogIds(np.concatenate((known[::-1], unknown[::-1])))


class Sorting:
    """Dialogs that are being put in order.

    Args:
        ids: Of the dialogs, rising.
        values: What they sort by: numbers, NaN for unknown, or bytes, empty for unknown.

    Attributes:
        result: None until it is done.
        took: Seconds of CPU that it cost.
    """

    def __init__(self, ids: Ids, values: NDArray[Any]) -> None:
        self.result: Sorted | None = None
        self.took = 0.0
        if len(ids) <= AT_ONCE:
            self._sort(ids, values)
        else:
            Thread(target=self._sort, args=(ids, values), daemon=True).start()

    def _sort(self, ids: Ids, values: NDArray[Any]) -> None:
        begin = thread_time()
        # NaN is the one number that differs from itself.
        known = values == values if values.dtype.kind == "f" else values != b""  # noqa: PLR0124
        ordered = ids[known][np.argsort(values[known], kind="stable")]
        self.took = thread_time() - begin
        self.result = Sorted(np.concatenate((ordered, ids[~known])), len(ordered))
