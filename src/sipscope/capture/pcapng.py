"""The pcapng format: packets from the bytes of a file.

The format is that of draft-ietf-opsawg-pcapng: blocks in sections, each section with its own
byte order and interfaces, each interface with its own link type and clock.
"""

import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.capture.pcap import gather
from sipscope.decode.batch import Column, Frame, PacketBatch, Recording

MAGIC = b"\x0a\x0d\x0d\x0a"

SECTION_HEADER = 0x0A0D0D0A
INTERFACE_DESCRIPTION = 1
OBSOLETE_PACKET = 2
SIMPLE_PACKET = 3
ENHANCED_PACKET = 6

# Bytes of a packet block before the packet; after it comes the length once more.
PACKET_BLOCKS = {ENHANCED_PACKET: 28, OBSOLETE_PACKET: 28, SIMPLE_PACKET: 12}
LEAST_LENGTH = {SECTION_HEADER: 28, INTERFACE_DESCRIPTION: 20} | {
    kind: before + 4 for kind, before in PACKET_BLOCKS.items()
}
BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}

IF_TSRESOL = 9
IF_TSOFFSET = 14

LARGEST_BLOCK = 16 << 20  # as in libpcap and Wireshark
MOST_SECTIONS = 65_536
MOST_INTERFACES = 65_536  # of a section

SECOND = 1_000_000_000
# Later times stand at this one (the year 2255), so that sums with them still fit 64 bits.
LATEST_SECOND = 9_000_000_000


class Interface(NamedTuple):
    """What an interface description says of its packets.

    Attributes:
        link_type: The `LINKTYPE_` number.
        snapshot: Most bytes captured of a packet, 0 for all of them.
        resolution: Units of a timestamp in one second.
        offset: Seconds to add to a timestamp.
    """

    link_type: int
    snapshot: int
    resolution: int
    offset: int


class Section(NamedTuple):
    """A section of the file: where it begins, its byte order and its interfaces so far."""

    position: int
    order: str
    interfaces: list[Interface]


class _Damage(Exception):
    """Why a block cannot be read, in words."""


