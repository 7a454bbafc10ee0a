"""From captured packets to UDP datagrams and to SIP messages over TCP and SCTP."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from operator import attrgetter, itemgetter
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.decode import ip, link, tunnels, tzsp, wlan
from sipscope.decode.address import Flow
from sipscope.decode.batch import Column, Frame, PacketBatch
from sipscope.decode.counts import NetworkCounts
from sipscope.decode.duplicates import DuplicateTable
from sipscope.decode.flows import FlowTable
from sipscope.decode.fragments import Fragment, FragmentTable, Whole
from sipscope.decode.hep import MAGICS
from sipscope.decode.layers import (
    MAX_TUNNELS,
    Dissection,
    DissectionTables,
    Fragments,
    Step,
    dissect,
)
from sipscope.decode.sctp import SctpReassembler
from sipscope.decode.sip_framing import BEGINNINGS, looks_like_sip
from sipscope.decode.tcp import SYN, Segment, TcpMessage, TcpReassembler
from sipscope.decode.tzsp_senders import TzspSenderTable

_MODULES: Final = (link, wlan, ip, tunnels, tzsp)


def _joined() -> DissectionTables:
    """Return the tables of all protocol modules as one."""
    tables: dict[str, dict[int, Step]] = {}
    for module in _MODULES:
        for name, steps in module.TABLES.items():
            tables.setdefault(name, {}).update(steps)
    return DissectionTables(tables)


TABLES: Final = _joined()

_COOKED: Final = (link.LINKTYPE_LINUX_COOKED, link.LINKTYPE_LINUX_COOKED_2)
"""Link types of captures on all interfaces at once."""
_NONE: Final = np.empty(0, np.int64)

_UDP = np.dtype([("ports", ">u4"), ("length", ">u2"), ("checksum", ">u2")])
_TCP = np.dtype(
    [
        ("ports", ">u4"),
        ("sequence", ">u4"),
        ("acknowledgment", ">u4"),
        ("offset_flags", ">u2"),
        ("window", ">u2"),
        ("checksum", ">u2"),
        ("urgent", ">u2"),
    ]
)
_FOUR_BYTES = np.dtype("<u4")
_BEGINNINGS = [int.from_bytes(beginning[:4], "little") for beginning in (*BEGINNINGS, *MAGICS)]


@dataclass(frozen=True, slots=True)
class Datagrams:
    """UDP payloads of a batch; the columns have one entry a datagram.

    Attributes:
        batch: The packets.
        packet: Index of the packet in the batch, ascending.
        start: Where the payload begins in the batch's buffer.
        length: Bytes of it that were captured.
        wire_length: Bytes of it by the UDP header: more where the capture cut it short.
        flow: Index into `flows`.
        dscp: The differentiated services code point (RFC 2474).
        flows: The flows of these datagrams, each once, in order of appearance by IP version.
    """

    batch: PacketBatch
    packet: Column
    start: Column
    length: Column
    wire_length: Column
    flow: Column
    dscp: NDArray[np.uint8]
    flows: Sequence[Flow]

    def __len__(self) -> int:
        return len(self.packet)


class Datagram(NamedTuple):
    """What lies nowhere in one piece: UDP that came in fragments, a user message of SCTP.

    Attributes:
        time: When the packet that completed it was captured, in ns since the epoch.
        number: Frame number of that packet.
        flow: Who sent it to whom.
        payload: The captured bytes.
        dscp: The differentiated services code point (RFC 2474).
        truncated: Whether the capture cut it short.
        frames: Its fragments, in order of capture.
        packet: Index of the completing packet in the batch.
    """

    time: int
    number: int
    flow: Flow
    payload: bytes
    dscp: int
    truncated: bool
    frames: tuple[Frame, ...]
    packet: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a batch holds for SIP and RTP.

    Attributes:
        datagrams: The UDP datagrams that came in one packet each.
        slow: What came in several packets, in order of completion, which their `packet` tells.
    """

    datagrams: Datagrams
    slow: list[Datagram | TcpMessage]


class _Pass(NamedTuple):
    """One way down through packets: those of the batch, or those out of its fragments.

    Attributes:
        dissection: The packets taken apart.
        packet: Index in the batch of each packet, or of the fragment that completed it.
        frames: Gives the frames that a packet came in.
    """

    dissection: Dissection
    packet: Column
    frames: Callable[[int], tuple[Frame, ...]]


