"""IEEE 802.11 frames, alone and behind the headers that receivers put before them.

Those are radiotap (radiotap.org), AVS and Prism. Only data frames that are not encrypted, or
whose receiver decrypted them, carry something to read.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from sipscope.decode.layers import Dissection, Inside, Layer, Step
from sipscope.decode.link import ETHERTYPE_LLC, ETHERTYPE_UNKNOWN

LINKTYPE_WLAN: Final = 105
LINKTYPE_PRISM: Final = 119
LINKTYPE_RADIOTAP: Final = 127
LINKTYPE_AVS: Final = 163

_AVS_MAGIC = 0x8021_1000
_MOST_HEADER = 4096  # bytes that a receiver puts before a frame

_CONTROL = np.dtype("<u2")
_RADIOTAP = np.dtype([("version", "u1"), ("pad", "u1"), ("length", "<u2")])
_AVS = np.dtype([("magic", ">u4"), ("length", ">u4")])
_LITTLE_U32, _BIG_U32 = np.dtype("<u4"), np.dtype(">u4")


def wlan(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """A frame (IEEE 802.11-2020 section 9.2.3); its payload begins with LLC."""
    layer = dissection.whole(layer, 10)
    control = dissection.fields(layer.start, _CONTROL)
    data = (control & 0x000F == 0x0008) & (control & 0x4000 == 0) & (control & 0x0040 == 0)
    others = layer.where(~data)
    yield Inside("ethertype", np.full(len(others), ETHERTYPE_UNKNOWN), others)
    control, layer = control[data], layer.where(data)
    quality = control & 0x0080 != 0
    size = np.full(len(layer), 24)
    size[control & 0x0300 == 0x0300] += 6  # a fourth address, between two access points
    control_at = size.copy()
    size[quality] += 2
    size[quality & (control & 0x8000 != 0)] += 4
    sound = layer.start + size <= layer.end
    aggregate = quality & sound
    aggregate[aggregate] = (
        dissection.fields((layer.start + control_at)[aggregate], _CONTROL) & 0x0080 != 0
    )
    dissection.malformed(layer.packet[~sound])
    inner = layer.skip(size).where(sound)
    number = np.where(aggregate, ETHERTYPE_UNKNOWN, ETHERTYPE_LLC)[sound]
    yield Inside("ethertype", number, inner)


def radiotap(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """Radiotap: version 0 and the length of all of it."""
    layer = dissection.whole(layer, 8)
    header = dissection.fields(layer.start, _RADIOTAP)
    length = header["length"].astype(np.int64)
    sound = (header["version"] == 0) & (length >= 8)
    inner = dissection.sound(layer.skip(length), sound)
    yield Inside("link", np.full(len(inner), LINKTYPE_WLAN), inner)


def avs(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """AVS: a magic number and the length of all of it."""
    layer = dissection.whole(layer, 8)
    header = dissection.fields(layer.start, _AVS)
    length = header["length"].astype(np.int64)
    sound = (header["magic"] >> 8 == _AVS_MAGIC >> 8) & (length >= 8) & (length <= _MOST_HEADER)
    inner = dissection.sound(layer.skip(length), sound)
    yield Inside("link", np.full(len(inner), LINKTYPE_WLAN), inner)


def prism(dissection: Dissection, layer: Layer) -> Iterator[Inside]:
    """Prism: a code and the length of all of it, in the byte order of the receiver; or AVS."""
    layer = dissection.whole(layer, 8)
    newer = dissection.fields(layer.start, _BIG_U32) >> 8 == _AVS_MAGIC >> 8
    yield from avs(dissection, layer.where(newer))
    layer = layer.where(~newer)
    length = np.minimum(
        dissection.fields(layer.start + 4, _LITTLE_U32),
        dissection.fields(layer.start + 4, _BIG_U32),
    ).astype(np.int64)
    inner = dissection.sound(layer.skip(length), (length >= 8) & (length <= _MOST_HEADER))
    yield Inside("link", np.full(len(inner), LINKTYPE_WLAN), inner)


TABLES: Final[dict[str, dict[int, Step]]] = {
    "link": {
        LINKTYPE_WLAN: wlan,
        LINKTYPE_PRISM: prism,
        LINKTYPE_RADIOTAP: radiotap,
        LINKTYPE_AVS: avs,
    },
}
