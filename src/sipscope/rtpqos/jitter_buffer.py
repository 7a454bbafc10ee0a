"""The jitter buffers of a receiver: which packets come too late or too early to be heard.

The buffer of fixed size plays a packet when its timestamp says, 60 ms after the packet
that it plays by, its anchor. What is not there by then is discarded, and so is what comes
more than 260 ms before its time. It takes a new anchor

- with the first packet, and the first after a new timestamp base, clock or numbering;
- at the beginning of a talk spurt: with the marker bit, with a timestamp more than one and
  a half frames after that of the number before, and after events and comfort noise;
- after 50 packets in a row that were discarded: the delay has changed for good.

Only packets in order begin a talk spurt. Duplicates are passed over, and what is not speech
is not played and never discarded. Beside it, the adaptive buffer is followed.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.rtpqos.adaptive_buffer import follow_adaptive_buffer
from sipscope.rtpqos.columns import Arrivals, Columns, Selection, select
from sipscope.rtpqos.sequence import SequenceResult
from sipscope.rtpqos.timing import Speech, TimingResult

DELAY_MS: Final = 60.0
EARLIEST_MS: Final = 260.0
RESYNCHRONIZED_AFTER: Final = 50

_ROUNDING_MS = 5e-7  # half of the resolution of captures
_MIDDLE_MS = EARLIEST_MS / 2 - DELAY_MS
_REACH_MS = EARLIEST_MS / 2 + _ROUNDING_MS
_SPURT_FRAMES = 1.5


class Discarded(NamedTuple):
    """Positions of packets that a jitter buffer discards, ascending."""

    fixed: NDArray[np.int64]
    adaptive: NDArray[np.int64]


def follow_jitter_buffer(
    columns: Columns,
    arrivals: Arrivals,
    marker: NDArray[np.bool_],
    timing: TimingResult,
    sequence: SequenceResult,
) -> Discarded:
    """Book new arrivals; return the positions of those that were discarded, ascending."""
    speech = timing.speech
    none = np.empty(0, np.int64)
    if speech is None:
        return Discarded(none, none)
    kept = _without(sequence.duplicates, arrivals)[speech.position]
    begins, unanchored = _new_bases(speech, kept)
    if len(sequence.restarts):
        begins |= ~_without(sequence.restarts, arrivals)[speech.position]
    anew = begins.copy()
    _find_spurts(columns, arrivals, marker, speech, sequence, begins)
    judged = select(kept, speech.first)
    discarded = [none, none]
    if judged is not None:
        row, skew = speech.row[judged.stream], timing.skew[judged.position]
        anew = anew[judged.position]
        anew[judged.first] |= ~columns.state["anchored"][row]
        discarded[0] = _judge(columns, row, judged, skew, begins[judged.position])
        if columns.every_figure:
            discarded[1] = follow_adaptive_buffer(columns, row, judged.first, -skew, anew)
        discarded = [_through(speech.position, _through(judged.position, bad)) for bad in discarded]
    columns.state["anchored"][speech.row[unanchored]] = False
    return Discarded(*discarded)


def _without(position: NDArray[np.int64], arrivals: Arrivals) -> NDArray[np.bool_]:
    """Return which packets are not at these positions."""
    mask = np.ones(len(arrivals.time), np.bool_)
    mask[position] = False
    return mask


def _new_bases(
    speech: Speech, kept: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which speech packets are the first of a new timestamp base.

    When that came with a duplicate, it is the next that is none; the streams where there
    is none yet are returned too.
    """
    begins = ~speech.continuous
    broken = np.flatnonzero(begins & ~kept)
    if not len(broken):
        return begins, broken
    begins[broken] = False
    stream = np.searchsorted(speech.first, broken, "right") - 1
    others = np.flatnonzero(kept)
    after = np.searchsorted(others, broken)
    found = after < len(others)
    found[found] = others[after[found]] <= speech.last[stream[found]]
    begins[others[after[found]]] = True
    return begins, stream[~found]


