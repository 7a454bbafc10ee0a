"""What the store keeps of a dialog: its messages, state and times.

One dialog is one Call-ID, whatever transactions and forks it holds. Only the store writes
it. What just a viewer needs (parties, reason, codecs, user agents) is parsed when asked.
"""

import re
from array import array
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.batch import Frame, Recording
from sipscope.decode.rtp import PAYLOAD_TYPES, is_speech
from sipscope.decode.sdp import MediaDescription, find_sdp, parse_sdp
from sipscope.decode.sip import SipMessage, address, header_end, parse


class State(StrEnum):
    """What has become of a dialog; the words of the report's contract."""

    SETUP = "setup"
    RINGING = "ringing"
    IN_CALL = "in-call"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    BUSY = "busy"
    DECLINED = "declined"
    NO_ANSWER = "no-answer"
    UNAUTHORIZED = "unauthorized"
    DIVERTED = "diverted"
    REJECTED = "rejected"
    FAILED = "failed"
    REGISTERED = "registered"
    UNREGISTERED = "unregistered"
    PENDING = "pending"

    __hash__ = str.__hash__  # that of Enum is written in Python, and states are counted often

    @property
    def active(self) -> bool:
        """Whether more is expected to come."""
        return self in _ACTIVE

    @property
    def failed(self) -> bool:
        """Whether something went wrong that somebody may have to mend."""
        return self in _FAILED


_ACTIVE = frozenset({State.SETUP, State.RINGING, State.IN_CALL, State.PENDING})
_FAILED = frozenset({State.UNAUTHORIZED, State.REJECTED, State.FAILED})


class Party(NamedTuple):
    """A From or To header (RFC 3261 section 20.20, 20.39); unknown parts are None."""

    display: str | None
    user: str | None
    host: str | None
    tag: str | None


class KeptFrames(NamedTuple):
    """The frames of one message in memory, for sources that cannot be read again.

    Attributes:
        frames: In the order of capture; several for fragments and TCP segments.
        payload: The message when it is not one piece of the first frame.
    """

    frames: tuple[Frame, ...]
    payload: bytes | None


