"""TZSP, the TaZmen Sniffer Protocol: frames that a router or sensor sends on in UDP.

Four bytes of header, tags, then the frame as it was. RouterOS sends neither a time nor a
number with it. There is no standard; this follows what Wireshark reads.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sipscope.decode.layers import Dissection, Inside, Layer, Step
from sipscope.decode.link import LINKTYPE_ETHERNET, LINKTYPE_PPP, LINKTYPE_RAW
from sipscope.decode.tunnels import begins_ip, long_enough
from sipscope.decode.wlan import LINKTYPE_AVS, LINKTYPE_PRISM, LINKTYPE_RADIOTAP, LINKTYPE_WLAN

PORT: Final = 37008
VERSION: Final = 1
CARRYING: Final = (0, 1)
"""Types of packets that carry a frame: received, and to be transmitted."""
KEEPING_OPEN: Final = (4, 5)
"""Types without a frame: keep-alives, and what opens the port in a firewall."""
MOST_TAGS: Final = 32

LINK_TYPES: Final = {
    1: LINKTYPE_ETHERNET,
    4: LINKTYPE_PPP,
    7: LINKTYPE_RAW,
    18: LINKTYPE_WLAN,
    119: LINKTYPE_PRISM,
    126: LINKTYPE_RADIOTAP,
    127: LINKTYPE_AVS,
}
"""What is encapsulated, as the pcap format numbers it."""

_PADDING, _END = 0, 1

_U8 = np.dtype("u1")
_U16 = np.dtype(">u2")
_HEADER = np.dtype([("version", "u1"), ("type", "u1"), ("encapsulated", ">u2")])

_LINK_TYPE_OF = np.full(256, -1)
_LINK_TYPE_OF[list(LINK_TYPES)] = list(LINK_TYPES.values())


def tzsp(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """The header and the tags; what carries no frame, as keep-alives, is an ordinary datagram."""
    layer, outer = long_enough(dissection, layer, 5)
    header = dissection.fields(outer.start, _HEADER)
    link_type = _LINK_TYPE_OF[header["encapsulated"] & 0xFF]
    carrying = (header["version"] == VERSION) & np.isin(header["type"], CARRYING)
    carrying &= (header["encapsulated"] < 256) & (link_type >= 0)
    dissection.datagrams.append(layer.where(~carrying))
    layer, inner = layer.where(carrying), outer.where(carrying).skip(4)
    start = _end_of_tags(dissection, inner)
    sound = start > 0
    dissection.malformed(layer.packet[~sound])
    mirrored = layer.where(sound)
    outermost = dissection.encapsulation[mirrored.packet] == 0
    dissection.mirrored.append(mirrored.where(outermost))
    inner = replace(inner, start=start).where(sound)
    number = link_type[carrying][sound]
    number[_without_ethernet(dissection, inner, number)] = LINKTYPE_RAW
    yield dissection.enter("tzsp", "link", number, inner)


def _end_of_tags(dissection: Dissection, layer: Layer) -> NDArray[np.int64]:
    """Return where the frames begin behind the tags, 0 where the tags do not come to an end."""
    start = np.zeros(len(layer), np.int64)
    at = layer.start.copy()
    row = np.arange(len(layer))
    for _ in range(MOST_TAGS):
        row = row[at[row] < layer.end[row]]
        if not len(row):
            break
        tag = dissection.fields(at[row], _U8)
        ended = row[tag == _END]
        start[ended] = at[ended] + 1
        row, tag = row[tag != _END], tag[tag != _END]
        padding = row[tag == _PADDING]
        at[padding] += 1
        tagged = row[tag != _PADDING]
        tagged = tagged[at[tagged] + 1 < layer.end[tagged]]
        at[tagged] += 2 + dissection.fields(at[tagged] + 1, _U8).astype(np.int64)
        row = np.concatenate([padding, tagged])
    return start


def _without_ethernet(
    dissection: Dissection, layer: Layer, link_type: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which frames are said to be Ethernet but are IP packets.

    So may be what a router itself received in a tunnel.
    """
    found = (link_type == LINKTYPE_ETHERNET) & (layer.start + 20 <= layer.end)
    part = layer.where(found)
    ethertype = dissection.fields(part.start + 12, _U16)
    unknown = (ethertype > 1500) & ~dissection.carries("ethertype", ethertype)
    unknown[unknown] = begins_ip(dissection, part.where(unknown), whole=True)
    found[found] = unknown
    without: NDArray[np.bool_] = found
    return without


TABLES: Final[dict[str, dict[int, Step]]] = {"udp": {PORT: tzsp}}