class PcapngParser:
    """Finds the packets of a file that begins with `MAGIC`; the caller reads the file.

    Attributes:
        position: Where in the file the next call of `parse` continues.
        needed: How many bytes from `position` on it takes to go on.
        packets: Packets found so far.
        damaged: What is wrong with the file, in words; nothing is parsed after that.
    """

    def __init__(self, source: int = 0, recording: Recording | None = None) -> None:
        self.position = 0
        self.needed = 12
        self.packets = 0
        self.damaged: str | None = None
        self._source = source
        self._recording = recording
        self._sections: list[Section] = []
        self._kind = ENHANCED_PACKET  # of the packet blocks that are read in bulk

    def parse(self, data: bytes) -> Iterator[PacketBatch]:
        """Yield the whole packets of `data`, the bytes of the file from `position` on.

        Exhaust the iterator before you look at `position`.
        """
        begin = self.position
        at = 0
        while self.damaged is None:
            if self._sections:
                at, starts = self._packet_blocks(data, at)
                yield from self._packets(data, starts, begin)
                if self.damaged:
                    return
            self.position = begin + at
            try:
                size = self._block(data, at)
            except _Damage as damage:
                self.damaged = f"the block at byte {self.position:,} {damage}" + self._after()
                return
            if size is None:
                return
            at += size

    def finish(self, rest: int) -> None:
        """Say that the file ends with `rest` bytes after `position`."""
        if self.damaged is None and (rest or not self._sections):
            self.damaged = f"cut off in the middle of the block at byte {self.position:,}"
            self.damaged += self._after()

    def frame(self, read: Callable[[int, int], bytes], position: int) -> Frame | None:
        """Return the frame whose data begin at `position`, None when there is none any more.

        Args:
            read: Gives the bytes of the file at a position, so many.
            position: A batch's `position` plus a packet's `offset`.
        """
        index = bisect_right(self._sections, position, key=lambda section: section.position)
        if index == 0:
            return None
        section = self._sections[index - 1]
        for kind, before in PACKET_BLOCKS.items():
            begin = position - before
            if begin <= section.position:
                continue
            head = read(begin, 8)
            if len(head) < 8:
                return None
            found, size = struct.unpack(section.order + "II", head)
            if found != kind or not LEAST_LENGTH[kind] <= size <= LARGEST_BLOCK:
                continue
            size = size + 3 & -4
            block = read(begin, size)
            if len(block) < size:
                return None
            columns = _columns(block, np.zeros(1, dtype=np.int64), kind, section)
            if not columns.fault[0]:
                return Frame(
                    time=int(columns.time[0]),
                    link_type=int(columns.link_type[0]),
                    wire_length=int(columns.wire[0]),
                    data=block[before : before + int(columns.captured[0])],
                )
        return None

    def _packet_blocks(self, data: bytes, at: int) -> tuple[int, list[int]]:
        """Return where the consecutive packet blocks at `at` end, and where each begins.

        This loop is the only work in reading a file that is done packet by packet.
        """
        head = struct.Struct(self._sections[-1].order + "II").unpack_from
        kind = self._kind
        least = LEAST_LENGTH[kind]
        last = len(data) - least
        starts: list[int] = []
        append = starts.append
        while at <= last:
            found, size = head(data, at)
            if found != kind or size < least or size > LARGEST_BLOCK:
                break
            append(at)
            at += size + 3 & -4
        if at > len(data):
            at = starts.pop()
        return at, starts

    def _packets(self, data: bytes, found: list[int], begin: int) -> Iterator[PacketBatch]:
        """Yield a batch for each run of packets of one link type."""
        if not found:
            return
        starts = np.array(found, dtype=np.int64)
        columns = _columns(data, starts, self._kind, self._sections[-1])
        whole = len(found)
        faulty = columns.fault != 0
        if faulty.any():
            whole = int(faulty.argmax())
            self.damaged = (
                f"packet {self.packets + whole + 1:,} at byte {begin + found[whole]:,}"
                f" {FAULTS[int(columns.fault[whole])]}"
            )
        if not whole:
            return
        changes = np.flatnonzero(np.diff(columns.link_type[:whole])) + 1
        for first, end in pairwise([0, *changes.tolist(), whole]):
            number = self.packets + 1
            self.packets += end - first
            yield PacketBatch(
                buffer=data,
                offset=columns.offset[first:end],
                captured=columns.captured[first:end],
                wire=columns.wire[first:end],
                time=columns.time[first:end],
                link_type=int(columns.link_type[first]),
                source=self._source,
                number=number,
                recording=self._recording,
                position=begin,
            )

    def _block(self, data: bytes, at: int) -> int | None:
        """Take in the block at `at`, if it is no packet, and return its length.

        0 means that packets of another kind come now, None that the block is not whole yet.
        """
        self.needed = 12
        if len(data) - at < 12:
            return None
        order = self._sections[-1].order if self._sections else ""
        if data[at : at + 4] == MAGIC:
            order = BYTE_ORDERS.get(data[at + 8 : at + 12], "")
        if not order:
            raise _Damage("is no section header")
        kind, size = struct.unpack_from(order + "II", data, at)
        if not LEAST_LENGTH.get(kind, 12) <= size <= LARGEST_BLOCK:
            raise _Damage(f"claims {size:,} bytes")
        # Lengths are multiples of 4, but some writers have left the padding out of them.
        size = size + 3 & -4
        if len(data) - at < size:
            self.needed = size
            return None
        if kind in PACKET_BLOCKS:
            self._kind = kind
            return 0
        if data[at + size - 4 : at + size] != data[at + 4 : at + 8]:
            raise _Damage(FAULTS[BAD_LENGTH])
        if kind == SECTION_HEADER:
            return self._section(order, data[at : at + size])
        if kind == INTERFACE_DESCRIPTION:
            return self._interface(order, data[at : at + size])
        return int(size)

    def _section(self, order: str, block: bytes) -> int:
        (version,) = struct.unpack_from(order + "H", block, 12)
        if version != 1:
            raise _Damage(f"begins a section of version {version}, which nobody can read")
        if len(self._sections) == MOST_SECTIONS:
            raise _Damage(f"begins one more than {MOST_SECTIONS:,} sections")
        self._sections.append(Section(self.position, order, []))
        return len(block)

    def _interface(self, order: str, block: bytes) -> int:
        interfaces = self._sections[-1].interfaces
        if len(interfaces) == MOST_INTERFACES:
            raise _Damage(f"describes one more than {MOST_INTERFACES:,} interfaces")
        interfaces.append(_interface(order, block))
        return len(block)

    def _after(self) -> str:
        return f", after packet {self.packets:,}" if self.packets else ""


