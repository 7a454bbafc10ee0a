"""What is kept of every stream: fixed columns, one row a stream, and the packets to add.

The figures of a stream need the same memory after a second and after a day.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

INTERVALS = 128
RUNS = 32
BURSTS = 32
STEPS = 64
PARTS = 4
SECOND = 1_000_000_000
WINDOW = 100
"""The delay of the adaptive jitter buffer rests on so many packets,"""
RECENT_PACKETS = 500
"""and its zero on so many."""
RING = 512
NO_DELTA = np.iinfo(np.int64).max

PART = np.dtype([("expected", "i8"), ("unheard", "i8"), ("runs", "i8")])
STATE = np.dtype(
    [
        ("first", "i8"),  # time of the first packet, ns
        ("last", "i8"),  # time of the newest packet, ns
        ("packets", "i8"),
        ("octets", "i8"),
        ("markers", "i8"),  # packets with the marker bit, without the first packet
        ("lost", "i8"),
        ("duplicates", "i8"),
        ("late", "i8"),  # came after a higher number, and for the first time
        ("strays", "i8"),  # numbers out of all order that were no restart
        ("restarts", "i8"),
        ("sequence", "u2"),  # of the newest packet
        ("highest", "i8"),  # extended highest sequence number
        ("jump", "i4"),  # the number that would confirm a restart, -1 for none
        ("runs", "i8"),  # runs of missing numbers so far, the newest are in `run`
        ("delta_min", "i8"),  # ns
        ("delta_max", "i8"),  # ns
        ("heard_time", "i8"),  # of the newest speech packet, ns
        ("heard_timestamp", "u4"),  # of the newest speech packet
        ("heard_clock", "i4"),  # of the newest speech packet, 0 before the first
        ("adjacent", "?"),  # the newest packet is the newest speech packet
        ("jitter", "f8"),  # ms, as are its sum and maximum
        ("jitter_sum", "f8"),
        ("jitter_max", "f8"),
        ("samples", "i8"),  # of jitter
        # The same over every packet; unlike that over speech only when some were `exempt`.
        ("exempt", "?"),
        ("timestamp", "u4"),  # of the newest packet
        ("clock", "i4"),  # of the newest packet that has one
        ("jitter_all", "f8"),
        ("jitter_all_sum", "f8"),
        ("jitter_all_max", "f8"),
        ("samples_all", "i8"),
        ("bases", "i8"),  # of timestamps, the first included
        ("anchor", "i8"),  # time from which skew and drift count, ns
        ("ticks", "i8"),  # timestamp units since then
        ("skew_high", "f8"),  # ms
        ("skew_low", "f8"),  # ms
        ("n", "i8"),  # speech packets since the anchor, and their sums:
        ("x", "f8"),  # time since the anchor, s
        ("xx", "f8"),
        ("e", "f8"),  # skew, ms
        ("xe", "f8"),
        ("payload_type", "u1"),  # of the newest packet
        ("dscp", "u1"),  # of the newest packet
        ("dscp_changes", "i4"),
        ("silences", "i4"),  # timestamp gaps without a gap of numbers
        ("width", "i8"),  # of one interval, ns
        ("now_since", "i8"),  # when the running second began, ns
        ("now_packets", "i8"),
        ("now_lost", "i8"),
        ("now", PART),
        ("past_ns", "i8"),  # length of the second before it
        ("past_packets", "i8"),
        ("past_lost", "i8"),
        ("past", PART),
        # The jitter buffer, see `jitter_buffer`.
        ("played", "?"),  # there is a newest packet that was in order:
        ("played_sequence", "u2"),
        ("played_timestamp", "u4"),
        ("frame_ms", "f8"),  # from its timestamp to the next one's; 0 when not known
        ("anchored", "?"),
        ("anchor_skew", "f8"),  # of the packet that the buffer plays by, ms
        ("discarded_now", "i4"),  # newest packets in a row that were discarded
        # The worst part, see `worst`.
        ("part", "i8"),  # the newest
        ("worst", "f8"),  # R
    ]
)

HEARD = np.dtype(
    [
        ("discarded", "i8"),
        ("recent", "u8"),  # bit n: the highest number less n was not heard
        ("runs", "i8"),  # of numbers not heard before `recent`, as is all that follows
        ("bursts", "i8"),
        ("burst_packets", "i8"),
        ("burst_unheard", "i8"),
        ("group_start", "i8"),  # first number not heard of what may become a burst
        ("group_end", "i8"),  # after its last one
        ("group_unheard", "i8"),
    ]
)

ADAPTIVE = np.dtype(
    [
        ("packets", "i8"),  # since it started anew
        ("judged", "i8"),  # in all
        ("delay_sum", "f8"),  # ms, before each of these
        ("delay_max", "f8"),  # ms
        # Bounds of what is newest, the first of each growing, the second the one before.
        ("least", "f8", 2),  # ms, least transit time of 500 packets or more
        ("least_of", "i8"),  # how many packets the first is of
        ("border", "f8", 2),  # ms, no more than what lets the delay grow
        ("beyond", "i8", 2),  # packets of 100 or more with a longer transit time
        ("beyond_of", "i8"),
    ]
)

RUN = np.dtype(
    [
        ("start", "i8"),  # extended number of the first missing one
        ("length", "i4"),
        ("since", "i8"),  # when the gap was seen, ns; -1: before the beginning, not lost
    ]
)

BURST = np.dtype([("count", "u4"), ("lost", "u4")])

INTERVAL = np.dtype(
    [
        ("packets", "u4"),
        ("lost", "i4"),
        ("jitter", "f4"),  # highest, ms; -inf without a sample
        ("delta", "f4"),  # longest, ms; -inf without one
        ("expected", "i4"),  # numbers that came for the first time, and those lost
        ("unheard", "i4"),  # lost and discarded
        ("runs", "i4"),  # runs of numbers not heard that begin here
    ]
)

NO_STATE = np.zeros((), STATE)
NO_STATE["jump"] = -1
NO_STATE["delta_min"] = NO_DELTA
NO_STATE["delta_max"] = -NO_DELTA
NO_STATE["skew_high"] = -np.inf
NO_STATE["skew_low"] = np.inf
NO_STATE["width"] = SECOND
NO_STATE["worst"] = np.inf
NO_ADAPTIVE = np.zeros((), ADAPTIVE)
NO_ADAPTIVE["least"], NO_ADAPTIVE["border"] = np.inf, -np.inf
NO_INTERVAL = np.array((0, 0, -np.inf, -np.inf, 0, 0, 0), INTERVAL)

NO_TRANSIT = np.full(RING, np.inf)
"""As if before the first packet: of 100 the 6th greatest is the quantile. Of c packets the
95 % quantile is the (c // 20 + 1)th, so of what is before, 5 - c // 20 are greater."""
NO_TRANSIT[-WINDOW:] = -np.inf
NO_TRANSIT[[-1, -21, -41, -61, -81]] = np.inf

WIRESHARK = np.dtype(
    [
        ("packets", "i8"),
        ("first_sequence", "u2"),
        ("last_sequence", "u2"),  # newest that was in sequence
        ("stop_sequence", "u2"),  # of the newest packet
        ("first_timestamp", "u4"),
        ("start", "i8"),  # time of the first packet, ns
        ("time", "i8"),  # of the newest packet with a timestamp in sequence, ns
        ("nominal", "f8"),  # its timestamp, ms after the first
        ("payload_type", "u1"),  # of the newest packet
        ("cycles", "i8"),
        ("under", "?"),  # the numbers are below the first one, after a wrap
        ("sequence_errors", "i8"),
        ("wrong_timestamp", "?"),
        ("jitter", "f8"),
        ("delta_min", "f8"),  # ms, -1 before the first; as for jitter
        ("delta_mean", "f8"),
        ("delta_max", "f8"),
        ("jitter_min", "f8"),
        ("jitter_mean", "f8"),
        ("jitter_max", "f8"),
        ("max_skew", "f8"),  # ms, with sign
        ("x", "f8"),  # sums of arrival and timestamp times, ms after the first
        ("y", "f8"),
        ("xx", "f8"),
        ("xy", "f8"),
    ]
)
NO_WIRESHARK = np.zeros((), WIRESHARK)
NO_WIRESHARK["delta_min"] = NO_WIRESHARK["jitter_min"] = -1


class Columns:
    """The rows of all streams that are followed.

    Attributes:
        state: One record of `STATE` a stream.
        heard_fixed: One record of `HEARD` a stream, with the fixed jitter buffer.
        heard_adaptive: The same with the adaptive one.
        adaptive: One record of `ADAPTIVE` a stream.
        transit: The newest transit times of a stream in ms, a ring of `RING`; packet n since
            the buffer started anew is at n modulo `RING`.
        every_figure: Whether what Wireshark shows and the adaptive buffer are followed, too.
        wireshark: One record of `WIRESHARK` a stream.
        run: The newest runs of missing numbers, a ring of `RUNS` a stream.
        burst: Histogram of loss runs, `BURSTS` bins a stream.
        step: Histogram of timestamp steps, `STEPS` bins of 2.5 ms a stream.
        interval: `INTERVALS` records of `INTERVAL` a stream.
        part_ns: Length of a part.
        part: The newest `PARTS` parts of a stream, a ring.
    """

    def __init__(self, *, every_figure: bool = True, part_ns: int = 10 * SECOND) -> None:
        self.every_figure = every_figure
        self.part_ns = part_ns
        self.state = np.zeros(0, STATE)
        self.heard_fixed = np.zeros(0, HEARD)
        self.heard_adaptive = np.zeros(0, HEARD)
        self.adaptive = np.zeros(0, ADAPTIVE)
        self.transit = np.zeros((0, RING))
        self.wireshark = np.zeros(0, WIRESHARK)
        self.run = np.zeros((0, RUNS), RUN)
        self.burst = np.zeros((0, BURSTS), BURST)
        self.step = np.zeros((0, STEPS), np.uint32)
        self.interval = np.zeros((0, INTERVALS), INTERVAL)
        self.part = np.zeros((0, PARTS), PART)
        self._free: list[int] = []

    def take(self, count: int) -> NDArray[np.int64]:
        """Return so many cleared rows."""
        if len(self._free) < count:
            self._grow(count - len(self._free))
        row = np.array([self._free.pop() for _ in range(count)], np.int64)
        self.state[row] = NO_STATE
        self.heard_fixed[row] = self.heard_adaptive[row] = 0
        self.adaptive[row] = NO_ADAPTIVE
        self.wireshark[row] = NO_WIRESHARK
        self.run[row] = 0
        self.burst[row] = 0
        self.step[row] = 0
        self.interval[row] = NO_INTERVAL
        self.part[row] = 0
        return row

    def give_back(self, row: int) -> None:
        """Let another stream have the row."""
        self._free.append(row)

    def values(self, row: int) -> dict[str, Any]:
        """Return what `state` has of one row, by name, as Python numbers."""
        return record_values(self.state[row])

    def _grow(self, least: int) -> None:
        """Double the number of rows until there are so many more."""
        size = len(self.state)
        more = max(size, 16)
        while more < least:
            more = 2 * more + size
        self._free.extend(range(size + more - 1, size - 1, -1))
        for name, table in vars(self).items():
            if isinstance(table, np.ndarray):
                # What is not written to takes no memory.
                grown = np.zeros((size + more, *table.shape[1:]), table.dtype)
                grown[:size] = table
                setattr(self, name, grown)


def record_values(record: np.void) -> dict[str, Any]:
    """Return the fields of a record by name: at once, as field by field takes ten times longer."""
    return dict(zip(record.dtype.names or (), record.item(), strict=True))


class Arrivals(NamedTuple):
    """Packets to add to the columns, by stream and then in the order of arrival.

    Attributes:
        row: Each stream's row in the columns.
        first: Where each stream's packets begin.
        size: How many packets each stream has, never 0.
        time: Of each packet, in ns.
        sequence: Of each packet.
        timestamp: Of each packet.
        clock: Of each packet's payload type, 0 when unknown or not speech.
    """

    row: NDArray[np.int64]
    first: NDArray[np.int64]
    size: NDArray[np.int64]
    time: NDArray[np.int64]
    sequence: NDArray[np.uint16]
    timestamp: NDArray[np.uint32]
    clock: NDArray[np.int32]

    @property
    def last(self) -> NDArray[np.int64]:
        """Where each stream's packets end."""
        return self.first + self.size - 1

    def stream_of(self, position: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the index in `row` of the packets at `position`."""
        return np.searchsorted(self.first, position, "right") - 1


class Selection(NamedTuple):
    """Some of the packets of some arrivals, stream by stream.

    Attributes:
        stream: Index of each stream that has one, ascending.
        position: Where the packets lie in the arrivals; a slice when it is all of them.
        first: Where each stream's packets begin among the selected.
        last: Where they end.
    """

    stream: NDArray[np.int64] | slice
    position: NDArray[np.int64] | slice
    first: NDArray[np.int64]
    last: NDArray[np.int64]


def select(mask: NDArray[np.bool_], first: NDArray[np.int64]) -> Selection | None:
    """Return the packets where `mask` is set, None when there is none.

    Args:
        mask: One entry a packet, at least one.
        first: Where each stream's packets begin, ascending from 0.
    """
    if mask.all():
        return Selection(slice(None), slice(None), first, np.append(first[1:], len(mask)) - 1)
    count = np.add.reduceat(mask, first, dtype=np.int64)
    stream = np.flatnonzero(count)
    if not len(stream):
        return None
    last = np.cumsum(count[stream]) - 1
    return Selection(stream, np.flatnonzero(mask), last - count[stream] + 1, last)


class Hearing(NamedTuple):
    """Changes of what was to be heard and what was not, one entry each.

    Beside them, every packet of some arrivals counts as one expected.

    Attributes:
        stream: Index in the `row` of the arrivals.
        time: When it is booked, ns.
        expected: Numbers more or less that are expected.
        unheard: Numbers more or less of them that were lost or discarded.
        runs: Runs more or less of numbers not heard that begin then.
        age: How long after `time` it was known, ns.
    """

    stream: NDArray[np.int64]
    time: NDArray[np.int64]
    expected: NDArray[np.int64]
    unheard: NDArray[np.int64]
    runs: NDArray[np.int64]
    age: NDArray[np.int64]


class Losses(NamedTuple):
    """Losses seen and taken back, one entry each.

    Attributes:
        row: Whose.
        time: When the gap was seen, ns.
        lost: Packets; below 0 for those that came late.
    """

    row: NDArray[np.int64]
    time: NDArray[np.int64]
    lost: NDArray[np.int64]
