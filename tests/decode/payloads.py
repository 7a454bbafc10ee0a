"""UDP payloads as decoders get them, and RTP packets to put there."""

import struct
from collections.abc import Sequence

import numpy as np

from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.batch import PacketBatch
from sipscope.decode.network import Datagrams

FLOW = Flow(Endpoint(bytes([192, 0, 2, 1]), 4000), Endpoint(bytes([192, 0, 2, 2]), 4002))


def rtp(payload: bytes = b"\xd5" * 160, bits: int = 0x80, kind: int = 0x88) -> bytes:
    """Sequence 0xFFFE, timestamp 0xFEDCBA98, SSRC 0xDEADBEEF; by default PCMA with marker."""
    return struct.pack("!BBHII", bits, kind, 0xFFFE, 0xFEDCBA98, 0xDEADBEEF) + payload


def datagrams(
    payloads: Sequence[bytes],
    wire: Sequence[int] | None = None,
    flows: Sequence[Flow] = (FLOW,),
    flow: Sequence[int] | None = None,
) -> Datagrams:
    """UDP payloads that lie 42 bytes apart in the buffer, one packet each, every third ms."""
    length = np.array([len(payload) for payload in payloads], np.int64)
    captured = length + 42
    offset = np.cumsum(captured) - captured
    count = len(payloads)
    batch = PacketBatch(
        buffer=b"".join(bytes(42) + payload for payload in payloads),
        offset=offset,
        captured=captured,
        wire=captured,
        time=np.arange(count) * 3_000_000,
        link_type=1,
    )
    return Datagrams(
        batch=batch,
        packet=np.arange(count),
        start=offset + 42,
        length=length,
        wire_length=length if wire is None else np.array(wire, np.int64),
        flow=np.zeros(count, np.int64) if flow is None else np.array(flow, np.int64),
        dscp=np.full(count, 46, np.uint8),
        flows=flows,
    )