class NetworkDecoder:
    """Decodes the batches of one source, in order; keeps fragments and streams between them.

    Copies of datagrams are left out where they come from a mirror, or live from all interfaces
    or from several sources. Elsewhere, and so in files, equal datagrams are what was sent twice.

    Args:
        duplicates: Where copies are looked for, shared by sources that see the same packets.
        live: Whether the source captures now.
        several: Whether other sources may see packets of this one.

    Attributes:
        counts: What could not be read.
        senders: Who sends TZSP.
    """

    def __init__(
        self,
        duplicates: DuplicateTable | None = None,
        *,
        live: bool = False,
        several: bool = False,
    ) -> None:
        self.counts = NetworkCounts()
        self.senders = TzspSenderTable()
        self._duplicates = DuplicateTable() if duplicates is None else duplicates
        self._live = live
        self._several = several
        self._flows = FlowTable()
        self._fragments = FragmentTable(self.counts)
        self._tcp = TcpReassembler(self.counts)
        self._sctp = SctpReassembler()

    def decode(self, batch: PacketBatch) -> Decoded:
        """Take the next batch; return its datagrams and the messages that it completes."""
        self.counts.truncated += int((batch.captured < batch.wire).sum())
        dissection = dissect(batch, TABLES, self.counts)
        captured = _Pass(dissection, np.arange(len(batch)), lambda index: (batch.frame(index),))
        datagrams = self._datagrams(batch, captured)
        slow: list[Datagram | TcpMessage] = []
        slow += self._user_messages(batch, captured)
        segments = [self._segments(batch, captured)]
        for reassembled in self._reassembled(batch, captured):
            slow += self._fragmented_datagrams(batch, reassembled)
            slow += self._user_messages(batch, reassembled)
            segments.append(self._segments(batch, reassembled))
        for segment in merge(*segments, key=attrgetter("packet")):
            slow += self._tcp.add(segment)
        slow.sort(key=attrgetter("packet"))
        return Decoded(datagrams, slow)

    def finish(self) -> list[TcpMessage]:
        """Return what there is of unfinished messages when no more batches will come."""
        self._fragments.finish()
        return self._tcp.finish()

    def _datagrams(self, batch: PacketBatch, taken: _Pass) -> Datagrams:
        dissection = taken.dissection
        layers, copies = dissection.datagrams, _NONE
        everything = self._several or (self._live and batch.link_type in _COOKED)
        if everything or dissection.encapsulation.any():
            time = batch.time[taken.packet]
            layers, copies = self._duplicates.distinct(dissection, time, everything=everything)
            self.counts.duplicates += len(copies)
        found = self._flows.group(dissection, layers, "udp")
        start = found.start + 8
        declared = dissection.fields(found.start, _UDP)["length"].astype(np.int64) - 8
        # A length below 8 means nothing: what there is, is the payload.
        available = found.end - start
        length = np.where(declared < 0, available, np.minimum(available, declared))
        if dissection.mirrored:
            cut = found.packet[length < declared]
            self.senders.note(dissection, batch.time[taken.packet], copies, cut)
        return Datagrams(
            batch=dissection.batch,
            packet=found.packet,
            start=start,
            length=length,
            wire_length=np.maximum(declared, 0),
            flow=found.flow,
            dscp=found.dscp,
            flows=found.flows,
        )

    def _fragmented_datagrams(self, batch: PacketBatch, reassembled: _Pass) -> Iterator[Datagram]:
        """Turn the columns of reassembled datagrams into records."""
        found = self._datagrams(batch, reassembled)
        for row, index in enumerate(found.packet.tolist()):
            packet = int(reassembled.packet[index])
            start, length = int(found.start[row]), int(found.length[row])
            yield Datagram(
                time=int(batch.time[packet]),
                number=batch.number + packet,
                flow=found.flows[found.flow[row]],
                payload=found.batch.buffer[start : start + length],
                dscp=int(found.dscp[row]),
                truncated=bool(length < found.wire_length[row]),
                frames=reassembled.frames(index),
                packet=packet,
            )

    def _user_messages(self, batch: PacketBatch, taken: _Pass) -> Iterator[Datagram]:
        """Give the SIP messages of SCTP packets."""
        dissection = taken.dissection
        found = self._flows.group(dissection, dissection.sctp, "sctp")
        for row, index in enumerate(found.packet.tolist()):
            packet, flow = int(taken.packet[index]), found.flows[found.flow[row]]
            octets = dissection.batch.buffer[int(found.start[row]) : int(found.end[row])]
            for message in self._sctp.add(flow, octets, taken.frames(index)):
                if looks_like_sip(message.payload):
                    yield Datagram(
                        time=int(batch.time[packet]),
                        number=batch.number + packet,
                        flow=flow,
                        payload=message.payload,
                        dscp=int(found.dscp[row]),
                        truncated=False,
                        frames=message.frames,
                        packet=packet,
                    )

    def _segments(self, batch: PacketBatch, taken: _Pass) -> Iterator[Segment]:
        """Turn the columns of TCP segments into records, but only of what may be SIP."""
        dissection = taken.dissection
        found = self._flows.group(dissection, dissection.segments, "tcp")
        if not len(found.packet):
            return
        header = dissection.fields(found.start, _TCP)
        size = (header["offset_flags"] >> 12).astype(np.int64) * 4
        start = found.start + size
        sound = (size >= 20) & (start <= found.end)
        dissection.malformed(found.packet[~sound])
        ignored = np.array([self._tcp.ignores(flow) for flow in found.flows])
        begins = (header["offset_flags"] & SYN) != 0
        begins |= _begin_like_sip(dissection, start, found.end)
        rows = np.flatnonzero(sound & (begins | ~ignored[found.flow]))
        columns = zip(
            found.packet[rows].tolist(),
            found.flow[rows].tolist(),
            start[rows].tolist(),
            found.end[rows].tolist(),
            begins[rows].tolist(),
            header["sequence"][rows].tolist(),
            header["acknowledgment"][rows].tolist(),
            header["offset_flags"][rows].tolist(),
            strict=True,
        )
        for index, number, begin, end, begins_anew, sequence, acknowledgment, flags in columns:
            flow = found.flows[number]
            if not begins_anew and self._tcp.ignores(flow):
                continue
            packet = int(taken.packet[index])
            yield Segment(
                time=int(batch.time[packet]),
                number=batch.number + packet,
                packet=packet,
                flow=flow,
                sequence=sequence,
                acknowledgment=acknowledgment,
                flags=flags & 0xFF,
                payload=dissection.batch.buffer[begin:end],
                frames=taken.frames(index) if end > begin else (),
            )

    def _reassembled(self, batch: PacketBatch, captured: _Pass) -> Iterator[_Pass]:
        """Give the packets out of fragments, then those out of fragments inside them, and so on."""
        taken = captured
        for _ in range(MAX_TUNNELS):
            inner = self._reassemble(batch, taken)
            if inner is None:
                return
            yield inner
            taken = inner
        for fragments in taken.dissection.fragments:
            self.counts.encapsulation_too_deep += len(fragments.packet)

    def _reassemble(self, batch: PacketBatch, taken: _Pass) -> _Pass | None:
        """Add the fragments found on one way down; take apart the packets that they complete."""
        completed: list[int] = []
        wholes: list[Whole] = []
        added = [_records(taken, fragments) for fragments in taken.dissection.fragments]
        for index, fragment in merge(*added, key=itemgetter(0)):
            whole = self._fragments.add(fragment)
            if whole:
                completed.append(index)
                wholes.append(whole)
        if not wholes:
            return None
        inside = np.array(completed)
        packet = taken.packet[inside]
        captured = np.array([len(whole.packet) for whole in wholes])
        inner = PacketBatch(
            buffer=b"".join([whole.packet for whole in wholes]),
            offset=np.cumsum(captured) - captured,
            captured=captured,
            wire=np.array([whole.wire_length for whole in wholes]),
            time=batch.time[packet],
            link_type=link.LINKTYPE_RAW,
        )
        again = dissect(inner, TABLES, self.counts, taken.dissection.encapsulation[inside])
        return _Pass(again, packet, lambda index: wholes[index].frames)


