"""The pcap format: packets from the bytes of a file.

The format is that of libpcap's savefile(5) and draft-ietf-opsawg-pcap, with the nanosecond
magic and the longer record headers of Alexey Kuznetsov's patched libpcap.
"""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.decode.batch import Frame, PacketBatch, Recording

FILE_HEADER = 24
LARGEST_FRAME = 262_144  # libpcap's MAXIMUM_SNAPLEN
LARGEST_IP_FRAME = 65_536 + 256  # an IP packet in any link and tunnel headers


class Layout(NamedTuple):
    """What the magic number says about the records.

    Attributes:
        order: Byte order, `<` or `>`.
        nanoseconds: Nanoseconds in one unit of a timestamp's fraction.
        header: Bytes of a record header.
    """

    order: str
    nanoseconds: int
    header: int


MAGICS = {
    struct.pack(order + "I", number): Layout(order, nanoseconds, header)
    for order in "<>"
    for number, nanoseconds, header in (
        (0xA1B2C3D4, 1000, 16),
        (0xA1B23C4D, 1, 16),
        (0xA1B2CD34, 1000, 24),
    )
}


class PcapParser:
    """Finds the packets of a file that begins with one of `MAGICS`; the caller reads the file.

    Attributes:
        position: Where in the file the next call of `parse` continues.
        needed: How many bytes from `position` on it takes to go on.
        packets: Packets found so far.
        damaged: What is wrong with the file, in words; nothing is parsed after that.
    """

    def __init__(self, source: int = 0, recording: Recording | None = None) -> None:
        self.position = 0
        self.needed = FILE_HEADER
        self.packets = 0
        self.damaged: str | None = None
        self._source = source
        self._recording = recording
        self._layout = Layout("<", 1000, 16)
        self._link_type = 0
        self._limit = LARGEST_FRAME

    def parse(self, data: bytes) -> Iterator[PacketBatch]:
        """Yield the whole packets of `data`, the bytes of the file from `position` on.

        Exhaust the iterator before you look at `position`.
        """
        start = 0
        if self.position == 0:
            if len(data) < FILE_HEADER:
                return
            self._file_header(data)
            start = FILE_HEADER
        if self.damaged is None:
            batch = self._records(data, start)
            if len(batch):
                yield batch

    def finish(self, rest: int) -> None:
        """Say that the file ends with `rest` bytes after `position`."""
        if self.damaged is None and (rest or self.position == 0):
            where = f"packet {self.packets + 1:,}" if self.position else "the file header"
            self.damaged = f"cut off in the middle of {where} at byte {self.position:,}"

    def frame(self, read: Callable[[int, int], bytes], position: int) -> Frame | None:
        """Return the frame whose data begin at `position`, None when there is none any more.

        Args:
            read: Gives the bytes of the file at a position, so many.
            position: A batch's `position` plus a packet's `offset`.
        """
        order, unit, size = self._layout
        if position < FILE_HEADER + size:
            return None
        header = read(position - size, size)
        if len(header) < size:
            return None
        seconds, fraction, captured, wire = struct.unpack_from(order + "IIII", header)
        if captured > self._limit:
            return None
        data = read(position, captured)
        if len(data) < captured:
            return None
        time = seconds * 1_000_000_000 + fraction * unit
        return Frame(time, self._link_type, max(wire, captured), data)

    def _file_header(self, data: bytes) -> None:
        self._layout = MAGICS[data[:4]]
        major, snapshot, network = struct.unpack_from(self._layout.order + "4xH10xII", data)
        if major not in (2, 543):  # 543 stood in files of an ancient libpcap
            self.damaged = f"pcap version {major}, which nobody can read"
        # The upper half of the field tells of frame check sequences.
        self._link_type = network & 0xFFFF
        # Snapshot lengths lie, but not by more than an IP packet.
        self._limit = max(LARGEST_IP_FRAME, min(snapshot or LARGEST_FRAME, LARGEST_FRAME))

    def _records(self, data: bytes, start: int) -> PacketBatch:
        order, unit, size = self._layout
        at, found = find_records(data, start, order, size)
        starts = np.array(found, dtype=np.int64)
        header = gather(data, starts, 16).view(order + "u4").reshape(-1, 4).astype(np.int64)
        captured = header[:, 2]
        absurd = captured > self._limit
        whole = len(found)
        self.needed = size
        if absurd.any():
            whole = int(absurd.argmax())
            at = found[whole]
            self.damaged = (
                f"packet {self.packets + whole + 1:,} at byte {self.position + at:,}"
                f" claims {int(captured[whole]):,} bytes"
            )
        elif at > len(data):
            whole -= 1
            self.needed = at - found[whole]
            at = found[whole]
        captured = captured[:whole].copy()
        batch = PacketBatch(
            buffer=data,
            offset=starts[:whole] + size,
            captured=captured,
            wire=np.maximum(header[:whole, 3], captured),
            time=header[:whole, 0] * 1_000_000_000 + header[:whole, 1] * unit,
            link_type=self._link_type,
            source=self._source,
            number=self.packets + 1,
            recording=self._recording,
            position=self.position,
        )
        self.packets += whole
        self.position += at
        return batch


def find_records(data: bytes, start: int, order: str, size: int) -> tuple[int, list[int]]:
    """Return where the records of `data` begin, and where the one after them would.

    The last record may reach beyond the end of `data`. This loop is the only work in
    reading a file that is done packet by packet.
    """
    length = struct.Struct(order + "I").unpack_from
    last = len(data) - size
    found: list[int] = []
    append = found.append
    at = start
    while at <= last:
        append(at)
        at += size + length(data, at + 8)[0]
    return at, found


def gather(data: bytes, starts: NDArray[np.int64], size: int) -> NDArray[np.void]:
    """Return the `size` bytes at each of `starts`, wherever they are aligned."""
    everywhere = np.ndarray(
        max(0, len(data) - size + 1), dtype=f"V{size}", buffer=data, strides=(1,)
    )
    return everywhere[starts]
