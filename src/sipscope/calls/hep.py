"""What HEP messages become: SIP of the flow that they tell of, media, and attachments.

HEP is found on any port by what it begins with. A message takes the place of the packet that
brought it, which is what is kept and saved; its time is the agent's, unless that cannot be.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.calls.attachments import Attachment, Kind, vq_body
from sipscope.calls.dialog import KeptFrames
from sipscope.calls.incoming import Incoming
from sipscope.calls.store import DialogStore
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.batch import Column, Frame, Recording
from sipscope.decode.hep import (
    LOG,
    MAGICS,
    RTCP,
    RTP,
    SIP,
    HepMessage,
    looks_like_hep,
    parse_hep,
)
from sipscope.decode.hep_senders import Agent, SenderTable
from sipscope.decode.json_object import json_object
from sipscope.decode.network import Datagram, Datagrams
from sipscope.decode.rtcp_json import rtcp_from_json
from sipscope.decode.tcp import TcpMessage
from sipscope.decode.vq_rtcpxr import parse_vq_rtcpxr
from sipscope.errors import Problem

ENCAPSULATION = "hep"
LONGEST_DELAY_NS = 86_400_000_000_000
"""How late a message may come, from an agent that kept it while its way here was down."""

_RTP_REPORTS = frozenset({32, 34, 35, 38, 99})
_RTCP_REPORTS = frozenset({36, 37})
_WORD = 4
_MAGICS = [int.from_bytes(magic, "little") for magic in MAGICS]
_GZIP = 0x8B1F
_HIGHEST_FAMILY = 30  # number of an address family, of IPv6 in Darwin
_new = tuple.__new__  # makes a record in a third of the time
_CALL_ID_NAMES = ("CORRELATION_ID", "RTP_SIP_CALL_ID")


_Carrier = tuple[int, int, int, Flow, bytes, Recording | KeptFrames, int, int]
"""What brought a HEP message: time in ns, frame number, index in the batch, flow between the
agent and whom it sends to, the message, what holds its bytes, bytes of the frame before it,
where it begins there."""


class Carried(NamedTuple):
    """What a batch holds of HEP.

    Attributes:
        incoming: SIP messages.
        agents: Who told of them, by time and frame number.
        media: RTP and RTCP.
        attachments: What else was told, with its Call-ID.
        rows: The datagrams that are no HEP.
        slow: What came in several packets and is no HEP.
    """

    incoming: list[Incoming]
    agents: dict[tuple[int, int], Agent]
    media: list[Datagram]
    attachments: list[tuple[bytes, Attachment]]
    rows: Column
    slow: list[Datagram | TcpMessage]


class HepIntake:
    """Takes the HEP out of the batches of one source.

    Attributes:
        senders: Who sends it.
    """

    def __init__(self) -> None:
        self.senders = SenderTable()

    def take(
        self, datagrams: Datagrams, rows: Column, slow: list[Datagram | TcpMessage]
    ) -> Carried:
        """Take what is HEP.

        Args:
            datagrams: Of one batch.
            rows: Which of them may be HEP, being neither RTP nor RTCP.
            slow: What came in several packets.
        """
        mask = _begin_like_hep(datagrams, rows)
        carried = Carried([], {}, [], [], rows[~mask], [])
        for carrier in _carriers(datagrams, rows[mask]) if mask.any() else ():
            self._read(carrier, carried)
        self._read_slow(slow, carried)
        return carried

    def take_slow(self, slow: Iterable[Datagram | TcpMessage]) -> Carried:
        """Take what is HEP of what came in several packets, when no more batches will come."""
        carried = Carried([], {}, [], [], np.empty(0, np.int64), [])
        self._read_slow(slow, carried)
        return carried

    def _read_slow(self, slow: Iterable[Datagram | TcpMessage], carried: Carried) -> None:
        for part in slow:
            if looks_like_hep(part.payload):
                self._read(_slow_carrier(part), carried)
            else:
                carried.slow.append(part)

    def _read(self, carrier: _Carrier, carried: Carried) -> None:
        """Add what one message says."""
        arrival, number, packet, outer, data, origin, header, start = carrier
        message = parse_hep(data, arrival)
        address = outer[0].address
        if isinstance(message, Problem):
            self.senders.reject(address, arrival, message.code)
            return
        agent = _agent(address, message.capture_id, message.node)
        sound = self.senders.note(agent, arrival, message.time)
        time = message.time
        if not time or (not sound and not 0 <= arrival - time <= LONGEST_DELAY_NS):
            time = arrival
        flow = _flow(message.source, message.destination, message.transport, outer.encapsulation)
        kind, payload, position = message.type, message.payload, message.position
        if kind == SIP:
            if position < 0 or payload[:1] == b"{":
                payload, position = _unwrapped(payload), 0
                origin, header, start = KeptFrames(_frames(carrier), payload), 0, 0
            carried.incoming.append(
                (time, number, flow, payload, origin, header + position, start + position)
            )
            carried.agents[time, number] = agent
        elif kind == RTP or (kind == RTCP and payload[:1] >= b"\x80"):
            frames = _frames(carrier)
            carried.media.append(Datagram(time, number, flow, payload, 0, False, frames, packet))
        else:
            carried.attachments.append(_attachment(message, time, agent, flow))


def attach(store: DialogStore, attachments: Iterable[tuple[bytes, Attachment]]) -> None:
    """Give attachments to the store, and RTCP among them to where RTCP is kept."""
    for call_id, attachment in attachments:
        store.report(call_id, attachment)
        if attachment.kind == "rtcp":
            packets = rtcp_from_json(attachment.payload)
            store.rtcp.read(attachment.time, attachment.flow, packets)


def _begin_like_hep(datagrams: Datagrams, rows: Column) -> NDArray[np.bool_]:
    """Tell which datagrams are HEP; what has no magic is looked into."""
    buffer = datagrams.batch.buffer
    mask: NDArray[np.bool_] = datagrams.length[rows] >= _WORD
    if not mask.any():
        return mask
    rows = rows[mask]
    start = datagrams.start[rows]
    words = np.ndarray((len(buffer) - _WORD + 1,), "<u4", buffer, strides=(1,))[start]
    found = np.isin(words, _MAGICS)
    first, family = words & 0xFF, words >> 16 & 0xFF
    odd = ((first == 1) | (first == 2)) & (family > 0) & (family <= _HIGHEST_FAMILY)
    for index in np.flatnonzero(odd | (words & 0xFFFF == _GZIP)).tolist():
        begin = int(start[index])
        found[index] = looks_like_hep(buffer[begin : begin + int(datagrams.length[rows[index]])])
    mask[mask] = found
    return mask


def _carriers(datagrams: Datagrams, rows: Column) -> Iterator[_Carrier]:
    batch, flows = datagrams.batch, datagrams.flows
    buffer = batch.buffer
    packet, start = datagrams.packet[rows], datagrams.start[rows]
    begins, offset = start.tolist(), batch.offset[packet]
    times = batch.time[packet].tolist()
    headers = (start - offset).tolist()
    origins: Iterable[Recording | KeptFrames]
    if batch.recording is not None:
        origins, starts = repeat(batch.recording), (start + batch.position).tolist()
    else:
        ends = (offset + batch.captured[packet]).tolist()
        data = [buffer[begin:end] for begin, end in zip(offset.tolist(), ends, strict=True)]
        frames = zip(
            times, repeat(batch.link_type), batch.wire[packet].tolist(), data, strict=False
        )
        origins = [_new(KeptFrames, ((_new(Frame, frame),), None)) for frame in frames]
        starts = headers
    return zip(
        times,
        (packet + batch.number).tolist(),
        packet.tolist(),
        [flows[index] for index in datagrams.flow[rows].tolist()],
        [
            buffer[begin:end]
            for begin, end in zip(begins, (start + datagrams.length[rows]).tolist(), strict=True)
        ],
        origins,
        headers,
        starts,
        strict=False,
    )


def _slow_carrier(part: Datagram | TcpMessage) -> _Carrier:
    origin = KeptFrames(part.frames, part.payload)
    return part.time, part.number, part.packet, part.flow, part.payload, origin, 0, 0


def _frames(carrier: _Carrier) -> tuple[Frame, ...]:
    """Return the frames that brought a message."""
    *_, origin, header, start = carrier
    if isinstance(origin, KeptFrames):
        return origin.frames
    frame = origin.frame(start - header)
    return () if frame is None else (frame,)


@lru_cache(maxsize=65_536)
def _flow(source: Endpoint, destination: Endpoint, transport: str, outer: tuple[str, ...]) -> Flow:
    """Return the flow that a message tells of; one object for each."""
    return Flow(source, destination, transport, (*outer, ENCAPSULATION))


@lru_cache(maxsize=4_096)
def _agent(address: bytes, capture_id: int, node: bytes) -> Agent:
    return Agent(address, capture_id, node)


def _unwrapped(payload: bytes) -> bytes:
    """Return the SIP message that OpenSIPS put into JSON, or the payload."""
    found = json_object(payload)
    text = None if found is None else found.get("payload")
    return text.encode("utf-8", "replace") if isinstance(text, str) else payload


def _attachment(
    message: HepMessage, time: int, agent: Agent, flow: Flow
) -> tuple[bytes, Attachment]:
    """Return what a message says of a dialog, and the Call-ID of that."""
    payload = message.payload
    kind = _kind(message)
    call_id = message.correlation_id
    if kind == "vq-rtcpxr":
        report, _ = parse_vq_rtcpxr(vq_body(payload))
        if report is not None and report.call_id:
            call_id = report.call_id.encode()
    elif not call_id and (found := json_object(payload)):
        names = (found.get(name) for name in _CALL_ID_NAMES)
        call_id = next((n.encode("utf-8", "replace") for n in names if isinstance(n, str)), b"")
    figures = message.mos, message.r_factor, message.jitter
    return call_id, Attachment(time, kind, message.type, agent, flow, payload, *figures)


def _kind(message: HepMessage) -> Kind:
    if message.type == RTCP:
        return "rtcp"
    if message.type == LOG:
        return "log"
    if message.type in _RTCP_REPORTS:
        return "rtcp-report"
    if message.type in _RTP_REPORTS:
        return "rtp-report" if message.payload[:1] == b"{" else "vq-rtcpxr"
    return "other"
