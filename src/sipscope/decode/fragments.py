"""Fragmented IP packets put together again (RFC 791 section 3.2, RFC 8200 section 4.5)."""

import struct
from bisect import bisect_left
from collections import OrderedDict
from operator import attrgetter
from typing import Final, NamedTuple

from sipscope.decode.batch import Frame
from sipscope.decode.counts import NetworkCounts

MAX_PACKETS: Final = 4_096
MAX_BYTES: Final = 8 << 20
LIFETIME: Final = 30_000_000_000
"""How long the parts of a packet are waited for, in ns of capture time."""
DUPLICATE: Final = 1_000_000_000
"""How long after a packet is complete its parts may be seen once more, in ns."""
_OVERHEAD: Final = 256  # of the objects that keep one fragment, in bytes


class Fragment(NamedTuple):
    """One fragment of an IP packet.

    Attributes:
        header: The IP header of the fragment: 20 bytes of IPv4, without options, or 40 of IPv6.
        identification: What the fragments of one packet have in common.
        protocol: What the whole carries.
        offset: Where its data belong in the whole, in bytes.
        more: Whether fragments follow.
        length: Its data in bytes by the IP header.
        data: As much of them as was captured.
        frames: The captured frame, or those that a tunnel's packet came in, in order of capture.
        encapsulation: The tunnels that it came in, as a number.
    """

    header: bytes
    identification: int
    protocol: int
    offset: int
    more: bool
    length: int
    data: bytes
    frames: tuple[Frame, ...]
    encapsulation: int = 0


class Whole(NamedTuple):
    """An IP packet out of its fragments.

    Attributes:
        packet: The packet, from an IP header without options; it ends where the first byte is
            missing, if fragments were cut short by the capture.
        wire_length: Its length before anything was cut.
        frames: The frames of its fragments, in order of capture.
    """

    packet: bytes
    wire_length: int
    frames: tuple[Frame, ...]


class _Piece(NamedTuple):
    offset: int
    length: int
    data: bytes


class _Parts:
    """What there is of one packet; once closed, only that it was there."""

    __slots__ = (
        "begun",
        "closed_until",
        "frames",
        "header",
        "held",
        "pieces",
        "protocol",
        "size",
        "total",
    )

    def __init__(self, begun: int) -> None:
        self.begun = begun
        self.closed_until: int | None = None
        self.pieces: list[_Piece] = []  # in order of offset, none over another
        self.frames: list[Frame] = []
        self.header = b""
        self.protocol = 0
        self.size = 0
        self.total: int | None = None
        self.held = 0


