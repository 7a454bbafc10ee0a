"""HEP3 messages (HEP3 network protocol specification, revision 37): records in, bytes out.

Every message has the mandatory chunks of vendor 0 and no others: servers take the chunks of
any vendor for generic ones. The payload is last, as Kamailio reads a correlation id as text
that the next chunk ends.
"""

import struct
from typing import Final

from sipscope.decode.address import Flow
from sipscope.errors import Problem

SIP: Final = 1
RTCP_JSON: Final = 5
RTP_REPORT: Final = 34
RTP_SHORT_REPORT: Final = 35

MAX_MESSAGE: Final = 65_507
"""What a UDP datagram holds, and all that servers take over TCP."""

MAX_FLOWS = 65_536
"""Flows whose chunks are kept."""

MAX_NAME = 255
"""Bytes of a node name or key at most."""

_AF_INET, _AF_INET6 = 2, 10
_PROTOCOLS = {"udp": 17, "tcp": 6, "ws": 6, "sctp": 132, "tls": 22, "wss": 22}
"""By transport; 22 is what Kamailio and FreeSWITCH send for TLS."""

_HEADER = struct.Struct(">4sH")
_CHUNK = struct.Struct(">HHH")
_TIME = struct.Struct(">HHHIHHHI")
_U16_CHUNK = struct.Struct(">HHHH")
_IPV4_PATH = struct.Struct(">HHHBHHHBHHH4sHHH4sHHHHHHHH")
_IPV6_PATH = struct.Struct(">HHHBHHHBHHH16sHHH16sHHHHHHHH")
_LATEST = 0xFFFF_FFFF


class HepEncoder:
    """Encodes messages of one capture agent.

    Args:
        capture_id: Number of the agent, 32 bits.
        key: Authentication key, in the clear; none when empty.
        node: Name of the agent; none when empty.
    """

    def __init__(self, capture_id: int, key: bytes = b"", node: bytes = b"") -> None:
        self._agent = _chunk(0x0C, capture_id.to_bytes(4, "big"))
        if node:
            self._agent += _chunk(0x13, node)
        if key:
            self._agent += _chunk(0x0E, key)
        self._kinds: dict[int, bytes] = {}
        self._flows: dict[Flow, bytes] = {}

    def encode(
        self,
        kind: int,
        time: int,
        flow: Flow,
        payload: bytes,
        correlation: bytes = b"",
        mos: float | None = None,
    ) -> bytes | Problem:
        """Return one message.

        Args:
            kind: Protocol type of the payload, such as `SIP`.
            time: Of the capture, ns since the epoch.
            flow: From where to where.
            payload: What was captured, or what is said of it.
            correlation: The Call-ID that a payload beside SIP belongs to. HOMER fills in that
                of SIP itself, and finds the other leg only where it is left out.
            mos: Of what the payload tells.

        Returns:
            The message, or why no server would take it.
        """
        between = self._kinds.get(kind) or self._add_kind(kind)
        if correlation:
            between += _CHUNK.pack(0, 0x11, 6 + len(correlation) & 0xFFFF) + correlation
        if mos is not None:
            between += _U16_CHUNK.pack(0, 0x20, 8, round(100 * mos))
        path = self._flows.get(flow) or self._add_flow(flow)
        if not path:
            return Problem("hep.addresses", "source and destination are not of one family", 0)
        # 6 of the header, 20 of the time, 6 before the payload.
        length = 32 + len(path) + len(between) + len(payload)
        if length > MAX_MESSAGE:
            return Problem("hep.too-long", f"{length} bytes do not fit into {MAX_MESSAGE}", 0)
        seconds, rest = divmod(time, 1_000_000_000)
        return b"".join(
            (
                _HEADER.pack(b"HEP3", length),
                path,
                _TIME.pack(0, 9, 10, min(max(seconds, 0), _LATEST), 0, 10, 10, rest // 1000),
                between,
                _CHUNK.pack(0, 0x0F, 6 + len(payload)),
                payload,
            )
        )

    def _add_kind(self, kind: int) -> bytes:
        chunks = self._kinds[kind] = _chunk(0x0B, bytes((kind,))) + self._agent
        return chunks

    def _add_flow(self, flow: Flow) -> bytes:
        if len(self._flows) >= MAX_FLOWS:
            self._flows.clear()
        chunks = self._flows[flow] = _path(flow)
        return chunks


def _path(flow: Flow) -> bytes:
    """Return the chunks of family, protocol, addresses and ports; empty when they do not fit."""
    source, destination = flow.source, flow.destination
    protocol = _PROTOCOLS.get(flow.transport, 17)
    sizes = len(source.address), len(destination.address)
    if sizes == (4, 4):
        pack, family, first = _IPV4_PATH.pack, _AF_INET, 0x03
    elif sizes == (16, 16):
        pack, family, first = _IPV6_PATH.pack, _AF_INET6, 0x05
    else:
        return b""
    return pack(
        *(0, 0x01, 7, family),
        *(0, 0x02, 7, protocol),
        *(0, first, 6 + sizes[0], source.address),
        *(0, first + 1, 6 + sizes[1], destination.address),
        *(0, 0x07, 8, source.port),
        *(0, 0x08, 8, destination.port),
    )


def _chunk(kind: int, body: bytes) -> bytes:
    """Return a chunk of vendor 0."""
    return _CHUNK.pack(0, kind, 6 + len(body)) + body
