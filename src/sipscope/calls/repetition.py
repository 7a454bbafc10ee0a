"""Which messages were seen before: captured twice, or sent again (RFC 3261 section 17)."""

from collections.abc import Sequence
from typing import Any, Final

from sipscope.calls.states import TRANSACTION_TIMEOUT_NS

NEW: Final = 0
RETRANSMISSION: Final = 1
DUPLICATE: Final = 2

DUPLICATE_WINDOW_NS = 5_000_000
"""The same bytes on the same flow this soon after are one packet captured twice: T1 is 500 ms."""

REMEMBERED = 65_536


class RecentMessages:
    """Remembers the latest messages by what they say and where they go, a number each.

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
        index = -1
        for message in incoming:
            index += 1
            time = message[0]
            digest = hash(message[3]) ^ hash(message[2])
            if digest in recent:
                seen = recent[digest]
            elif digest in earlier:
                seen = earlier[digest]
            else:
                recent[digest] = time
                continue
            recent[digest] = time
            age = time - seen
            if age <= TRANSACTION_TIMEOUT_NS:
                twice = -DUPLICATE_WINDOW_NS < age < DUPLICATE_WINDOW_NS
                kinds[index] = DUPLICATE if twice else RETRANSMISSION
        if len(recent) > REMEMBERED:
            self._earlier, self._recent = recent, {}
        return kinds
