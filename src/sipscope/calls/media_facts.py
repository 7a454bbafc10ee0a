"""What a call's media did, against what its signalling agreed on.

Computed when somebody looks, from the dialog's messages and its streams.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from sipscope.calls.dialog import Dialog, Message
from sipscope.calls.fax import FaxPackets
from sipscope.calls.negotiation import Exchange, Terms, terms
from sipscope.decode.address import Endpoint
from sipscope.decode.dtmf_relay import relayed_digit
from sipscope.decode.rtp import PAYLOAD_TYPES, is_speech
from sipscope.decode.sdp import MediaDescription
from sipscope.decode.sip import address, parse
from sipscope.rtpqos.dtmf import Digit, TelephoneEvents
from sipscope.rtpqos.figures import StreamFigures

Kind = Literal["audio", "video"]

MIN_TALK_NS: Final = 2_000_000_000
"""So long both sides must have been able to talk before the silence of one means anything."""

MAX_PAIRS: Final = 64
"""Of addresses between which media of one dialog go."""

MAX_INFO_DIGITS: Final = 1_000
"""Of one dialog, the first."""

_CHALLENGES = (401, 407)
_VIDEO = frozenset(
    {
        "av1",
        "celb",
        "h261",
        "h263",
        "h263-1998",
        "h263-2000",
        "h264",
        "h264-svc",
        "h265",
        "jpeg",
        "mp2t",
        "mp4v-es",
        "mpv",
        "nv",
        "theora",
        "vp8",
        "vp9",
    }
)


class InfoDigit(NamedTuple):
    """A digit in a SIP INFO.

    Attributes:
        digit: One of `DIGITS`.
        time: ns since the epoch.
        duration_ms: None where the INFO does not say.
        source: Who sent it.
        message: Index in the dialog's messages.
        status: Final status of the answer, None without one.
    """

    digit: str
    time: int
    duration_ms: int | None
    source: Endpoint
    message: int
    status: int | None


class Direction(NamedTuple):
    """One way between two media addresses that were agreed on.

    Attributes:
        sender: Where its sender receives, by SDP.
        receiver: Where it is to go, by SDP.
        expected_s: How long both ways were agreed on (sendrecv), at most.
        streams: Ids of the streams that go this way.
        packets: Of these streams.
        dscp: Markings of their newest packets, ascending.
    """

    sender: Endpoint
    receiver: Endpoint
    expected_s: float
    streams: tuple[int, ...]
    packets: int
    dscp: tuple[int, ...]


class Fax(NamedTuple):
    """Fax over T.38.

    Attributes:
        offered: Time of the first offer, ns since the epoch.
        accepted: Whether it was accepted in the end; None without an answer.
        status: Final status of the last offer's transaction, 0 without one.
        packets: UDPTL packets to and from the addresses that were named for it.
    """

    offered: int
    accepted: bool | None
    status: int
    packets: int


@dataclass(frozen=True, slots=True)
class StreamMedia:
    """What one stream carried; None is unknown.

    Attributes:
        id: The stream's.
        media: Of the SDP, or of the codec.
        srtp: Whether SDP on both sides has the RTP encrypted.
        digits: Telephone events, in the order of capture; None when it is encrypted, and
            when there is neither SDP nor an event.
        unnegotiated: Payload types in use that the receiver did not ask for; None when its
            SDP is not known.
        codecs: Encoding names of the speech or video, in the order seen.
        negotiated_ptime_ms: That the receiver asked for.
        ptime_differs: Whether the packets are of another length.
        announced: Where the sender's SDP has it receive, when the stream comes from
            elsewhere: NAT, or another host.
        comfort_noise: Packets of comfort noise (RFC 3389), by payload type 13 or 19 or SDP.
        silence_suppression: Whether the sender leaves out silence: it sends comfort noise,
            or the timestamp runs on without packets.
        dscp: Of the newest packet.
        dscp_changes: How often it became another one.
    """

    id: int
    media: Kind | None
    srtp: bool | None
    digits: tuple[Digit, ...] | None
    unnegotiated: tuple[int, ...] | None
    codecs: tuple[str, ...]
    negotiated_ptime_ms: int | None
    ptime_differs: bool | None
    announced: Endpoint | None
    comfort_noise: int
    silence_suppression: bool
    dscp: int
    dscp_changes: int

    @property
    def dtmf(self) -> str | None:
        """The digits as a string."""
        return None if self.digits is None else "".join(digit.digit for digit in self.digits)

    @property
    def codec_changed(self) -> bool:
        """Whether there was more than one codec in the stream."""
        return len(self.codecs) > 1


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What the media of a dialog did; None is unknown.

    Attributes:
        one_way: Whether, though both ways were agreed on, only one had packets after the
            answer, as far as the capture sees. None when there was no such time, no packet
            or no answer.
        held: Whether a side put the other on hold at some time: sendonly, recvonly, inactive
            or 0.0.0.0 after both had agreed to send; None without an answered offer.
        directions: Each way of the audio, both ways of one pair of addresses together.
        dscp_differs: Whether the marking is not the same both ways; None when not both are
            seen.
        fax: None when T.38 was never offered.
        info_digits: DTMF in SIP INFO.
        streams: Of each stream.
    """

    one_way: bool | None
    held: bool | None
    directions: tuple[Direction, ...]
    dscp_differs: bool | None
    fax: Fax | None
    info_digits: tuple[InfoDigit, ...]
    streams: tuple[StreamMedia, ...]


