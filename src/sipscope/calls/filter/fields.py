"""The fields of the display filter: what can be asked of a call.

A new field is one entry of `FIELDS`. A field has no value, one, or several (every stream's
loss, every message's header); a comparison holds when it holds for one of them.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import NamedTuple

from sipscope.calls.column_keys import header_values
from sipscope.calls.columns import reason_text
from sipscope.calls.dialog import Dialog, Party, State
from sipscope.calls.filter.subject import Subject
from sipscope.decode.address import Endpoint
from sipscope.decode.rtp import PAYLOAD_TYPES
from sipscope.decode.sip import address
from sipscope.rtpqos.figures import StreamFigures

HEADER_PREFIX = "header."
_METHODS = (
    "INVITE",
    "REGISTER",
    "OPTIONS",
    "SUBSCRIBE",
    "NOTIFY",
    "MESSAGE",
    "PUBLISH",
    "REFER",
    "INFO",
    "BYE",
    "CANCEL",
    "ACK",
    "PRACK",
    "UPDATE",
)


class Kind(Enum):
    """How the values of a field compare."""

    TEXT = "text"
    NUMBER = "number"
    DURATION = "duration"
    TIME = "time"
    ADDRESS = "address"
    FLAG = "flag"


Value = str | float | bool | Endpoint
"""Text; a number; a duration in seconds; a time in ns since the epoch; a transport address."""


class Field(NamedTuple):
    """Something that can be asked.

    Attributes:
        name: As typed.
        kind: How its values compare.
        words: What it is, for the help.
        values: What a subject has of it.
        known: Values that it may have, where they are few.
        closed: Whether it has no others.
        passing: Whether the passing of time alone changes it.
    """

    name: str
    kind: Kind
    words: str
    values: Callable[[Subject], Iterable[Value | None]]
    known: tuple[str, ...] = ()
    closed: bool = False
    passing: bool = False


def find_field(name: str) -> Field | None:
    """Return the field of a name in lower case, None when there is none."""
    found = FIELDS_BY_NAME.get(name)
    if found is None and name.startswith(HEADER_PREFIX) and name != HEADER_PREFIX:
        return header_field(name.removeprefix(HEADER_PREFIX))
    return found


def header_field(name: str) -> Field:
    """Return the field of a SIP header, of every message, compact forms included."""

    def values(subject: Subject) -> Iterable[str]:
        return (value for each in subject.messages for value in header_values(each.raw, name))

    return Field(HEADER_PREFIX + name, Kind.TEXT, f"the header {name}, of any message", values)


def _of_dialog(
    get: Callable[[Dialog], Value | None],
) -> Callable[[Subject], Iterable[Value | None]]:
    return lambda subject: () if subject.dialog is None else (get(subject.dialog),)


def _milliseconds(
    get: Callable[[Dialog], float | None],
) -> Callable[[Subject], Iterable[Value | None]]:
    def values(subject: Subject) -> Iterable[Value | None]:
        found = None if subject.dialog is None else get(subject.dialog)
        return () if found is None else (found / 1000,)

    return values


def _of_streams(
    get: Callable[[StreamFigures], Value | None],
) -> Callable[[Subject], Iterable[Value | None]]:
    return lambda subject: [get(figures) for figures in subject.figures]


def _party(
    place: int, part: Callable[[Party], str | None]
) -> Callable[[Subject], Iterable[Value | None]]:
    return lambda subject: () if subject.dialog is None else (part(subject.parties[place]),)


def _whole(party: Party) -> str | None:
    """Return user and host, as in a URI."""
    return f"{party.user}@{party.host}" if party.user else party.host


def _party_fields(name: str, words: str, place: int) -> tuple[Field, ...]:
    return (
        Field(name, Kind.TEXT, f"{words}: user@host", _party(place, _whole)),
        Field(f"{name}.user", Kind.TEXT, f"{words}: the user", _party(place, lambda p: p.user)),
        Field(f"{name}.host", Kind.TEXT, f"{words}: the host", _party(place, lambda p: p.host)),
        Field(f"{name}.name", Kind.TEXT, f"{words}: the name", _party(place, lambda p: p.display)),
        Field(f"{name}.tag", Kind.TEXT, f"{words}: the tag", _party(place, lambda p: p.tag)),
    )


def _endpoints(subject: Subject) -> Iterable[Endpoint]:
    """Return every address that sent or received: of messages and of streams."""
    flows = dict.fromkeys(message.flow for message in subject.messages)
    flows.update(dict.fromkeys(figures.flow for figures in subject.figures))
    return [endpoint for flow in flows for endpoint in flow[:2]]


def _request_uri_user(dialog: Dialog) -> str | None:
    uri = dialog.request_uri
    return None if uri is None else address(uri.encode()).user


def _request_uri_host(dialog: Dialog) -> str | None:
    uri = dialog.request_uri
    return None if uri is None else address(uri.encode()).host


def _reason(subject: Subject) -> Iterable[str]:
    return () if subject.row is None else (reason_text(subject.row) or subject.row.reason,)


def _codecs(subject: Subject) -> Iterable[str | None]:
    used = [figures.codec for figures in subject.figures]
    return [*used, *(() if subject.dialog is None else subject.dialog.codecs)]


def _sdp_codecs(subject: Subject) -> Iterable[str]:
    formats = [
        media.formats.get(number) or PAYLOAD_TYPES.get(number)
        for media in subject.media
        for number in media.payload_types
    ]
    return {known.name for known in formats if known is not None}


def _age(subject: Subject) -> Iterable[float]:
    started = None if subject.dialog is None else subject.dialog.started
    return () if started is None else ((subject.now - started) / 1e9,)


def _talk(subject: Subject) -> Iterable[float | None]:
    return () if subject.dialog is None else (subject.dialog.duration_s(subject.now),)


_DIALOG_FIELDS: tuple[Field, ...] = (
    Field(
        "state",
        Kind.TEXT,
        "what has become of it",
        _of_dialog(lambda d: d.state.value),
        tuple(state.value for state in State),
        closed=True,
    ),
    Field("problem", Kind.FLAG, "something went wrong", _of_dialog(lambda d: d.state.failed)),
    Field("active", Kind.FLAG, "more is expected", _of_dialog(lambda d: d.state.active)),
    Field("method", Kind.TEXT, "of the first request", _of_dialog(lambda d: d.method), _METHODS),
    Field(
        "request",
        Kind.TEXT,
        "the method of any request",
        lambda s: [m.method for m in s.messages if not m.status],
        _METHODS,
    ),
    Field("status", Kind.NUMBER, "of the final answer", _of_dialog(lambda d: d.final_status)),
    Field(
        "response",
        Kind.NUMBER,
        "the status of any answer",
        lambda s: [m.status for m in s.messages if m.status],
    ),
    Field("reason", Kind.TEXT, "the phrase of the final answer", _reason),
    *_party_fields("from", "the From header", 0),
    *_party_fields("to", "the To header", 1),
    Field("uri", Kind.TEXT, "the request URI", _of_dialog(lambda d: d.request_uri)),
    Field("uri.user", Kind.TEXT, "the user of the request URI", _of_dialog(_request_uri_user)),
    Field("uri.host", Kind.TEXT, "the host of the request URI", _of_dialog(_request_uri_host)),
    Field(
        "call-id",
        Kind.TEXT,
        "the Call-ID",
        _of_dialog(lambda d: d.call_id.decode("utf-8", "replace")),
    ),
    Field(
        "user-agent",
        Kind.TEXT,
        "User-Agent and Server of either side",
        lambda s: () if s.dialog is None else s.dialog.user_agents,
    ),
    Field(
        "time",
        Kind.TIME,
        "of the first message: 14:03, 2026-01-05",
        _of_dialog(lambda d: d.started),
    ),
    Field("age", Kind.DURATION, "since the first message", _age, passing=True),
    Field("duration", Kind.DURATION, "talk time, so far", _talk, passing=True),
    Field("total", Kind.DURATION, "first to last message", _of_dialog(lambda d: d.total_s)),
    Field("pdd", Kind.DURATION, "post-dial delay", _milliseconds(lambda d: d.pdd_ms)),
    Field("ring", Kind.DURATION, "how long it rang", _milliseconds(lambda d: d.ring_ms)),
    Field("setup", Kind.DURATION, "INVITE to answer", _milliseconds(lambda d: d.setup_ms)),
    Field(
        "messages",
        Kind.NUMBER,
        "how many there are",
        _of_dialog(lambda d: len(d.messages) + d.dropped),
    ),
    Field(
        "retransmissions",
        Kind.NUMBER,
        "how many messages were sent again",
        _of_dialog(lambda d: d.retransmissions),
    ),
    Field(
        "malformed",
        Kind.NUMBER,
        "messages that break RFC 3261",
        _of_dialog(lambda d: d.malformed),
    ),
    Field("source", Kind.ADDRESS, "of the first message", _of_dialog(lambda d: d.flow.source)),
    Field(
        "destination",
        Kind.ADDRESS,
        "of the first message",
        _of_dialog(lambda d: d.flow.destination),
    ),
    Field("ip", Kind.ADDRESS, "any address of messages and streams", _endpoints),
    Field(
        "port",
        Kind.NUMBER,
        "any port of messages and streams",
        lambda s: [endpoint.port for endpoint in _endpoints(s)],
    ),
    Field(
        "transport",
        Kind.TEXT,
        "of any message",
        lambda s: {message.flow.transport for message in s.messages},
        ("udp", "tcp", "tls", "ws", "wss", "sctp"),
    ),
    Field(
        "encapsulation",
        Kind.TEXT,
        "of any message: tzsp, hep, gre...",
        lambda s: {name for message in s.messages for name in message.flow.encapsulation},
    ),
    Field("group", Kind.NUMBER, "shared by all legs of a call", _of_dialog(lambda d: d.group)),
    Field(
        "message",
        Kind.TEXT,
        "the text of any message",
        lambda s: [message.raw.decode("utf-8", "replace") for message in s.messages],
    ),
)

_MEDIA_FIELDS: tuple[Field, ...] = (
    Field("codec", Kind.TEXT, "in use or negotiated", _codecs),
    Field("sdp.codec", Kind.TEXT, "offered or answered by anyone", _sdp_codecs),
    Field(
        "sdp.media",
        Kind.TEXT,
        "audio, video, image",
        lambda s: [media.kind for media in s.media],
        ("audio", "video", "image"),
    ),
    Field(
        "sdp.address",
        Kind.ADDRESS,
        "where SDP wants media",
        lambda s: [media.endpoint for media in s.media],
    ),
    Field(
        "sdp.direction",
        Kind.TEXT,
        "of any media description",
        lambda s: [media.direction for media in s.media],
        ("sendrecv", "sendonly", "recvonly", "inactive"),
        closed=True,
    ),
)

_STREAM_FIELDS: tuple[Field, ...] = (
    Field("streams", Kind.NUMBER, "RTP streams", lambda s: (len(s.figures),)),
    Field("mos", Kind.NUMBER, "of any stream", _of_streams(lambda f: f.mos)),
    Field("mos.min", Kind.NUMBER, "of a stream's worst 10 s", _of_streams(lambda f: f.mos_min)),
    Field("r", Kind.NUMBER, "R-factor of any stream", _of_streams(lambda f: f.r_factor)),
    Field("loss", Kind.NUMBER, "percent lost", _of_streams(lambda f: f.loss_percent)),
    Field("lost", Kind.NUMBER, "packets lost", _of_streams(lambda f: f.lost)),
    Field("packets", Kind.NUMBER, "RTP packets", _of_streams(lambda f: f.packets)),
    Field("jitter", Kind.NUMBER, "mean jitter in ms", _of_streams(lambda f: f.jitter_mean_ms)),
    Field(
        "jitter.max", Kind.NUMBER, "highest jitter in ms", _of_streams(lambda f: f.jitter_max_ms)
    ),
    Field("delta", Kind.NUMBER, "longest delta in ms", _of_streams(lambda f: f.delta_max_ms)),
    Field("gap", Kind.NUMBER, "longest gap in ms", _of_streams(lambda f: f.longest_gap_ms)),
    Field("skew", Kind.NUMBER, "largest skew in ms", _of_streams(lambda f: f.skew_ms)),
    Field("drift", Kind.NUMBER, "clock drift in ppm", _of_streams(lambda f: f.drift_ppm)),
    Field("duplicates", Kind.NUMBER, "RTP packets twice", _of_streams(lambda f: f.duplicates)),
    Field("out-of-order", Kind.NUMBER, "RTP packets late", _of_streams(lambda f: f.out_of_order)),
    Field("discarded", Kind.NUMBER, "too late to be played", _of_streams(lambda f: f.discarded)),
    Field("burst-ratio", Kind.NUMBER, "of the losses", _of_streams(lambda f: f.burst_ratio)),
    Field("ptime", Kind.NUMBER, "ms of a packet", _of_streams(lambda f: f.ptime_ms)),
    Field("dscp", Kind.NUMBER, "code point, EF is 46", _of_streams(lambda f: f.dscp)),
    Field(
        "payload-type",
        Kind.NUMBER,
        "in use",
        lambda s: [number for figures in s.figures for number in figures.payload_types],
    ),
    Field("ssrc", Kind.TEXT, "in hexadecimal", _of_streams(lambda f: f"{f.ssrc:08x}")),
    Field(
        "cause", Kind.TEXT, "what costs quality", lambda s: [c for f in s.figures for c in f.causes]
    ),
    Field("rtp.source", Kind.ADDRESS, "who sends", _of_streams(lambda f: f.flow.source)),
    Field(
        "rtp.destination", Kind.ADDRESS, "who receives", _of_streams(lambda f: f.flow.destination)
    ),
)

FIELDS: tuple[Field, ...] = (*_DIALOG_FIELDS, *_MEDIA_FIELDS, *_STREAM_FIELDS)
"""In the order of the help."""

FIELDS_BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}
