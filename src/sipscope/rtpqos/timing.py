"""Arrival times against timestamps: delta, jitter, skew and drift.

Jitter is that of RFC 3550 appendix A.8 in floating point. Skew is how far the timestamps
are ahead of the arrivals, drift the slope of skew over time. Only speech packets count:
events and comfort noise have timestamps of their own. Beside it is the jitter over every
packet, as the RFC has it and receivers report it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.rtpqos.columns import NO_DELTA, STEPS, Arrivals, Columns, Selection, select
from sipscope.rtpqos.smoothing import decayed_sums

MAX_TRANSIT_STEP_MS = 10_000.0
"""A change of transit time beyond this is a new timestamp base, no jitter."""
STEPS_PER_SECOND = 400
"""Bins of the histogram of timestamp steps: 2.5 ms, the shortest frame of Opus."""

_DECAY = 15 / 16

Changes = NDArray[np.float64]
"""ms of each packet."""


class Speech(NamedTuple):
    """The speech packets of some arrivals, as columns; `first` and `last` a stream.

    `tick` is the length of a timestamp unit in ms, `ticks` count from the speech packet
    before. `change` is that of the transit time in ms; `continuous` where it means
    anything, `adjacent` where no other packet came between.
    """

    row: NDArray[np.int64]
    position: NDArray[np.int64] | slice
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    time: NDArray[np.int64]
    tick: NDArray[np.float64]
    ticks: NDArray[np.int32]
    change: NDArray[np.float64]
    continuous: NDArray[np.bool_]
    adjacent: NDArray[np.bool_]


class TimingResult(NamedTuple):
    """What the times of some arrivals said.

    Attributes:
        delta: ms since the packet before in the same stream, of each packet; -inf for the first.
        jitter: ms after each packet; -inf where there is no new sample.
        speech: The speech packets, None when there are none.
        skew: ms that the timestamp of each of them is ahead of its arrival, as counted from
            the stream's newest speech packet before it that is not `continuous`.
    """

    delta: NDArray[np.float64]
    jitter: NDArray[np.float64]
    speech: Speech | None
    skew: NDArray[np.float64]


def follow_timing(
    columns: Columns, arrivals: Arrivals, step: NDArray[np.int16], strays: NDArray[np.int64]
) -> TimingResult:
    """Book the times of new arrivals, before their counts are booked.

    Args:
        columns: Where to book.
        arrivals: What came.
        step: Of the sequence number, from the packet before.
        strays: Positions that count as no speech.
    """
    delta = _follow_delta(columns, arrivals)
    jitter = np.full(len(delta), -np.inf)
    usable = arrivals.clock > 0
    usable[strays] = False
    speech = _speech(columns, arrivals, usable)
    sample = np.empty(0, np.bool_) if speech is None else speech.continuous & speech.adjacent
    _follow_every_packet(columns, arrivals, speech, sample)
    if speech is None:
        return TimingResult(delta, jitter, None, np.empty(0))
    jitter[speech.position] = _follow_jitter(columns, speech, sample)
    skew = _follow_skew(columns, speech)
    _count_steps(columns, speech, step[speech.position])
    return TimingResult(delta, jitter, speech, skew)


def _follow_delta(columns: Columns, arrivals: Arrivals) -> NDArray[np.float64]:
    """Book the shortest and longest time between packets; return all of them in ms."""
    state, row, first = columns.state, arrivals.row, arrivals.first
    delta = np.empty_like(arrivals.time)
    np.subtract(arrivals.time[1:], arrivals.time[:-1], out=delta[1:])
    delta[first] = arrivals.time[first] - state["last"][row]
    begins = first[state["packets"][row] == 0]
    delta[begins] = NO_DELTA
    shortest = np.minimum.reduceat(delta, first)
    delta[begins] = -NO_DELTA
    longest = np.maximum.reduceat(delta, first)
    state["delta_min"][row] = np.minimum(state["delta_min"][row], shortest)
    state["delta_max"][row] = np.maximum(state["delta_max"][row], longest)
    milliseconds = delta.astype(np.float64) * 1e-6
    milliseconds[begins] = -np.inf
    return milliseconds


def _speech(columns: Columns, arrivals: Arrivals, usable: NDArray[np.bool_]) -> Speech | None:
    """Return the speech packets and write the newest of each stream to its row."""
    state = columns.state
    row, first, last = arrivals.row, arrivals.first, arrivals.last
    time, timestamp, clock = arrivals.time, arrivals.timestamp, arrivals.clock
    adjacent = np.empty(len(time), np.bool_)
    adjacent[1:] = usable[:-1]
    adjacent[first] = state["adjacent"][row]
    state["adjacent"][row] = usable[last]
    selected = select(usable, first)
    if selected is None:
        return None
    position, first, last = selected.position, selected.first, selected.last
    row, adjacent = row[selected.stream], adjacent[position]
    time, timestamp, clock = time[position], timestamp[position], clock[position]
    ticks = np.empty_like(timestamp)
    np.subtract(timestamp[1:], timestamp[:-1], out=ticks[1:])
    ticks[first] = timestamp[first] - state["heard_timestamp"][row]
    elapsed = np.empty_like(time)
    np.subtract(time[1:], time[:-1], out=elapsed[1:])
    elapsed[first] = time[first] - state["heard_time"][row]
    same = np.empty(len(time), np.bool_)
    np.equal(clock[1:], clock[:-1], out=same[1:])
    same[first] = clock[first] == state["heard_clock"][row]
    tick = 1000.0 / clock
    signed = ticks.view(np.int32)
    change = signed * tick
    change -= elapsed * 1e-6
    same &= np.abs(change) <= MAX_TRANSIT_STEP_MS
    state["heard_time"][row] = time[last]
    state["heard_timestamp"][row] = timestamp[last]
    state["heard_clock"][row] = clock[last]
    return Speech(row, position, first, last, time, tick, signed, change, same, adjacent)


class _Jitter(NamedTuple):
    """The fields of a jitter: value, sum, maximum and number of samples."""

    value: str
    sum: str
    max: str
    samples: str

    def follow(
        self, state: NDArray[np.void], row: NDArray[np.int64], chosen: Selection, change: Changes
    ) -> Changes:
        """Book samples, streams' changes of the transit time; return the jitter after each."""
        first, last = chosen.first, chosen.last
        values = np.abs(change)
        values /= 16
        values[first] += _DECAY * state[self.value][row]
        smooth = decayed_sums(values, first, _DECAY)
        state[self.value][row] = smooth[last]
        state[self.sum][row] += np.add.reduceat(smooth, first)
        greatest = np.maximum.reduceat(smooth, first)
        state[self.max][row] = np.maximum(state[self.max][row], greatest)
        state[self.samples][row] += last - first + 1
        return smooth


