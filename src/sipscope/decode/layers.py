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

MAX_LAYERS = 16
"""Headers from the link to the transport: eight VLAN tags, IP and its extensions fit."""


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
        datagrams: Layers that begin at a UDP header.
        segments: Layers that begin at a TCP header.
        fragments: Fragments of UDP and TCP.
    """

    batch: PacketBatch
    counts: NetworkCounts
    datagrams: list[Layer] = field(default_factory=list)
    segments: list[Layer] = field(default_factory=list)
    fragments: list[Fragments] = field(default_factory=list)

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


Step = Callable[[Dissection, Layer], Iterable[Inside]]
Tables = Mapping[str, Mapping[int, Step]]


def dissect(batch: PacketBatch, tables: Tables, counts: NetworkCounts) -> Dissection:
    """Take the packets of a batch apart, from their link type to UDP, TCP and fragments."""
    dissection = Dissection(batch, counts)
    frames = Layer(np.arange(len(batch)), batch.offset, batch.offset + batch.captured, batch.offset)
    link_types = np.full(len(batch), batch.link_type)
    pending = list(_next_steps(Inside("link", link_types, frames), tables, counts))
    for depth in range(1, MAX_LAYERS + 1):
        if not pending:
            break
        deeper: list[tuple[Step, Layer]] = []
        for step, layer in pending:
            for inside in step(dissection, layer):
                deeper += _next_steps(inside, tables, counts)
        pending = deeper
        if depth == MAX_LAYERS:
            counts.encapsulation_too_deep += sum(len(layer) for _, layer in pending)
    return dissection


def _next_steps(
    inside: Inside, tables: Tables, counts: NetworkCounts
) -> Iterator[tuple[Step, Layer]]:
    """Part the packets by the step that reads them next; count those that no step reads."""
    steps, (_, number, layer) = tables[inside.table], inside
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
