"""The ladder of one or several dialogs: hosts side by side, messages and media down the time.

Nothing is drawn here. `lay_out` says which columns there are and which row goes from
which column to which; what a row says about itself is read from the message only when
someone asks for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import NamedTuple

from sipscope.calls.dialog import Dialog, Message, session_description
from sipscope.decode.address import Endpoint, address_text
from sipscope.decode.rtp import PAYLOAD_TYPES
from sipscope.decode.sdp import MediaDescription
from sipscope.decode.sip import parse
from sipscope.decode.text import display
from sipscope.rtpqos.figures import StreamFigures

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


class Column(NamedTuple):
    """A host, or one SIP port of a host whose ports talk to each other.

    Attributes:
        address: 4 or 16 bytes.
        ports: SIP ports in the order seen; empty for a host that only sends or gets media.
    """

    address: bytes
    ports: tuple[int, ...]

    @property
    def host(self) -> str:
        """The address in text."""
        return address_text(self.address)

    @property
    def name(self) -> str:
        """The address and its SIP ports: the first two, or the first and how many more."""
        if not self.ports:
            return self.host
        first = str(Endpoint(self.address, self.ports[0]))
        if len(self.ports) == 2:
            return f"{first}/{self.ports[1]}"
        return first if len(self.ports) == 1 else f"{first} +{len(self.ports) - 1}"


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message.

    Attributes:
        delta: ns since the row before, None in the first row.
        leg: Index of the dialog among those laid out.
        dialog: Id of the dialog.
        source: Index of the sender's column.
        destination: Index of the receiver's column.
        message: Where the rest is to be found.
    """

    delta: int | None
    leg: int
    dialog: int
    source: int
    destination: int
    message: Message

    @property
    def time(self) -> int:
        """When it was captured, ns since the epoch."""
        return self.message.time

    @property
    def key(self) -> tuple[int, ...]:
        """What tells this row from all others and stays when rows are added."""
        return self.dialog, self.message.time, self.message.number, self.message.start

    @property
    def kind(self) -> Kind:
        """What the message means for the call."""
        return kind_of(self.message.status)

    @property
    def label(self) -> str:
        """Method or status with reason, safe to show; reads the message."""
        return message_label(self.message)


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One RTP stream, at the time of its first packet.

    Attributes:
        delta: ns since the row before, None in the first row.
        leg: Index of the dialog among those laid out.
        dialog: Id of the dialog.
        source: Index of the sender's column.
        destination: Index of the receiver's column.
        figures: The stream.
    """

    delta: int | None
    leg: int
    dialog: int
    source: int
    destination: int
    figures: StreamFigures

    @property
    def time(self) -> int:
        """When its first packet was captured, ns since the epoch."""
        return self.figures.first

    @property
    def key(self) -> tuple[int, ...]:
        """What tells this row from all others and stays when rows are added."""
        return (self.figures.id,)


Row = MessageRow | StreamRow


class Ladder(NamedTuple):
    """What there is to draw.

    Attributes:
        columns: In the order of appearance, the caller first.
        rows: In the order of time.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


class _Columns:
    """Columns in the making.

    A host is one column, whatever ports it uses, unless one of its ports talks to another:
    then every port is one.
    """

    def __init__(self, messages: Iterable[Message]) -> None:
        self._split = {
            source.address
            for source, destination in {(m.flow.source, m.flow.destination) for m in messages}
            if source.address == destination.address and source != destination
        }
        self._index: dict[tuple[bytes, int], int] = {}
        self._ports: list[dict[int, None]] = []
        self._media: dict[Endpoint, int] = {}

    def of_signalling(self, endpoint: Endpoint) -> int:
        index = self._place(endpoint, endpoint.port)
        self._ports[index][endpoint.port] = None
        return index

    def of_media(self, endpoint: Endpoint) -> int:
        """Return the column that asked for media at `endpoint`, else the host's, else a new one."""
        if endpoint.address not in self._split:
            return self._place(endpoint, 0)
        if endpoint in self._media:
            return self._media[endpoint]
        ports = (index for (address, _), index in self._index.items() if address == endpoint[0])
        return next(ports)

    def expect_media(self, column: int, message: Message) -> None:
        """Note where the sender of `message` wants its media, if its address does not say."""
        if message.sdp and message.flow.source.address in self._split:
            for media in session_description(message.raw):
                if media.endpoint is not None:
                    self._media.setdefault(media.endpoint, column)

    def _place(self, endpoint: Endpoint, port: int) -> int:
        key = endpoint.address, port if endpoint.address in self._split else 0
        if key not in self._index:
            self._index[key] = len(self._ports)
            self._ports.append({})
        return self._index[key]

    def finish(self) -> tuple[Column, ...]:
        return tuple(
            Column(address, tuple(ports))
            for (address, _), ports in zip(self._index, self._ports, strict=True)
        )


