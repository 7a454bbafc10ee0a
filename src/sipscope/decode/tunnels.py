"""Tunnels in IP and in UDP: a header, and behind it a packet or frame as on a link.

In IP: IP (RFC 2003, RFC 4213), GRE (RFC 2784, RFC 2890, RFC 2637, NVGRE, EoIP), ERSPAN, MPLS
(RFC 4023) and L2TPv3 (RFC 3931). In UDP: GRE (RFC 8086), VXLAN (RFC 7348), GENEVE (RFC 8926),
MPLS (RFC 7510), GTP-U (3GPP TS 29.281), L2TP (RFC 2661) and the remote mirror of HP switches.

A port is no proof, and telephones choose their ports as they like. So what is in UDP is a
tunnel only when its header makes sense and what follows begins like a packet; else the
datagram is one like any other.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sipscope.decode.layers import Dissection, Inside, Layer, Step
from sipscope.decode.link import (
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_MPLS,
    LINKTYPE_ETHERNET,
    LINKTYPE_PPP,
    LINKTYPE_RAW,
    ethernet,
    mpls,
    ppp,
)

_Mask = NDArray[np.bool_]

UDP_HEADER: Final = 8
MOST_LABELS: Final = 8  # of MPLS before the last
MOST_EXTENSIONS: Final = 8  # headers of GTP-U

_BRIDGED = 0x6558  # Ethernet in GRE, NVGRE and GENEVE
_PPP = 0x880B
_EOIP = 0x6400
_ERSPAN, _ERSPAN_3 = 0x88BE, 0x22EB
_ERSPAN_1 = 0xFFFF  # has no number of its own; this one is reserved

_U8 = np.dtype("u1")
_U16 = np.dtype(">u2")
_U32 = np.dtype(">u4")
_GRE = np.dtype([("flags", ">u2"), ("protocol", ">u2")])
_VXLAN = np.dtype([("flags", "u1"), ("rest", "V7")])
_GENEVE = np.dtype([("version_length", "u1"), ("flags", "u1"), ("protocol", ">u2"), ("rest", "V4")])
_GTP = np.dtype([("flags", "u1"), ("type", "u1"), ("length", ">u2"), ("endpoint", ">u4")])
_IP_START = np.dtype([("version_length", "u1"), ("tos", "u1"), ("length", ">u2")])


def payload(dissection: Dissection, layer: Layer) -> Layer:
    """Return what is in the datagrams whose UDP headers `layer` begins at."""
    declared = dissection.fields(layer.start + 4, _U16).astype(np.int64)
    # A length below 8 means nothing: what there is, is the payload.
    end = np.where(declared < UDP_HEADER, layer.end, layer.start + declared)
    return replace(layer, start=layer.start + UDP_HEADER, end=np.minimum(layer.end, end))


def long_enough(dissection: Dissection, layer: Layer, size: int) -> tuple[Layer, Layer]:
    """Return the datagrams with `size` bytes, and their payloads; the others are ordinary."""
    inner = payload(dissection, layer)
    enough = inner.start + size <= inner.end
    if enough.all():
        return layer, inner
    dissection.datagrams.append(layer.where(~enough))
    return layer.where(enough), inner.where(enough)


def begins_ip(dissection: Dissection, layer: Layer, *, whole: bool = False) -> _Mask:
    """Tell where an IP header begins, by its version and length.

    Args:
        dissection: Of the packets.
        layer: Where to look.
        whole: Whether all of the packet that the header tells of has to be there.
    """
    found = layer.start + 20 <= layer.end
    part = layer.where(found)
    head = dissection.fields(part.start, _IP_START)
    room = part.end - part.start
    first, length = head["version_length"], head["length"].astype(np.int64)
    # A length of 0 means all there is.
    four = (first >= 0x45) & (first < 0x50) & ((length >= 20) | (length == 0))
    six = (first >> 4 == 6) & (room >= 40)
    if whole:
        four &= (length <= room) & (length > 0)
        if six.any():
            declared = dissection.fields(part.where(six).start + 4, _U16)
            six[six] = declared.astype(np.int64) + 40 <= room[six]
    found[found] = four | six
    return found


def begins_ethernet(dissection: Dissection, layer: Layer, *, whole: bool = False) -> _Mask:
    """Tell where an Ethernet frame begins with a protocol in it that is read.

    Args:
        dissection: Of the packets.
        layer: Where to look.
        whole: Whether all of an IP packet in it has to be there.
    """
    found = layer.start + 14 + 4 <= layer.end
    part = layer.where(found)
    ethertype = dissection.fields(part.start + 12, _U16)
    known = (ethertype > 1500) & dissection.carries("ethertype", ethertype)
    ip = (ethertype == ETHERTYPE_IPV4) | (ethertype == ETHERTYPE_IPV6)
    known[ip] = begins_ip(dissection, part.where(ip).skip(14), whole=whole)
    found[found] = known
    return found


def _begins_ppp(dissection: Dissection, layer: Layer) -> _Mask:
    """Tell where PPP begins with a protocol in it that is read."""
    found = layer.start + 4 <= layer.end
    part = layer.where(found)
    protocol = dissection.fields(part.start, _U16)
    framed = protocol == 0xFF03
    if framed.any():
        protocol = np.where(framed, dissection.fields(part.start + 2, _U16), protocol)
    number = np.where(protocol & 0x0100, protocol >> 8, protocol)
    found[found] = dissection.carries("ppp", number)
    return found


def _in_udp(
    dissection: Dissection,
    layer: Layer,
    tunnel: str,
    link_type: int,
    inner: Layer,
    plausible: _Mask,
) -> Inside:
    """Return what is inside the datagrams that are a tunnel; the others are ordinary."""
    dissection.datagrams.append(layer.where(~plausible))
    inner = inner.where(plausible)
    return dissection.enter(tunnel, "link", np.full(len(inner), link_type), inner)


def ipv4_in_ip(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """IPv4 in IP (RFC 2003, RFC 2473)."""
    yield dissection.enter("ipip", "ethertype", np.full(len(layer), ETHERTYPE_IPV4), layer)


def ipv6_in_ip(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """IPv6 in IP (RFC 4213, RFC 2473)."""
    tunnel = "6in4" if layer.version == 4 else "ipip"
    yield dissection.enter(tunnel, "ethertype", np.full(len(layer), ETHERTYPE_IPV6), layer)


def mpls_in_ip(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """MPLS in IP (RFC 4023)."""
    yield dissection.enter("mpls", "ethertype", np.full(len(layer), ETHERTYPE_MPLS), layer)


def gre(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """GRE with checksum, key and sequence number; version 1 is PPTP's, and RouterOS' EoIP."""
    layer = dissection.whole(layer, 4)
    header = dissection.fields(layer.start, _GRE)
    flags, protocol = header["flags"], header["protocol"]
    enhanced = flags & 7 == 1
    size = 4 + 4 * ((flags & 0x2000) != 0).astype(np.int64) + 4 * ((flags & 0x1000) != 0)
    size += np.where(enhanced, 4 * ((flags & 0x0080) != 0), 4 * ((flags & 0x8000) != 0))
    # Source routes (RFC 1701) are of the past; PPTP acknowledges without a payload.
    readable = (flags & 7 <= 1) & (flags & 0x4000 == 0) & (layer.start + size != layer.end)
    dissection.counts.other_protocol += int((~readable).sum())
    sound = readable & (layer.start + size <= layer.end)
    dissection.malformed(layer.packet[readable & ~sound])
    number = np.where((protocol == _ERSPAN) & (flags & 0x1000 == 0), _ERSPAN_1, protocol)
    mirror = (protocol == _ERSPAN) | (protocol == _ERSPAN_3)
    for tunnel, part in (("gre", sound & ~mirror), ("erspan", sound & mirror)):
        if part.any():
            inner = layer.where(part).skip(size[part])
            yield dissection.enter(tunnel, "gre", number[part], inner)


def gre_in_udp(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """GRE in UDP (RFC 8086)."""
    layer, outer = long_enough(dissection, layer, 4)
    header = dissection.fields(outer.start, _GRE)
    plausible = (header["flags"] & 0x4FFF == 0) & dissection.carries("gre", header["protocol"])
    dissection.datagrams.append(layer.where(~plausible))
    yield from gre(dissection, outer.where(plausible))


def erspan(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """ERSPAN type II and III (draft-foschiano-erspan), told apart by their version."""
    layer = dissection.whole(layer, 8)
    version = dissection.fields(layer.start, _U8) >> 4
    second = layer.where(version == 1).skip(8)
    yield Inside("link", np.full(len(second), LINKTYPE_ETHERNET), second)
    third = dissection.whole(layer.where(version == 2), 12)
    details = dissection.fields(third.start + 10, _U16)
    frame_type = details >> 10 & 31
    link_type = np.select([frame_type == 0, frame_type == 2], [LINKTYPE_ETHERNET, LINKTYPE_RAW], -1)
    yield Inside("link", link_type, third.skip(12 + 8 * (details & 1).astype(np.int64)))
    dissection.malformed(layer.packet[(version != 1) & (version != 2)])


def l2tp_in_ip(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """L2TPv3 in IP (RFC 3931 section 4.1.1): a session, or zeros before what controls it."""
    start, found = _pseudowire(dissection, layer.skip(4))
    dissection.counts.other_protocol += int((~found).sum())
    inner = replace(layer, start=start).where(found)
    yield dissection.enter("l2tp", "link", np.full(len(inner), LINKTYPE_ETHERNET), inner)


def _pseudowire(dissection: Dissection, layer: Layer) -> tuple[NDArray[np.int64], _Mask]:
    """Find the Ethernet frame behind an L2TPv3 session, and tell where there is one.

    Both sides know how long cookie and sublayer are (RFC 3931 section 4.1), the packet does not
    say it: none, 4 or 8 bytes, and none or 4.
    """
    start = layer.start.copy()
    found = np.zeros(len(layer), np.bool_)
    for size in (0, 4, 8, 12):
        here = ~found & begins_ethernet(dissection, layer.skip(size), whole=True)
        start[here] += size
        found |= here
    return start, found


def vxlan(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """VXLAN (RFC 7348): the flag of a network number, the number, and an Ethernet frame."""
    layer, outer = long_enough(dissection, layer, 8)
    header = dissection.fields(outer.start, _VXLAN)
    inner = outer.skip(8)
    plausible = (header["flags"] & 0x08 != 0) & begins_ethernet(dissection, inner)
    yield _in_udp(dissection, layer, "vxlan", LINKTYPE_ETHERNET, inner, plausible)


def geneve(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """GENEVE (RFC 8926): options, then Ethernet or IP."""
    layer, outer = long_enough(dissection, layer, 8)
    header = dissection.fields(outer.start, _GENEVE)
    inner = outer.skip(8 + 4 * (header["version_length"] & 63).astype(np.int64))
    plausible = (header["version_length"] < 0x40) & (header["flags"] & 0x3F == 0)
    bridged = plausible & (header["protocol"] == _BRIDGED)
    bridged[bridged] = begins_ethernet(dissection, inner.where(bridged))
    routed = np.isin(header["protocol"], (ETHERTYPE_IPV4, ETHERTYPE_IPV6)) & plausible
    routed[routed] = begins_ip(dissection, inner.where(routed))
    plausible = bridged | routed
    dissection.datagrams.append(layer.where(~plausible))
    number = header["protocol"][plausible]
    yield dissection.enter("geneve", "gre", number, inner.where(plausible))


def mpls_in_udp(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """MPLS in UDP (RFC 7510), with IP or an Ethernet pseudowire (RFC 4448) under the labels."""
    layer, outer = long_enough(dissection, layer, 4)
    at = outer
    last = np.zeros(len(layer), np.bool_)
    for _ in range(MOST_LABELS):
        here = ~last & (at.start + 4 <= at.end)
        bottom = dissection.fields(at.start[here] + 2, _U8) & 1 != 0
        last[here] = bottom
        at = at.skip(np.where(here, 4, 0))
    plausible = last & (begins_ip(dissection, at, whole=True) | _begins_pseudowire(dissection, at))
    dissection.datagrams.append(layer.where(~plausible))
    outer = outer.where(plausible)
    yield dissection.enter("mpls", "ethertype", np.full(len(outer), ETHERTYPE_MPLS), outer)


def _begins_pseudowire(dissection: Dissection, layer: Layer) -> _Mask:
    """Tell where an Ethernet pseudowire begins: a control word (RFC 4385) and a frame."""
    found = layer.start + 4 <= layer.end
    part = layer.where(found)
    control = dissection.fields(part.start, _U8) >> 4 == 0
    found[found] = control & begins_ethernet(dissection, part.skip(4), whole=True)
    return found


def gtp(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """GTP-U (3GPP TS 29.281 section 5.1): a G-PDU with its extension headers, then IP."""
    layer, outer = long_enough(dissection, layer, 8)
    header = dissection.fields(outer.start, _GTP)
    plausible = (header["flags"] & 0xF0 == 0x30) & (header["type"] == 255)
    end = np.minimum(outer.end, outer.start + 8 + header["length"])
    inner = replace(outer, end=end).skip(8)
    optional = plausible & (header["flags"] & 7 != 0)
    if optional.any():
        extended = optional & (header["flags"] & 4 != 0) & (inner.start + 4 <= inner.end)
        inner = inner.skip(np.where(optional, 4, 0))
        inner = inner.skip(_extensions(dissection, inner, extended))
    plausible &= begins_ip(dissection, inner)
    yield _in_udp(dissection, layer, "gtp", LINKTYPE_RAW, inner, plausible)


def _extensions(dissection: Dissection, layer: Layer, extended: _Mask) -> NDArray[np.int64]:
    """Return how long the extension headers are that `layer` begins at.

    A header tells its length in four bytes in its first one, and in its last one whether
    another follows; so does the byte before the first.
    """
    size = np.zeros(len(layer), np.int64)
    row = np.flatnonzero(extended)
    for _ in range(MOST_EXTENSIONS):
        at = layer.start[row] + size[row]
        row = row[(dissection.fields(at - 1, _U8) != 0) & (at < layer.end[row])]
        if not len(row):
            break
        at = layer.start[row] + size[row]
        length = 4 * dissection.fields(at, _U8).astype(np.int64)
        size[row] += length
        row = row[(length > 0) & (at + length <= layer.end[row])]
    return size


def l2tp(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """L2TP data: version 2 (RFC 2661 section 3.1) with PPP, version 3 (RFC 3931) with Ethernet."""
    layer, outer = long_enough(dissection, layer, 8)
    flags = dissection.fields(outer.start, _U16)
    third = flags == 3
    second = (flags & 0xB4FF == 0x0002) & ~third
    size = 6 + 2 * ((flags & 0x4000) != 0).astype(np.int64) + 4 * ((flags & 0x0800) != 0)
    padded = second & ((flags & 0x0200) != 0) & (outer.start + size + 2 <= outer.end)
    size[padded] += 2 + dissection.fields((outer.start + size)[padded], _U16).astype(np.int64)
    with_ppp = second & _begins_ppp(dissection, outer.skip(size))
    start, framed = _pseudowire(dissection, outer.skip(8))
    framed &= third
    dissection.datagrams.append(layer.where(~(with_ppp | framed)))
    inner = outer.skip(size).where(with_ppp)
    yield dissection.enter("l2tp", "link", np.full(len(inner), LINKTYPE_PPP), inner)
    inner = replace(outer, start=start).where(framed)
    yield dissection.enter("l2tp", "link", np.full(len(inner), LINKTYPE_ETHERNET), inner)


def hp_erm(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """The encapsulated remote mirror of HP and Aruba switches: 12 bytes, then Ethernet."""
    layer, outer = long_enough(dissection, layer, 12)
    inner = outer.skip(12)
    plausible = begins_ethernet(dissection, inner, whole=True)
    yield _in_udp(dissection, layer, "hp-erm", LINKTYPE_ETHERNET, inner, plausible)


_IN_IP: Final[dict[int, Step]] = {
    4: ipv4_in_ip,
    41: ipv6_in_ip,
    47: gre,
    115: l2tp_in_ip,
    137: mpls_in_ip,
}

TABLES: Final[dict[str, dict[int, Step]]] = {
    "ipv4": {**_IN_IP},
    "ipv6": {**_IN_IP},
    "udp": {
        1701: l2tp,
        2152: gtp,
        4754: gre_in_udp,
        4789: vxlan,
        6081: geneve,
        6635: mpls_in_udp,
        7932: hp_erm,
        8472: vxlan,
    },
    "gre": {
        _ERSPAN_1: ethernet,
        _BRIDGED: ethernet,
        _EOIP: ethernet,
        _PPP: ppp,
        _ERSPAN: erspan,
        _ERSPAN_3: erspan,
        ETHERTYPE_MPLS: mpls,
    },
}
