"""IPv4 (RFC 791) and IPv6 (RFC 8200) headers, down to UDP, TCP and fragments."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from sipscope.decode.batch import Column
from sipscope.decode.layers import Dissection, Fragments, Inside, Layer, Step

TCP: Final = 6
UDP: Final = 17
SCTP: Final = 132

IPV4 = np.dtype(
    [
        ("version_length", "u1"),
        ("tos", "u1"),
        ("total_length", ">u2"),
        ("identification", ">u2"),
        ("fragment", ">u2"),
        ("ttl", "u1"),
        ("protocol", "u1"),
        ("checksum", ">u2"),
        ("addresses", "V8"),
    ]
)
IPV6 = np.dtype(
    [
        ("version_class_label", ">u4"),
        ("payload_length", ">u2"),
        ("next_header", "u1"),
        ("hop_limit", "u1"),
        ("addresses", "V32"),
    ]
)
_PORTS = np.dtype(">u4")
_EXTENSION = np.dtype([("next_header", "u1"), ("length", "u1")])
_FRAGMENT = np.dtype(
    [
        ("next_header", "u1"),
        ("reserved", "u1"),
        ("offset", ">u2"),
        ("identification", ">u4"),
    ]
)


def ipv4(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """The IPv4 header with its options; checksums are not verified, cards compute them."""
    layer = dissection.whole(layer, 20)
    header = dissection.fields(layer.start, IPV4)
    size = (header["version_length"] & 15).astype(np.int64) * 4
    total = _declared(header["total_length"], layer.end - layer.start)
    end = np.minimum(layer.end, layer.start + total)
    sound = (header["version_length"] >= 0x45) & (header["version_length"] < 0x50)
    sound &= layer.start + size <= end
    inner = Layer(layer.packet, layer.start + size, end, layer.start, version=4)
    fragmented = (header["fragment"] & 0x3FFF) != 0
    if sound.all() and not fragmented.any():
        yield Inside("ipv4", header["protocol"], inner)
        return
    dissection.sound(inner, sound)
    whole = sound & ~fragmented
    yield Inside("ipv4", header["protocol"][whole], inner.where(whole))
    carried = dissection.carries("ipv4", header["protocol"])
    dissection.counts.other_protocol += int((sound & fragmented & ~carried).sum())
    part = sound & fragmented & carried
    header, pieces = header[part], inner.where(part)
    dissection.fragments.append(
        Fragments(
            version=4,
            packet=pieces.packet,
            network=pieces.network,
            start=pieces.start,
            end=pieces.end,
            length=(total - size)[part],
            offset=(header["fragment"] & 0x1FFF).astype(np.int64) * 8,
            more=(header["fragment"] & 0x2000) != 0,
            identification=header["identification"].astype(np.int64),
            protocol=header["protocol"].astype(np.int64),
        )
    )


def ipv6(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """The IPv6 header; what follows may be extension headers."""
    layer = dissection.whole(layer, 40)
    header = dissection.fields(layer.start, IPV6)
    sound = header["version_class_label"] >> 28 == 6
    header, layer = header[sound], dissection.sound(layer, sound)
    length = _declared(header["payload_length"], layer.end - layer.start - 40)
    end = np.minimum(layer.end, layer.start + 40 + length)
    inner = Layer(layer.packet, layer.start + 40, end, layer.start, version=6)
    yield Inside("ipv6", header["next_header"], inner)


def _declared(length: Column, captured: Column) -> Column:
    """Return the length that a header gives; 0 means all there is.

    Packets that the network card will split, and jumbograms, have 0.
    """
    return np.where(length == 0, captured, length)


def extension(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """Hop-by-hop options, routing and destination options (RFC 8200 section 4.3 to 4.6)."""
    layer = dissection.whole(layer, 8)
    header = dissection.fields(layer.start, _EXTENSION)
    size = (header["length"].astype(np.int64) + 1) * 8
    yield Inside("ipv6", header["next_header"], layer.skip(size))


def authentication(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """The authentication header (RFC 4302), which leaves its payload readable."""
    layer = dissection.whole(layer, 12)
    header = dissection.fields(layer.start, _EXTENSION)
    size = (header["length"].astype(np.int64) + 2) * 4
    yield Inside(f"ipv{layer.version}", header["next_header"], layer.skip(size))


def fragment(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """The IPv6 fragment header (RFC 8200 section 4.5); alone in its packet it says nothing."""
    layer = dissection.whole(layer, 8)
    header = dissection.fields(layer.start, _FRAGMENT)
    atomic = (header["offset"] & 0xFFF9) == 0
    inner = layer.skip(8)
    yield Inside("ipv6", header["next_header"][atomic], inner.where(atomic))
    part = ~atomic & dissection.carries("ipv6", header["next_header"])
    dissection.counts.other_protocol += int((~atomic & ~part).sum())
    header, pieces = header[part], inner.where(part)
    if not len(pieces):
        return
    payload = dissection.fields(pieces.network, IPV6)["payload_length"]
    declared = pieces.network + 40 + _declared(payload, pieces.end - pieces.network - 40)
    dissection.fragments.append(
        Fragments(
            version=6,
            packet=pieces.packet,
            network=pieces.network,
            start=pieces.start,
            end=pieces.end,
            length=declared - pieces.start,
            offset=(header["offset"] & 0xFFF8).astype(np.int64),
            more=(header["offset"] & 1) != 0,
            identification=header["identification"].astype(np.int64),
            protocol=header["next_header"].astype(np.int64),
        )
    )


def udp(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """UDP: the end of the way, but for a port of a tunnel, whose step looks whether it is one."""
    layer = dissection.whole(layer, 8)
    ports = dissection.fields(layer.start, _PORTS).astype(np.int64)
    source, destination = ports >> 16, ports & 0xFFFF
    known = dissection.carries("udp", destination)
    tunnelled = known | dissection.carries("udp", source)
    if not tunnelled.any():
        dissection.datagrams.append(layer)
        return
    dissection.datagrams.append(layer.where(~tunnelled))
    port = np.where(known, destination, source)[tunnelled]
    yield Inside("udp", port, layer.where(tunnelled))


def tcp(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """TCP: the end of the way."""
    dissection.segments.append(dissection.whole(layer, 20))
    return iter(())


def sctp(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """SCTP: the end of the way."""
    dissection.sctp.append(dissection.whole(layer, 12))
    return iter(())


TABLES: Final[dict[str, dict[int, Step]]] = {
    "ethertype": {0x0800: ipv4, 0x86DD: ipv6},
    "ppp": {0x0021: ipv4, 0x0057: ipv6},
    "gre": {0x0800: ipv4, 0x86DD: ipv6},
    "ipv4": {TCP: tcp, UDP: udp, SCTP: sctp, 51: authentication},
    "ipv6": {
        TCP: tcp,
        UDP: udp,
        SCTP: sctp,
        0: extension,
        43: extension,
        44: fragment,
        51: authentication,
        60: extension,
    },
}
