"""RTP packets on their way into the columns, and which of them belong together."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.decode.address import Flow
from sipscope.decode.rtp import RtpBlock

PROBATION = 5
"""So many packets must look like RTP before a stream that no SDP announced is listed."""

_PROBATION_STEP = 4


class Packets(NamedTuple):
    """Packets that wait for the next flush; `local` is an index into the touched streams."""

    local: NDArray[np.int32]
    time: NDArray[np.int64]
    sequence: NDArray[np.uint16]
    timestamp: NDArray[np.uint32]
    payload_type: NDArray[np.uint8]
    marker: NDArray[np.bool_]
    length: NDArray[np.uint16]
    dscp: NDArray[np.uint8]

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_] | slice) -> "Packets":
        """Return the packets at these positions."""
        columns: tuple[Any, ...] = self
        return Packets(*[column[which] for column in columns])

    def by_stream(self, streams: int) -> "Packets":
        """Return the packets of one stream after those of another, each in order."""
        local = self.local.astype(np.uint16) if streams < 1 << 16 else self.local
        return self.take(np.argsort(local, kind="stable"))

    def plain(self, streams: int) -> NDArray[np.bool_]:
        """Return which streams have one payload type throughout, and no marker."""
        usual = np.empty(streams, np.uint8)
        usual[self.local] = self.payload_type
        special = usual[self.local] != self.payload_type
        special |= self.marker
        plain = np.ones(streams, np.bool_)
        plain[self.local[special]] = False
        return plain


def concatenate(parts: Sequence[Packets]) -> Packets:
    """Return the packets of all parts as one."""
    columns: list[Any] = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Packets(*columns)


def pairs_of(
    block: RtpBlock, flows: Sequence[Flow]
) -> tuple[NDArray[np.int64], list[tuple[Flow, int]]]:
    """Return each packet's index into the distinct pairs of flow and SSRC, and the pairs.

    Most flows have one SSRC: the last one of each flow needs no sorting, only others do.
    """
    usual = np.empty(len(flows), np.uint32)
    usual[block.flow] = block.ssrc
    used = np.flatnonzero(np.bincount(block.flow, minlength=len(flows)))
    place = np.empty(len(flows), np.int64)
    place[used] = np.arange(len(used))
    pair = place[block.flow]
    keys = _keys(flows, used.tolist(), usual[used].tolist())
    other = np.flatnonzero(usual[block.flow] != block.ssrc)
    if len(other):
        mixed = block.flow[other].astype(np.uint64) << np.uint64(32) | block.ssrc[other]
        distinct, inverse = np.unique(mixed, return_inverse=True)
        pair[other] = len(used) + inverse
        ssrcs = (distinct & np.uint64(0xFFFFFFFF)).tolist()
        keys += _keys(flows, (distinct >> np.uint64(32)).tolist(), ssrcs)
    return pair, keys


def _keys(
    flows: Sequence[Flow], flow: Iterable[int], ssrc: Iterable[int]
) -> list[tuple[Flow, int]]:
    """Return the keys of streams."""
    return [(flows[index], number) for index, number in zip(flow, ssrc, strict=True)]


def consistent(packets: Packets, size: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which streams look like RTP: most numbers are a little above the one before.

    A number that comes again at once tells nothing: some captures have every packet twice.
    """
    step = np.zeros(len(packets.sequence), np.uint16)
    step[1:] = packets.sequence[1:] - packets.sequence[:-1]
    first = np.cumsum(size) - size
    step[first] = 0
    forward = np.add.reduceat(step - np.uint16(1) < _PROBATION_STEP, first, dtype=np.int64)
    steps = np.add.reduceat(step != 0, first, dtype=np.int64)
    result: NDArray[np.bool_] = (size >= PROBATION) & (forward * 2 >= PROBATION - 1)
    result &= forward * 2 >= steps
    return result
