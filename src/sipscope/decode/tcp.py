"""SIP, WebSocket and HEP over TCP: segments in order, cut into messages (RFC 9293)."""

from collections import OrderedDict, deque
from collections.abc import Callable
from heapq import heappop, heappush
from operator import attrgetter
from typing import Final, NamedTuple

from sipscope.decode.address import Flow
from sipscope.decode.batch import Frame
from sipscope.decode.counts import NetworkCounts
from sipscope.decode.hep import MAGICS, HepFramer
from sipscope.decode.sip_framing import FramedMessage, SipFramer, looks_like_sip
from sipscope.decode.websocket import HANDSHAKES, WebSocketFramer, begins_with_sip
from sipscope.errors import Problem

MAX_STREAMS: Final = 1_024
MIN_CANDIDATES: Final = 128
"""Of these, streams without a message yet for which there is always room."""
MAX_STREAM_BYTES: Final = 256 << 10
MAX_BYTES: Final = 64 << 20
MAX_QUEUED: Final = 64 << 10
"""Bytes that may wait behind a hole in one stream."""
MAX_WAIT: Final = 30_000_000_000
"""How long they may wait, in ns of capture time."""
IDLE: Final = 120_000_000_000
"""How long a stream without segments is kept, in ns of capture time."""
WINDOW: Final = 1 << 20
"""Sequence numbers further away than this belong to another connection."""
MAX_JUNK: Final = 4_096
"""Bytes of a stream after which it is not SIP if there was no message among them."""
MAX_IGNORED: Final = 65_536
_OVERHEAD: Final = 256  # of the objects that keep one segment, in bytes

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10


class Segment(NamedTuple):
    """One TCP segment.

    Attributes:
        time: When it was captured, in ns since the epoch.
        number: Its frame number.
        packet: Index of its packet in the batch.
        flow: Who sends it to whom.
        sequence: Number of its first byte, modulo 2^32.
        acknowledgment: Number of the byte that is expected from the other side.
        flags: FIN, SYN, RST, ACK and others.
        payload: The captured bytes.
        frames: The captured frame, or several if it was fragmented; none without payload.
    """

    time: int
    number: int
    packet: int
    flow: Flow
    sequence: int
    acknowledgment: int
    flags: int
    payload: bytes
    frames: tuple[Frame, ...]


class TcpMessage(NamedTuple):
    """A SIP or HEP message that came over TCP.

    Attributes:
        time: When the segment that completed it was captured, in ns since the epoch.
        number: Frame number of that segment.
        flow: Who sent it to whom.
        payload: The message, or what there is of it.
        frames: The segments that it came from, in order of capture.
        problems: Why it may not be whole.
        packet: Index in the batch of the packet that let it through; -1 after the last one.
    """

    time: int
    number: int
    flow: Flow
    payload: bytes
    frames: tuple[Frame, ...]
    problems: tuple[Problem, ...]
    packet: int


def _begins(payload: bytes) -> bool:
    """Tell whether a message, or what leads to one, begins here."""
    if payload.startswith(MAGICS) or looks_like_sip(payload):
        return True
    return payload.startswith(HANDSHAKES) or begins_with_sip(payload)


class _Piece(NamedTuple):
    """A segment's bytes in their place in the stream, which is what pieces are ordered by."""

    offset: int
    number: int
    time: int
    data: bytes
    frames: tuple[Frame, ...]
    cost: int  # the memory that it takes, in bytes, about

    @property
    def end(self) -> int:
        return self.offset + len(self.data)


