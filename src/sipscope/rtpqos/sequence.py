"""Sequence numbers: loss, duplicates, reordering and restarts (RFC 3550 appendix A.1).

Streams whose numbers only go forward are handled as columns. The others are followed one
by one, by pieces of consecutive numbers.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
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


class Gaps(NamedTuple):
    """Runs of numbers that were missing when a packet came; positions ascend.

    Attributes:
        position: Of the packet after the gap.
        start: Extended number of the first missing one.
        length: How many are missing.
    """

    position: NDArray[np.int64]
    start: NDArray[np.int64]
    length: NDArray[np.int64]


class Latecomers(NamedTuple):
    """Packets that came after a higher number, and for the first time; positions ascend.

    Attributes:
        position: Of each.
        number: Extended.
        since: When the gap was seen, ns; -1 when the number is from before the beginning.
        behind: How far below the highest number.
    """

    position: NDArray[np.int64]
    number: NDArray[np.int64]
    since: NDArray[np.int64]
    behind: NDArray[np.int64]


class Pieces(NamedTuple):
    """Where the numbers of a stream's packets are no longer one above the other.

    Until the next piece they are, not counting packets that are late, duplicate or stray.

    Attributes:
        position: Of the first packet; ascending, the last of equals counts.
        number: Its extended number.
    """

    position: NDArray[np.int64]
    number: NDArray[np.int64]

    def numbers(self, position: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the extended numbers of packets that raised the highest number."""
        piece = np.searchsorted(self.position, position, "right") - 1
        result: NDArray[np.int64] = self.number[piece] + position - self.position[piece]
        return result


class SequenceResult(NamedTuple):
    """What the sequence numbers of some arrivals said; positions ascend.

    Attributes:
        step: From the packet before in the same stream, modulo 2^16 around 0.
        strays: Positions of packets that are out of all order.
        losses: For the intervals.
        gaps: Losses as they were seen.
        late: What came after all.
        duplicates: Positions of packets whose number had come before.
        restarts: Positions of packets that confirm a new numbering.
        pieces: For the extended numbers.
    """

    step: NDArray[np.int16]
    strays: NDArray[np.int64]
    losses: Losses
    gaps: Gaps
    late: Latecomers
    duplicates: NDArray[np.int64]
    restarts: NDArray[np.int64]
    pieces: Pieces


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
    begin = first[~irregular], state["highest"][row[~irregular]] + 1
    gaps = _follow_gaps(columns, arrivals, step, irregular)
    followers = _follow_pieces(columns, arrivals, step, irregular) if irregular.any() else []
    state["sequence"][row] = sequence[arrivals.last]
    return _result(arrivals, step, gaps, Pieces(*begin), followers)


def _result(
    arrivals: Arrivals,
    step: NDArray[np.int16],
    gaps: Gaps,
    begin: Pieces,
    followers: Sequence["_Follower"],
) -> SequenceResult:
    """Put together what was found on columns and what one by one.

    Args:
        arrivals: What came.
        step: Of each packet.
        gaps: Of the streams on columns.
        begin: The first packet of each of them, as if none were missing before it.
        followers: The other streams.
    """
    after = Pieces(gaps.position, gaps.start + gaps.length)
    seen = Losses(
        arrivals.row[arrivals.stream_of(gaps.position)], arrivals.time[gaps.position], gaps.length
    )
    one_by_one = _table((follower.losses for follower in followers), 3)
    return SequenceResult(
        step=step,
        strays=np.sort(_table((follower.strays for follower in followers), 1)[0]),
        losses=Losses(*_joined(seen, one_by_one)),
        gaps=Gaps(*_in_order(gaps, _table((follower.gaps for follower in followers), 3))),
        late=Latecomers(*_in_order(_table((follower.latecomers for follower in followers), 4))),
        duplicates=np.sort(_table((follower.duplicates for follower in followers), 1)[0]),
        restarts=np.sort(_table((follower.restarts for follower in followers), 1)[0]),
        pieces=Pieces(
            *_in_order(begin, after, _table((follower.pieces for follower in followers), 2))
        ),
    )


def _table(parts: Iterable[Iterable[tuple[int, ...]]], width: int) -> list[NDArray[np.int64]]:
    """Return rows of `width` numbers as columns."""
    numbers = chain.from_iterable(chain.from_iterable(parts))
    return list(np.fromiter(numbers, np.int64).reshape(-1, width).T)


