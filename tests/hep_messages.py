"""Builders of HEP messages as agents send them, for the tests of everything that reads HEP."""

import struct
import zlib
from ipaddress import ip_address

from tests.packets import START

OPTIONS = (
    b"OPTIONS sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKo\r\n"
    b"From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: hep-1\r\n"
    b"CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


def chunk(kind: int, body: bytes, vendor: int = 0) -> bytes:
    """One chunk of HEP3."""
    return struct.pack("!HHH", vendor, kind, 6 + len(body)) + body


def hep3(
    payload: bytes = OPTIONS,
    kind: int = 1,
    *,
    source: tuple[str, int] = ("192.0.2.1", 5060),
    destination: tuple[str, int] = ("198.51.100.2", 5080),
    time: int = START,
    protocol: int = 17,
    capture_id: int = 2001,
    call_id: bytes = b"",
    auth: bytes = b"",
    node: bytes = b"",
    extra: bytes = b"",
    compressed: bool = False,
    magic: bytes = b"HEP3",
) -> bytes:
    """A HEP3 message in the order of Kamailio; `time` in ns, `extra` are more chunks."""
    hosts = ip_address(source[0]), ip_address(destination[0])
    version6 = hosts[0].version == 6
    first = 5 if version6 else 3
    chunks = [
        chunk(1, b"\x0a" if version6 else b"\x02"),
        chunk(2, bytes([protocol])),
        chunk(first, hosts[0].packed),
        chunk(first + 1, hosts[1].packed),
        chunk(7, struct.pack("!H", source[1])),
        chunk(8, struct.pack("!H", destination[1])),
        chunk(9, struct.pack("!I", time // 1_000_000_000)),
        chunk(10, struct.pack("!I", time // 1000 % 1_000_000)),
        chunk(11, bytes([kind])),
        chunk(12, struct.pack("!I", capture_id)),
        extra,
    ]
    chunks += [chunk(number, body) for number, body in ((0x13, node), (0x0E, auth)) if body]
    chunks += [chunk(0x11, call_id)] if call_id else []
    chunks.append(chunk(0x10, zlib.compress(payload)) if compressed else chunk(0x0F, payload))
    return framed(b"".join(chunks), magic)


def framed(chunks: bytes, magic: bytes = b"HEP3") -> bytes:
    """The header of HEP3 and chunks."""
    return magic + struct.pack("!H", 6 + len(chunks)) + chunks


def hep_old(
    version: int = 2,
    payload: bytes = OPTIONS,
    *,
    source: str = "192.0.2.1",
    destination: str = "198.51.100.2",
    family: int | None = None,
    protocol: int = 17,
    time: int = START,
    capture_id: int = 2001,
    header_length: int = 16,
    padding: bytes = b"\0\0",
    byte_order: str = "<",
) -> bytes:
    """A message of HEP1 or HEP2."""
    hosts = ip_address(source), ip_address(destination)
    if family is None:
        family = 10 if hosts[0].version == 6 else 2
    header = struct.pack("!BBBBHH", version, header_length, family, protocol, 5060, 5080)
    moment = b""
    if version == 2:
        seconds, microseconds = time // 1_000_000_000, time // 1000 % 1_000_000
        moment = struct.pack(f"{byte_order}IIH", seconds, microseconds, capture_id) + padding
    return header + hosts[0].packed + hosts[1].packed + moment + payload
