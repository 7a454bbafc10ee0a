"""From captured packets to the store: decoded in bulk, SIP before the RTP that it announces."""

from collections.abc import Iterable, Sequence
from itertools import repeat

import numpy as np

from sipscope.calls.dialog import KeptFrames
from sipscope.calls.store import DialogStore, Incoming
from sipscope.decode.address import Flow
from sipscope.decode.batch import Column, PacketBatch, Recording
from sipscope.decode.network import Datagram, Datagrams, NetworkDecoder
from sipscope.decode.rtp import RtpBlock, rtp_block
from sipscope.decode.sip_framing import BEGINNINGS, looks_like_sip
from sipscope.decode.sip_heads import read_heads
from sipscope.decode.tcp import TcpMessage

MESSAGES_PER_LOCK = 1_500
"""Messages that are taken before a viewer gets the lock: some 5 ms."""

_CR, _LF, _SPACE = 13, 10, 32
_FIRST_LETTER, _LAST_LETTER = ord("!"), ord("~")
_WORD = 4
_BEGINNINGS = [int.from_bytes(beginning[:_WORD], "little") for beginning in BEGINNINGS]


class Intake:
    """Decodes the batches of one source, in order, and puts into the store what they hold.

    Attributes:
        counts: What could not be read.
        rtp_packets: Packets seen that look like RTP.
        rtcp_packets: RTCP packets seen.
    """

    def __init__(self, store: DialogStore) -> None:
        self._store = store
        self._network = NetworkDecoder()
        self.counts = self._network.counts
        self.rtp_packets = 0
        self.rtcp_packets = 0

    def take(self, batch: PacketBatch) -> None:
        """Take the next batch."""
        decoded = self._network.decode(batch)
        block = rtp_block(decoded.datagrams)
        incoming = _messages(decoded.datagrams, block.other)
        reassembled: list[Datagram] = []
        if decoded.slow:
            incoming += _slow_messages(decoded.slow)
            incoming.sort(key=_frame_number)
            reassembled = [
                part
                for part in decoded.slow
                if isinstance(part, Datagram) and not looks_like_sip(part.payload)
            ]
        self._take_sip(incoming)
        self._take_rtp(block, decoded.datagrams)
        if reassembled:
            datagrams = _as_columns(reassembled)
            self._take_rtp(rtp_block(datagrams), datagrams)

    def finish(self) -> None:
        """Take what there is of messages that were not complete; no more batches will come."""
        self._take_sip(_slow_messages(self._network.finish()))

    def _take_sip(self, incoming: Sequence[Incoming]) -> None:
        for begin in range(0, len(incoming), MESSAGES_PER_LOCK):
            part = incoming[begin : begin + MESSAGES_PER_LOCK]
            heads = read_heads([message[3] for message in part])
            with self._store.lock:
                self._store.add(part, heads)

    def _take_rtp(self, block: RtpBlock, datagrams: Datagrams) -> None:
        self.rtcp_packets += len(block.rtcp)
        self.rtp_packets += len(block)
        if not len(block):
            return
        streams = self._store.streams
        with self._store.lock:
            new = streams.add(block, datagrams.flows)
            if new:
                first = _first_times(block, datagrams.flows)
                times = [first[streams.flow(i), streams.ssrc(i)] for i in new]
                self._store.attach(new, times)


def _first_times(
    block: RtpBlock, flows: Sequence[Flow]
) -> dict[tuple[Flow | None, int | None], int]:
    """Return when the first packet of each flow and SSRC came."""
    stream = block.flow.astype(np.uint64) << np.uint64(32) | block.ssrc.astype(np.uint64)
    _, first = np.unique(stream, return_index=True)
    columns = (block.flow[first], block.ssrc[first], block.time[first])
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {(flows[flow], ssrc): time for flow, ssrc, time in rows}


def _messages(datagrams: Datagrams, rows: Column) -> list[Incoming]:
    """Return the SIP messages among datagrams that are neither RTP nor RTCP."""
    batch = datagrams.batch
    rows = _sip_rows(datagrams, rows)
    packet = datagrams.packet[rows]
    start = datagrams.start[rows]
    begins, ends = start.tolist(), (start + datagrams.length[rows]).tolist()
    buffer = batch.buffer
    raws = [buffer[begin:end] for begin, end in zip(begins, ends, strict=True)]
    flows = datagrams.flows
    header = (start - batch.offset[packet]).tolist()
    if batch.recording is not None:
        origins: Iterable[Recording | KeptFrames] = repeat(batch.recording)
        starts = (start + batch.position).tolist()
    else:
        origins = [KeptFrames((batch.frame(index),), None) for index in packet.tolist()]
        starts = header
    columns = zip(
        batch.time[packet].tolist(),
        (packet + batch.number).tolist(),
        [flows[index] for index in datagrams.flow[rows].tolist()],
        raws,
        origins,
        header,
        starts,
        strict=False,
    )
    return list(columns)


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
        np.array([flows.index(part.flow) for part in parts], np.int64),
        np.array([part.dscp for part in parts], np.uint8),
        flows,
    )


def _frame_number(message: Incoming) -> int:
    return message[1]
