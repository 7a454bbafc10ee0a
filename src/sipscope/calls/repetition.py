"""What was seen before: captured twice, or sent again (RFC 3261 section 17)."""

from collections.abc import Sequence
from typing import Any, Final

from sipscope.calls.dialog import Dialog, Message
from sipscope.calls.states import TRANSACTION_TIMEOUT_NS

NEW: Final = 0
RETRANSMISSION: Final = 1
DUPLICATE: Final = 2

DUPLICATE_WINDOW_NS = 5_000_000
"""The same bytes on the same flow this soon after are one packet captured twice: T1 is 500 ms."""

LOOK_BACK = 256
"""A message is looked for among so many of its dialog: a hostile sender has no end of them."""

MOST_ALIKE = 8
"""Messages that differ only in their bytes and are compared byte by byte, at most."""

REMEMBERED = 65_536


def repetition(dialog: Dialog, message: Message, raw: bytes) -> int:
    """Tell whether a message is NEW, a RETRANSMISSION or a DUPLICATE.

    Args:
        dialog: What it belongs to, before it.
        message: The message.
        raw: Its bytes.
    """
    alike = 0
    look = (message.method, message.status, message.cseq, message.length, message.flow)
    for earlier in reversed(dialog.messages[-LOOK_BACK:]):
        if look != (earlier.method, earlier.status, earlier.cseq, earlier.length, earlier.flow):
            continue
        if raw == earlier.raw:
            return _kind(message.time - earlier.time)
        alike += 1
        if alike == MOST_ALIKE:
            break
    return NEW


class RecentMessages:
    """Remembers the latest packets that belong to no dialog, such as RTCP, a number each.

    At least `REMEMBERED` are known, at most twice as many: when a generation is full, it
    takes the place of the one before.
    """

    def __init__(self) -> None:
        self._recent: dict[int, int] = {}
        self._earlier: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._recent) + len(self._earlier)

    def classify(self, incoming: Sequence[tuple[Any, ...]]) -> list[int]:
        """Return of each message whether it is NEW, a RETRANSMISSION or a DUPLICATE.

        Args:
            incoming: Tuples that begin with time in ns, frame number, flow and bytes.
        """
        recent, earlier = self._recent, self._earlier
        kinds = [NEW] * len(incoming)
        for index, (time, _, flow, raw, *_) in enumerate(incoming):
            digest = hash(raw) ^ hash(flow)
            seen = recent.get(digest, earlier.get(digest))
            recent[digest] = time
            if seen is not None:
                kinds[index] = _kind(time - seen)
        if len(recent) > REMEMBERED:
            self._earlier, self._recent = recent, {}
        return kinds


def _kind(age: int) -> int:
    """Tell what it is that was seen last so many ns ago."""
    if age > TRANSACTION_TIMEOUT_NS:
        return NEW
    return DUPLICATE if -DUPLICATE_WINDOW_NS < age < DUPLICATE_WINDOW_NS else RETRANSMISSION
