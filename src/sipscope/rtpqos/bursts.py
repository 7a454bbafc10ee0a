"""What a listener did not hear: runs of lost and discarded packets, bursts and gaps.

A number is unheard when it was lost or its packet was discarded. Of the newest 64 numbers
of a stream each is known, so that a packet that comes late after all mends what it can;
older ones are counted and forgotten. Numbers from before the first packet are in no run.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.rtpqos.columns import Arrivals, Hearing
from sipscope.rtpqos.sequence import SequenceResult

RECENT: Final = 64
"""How many of the newest numbers are known one by one."""
GMIN: Final = 16
"""So many numbers heard in a row end a burst (RFC 3611 section 4.7.2)."""

_NUMBER_BITS = 44
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_UNHEARD = re.compile("1+")


class GapBurst(NamedTuple):
    """Gaps and bursts by the definition of RFC 3611 section 4.7.2, with Gmin 16.

    A burst begins and ends with an unheard packet, has at least two of them, and nowhere
    16 packets in a row that were heard; the rest is gap. Before and after a stream all
    packets count as heard.

    Attributes:
        bursts: How many there are.
        burst_packets: All packets in them.
        burst_unheard: Those lost or discarded.
        gap_packets: All packets in gaps.
        gap_unheard: Those lost or discarded.
    """

    bursts: int
    burst_packets: int
    burst_unheard: int
    gap_packets: int
    gap_unheard: int

    @property
    def burst_density(self) -> float:
        """The share of unheard packets in bursts, 0 to 1."""
        return self.burst_unheard / self.burst_packets if self.burst_packets else 0.0

    @property
    def gap_density(self) -> float:
        """The share of unheard packets in gaps, 0 to 1."""
        return self.gap_unheard / self.gap_packets if self.gap_packets > 0 else 0.0

    def burst_ms(self, ptime_ms: float) -> float:
        """Return the mean length of a burst."""
        return self.burst_packets * ptime_ms / self.bursts if self.bursts else 0.0

    def gap_ms(self, ptime_ms: float) -> float:
        """Return the length of all gaps over the number of bursts."""
        return self.gap_packets * ptime_ms / max(self.bursts, 1)


class _Runs(NamedTuple):
    """Runs of numbers, ascending; a number stands with its stream in one integer."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]

    def have(self, number: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which numbers are in a run."""
        if not len(self.start):
            return np.zeros(len(number), np.bool_)
        index = np.searchsorted(self.start, number, "right") - 1
        result: NDArray[np.bool_] = (index >= 0) & (number < self.end[index])
        return result


class Numbers(NamedTuple):
    """The highest numbers of some streams, before and after some arrivals."""

    before: NDArray[np.int64]
    after: NDArray[np.int64]


def follow_bursts(
    heard: NDArray[np.void],
    arrivals: Arrivals,
    highest: Numbers,
    sequence: SequenceResult,
    discarded: NDArray[np.int64],
) -> Hearing:
    """Book what was not heard of new arrivals.

    Args:
        heard: Where to book, records of `HEARD`.
        arrivals: What came.
        highest: Numbers of the streams.
        sequence: What the numbers said.
        discarded: Positions of the packets that the jitter buffer discarded.
    """
    gaps, late = sequence.gaps, sequence.late
    unplayed = np.isin(late.position, discarded, assume_unique=True)
    fresh = discarded[~np.isin(discarded, late.position, assume_unique=True)]
    position = np.concatenate((gaps.position, fresh))
    stream = arrivals.stream_of(position)
    start = _keys(stream, np.concatenate((gaps.start, sequence.pieces.numbers(fresh))))
    length = np.concatenate((gaps.length, np.ones(len(fresh), np.int64)))
    mended = ~unplayed & (late.since >= 0)
    known = mended & (late.behind < RECENT)
    mend = np.sort(_keys(arrivals.stream_of(late.position[known]), late.number[known]))
    stream = arrivals.stream_of(discarded)
    heard["discarded"][arrivals.row] += np.bincount(stream, minlength=len(arrivals.row))
    begins, changes = _follow_runs(heard, arrivals, highest, (start, start + length, mend))
    late_runs = np.zeros(len(late.position), np.int64)
    late_keys = _keys(arrivals.stream_of(late.position[known]), late.number[known])
    late_runs[known] = changes[np.searchsorted(mend, late_keys)]
    return _hearing(
        arrivals,
        sequence,
        (position, length, begins),
        (unplayed, mended, late_runs),
    )


def _keys(stream: NDArray[np.int64], number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return streams and numbers in one integer each."""
    return (stream << _NUMBER_BITS) + number


def _hearing(
    arrivals: Arrivals,
    sequence: SequenceResult,
    unheard: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    late: tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]],
) -> Hearing:
    """Return what is to be booked by time.

    Args:
        arrivals: What came.
        sequence: What the numbers said.
        unheard: Gaps and then discarded packets in order: position, length, whether a run
            begins.
        late: Of packets that came late, which were discarded, which were lost and are not,
            and how many runs more there are by them.
    """
    position, length, begins = unheard
    unplayed, mended, late_runs = late
    before = sequence.late.since < 0
    counted = np.zeros(len(position), np.int64)
    counted[: len(sequence.gaps.position)] = sequence.gaps.length
    again = np.concatenate(
        (sequence.late.position[~before], sequence.duplicates, sequence.strays, sequence.restarts)
    )
    sign = np.full(len(again), -1)
    sign[len(again) - len(sequence.restarts) :] = 1
    early = sequence.late.position[before & unplayed]
    since = sequence.late.since[mended]
    where = np.concatenate((position, again, early, sequence.late.position[mended]))
    none, one = np.zeros(len(where), np.int64), np.ones(len(early), np.int64)
    time = arrivals.time[where]
    age = np.zeros(len(where), np.int64)
    age[len(where) - len(since) :] = time[len(where) - len(since) :] - since
    time -= age
    return Hearing(
        stream=arrivals.stream_of(where),
        time=time,
        expected=np.concatenate((counted, sign, none[: len(early) + len(since)])),
        unheard=np.concatenate((length, none[: len(again)], one, none[: len(since)] - 1)),
        runs=np.concatenate((begins, none[: len(again) + len(early)], late_runs[mended])),
        age=age,
    )


