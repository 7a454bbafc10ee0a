"""Several capture files as one source, in the order of capture."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sipscope.capture.file import FileSource
from sipscope.decode.batch import PacketBatch

# Files that overlap are cut in pieces, exactly where the next packet of another file belongs.
# Every piece costs a turn of decoding, so when there are many, they are cut less finely.
EXACT_PIECES = 20_000
SLACK = 20_000_000  # ns


class FileSet:
    """Capture files, read so that their packets come in order of time.

    Each file's own order stays: a packet with a time in the past follows the one before it.
    """

    def __init__(self, sources: Sequence[FileSource]) -> None:
        self.sources = tuple(sources)
        self._pieces = 0
        self._open: list[_Head] = []
        heads = [_Head(source) for source in self.sources]
        # A file is read on only when its time has come, so few are in memory at once.
        self._waiting = sorted(
            (head for head in heads if head.batch is not None), key=_time, reverse=True
        )

    def read(self) -> PacketBatch | None:
        """Return the next packets, all of one file; None when there are no more."""
        while self._waiting and (
            not self._open or self._waiting[-1].time <= min(map(_time, self._open))
        ):
            self._open.append(self._waiting.pop())
        head = min(self._open, key=_time, default=None)
        if head is None or head.batch is None:
            return None
        others = [other.time for other in self._open if other is not head]
        if self._waiting:
            others.append(self._waiting[-1].time)
        slack = 0 if self._pieces < EXACT_PIECES else SLACK
        piece = head.take(head.batch, min(others) + slack if others else None)
        self._pieces += 1
        if head.batch is None:
            self._open.remove(head)
        return piece

    def close(self) -> None:
        """Close all files."""
        for source in self.sources:
            source.close()


class _Head:
    """The packets of a file that come next.

    Attributes:
        batch: What was read and not given yet, from packet `start` on; None at the end.
        time: When packet `start` is due: its own time, or that of a later one before it.
    """

    def __init__(self, source: FileSource) -> None:
        self._source = source
        self.time = 0
        self._fill()

    def _fill(self) -> None:
        self.batch = self._source.read()
        self.start = 0
        if self.batch is not None:
            self._due = np.maximum(np.maximum.accumulate(self.batch.time), self.time)
            self.time = int(self._due[0])

    def take(self, batch: PacketBatch, until: int | None) -> PacketBatch:
        """Return the packets of `batch` that are due up to `until`, at least one."""
        start, end = self.start, len(batch)
        if until is not None:
            end = int(np.searchsorted(self._due, until, side="right"))
        if end == len(batch):
            self._fill()
        else:
            self.start, self.time = end, int(self._due[end])
        return batch if end - start == len(batch) else _part(batch, start, end)


def _time(head: _Head) -> int:
    return head.time


def _part(batch: PacketBatch, start: int, end: int) -> PacketBatch:
    return replace(
        batch,
        offset=batch.offset[start:end],
        captured=batch.captured[start:end],
        wire=batch.wire[start:end],
        time=batch.time[start:end],
        number=batch.number + start,
    )
