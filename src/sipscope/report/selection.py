"""Which dialogs and streams a report is about, and whether any of them is a reason to fail."""

from collections.abc import Iterator

from sipscope.calls.filter import Filter, Subject
from sipscope.calls.store import DialogStore


def limit(store: DialogStore, wanted: Filter, now: int) -> None:
    """Forget the dialogs, and the streams that belong to none, that do not pass a filter.

    Args:
        store: Read to the end.
        wanted: What to keep.
        now: The time of the capture in ns.
    """
    store.forget([s.dialog.id for s in _dialogs(store, now) if s.dialog and not wanted(s)])
    for stream_id, subject in _strays(store, now):
        if not wanted(subject):
            store.streams.remove(stream_id)


def any_passes(store: DialogStore, condition: Filter, now: int) -> bool:
    """Tell whether a dialog, or a stream that belongs to none, passes a filter."""
    return any(map(condition, _dialogs(store, now))) or any(
        condition(subject) for _, subject in _strays(store, now)
    )


def _dialogs(store: DialogStore, now: int) -> Iterator[Subject]:
    for dialog in store.dialogs.values():
        yield Subject(dialog, store.streams, now)


def _strays(store: DialogStore, now: int) -> Iterator[tuple[int, Subject]]:
    for stream_id in store.streams.ids():
        if store.owner(stream_id) is None:
            yield stream_id, Subject(None, store.streams, now, [store.streams.figures(stream_id)])
