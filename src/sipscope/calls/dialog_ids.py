"""Ids of dialogs in an order, eight bytes each: a list of a million is made in milliseconds."""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


class DialogIds(Sequence[int]):
    """Ids of dialogs; it does not change.

    Args:
        ids: In their order.
        rising: Whether each is greater than the one before.
        falling: Whether each is less.
    """

    def __init__(self, ids: Ids, *, rising: bool = False, falling: bool = False) -> None:
        self._ids = ids
        self._rising = ids if rising else ids[::-1] if falling else None
        self._falling = falling

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids.tolist())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DialogIds):
            return np.array_equal(self._ids, other._ids)
        return isinstance(other, list) and self._ids.tolist() == other

    __hash__ = None  # type: ignore[assignment]

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> list[int]: ...
    def __getitem__(self, place: int | slice) -> int | list[int]:
        if isinstance(place, slice):
            found: list[int] = self._ids[place].tolist()
            return found
        return int(self._ids[place])

    def __contains__(self, dialog_id: object) -> bool:
        return isinstance(dialog_id, int) and self._find(dialog_id) is not None

    def index(self, value: object, start: int = 0, stop: int | None = None) -> int:
        """Return the place of an id.

        Raises:
            ValueError: It is not there.
        """
        found = self._find(value) if isinstance(value, int) else None
        if found is None or found < start or (stop is not None and found >= stop):
            raise ValueError(f"{value!r} is not in the list")
        return found

    def rising(self) -> Ids:
        """Return the ids in rising order."""
        return np.sort(self._ids) if self._rising is None else self._rising

    def newest(self) -> int | None:
        """Return the greatest id, None when there is none."""
        return int(self._ids.max()) if len(self._ids) else None

    def _find(self, dialog_id: int) -> int | None:
        if self._rising is None:
            places = np.flatnonzero(self._ids == dialog_id)
            return int(places[0]) if len(places) else None
        place = int(np.searchsorted(self._rising, dialog_id))
        if place == len(self._rising) or self._rising[place] != dialog_id:
            return None
        return len(self._rising) - 1 - place if self._falling else place
