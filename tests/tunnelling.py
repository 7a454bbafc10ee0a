"""Builders of tunnels and mirrors around frames and packets, for the tests of their decoders.

They nest with those of `tests.packets`: `ethernet(vxlan(ethernet(ipv4(udp(payload)))))`.
"""

import struct
from collections.abc import Iterable

from tests.packets import ipv4, udp

OUTER = ("198.51.100.1", "198.51.100.2")

LLC = b"\xaa\xaa\x03\x00\x00\x00"
ADDRESSES = bytes.fromhex("020000000002 020000000001 020000000003")


def in_ip(payload: bytes, protocol: int) -> bytes:
    """Something in IPv4 between the ends of a tunnel."""
    return ipv4(payload, *OUTER, protocol)


def in_udp(payload: bytes, port: int, source_port: int = 54321) -> bytes:
    """Something in UDP between the ends of a tunnel."""
    return ipv4(udp(payload, source_port, port), *OUTER)


def gre(
    payload: bytes,
    protocol: int = 0x0800,
    *,
    checksum: bool = False,
    key: int | None = None,
    sequence: int | None = None,
) -> bytes:
    """A GRE header (RFC 2784, RFC 2890) and what is behind it."""
    flags = checksum << 15 | (key is not None) << 13 | (sequence is not None) << 12
    header = struct.pack("!HH", flags, protocol)
    header += bytes(4) * checksum
    header += b"" if key is None else struct.pack("!I", key)
    header += b"" if sequence is None else struct.pack("!I", sequence)
    return header + payload


def pptp(packet: bytes, *, acknowledge: bool = False) -> bytes:
    """Enhanced GRE (RFC 2637) around PPP with an IPv4 packet."""
    ppp = b"\xff\x03\x00\x21" + packet
    flags = 0x3001 | (0x0080 if acknowledge else 0)
    header = struct.pack("!HHHHI", flags, 0x880B, len(ppp), 7, 1)
    return header + (bytes(4) if acknowledge else b"") + ppp


def eoip(frame: bytes) -> bytes:
    """RouterOS' Ethernet over IP."""
    return struct.pack("!HHH", 0x2001, 0x6400, len(frame)) + b"\x07\x00" + frame


def erspan_2(frame: bytes) -> bytes:
    """GRE with ERSPAN type II."""
    return gre(struct.pack("!HHI", 0x1000 | 100, 5, 0) + frame, 0x88BE, sequence=1)


def erspan_3(frame: bytes, *, subheader: bool = False, frame_type: int = 0) -> bytes:
    """GRE with ERSPAN type III."""
    header = struct.pack("!HHIHH", 0x2000 | 100, 5, 0, 0, frame_type << 10 | subheader)
    return gre(header + bytes(8) * subheader + frame, 0x22EB, sequence=1)


def vxlan(frame: bytes, flags: int = 0x08) -> bytes:
    """VXLAN (RFC 7348)."""
    return bytes([flags, 0, 0, 0, 0, 0, 7, 0]) + frame


def geneve(payload: bytes, protocol: int = 0x6558, options: bytes = b"") -> bytes:
    """GENEVE (RFC 8926) with options of a multiple of four bytes."""
    header = struct.pack("!BBHI", len(options) // 4, 0, protocol, 7 << 8)
    return header + options + payload


def mpls(payload: bytes, *labels: int) -> bytes:
    """MPLS labels (RFC 3032), the last one marked."""
    entries = [label << 12 | (at == len(labels) - 1) << 8 | 64 for at, label in enumerate(labels)]
    return b"".join(struct.pack("!I", entry) for entry in entries) + payload


def gtp(packet: bytes, *, sequence: bool = False, extensions: Iterable[bytes] = ()) -> bytes:
    """GTP-U (3GPP TS 29.281); `extensions` are contents of two bytes, or six, ten..."""
    contents = list(extensions)
    optional = b""
    if sequence or contents:
        optional = bytes(3) + (b"\x85" if contents else b"\x00")
        for at, content in enumerate(contents):
            following = b"\x85" if at + 1 < len(contents) else b"\x00"
            optional += bytes([(len(content) + 2) // 4]) + content + following
    flags = 0x30 | (4 if contents else 0) | (2 if sequence else 0)
    return struct.pack("!BBHI", flags, 255, len(optional + packet), 7) + optional + packet


def l2tp(
    packet: bytes, *, length: bool = False, sequence: bool = False, offset: int | None = None
) -> bytes:
    """L2TP version 2 data (RFC 2661) with PPP and an IPv4 packet."""
    flags = 2 | length << 14 | sequence << 11 | (offset is not None) << 9
    rest = struct.pack("!HH", 7, 9) + (bytes(4) if sequence else b"")
    rest += b"" if offset is None else struct.pack("!H", offset) + bytes(offset)
    rest += b"\xff\x03\x00\x21" + packet
    size = struct.pack("!H", 4 + len(rest)) if length else b""
    return struct.pack("!H", flags) + size + rest


def l2tp_3(frame: bytes, between: int = 0) -> bytes:
    """L2TP version 3 data over UDP (RFC 3931), with `between` bytes of cookie and sublayer."""
    return struct.pack("!HHI", 3, 0, 9) + b"\x5a" * between + frame


def hp_erm(frame: bytes) -> bytes:
    """The remote mirror of HP switches."""
    return bytes(12) + frame


def tzsp(
    frame: bytes,
    encapsulated: int = 1,
    *,
    tags: bytes = b"",
    kind: int = 0,
    end: bytes = b"\x01",
) -> bytes:
    """TZSP: version 1, tags, the tag that ends them, and the frame."""
    return struct.pack("!BBH", 1, kind, encapsulated) + tags + end + frame


def tag(number: int, value: bytes) -> bytes:
    """A tag of TZSP."""
    return bytes([number, len(value)]) + value


def wlan(packet: bytes, control: int = 0x0108, ethertype: int = 0x0800, more: bytes = b"") -> bytes:
    """An IEEE 802.11 data frame with LLC; `more` are address 4, QoS control and HT control."""
    header = struct.pack("<HH", control, 0) + ADDRESSES + bytes(2)
    return header + more + LLC + struct.pack("!H", ethertype) + packet


def radiotap(frame: bytes, fields: bytes = bytes(4)) -> bytes:
    """A radiotap header before a frame."""
    return struct.pack("<BBH", 0, 0, 8 + len(fields)) + bytes(4) + fields + frame


def avs(frame: bytes) -> bytes:
    """An AVS header before a frame."""
    return struct.pack("!II", 0x80211001, 64) + bytes(56) + frame


def prism(frame: bytes, order: str = "<") -> bytes:
    """A Prism header before a frame, in either byte order."""
    return struct.pack(f"{order}II", 0x44, 144) + bytes(136) + frame