class Message(NamedTuple):
    """One SIP message of a dialog.

    Its bytes are `length` bytes at `start` of `origin`: of the capture file itself, of a
    frame's data, or of a payload put together from several frames.

    Attributes:
        time: ns since the epoch.
        number: Frame number in its source, from 1.
        flow: From where to where, and over which transport.
        method: The request's method, or the CSeq's method of a response.
        status: Status code of a response, 0 for a request.
        cseq: The CSeq number, -1 when there is none.
        retransmission: Whether the same message was seen before on the same flow.
        sdp: Whether it carries an SDP body.
        origin: Where its bytes are.
        header: Bytes of the frame before the message.
        start: Where the message begins.
        length: Bytes of the message.
    """

    time: int
    number: int
    flow: Flow
    method: str
    status: int
    cseq: int
    retransmission: bool
    sdp: bool
    origin: Recording | KeptFrames
    header: int
    start: int
    length: int

    @property
    def raw(self) -> bytes:
        """The message's bytes, read from the file again if they are kept there."""
        origin = self.origin
        if not isinstance(origin, KeptFrames):
            return origin.read(self.start, self.length)
        payload = origin.frames[0].data if origin.payload is None else origin.payload
        return payload[self.start : self.start + self.length]

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The frames that carried it; empty when the file is gone."""
        origin = self.origin
        if isinstance(origin, KeptFrames):
            return origin.frames
        frame = origin.frame(self.start - self.header)
        return () if frame is None else (frame,)


_REASON = re.compile(rb"[\r\n]*\S+[ \t]+[0-9]+([^\r\n]*)")
_USER_AGENT = re.compile(rb"\n(?:User-Agent|Server)[ \t]*:([^\r\n]*)", re.I)


class Opening(NamedTuple):
    """What the first message says of the dialog."""

    caller: Party
    callee: Party
    request_uri: str | None


_no_looks = partial(array, "q")


@dataclass(slots=True, eq=False)
class Dialog:
    """One Call-ID.

    Times are ns since the epoch and None until the event was seen.

    Attributes:
        id: From 1, in the order of the first message; never reused.
        call_id: As received, for display only through `display`.
        method: Of the first request; of the CSeq when the capture began later.
        flow: Of the first message.
        state: See `State`.
        version: Counts the changes.
        messages: In the order of capture; the middle of a very long dialog is dropped.
        looks: What the last of them look like: equal messages have equal numbers.
        dropped: How many messages were dropped.
        retransmissions: How many of them were retransmissions.
        malformed: How many of them break RFC 3261.
        in_dialog: Whether the first message came within an established dialog.
        invited: Time of the first INVITE.
        proceeded: Time of the first answer of 180 or more: the end of the post-dial delay.
        rang: Time of the first 180 or 183.
        answered: Time of the first 2xx to an INVITE.
        cancelled: Time of the CANCEL.
        ended: Time of the BYE, or of the final negative answer.
        final: The last final answer to the dialog's method.
        streams: Ids of its RTP streams.
        endpoints: Where its SDP wants RTP; `MediaTable` keeps them.
        group: Id that all legs of one call share.
    """

    id: int
    call_id: bytes
    method: str
    flow: Flow
    group: int
    state: State = State.PENDING
    version: int = 0
    messages: list[Message] = field(default_factory=list)
    looks: "array[int]" = field(default_factory=_no_looks)
    dropped: int = 0
    retransmissions: int = 0
    malformed: int = 0
    in_dialog: bool = False
    invited: int | None = None
    proceeded: int | None = None
    rang: int | None = None
    answered: int | None = None
    cancelled: int | None = None
    ended: int | None = None
    final: Message | None = None
    streams: list[int] = field(default_factory=list)
    endpoints: tuple[Endpoint, ...] = ()
    _opening: Opening | None = None
    _codecs: tuple[int, tuple[str, ...]] = (0, ())

    @property
    def started(self) -> int:
        """Time of the first message."""
        return self.messages[0].time

    @property
    def last(self) -> int:
        """Time of the last message."""
        return self.messages[-1].time

    @property
    def caller(self) -> Party:
        """The From header of the first message."""
        return self._open().caller

    @property
    def callee(self) -> Party:
        """The To header of the first message."""
        return self._open().callee

    @property
    def request_uri(self) -> str | None:
        """Of the first message, None when that is a response."""
        return self._open().request_uri

    @property
    def final_status(self) -> int | None:
        """Status code of the last final answer to the dialog's method."""
        return None if self.final is None else self.final.status

    @property
    def reason(self) -> str | None:
        """Reason phrase of the last final answer to the dialog's method."""
        found = None if self.final is None else _REASON.match(self.final.raw)
        return None if found is None else found[1].strip().decode("utf-8", "replace")

    @property
    def final_to_tag(self) -> str | None:
        """Tag of the To header of the last final answer to the dialog's method."""
        message = None if self.final is None else parse(self.final.raw)
        return None if message is None else address(message.get(b"to")).tag

    @property
    def codecs(self) -> tuple[str, ...]:
        """Encoding names of the audio and video that were answered, else offered."""
        described = [message for message in self.messages if message.sdp]
        if self._codecs[0] != len(described):
            answers = [m for m in described if m.status >= 200] or described
            self._codecs = len(described), _codecs(answers[-1].raw)
        return self._codecs[1]

    @property
    def user_agents(self) -> tuple[str, ...]:
        """User-Agent and Server of the first request and the first answers, in that order."""
        agents: dict[str, None] = {}
        for message in self.messages[:8]:
            raw = message.raw
            for value in _USER_AGENT.findall(raw, 0, header_end(raw)):
                agents[value.strip().decode("utf-8", "replace")] = None
        return tuple(agents)

    @property
    def pdd_ms(self) -> float | None:
        """Post-dial delay: from the INVITE to the first answer that the caller hears of."""
        return _span(self.invited, self.proceeded, 1e6)

    @property
    def ring_ms(self) -> float | None:
        """From the first 180 or 183 to the answer or the end."""
        return _span(self.rang, self.ended if self.answered is None else self.answered, 1e6)

    @property
    def setup_ms(self) -> float | None:
        """From the INVITE to the answer."""
        return _span(self.invited, self.answered, 1e6)

    @property
    def talk_s(self) -> float | None:
        """From the answer to the BYE."""
        return _span(self.answered, self.ended, 1e9)

    @property
    def total_s(self) -> float:
        """From the first to the last message."""
        return max(0, self.last - self.started) / 1e9

    def duration_s(self, now: int) -> float | None:
        """Talk time, of a call in progress so far; None when nobody answered."""
        return _span(self.answered, now if self.ended is None else self.ended, 1e9)

    def _open(self) -> Opening:
        if self._opening is None:
            self._opening = _opening(parse(self.messages[0].raw))
        return self._opening


def _opening(message: SipMessage | None) -> Opening:
    if message is None:
        nobody = Party(None, None, None, None)
        return Opening(nobody, nobody, None)
    uri = message.request_uri
    return Opening(
        _party(message.get(b"from")),
        _party(message.get(b"to")),
        None if uri is None else uri.decode("utf-8", "replace"),
    )


def _party(value: bytes | None) -> Party:
    parts = address(value)
    return Party(parts.display, parts.user, parts.host, parts.tag)


def _codecs(raw: bytes) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for media in session_description(raw):
        for payload_type in media.payload_types:
            known = media.formats.get(payload_type) or PAYLOAD_TYPES.get(payload_type)
            if known is not None and is_speech(known.name):
                names[known.name] = None
    return tuple(names)


def session_description(raw: bytes) -> list[MediaDescription]:
    """Return the media descriptions that a message carries."""
    _, _, body = raw.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not body.startswith(b"v=0"):  # multipart, or line ends of another kind
        message = parse(raw)
        body = b"" if message is None else message.body
    return parse_sdp(find_sdp(body))


def _span(start: int | None, end: int | None, unit: float) -> float | None:
    return None if start is None or end is None else max(0, end - start) / unit
