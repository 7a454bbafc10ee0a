"""From packets by stream to the columns: everything that a flush computes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sipscope.rtpqos.bursts import Numbers, follow_bursts
from sipscope.rtpqos.columns import SECOND, Arrivals, Columns, Hearing
from sipscope.rtpqos.intervals import follow_intervals
from sipscope.rtpqos.jitter_buffer import follow_jitter_buffer
from sipscope.rtpqos.packets import Packets
from sipscope.rtpqos.sequence import begin_sequence, follow_sequence
from sipscope.rtpqos.stream import Stream
from sipscope.rtpqos.timing import follow_timing
from sipscope.rtpqos.wireshark import follow_wireshark
from sipscope.rtpqos.worst import follow_worst


def book(
    columns: Columns, packets: Packets, streams: Sequence[Stream], size: NDArray[np.int64]
) -> None:
    """Book packets, which lie stream by stream in the order of arrival.

    Args:
        columns: Where each stream has a row.
        packets: Of all streams.
        streams: In the order of their packets.
        size: How many packets each stream has, never 0.
    """
    state = columns.state
    row = np.fromiter((stream.row for stream in streams), np.int64, len(streams))
    first = np.cumsum(size) - size
    _begin(columns, packets, row, first)
    clock, kilohertz = _clocks(columns, packets, streams, size)
    arrivals = Arrivals(row, first, size, packets.time, packets.sequence, packets.timestamp, clock)
    lost = state["lost"][row]
    highest = state["highest"][row]
    sequence = follow_sequence(columns, arrivals)
    timing = follow_timing(columns, arrivals, sequence.step, sequence.strays)
    discarded = follow_jitter_buffer(columns, arrivals, packets.marker, timing, sequence)
    numbers = Numbers(highest, state["highest"][row])
    hearing = follow_bursts(columns.heard_fixed, arrivals, numbers, sequence, discarded.fixed)
    follow_intervals(columns, arrivals, timing, sequence.losses, hearing)
    follow_worst(columns, arrivals, hearing, streams)
    if columns.every_figure:
        follow_bursts(columns.heard_adaptive, arrivals, numbers, sequence, discarded.adaptive)
        follow_wireshark(columns, arrivals, kilohertz, packets.payload_type, packets.marker)
    last = arrivals.last
    state["last"][row] = packets.time[last]
    _follow_dscp(columns, packets, row, first, last)
    state["payload_type"][row] = packets.payload_type[last]
    markers = np.add.reduceat(packets.marker, first, dtype=np.int64)
    state["markers"][row] += markers - (packets.marker[first] & (state["packets"][row] == 0))
    state["packets"][row] += size
    state["octets"][row] += np.add.reduceat(packets.length, first, dtype=np.int64)
    _follow_now(columns, arrivals, state["lost"][row] - lost, hearing)


def _begin(
    columns: Columns, packets: Packets, row: NDArray[np.int64], first: NDArray[np.int64]
) -> None:
    """Set up the rows that see their first packet."""
    state = columns.state
    new = state["packets"][row] == 0
    rows, at = row[new], first[new]
    state["first"][rows] = state["now_since"][rows] = packets.time[at]
    state["payload_type"][rows] = packets.payload_type[at]
    state["dscp"][rows] = packets.dscp[at]
    begin_sequence(columns, rows, packets.sequence[at])


def _follow_dscp(
    columns: Columns,
    packets: Packets,
    row: NDArray[np.int64],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
) -> None:
    """Book the marking of the newest packet, and how often it changed."""
    state, dscp = columns.state, packets.dscp
    changed = np.empty(len(dscp), np.bool_)
    np.not_equal(dscp[1:], dscp[:-1], out=changed[1:])
    changed[first] = dscp[first] != state["dscp"][row]
    if changed.any():
        state["dscp_changes"][row] += np.add.reduceat(changed, first, dtype=np.int32)
    state["dscp"][row] = dscp[last]


def _clocks(
    columns: Columns, packets: Packets, streams: Sequence[Stream], size: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Count the payload types; return two clocks of each packet's, as rows.

    The first is the rate in Hz, 0 for no speech, the second that of Wireshark in kHz.

    Most streams have the payload type of their newest packet throughout.
    """
    kind = packets.payload_type
    usual = columns.state["payload_type"][[stream.row for stream in streams]]
    last = np.cumsum(size) - 1
    mixed = np.zeros(len(streams), np.bool_)
    mixed[np.searchsorted(last, np.flatnonzero(kind != np.repeat(usual, size)))] = True
    clocks = np.zeros((2, len(streams)), np.int32)
    numbers, counts, others = usual.tolist(), size.tolist(), mixed.tolist()
    for index, stream in enumerate(streams):
        if not others[index]:
            stream.count(numbers[index], counts[index])
            clocks[0, index] = stream.clock(numbers[index])
            clocks[1, index] = stream.wireshark_kilohertz(numbers[index])
    clock = np.repeat(clocks, size, axis=1)
    if mixed.any():
        at = np.flatnonzero(np.repeat(mixed, size))
        distinct, begin, inverse, count = np.unique(
            np.searchsorted(last, at) * 128 + kind[at],
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        rates = np.zeros((2, len(distinct)), np.int32)
        for number in np.argsort(begin).tolist():
            index, payload_type = divmod(int(distinct[number]), 128)
            streams[index].count(payload_type, int(count[number]))
            rates[0, number] = streams[index].clock(payload_type)
            rates[1, number] = streams[index].wireshark_kilohertz(payload_type)
        clock[:, at] = rates[:, inverse]
    return clock


def _follow_now(
    columns: Columns, arrivals: Arrivals, lost: NDArray[np.int64], hearing: Hearing
) -> None:
    """Book the running second of each row, and close it when it is over."""
    state, row = columns.state, arrivals.row
    state["now_packets"][row] += arrivals.size
    state["now_lost"][row] += lost
    state["now"]["expected"][row] += arrivals.size
    place = row[hearing.stream]
    np.add.at(state["now"]["expected"], place, hearing.expected)
    np.add.at(state["now"]["unheard"], place, hearing.unheard)
    np.add.at(state["now"]["runs"], place, hearing.runs)
    span = state["last"][row] - state["now_since"][row]
    over = row[span >= SECOND]
    state["past_ns"][over] = span[span >= SECOND]
    state["past_packets"][over] = state["now_packets"][over]
    state["past_lost"][over] = state["now_lost"][over]
    state["past"][over] = state["now"][over]
    state["now_packets"][over] = state["now_lost"][over] = 0
    state["now"][over] = 0
    state["now_since"][over] = state["last"][over]
