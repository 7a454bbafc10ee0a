"""Who sends to whom: the packets of a batch by flow."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.batch import Column
from sipscope.decode.ip import IPV4, IPV6
from sipscope.decode.layers import Dissection, Layer, merged, tunnel_names

MAX_FLOWS = 65_536
"""Flows of one transport remembered, so that the same flow is the same object in every batch."""

Words = Sequence[NDArray[np.uint64]]
Key = bytes | tuple[bytes, int]

_PORTS = np.dtype([("both", "V4")])
# Odd numbers with evenly spread bits: the golden ratio, then constants of hash functions.
_MIX = np.array(
    [
        0x9E3779B97F4A7C15,
        0xC2B2AE3D27D4EB4F,
        0x165667B19E3779F9,
        0x85EBCA77C2B2AE63,
        0x27D4EB2F165667C5,
        0xD6E8FEB86659FD93,
    ],
    dtype=np.uint64,
)


@dataclass(frozen=True, slots=True)
class Transported:
    """UDP or TCP headers of a batch with their flows; the columns have one entry a packet.

    Attributes:
        packet: Index of the packet in the batch, ascending.
        start: Where the transport header begins in the buffer.
        end: Where the captured bytes of the IP packet end in the buffer.
        dscp: The differentiated services code point (RFC 2474).
        flow: Index into `flows`.
        flows: The flows of these packets, each once.
    """

    packet: Column
    start: Column
    end: Column
    dscp: NDArray[np.uint8]
    flow: Column
    flows: Sequence[Flow]


@dataclass(frozen=True, slots=True)
class FlowTable:
    """Finds the flows of packets and keeps one `Flow` object for each."""

    known: dict[str, dict[Key, Flow]] = field(default_factory=dict)

    def group(self, dissection: Dissection, layers: list[Layer], transport: str) -> Transported:
        """Bring the layers of one transport together, in order of capture, with their flows."""
        parts = []
        for version in (4, 6):
            same = [layer for layer in layers if layer.version == version and len(layer)]
            if same:
                parts.append(self._group(dissection, merged(same), transport))
        if len(parts) == 1:
            return parts[0]
        if not parts:
            none = np.empty(0, dtype=np.int64)
            return Transported(none, none, none, np.empty(0, dtype=np.uint8), none, [])
        four, six = parts
        packet = np.concatenate([four.packet, six.packet])
        order = np.argsort(packet)
        return Transported(
            packet=packet[order],
            start=np.concatenate([four.start, six.start])[order],
            end=np.concatenate([four.end, six.end])[order],
            dscp=np.concatenate([four.dscp, six.dscp])[order],
            flow=np.concatenate([four.flow, six.flow + len(four.flows)])[order],
            flows=[*four.flows, *six.flows],
        )

    def _group(self, dissection: Dissection, layer: Layer, transport: str) -> Transported:
        """Group packets of one IP version."""
        ports = dissection.fields(layer.start, _PORTS)["both"]
        if layer.version == 4:
            header = dissection.fields(layer.network, IPV4)
            dscp = (header["tos"] >> 2).astype(np.uint8)
        else:
            header = dissection.fields(layer.network, IPV6)
            dscp = (header["version_class_label"] >> 22 & 63).astype(np.uint8)
        addresses = np.ascontiguousarray(header["addresses"])
        size = addresses.itemsize
        words = list(addresses.view(np.uint64).reshape(-1, size // 8).T)
        words.append(ports.view(np.uint32).astype(np.uint64))
        tunnelled = bool(dissection.encapsulation.any())
        if tunnelled:
            words.append(dissection.encapsulation[layer.packet].view(np.uint64))
        first, flow = group_by(words)
        keys = np.empty(len(first), [("addresses", addresses.dtype), ("ports", ports.dtype)])
        keys["addresses"], keys["ports"] = addresses[first], ports[first]
        known = self.known.setdefault(transport, {})
        joined: list[Any] = keys.view(np.dtype((np.void, size + 4))).tolist()
        if tunnelled:
            ways = words[-1][first].tolist()
            joined = [(key, way) if way else key for key, way in zip(joined, ways, strict=True)]
        flows = [known.get(key) or self._add(key, transport) for key in joined]
        return Transported(layer.packet, layer.start, layer.end, dscp, flow, flows)

    def _add(self, key: Key, transport: str) -> Flow:
        """Make the flow of a key: addresses and ports as on the wire, with tunnels if any."""
        wire, way = (key, 0) if isinstance(key, bytes) else key
        size = (len(wire) - 4) // 2
        flow = Flow(
            Endpoint(wire[:size], int.from_bytes(wire[-4:-2], "big")),
            Endpoint(wire[size:-4], int.from_bytes(wire[-2:], "big")),
            transport,
            tunnel_names(way),
        )
        known = self.known[transport]
        if len(known) >= MAX_FLOWS:
            known.clear()
        known[key] = flow
        return flow


def group_by(words: Words) -> tuple[Column, Column]:
    """Group rows that are equal in all `words`.

    Returns:
        The first row of each group, ascending, and the group of each row.
    """
    mixed = np.zeros(len(words[0]), dtype=np.uint64)
    for word, factor in zip(words, _MIX, strict=False):
        mixed = (mixed ^ (mixed >> np.uint64(29)) ^ word) * factor
    first, group = _group_sorted(mixed, np.argsort(mixed))
    if all((word == word[first][group]).all() for word in words):
        return first, group
    # Two different rows have mixed to the same number, by accident or by intent.
    rows = np.ascontiguousarray(np.stack(words, axis=1))
    joined = rows.view(np.dtype((np.void, rows.itemsize * len(words))))[:, 0]
    return _group_sorted(joined, np.argsort(joined))


def _group_sorted(keys: NDArray[np.generic], order: Column) -> tuple[Column, Column]:
    """Group equal keys, given the order that sorts them."""
    ascending = keys[order]
    begins = np.empty(len(keys), dtype=np.bool_)
    begins[0] = True
    begins[1:] = ascending[1:] != ascending[:-1]
    first = np.minimum.reduceat(order, np.flatnonzero(begins))
    by_appearance = np.argsort(first)
    label = np.empty_like(by_appearance)
    label[by_appearance] = np.arange(len(first))
    group = np.empty_like(order)
    group[order] = label[np.cumsum(begins) - 1]
    return first[by_appearance], group
