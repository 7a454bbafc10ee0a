"""Looks for the other legs of calls, a little at a time, and goes on as dialogs come."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Final

from sipscope.calls.dialog import Dialog
from sipscope.calls.legs import LegIndex, Link
from sipscope.calls.store import DialogStore

NEAR_NS: Final = 30_000_000_000
"""How much earlier or later the other leg may start."""

MAX_NEAR: Final = 5_000
"""So many dialogs are looked at, the nearest."""

_SLICE_S = 0.005


class LegSearch:
    """The legs of some dialogs.

    Args:
        store: Where to look.
        dialogs: Whose legs.
    """

    def __init__(self, store: DialogStore, dialogs: Sequence[Dialog]) -> None:
        self._store = store
        self._ids = tuple(dialog.id for dialog in dialogs)
        self._groups = {dialog.group for dialog in dialogs}
        self._first = min((dialog.started for dialog in dialogs), default=0) - NEAR_NS
        self._last = max((dialog.started for dialog in dialogs), default=0) + NEAR_NS
        self._index = LegIndex(dialogs)
        self._seen = self._newest = 0
        with store.lock:
            self._waiting = self._near()
            everyone = list(store.dialogs.values())
        for dialog in everyone:
            if dialog.group in self._groups:
                self._index.add(dialog)

    @property
    def done(self) -> bool:
        """Whether all dialogs that are near have been looked at."""
        return not self._waiting

    def go_on(self, budget_s: float) -> bool:
        """Look at some dialogs, the nearest first; tell whether that was all.

        The store's lock is held for a few ms at a time.
        """
        until = monotonic() + budget_s
        while self._waiting:
            with self._store.lock:
                self._look_until(min(until, monotonic() + _SLICE_S))
            if monotonic() >= until:
                break
        return not self._waiting

    def take(self, changed: Iterable[int]) -> bool:
        """Look at dialogs that changed, hold the store's lock; tell whether any was new here."""
        dialogs = self._store.dialogs
        found = False
        for new in sorted(i for i in changed if i > self._newest and i in dialogs):
            self._newest = new
            dialog = dialogs[new]
            near = self._first <= dialog.started <= self._last and self._seen < MAX_NEAR
            if near or dialog.group in self._groups:
                self._seen += 1
                self._index.add(dialog)
                found = True
        return found

    def links(self) -> list[Link]:
        """Return the legs that were found, each with what it belongs to and why."""
        found: dict[int, Link] = {}
        for dialog_id in self._ids:
            for link in self._index.legs(dialog_id):
                if link.leg not in self._ids:
                    found.setdefault(link.leg, link)
        return list(found.values())

    def _look_until(self, end: float) -> None:
        """Look at one dialog, and at more until the time is over."""
        while self._waiting:
            dialog = self._store.dialogs.get(self._waiting.pop())
            if dialog is not None:
                self._index.add(dialog)
            if monotonic() >= end:
                return

    def _near(self) -> list[int]:
        """Return who starts within the time, the nearest at the end."""
        dialogs = self._store.dialogs
        ids = list(dialogs)
        self._newest = ids[-1] if ids else 0
        first = bisect_left(ids, self._first, key=lambda i: dialogs[i].started)
        last = bisect_right(ids, self._last, key=lambda i: dialogs[i].started)
        middle = bisect_left(ids, self._ids[0]) if self._ids else first
        first, last = max(first, middle - MAX_NEAR // 2), min(last, middle + MAX_NEAR // 2)
        near = sorted(range(first, last), key=lambda place: -abs(place - middle))
        self._seen = len(near)
        return [ids[place] for place in near]