def media_facts(
    dialog: Dialog,
    found: Sequence[Exchange],
    figures: Sequence[StreamFigures],
    events: TelephoneEvents,
    fax: FaxPackets,
) -> MediaFacts:
    """Return what the media of a dialog did.

    Args:
        dialog: The dialog.
        found: Its offers and answers, see `negotiation.exchanges`.
        figures: Of its streams.
        events: The telephone events of all streams.
        fax: The fax packets of all calls.
    """
    ways = _ways(dialog, found, figures)
    return MediaFacts(
        one_way=_one_way(dialog, ways, figures),
        held=_held(found),
        directions=tuple(way for both in ways for way in both),
        dscp_differs=_any(a.dscp != b.dscp for a, b in ways if a.dscp and b.dscp),
        fax=_fax(found, fax),
        info_digits=info_digits(dialog),
        streams=tuple(stream_media(stream, found, events) for stream in figures),
    )


def stream_media(
    figures: StreamFigures, found: Sequence[Exchange], events: TelephoneEvents
) -> StreamMedia:
    """Return what a stream carried.

    Args:
        figures: Of the stream.
        found: Offers and answers of its dialog, none without a dialog.
        events: The telephone events of all streams.
    """
    agreed = terms(found, figures.flow)
    srtp = _encrypted(agreed)
    digits = tuple(events.digits(figures.flow, figures.ssrc, agreed.formats, figures.first))
    silent = srtp or (agreed.media is None and not digits)
    ptime = agreed.receiver.ptime_ms if agreed.receiver else None
    away = agreed.announced and figures.flow.source not in agreed.announced
    types = agreed.payload_types
    noise = _comfort_noise(figures, agreed)
    return StreamMedia(
        id=figures.id,
        media=_kind(agreed.media, figures.codec),
        srtp=srtp,
        digits=None if silent else digits,
        unnegotiated=None
        if types is None
        else tuple(number for number in figures.payload_types if number not in types),
        codecs=_codecs(figures, agreed),
        negotiated_ptime_ms=ptime,
        ptime_differs=None
        if ptime is None or figures.ptime_ms is None
        else figures.ptime_ms != ptime,
        announced=agreed.announced[0] if away else None,
        comfort_noise=noise,
        silence_suppression=noise > 0 or figures.silences > 0,
        dscp=figures.dscp,
        dscp_changes=figures.dscp_changes,
    )


def info_digits(dialog: Dialog) -> tuple[InfoDigit, ...]:
    """Return the digits that a dialog's INFO requests carry, in the order of capture.

    A request that a proxy sends on is one digit, and one that was challenged is none: it
    comes again with credentials.
    """
    answers = {
        (m.cseq, m.flow.destination.address): m.status
        for m in dialog.messages
        if m.status >= 200 and m.method == "INFO"
    }
    found: dict[tuple[str | None, int], InfoDigit] = {}
    for index, message in enumerate(dialog.messages):
        if message.method != "INFO" or message.status or len(found) >= MAX_INFO_DIGITS:
            continue
        status = answers.get((message.cseq, message.flow.source.address))
        digit = None if status in _CHALLENGES else _info_digit(message, index, status)
        if digit is not None:
            found.setdefault(digit[0], digit[1])
    return tuple(found.values())


def _info_digit(
    message: Message, index: int, status: int | None
) -> tuple[tuple[str | None, int], InfoDigit] | None:
    """Return the digit in an INFO, after what tells it from other requests."""
    parsed = parse(message.raw)
    if parsed is None:
        return None
    relayed = relayed_digit(parsed.get(b"content-type"), parsed.body)
    if relayed is None:
        return None
    sender = address(parsed.get(b"from")).tag
    place = message.time, relayed.duration_ms, message.flow.source, index, status
    return (sender, message.cseq), InfoDigit(relayed.digit, *place)


def _encrypted(agreed: Terms) -> bool | None:
    sides = [media.secure for media in (agreed.receiver, agreed.sender) if media is not None]
    if not sides or None in sides:
        return None
    return all(sides)


def _kind(media: MediaDescription | None, codec: str | None) -> Kind | None:
    if media is not None:
        return "audio" if media.kind == "audio" else "video" if media.kind == "video" else None
    if codec is None:
        return None
    return "video" if codec.lower() in _VIDEO else "audio"


