"""Link layers and what is stacked on them, down to IP.

Ethernet, Linux cooked capture, BSD loopback, PPP, Cisco HDLC and NFLOG; VLAN tags,
LLC/SNAP, PPPoE and MPLS. Numbers of link types: https://www.tcpdump.org/linktypes.html.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from sipscope.decode.layers import Dissection, Inside, Layer, Step

ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_IPV6: Final = 0x86DD
ETHERTYPE_MPLS: Final = 0x8847
ETHERTYPE_LLC: Final = 0x0004
"""How Linux names 802.2 frames, whose Ethernet type field is a length."""

ETHERTYPE_UNKNOWN: Final = 0xFFFF

LINKTYPE_ETHERNET: Final = 1
LINKTYPE_PPP: Final = 9
LINKTYPE_RAW: Final = 101
LINKTYPE_LINUX_COOKED: Final = 113
LINKTYPE_LINUX_COOKED_2: Final = 276

_PPP_IPV4, _PPP_IPV6 = 0x0021, 0x0057

_U8 = np.dtype("u1")
_U16 = np.dtype(">u2")
_LITTLE_U32, _BIG_U32 = np.dtype("<u4"), np.dtype(">u4")
_TAG = np.dtype([("control", ">u2"), ("type", ">u2")])
_SNAP = np.dtype([("llc", "S3"), ("oui", "S3"), ("type", ">u2")])
_MPLS = np.dtype([("label", ">u2"), ("flags", "u1"), ("ttl", "u1")])
_TLV = np.dtype([("length", "<u2"), ("type", "<u2")])


def ethernet(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """Ethernet II and IEEE 802.3."""
    layer = dissection.whole(layer, 14)
    ethertype = dissection.fields(layer.start + 12, _U16)
    lengths = ethertype <= 1500
    number = np.where(lengths, ETHERTYPE_LLC, ethertype) if lengths.any() else ethertype
    yield Inside("ethertype", number, layer.skip(14))


def vlan(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """A VLAN tag (IEEE 802.1Q, 802.1ad)."""
    layer = dissection.whole(layer, 4)
    tag = dissection.fields(layer.start, _TAG)
    lengths = tag["type"] <= 1500
    yield Inside("ethertype", np.where(lengths, ETHERTYPE_LLC, tag["type"]), layer.skip(4))


def llc(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """IEEE 802.2 with a SNAP header; any other service access point is not IP."""
    short = layer.start + 8 > layer.end
    if short.any():
        yield Inside("ethertype", np.full(int(short.sum()), ETHERTYPE_UNKNOWN), layer.where(short))
        layer = layer.where(~short)
    header = dissection.fields(layer.start, _SNAP)
    # numpy drops zero bytes at the end of a byte string.
    snap = (header["llc"] == b"\xaa\xaa\x03") & (header["oui"] == b"")
    yield Inside("ethertype", np.where(snap, header["type"], ETHERTYPE_UNKNOWN), layer.skip(8))


def linux_cooked(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """Linux cooked capture: 16 bytes, the protocol last."""
    layer = dissection.whole(layer, 16)
    yield Inside("ethertype", dissection.fields(layer.start + 14, _U16), layer.skip(16))


def linux_cooked_2(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """Linux cooked capture, version 2: 20 bytes, the protocol first."""
    layer = dissection.whole(layer, 20)
    yield Inside("ethertype", dissection.fields(layer.start, _U16), layer.skip(20))


def loopback(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """BSD loopback: 4 bytes of address family, in the byte order of the host."""
    layer = dissection.whole(layer, 4)
    family = np.minimum(
        dissection.fields(layer.start, _LITTLE_U32), dissection.fields(layer.start, _BIG_U32)
    )
    # Linux, BSD/OS and NetBSD, FreeBSD, macOS have their own number for IPv6.
    number = np.select(
        [family == 2, np.isin(family, (10, 24, 28, 30))],
        [ETHERTYPE_IPV4, ETHERTYPE_IPV6],
        ETHERTYPE_UNKNOWN,
    )
    yield Inside("ethertype", number, layer.skip(4))


def raw_ip(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """An IP packet, version 4 or 6 by its first four bits."""
    layer = dissection.whole(layer, 1)
    version = dissection.fields(layer.start, _U8) >> 4
    number = np.select(
        [version == 4, version == 6], [ETHERTYPE_IPV4, ETHERTYPE_IPV6], ETHERTYPE_UNKNOWN
    )
    yield Inside("ethertype", number, layer)


def ppp(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """PPP, with or without HDLC address and control, protocol compressed or not (RFC 1661)."""
    layer = dissection.whole(layer, 4)
    layer = layer.skip(2 * (dissection.fields(layer.start, _U16) == 0xFF03).astype(np.int64))
    protocol = dissection.fields(layer.start, _U16)
    compressed = (protocol & 0x0100) != 0
    number = np.where(compressed, protocol >> 8, protocol)
    yield Inside("ppp", number, layer.skip(2 - compressed.astype(np.int64)))


def pppoe(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """A PPPoE session (RFC 2516): 6 bytes, then PPP without address and control."""
    yield from ppp(dissection, dissection.whole(layer, 10).skip(6))


def mpls(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """An MPLS label (RFC 3032); under the last one lies IP, or an Ethernet pseudowire.

    A pseudowire begins with a control word (RFC 4385), whose first four bits are 0.
    """
    layer = dissection.whole(layer, 5)
    last = (dissection.fields(layer.start, _MPLS)["flags"] & 1) != 0
    inner = layer.skip(4)
    more = inner.where(~last)
    yield Inside("ethertype", np.full(len(more), ETHERTYPE_MPLS), more)
    inner = inner.where(last)
    control = dissection.fields(inner.start, _U8) >> 4 == 0
    wire = dissection.whole(inner.where(control), 4).skip(4)
    yield Inside("link", np.full(len(wire), LINKTYPE_ETHERNET), wire)
    yield from raw_ip(dissection, inner.where(~control))


def cisco_hdlc(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """Cisco HDLC: address, control and an Ethernet type."""
    layer = dissection.whole(layer, 4)
    yield Inside("ethertype", dissection.fields(layer.start + 2, _U16), layer.skip(4))


def nflog(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """Linux netfilter log: attributes in the byte order of a little-endian host.

    The ninth kind of attribute is the packet; up to 16 others come before it.
    """
    layer = dissection.whole(layer, 8).skip(4)
    for _ in range(17):
        layer = dissection.whole(layer, 4)
        attribute = dissection.fields(layer.start, _TLV)
        length = attribute["length"].astype(np.int64)
        payload = attribute["type"] == 9
        yield from raw_ip(dissection, layer.where(payload).skip(4))
        layer = layer.skip(length + 3 & ~3).where(~payload)
        if not len(layer):
            return
    dissection.counts.not_ip += len(layer)


TABLES: Final[dict[str, dict[int, Step]]] = {
    "link": {
        0: loopback,
        LINKTYPE_ETHERNET: ethernet,
        LINKTYPE_PPP: ppp,
        12: raw_ip,
        14: raw_ip,
        LINKTYPE_RAW: raw_ip,
        104: cisco_hdlc,
        108: loopback,
        LINKTYPE_LINUX_COOKED: linux_cooked,
        228: raw_ip,
        229: raw_ip,
        239: nflog,
        LINKTYPE_LINUX_COOKED_2: linux_cooked_2,
    },
    "ethertype": {
        ETHERTYPE_LLC: llc,
        0x8100: vlan,
        0x88A8: vlan,
        0x9100: vlan,
        ETHERTYPE_MPLS: mpls,
        0x8848: mpls,
        0x8864: pppoe,
    },
    "ppp": {0x0281: mpls},
}
