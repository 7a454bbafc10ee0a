"""From packets by stream to the columns: everything that a flush computes."""

import numpy as np
from numpy.typing import NDArray

from sipscope.rtpqos.columns import SECOND, Arrivals, Columns
from sipscope.rtpqos.intervals import follow_intervals
from sipscope.rtpqos.packets import Packets
from sipscope.rtpqos.sequence import begin_sequence, follow_sequence
from sipscope.rtpqos.stream import Stream
from sipscope.rtpqos.timing import follow_timing


def _follow(self, packets: _Packets, streams: list[Stream], size: NDArray[np.int64]) -> None:
    """Book sorted packets of accepted streams."""
    state = self._columns.state
    row = np.fromiter((stream.row for stream in streams), np.int64, len(streams))
    first = np.cumsum(size) - size
    self._begin(packets, row, first)
    clock = self._clocks(packets, streams, row, size)
    arrivals = Arrivals(
        row, first, size, packets.time, packets.sequence, packets.timestamp, clock
    )
    lost = state["lost"][row]
    sequence = follow_sequence(self._columns, arrivals)
    timing = follow_timing(self._columns, arrivals, sequence.step, sequence.strays)
    follow_intervals(self._columns, arrivals, timing, sequence.losses)
    last = arrivals.last
    state["last"][row] = packets.time[last]
    state["dscp"][row] = packets.dscp[last]
    state["packets"][row] += size
    state["octets"][row] += np.add.reduceat(packets.length, first, dtype=np.int64)
    self._follow_now(row, size, state["lost"][row] - lost)

def _begin(self, packets: _Packets, row: NDArray[np.int64], first: NDArray[np.int64]) -> None:
    """Set up the rows that see their first packet."""
    state = self._columns.state
    new = np.flatnonzero(state["packets"][row] == 0)
    rows, at = row[new], first[new]
    state["first"][rows] = state["now_since"][rows] = packets.time[at]
    state["payload_type"][rows] = packets.payload_type[at]
    begin_sequence(self._columns, rows, packets.sequence[at])

def _clocks(
    self,
    packets: _Packets,
    streams: list[Stream],
    row: NDArray[np.int64],
    size: NDArray[np.int64],
) -> NDArray[np.int32]:
    """Count the payload types; return the clock rate of each packet's, 0 for no speech."""
    state = self._columns.state
    kind = packets.payload_type
    usual = state["payload_type"][row]
    last = np.cumsum(size) - 1
    odd = np.flatnonzero(kind != np.repeat(usual, size))
    mixed = np.zeros(len(streams), np.bool_)
    mixed[np.searchsorted(last, odd)] = True
    clocks = np.zeros(len(streams), np.int32)
    for index, (stream, number, packets) in enumerate(
        zip(streams, usual.tolist(), size.tolist(), strict=True)
    ):
        clocks[index] = stream.clock(number)
        if not mixed[index]:
            stream.count(number, packets)
    clock = np.repeat(clocks, size)
    if len(odd):
        at = np.flatnonzero(np.repeat(mixed, size))
        index = np.searchsorted(last, at)
        pair, where, inverse, count = np.unique(
            index * 128 + kind[at], return_index=True, return_inverse=True, return_counts=True
        )
        rates = np.zeros(len(pair), np.int32)
        for number in np.argsort(where).tolist():
            stream, payload_type = streams[pair[number] >> 7], int(pair[number]) & 0x7F
            stream.count(payload_type, int(count[number]))
            rates[number] = stream.clock(payload_type)
        clock[at] = rates[inverse]
    state["payload_type"][row] = kind[last]
    return clock

def _follow_now(
    self, row: NDArray[np.int64], packets: NDArray[np.int64], lost: NDArray[np.int64]
) -> None:
    """Book the running second of each row, and close it when it is over."""
    state = self._columns.state
    state["now_packets"][row] += packets
    state["now_lost"][row] += lost
    span = state["last"][row] - state["now_since"][row]
    over = row[span >= SECOND]
    state["past_ns"][over] = span[span >= SECOND]
    state["past_packets"][over] = state["now_packets"][over]
    state["past_lost"][over] = state["now_lost"][over]
    state["now_packets"][over] = state["now_lost"][over] = 0
    state["now_since"][over] = state["last"][over]