class _Stream:
    """One direction of a connection.

    Positions count the stream's bytes from where it was first seen.
    """

    __slots__ = (
        "_acknowledged",
        "_arrived",
        "_counts",
        "_fed",
        "_fin",
        "_flow",
        "_opening",
        "_position",
        "_queue",
        "_queued",
        "_segments",
        "_zero",
        "framer",
        "last_time",
    )

    def __init__(self, flow: Flow, sequence: int, counts: NetworkCounts) -> None:
        self.framer: SipFramer | HepFramer | WebSocketFramer = SipFramer()
        self.last_time = 0
        self._counts = counts
        self._flow = flow
        self._zero = sequence  # the sequence number of position 0, modulo 2^32
        self._opening: int | None = None  # the position after the SYN
        self._position = 0  # of the next byte to feed
        self._acknowledged = 0
        self._fin: int | None = None
        self._queue: list[_Piece] = []  # a heap of what waits behind a hole
        self._queued = 0
        self._fed: deque[_Piece] = deque()  # what the framer holds bytes of
        self._segments = 0  # memory that the segments take
        self._arrived = (0, 0)  # number and time of the latest segment fed

    @property
    def held(self) -> int:
        """Memory that the stream takes, in bytes, about."""
        return self._segments + self.framer.held

    def receive(self, segment: Segment) -> list[TcpMessage]:
        """Take a segment of this direction; return the messages that it lets through."""
        messages: list[TcpMessage] = []
        self.last_time = segment.time
        sequence, payload = segment.sequence, segment.payload
        if segment.flags & SYN:
            sequence += 1
            messages += self._open(sequence, segment.packet)
        offset = self._offset(sequence)
        if abs(offset - self._position) > WINDOW:
            if not _begins(payload):
                return messages
            messages += self._begin_again(sequence, segment.packet)
            offset = self._position
        if payload and offset + len(payload) > self._position:
            # The bytes are in the frames once more.
            cost = 2 * sum([len(frame.data) for frame in segment.frames]) + _OVERHEAD
            piece = _Piece(offset, segment.number, segment.time, payload, segment.frames, cost)
            heappush(self._queue, piece)
            self._queued += len(payload)
            self._segments += piece.cost
        if segment.flags & FIN:
            self._fin = offset + len(payload)
        messages += self._advance(segment)
        if segment.flags & RST:
            messages += self.close(segment.packet)
        return messages

    def acknowledge(self, segment: Segment) -> list[TcpMessage]:
        """Take what the other side says to have received; what is missing here is lost."""
        offset = self._offset(segment.acknowledgment)
        if self._acknowledged < offset <= self._position + WINDOW:
            self._acknowledged = offset
            return self._advance(segment)
        return []

    def close(self, packet: int) -> list[TcpMessage]:
        """Wait for nothing more; return what there is of the messages."""
        messages = []
        while self._queue:
            messages += self._feed_next(packet)
        return messages + self._deliver(self.framer.finish(), packet)

    def _offset(self, sequence: int) -> int:
        """Return the position of a sequence number, the one nearest to the next byte."""
        distance = (sequence - self._zero - self._position) & 0xFFFFFFFF
        return self._position + distance - (distance >> 31 << 32)

    def _open(self, sequence: int, packet: int) -> list[TcpMessage]:
        """Take a SYN: of this connection, seen again or late, or of a new one."""
        offset = self._offset(sequence)
        if self._opening is None and abs(self._position - offset) <= WINDOW:
            self._opening = offset
        if offset == self._opening:
            return []
        messages = self._begin_again(sequence, packet)
        self._opening = self._position
        return messages

    def _begin_again(self, sequence: int, packet: int) -> list[TcpMessage]:
        """Go on with another connection between the same endpoints."""
        messages = self.close(packet)
        self._zero = sequence - self._position & 0xFFFFFFFF
        self._opening = self._fin = None
        self._acknowledged = self._position
        return messages

    def _advance(self, segment: Segment) -> list[TcpMessage]:
        """Feed what is next, and what waits behind holes that will not be filled."""
        messages = []
        while self._queue and (
            self._queue[0].offset <= self._position or self._is_lost(segment.time)
        ):
            messages += self._feed_next(segment.packet)
        if self._fin is not None and self._position >= self._fin:
            self._fin = None
            messages += self._deliver(self.framer.finish(), segment.packet)
        if self.held > MAX_STREAM_BYTES:
            self._counts.tcp_evicted += 1
            text = "the message came in too many segments"
            messages += self._deliver(self.framer.give_up("tcp.segments", text), segment.packet)
        return messages

    def _is_lost(self, now: int) -> bool:
        """Tell whether the hole before what waits will never be filled."""
        return (
            self._acknowledged >= self._queue[0].offset
            or self._queued > MAX_QUEUED
            or self.held > MAX_STREAM_BYTES
            or now - self._queue[0].time > MAX_WAIT
        )

    def _feed_next(self, packet: int) -> list[TcpMessage]:
        """Feed the first segment that waits, over a hole if there is one before it."""
        piece = heappop(self._queue)
        self._queued -= len(piece.data)
        if piece.end <= self._position:
            self._segments -= piece.cost
            return []
        messages = []
        if piece.offset > self._position:
            self._counts.tcp_gaps += 1
            messages += self._deliver(self.framer.gap(piece.offset - self._position), packet)
            self._position = piece.offset
        fresh = piece.data[self._position - piece.offset :]
        self._fed.append(piece)
        self._position += len(fresh)
        self._arrived = max(self._arrived, (piece.number, piece.time))
        self._choose_framer(fresh)
        return messages + self._deliver(self.framer.feed(fresh), packet)

    def _choose_framer(self, fresh: bytes) -> None:
        """Take a stream for what the bytes that come next begin with."""
        framer, plain = self.framer, isinstance(self.framer, SipFramer)
        if framer.held and not plain:
            return
        position = framer.position + framer.held
        if fresh.startswith(MAGICS):
            self.framer = HepFramer(position)
        elif plain and (fresh.startswith(HANDSHAKES) or begins_with_sip(fresh)):
            self.framer = WebSocketFramer(position)
        elif not plain and looks_like_sip(fresh):
            self.framer = SipFramer()
            self.framer.position = position

    def _deliver(self, framed: list[FramedMessage], packet: int) -> list[TcpMessage]:
        """Give the framer's messages their segments, and let go of segments no longer needed."""
        messages = []
        number, time = self._arrived
        flow, transport = self._flow, self.framer.transport
        if transport != flow.transport:
            flow = flow._replace(transport=transport)
        for message in framed:
            self._release(message.start)
            pieces = [piece for piece in self._fed if piece.offset < message.end]
            pieces.sort(key=attrgetter("number"))
            frames = [frame for piece in pieces for frame in piece.frames]
            messages.append(
                TcpMessage(
                    time,
                    number,
                    flow,
                    message.payload,
                    tuple(frames),
                    message.problems,
                    packet,
                )
            )
        self._release(self.framer.position)
        return messages

    def _release(self, position: int) -> None:
        """Let go of the segments whose bytes all lie before `position`."""
        while self._fed and self._fed[0].end <= position:
            self._segments -= self._fed.popleft().cost


