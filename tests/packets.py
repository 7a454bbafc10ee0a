"""Builders of real packet bytes, layer by layer, for the tests of every decoder.

Layers nest by calling: `ethernet(ipv4(udp(payload)))`.
"""

import struct
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address

import numpy as np

from sipscope.decode.batch import PacketBatch

ETHERNET = 1
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND

UDP = 17
TCP = 6

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10


def ethernet(packet: bytes, ethertype: int | None = None, vlans: Sequence[int] = ()) -> bytes:
    """Ethernet II around an IP packet, with 802.1Q tags of the given VLAN ids, outermost first."""
    if ethertype is None:
        ethertype = 0x86DD if packet[:1] and packet[0] >> 4 == 6 else 0x0800
    tags = b"".join(struct.pack("!HH", 0x8100, vlan) for vlan in vlans)
    macs = bytes.fromhex("020000000002 020000000001")
    return macs + tags + struct.pack("!H", ethertype) + packet


def ipv4(
    payload: bytes,
    source: str = "192.0.2.1",
    destination: str = "192.0.2.2",
    protocol: int = UDP,
    *,
    dscp: int = 0,
    identification: int = 1,
    fragment_offset: int = 0,
    more_fragments: bool = False,
    options: bytes = b"",
    total_length: int | None = None,
) -> bytes:
    """An IPv4 packet; `fragment_offset` in bytes, `options` in multiples of 4 bytes."""
    header = 20 + len(options)
    flags = fragment_offset // 8 | (0x2000 if more_fragments else 0)
    total = header + len(payload) if total_length is None else total_length
    return (
        struct.pack(
            "!BBHHHBBH4s4s",
            0x40 | header // 4,
            dscp << 2,
            total,
            identification,
            flags,
            64,
            protocol,
            0,
            IPv4Address(source).packed,
            IPv4Address(destination).packed,
        )
        + options
        + payload
    )


def ipv6(
    payload: bytes,
    source: str = "2001:db8::1",
    destination: str = "2001:db8::2",
    next_header: int = UDP,
    *,
    dscp: int = 0,
    payload_length: int | None = None,
) -> bytes:
    """An IPv6 packet; extension headers are part of `payload`."""
    length = len(payload) if payload_length is None else payload_length
    addresses = IPv6Address(source).packed + IPv6Address(destination).packed
    return struct.pack("!IHBB", 6 << 28 | dscp << 22, length, next_header, 64) + addresses + payload


def ipv6_fragment(
    payload: bytes,
    offset: int = 0,
    *,
    more_fragments: bool = False,
    next_header: int = UDP,
    identification: int = 1,
) -> bytes:
    """An IPv6 fragment header (next header 44) and its data; `offset` in bytes."""
    return struct.pack("!BBHI", next_header, 0, offset | more_fragments, identification) + payload


def udp(
    payload: bytes, source_port: int = 5060, destination_port: int = 5060, length: int | None = None
) -> bytes:
    """A UDP datagram without checksum."""
    size = 8 + len(payload) if length is None else length
    return struct.pack("!HHHH", source_port, destination_port, size, 0) + payload


def tcp(
    payload: bytes = b"",
    source_port: int = 5060,
    destination_port: int = 5060,
    *,
    sequence: int = 0,
    acknowledgment: int = 0,
    flags: int = ACK,
    options: bytes = b"",
) -> bytes:
    """A TCP segment without checksum; `options` in multiples of 4 bytes."""
    header = 20 + len(options)
    return (
        struct.pack(
            "!HHIIBBHHH",
            source_port,
            destination_port,
            sequence & 0xFFFFFFFF,
            acknowledgment & 0xFFFFFFFF,
            header // 4 << 4,
            flags,
            65535,
            0,
            0,
        )
        + options
        + payload
    )


def batch(
    frames: Sequence[bytes],
    link_type: int = ETHERNET,
    *,
    times: Iterable[int] | None = None,
    wire: Iterable[int] | None = None,
    number: int = 1,
    source: int = 0,
) -> PacketBatch:
    """Frames as one batch, 20 ms apart from `START` unless `times` (ns) says otherwise.

    `wire` gives the lengths on the wire of frames that were cut short.
    """
    captured = np.array([len(frame) for frame in frames], dtype=np.int64)
    offset = np.cumsum(captured) - captured
    if times is None:
        times = (START + index * 20_000_000 for index in range(len(frames)))
    return PacketBatch(
        buffer=b"".join(frames),
        offset=offset,
        captured=captured,
        wire=captured if wire is None else np.array(list(wire), dtype=np.int64),
        time=np.array(list(times), dtype=np.int64),
        link_type=link_type,
        source=source,
        number=number,
    )