def _find_spurts(
    columns: Columns,
    arrivals: Arrivals,
    marker: NDArray[np.bool_],
    speech: Speech,
    sequence: SequenceResult,
    begins: NDArray[np.bool_],
) -> None:
    """Mark in `begins` the speech packets that begin a talk spurt.

    Whether one does is told by the newest packet in order before it, which nearly always
    is the packet before. So few are looked at closely: those that differ from the packet
    before as the first of a spurt does, and those where that was late or a duplicate.
    """
    state, row, first = columns.state, speech.row, speech.first
    order = _in_order(columns, arrivals, speech, sequence)
    size = speech.last - first + 1
    frame = state["frame_ms"][row]
    if (frame == 0).any():
        # Two packets are enough, but for a stream that begins with a gap.
        _find_frames(order, begins, frame, np.minimum(size, 2))
        _find_frames(order, begins, frame, size)
        state["frame_ms"][row] = frame
    limit = np.where(frame > 0, _SPURT_FRAMES * frame + _ROUNDING_MS, np.inf)
    marked = marker[speech.position] | ~speech.adjacent
    likely = marked | (speech.ticks * speech.tick > np.repeat(limit, size))
    likely[first] = True
    likely[np.minimum(order.passed + 1, len(likely) - 1)] = True
    at = order.only(np.flatnonzero(likely))
    stream, follows, advance = order.steps(at, begins)
    after_silence = follows & (advance > limit[stream])
    np.add.at(state["silences"], row[stream[after_silence]], 1)
    begins[at] |= marked[at] | after_silence
    newest = order.before(speech.last + 1, first)
    some = newest >= 0
    state["played"][row[some]] = True
    state["played_sequence"][row[some]] = order.sequence(newest[some])
    state["played_timestamp"][row[some]] = order.timestamp(newest[some])


def _find_frames(
    order: "_InOrder",
    begins: NDArray[np.bool_],
    frame: NDArray[np.float64],
    size: NDArray[np.int64],
) -> None:
    """Where `frame` is 0, find the first step of timestamps among so many packets a stream."""
    unknown = np.flatnonzero(frame == 0)
    size = size[unknown]
    at = np.arange(int(size.sum()))
    at += np.repeat(order.speech.first[unknown] - np.cumsum(size) + size, size)
    stream, follows, advance = order.steps(order.only(at), begins)
    found = follows & (advance > 0)
    frame[stream[found][::-1]] = advance[found][::-1]