_OF_SPEECH = _Jitter("jitter", "jitter_sum", "jitter_max", "samples")
_OF_ALL = _Jitter("jitter_all", "jitter_all_sum", "jitter_all_max", "samples_all")


def _follow_jitter(columns: Columns, speech: Speech, sample: NDArray[np.bool_]) -> Changes:
    """Book the jitter; return it, -inf where there is no sample."""
    jitter = np.full(len(speech.time), -np.inf)
    chosen = select(sample, speech.first)
    if chosen is not None:
        row, change = speech.row[chosen.stream], speech.change[chosen.position]
        jitter[chosen.position] = _OF_SPEECH.follow(columns.state, row, chosen, change)
    return jitter


def _follow_every_packet(
    columns: Columns, arrivals: Arrivals, speech: Speech | None, sample: NDArray[np.bool_]
) -> None:
    """Book the jitter over every packet, before that over speech is booked.

    Args:
        columns: Where to book.
        arrivals: What came.
        speech: What is speech of it.
        sample: Which of that are samples of the jitter over speech.
    """
    state, row = columns.state, arrivals.row
    samples = np.zeros(len(row), np.int64)
    if speech is not None:
        heard = np.add.reduceat(sample, speech.first, dtype=np.int64)
        begin = (
            speech.first if isinstance(speech.position, slice) else speech.position[speech.first]
        )
        samples[arrivals.stream_of(begin)] = heard
    exempt = state["exempt"][row]
    differs = exempt | (samples < arrivals.size - (state["packets"][row] == 0))
    begins = row[differs & ~exempt]
    for name, of_speech in zip(_OF_ALL, _OF_SPEECH, strict=True):
        state[name][begins] = state[of_speech][begins]
    state["exempt"][begins] = True
    clock = arrivals.clock[arrivals.last]
    if differs.any():
        clock[differs] = _follow_exempt(state, arrivals, differs)
    state["clock"][row] = np.where(clock > 0, clock, state["clock"][row])
    state["timestamp"][row] = arrivals.timestamp[arrivals.last]


