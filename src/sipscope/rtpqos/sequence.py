"""Sequence numbers: loss, duplicates, reordering and restarts (RFC 3550 appendix A.1).

Streams whose numbers only go forward are handled as columns. The others are followed one
by one, by pieces of consecutive numbers.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.rtpqos.columns import BURSTS, RUNS, Arrivals, Columns, Losses

MAX_DROPOUT = 3000
"""A number further ahead than this is no loss but a restart, when its successor follows."""
MAX_MISORDER = 100
"""A number further behind than this is no duplicate but a restart, likewise."""
MAX_LATE = 1000
"""How far behind a missing number may still come."""

_SINGLE = 24
_LENGTHS = np.arange(MAX_DROPOUT + 1)
_BIN = np.where(
    _LENGTHS <= _SINGLE,
    np.maximum(_LENGTHS - 1, 0),
    _SINGLE + np.maximum(np.frexp(_LENGTHS)[1] - 5, 0),
).astype(np.int64)
_BINS: list[int] = _BIN.tolist()


class SequenceResult(NamedTuple):
    """What the sequence numbers of some arrivals said.

    Attributes:
        step: From the packet before in the same stream, modulo 2^16 around 0.
        strays: Positions of packets that are out of all order.
        losses: For the intervals.
    """

    step: NDArray[np.int16]
    strays: NDArray[np.int64]
    losses: Losses


def begin_sequence(columns: Columns, row: NDArray[np.int64], sequence: NDArray[np.uint16]) -> None:
    """Set up streams whose first packets have these numbers.

    The numbers before them may still come, reordered, without ever having been lost.
    """
    before = sequence - np.uint16(1)
    highest = before.astype(np.int64) + 0x20000
    columns.state["sequence"][row] = before
    columns.state["highest"][row] = highest
    columns.state["runs"][row] = 1
    columns.run["start"][row, 0] = highest + 1 - MAX_MISORDER
    columns.run["length"][row, 0] = MAX_MISORDER
    columns.run["since"][row, 0] = -1


def follow_sequence(columns: Columns, arrivals: Arrivals) -> SequenceResult:
    """Book the sequence numbers of new arrivals."""
    state, row, first = columns.state, arrivals.row, arrivals.first
    sequence = arrivals.sequence
    unsigned = np.empty_like(sequence)
    np.subtract(sequence[1:], sequence[:-1], out=unsigned[1:])
    unsigned[first] = sequence[first] - state["sequence"][row]
    step = unsigned.view(np.int16)
    irregular = (state["jump"][row] >= 0) | (
        (state["highest"][row] & 0xFFFF) != state["sequence"][row]
    )
    odd = np.flatnonzero(unsigned - np.uint16(1) >= MAX_DROPOUT - 1)
    irregular[arrivals.stream_of(odd)] = True
    losses = [_follow_gaps(columns, arrivals, step, irregular)]
    strays = np.empty(0, np.int64)
    if irregular.any():
        strays, more = _follow_pieces(columns, arrivals, step, irregular)
        losses.append(more)
    state["sequence"][row] = sequence[arrivals.last]
    merged = Losses(*(np.concatenate(column) for column in zip(*losses, strict=True)))
    return SequenceResult(step, strays, merged)


def _follow_gaps(
    columns: Columns,
    arrivals: Arrivals,
    step: NDArray[np.int16],
    irregular: NDArray[np.bool_],
) -> Losses:
    """Book the streams whose numbers only go forward."""
    state, row, first = columns.state, arrivals.row, arrivals.first
    at = np.flatnonzero(step > 1)
    stream = arrivals.stream_of(at)
    if irregular.any():
        regular = ~irregular[stream]
        at, stream = at[regular], stream[regular]
    length = step[at].astype(np.int64) - 1
    lost = np.bincount(stream, length, len(row)).astype(np.int64)
    if len(at):
        advanced = np.cumsum(step, dtype=np.int64)
        before = advanced[first] - step[first] - state["highest"][row]
        start = advanced[at] - before[stream] - length
        _remember_runs(columns, row, stream, (start, length, arrivals.time[at]))
        state["lost"][row] += lost
        np.add.at(columns.burst["count"], (row[stream], _BIN[length]), 1)
        np.add.at(columns.burst["lost"], (row[stream], _BIN[length]), length.astype(np.uint32))
    state["highest"][row] += np.where(irregular, 0, arrivals.size + lost)
    return Losses(row[stream], arrivals.time[at], length)


def _remember_runs(
    columns: Columns,
    row: NDArray[np.int64],
    stream: NDArray[np.int64],
    run: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
) -> None:
    """Append runs of missing numbers to each stream's ring."""
    count = np.bincount(stream, minlength=len(row))
    rank = np.arange(len(stream)) - (np.cumsum(count) - count)[stream]
    kept = rank >= count[stream] - RUNS
    place = (columns.state["runs"][row][stream] + rank)[kept] % RUNS
    for name, column in zip(("start", "length", "since"), run, strict=True):
        columns.run[name][row[stream][kept], place] = column[kept]
    columns.state["runs"][row] += count


