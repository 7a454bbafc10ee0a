"""From captured packets to the store: decoded in bulk, SIP before the RTP that it announces."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Protocol

import numpy as np

from sipscope.calls.dialog import KeptFrames
from sipscope.calls.hep import Carried, HepIntake, attach
from sipscope.calls.incoming import Incoming, MessageBatch
from sipscope.calls.repetition import DUPLICATE
from sipscope.calls.store import DialogStore
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.batch import Column, PacketBatch, Recording
from sipscope.decode.hep_senders import Agent
from sipscope.decode.network import Datagram, Datagrams, Decoded, NetworkDecoder
from sipscope.decode.rtp import RtpBlock, rtp_block
from sipscope.decode.sip_framing import BEGINNINGS, looks_like_sip
from sipscope.decode.sip_heads import read_heads
from sipscope.decode.tcp import TcpMessage
from sipscope.decode.telephone_event import telephone_events

MESSAGES_PER_LOCK = 1_500
"""Messages that are taken before a viewer gets the lock: some 5 ms."""

_CR, _LF, _SPACE = 13, 10, 32
_FIRST_LETTER, _LAST_LETTER = ord("!"), ord("~")
_WORD = 4
_BEGINNINGS = [int.from_bytes(beginning[:_WORD], "little") for beginning in BEGINNINGS]


class Listener(Protocol):
    """Is told of what is taken, in the thread that takes it and without the store's lock."""

    def take_messages(self, messages: Sequence[Incoming]) -> None:
        """Hear of SIP messages, each once, in the order of capture."""

    def take_rtcp(self, datagrams: Datagrams, rows: Column) -> None:
        """Hear of the datagrams at `rows`, which are RTCP."""


class Intake:
    """Decodes the batches of one source, in order, and puts into the store what they hold.

    Args:
        store: Where it goes.
        listeners: Who is told of it.
        excluded: Transport addresses whose datagrams are passed over: our own traffic.
        network: Takes the packets apart; one of its own unless given.

    Attributes:
        counts: What could not be read.
        rtp_packets: Packets seen that look like RTP.
        rtcp_packets: RTCP packets seen.
        senders: Who sends HEP.
        tzsp_senders: Who sends TZSP.
    """

    def __init__(
        self,
        store: DialogStore,
        listeners: Sequence[Listener] = (),
        excluded: Set[Endpoint] = frozenset(),
        network: NetworkDecoder | None = None,
    ) -> None:
        self._store = store
        self._listeners = listeners
        self._excluded = excluded
        self._network = NetworkDecoder() if network is None else network
        self._hep = HepIntake()
        self.senders = self._hep.senders
        self.tzsp_senders = self._network.senders
        self.counts = self._network.counts
        self.rtp_packets = 0
        self.rtcp_packets = 0

    def take(self, batch: PacketBatch) -> None:
        """Take the next batch."""
        decoded = self._network.decode(batch)
        if self._excluded:
            decoded = _without(decoded, self._excluded)
        block = rtp_block(decoded.datagrams)
        hep = self._hep.take(decoded.datagrams, block.other, decoded.slow)
        self._take_messages(_messages(decoded.datagrams, hep.rows), hep)
        self._take_rtp(block, decoded.datagrams)
        self._take_reassembled(hep)

    def finish(self) -> None:
        """Take what there is of messages that were not complete; no more batches will come."""
        hep = self._hep.take_slow(self._network.finish())
        self._take_messages(MessageBatch.of([]), hep)
        self._take_reassembled(hep)

    def _take_messages(self, incoming: MessageBatch, hep: Carried) -> None:
        """Take messages together with those of HEP and those that came in several packets."""
        if hep.slow or hep.incoming:
            incoming = incoming.merge([*hep.incoming, *_slow_messages(hep.slow)])
        self._take_sip(incoming, hep.agents)
        if hep.attachments:
            with self._store.lock:
                attach(self._store, hep.attachments)

    def _take_reassembled(self, hep: Carried) -> None:
        """Take media out of HEP, and what came in several packets and is no SIP."""
        parts = hep.media + [
            part
            for part in hep.slow
            if isinstance(part, Datagram) and not looks_like_sip(part.payload)
        ]
        if parts:
            datagrams = _as_columns(parts)
            self._take_rtp(rtp_block(datagrams), datagrams)

    def _take_sip(self, incoming: MessageBatch, agents: Mapping[tuple[int, int], Agent]) -> None:
        for begin in range(0, len(incoming), MESSAGES_PER_LOCK):
            part = incoming.part(begin, begin + MESSAGES_PER_LOCK)
            heads = read_heads(part.text, part.begin, part.end)
            with self._store.lock:
                kinds = self._store.add(part, heads)
                marks = zip(part.time, part.number, strict=True) if agents else ()
                for index, mark in enumerate(marks):
                    if mark in agents and index not in heads.others:
                        self._store.told(heads.call_id[index], agents[mark])
            if self._listeners:
                left_out = {index for index, kind in enumerate(kinds) if kind == DUPLICATE}
                left_out.update(heads.others)
                taken = [row for index, row in enumerate(part.rows()) if index not in left_out]
                for listener in self._listeners:
                    listener.take_messages(taken)

    def _take_rtp(self, block: RtpBlock, datagrams: Datagrams) -> None:
        with self._store.lock:
            block = self._store.fax.add(datagrams, block)
        self.rtcp_packets += len(block.rtcp)
        self.rtp_packets += len(block)
        if len(block.rtcp):
            with self._store.lock:
                self._store.rtcp.add(datagrams, block.rtcp)
            for listener in self._listeners:
                listener.take_rtcp(datagrams, block.rtcp)
        if not len(block):
            return
        streams = self._store.streams
        events = telephone_events(datagrams, block)
        with self._store.lock:
            self._store.events.add(events, datagrams.flows)
            new = streams.add(block, datagrams.flows)
            if new:
                first = _first_times(block, datagrams.flows)
                times = [first[streams.flow(i), streams.ssrc(i)] for i in new]
                self._store.attach(new, times)


