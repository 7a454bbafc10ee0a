"""The jitter buffer of a receiver: which packets come too late or too early to be heard.

The buffer of fixed size plays a packet when its timestamp says, 60 ms after the packet
that it plays by, its anchor. What is not there by then is discarded, and so is what comes
more than 260 ms before its time. It takes a new anchor

- with the first packet, and the first after a new timestamp base, clock or numbering;
- at the beginning of a talk spurt: with the marker bit, with a timestamp more than one and
  a half frames after that of the number before, and after events and comfort noise;
- after 50 packets in a row that were discarded: the delay has changed for good.

Only packets in order begin a talk spurt. Duplicates are passed over, and what is not speech
is not played and never discarded.
"""

from collections.abc import Iterable
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from sipscope.rtpqos.columns import Arrivals, Columns, Selection, select
from sipscope.rtpqos.sequence import SequenceResult
from sipscope.rtpqos.timing import Speech, TimingResult

Scalar = TypeVar("Scalar", bound=np.generic)

DELAY_MS: Final = 60.0
EARLIEST_MS: Final = 260.0
RESYNCHRONIZED_AFTER: Final = 50

_ROUNDING_MS = 5e-7  # half of the resolution of captures
_MIDDLE_MS = EARLIEST_MS / 2 - DELAY_MS
_REACH_MS = EARLIEST_MS / 2 + _ROUNDING_MS
_SPURT_FRAMES = 1.5


def follow_jitter_buffer(
    columns: Columns,
    arrivals: Arrivals,
    marker: NDArray[np.bool_],
    timing: TimingResult,
    sequence: SequenceResult,
) -> NDArray[np.int64]:
    """Book new arrivals; return the positions of those that were discarded, ascending."""
    speech = timing.speech
    if speech is None:
        return np.empty(0, np.int64)
    kept = _without(sequence.duplicates, arrivals)[speech.position]
    judged = select(kept, speech.first)
    if judged is None:
        _leave_anchor(columns, speech, ~speech.continuous)
        return np.empty(0, np.int64)
    row = speech.row[judged.stream]
    begins, unanchored = _new_bases(speech, judged, kept)
    if len(sequence.restarts):
        restarts = ~_without(sequence.restarts, arrivals)[speech.position]
        begins |= restarts[judged.position]
    _find_spurts(columns, arrivals, (marker, speech, sequence), judged, begins)
    bad = _judge(columns, row, judged, timing.skew[judged.position], begins)
    columns.state["anchored"][speech.row[unanchored]] = False
    for selection in (judged, speech):
        if not isinstance(selection.position, slice):
            bad = selection.position[bad]
    stream = arrivals.stream_of(bad)
    columns.state["discarded"][arrivals.row] += np.bincount(stream, minlength=len(arrivals.row))
    return bad


def _without(position: NDArray[np.int64], arrivals: Arrivals) -> NDArray[np.bool_]:
    """Return which packets are not at these positions."""
    mask = np.ones(len(arrivals.time), np.bool_)
    mask[position] = False
    return mask


def _leave_anchor(columns: Columns, speech: Speech, broken: NDArray[np.bool_]) -> None:
    """Note that streams with a new timestamp base have no anchor."""
    stream = np.searchsorted(speech.first, np.flatnonzero(broken), "right") - 1
    columns.state["anchored"][speech.row[stream]] = False


def _new_bases(
    speech: Speech, judged: Selection, kept: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return where among the judged packets a new timestamp base begins.

    When it came with a duplicate, it begins with the next packet; the streams where there
    is none yet are returned too.
    """
    broken = ~speech.continuous
    begins = broken[judged.position]
    lost = np.flatnonzero(broken & ~kept)
    if not len(lost) or isinstance(judged.position, slice):
        return begins, lost[:0]
    stream = np.searchsorted(speech.first, lost, "right") - 1
    after = np.searchsorted(judged.position, lost)
    found = after < len(judged.position)
    found[found] = judged.position[after[found]] <= speech.last[stream[found]]
    begins[after[found]] = True
    return begins, stream[~found]


def _find_spurts(
    columns: Columns,
    arrivals: Arrivals,
    packets: tuple[NDArray[np.bool_], Speech, SequenceResult],
    judged: Selection,
    begins: NDArray[np.bool_],
) -> None:
    """Mark in `begins` the judged packets that begin a talk spurt."""
    marker, speech, sequence = packets
    in_order = _without(sequence.late.position, arrivals)[speech.position][judged.position]
    chosen = select(in_order, judged.first)
    if chosen is None:
        return

    def of_chosen(column: NDArray[Scalar]) -> NDArray[Scalar]:
        return column[judged.position][chosen.position]

    state, first = columns.state, chosen.first
    row = speech.row[judged.stream][chosen.stream]
    number = of_chosen(arrivals.sequence[speech.position])
    timestamp = of_chosen(arrivals.timestamp[speech.position])
    step = np.empty_like(number)
    np.subtract(number[1:], number[:-1], out=step[1:])
    step[first] = number[first] - state["played_sequence"][row]
    ticks = np.empty_like(timestamp)
    np.subtract(timestamp[1:], timestamp[:-1], out=ticks[1:])
    ticks[first] = timestamp[first] - state["played_timestamp"][row]
    gap = ticks.view(np.int32) * of_chosen(speech.tick)
    follows = step == 1
    follows &= ~begins[chosen.position]
    follows[first] &= state["played"][row]
    _find_frames(state, row, chosen, gap, follows)
    frame = state["frame_ms"][row]
    limit = np.where(frame > 0, _SPURT_FRAMES * frame + _ROUNDING_MS, np.inf)
    spurt = follows & (gap > np.repeat(limit, chosen.last - first + 1))
    spurt |= of_chosen(marker[speech.position])
    spurt |= ~of_chosen(speech.adjacent)
    begins[chosen.position] |= spurt
    state["played"][row] = True
    state["played_sequence"][row] = number[chosen.last]
    state["played_timestamp"][row] = timestamp[chosen.last]


def _find_frames(
    state: NDArray[np.void],
    row: NDArray[np.int64],
    chosen: Selection,
    gap: NDArray[np.float64],
    follows: NDArray[np.bool_],
) -> None:
    """Book the length of a frame where it is not known: the first step of timestamps."""
    unknown = state["frame_ms"][row] == 0
    if not unknown.any():
        return
    at = np.flatnonzero(follows & (gap > 0))
    earliest = np.full(len(row), -1)
    earliest[np.searchsorted(chosen.first, at[::-1], "right") - 1] = at[::-1]
    unknown &= earliest >= 0
    state["frame_ms"][row[unknown]] = gap[earliest[unknown]]


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