def _follow_pieces(
    columns: Columns,
    arrivals: Arrivals,
    step: NDArray[np.int16],
    irregular: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], Losses]:
    """Book the streams that have late, repeated or far-off numbers."""
    begins = step != 1
    begins[arrivals.first[irregular]] = True
    at = np.flatnonzero(begins)
    stream = arrivals.stream_of(at)
    count = np.diff(at, append=len(step))
    after = np.append(stream[1:], -1) != stream
    count[after] = (arrivals.last[stream] + 1 - at)[after]
    kept = irregular[stream]
    pieces = zip(
        stream[kept].tolist(),
        at[kept].tolist(),
        arrivals.sequence[at[kept]].tolist(),
        count[kept].tolist(),
        strict=True,
    )
    rows = arrivals.row.tolist()
    followers: dict[int, _Follower] = {}
    for index, position, number, length in pieces:
        follower = followers.get(index)
        if follower is None:
            follower = followers[index] = _Follower(columns, rows[index])
        follower.take(position, number, length, arrivals.time)
    strays: list[int] = []
    losses: list[tuple[int, int, int]] = []
    for follower in followers.values():
        follower.store(columns)
        strays += follower.strays
        losses += [(follower.row, time, lost) for time, lost in follower.losses]
    table = np.array(losses, np.int64).reshape(-1, 3)
    return np.array(strays, np.int64), Losses(table[:, 0], table[:, 1], table[:, 2])


class _Follower:
    """Follows the numbers of one stream, in Python."""

    def __init__(self, columns: Columns, row: int) -> None:
        state = columns.state[row]
        self.row = row
        self.highest = int(state["highest"])
        self.jump = int(state["jump"])
        self.count = int(state["runs"])
        self.late = self.duplicates = self.restarts = self.stray_count = 0
        self.remembers = False
        self.strays: list[int] = []
        self.losses: list[tuple[int, int]] = []
        self.bursts: dict[int, list[int]] = {}
        self.runs: list[tuple[int, int, int]] = columns.run[row, : self.count].tolist()
        if self.count > RUNS:
            oldest = self.count % RUNS
            self.runs = self.runs[oldest:] + self.runs[:oldest]

    def take(self, position: int, number: int, length: int, time: NDArray[np.int64]) -> None:
        """Book `length` packets from `position` on, numbered from `number` upwards."""
        while length:
            ahead = (number - self.highest) & 0xFFFF
            if 0 < ahead < MAX_DROPOUT:
                if ahead > 1:
                    seen = int(time[position])
                    self._remember((self.highest + 1, ahead - 1, seen))
                    self._book(ahead - 1, 1)
                    self.losses.append((seen, ahead - 1))
                self.highest += ahead + length - 1
                self.jump = -1
                return
            behind = -ahead & 0xFFFF
            if behind < MAX_LATE and self._fill(self.highest - behind):
                self.late += 1
                self.jump = -1
            elif behind < MAX_MISORDER:
                self.duplicates += 1
                self.jump = -1
            elif number == self.jump:
                self._restart(number)
            else:
                self.stray_count += 1
                self.strays.append(position)
                self.jump = (number + 1) & 0xFFFF
            number = (number + 1) & 0xFFFF
            position += 1
            length -= 1

    def _restart(self, number: int) -> None:
        """Begin anew: the packet before was the first of a new numbering."""
        self.restarts += 1
        self.stray_count -= 1
        self.jump = -1
        self.highest = ((self.highest >> 16) + 2 << 16) + number
        self._remember((self.highest - 1 - MAX_MISORDER, MAX_MISORDER, -1))

    def _remember(self, run: tuple[int, int, int]) -> None:
        """Append a run of missing numbers."""
        self.remembers = True
        self.runs.append(run)
        if len(self.runs) > RUNS:
            del self.runs[0]

    def _fill(self, number: int) -> bool:
        """Take `number` out of the missing ones; return whether it was missing."""
        for index in range(len(self.runs) - 1, -1, -1):
            start, length, since = self.runs[index]
            if start <= number:
                break
        else:
            return False
        before, after = number - start, start + length - 1 - number
        if after < 0:
            return False
        self.remembers = True
        parts = [(start, before, since), (number + 1, after, since)]
        self.runs[index : index + 1] = [part for part in parts if part[1]]
        if len(self.runs) > RUNS:
            del self.runs[0]
        if since >= 0:
            self._book(length, -1)
            self._book(before, 1)
            self._book(after, 1)
            self.losses.append((since, -1))
        return True

    def _book(self, length: int, count: int) -> None:
        """Add `count` loss runs of this length to the histogram."""
        if length:
            entry = self.bursts.setdefault(_BINS[length], [0, 0])
            entry[0] += count
            entry[1] += count * length

    def store(self, columns: Columns) -> None:
        """Write everything back to the stream's row."""
        state = columns.state[self.row]
        state["highest"] = self.highest
        state["jump"] = self.jump
        state["late"] += self.late
        state["duplicates"] += self.duplicates
        state["restarts"] += self.restarts
        state["strays"] += self.stray_count
        if not self.remembers:
            return
        state["lost"] += sum(lost for _, lost in self.losses)
        state["runs"] = len(self.runs)
        columns.run[self.row, : len(self.runs)] = self.runs
        burst = columns.burst[self.row]
        for index, (count, lost) in self.bursts.items():
            burst[index] = (int(burst["count"][index]) + count, int(burst["lost"][index]) + lost)


def loss_bursts(columns: Columns, row: int) -> tuple[tuple[int, int], ...]:
    """Return the lengths of the loss runs and how often each came.

    From 25 on, one entry stands for all runs within a power of two, with their mean length.
    """
    bursts = columns.burst[row].tolist()
    return tuple((round(lost / count), count) for count, lost in bursts[:BURSTS] if count)