class TcpReassembler:
    """Follows TCP streams as long as they may be SIP, in bounded time and space.

    A stream without a message yet is only a candidate. When there are too many streams,
    candidates go first, but for a few of the latest: so neither does a flood of connections
    displace the streams that carry SIP, nor do those keep new ones out. A candidate that
    proves to be something else is remembered as such and costs nothing more until it opens
    anew or a segment of it begins with a SIP start line.
    """

    def __init__(self, counts: NetworkCounts) -> None:
        self._counts = counts
        # Both in order of the last segment.
        self._candidates: OrderedDict[Flow, _Stream] = OrderedDict()
        self._streams: OrderedDict[Flow, _Stream] = OrderedDict()
        self._ignored: set[Flow] = set()
        self._held = 0

    def __len__(self) -> int:
        return len(self._candidates) + len(self._streams)

    @property
    def held(self) -> int:
        """Bytes that the streams take, about."""
        return self._held

    def ignores(self, flow: Flow) -> bool:
        """Tell whether a flow carries something other than SIP."""
        return flow in self._ignored

    def add(self, segment: Segment) -> list[TcpMessage]:
        """Take a segment; return the messages that it lets through, of either direction."""
        messages = self._expire(segment)
        flow = segment.flow
        if flow in self._ignored:
            if not segment.flags & SYN and not _begins(segment.payload):
                return messages
            self._ignored.remove(flow)
        stream = self._find(flow)
        if stream is None and (segment.payload or segment.flags & SYN):
            first = segment.sequence + (segment.flags & SYN != 0)
            stream = self._candidates[flow] = _Stream(flow, first, self._counts)
        if stream is not None:
            messages += self._follow(flow, stream, stream.receive, segment)
        if segment.flags & ACK and (peer := self._find(flow.reverse)):
            messages += self._follow(flow.reverse, peer, peer.acknowledge, segment)
        while len(self) > MAX_STREAMS or self._held > MAX_BYTES:
            self._counts.tcp_evicted += 1
            many = len(self._candidates) > MIN_CANDIDATES or not self._streams
            table = self._candidates if many else self._streams
            messages += self._drop_oldest(table, segment.packet)
        return messages

    def finish(self) -> list[TcpMessage]:
        """Return what there is of unfinished messages when no more segments will come."""
        messages = []
        for table in (self._candidates, self._streams):
            while table:
                messages += self._drop_oldest(table, -1)
        return messages

    def _find(self, flow: Flow) -> _Stream | None:
        return self._streams.get(flow) or self._candidates.get(flow)

    def _follow(
        self,
        flow: Flow,
        stream: _Stream,
        take: Callable[[Segment], list[TcpMessage]],
        segment: Segment,
    ) -> list[TcpMessage]:
        """Let a stream take a segment, and see what it is now."""
        before = stream.held
        messages = take(segment)
        self._held += stream.held - before
        if flow in self._streams:
            self._streams.move_to_end(flow)
        elif messages:
            self._streams[flow] = self._candidates.pop(flow)
        elif stream.framer.junk > MAX_JUNK:
            del self._candidates[flow]
            self._held -= stream.held
            if len(self._ignored) >= MAX_IGNORED:
                self._ignored.clear()
            self._ignored.add(flow)
        else:
            self._candidates.move_to_end(flow)
        return messages

    def _expire(self, segment: Segment) -> list[TcpMessage]:
        """Drop the streams that have been idle for too long."""
        messages = []
        for table in (self._candidates, self._streams):
            while table and segment.time - next(iter(table.values())).last_time > IDLE:
                messages += self._drop_oldest(table, segment.packet)
        return messages

    def _drop_oldest(self, table: OrderedDict[Flow, _Stream], packet: int) -> list[TcpMessage]:
        _, stream = table.popitem(last=False)
        self._held -= stream.held
        return stream.close(packet)