class _InOrder(NamedTuple):
    """Which speech packets came in order.

    Attributes:
        columns: With the newest packet in order of each stream before.
        arrivals: All packets.
        speech: Those that are speech.
        passed: Indices among these that are late or duplicates, ascending.
        begin: For each of these, the first of those next to one another.
    """

    columns: Columns
    arrivals: Arrivals
    speech: Speech
    passed: NDArray[np.int64]
    begin: NDArray[np.int64]

    def only(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return those of the packets that came in order."""
        return at[~self.has_passed(at, np.searchsorted(self.passed, at))]

    def has_passed(self, at: NDArray[np.int64], index: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which packets are late or duplicates; `index` is where they would be."""
        found = index < len(self.passed)
        found[found] = self.passed[index[found]] == at[found]
        return found

    def sequence(self, at: NDArray[np.int64]) -> NDArray[np.uint16]:
        """Return sequence numbers."""
        return self.arrivals.sequence[_through(self.speech.position, at)]

    def timestamp(self, at: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Return timestamps."""
        return self.arrivals.timestamp[_through(self.speech.position, at)]

    def before(self, at: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the newest in order before each, -1 when it is before `first`."""
        newest = at - 1
        index = np.searchsorted(self.passed, newest)
        passed = self.has_passed(newest, index)
        newest[passed] = self.begin[index[passed]] - 1
        newest[newest < first] = -1
        return newest

    def steps(
        self, at: NDArray[np.int64], begins: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float64]]:
        """Return stream, whether the number is the next one, and by how many ms time advanced.

        Each is seen from the newest packet in order before; those that begin anew follow none.
        """
        state = self.columns.state
        stream = np.searchsorted(self.speech.first, at, "right") - 1
        row = self.speech.row[stream]
        newest = self.before(at, self.speech.first[stream])
        carried = newest < 0
        number, timestamp = self.sequence(newest), self.timestamp(newest)
        number[carried] = state["played_sequence"][row[carried]]
        timestamp[carried] = state["played_timestamp"][row[carried]]
        follows = self.sequence(at) - number == 1
        follows &= ~begins[at] & (~carried | state["played"][row])
        ticks = (self.timestamp(at) - timestamp).view(np.int32)
        return stream, follows, ticks * self.speech.tick[at]


def _in_order(
    columns: Columns, arrivals: Arrivals, speech: Speech, sequence: SequenceResult
) -> _InOrder:
    """Return which speech packets came in order."""
    passed = np.sort(np.concatenate((sequence.late.position, sequence.duplicates)))
    if not isinstance(speech.position, slice):
        index = np.searchsorted(speech.position, passed)
        found = index < len(speech.position)
        found[found] = speech.position[index[found]] == passed[found]
        passed = index[found]
    begins = np.diff(passed, prepend=-2) != 1
    begin = passed[np.maximum.accumulate(np.where(begins, np.arange(len(passed)), 0))]
    return _InOrder(columns, arrivals, speech, passed, begin)


def _through(position: NDArray[np.int64] | slice, at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions of what is at `at` in a selection."""
    return at if isinstance(position, slice) else position[at]


def _judge(
    columns: Columns,
    row: NDArray[np.int64],
    judged: Selection,
    skew: NDArray[np.float64],
    begins: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Book the anchors; return which of the judged packets are discarded.

    Args:
        columns: Where to book.
        row: Of each stream.
        judged: The packets.
        skew: Of each.
        begins: Which of them are to be anchors.
    """
    state, first, last = columns.state, judged.first, judged.last
    in_row = state["discarded_now"][row]
    carried = state["anchored"][row] & (in_row < RESYNCHRONIZED_AFTER) & ~begins[first]
    in_row = np.where(carried, in_row, 0)
    begins[first] = True
    begin = np.flatnonzero(begins)
    own = np.searchsorted(begin, first)
    anchor = skew[begin]
    anchor[own[carried]] = before = state["anchor_skew"][row[carried]]
    distance = skew - np.repeat(anchor, np.diff(begin, append=len(skew)))
    distance -= _MIDDLE_MS
    np.abs(distance, out=distance)
    bad = distance > _REACH_MS
    state["anchored"][row] = True
    state["anchor_skew"][row] = anchor[np.append(own[1:], len(begin)) - 1]
    state["discarded_now"][row] = 0
    at = np.flatnonzero(bad)
    if not len(at):
        return at
    begins[first[carried]] = False
    begin, size = _runs(at, np.searchsorted(first, at, "right") - 1)
    stream = np.searchsorted(first, at[begin], "right") - 1
    total = size + np.where(at[begin] == first[stream], in_row[stream], 0)
    at_end = at[begin] + size - 1 == last[stream]
    state["discarded_now"][row[stream[at_end]]] = total[at_end]
    followed = total - at_end >= RESYNCHRONIZED_AFTER
    anchors = np.zeros(len(row))
    anchors[carried] = before
    for index in np.unique(stream[followed]).tolist():
        packets = slice(first[index], last[index] + 1)
        bad[packets], anchor_skew, count = _judge_singly(
            skew[packets].tolist(),
            begins[packets].tolist(),
            float(anchors[index]),
            int(in_row[index]),
        )
        state["anchor_skew"][row[index]] = anchor_skew
        state["discarded_now"][row[index]] = count
    return np.flatnonzero(bad)


def _runs(
    at: NDArray[np.int64], stream: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where runs of neighbours begin in `at`, and how long they are."""
    begin = np.flatnonzero((np.diff(at, prepend=-2) != 1) | (np.diff(stream, prepend=-1) != 0))
    return begin, np.diff(begin, append=len(at))


def _judge_singly(
    skews: Iterable[float], begins: Iterable[bool], anchor: float, in_row: int
) -> tuple[list[bool], float, int]:
    """Return which packets of one stream are discarded, its anchor, and those in a row."""
    result = []
    for skew, begin in zip(skews, begins, strict=True):
        if begin or in_row >= RESYNCHRONIZED_AFTER:
            anchor, in_row = skew, 0
        bad = abs(skew - anchor - _MIDDLE_MS) > _REACH_MS
        in_row = in_row + 1 if bad else 0
        result.append(bad)
    return result, anchor, in_row
