"""RTCP as bytes, written down as it passes a capture point."""

import struct

from sipscope.decode.address import Endpoint, Flow
from sipscope.rtpqos.reports import RtcpTable
from tests.packets import START

MS = 1_000_000
A, B = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
RTP = Flow(Endpoint(A, 10000), Endpoint(B, 20000))
"""The stream: from A to B."""

RTCP = Flow(Endpoint(A, 10001), Endpoint(B, 20001))
X, Y = 0x11223344, 0x55667788
"""The SSRCs of A and of B."""


def ntp(ms: float) -> int:
    """NTP time of some ms after an arbitrary beginning."""
    return (3_900_000_000 << 32) + round(ms * 2**32 / 1000)


def short(ms: float) -> int:
    """The same as it stands in LSR."""
    return ntp(ms) >> 16 & 0xFFFFFFFF


def packet(kind: int, body: bytes, count: int = 0) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def block(
    about: int, *, fraction: int = 0, lost: int = 0, jitter: int = 0, lsr: int = 0, delay: float = 0
) -> bytes:
    """A report block; `delay` in ms."""
    word = fraction << 24 | lost & 0xFFFFFF
    return struct.pack("!6I", about, word, 1225, jitter, lsr, round(delay * 65.536))


def sender(ssrc: int, ms: float, *blocks: bytes, packets: int = 250) -> bytes:
    """A sender report of the NTP time `ms`."""
    body = struct.pack("!IQIII", ssrc, ntp(ms), 0, packets, 160 * packets)
    return packet(200, body + b"".join(blocks), len(blocks))


def receiver(ssrc: int, *blocks: bytes) -> bytes:
    return packet(201, struct.pack("!I", ssrc) + b"".join(blocks), len(blocks))


def cname(ssrc: int, name: bytes) -> bytes:
    chunk = struct.pack("!IBB", ssrc, 1, len(name)) + name + b"\0"
    return packet(202, chunk + bytes(-len(chunk) % 4), 1)


def goodbye(ssrc: int, reason: bytes = b"") -> bytes:
    text = bytes([len(reason)]) + reason if reason else b""
    return packet(203, struct.pack("!I", ssrc) + text + bytes(-len(text) % 4), 1)


def extended(ssrc: int, kind: int, data: bytes, specific: int = 0) -> bytes:
    header = struct.pack("!IBBH", ssrc, kind, specific, len(data) // 4)
    return packet(207, header + data)


def voip(about: int, *, round_trip: int = 85, end_system: int = 120) -> bytes:
    """Data of a VoIP metrics block."""
    delays = struct.pack("!HH", round_trip, end_system)
    rates, scores = "05026401 04b00d48", "ecba3710 527f2928 b100003c 0078012c"
    return struct.pack("!I", about) + bytes.fromhex(rates) + delays + bytes.fromhex(scores)


class Point:
    """A place where RTCP passes."""

    def __init__(self, capacity: int = 20_000) -> None:
        self.table = RtcpTable(capacity)

    def passes(self, ms: float, payload: bytes, flow: Flow = RTCP) -> None:
        self.table.take(START + round(ms * MS), flow, payload)