def _follow_exempt(
    state: NDArray[np.void], arrivals: Arrivals, which: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Book the jitter over every packet of some streams; return the newest clock of each.

    A packet that has none is taken to have that of the one before.
    """
    row, size = arrivals.row[which], arrivals.size[which]
    at = np.flatnonzero(np.repeat(which, arrivals.size))
    time, timestamp, clock = arrivals.time[at], arrivals.timestamp[at], arrivals.clock[at]
    first = np.cumsum(size) - size
    clock[first] = np.where(clock[first] > 0, clock[first], state["clock"][row])
    known = clock > 0
    known[first] = True
    clock = clock[np.maximum.accumulate(np.where(known, np.arange(len(at)), 0))]
    ticks, elapsed, same = np.empty_like(timestamp), np.empty_like(time), clock > 0
    np.subtract(timestamp[1:], timestamp[:-1], out=ticks[1:])
    np.subtract(time[1:], time[:-1], out=elapsed[1:])
    same[1:] &= clock[1:] == clock[:-1]
    ticks[first] = timestamp[first] - state["timestamp"][row]
    elapsed[first] = time[first] - state["last"][row]
    same[first] = (clock[first] > 0) & (clock[first] == state["clock"][row])
    chosen = select(same, first)
    if chosen is not None:
        signed = ticks.view(np.int32)[chosen.position]
        change = signed * (1000.0 / clock[chosen.position]) - elapsed[chosen.position] * 1e-6
        _OF_ALL.follow(state, row[chosen.stream], chosen, change)
    newest: NDArray[np.int32] = clock[first + size - 1]
    return newest


def _follow_skew(columns: Columns, speech: Speech) -> NDArray[np.float64]:
    """Book skew and the sums of its regression over time, from the newest anchor on."""
    state, row, first = columns.state, speech.row, speech.first
    begins = ~speech.continuous
    state["bases"][row] += np.add.reduceat(begins, first, dtype=np.int64)
    anew = begins[first]
    begins[first] = True
    begin = np.flatnonzero(begins)
    size = np.diff(begin, append=len(begins))
    own = np.searchsorted(begin, first)
    final = np.append(own[1:], len(begin)) - 1
    total = np.cumsum(speech.ticks, dtype=np.int64)
    base, anchor = total[begin], speech.time[begin]
    carried, row_carried = first[~anew], row[~anew]
    base[own[~anew]] -= speech.ticks[carried] + state["ticks"][row_carried]
    anchor[own[~anew]] = state["anchor"][row_carried]
    ticks = total - np.repeat(base, size)
    elapsed = speech.time - np.repeat(anchor, size)
    skew = ticks * speech.tick
    skew -= elapsed * 1e-6
    state["skew_high"][row] = np.maximum(state["skew_high"][row], np.maximum.reduceat(skew, first))
    state["skew_low"][row] = np.minimum(state["skew_low"][row], np.minimum.reduceat(skew, first))
    state["ticks"][row] = ticks[speech.last]
    state["anchor"][row] = anchor[final]
    seconds = elapsed * 1e-9
    # What came before the newest anchor no longer counts.
    kept = np.where(anew | (final > own), 0, 1)
    sums = {"x": seconds, "xx": seconds * seconds, "e": skew, "xe": seconds * skew}
    state["n"][row] = state["n"][row] * kept + size[final]
    for name, values in sums.items():
        state[name][row] = state[name][row] * kept + np.add.reduceat(values, begin)[final]
    return skew


def _count_steps(columns: Columns, speech: Speech, step: NDArray[np.int16]) -> None:
    """Count the timestamp steps between neighbours, for the packet time."""
    counted = speech.continuous & speech.adjacent
    counted &= step == 1
    begins = np.empty(len(counted), np.bool_)
    np.not_equal(speech.ticks[1:], speech.ticks[:-1], out=begins[1:])
    begins[1:] |= counted[1:] != counted[:-1]
    begins[speech.first] = True
    begin = np.flatnonzero(begins)
    size = np.diff(begin, append=len(begins))
    place = np.rint(speech.ticks[begin] * (speech.tick[begin] * (STEPS_PER_SECOND / 1000)))
    kept = counted[begin] & (place > 0)
    begin, size = begin[kept], size[kept]
    row = speech.row[np.searchsorted(speech.first, begin, "right") - 1]
    place = np.minimum(place[kept], STEPS - 1).astype(np.int64)
    np.add.at(columns.step, (row, place), size.astype(np.uint32))


def jitter_over_every_packet(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return value, sum, maximum and number of samples of one row."""
    fields = _OF_ALL if state["exempt"] else _OF_SPEECH
    return {name: state[field] for name, field in fields._asdict().items()}


def packet_time_ms(columns: Columns, row: int) -> float | None:
    """Return the median of the timestamp steps, to 2.5 ms; None when it is not known."""
    total = np.cumsum(columns.step[row])
    if not total[-1]:
        return None
    place = int(np.searchsorted(total, (int(total[-1]) + 1) // 2))
    return place * 1000 / STEPS_PER_SECOND if place < STEPS - 1 else None
