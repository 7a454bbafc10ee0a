"""Packets in bulk: one buffer and numpy columns, never one object per packet."""

from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.int64]


class Frame(NamedTuple):
    """One captured frame, whole.

    Attributes:
        time: Nanoseconds since the epoch.
        link_type: The `LINKTYPE_` number of the pcap format.
        wire_length: Bytes that the frame had on the wire.
        data: The captured bytes.
    """

    time: int
    link_type: int
    wire_length: int
    data: bytes


class Recording(Protocol):
    """A capture file whose frames can be read again, so that nothing is kept in memory."""

    def read(self, position: int, length: int) -> bytes:
        """Return `length` bytes at `position` of the file; fewer when the file shrank."""

    def frame(self, position: int) -> Frame | None:
        """Return the frame whose data begin at `position`; None when it is gone."""


@dataclass(frozen=True, slots=True)
class PacketBatch:
    """Consecutive packets of one source and one link type, in the order of capture.

    The four columns have one entry a packet.

    Attributes:
        buffer: Holds every packet's captured bytes.
        offset: Where each packet's bytes begin in `buffer`.
        captured: How many bytes of each packet are in `buffer`.
        wire: How many bytes each packet had on the wire, never less than `captured`.
        time: When each packet was captured, in ns since the epoch.
        link_type: The `LINKTYPE_` number of the pcap format.
        source: Index of the source in the engine's list.
        number: Frame number of the first packet within its source, from 1.
        recording: The file that holds the buffer's bytes, if it can be read again.
        position: Where `buffer[0]` lies in `recording`.
    """

    buffer: bytes
    offset: Column
    captured: Column
    wire: Column
    time: Column
    link_type: int
    source: int = 0
    number: int = 1
    recording: Recording | None = None
    position: int = 0

    def __len__(self) -> int:
        return len(self.offset)

    def frame(self, index: int) -> Frame:
        """Return packet `index` with its bytes copied out of the buffer."""
        return self.frames(np.array([index]))[0]

    def frames(self, packets: Column) -> list[Frame]:
        """Return several packets as `frame` does."""
        offset = self.offset[packets]
        ends = (offset + self.captured[packets]).tolist()
        rows = zip(
            self.time[packets].tolist(),
            repeat(self.link_type),
            self.wire[packets].tolist(),
            [
                bytes(self.buffer[start:end])
                for start, end in zip(offset.tolist(), ends, strict=True)
            ],
            strict=False,  # repeat() has no end
        )
        return list(map(tuple.__new__, repeat(Frame), rows))
