"""Headers inside headers, for all packets of a batch at once.

A `Layer` is a set of packets that have come to the same protocol: where its header begins
and where its bytes end. A `Step` reads that header and says what is inside: a table, a
number in it, and the inner layer, whose start has moved on. `TABLES` of the protocol
modules map (table, number) to the next step, as Wireshark's dissector tables do, so an
encapsulation is one step and one table entry.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.decode.batch import Column, PacketBatch
from sipscope.decode.counts import NetworkCounts

MAX_LAYERS = 48
"""Headers from the link to the transport: eight tunnels, each with Ethernet, IP and UDP, fit."""

MAX_TUNNELS = 8

TUNNELS = (
    "ipip",
    "6in4",
    "gre",
    "erspan",
    "vxlan",
    "geneve",
    "mpls",
    "gtp",
    "l2tp",
    "hp-erm",
    "tzsp",
)
"""Tunnels and mirrors by the name that flows give them."""

MIRRORS = frozenset({"erspan", "hp-erm", "tzsp"})
"""Of these, what brings copies of packets that went another way."""

_TUNNEL_BITS = 7
_TUNNEL_NUMBERS = {name: number for number, name in enumerate(TUNNELS, start=1)}
_FULL = (MAX_TUNNELS - 1) * _TUNNEL_BITS


@dataclass(frozen=True, slots=True)
class Layer:
    """Packets of a batch at one protocol; the columns have one entry a packet.

    Attributes:
        packet: Index of the packet in the batch.
        start: Where the protocol's header begins in the buffer.
        end: Where its captured bytes end in the buffer.
        network: Where the innermost IP header before it begins in the buffer.
        version: Version of that IP header, 0 before there is one.
    """

    packet: Column
    start: Column
    end: Column
    network: Column
    version: int = 0

    def __len__(self) -> int:
        return len(self.packet)

    def where(self, mask: NDArray[np.bool_]) -> "Layer":
        """Return the packets for which `mask` is true."""
        if mask.all():
            return self
        return Layer(
            self.packet[mask], self.start[mask], self.end[mask], self.network[mask], self.version
        )

    def skip(self, size: int | Column) -> "Layer":
        """Return the layer that begins `size` bytes further on."""
        return replace(self, start=self.start + size)


def merged(layers: list[Layer]) -> Layer:
    """Bring layers of one protocol and IP version together, in order of capture."""
    if len(layers) == 1:
        return layers[0]
    packet = np.concatenate([layer.packet for layer in layers])
    order = np.argsort(packet)
    return Layer(
        packet[order],
        np.concatenate([layer.start for layer in layers])[order],
        np.concatenate([layer.end for layer in layers])[order],
        np.concatenate([layer.network for layer in layers])[order],
        layers[0].version,
    )


class Fragments(NamedTuple):
    """Fragments of IP packets, as columns with one entry a fragment.

    Attributes:
        version: 4 or 6.
        packet: Index of the packet in the batch.
        network: Where the IP header begins in the buffer.
        start: Where the fragment's data begin in the buffer.
        end: Where its captured data end in the buffer.
        length: Its data in bytes by the IP header.
        offset: Where its data belong in the whole, in bytes.
        more: Whether fragments follow.
        identification: What the fragments of one packet have in common.
        protocol: What the whole carries.
    """

    version: int
    packet: Column
    network: Column
    start: Column
    end: Column
    length: Column
    offset: Column
    more: NDArray[np.bool_]
    identification: Column
    protocol: Column


class Inside(NamedTuple):
    """What a step found: for each packet of `layer` a number in the table."""

    table: str
    number: NDArray[Any]
    layer: Layer


@dataclass(frozen=True, slots=True)
class Dissection:
    """A batch taken apart down to UDP and TCP.

    Attributes:
        batch: The packets.
        counts: Where packets that cannot be read are counted.
        tables: The steps by table and number.
        datagrams: Layers that begin at a UDP header.
        segments: Layers that begin at a TCP header.
        sctp: Layers that begin at an SCTP header.
        fragments: Fragments of what is read inside IP.
        encapsulation: The tunnels that each packet of the batch came in so far, as a number
            for `tunnel_names`; 0 is none.
        mirrored: Layers that begin at the UDP header of a mirror of packets (TZSP).
    """

    batch: PacketBatch
    counts: NetworkCounts
    tables: "DissectionTables"
    encapsulation: Column
    datagrams: list[Layer] = field(default_factory=list)
    segments: list[Layer] = field(default_factory=list)
    sctp: list[Layer] = field(default_factory=list)
    fragments: list[Fragments] = field(default_factory=list)
    mirrored: list[Layer] = field(default_factory=list)

    def carries(self, table: str, number: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell which numbers of a table have a step that reads on."""
        return self.tables.known[table].take(number)

    def fields(self, start: Column, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Gather the structures of type `dtype` that begin at `start`, aligned or not.

        Every structure has to lie within the buffer.
        """
        size = dtype.itemsize
        if not len(start):
            return np.empty(0, dtype)
        # Gathered as opaque bytes and named afterwards: a tenth of the time.
        shape = (len(self.batch.buffer) - size + 1,)
        every = np.ndarray(shape, np.dtype((np.void, size)), self.batch.buffer, strides=(1,))
        return every[start].view(dtype)

    def whole(self, layer: Layer, size: int | Column) -> Layer:
        """Return the packets of `layer` that have `size` bytes of it."""
        return self.sound(layer, layer.start + size <= layer.end)

    def sound(self, layer: Layer, mask: NDArray[np.bool_]) -> Layer:
        """Return the packets for which `mask` is true; the others count as malformed."""
        if mask.all():
            return layer
        self.malformed(layer.packet[~mask])
        return layer.where(mask)

    def malformed(self, packet: Column) -> None:
        """Count packets as malformed, except those that the capture cut short."""
        whole = self.batch.captured[packet] >= self.batch.wire[packet]
        self.counts.malformed += int(whole.sum())

    def enter(self, tunnel: str, table: str, number: NDArray[Any], layer: Layer) -> Inside:
        """Return what is inside a tunnel, one of `TUNNELS`, as a step gives it.

        Packets that came in too many tunnels are counted and left out.
        """
        outer = self.encapsulation[layer.packet]
        fits = outer >> _FULL == 0
        if not fits.all():
            self.counts.encapsulation_too_deep += int((~fits).sum())
            layer, outer, number = layer.where(fits), outer[fits], number[fits]
        self.encapsulation[layer.packet] = outer << _TUNNEL_BITS | _TUNNEL_NUMBERS[tunnel]
        return Inside(table, number, replace(layer, version=0))


def came_in(encapsulation: Column, tunnels: frozenset[str]) -> NDArray[np.bool_]:
    """Tell which entries of `Dissection.encapsulation` have one of `tunnels` in them."""
    found = np.zeros(len(encapsulation), np.bool_)
    numbers = [_TUNNEL_NUMBERS[name] for name in tunnels]
    while encapsulation.any():
        found |= np.isin(encapsulation & (1 << _TUNNEL_BITS) - 1, numbers)
        encapsulation = encapsulation >> _TUNNEL_BITS
    return found


def tunnel_names(encapsulation: int) -> tuple[str, ...]:
    """Return the names behind an entry of `Dissection.encapsulation`, outermost first."""
    names: list[str] = []
    while encapsulation:
        names.append(TUNNELS[(encapsulation & (1 << _TUNNEL_BITS) - 1) - 1])
        encapsulation >>= _TUNNEL_BITS
    return tuple(reversed(names))


Step = Callable[[Dissection, Layer], Iterable[Inside]]


class DissectionTables:
    """Which step reads what a number in a table stands for.

    Attributes:
        steps: By table and number.
        known: Of each table, which of the numbers up to 65,535 have a step.
    """

    def __init__(self, steps: Mapping[str, Mapping[int, Step]]) -> None:
        self.steps = steps
        self.known = {name: np.zeros(65_536, np.bool_) for name in steps}
        for name, numbers in steps.items():
            self.known[name][list(numbers)] = True


def dissect(
    batch: PacketBatch, tables: DissectionTables, counts: NetworkCounts, outer: Column | None = None
) -> Dissection:
    """Take the packets of a batch apart, from their link type to UDP, TCP and fragments.

    Args:
        batch: The packets.
        tables: The steps by table and number.
        counts: Where packets that cannot be read are counted.
        outer: The tunnels that the packets were taken out of already, see `Dissection`.
    """
    encapsulation = np.zeros(len(batch), np.int64) if outer is None else outer
    dissection = Dissection(batch, counts, tables, encapsulation)
    frames = Layer(np.arange(len(batch)), batch.offset, batch.offset + batch.captured, batch.offset)
    link_types = np.full(len(batch), batch.link_type)
    pending = list(_next_steps(Inside("link", link_types, frames), tables, counts))
    for depth in range(1, MAX_LAYERS + 1):
        if not pending:
            break
        deeper: list[tuple[Step, Layer]] = []
        for step, layer in _together(pending):
            for inside in step(dissection, layer):
                deeper += _next_steps(inside, tables, counts)
        pending = deeper
        if depth == MAX_LAYERS:
            counts.encapsulation_too_deep += sum(len(layer) for _, layer in pending)
    return dissection


def _together(pending: list[tuple[Step, Layer]]) -> list[tuple[Step, Layer]]:
    """Join the packets that came to the same protocol on different ways.

    Else each way would cost its own steps, and the packets choose how many ways there are.
    """
    if len(pending) == 1:
        return pending
    ways: dict[tuple[Step, int], list[Layer]] = {}
    for step, layer in pending:
        ways.setdefault((step, layer.version), []).append(layer)
    if len(ways) == len(pending):
        return pending
    return [(step, merged(layers)) for (step, _), layers in ways.items()]


def _next_steps(
    inside: Inside, tables: DissectionTables, counts: NetworkCounts
) -> Iterator[tuple[Step, Layer]]:
    """Part the packets by the step that reads them next; count those that no step reads."""
    steps, (_, number, layer) = tables.steps[inside.table], inside
    if not len(layer):
        return
    unread = len(layer)
    # One number for all is the common case. Else ask for each number known, not for each
    # number seen: the packets choose how many those are.
    first = int(number[0])
    wanted = [first] if (number == first).all() else steps
    for value in wanted:
        if value in steps and len(part := layer.where(number == value)):
            unread -= len(part)
            yield steps[value], part
    if layer.version:
        counts.other_protocol += unread
    else:
        counts.not_ip += unread
