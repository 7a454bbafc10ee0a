"""What the parties of a dialog agreed on: offers and answers (RFC 3264)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sipscope.calls.dialog import Dialog, Message, session_description
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.sdp import Format, MediaDescription

MAX_DESCRIPTIONS: Final = 32
"""Messages with SDP of one dialog that are read, the newest."""

MAX_MEDIA: Final = 16
"""Media of one description that are looked at."""


@dataclass(slots=True)
class Exchange:
    """One offer and its answer, as they passed between two hosts.

    A proxy sends both on: then each hop has an exchange of its own, as the descriptions may
    differ.

    Attributes:
        flow: Way of the offer.
        method: Of the transaction that carried it.
        cseq: Of the same.
        offered: Time of the offer, ns since the epoch.
        offer: The media offered.
        answered: Time of the answer, None without one.
        answer: The media answered, in the order of the offer; None without an answer.
        status: Final status of the transaction, 0 without one.
        late: Whether the offer came in a response, to be answered with ACK or PRACK.
    """

    flow: Flow
    method: str
    cseq: int
    offered: int
    offer: Sequence[MediaDescription]
    answered: int | None = None
    answer: Sequence[MediaDescription] | None = None
    status: int = 0
    late: bool = False

    def pairs(self) -> Iterator[tuple[MediaDescription, MediaDescription | None]]:
        """Give what each side said of the same media, the offerer first."""
        answer = self.answer or ()
        for index, media in enumerate(self.offer):
            yield media, answer[index] if index < len(answer) else None


class Terms(NamedTuple):
    """What was agreed for one stream.

    Attributes:
        receiver: Says where and how its receiver wants it; None when its SDP is not known.
        sender: The same of the party that sends it.
        payload_types: That its receiver takes, in any of its descriptions; None when its
            SDP is not known.
        formats: Meaning of dynamic payload types, the receiver's before the sender's.
        announced: Where the sender said that it receives, and so sends from; newest first.
    """

    receiver: MediaDescription | None
    sender: MediaDescription | None
    payload_types: frozenset[int] | None
    formats: Mapping[int, Format]
    announced: tuple[Endpoint, ...]

    @property
    def media(self) -> MediaDescription | None:
        """What is known of the media from either side."""
        return self.receiver or self.sender


def exchanges(dialog: Dialog) -> list[Exchange]:
    """Return the offers of a dialog with their answers, in the order of capture.

    Offers come in requests, or in answers to an INVITE without one. A final answer stands
    for the provisional ones before it.
    """
    described = [number for number, m in enumerate(dialog.messages) if m.sdp]
    if not described:
        return []
    read = set(described[-MAX_DESCRIPTIONS:])
    found: list[Exchange] = []
    for number, message in enumerate(dialog.messages):
        if number in read and not message.retransmission:
            _describe(found, message)
        if message.status >= 300 or (message.status >= 200 and message.sdp):
            exchange = _same_transaction(found, message)
            if exchange is not None:
                exchange.status = message.status
    return found


def terms(found: Sequence[Exchange], flow: Flow) -> Terms:
    """Return what was agreed for a stream.

    The destination is what its receiver asked for. Where that is hidden by NAT, the source
    is where its sender receives.
    """
    sides = list(_sides(found, flow))
    if not sides:
        return Terms(None, None, None, {}, ())
    formats: dict[int, Format] = {}
    for receiver, sender in reversed(sides):
        for media in (sender, receiver):
            if media is not None:
                formats.update(media.formats)
    receivers = [receiver for receiver, _ in sides if receiver is not None]
    senders = [sender for _, sender in sides if sender is not None]
    announced = [s.endpoint for s in senders if s.rtp and s.endpoint and any(s.endpoint.address)]
    types = frozenset(number for media in receivers for number in media.payload_types)
    return Terms(
        receivers[0] if receivers else None,
        senders[0] if senders else None,
        types if receivers else None,
        formats,
        tuple(dict.fromkeys(announced)),
    )


def _sides(
    found: Sequence[Exchange], flow: Flow
) -> Iterator[tuple[MediaDescription | None, MediaDescription | None]]:
    """Give receiver and sender of a stream in each exchange that has it, the newest first."""
    both: list[tuple[MediaDescription, MediaDescription | None]] = []
    for exchange in reversed(found):
        for offer, answer in exchange.pairs():
            both.append((offer, answer))
            if answer is not None:
                both.append((answer, offer))
    known = [pair for pair in both if pair[0].rtp]
    receivers = [pair for pair in known if pair[0].endpoint == flow.destination]
    yield from receivers
    if not receivers:
        for sender, receiver in known:
            if sender.endpoint == flow.source:
                yield receiver, sender


def _describe(found: list[Exchange], message: Message) -> None:
    """Take the description in a message as an offer or as an answer."""
    media = session_description(message.raw)[:MAX_MEDIA]
    if message.status:
        exchange = _same_transaction(found, message)
        if exchange is None:
            found.append(_offer(message, media, late=True))
        elif exchange.late:
            exchange.offer = media
        elif message.status < 300:
            exchange.answer, exchange.answered = media, message.time
    elif message.method in ("ACK", "PRACK") and (unanswered := _unanswered(found, message)):
        unanswered.answer, unanswered.answered = media, message.time
    elif message.method != "ACK":
        found.append(_offer(message, media))


def _offer(message: Message, media: Sequence[MediaDescription], *, late: bool = False) -> Exchange:
    return Exchange(message.flow, message.method, message.cseq, message.time, media, late=late)


def _same_transaction(found: Sequence[Exchange], response: Message) -> Exchange | None:
    """Return the exchange whose transaction a response belongs to."""
    same = [e for e in found if (e.cseq, e.method) == (response.cseq, response.method)]
    return _latest(same, response.flow.reverse)


def _unanswered(found: Sequence[Exchange], request: Message) -> Exchange | None:
    """Return the offer in a response that a request may answer."""
    return _latest([e for e in found if e.late and e.answer is None], request.flow)


def _latest(found: Sequence[Exchange], way: Flow) -> Exchange | None:
    """Return the last exchange whose request went this way, or else between the same hosts."""
    same: Exchange | None = None
    for exchange in reversed(found):
        went = exchange.flow.reverse if exchange.late else exchange.flow
        if went[:2] == way[:2]:
            return exchange
        if same is None and (went.source.address, went.destination.address) == (
            way.source.address,
            way.destination.address,
        ):
            same = exchange
    return same
