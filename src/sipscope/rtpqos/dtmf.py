"""The digits that were pressed, out of the packets of telephone events (RFC 4733).

All packets of an event have one timestamp, and its last packet comes three times: each is
the same event again. An event of more than 65,535 units goes on in another segment, with
a timestamp of its own. What the payload types mean may be known only later, so it is asked
for when the digits are.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from sipscope.decode.address import Flow
from sipscope.decode.sdp import Format
from sipscope.decode.telephone_event import DIGITS, EventPacket

MAX_DIGITS: Final = 100_000
"""Of all streams; when there are more, the stream that was silent longest loses its own."""

MAX_STREAM_DIGITS: Final = 1_000
"""Of one stream, the newest."""

_RECENT = 64
"""So many segments of a stream are known again by their timestamps."""

_WRAP = 0xFFFFFFFF
_LONGEST = 0xFFFF
_FIRST_DYNAMIC = 96
_CONVINCING_PACKETS = 3
_CONVINCING_WITHOUT_END = 5
_USUAL_CLOCK = 8000


class Digit(NamedTuple):
    """One press of a key.

    Attributes:
        digit: One of `DIGITS`.
        time: Of the first packet that came, ns since the epoch.
        duration_ms: As the newest packet says.
        ended: Whether a packet said that it is over.
        negotiated: Whether SDP says that its payload type is telephone-event.
        payload_type: Of its packets.
        packets: That came, all repetitions included.
    """

    digit: str
    time: int
    duration_ms: float
    ended: bool
    negotiated: bool
    payload_type: int
    packets: int


class TelephoneEvents:
    """The digits of all streams; one writer, digits at any time.

    Args:
        capacity: The most digits that are kept.

    Attributes:
        dropped: Digits that had to go.
    """

    def __init__(self, capacity: int = MAX_DIGITS) -> None:
        self.dropped = 0
        self._capacity = capacity
        self._count = 0
        self._streams: OrderedDict[tuple[Flow, int], _Stream] = OrderedDict()

    def __len__(self) -> int:
        return self._count

    def add(self, packets: Iterable[EventPacket], flows: Sequence[Flow]) -> None:
        """Take the event packets of one batch.

        Args:
            packets: In the order of capture.
            flows: What `packet.flow` is an index into.
        """
        for packet in packets:
            key = flows[packet.flow], packet.ssrc
            stream = self._streams.get(key)
            if stream is None:
                stream = self._streams[key] = _Stream()
            else:
                self._streams.move_to_end(key)
            before = len(stream.presses)
            self.dropped += stream.add(packet)
            self._count += len(stream.presses) - before
            while self._count > self._capacity:
                _, oldest = self._streams.popitem(last=False)
                self._count -= len(oldest.presses)
                self.dropped += len(oldest.presses)

    def digits(
        self, flow: Flow, ssrc: int, formats: Mapping[int, Format], since: int = 0
    ) -> list[Digit]:
        """Return the digits of a stream, in the order of capture.

        A payload type that SDP does not name counts only if it is dynamic and what came of
        it is nothing but events: one of them whole, none of them in contradiction.

        Args:
            flow: The stream's.
            ssrc: The stream's.
            formats: Meaning of each dynamic payload type, as far as SDP says.
            since: Time of the stream's first packet in ns; what came before belongs to an
                earlier stream.
        """
        stream = self._streams.get((flow, ssrc))
        if stream is None:
            return []
        found = []
        for press in stream.presses:
            known = formats.get(press.payload_type)
            negotiated = known is not None and known.name.lower() == "telephone-event"
            if press.time < since or not (
                negotiated or (known is None and stream.convinces(press.payload_type))
            ):
                continue
            clock = known.clock_rate if known is not None else _USUAL_CLOCK
            found.append(
                Digit(
                    DIGITS[press.event],
                    press.time,
                    1000 * press.units / clock,
                    press.ended,
                    negotiated,
                    press.payload_type,
                    press.packets,
                )
            )
        return found


class _Press:
    """A press of a key in the making.

    Attributes:
        begin: Timestamp of its first segment.
        timestamp: Of its newest segment.
        units: How long it is so far, from `begin` on.
        sequence: Number of the newest packet of the newest segment.
        reported: Duration in that packet.
        consistent: Whether the duration never ran back.
    """

    __slots__ = (
        "begin",
        "consistent",
        "ended",
        "event",
        "packets",
        "payload_type",
        "reported",
        "sequence",
        "time",
        "timestamp",
        "units",
    )

    def __init__(self, packet: EventPacket) -> None:
        self.time = packet.time
        self.payload_type = packet.payload_type
        self.event = packet.event
        self.begin = self.timestamp = packet.timestamp
        self.sequence = packet.sequence
        self.units = self.reported = 0
        self.packets = 0
        self.ended = False
        self.consistent = True

    def add(self, packet: EventPacket) -> None:
        """Take the next packet, in any order."""
        offset = (packet.timestamp - self.begin) & _WRAP
        self.packets += 1
        self.units = max(self.units, offset + packet.duration)
        self.ended |= packet.end
        if packet.timestamp == self.timestamp:
            ahead = (packet.sequence - self.sequence) & 0xFFFF < 0x8000
            if ahead and packet.duration < self.reported:
                self.consistent = False
            if not ahead:
                return
        elif (packet.timestamp - self.timestamp) & _WRAP > _WRAP // 2:
            return
        self.timestamp, self.sequence = packet.timestamp, packet.sequence
        self.reported = packet.duration

    def goes_on_with(self, packet: EventPacket) -> bool:
        """Whether a packet with a new timestamp is of the next segment.

        That begins where the one before ends (RFC 4733 section 2.5.1.3), which is known
        even when its last packets were lost. Some senders move the timestamp with every
        packet, to within the event.
        """
        if self.ended or packet.marker or packet.event != self.event:
            return False
        reach = (packet.timestamp - self.begin) & _WRAP
        return 0 < reach <= self.units or (packet.timestamp - self.timestamp) & _WRAP == _LONGEST


class _Stream:
    """The presses of one stream, in the order of capture.

    Attributes:
        presses: The newest of them.
        newest: The last one with each payload type.
        segments: By payload type, timestamp and event.
    """

    __slots__ = ("newest", "presses", "segments")

    def __init__(self) -> None:
        self.presses: list[_Press] = []
        self.newest: dict[int, _Press] = {}
        self.segments: OrderedDict[tuple[int, int, int], _Press] = OrderedDict()

    def add(self, packet: EventPacket) -> int:
        """Take the next packet; return how many presses had to go."""
        key = packet.payload_type, packet.timestamp, packet.event
        press = self.segments.get(key)
        dropped = 0
        if press is None:
            press = self.newest.get(packet.payload_type)
            if press is None or not press.goes_on_with(packet):
                press = self.newest[packet.payload_type] = _Press(packet)
                self.presses.append(press)
                dropped = max(0, len(self.presses) - MAX_STREAM_DIGITS)
                del self.presses[:dropped]
            self.segments[key] = press
            if len(self.segments) > _RECENT:
                self.segments.popitem(last=False)
        press.add(packet)
        return dropped

    def convinces(self, payload_type: int) -> bool:
        """Whether nothing but events came with a payload type."""
        own = [press for press in self.presses if press.payload_type == payload_type]
        return (
            payload_type >= _FIRST_DYNAMIC
            and all(press.consistent for press in own)
            and any(
                press.packets >= (_CONVINCING_PACKETS if press.ended else _CONVINCING_WITHOUT_END)
                for press in own
            )
        )
