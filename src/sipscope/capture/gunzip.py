"""Gzip streams, unpacked piece by piece and within bounds (RFC 1952)."""

import zlib
from collections.abc import Callable

MAGIC = b"\x1f\x8b"

CHUNK = 65_536
GZIP_FORMAT = 31  # zlib's window bits for a gzip header and trailer
MOST_RATIO = 200
FREE_OF_RATIO = 16 << 20


class Gunzip:
    """Unpacks the members of a gzip stream one after the other.

    Attributes:
        taken: Packed bytes read so far.
        given: Unpacked bytes given so far.
        damaged: Why it stopped before the end, in words; everything before that was given.
    """

    def __init__(self, read: Callable[[int], bytes], limit: int, first: bytes = b"") -> None:
        """Unpack `first` and what `read` gives after it, until `limit` bytes came out."""
        self.taken = len(first)
        self.given = 0
        self.damaged: str | None = None
        self._read = read
        self._limit = limit
        self._member = zlib.decompressobj(GZIP_FORMAT)
        self._packed = first
        self._ended = False

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""
        while not self._ended:
            if self._member.eof:
                self._next_member()
                continue
            if not self._packed and not self._refill():
                break
            unpacked = self._unpack(min(size, self._limit + 1 - self.given))
            self.given += len(unpacked)
            self._check()
            if unpacked:
                return unpacked
        return b""

    def _refill(self) -> bool:
        self._packed = self._read(CHUNK)
        self.taken += len(self._packed)
        if not self._packed:
            self._ended = True
            self.damaged = f"the gzip data are cut off at byte {self.taken:,}"
        return not self._ended

    def _unpack(self, size: int) -> bytes:
        before = self._member.copy()
        try:
            unpacked = self._member.decompress(self._packed, size)
        except zlib.error:
            return self._until_damage(before)
        self._packed = self._member.unconsumed_tail
        return unpacked

    def _next_member(self) -> None:
        """Go on with the member that follows; what is no member is padding."""
        self._packed = self._member.unused_data
        while len(self._packed) < len(MAGIC) and (more := self._read(CHUNK)):
            self.taken += len(more)
            self._packed += more
        self._ended = not self._packed.startswith(MAGIC)
        self._member = zlib.decompressobj(GZIP_FORMAT)

    def _until_damage(self, member: "zlib._Decompress") -> bytes:
        """Return what `member` gives before it fails: zlib tells only byte by byte."""
        self._ended = True
        unpacked = bytearray()
        for index in range(len(self._packed)):
            try:
                unpacked += member.decompress(self._packed[index : index + 1])
            except zlib.error:
                where = self.taken - len(self._packed) + index
                self.damaged = f"the gzip data are damaged at byte {where:,}"
                break
        return bytes(unpacked)

    def _check(self) -> None:
        if self.given > self._limit:
            self._ended = True
            self.damaged = f"the gzip data unpack to more than {self._limit:,} bytes"
        elif self.given > max(FREE_OF_RATIO, MOST_RATIO * self.taken):
            self._ended = True
            self.damaged = f"the gzip data unpack to more than {MOST_RATIO} times their size"