def _without(decoded: Decoded, endpoints: Set[Endpoint]) -> Decoded:
    """Return what goes neither to nor from some transport addresses."""
    datagrams = decoded.datagrams
    slow = [part for part in decoded.slow if endpoints.isdisjoint(part.flow[:2])]
    foreign = [endpoints.isdisjoint(flow[:2]) for flow in datagrams.flows]
    if all(foreign):
        return Decoded(datagrams, slow)
    kept = np.array(foreign)[datagrams.flow]
    datagrams = replace(
        datagrams,
        packet=datagrams.packet[kept],
        start=datagrams.start[kept],
        length=datagrams.length[kept],
        wire_length=datagrams.wire_length[kept],
        flow=datagrams.flow[kept],
        dscp=datagrams.dscp[kept],
    )
    return Decoded(datagrams, slow)


def _first_times(
    block: RtpBlock, flows: Sequence[Flow]
) -> dict[tuple[Flow | None, int | None], int]:
    """Return when the first packet of each flow and SSRC came."""
    stream = block.flow.astype(np.uint64) << np.uint64(32) | block.ssrc.astype(np.uint64)
    _, first = np.unique(stream, return_index=True)
    columns = (block.flow[first], block.ssrc[first], block.time[first])
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {(flows[flow], ssrc): time for flow, ssrc, time in rows}


def _messages(datagrams: Datagrams, rows: Column) -> MessageBatch:
    """Return the SIP messages among datagrams that are neither RTP nor RTCP."""
    batch = datagrams.batch
    rows = _sip_rows(datagrams, rows)
    packet = datagrams.packet[rows]
    begin = datagrams.start[rows]
    end = begin + datagrams.length[rows]
    header = begin - batch.offset[packet]
    if batch.recording is not None:
        origins: list[Recording | KeptFrames] = [batch.recording] * len(rows)
        start = begin + batch.position
    else:
        origins = [KeptFrames((frame,), None) for frame in batch.frames(packet)]
        start = header
    columns = (
        batch.time[packet].tolist(),
        (packet + batch.number).tolist(),
        [datagrams.flows[index] for index in datagrams.flow[rows].tolist()],
        origins,
        header.tolist(),
        start.tolist(),
    )
    found = MessageBatch(batch.buffer, begin, end, *columns)
    sparse = (end - begin).sum() < len(batch.buffer) // 2
    return MessageBatch.of(found.rows()) if sparse else found


def _sip_rows(datagrams: Datagrams, rows: Column) -> Column:
    """Return which of the rows begin like SIP; those that do not begin in a known way are read."""
    buffer = datagrams.batch.buffer
    rows = rows[datagrams.length[rows] >= _WORD]
    if not len(rows):
        return rows
    start = datagrams.start[rows]
    words = np.ndarray((len(buffer) - _WORD + 1,), "<u4", buffer, strides=(1,))[start]
    first = words & 0xFF
    textual = (first >= _FIRST_LETTER) & (first <= _LAST_LETTER)
    textual |= (first == _CR) | (first == _LF) | (first == _SPACE)
    sip = np.isin(words, _BEGINNINGS)
    for index in np.flatnonzero(textual & ~sip).tolist():
        begin = int(start[index])
        sip[index] = looks_like_sip(buffer[begin : begin + int(datagrams.length[rows[index]])])
    chosen: Column = rows[sip]
    return chosen


def _slow_messages(slow: Iterable[Datagram | TcpMessage]) -> list[Incoming]:
    """Return the SIP messages that came in several packets."""
    return [
        (
            part.time,
            part.number,
            part.flow,
            part.payload,
            KeptFrames(part.frames, part.payload),
            0,
            0,
        )
        for part in slow
        if isinstance(part, TcpMessage) or looks_like_sip(part.payload)
    ]


def _as_columns(parts: Sequence[Datagram]) -> Datagrams:
    """Return reassembled datagrams as columns over a buffer of their own."""
    length = np.array([len(part.payload) for part in parts], np.int64)
    start = np.cumsum(length) - length
    flows = tuple(dict.fromkeys(part.flow for part in parts))
    index = {flow: number for number, flow in enumerate(flows)}
    batch = PacketBatch(
        b"".join(part.payload for part in parts),
        start,
        length,
        length,
        np.array([part.time for part in parts], np.int64),
        link_type=0,
    )
    return Datagrams(
        batch,
        np.arange(len(parts)),
        start,
        length,
        length,
        np.array([index[part.flow] for part in parts], np.int64),
        np.array([part.dscp for part in parts], np.uint8),
        flows,
    )