def _joined(*tables: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Return the rows of all tables."""
    return [np.concatenate(columns) for columns in zip(*tables, strict=True)]


def _in_order(*tables: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Return the rows of all tables by their first column, those of the first table first."""
    columns = _joined(*tables)
    order = np.argsort(columns[0], kind="stable")
    return [column[order] for column in columns]


def _follow_gaps(
    columns: Columns,
    arrivals: Arrivals,
    step: NDArray[np.int16],
    irregular: NDArray[np.bool_],
) -> Gaps:
    """Book the streams whose numbers only go forward; return their gaps."""
    state, row, first = columns.state, arrivals.row, arrivals.first
    at = np.flatnonzero(step > 1)
    stream = arrivals.stream_of(at)
    if irregular.any():
        regular = ~irregular[stream]
        at, stream = at[regular], stream[regular]
    length = step[at].astype(np.int64) - 1
    lost = np.bincount(stream, length, len(row)).astype(np.int64)
    start = (state["highest"][row] - first - np.cumsum(lost) + lost)[stream]
    start += at + 1 + np.cumsum(length) - length
    if len(at):
        _remember_runs(columns, row, stream, (start, length, arrivals.time[at]))
        state["lost"][row] += lost
        np.add.at(columns.burst["count"], (row[stream], _BIN[length]), 1)
        np.add.at(columns.burst["lost"], (row[stream], _BIN[length]), length.astype(np.uint32))
    state["highest"][row] += np.where(irregular, 0, arrivals.size + lost)
    return Gaps(at, start, length)


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
) -> list["_Follower"]:
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
    for follower in followers.values():
        follower.store(columns)
    return list(followers.values())


class _Follower:
    """Follows the numbers of one stream, in Python.

    Attributes are rows of the columns of `SequenceResult`, where they are lists.
    """

    def __init__(self, columns: Columns, row: int) -> None:
        state = columns.state[row]
        self.row = row
        self.highest = int(state["highest"])
        self.jump = int(state["jump"])
        self.count = int(state["runs"])
        self.remembers = False
        self.strays: list[tuple[int]] = []
        self.duplicates: list[tuple[int]] = []
        self.restarts: list[tuple[int]] = []
        self.losses: list[tuple[int, int, int]] = []
        self.gaps: list[tuple[int, int, int]] = []
        self.latecomers: list[tuple[int, int, int, int]] = []
        self.pieces: list[tuple[int, int]] = []
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
                    self.losses.append((self.row, seen, ahead - 1))
                    self.gaps.append((position, self.highest + 1, ahead - 1))
                self.pieces.append((position, self.highest + ahead))
                self.highest += ahead + length - 1
                self.jump = -1
                return
            behind = -ahead & 0xFFFF
            since = self._fill(self.highest - behind) if behind < MAX_LATE else None
            if since is not None:
                self.latecomers.append((position, self.highest - behind, since, behind))
                self.jump = -1
            elif behind < MAX_MISORDER:
                self.duplicates.append((position,))
                self.jump = -1
            elif number == self.jump:
                self._restart(position, number)
            else:
                self.strays.append((position,))
                self.jump = (number + 1) & 0xFFFF
            number = (number + 1) & 0xFFFF
            position += 1
            length -= 1

    def _restart(self, position: int, number: int) -> None:
        """Begin anew: the packet before was the first of a new numbering."""
        self.jump = -1
        self.highest = ((self.highest >> 16) + 2 << 16) + number
        self.restarts.append((position,))
        self.pieces.append((position, self.highest))
        self._remember((self.highest - 1 - MAX_MISORDER, MAX_MISORDER, -1))

    def _remember(self, run: tuple[int, int, int]) -> None:
        """Append a run of missing numbers."""
        self.remembers = True
        self.runs.append(run)
        if len(self.runs) > RUNS:
            del self.runs[0]

    def _fill(self, number: int) -> int | None:
        """Take `number` out of the missing ones; return since when it was one of them."""
        for index in range(len(self.runs) - 1, -1, -1):
            start, length, since = self.runs[index]
            if start <= number:
                break
        else:
            return None
        before, after = number - start, start + length - 1 - number
        if after < 0:
            return None
        self.remembers = True
        parts = [(start, before, since), (number + 1, after, since)]
        self.runs[index : index + 1] = [part for part in parts if part[1]]
        if len(self.runs) > RUNS:
            del self.runs[0]
        if since >= 0:
            self._book(length, -1)
            self._book(before, 1)
            self._book(after, 1)
            self.losses.append((self.row, since, -1))
        return since

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
        state["late"] += len(self.latecomers)
        state["duplicates"] += len(self.duplicates)
        state["restarts"] += len(self.restarts)
        state["strays"] += len(self.strays) - len(self.restarts)
        if not self.remembers:
            return
        state["lost"] += sum(lost for _, _, lost in self.losses)
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
