"""Packets that were captured more than once: on several interfaces, or by a mirror.

`any` sees a packet on the bridge and on its port, on the loopback on its way out and in;
RouterOS streams it once for each interface and direction. Copies have the same addresses,
IP identification and payload, and come soon after each other. Lifetime, markings, checksums
and tags may differ: the packet went on.

A message sent again is no copy: it has another identification, or comes half a second later
(RFC 3261 section 17.1.1.1).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sipscope.decode.batch import Column
from sipscope.decode.ip import IPV4, IPV6
from sipscope.decode.layers import MIRRORS, Dissection, Layer, came_in, merged
from sipscope.decode.tunnels import payload

WINDOW: Final = 250_000_000
"""How soon a copy comes after the one before, in ns."""
SHORT_WINDOW: Final = 50_000_000
"""The same where nothing but the time tells a copy from a packet sent again."""
SLOTS: Final = 1 << 18
"""Packets that are remembered: a second of 250,000."""

_SLOT_BITS = 18
_RTP_BYTES = 32
"""Of RTP these are compared: no other packet has the sequence number and time stamp in them."""
_NEVER = -(1 << 62)

_Hash = NDArray[np.uint64]
_WORD = np.dtype("<u8")
_U16 = np.dtype("<u2")
_PORTS = np.dtype("<u4")
# Nobody who sends packets can tell which of them have the same hash: Python chooses another
# one for bytes at each start.
_SECRET = np.uint64(hash(b"copies of packets") & 0xFFFF_FFFF_FFFF_FFFF)
_ODD = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(0xC2B2AE3D27D4EB4F)
_SHIFT = np.uint64(32)


class DuplicateTable:
    """Remembers the datagrams of the latest moment, of one source or of several."""

    def __init__(self) -> None:
        self._keys: _Hash = np.empty(0, np.uint64)
        self._times: Column = np.empty(0, np.int64)

    def distinct(
        self, dissection: Dissection, time: Column, *, everything: bool
    ) -> tuple[list[Layer], Column]:
        """Part the datagrams from those that are copies.

        Args:
            dissection: Holds the datagrams.
            time: When each packet came, in ns since the epoch.
            everything: Whether any packet may have been captured more than once, not only
                those of mirrors.

        Returns:
            The datagrams without the copies, and the packets that are copies.
        """
        layers: list[Layer] = []
        copies: list[Column] = []
        for version in (4, 6):
            same = [part for part in dissection.datagrams if part.version == version and len(part)]
            if not same:
                continue
            layer = merged(same)
            mirrored = came_in(dissection.encapsulation[layer.packet], MIRRORS)
            watched = np.flatnonzero(mirrored | everything)
            if len(watched):
                part = layer.where(mirrored | everything)
                key, window = _keys(dissection, part, mirrored[watched])
                copy = watched[self._again(key, time[part.packet], window)]
                copies.append(layer.packet[copy])
                fresh = np.ones(len(layer), np.bool_)
                fresh[copy] = False
                layer = layer.where(fresh)
            layers.append(layer)
        return layers, np.concatenate([*copies, np.empty(0, np.int64)])

    def _again(self, key: _Hash, time: Column, window: Column) -> NDArray[np.bool_]:
        """Tell which packets have the key of one shortly before, and remember all of them."""
        order = np.argsort(key, kind="stable")
        key, time, window = key[order], time[order], window[order]
        begins = np.ones(len(key), np.bool_)
        begins[1:] = key[1:] != key[:-1]
        before = np.empty_like(time)
        before[1:] = time[:-1]
        ends = np.append(begins[1:], True)
        before[begins] = self._exchange(key[begins], time[ends])
        again = np.empty(len(key), np.bool_)
        again[order] = np.abs(time - before) <= window
        return again

    def _exchange(self, key: _Hash, time: Column) -> Column:
        """Return when each of these different keys was there last, and note when it is now.

        A key has two places in the table and takes that of the older one.
        """
        if not len(self._keys):
            self._keys = np.zeros(SLOTS, np.uint64)
            self._times = np.full(SLOTS, _NEVER)
        keys, times = self._keys, self._times
        first = (key & np.uint64(SLOTS - 1)).astype(np.int64)
        second = (key >> np.uint64(64 - _SLOT_BITS)).astype(np.int64)
        in_first, in_second = keys[first] == key, keys[second] == key
        older_first = times[first] <= times[second]
        before = np.select([in_first, in_second], [times[first], times[second]], _NEVER)
        place = np.where(in_first | (older_first & ~in_second), first, second)
        keys[place], times[place] = key, time
        # Two of them wanted the same place.
        lost = np.flatnonzero(keys[place] != key)
        other = np.where(place[lost] == first[lost], second[lost], first[lost])
        keys[other], times[other] = key[lost], time[lost]
        return before


def _keys(
    dissection: Dissection, layer: Layer, mirrored: NDArray[np.bool_]
) -> tuple[_Hash, Column]:
    """Return a hash of what copies have in common, and how soon after each other they come.

    What a mirror saw elsewhere is no copy of what was captured here: each is shown as it was.
    """
    inner = payload(dissection, layer)
    length = inner.end - inner.start
    if layer.version == 4:
        header = dissection.fields(layer.network, IPV4)
        identification = header["identification"].astype(np.uint64)
    else:
        header = dissection.fields(layer.network, IPV6)
        identification = np.zeros(len(layer), np.uint64)
    addresses = np.ascontiguousarray(header["addresses"])
    words: list[_Hash] = list(addresses.view(np.uint64).reshape(-1, addresses.itemsize // 8).T)
    word = dissection.fields(layer.start, _PORTS).astype(np.uint64) << _SHIFT
    word |= identification << np.uint64(16)
    word |= length.astype(np.uint64)
    words.append(word)
    rtp = _is_rtp(dissection, inner)
    words.append(_payload_hash(dissection, inner, np.where(rtp, _RTP_BYTES, length)))
    key = np.where(mirrored, _SECRET, ~_SECRET)
    for word in words:
        key = (key ^ word) * _PRIME
        key ^= key >> _SHIFT
    return key, np.where(rtp | (identification > 0), WINDOW, SHORT_WINDOW)


def _is_rtp(dissection: Dissection, layer: Layer) -> NDArray[np.bool_]:
    """Tell which payloads look like RTP and not like RTCP, and are longer than is compared."""
    found = layer.start + _RTP_BYTES <= layer.end
    start = dissection.fields(layer.start[found], _U16)
    packet_type = start >> 8
    found[found] = (start & 0xC0 == 0x80) & ((packet_type < 192) | (packet_type > 223))
    return found


def _payload_hash(dissection: Dissection, layer: Layer, size: Column) -> _Hash:
    """Hash the first `size` bytes of each payload."""
    counts = np.maximum(size + 7 >> 3, 1)
    ends = np.cumsum(counts)
    begins = ends - counts
    number = np.arange(int(ends[-1])) - np.repeat(begins, counts)
    at = np.repeat(layer.start, counts) + 8 * number
    # The last word ends with the payload. That of a short one begins in the UDP header before
    # it, which is shifted out.
    at[ends - 1] = layer.start + size - 8
    words = dissection.fields(at, _WORD).astype(np.uint64)
    short = np.flatnonzero(size < 8)
    if len(short):
        last = begins[short]
        bits = np.uint64(8) * (8 - np.maximum(size[short], 1)).astype(np.uint64)
        words[last] = np.where(size[short] > 0, words[last] >> bits, np.uint64(0))
    mixed = (words ^ (_SECRET + number.astype(np.uint64) * _ODD)) * _PRIME
    mixed = (mixed ^ mixed >> _SHIFT) * _ODD
    return np.add.reduceat(mixed, begins)