class FragmentTable:
    """Keeps fragments until their packet is whole, in bounded time and space.

    Parts may come in any order and more than once. Parts that contradict each other are an
    attack (RFC 5722): the packet is dropped and so is all of it that comes later.
    """

    def __init__(self, counts: NetworkCounts) -> None:
        self._counts = counts
        self._packets: OrderedDict[tuple[bytes, int, int, int], _Parts] = OrderedDict()
        self._held = 0

    def __len__(self) -> int:
        return len(self._packets)

    @property
    def held(self) -> int:
        """Bytes that the fragments take, about."""
        return self._held

    def add(self, fragment: Fragment) -> Whole | None:
        """Take a fragment; return the packet if that was the last part of it."""
        now = fragment.frames[-1].time
        self._expire(now)
        end = fragment.offset + fragment.length
        if fragment.length <= 0 or end > 65_535 or (fragment.more and end % 8):
            self._counts.malformed += 1
            return None
        header, protocol = fragment.header, fragment.protocol
        # In IPv6 only the first fragment tells the protocol (RFC 8200 section 4.5).
        key = (header[12:20], protocol, fragment.identification, fragment.encapsulation)
        if len(header) == 40:
            key = (header[8:], -1, fragment.identification, fragment.encapsulation)
        parts = self._packets.get(key)
        if parts and parts.closed_until is not None:
            if parts.begun <= now <= parts.closed_until:
                return None
            del self._packets[key]
            parts = None
        if parts is None:
            parts = self._packets[key] = _Parts(now)
        if not self._insert(parts, fragment):
            self._counts.fragments_overlapping += 1
            self._close(parts, parts.begun + LIFETIME)
        elif parts.size == parts.total:
            whole = _join(parts)
            self._close(parts, now + DUPLICATE)
            return whole
        self._evict()
        return None

    def finish(self) -> None:
        """Count what is still incomplete when no more fragments will come."""
        while self._packets:
            self._counts.fragments_incomplete += self._drop_oldest()

    def _insert(self, parts: _Parts, fragment: Fragment) -> bool:
        """Put a fragment in its place; tell whether it agrees with what is there."""
        begin, data = fragment.offset, fragment.data
        end = begin + fragment.length
        if not fragment.more:
            if parts.total not in (None, end):
                return False
            parts.total = end
        pieces = parts.pieces
        index = bisect_left(pieces, begin, key=attrgetter("offset"))
        if index and pieces[index - 1].offset + pieces[index - 1].length > begin:
            index -= 1
        fresh: list[_Piece] = []
        last = index
        at = begin
        while last < len(pieces) and pieces[last].offset < end:
            piece = pieces[last]
            if not _agree(piece, begin, data):
                return False
            if piece.offset > at:
                fresh.append(_Piece(at, piece.offset - at, data[at - begin : piece.offset - begin]))
            at = max(at, piece.offset + piece.length)
            last += 1
        if at < end:
            fresh.append(_Piece(at, end - at, data[at - begin :]))
        if fresh:
            pieces[index:last] = sorted([*pieces[index:last], *fresh])
            parts.size += sum(piece.length for piece in fresh)
            parts.frames += fragment.frames
            held = len(data) + sum(len(frame.data) for frame in fragment.frames) + _OVERHEAD
            parts.held += held
            self._held += held
        if begin == 0:
            parts.header, parts.protocol = fragment.header, fragment.protocol
        last_piece = pieces[-1]
        return parts.total is None or last_piece.offset + last_piece.length <= parts.total

    def _close(self, parts: _Parts, until: int) -> None:
        """Forget the contents of a packet, but until then not that it was there."""
        self._held -= parts.held
        parts.held = 0
        parts.pieces, parts.frames, parts.header = [], [], b""
        parts.closed_until = until

    def _expire(self, now: int) -> None:
        while self._packets:
            oldest = next(iter(self._packets.values()))
            # The clock of a capture may step back.
            if abs(now - oldest.begun) <= LIFETIME:
                return
            self._counts.fragments_incomplete += self._drop_oldest()

    def _evict(self) -> None:
        while len(self._packets) > MAX_PACKETS or self._held > MAX_BYTES:
            self._counts.fragments_evicted += self._drop_oldest()

    def _drop_oldest(self) -> bool:
        """Forget the packet that began first; tell whether it was still waited for."""
        _, parts = self._packets.popitem(last=False)
        self._held -= parts.held
        return parts.closed_until is None


def _agree(piece: _Piece, begin: int, data: bytes) -> bool:
    """Tell whether `data` at `begin` are the same bytes as the piece where both are known."""
    low = max(piece.offset, begin)
    high = min(piece.offset + len(piece.data), begin + len(data))
    if low >= high:
        return True
    mine = piece.data[low - piece.offset : high - piece.offset]
    return mine == data[low - begin : high - begin]


def _join(parts: _Parts) -> Whole:
    """Make one packet of the parts, all there."""
    data = []
    for piece in parts.pieces:
        data.append(piece.data)
        if len(piece.data) < piece.length:
            break
    payload = b"".join(data)
    size = parts.size
    header = parts.header
    if len(header) == 20:
        # A length of 0 means as much as there is: the whole may be longer than 16 bits tell.
        total = 20 + size if 20 + size <= 65_535 else 0
        fixed = header[1:2] + struct.pack("!H", total) + header[4:6] + bytes(2)
        header = b"\x45" + fixed + header[8:]
    else:
        header = header[:4] + struct.pack("!HB", size, parts.protocol) + header[7:]
    return Whole(header + payload, len(header) + size, tuple(parts.frames))
