"""What the rows and hosts of a ladder are called; read from the messages when someone asks."""

from collections.abc import Iterable
from enum import Enum, StrEnum

from sipscope.calls.dialog import Message, session_description
from sipscope.decode.dtmf_relay import relayed_digit
from sipscope.decode.rtp import PAYLOAD_TYPES
from sipscope.decode.sdp import MediaDescription
from sipscope.decode.sip import parse
from sipscope.decode.text import display

_AGENT_MESSAGES = 8


class Kind(StrEnum):
    """What a message means for the call."""

    REQUEST = "request"
    PROVISIONAL = "provisional"
    SUCCESS = "success"
    NOTICE = "notice"
    FAILURE = "failure"


class SdpMode(Enum):
    """How much of a session description the ladder shows."""

    OFF = 0
    FIRST = 1
    FULL = 2

    @property
    def next(self) -> "SdpMode":
        """The mode after this one, around."""
        return SdpMode((self.value + 1) % len(SdpMode))


_NOTICES = frozenset({401, 407, 421, 422, 423, 428, 487, 494})
"""Answers that ask for a new request, and the 487 that a CANCEL brings about."""


def kind_of(status: int) -> Kind:
    """Tell what a message means for the call; 0 stands for a request."""
    if not status:
        return Kind.REQUEST
    if status < 200:
        return Kind.PROVISIONAL
    if status < 300:
        return Kind.SUCCESS
    return Kind.NOTICE if status < 400 or status in _NOTICES else Kind.FAILURE


def message_label(message: Message, times: int = 1, room: int | None = None) -> str:
    """Return method or status with reason, how often it came, and in brackets what else is known.

    Args:
        message: Read for its reason.
        times: How often it was sent.
        room: How many characters there is room for; what is in brackets is left out for it.
    """
    text = _method(message)
    if message.status:
        parsed = parse(message.raw)
        reason = b"" if parsed is None or parsed.reason is None else parsed.reason
        text = f"{message.status} {display(reason)}".rstrip()
    count = f" ×{times}" if times > 1 else ""  # noqa: RUF001
    notes = ["sdp"] * message.sdp + ["again"] * message.retransmission
    while notes:
        label = f"{text}{count} ({', '.join(notes)})"
        if room is None or len(label) <= room:
            return label
        del notes[0]
    if room is not None and count and len(text + count) > room:
        text = text[: max(1, room - len(count) - 1)] + "…"
    return text + count


def sdp_lines(message: Message, mode: SdpMode) -> tuple[str, ...]:
    """Return what the session description of a message asks for, one line an `m=` section."""
    if mode is SdpMode.OFF or not message.sdp:
        return ()
    sections = session_description(message.raw)
    if mode is SdpMode.FIRST:
        return tuple(_section(media, 1) for media in sections[:1])
    return tuple(_section(media, len(media.payload_types)) for media in sections)


def agents(sent: Iterable[tuple[int, Message]], columns: int) -> tuple[str | None, ...]:
    """Return the program behind each column as it names itself (RFC 3261 section 20.41).

    A proxy passes on what others call themselves. So a name counts in a request with one
    Via and in the responses of a host that was not seen to pass a request on.

    Args:
        sent: Messages in the order of time, each after the column of its sender.
        columns: How many columns there are.
    """
    found: list[str | None] = [None] * columns
    looked = [0] * columns
    proxies: set[int] = set()
    for column, kept in sent:
        if looked[column] == _AGENT_MESSAGES:
            continue
        looked[column] += 1
        message = parse(kept.raw)
        if message is None:
            continue
        vias = b",".join(message.get_all(b"via")).count(b"SIP/2.0/")
        if not kept.status and vias > 1:
            proxies.add(column)
        name = message.get(b"user-agent") or message.get(b"server")
        if name and found[column] is None:
            found[column] = display(name)
    return tuple(None if index in proxies else name for index, name in enumerate(found))


def _method(message: Message) -> str:
    """Return the method, with the digit of an INFO that carries one."""
    if message.method == "INFO" and not message.status:
        parsed = parse(message.raw)
        digit = parsed and relayed_digit(parsed.get(b"content-type"), parsed.body)
        if digit:
            return f"INFO DTMF {digit.digit}"
    return display(message.method)


def _section(media: MediaDescription, count: int) -> str:
    words = [display(media.kind)]
    if media.endpoint is None:
        words.append("at a host name")
    elif media.endpoint.port:
        words.append(str(media.endpoint))
    else:
        words.append("refused")
    for payload_type in media.payload_types[:count]:
        known = media.formats.get(payload_type) or PAYLOAD_TYPES.get(payload_type)
        words.append(str(payload_type) if known is None else display(known.name))
    if media.direction != "sendrecv":
        words.append(media.direction)
    if media.ptime_ms is not None and count > 1:
        words.append(f"{media.ptime_ms} ms")
    return " ".join(words)