def _interface(order: str, block: bytes) -> Interface:
    """Read an interface description; options that do not fit do not count."""
    link_type, snapshot = struct.unpack_from(order + "H2xI", block, 8)
    resolution, offset = 1_000_000, 0
    at, end = 16, len(block) - 4
    while at + 4 <= end:
        code, length = struct.unpack_from(order + "HH", block, at)
        at += 4
        if code == 0 or at + length > end:
            break
        if code == IF_TSRESOL and length >= 1:
            exponent = block[at] & 0x7F
            resolution = 2**exponent if block[at] & 0x80 else 10**exponent
        elif code == IF_TSOFFSET and length >= 8:
            (offset,) = struct.unpack_from(order + "q", block, at)
        at += length + -length % 4
    return Interface(link_type, snapshot, resolution, offset)


class _Columns(NamedTuple):
    """Packet blocks as columns: those of a batch, and an index of `FAULTS` or 0."""

    offset: Column
    captured: Column
    wire: Column
    time: Column
    link_type: Column
    fault: Column


BAD_LENGTH, NO_INTERFACE, TOO_LONG = 1, 2, 3
FAULTS = (
    "",
    "ends with another length than it begins with",
    "comes from an interface that the file does not describe",
    "claims more bytes than its block holds",
)


def _columns(data: bytes, starts: Column, kind: int, section: Section) -> _Columns:
    """Read the packet blocks of one kind that begin at `starts` and lie in `data` whole."""
    order, interfaces = section.order, section.interfaces
    before = PACKET_BLOCKS[kind]
    head = gather(data, starts, before).view(order + "u4").reshape(-1, before // 4)
    size = head[:, 1].astype(np.int64)
    end = starts + (size + 3 & -4)
    room = end - starts - LEAST_LENGTH[kind]
    if kind == SIMPLE_PACKET:
        # It comes from the first interface, and has no time.
        interface = np.zeros(len(starts), dtype=np.int64)
        ticks = np.zeros(len(starts), dtype=np.uint64)
        wire = head[:, 2].astype(np.int64)
        snapshot = interfaces[0].snapshot if interfaces else 0
        captured = np.minimum(np.minimum(wire, room), snapshot or LARGEST_BLOCK)
    else:
        interface = head[:, 2].astype(np.int64)
        if kind == OBSOLETE_PACKET:  # 16 bits of interface, 16 of drops
            interface = interface & 0xFFFF if order == "<" else interface >> 16
        ticks = head[:, 3].astype(np.uint64) << np.uint64(32) | head[:, 4]
        captured = head[:, 5].astype(np.int64)
        wire = np.maximum(head[:, 6].astype(np.int64), captured)
    tail = gather(data, end - 4, 4).view(order + "u4")
    fault = np.zeros(len(starts), dtype=np.int64)
    fault[captured > room] = TOO_LONG
    fault[interface >= len(interfaces)] = NO_INTERFACE
    fault[tail != size] = BAD_LENGTH
    link_type, time = _interface_columns(interface, ticks, interfaces)
    return _Columns(starts + before, captured, wire, time, link_type, fault)


def _interface_columns(
    interface: Column, ticks: NDArray[np.uint64], interfaces: list[Interface]
) -> tuple[Column, Column]:
    """Return the link type and the time (ns) of packets from `interface`, whose clock says `ticks`.

    A packet of an unknown interface gets those of any other.
    """
    if not interfaces:
        return np.zeros_like(interface), np.zeros_like(interface)
    interface = np.minimum(interface, len(interfaces) - 1)
    if (interface == interface[0]).all():
        present, which = interface[:1], np.zeros(len(interface), dtype=np.intp)
    else:
        present, which = np.unique(interface, return_inverse=True)
    known = [interfaces[number] for number in present.tolist()]
    link_type = np.array([one.link_type for one in known], dtype=np.int64)[which]
    units = np.array([min(one.resolution, 2**64 - 1) for one in known], dtype=np.uint64)[which]
    scale = np.array([SECOND / one.resolution for one in known])
    offset = np.array(
        [max(-LATEST_SECOND, min(one.offset, LATEST_SECOND)) for one in known], dtype=np.int64
    )
    seconds = ticks // units
    seconds[units == 2**64 - 1] = 0  # a resolution beyond 64 bits leaves none in 64 bits of ticks
    rest = ticks - seconds * units
    seconds_since = np.minimum(seconds, LATEST_SECOND).astype(np.int64) + offset[which]
    fraction = np.rint(rest * scale[which]).astype(np.int64)
    return link_type, np.clip(seconds_since, 0, LATEST_SECOND) * SECOND + fraction