def _records(taken: _Pass, fragments: Fragments) -> Iterator[tuple[int, Fragment]]:
    """Turn the columns of fragments into records, each with the index of its packet."""
    buffer = taken.dissection.batch.buffer
    size = 20 if fragments.version == 4 else 40
    for packet, network, start, end, identification, protocol, offset, more, length, way in zip(
        fragments.packet.tolist(),
        fragments.network.tolist(),
        fragments.start.tolist(),
        fragments.end.tolist(),
        fragments.identification.tolist(),
        fragments.protocol.tolist(),
        fragments.offset.tolist(),
        fragments.more.tolist(),
        fragments.length.tolist(),
        taken.dissection.encapsulation[fragments.packet].tolist(),
        strict=True,
    ):
        yield (
            packet,
            Fragment(
                header=buffer[network : network + size],
                identification=identification,
                protocol=protocol,
                offset=offset,
                more=more,
                length=length,
                data=buffer[start:end],
                frames=taken.frames(packet),
                encapsulation=way,
            ),
        )


def _begin_like_sip(dissection: Dissection, start: Column, end: Column) -> NDArray[np.bool_]:
    """Tell which payloads begin with the first four bytes of a common SIP start line, or HEP."""
    enough = end - start >= 4
    begin = np.zeros(len(start), dtype=np.bool_)
    begin[enough] = np.isin(dissection.fields(start[enough], _FOUR_BYTES), _BEGINNINGS)
    return begin
