"""The list of RTP streams as one person looks at it: filtered, sorted, kept current."""

from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

from sipscope.calls.filter import compile_filter
from sipscope.calls.filter.subject import StreamSubject
from sipscope.calls.rows import party_names
from sipscope.calls.store import DialogStore
from sipscope.decode.text import display
from sipscope.rtpqos.listing import StreamRow

AGAIN_S = 1.0
"""How often a new order is worked out at most: a list that is never still cannot be read."""

_SHARE = 20
"""Working out an order takes one part in so many of the time at most."""

_SLICE = 1000
"""So many streams a filter reads at once: the store is locked meanwhile."""

_TURN = 250
"""So many streams that were read before are read again each time: figures change."""


class ListedStream(NamedTuple):
    """A stream in the list.

    Attributes:
        row: Its figures.
        call: Who calls whom, safe to show; empty for a stream of no call.
    """

    row: StreamRow
    call: str


class StreamView:
    """A filtered and sorted list of the streams of a store.

    Args:
        store: Where the streams are.

    Attributes:
        ids: The streams that are shown, in their order.
        total: How many there are, shown or not.
        column: What they are sorted by, see `StreamTable.order`.
        descending: Whether the greatest come first.
        filter: The filter that is in effect.
        now: The time of the capture in ns.
        waiting: Whether there are streams that the filter has not looked at yet, so that
            `update` wants to be called again soon.
    """

    def __init__(self, store: DialogStore) -> None:
        self.ids: list[int] = []
        self.total = 0
        self.column = "mos"
        self.descending = False
        self.filter = compile_filter("")
        self.now = 0
        self.waiting = False
        self._store = store
        self._due = 0.0
        self._judged: dict[int, tuple[int, bool]] = {}

    def arrange(
        self,
        *,
        column: str | None = None,
        descending: bool | None = None,
        text: str | None = None,
    ) -> None:
        """Ask for another order or filter; the next `update` works it out.

        Args:
            column: See `StreamTable.order`.
            descending: Whether the greatest come first.
            text: The filter, see `calls.filter`; its words are looked for in the row.

        Raises:
            FilterExpressionError: The text is no filter; the former one stays in effect.
        """
        if column is not None:
            self.column = column
        if descending is not None:
            self.descending = descending
        if text is not None:
            self.filter = compile_filter(text)
            self._judged.clear()
        self._due = 0.0

    def update(self) -> bool:
        """Sort again if it is time; tell whether `ids` is another list."""
        begin = monotonic()
        if begin < self._due and not self.waiting:
            return False
        self.waiting = False
        with self._store.lock:
            ids = self._store.streams.order(self.column, self.descending)
            self.total = len(ids)
            if self.filter:
                ids = self._passing(ids)
        self._due = begin + max(AGAIN_S, _SHARE * (monotonic() - begin))
        changed = ids != self.ids
        self.ids = ids
        return changed

    def rows(self, ids: Sequence[int]) -> dict[int, ListedStream]:
        """Return streams as they are now, by id; those that are gone are left out."""
        with self._store.lock:
            return {
                row.id: ListedStream(row, self._call(row.id))
                for row in self._store.streams.rows(ids)
            }

    def _call(self, stream_id: int) -> str:
        dialog = self._store.owner(stream_id)
        if dialog is None:
            return ""
        caller, callee = party_names(dialog)
        return f"{caller or '?'} → {callee or '?'}"

    def _passing(self, ids: list[int]) -> list[int]:
        """Return the streams that pass the filter, as far as they were read."""
        store, before = self._store, self._judged
        owners = {i: 0 if (dialog := store.owner(i)) is None else dialog.id for i in ids}
        kept = {i: found for i, found in before.items() if owners.get(i) == found[0]}
        unread = [i for i in ids if i not in kept]
        self.waiting = len(unread) > _SLICE
        for row in store.streams.rows([*unread[:_SLICE], *list(kept)[:_TURN]]):
            codec = display(row.codec or "")
            text = f"{row.flow.source} {row.flow.destination} {codec} {row.ssrc:08x}"
            text = f"{text} {self._call(row.id)}".lower()
            subject = StreamSubject(row.id, text, store.owner(row.id), store.streams, self.now)
            kept.pop(row.id, None)  # what was read last goes to the end
            kept[row.id] = owners[row.id], self.filter(subject)
        self._judged = kept
        return [i for i in ids if i in kept and kept[i][1]]
