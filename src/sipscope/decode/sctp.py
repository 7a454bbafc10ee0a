"""SIP over SCTP (RFC 4168): the user messages of DATA chunks (RFC 9260, RFC 8260)."""

import struct
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, NamedTuple

from sipscope.decode.address import Flow
from sipscope.decode.batch import Frame

MAX_PENDING: Final = 1_024
"""User messages of which not all fragments have come."""
MAX_FRAGMENTS: Final = 64
MAX_MESSAGE: Final = 64 << 10
MAX_RECENT: Final = 8_192
"""Chunks remembered, so that one sent again is taken once."""

HEADER: Final = 12
_TAG = struct.Struct(">I")
_CHUNK = struct.Struct(">BBH")
_DATA, _I_DATA = 0, 64
_LAST, _FIRST = 0x01, 0x02
_MOST_CHUNKS: Final = 512


class Chunk(NamedTuple):
    """A DATA or I-DATA chunk.

    Attributes:
        first: Whether a user message begins with it.
        last: Whether it ends with it.
        tsn: Transmission sequence number: fragments follow each other by it.
        stream: Stream identifier.
        data: The fragment.
    """

    first: bool
    last: bool
    tsn: int
    stream: int
    data: bytes


class UserMessage(NamedTuple):
    """A user message.

    Attributes:
        payload: Its bytes.
        frames: What carried it, in the order of the fragments.
    """

    payload: bytes
    frames: tuple[Frame, ...]


def read_chunks(packet: bytes) -> Iterator[Chunk]:
    """Give the chunks with data of an SCTP packet, as far as it can be read."""
    offset = HEADER
    for _ in range(_MOST_CHUNKS):
        if offset + _CHUNK.size > len(packet):
            return
        kind, flags, length = _CHUNK.unpack_from(packet, offset)
        if length < _CHUNK.size:
            return
        # TSN, stream, sequence and protocol; I-DATA has a message identifier between.
        header = {_DATA: 16, _I_DATA: 20}.get(kind, 0)
        if header and header <= length <= len(packet) - offset:
            tsn, stream = struct.unpack_from(">IH", packet, offset + 4)
            data = packet[offset + header : offset + length]
            yield Chunk(bool(flags & _FIRST), bool(flags & _LAST), tsn, stream, data)
        offset += length + 3 & ~3


class SctpReassembler:
    """Puts user messages together, in any order of their fragments, in bounded space."""

    def __init__(self) -> None:
        self._pending: OrderedDict[tuple[Flow, int], tuple[Chunk, tuple[Frame, ...]]] = (
            OrderedDict()
        )
        self._recent: OrderedDict[tuple[Flow, int, int], None] = OrderedDict()

    def add(self, flow: Flow, packet: bytes, frames: tuple[Frame, ...]) -> list[UserMessage]:
        """Take an SCTP packet; return the user messages that it completes.

        Args:
            flow: Who sends it to whom.
            packet: From the common header on.
            frames: What carried it.
        """
        if len(packet) < HEADER:
            return []
        (tag,) = _TAG.unpack_from(packet, 4)
        messages = []
        for chunk in read_chunks(packet):
            if self._again(flow, tag, chunk.tsn):
                continue
            if chunk.first and chunk.last:
                messages.append(UserMessage(chunk.data, frames))
            else:
                messages += self._join(flow, chunk, frames)
        return messages

    def _again(self, flow: Flow, tag: int, tsn: int) -> bool:
        """Tell whether a chunk was seen before."""
        key = flow, tag, tsn
        if key in self._recent:
            return True
        self._recent[key] = None
        if len(self._recent) > MAX_RECENT:
            self._recent.popitem(last=False)
        return False

    def _join(self, flow: Flow, chunk: Chunk, frames: tuple[Frame, ...]) -> list[UserMessage]:
        """Keep a fragment; return the user message when it is the last that was missing."""
        self._pending[flow, chunk.tsn] = chunk, frames
        if len(self._pending) > MAX_PENDING:
            self._pending.popitem(last=False)
        begin = end = chunk.tsn
        for _ in range(MAX_FRAGMENTS):
            if self._is_edge(flow, begin, first=True):
                break
            begin = begin - 1 & 0xFFFFFFFF
        for _ in range(MAX_FRAGMENTS):
            if self._is_edge(flow, end, first=False):
                break
            end = end + 1 & 0xFFFFFFFF
        span = [begin + n & 0xFFFFFFFF for n in range((end - begin & 0xFFFFFFFF) + 1)]
        parts = [self._pending.get((flow, tsn)) for tsn in span]
        whole = [part for part in parts if part is not None]
        if len(whole) < len(parts) or not (whole[0][0].first and whole[-1][0].last):
            return []
        for tsn in span:
            del self._pending[flow, tsn]
        payload = b"".join(part.data for part, _ in whole)
        if len(payload) > MAX_MESSAGE:
            return []
        carried = dict.fromkeys(frame for _, each in whole for frame in each)
        return [UserMessage(payload, tuple(carried))]

    def _is_edge(self, flow: Flow, tsn: int, *, first: bool) -> bool:
        """Tell whether a message begins or ends with a chunk, or the chunk is missing."""
        held = self._pending.get((flow, tsn))
        return held is None or (held[0].first if first else held[0].last)