def lay_out(
    dialogs: Sequence[Dialog], streams: Mapping[int, StreamFigures] | None = None
) -> Ladder:
    """Lay out dialogs in one ladder.

    Args:
        dialogs: The legs; take the store's lock while this runs if they may change.
        streams: Figures by stream id; those of `dialogs` that are not there are not drawn.
    """
    legs = [
        (message.time, leg, dialog, message)
        for leg, dialog in enumerate(dialogs)
        for message in dialog.messages
    ]
    legs.sort(key=lambda entry: entry[0])
    columns = _Columns(message for *_, message in legs)
    rows: list[Row] = []
    for position, (_, leg, dialog, message) in enumerate(legs):
        ends = message.flow.source, message.flow.destination
        if position == 0 and message.status:
            columns.of_signalling(ends[1])
        source, destination = map(columns.of_signalling, ends)
        columns.expect_media(source, message)
        rows.append(MessageRow(None, leg, dialog.id, source, destination, message))
    rows += _stream_rows(dialogs, streams or {}, columns)
    rows.sort(key=lambda row: row.time)
    return Ladder(columns.finish(), tuple(_with_deltas(rows)))


def _stream_rows(
    dialogs: Sequence[Dialog], streams: Mapping[int, StreamFigures], columns: _Columns
) -> list[Row]:
    owners: dict[int, tuple[int, int]] = {}
    for leg, dialog in enumerate(dialogs):
        for stream in dialog.streams:
            owners.setdefault(stream, (leg, dialog.id))
    known = [streams[stream] for stream in owners if stream in streams]
    return [
        StreamRow(
            None,
            *owners[figures.id],
            columns.of_media(figures.flow.source),
            columns.of_media(figures.flow.destination),
            figures,
        )
        for figures in sorted(known, key=lambda figures: figures.first)
    ]


def _with_deltas(rows: Iterable[Row]) -> Iterable[Row]:
    before: int | None = None
    for row in rows:
        delta = None if before is None else row.time - before
        before = row.time
        if isinstance(row, MessageRow):
            yield MessageRow(delta, row.leg, row.dialog, row.source, row.destination, row.message)
        else:
            yield StreamRow(delta, row.leg, row.dialog, row.source, row.destination, row.figures)


def kind_of(status: int) -> Kind:
    """Tell what a message means for the call; 0 stands for a request."""
    if not status:
        return Kind.REQUEST
    if status < 200:
        return Kind.PROVISIONAL
    if status < 300:
        return Kind.SUCCESS
    return Kind.NOTICE if status < 400 or status in _NOTICES else Kind.FAILURE


def message_label(message: Message, room: int | None = None) -> str:
    """Return method or status with reason, and in brackets what else is to be known.

    Args:
        message: Read for its reason.
        room: How many characters there is room for; what is in brackets is left out for it.
    """
    if message.status:
        parsed = parse(message.raw)
        reason = b"" if parsed is None or parsed.reason is None else parsed.reason
        text = f"{message.status} {display(reason)}".rstrip()
    else:
        text = display(message.method)
    notes = ["sdp"] * message.sdp + ["again"] * message.retransmission
    while notes:
        label = f"{text} ({', '.join(notes)})"
        if room is None or len(label) <= room:
            return label
        del notes[0]
    return text


def sdp_lines(message: Message, mode: SdpMode) -> tuple[str, ...]:
    """Return what the session description of a message asks for, one line an `m=` section."""
    if mode is SdpMode.OFF or not message.sdp:
        return ()
    sections = session_description(message.raw)
    if mode is SdpMode.FIRST:
        return tuple(_section(media, 1) for media in sections[:1])
    return tuple(_section(media, len(media.payload_types)) for media in sections)


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


def agents(ladder: Ladder) -> tuple[str | None, ...]:
    """Return the program behind each column as it names itself (RFC 3261 section 20.41).

    A proxy passes on what others call themselves. So a name counts in a request with one
    Via and in the responses of a host that was not seen to pass a request on.
    """
    found: list[str | None] = [None] * len(ladder.columns)
    looked = [0] * len(ladder.columns)
    proxies: set[int] = set()
    for row in ladder.rows:
        if not isinstance(row, MessageRow) or looked[row.source] == _AGENT_MESSAGES:
            continue
        looked[row.source] += 1
        message = parse(row.message.raw)
        if message is None:
            continue
        vias = b",".join(message.get_all(b"via")).count(b"SIP/2.0/")
        if not row.message.status and vias > 1:
            proxies.add(row.source)
        name = message.get(b"user-agent") or message.get(b"server")
        if name and found[row.source] is None:
            found[row.source] = display(name)
    return tuple(None if index in proxies else name for index, name in enumerate(found))
