"""What waits for one server, in order: in memory, and behind that on the disk."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from sipscope.forward.spool import Spool

MAX_MESSAGES: Final = 20_000
MAX_BYTES: Final = 16 << 20


class Backlog:
    """Messages for one server, oldest first, bounded.

    Without a spool the oldest make room; with one, memory holds the oldest and the spool what
    came after, and what makes room is the oldest of the spool.

    Args:
        spool: None for memory alone.

    Attributes:
        ready: The oldest, to be taken from the left; `refill` brings more.
        left: Messages that `close` left for the next run.
    """

    def __init__(self, spool: Spool | None = None) -> None:
        self.ready: deque[bytes] = deque()
        self.left = 0
        self.spool = spool
        self._bytes = 0
        self._lost = 0

    def __len__(self) -> int:
        return len(self.ready) + self.spooled

    @property
    def spooled(self) -> int:
        """Messages on the disk."""
        return self.spool.messages if self.spool else 0

    @property
    def dropped(self) -> int:
        """Messages that made room."""
        return self._lost + (self.spool.dropped if self.spool else 0)

    @property
    def full(self) -> bool:
        """Whether there is room in memory for only as much as waits there already."""
        return len(self.ready) * 2 > MAX_MESSAGES or self._bytes * 2 > MAX_BYTES

    def put(self, messages: Sequence[bytes], *, away: bool) -> None:
        """Take messages that are newer than all others.

        Args:
            messages: In order.
            away: Whether the server is away, so that the disk is the safer place.
        """
        size = sum(map(len, messages))
        if self.spool is not None and (
            away
            or self.spool.messages
            or len(self.ready) + len(messages) > MAX_MESSAGES
            or self._bytes + size > MAX_BYTES
        ):
            self.spool.append(messages)
            return
        self.ready.extend(messages)
        self._bytes += size
        self._make_room()

    def took(self, messages: Sequence[bytes]) -> int:
        """Note that messages were taken from `ready`; return how many bytes they have."""
        size = sum(map(len, messages))
        self._bytes -= size
        return size

    def refill(self) -> None:
        """Bring the next messages of the spool to memory when that has none."""
        if not self.ready and self.spool is not None and self.spool.messages:
            self.ready.extend(self.spool.take())
            self._bytes = sum(map(len, self.ready))

    def give_back(self, messages: Sequence[bytes]) -> None:
        """Put messages that were taken back in front of all others: the server went away."""
        if self.spool is not None:
            self.spool.prepend([*messages, *self.ready])
            self.ready.clear()
            self._bytes = 0
            return
        self.ready.extendleft(reversed(messages))
        self._bytes = sum(map(len, self.ready))
        self._make_room()

    def close(self) -> None:
        """Leave what waits for the next run, where there is a spool; else it is lost."""
        if self.spool is not None:
            self.spool.prepend(list(self.ready))
            self.left = self.spool.messages
            self.spool.close()
        else:
            self._lost += len(self.ready)
        self.ready.clear()

    def _make_room(self) -> None:
        while len(self.ready) > MAX_MESSAGES or self._bytes > MAX_BYTES:
            self._bytes -= len(self.ready.popleft())
            self._lost += 1