def _follow_runs(
    heard: NDArray[np.void],
    arrivals: Arrivals,
    highest: Numbers,
    changes: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Book runs; return how many runs more each new one and each mended number makes.

    Args:
        heard: Where to book.
        arrivals: What came.
        highest: Numbers of the streams.
        changes: Starts and ends of what is new, none of it recent, and what is mended,
            ascending.
    """
    start, end, mend = changes
    old = _recent_runs(heard["recent"][arrivals.row], highest.before)
    starts = np.concatenate((old.start, start))
    if not len(starts):
        return start, mend
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.concatenate((old.end, end))[order]
    begins = np.ones(len(starts), np.int64)
    begins[1:] = starts[1:] != ends[:-1]
    more = np.empty_like(begins)
    more[order] = begins
    begin = np.flatnonzero(begins)
    runs = _Runs(starts[begin], ends[np.append(begin[1:], len(ends)) - 1])
    after = mend + 1
    mends = runs.have(after) & ~np.isin(after, mend, assume_unique=True)
    mends_runs = mends.astype(np.int64) - ~runs.have(mend - 1)
    pieces = _Runs(
        np.sort(np.concatenate((runs.start, after))), np.sort(np.concatenate((runs.end, mend)))
    )
    some = pieces.start < pieces.end
    _store(heard, arrivals.row, highest.after, _Runs(pieces.start[some], pieces.end[some]))
    return more[len(old.start) :], mends_runs


def _recent_runs(bits: NDArray[np.uint64], highest: NDArray[np.int64]) -> _Runs:
    """Return the runs of recent numbers that were not heard."""
    stream = np.flatnonzero(bits)
    octets = bits[stream].astype(">u8").view(np.uint8).reshape(-1, 8)
    unheard = np.zeros((len(stream), RECENT + 2), np.int8)
    unheard[:, 1:-1] = np.unpackbits(octets, axis=1)
    edges = np.diff(unheard, axis=1)
    lowest = _keys(stream, highest[stream] - RECENT + 1)
    which, place = np.nonzero(edges == 1)
    start = lowest[which] + place
    which, place = np.nonzero(edges == -1)
    return _Runs(start, lowest[which] + place)


def _store(
    heard: NDArray[np.void], row: NDArray[np.int64], highest: NDArray[np.int64], runs: _Runs
) -> None:
    """Keep the runs of recent numbers, and count the others."""
    stream = runs.start >> _NUMBER_BITS
    border = _keys(stream, highest[stream] - RECENT + 1)
    bits = np.zeros(len(row), np.uint64)
    kept = runs.end > border
    newest, end = _keys(stream[kept], highest[stream[kept]]) + 1, runs.end[kept]
    length = end - np.maximum(runs.start[kept], border[kept])
    mask = _ALL >> (RECENT - length).astype(np.uint64) << (newest - end).astype(np.uint64)
    np.bitwise_or.at(bits, stream[kept], mask)
    heard["recent"][row] = bits
    final = runs.start < border
    _count(
        heard,
        row,
        stream[final],
        _Runs(runs.start[final], np.minimum(runs.end[final], border[final])),
    )


def _count(
    heard: NDArray[np.void], row: NDArray[np.int64], stream: NDArray[np.int64], runs: _Runs
) -> None:
    """Count runs, and the bursts that they end; the newest group of each stream is open."""
    if not len(stream):
        return
    low = stream << _NUMBER_BITS
    start, end = runs.start - low, runs.end - low
    head = np.diff(stream, prepend=-1) != 0
    rows = row[stream]
    before = np.empty_like(end)
    before[1:] = end[:-1]
    before[head] = np.where(
        heard["group_unheard"][rows[head]] > 0, heard["group_end"][rows[head]], -GMIN
    )
    between = start - before
    np.add.at(heard["runs"], rows, between > 0)
    begin = np.flatnonzero(head | (between >= GMIN))
    own = rows[begin]
    # An open group goes on in the first group here, or ends before it.
    goes_on, ends = head[begin] & (between[begin] < GMIN), head[begin] & (between[begin] >= GMIN)
    _end_groups(heard, own[ends], *(heard[name][own[ends]] for name in _GROUP))
    unheard = np.add.reduceat(end - start, begin)
    first, last = start[begin], end[np.append(begin[1:], len(end)) - 1]
    unheard[goes_on] += heard["group_unheard"][own[goes_on]]
    first[goes_on] = heard["group_start"][own[goes_on]]
    newest = np.append(own[1:] != own[:-1], True)
    _end_groups(heard, own[~newest], first[~newest], last[~newest], unheard[~newest])
    for name, column in zip(_GROUP, (first, last, unheard), strict=True):
        heard[name][own[newest]] = column[newest]


_GROUP = ("group_start", "group_end", "group_unheard")


def _end_groups(
    heard: NDArray[np.void],
    row: NDArray[np.int64],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    unheard: NDArray[np.int64],
) -> None:
    """Count the groups that are bursts."""
    burst = unheard > 1
    np.add.at(heard["bursts"], row[burst], 1)
    np.add.at(heard["burst_packets"], row[burst], (end - start)[burst])
    np.add.at(heard["burst_unheard"], row[burst], unheard[burst])


def unheard_runs(heard: Mapping[str, Any], highest: int) -> int:
    """Return how many runs of numbers were not heard.

    Args:
        heard: What is kept of one row.
        highest: Its highest number.
    """
    runs: int = heard["runs"]
    recent = _text(heard)
    runs += len(_UNHEARD.findall(recent))
    joined = recent[0] == "1" and heard["group_unheard"]
    return runs - 1 if joined and heard["group_end"] == highest - RECENT + 1 else runs


def unheard_runs_of(heard: NDArray[np.void], highest: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return `unheard_runs` of many rows."""
    recent = heard["recent"]
    joined = heard["group_end"] == highest - RECENT + 1
    joined &= (recent >> np.uint64(RECENT - 1) != 0) & (heard["group_unheard"] > 0)
    begins = recent & ~(recent << np.uint64(1))
    bits = np.unpackbits(begins.view(np.uint8).reshape(-1, 8), axis=1)
    runs: NDArray[np.int64] = heard["runs"] + bits.sum(axis=1, dtype=np.int64) - joined
    return runs


def gap_burst(heard: Mapping[str, Any], highest: int, expected: int, unheard: int) -> GapBurst:
    """Return the gaps and bursts of one row.

    Args:
        heard: What is kept of it.
        highest: Its highest number.
        expected: Numbers that were to be heard.
        unheard: Those that were not.
    """
    edge = highest - RECENT + 1
    groups = []
    start, end, bad = (heard[name] for name in _GROUP)
    for match in _UNHEARD.finditer(_text(heard)):
        begin, stop = edge + match.start(), edge + match.end()
        if bad and begin - end >= GMIN:
            groups.append((end - start, bad))
            bad = 0
        start = start if bad else begin
        end, bad = stop, bad + stop - begin
    groups.append((end - start, bad))
    found = [group for group in groups if group[1] > 1]
    packets = heard["burst_packets"] + sum(length for length, _ in found)
    in_bursts = heard["burst_unheard"] + sum(lost for _, lost in found)
    return GapBurst(
        bursts=heard["bursts"] + len(found),
        burst_packets=packets,
        burst_unheard=in_bursts,
        gap_packets=expected - packets,
        gap_unheard=unheard - in_bursts,
    )


def _text(heard: Mapping[str, Any]) -> str:
    """Return the recent numbers, oldest first, `1` for those that were not heard."""
    return f"{heard['recent']:064b}"
