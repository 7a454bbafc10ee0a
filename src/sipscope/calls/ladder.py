"""The ladder of one or several dialogs: hosts side by side, messages and media down the time.

Nothing is drawn here. `lay_out` says which columns there are and which row goes from
which column to which; `ladder_words` says what a row is called.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sipscope.calls.dialog import Dialog, Message, session_description
from sipscope.calls.ladder_events import Event, EventKind
from sipscope.calls.ladder_words import Kind, kind_of, message_label
from sipscope.decode.address import Endpoint, address_text
from sipscope.rtpqos.figures import StreamFigures

Key = tuple[str | int, ...]
"""What tells a row from all others and stays when rows are added."""


class Column(NamedTuple):
    """A host, or one SIP port of a host.

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
        leg: Index of the dialog among those laid out.
        dialog: Id of the dialog.
        source: Index of the sender's column.
        destination: Index of the receiver's column.
        message: Where the rest is to be found.
        times: How often it was sent, when its retransmissions are folded into it.
    """

    leg: int
    dialog: int
    source: int
    destination: int
    message: Message
    times: int = 1

    @property
    def time(self) -> int:
        """When it was captured, ns since the epoch."""
        return self.message.time

    @property
    def key(self) -> Key:
        """What tells this row from all others and stays when rows are added."""
        return self.dialog, self.message.time, self.message.number, self.message.start

    @property
    def kind(self) -> Kind:
        """What the message means for the call."""
        return kind_of(self.message.status)

    @property
    def label(self) -> str:
        """Method or status with reason, safe to show; reads the message."""
        return message_label(self.message, self.times)


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One RTP stream, at the time of its first packet.

    Attributes:
        leg: Index of the dialog among those laid out.
        dialog: Id of the dialog.
        source: Index of the sender's column.
        destination: Index of the receiver's column.
        figures: The stream.
    """

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
    def key(self) -> Key:
        """What tells this row from all others and stays when rows are added."""
        return "rtp", self.figures.id


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happened beside messages and streams.

    Attributes:
        leg: Index of the dialog among those laid out.
        dialog: Id of the dialog.
        source: Index of the column from which it came.
        destination: Index of the column to which it went, the same for what stays at a host.
        event: What happened.
    """

    leg: int
    dialog: int
    source: int
    destination: int
    event: Event

    @property
    def time(self) -> int:
        """When it happened, ns since the epoch."""
        return self.event.time

    @property
    def key(self) -> Key:
        """What tells this row from all others and stays when rows are added."""
        event = self.event
        time = 0 if event.kind is EventKind.RTCP else event.time
        return event.kind.value, self.dialog, event.number, time


Row = MessageRow | StreamRow | EventRow


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
    then every port is one. Hosts that are not to be merged have a column a port, too.
    """

    def __init__(self, messages: Iterable[Message], merge: bool) -> None:
        ends = {(m.flow.source, m.flow.destination) for m in messages}
        self._split = {
            end.address
            for both in ends
            for end in both
            if not merge or (both[0].address == both[1].address and both[0] != both[1])
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
        if endpoint.address in self._split and endpoint in self._media:
            return self._media[endpoint]
        known = self.of_host(endpoint.address)
        return self._place(endpoint, 0) if known is None else known

    def of_host(self, address: bytes) -> int | None:
        """Return the first column of an address, None without one."""
        return next((index for (host, _), index in self._index.items() if host == address), None)

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
    dialogs: Sequence[Dialog],
    streams: Mapping[int, StreamFigures] | None = None,
    events: Iterable[Event] = (),
    *,
    merge: bool = True,
) -> Ladder:
    """Lay out dialogs in one ladder.

    Args:
        dialogs: The legs; take the store's lock while this runs if they may change.
        streams: Figures by stream id; those of `dialogs` that are not there are not drawn.
        events: What else happened in them.
        merge: Whether all ports of a host share its column.
    """
    legs = [
        (message.time, leg, dialog, message)
        for leg, dialog in enumerate(dialogs)
        for message in dialog.messages
    ]
    legs.sort(key=lambda entry: entry[0])
    columns = _Columns((message for *_, message in legs), merge)
    rows: list[Row] = []
    for position, (_, leg, dialog, message) in enumerate(legs):
        ends = message.flow.source, message.flow.destination
        if position == 0 and message.status:
            columns.of_signalling(ends[1])
        source, destination = map(columns.of_signalling, ends)
        columns.expect_media(source, message)
        rows.append(MessageRow(leg, dialog.id, source, destination, message))
    rows += _stream_rows(dialogs, streams or {}, columns)
    rows += _event_rows(dialogs, events, columns)
    rows.sort(key=lambda row: row.time)
    return Ladder(columns.finish(), tuple(rows))


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
            *owners[figures.id],
            columns.of_media(figures.flow.source),
            columns.of_media(figures.flow.destination),
            figures,
        )
        for figures in sorted(known, key=lambda figures: figures.first)
    ]


def _event_rows(
    dialogs: Sequence[Dialog], events: Iterable[Event], columns: _Columns
) -> Iterator[Row]:
    legs = {dialog.id: leg for leg, dialog in enumerate(dialogs)}
    for event in sorted(events, key=lambda event: event.time):
        ends = event.flow.source, event.flow.destination
        if event.kind is EventKind.LOG:  # it passed between nobody
            hosts = [columns.of_host(end.address) for end in ends]
            source = destination = next((host for host in hosts if host is not None), 0)
        else:
            source, destination = map(columns.of_media, ends)
        yield EventRow(legs[event.dialog], event.dialog, source, destination, event)


def deltas(rows: Iterable[Row]) -> dict[Key, int]:
    """Return how long (ns) after the row before each row came; the first row has none."""
    found: dict[Key, int] = {}
    before: int | None = None
    for row in rows:
        if before is not None:
            found[row.key] = row.time - before
        before = row.time
    return found
