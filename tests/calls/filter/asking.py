"""A call to ask about, and what a filter says of it."""

from sipscope.calls.filter.expression import compile_filter
from sipscope.calls.filter.subject import Subject
from sipscope.calls.store import DialogStore
from tests.packets import START
from tests.signalling import answered_call, store_of

SECOND = 1_000_000_000


def answered() -> Subject:
    """An answered call of 12 s with one stream of 50 packets, two of them lost."""
    return subject(store_of(answered_call(media=50, lost=[10, 11])))


def subject(store: DialogStore, dialog_id: int = 1, *, after_s: float = 60) -> Subject:
    """A dialog, some time after the capture began."""
    now = START + round(after_s * SECOND)
    return Subject(store.dialogs[dialog_id], store.streams, now)


def passes(text: str, asked: Subject) -> bool:
    """What the filter says."""
    return compile_filter(text)(asked)