def _comfort_noise(figures: StreamFigures, agreed: Terms) -> int:
    packets = zip(figures.payload_types, figures.payload_type_packets, strict=True)
    known = ((PAYLOAD_TYPES.get(n) or agreed.formats.get(n), count) for n, count in packets)
    return sum(count for each, count in known if each is not None and each.name.lower() == "cn")


def _codecs(figures: StreamFigures, agreed: Terms) -> tuple[str, ...]:
    """Return the codecs in use; a payload type without a name is known by its number."""
    names: dict[str, None] = {}
    for number in figures.payload_types:
        known = PAYLOAD_TYPES.get(number) or agreed.formats.get(number)
        name = f"PT {number}" if known is None else known.name
        if is_speech(name):
            names[name] = None
    return tuple(names)


def _ways(
    dialog: Dialog, found: Sequence[Exchange], figures: Sequence[StreamFigures]
) -> list[tuple[Direction, Direction]]:
    """Return both ways between each pair of addresses that were agreed on for audio."""
    spans = _talk_spans(dialog, found, figures)
    named = {endpoint for pair in spans for endpoint in pair}

    def way(sender: Endpoint, receiver: Endpoint, span: int) -> Direction:
        own = [
            stream
            for stream in figures
            if stream.flow.destination == receiver
            or (stream.flow.source == sender and stream.flow.destination not in named)
        ]
        dscp = tuple(sorted({stream.dscp for stream in own}))
        packets = sum(stream.packets for stream in own)
        ids = tuple(stream.id for stream in own)
        return Direction(sender, receiver, span / 1e9, ids, packets, dscp)

    return [(way(a, b, span), way(b, a, span)) for (a, b), span in spans.items()]


def _talk_spans(
    dialog: Dialog, found: Sequence[Exchange], figures: Sequence[StreamFigures]
) -> dict[tuple[Endpoint, Endpoint], int]:
    """Return how long (ns) both ways were agreed on after the answer, by pair of addresses."""
    end = max([dialog.last, *(stream.last for stream in figures)])
    end = end if dialog.ended is None else min(end, dialog.ended)
    spans: dict[tuple[Endpoint, Endpoint], int] = {}
    for place, exchange in enumerate(found):
        if exchange.answered is None:
            continue
        begin = end if dialog.answered is None else max(exchange.answered, dialog.answered)
        changed = [e.answered for e in found[place + 1 :] if e.answered and _same_hop(e, exchange)]
        until = min([end, *changed])
        for one, other in _audio(exchange):
            if one.endpoint is None or other.endpoint is None:
                continue
            pair = one.endpoint, other.endpoint
            pair = pair[::-1] if pair[::-1] in spans else pair
            if pair not in spans and len(spans) >= MAX_PAIRS:
                continue
            both = one.direction == other.direction == "sendrecv"
            spans[pair] = spans.get(pair, 0) + (max(0, until - begin) if both else 0)
    return spans


def _audio(exchange: Exchange) -> Iterator[tuple[MediaDescription, MediaDescription]]:
    """Give what both sides said of each audio that was accepted."""
    for offer, answer in exchange.pairs():
        if answer is not None and offer.kind == "audio" and offer.rtp and answer.rtp:
            yield offer, answer


def _same_hop(one: Exchange, other: Exchange) -> bool:
    """Whether two exchanges passed between the same hosts."""
    hosts = [{end.address for end in exchange.flow[:2]} for exchange in (one, other)]
    return hosts[0] == hosts[1]


def _one_way(
    dialog: Dialog,
    ways: Iterable[tuple[Direction, Direction]],
    figures: Iterable[StreamFigures],
) -> bool | None:
    answered = dialog.answered
    if answered is None:
        return None
    talking = {stream.id for stream in figures if stream.last >= answered}
    heard = [
        [not talking.isdisjoint(way.streams) for way in both]
        for both in ways
        if both[0].expected_s * 1e9 >= MIN_TALK_NS
    ]
    return _any(not all(both) for both in heard if any(both))


def _held(found: Iterable[Exchange]) -> bool | None:
    pairs = [pair for exchange in found for pair in _audio(exchange)]
    both = [one.direction == other.direction == "sendrecv" for one, other in pairs]
    return _any(before and not after for before, after in pairwise([False, *both]))


def _fax(found: Iterable[Exchange], packets: FaxPackets) -> Fax | None:
    offers = [
        (exchange, answer)
        for exchange in found
        for offer, answer in exchange.pairs()
        if offer.udptl
    ]
    if not offers:
        return None
    accepted = None
    for exchange, answer in offers:
        if exchange.status >= 300:
            accepted = False
        elif answer is not None:
            accepted = answer.udptl
    endpoints = {
        media.endpoint
        for exchange, _ in offers
        for pair in exchange.pairs()
        for media in pair
        if media is not None and media.udptl and media.endpoint is not None
    }
    return Fax(
        offers[0][0].offered,
        accepted,
        offers[-1][0].status,
        packets.packets(endpoints),
    )


def _any(values: Iterable[bool]) -> bool | None:
    """Return whether one is true, None when there are none."""
    known = list(values)
    return any(known) if known else None
