"""The figures of Telephony > RTP as Wireshark 4.0 computes them, its faults included.

They are here to be compared with Wireshark, digit by digit; `figures` has the right ones.
What is peculiar: timestamps are compared with the stream's first; duplicates hide losses;
only packets without a marker and next to no comfort noise count in the least, greatest
and mean values; a mean counts every other packet as equal to the mean so far; clock rates
are rounded down to whole kHz.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sipscope.rtpqos.columns import Arrivals, Columns, Selection, record_values, select
from sipscope.rtpqos.smoothing import decayed_sums

_DECAY = 15 / 16
_HALF = 1 << 31
_COMFORT_NOISE = (13, 19)
_WRAPPED = 0xFF00


@dataclass(frozen=True, slots=True)
class WiresharkFigures:
    """One line of Wireshark's RTP streams; times in ms.

    Attributes:
        expected: From the first to the newest sequence number.
        lost: Expected less packets, below 0 with duplicates.
        loss_percent: Lost of expected.
        sequence_errors: Packets that were not the next, reordered and duplicate ones too.
        delta_min_ms: -1 without a regular packet.
        delta_mean_ms: 0 without one.
        delta_max_ms: 0 without one.
        jitter_min_ms: -1 without a regular packet that has a clock.
        jitter_mean_ms: 0 without one.
        jitter_max_ms: 0 without one.
        max_skew_ms: The skew furthest from 0, above it when timestamps run ahead.
        drift_ms: Clock drift.
        drift_percent: Frequency drift.
        problem: A wrong sequence number or timestamp was seen.
        wrong_timestamp: A timestamp before the first one was seen.
    """

    expected: int
    lost: int
    loss_percent: float
    sequence_errors: int
    delta_min_ms: float
    delta_mean_ms: float
    delta_max_ms: float
    jitter_min_ms: float
    jitter_mean_ms: float
    jitter_max_ms: float
    max_skew_ms: float
    drift_ms: float
    drift_percent: float
    problem: bool
    wrong_timestamp: bool


def follow_wireshark(
    columns: Columns,
    arrivals: Arrivals,
    kilohertz: NDArray[np.int32],
    payload_type: NDArray[np.uint8],
    marker: NDArray[np.bool_],
) -> None:
    """Book new arrivals.

    Args:
        columns: Where to book.
        arrivals: What came.
        kilohertz: Whole kHz of each packet's clock, comfort noise included; 0 without one.
        payload_type: Of each packet.
        marker: Of each packet.
    """
    state, row, last = columns.wireshark, arrivals.row, arrivals.last
    begins = _begin(state, arrivals, payload_type)
    in_sequence, ticks = _timestamps(state, arrivals)
    _count_cycles(state, arrivals, in_sequence)
    _count_errors(state, arrivals, in_sequence)
    regular = in_sequence & ~marker & ~_comfort_noise(state, arrivals, payload_type)
    regular[begins] = False
    delta = _deltas(state, arrivals, in_sequence)
    rated = in_sequence & (kilohertz > 0)
    jitter = _jitters(state, arrivals, rated, (delta, ticks, kilohertz))
    skipped = ~regular
    skipped[begins] = False
    _book_extremes(state, arrivals, "delta", delta, regular)
    _book_mean(state, arrivals, "delta", np.where(regular, delta, 0.0), skipped)
    if not rated.all():
        regular &= rated
        skipped = ~regular
        skipped[begins] = False
    _book_extremes(state, arrivals, "jitter", jitter, regular)
    _book_mean(state, arrivals, "jitter", np.where(regular, jitter, 0.0), skipped)
    state["stop_sequence"][row] = arrivals.sequence[last]
    state["payload_type"][row] = payload_type[last]
    state["packets"][row] += arrivals.size


def _begin(
    state: NDArray[np.void], arrivals: Arrivals, payload_type: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Set up the rows that see their first packet; return where these packets are."""
    new = state["packets"][arrivals.row] == 0
    row = arrivals.row[new]
    at: NDArray[np.int64] = arrivals.first[new]
    sequence = arrivals.sequence[at]
    state["first_sequence"][row] = state["stop_sequence"][row] = sequence
    state["last_sequence"][row] = sequence - np.uint16(1)
    state["first_timestamp"][row] = arrivals.timestamp[at]
    state["start"][row] = state["time"][row] = arrivals.time[at]
    state["payload_type"][row] = payload_type[at]
    return at


def _timestamps(
    state: NDArray[np.void], arrivals: Arrivals
) -> tuple[NDArray[np.bool_], NDArray[np.uint32]]:
    """Return which timestamps are in sequence, and each one's distance from the first."""
    begin = np.repeat(state["first_timestamp"][arrivals.row], arrivals.size)
    ticks = arrivals.timestamp - begin
    in_sequence: NDArray[np.bool_] = ticks < _HALF
    border = np.flatnonzero(ticks == _HALF)
    in_sequence[border] = arrivals.timestamp[border] < begin[border]
    wrong = np.flatnonzero(~in_sequence)
    state["wrong_timestamp"][arrivals.row[arrivals.stream_of(wrong)]] = True
    return in_sequence, ticks


def _count_cycles(
    state: NDArray[np.void], arrivals: Arrivals, in_sequence: NDArray[np.bool_]
) -> None:
    """Count the wraps of the sequence number by Wireshark's guess.

    A wrap is a number below the first one, or 0 after 65535; the next is counted when a
    number above the first has come.
    """
    row, first = arrivals.row, arrivals.first
    before = np.empty_like(arrivals.sequence)
    before[1:] = arrivals.sequence[:-1]
    before[first] = state["stop_sequence"][row]
    begin = np.repeat(state["first_sequence"][row], arrivals.size)
    below = (arrivals.sequence < begin) | ((arrivals.sequence == 0) & (before == 0xFFFF))
    told = select(in_sequence & (below | (arrivals.sequence > begin)), first)
    if told is None:
        return
    row, below = row[told.stream], below[told.position]
    was_below = np.empty_like(below)
    was_below[1:] = below[:-1]
    was_below[told.first] = state["under"][row]
    wraps = np.add.reduceat(below & ~was_below, told.first, dtype=np.int64)
    state["cycles"][row] += wraps
    state["under"][row] = below[told.last]


def _count_errors(
    state: NDArray[np.void], arrivals: Arrivals, in_sequence: NDArray[np.bool_]
) -> None:
    """Count the packets that are not the next one; backward ones are followed singly."""
    row, first, sequence = arrivals.row, arrivals.first, arrivals.sequence
    before = np.empty_like(sequence)
    before[1:] = sequence[:-1]
    before[first] = state["last_sequence"][row]
    begins = sequence - before != 1
    error = np.flatnonzero(begins)
    begins |= ~in_sequence
    odd = np.flatnonzero(begins)
    now, newest = sequence[odd].astype(np.int64), before[odd].astype(np.int64)
    forward = in_sequence[odd] & ((now > newest) | (newest - now > _WRAPPED))
    backward = np.zeros(len(row), np.bool_)
    backward[arrivals.stream_of(odd[~forward])] = True
    errors = np.bincount(arrivals.stream_of(error), minlength=len(row))
    state["sequence_errors"][row] += np.where(backward, 0, errors)
    state["last_sequence"][row[~backward]] = sequence[arrivals.last[~backward]]
    begins[1:] |= ~in_sequence[:-1]
    for index in np.flatnonzero(backward).tolist():
        begin, size = int(first[index]), int(arrivals.size[index])
        pieces = begins[begin : begin + size]
        pieces[0] = True
        at = np.flatnonzero(pieces)
        one = state[row[index]]
        one["last_sequence"], found = _errors_singly(
            int(one["last_sequence"]),
            sequence[begin + at].tolist(),
            np.diff(at, append=size).tolist(),
            in_sequence[begin + at].tolist(),
        )
        one["sequence_errors"] += found


def _errors_singly(
    newest: int, numbers: Iterable[int], sizes: Iterable[int], in_sequence: Iterable[bool]
) -> tuple[int, int]:
    """Return the newest number in sequence, and how many packets were not the next.

    Args:
        newest: Number before.
        numbers: First number of each piece, whose packets have consecutive numbers.
        sizes: How many packets each has.
        in_sequence: Whether their timestamps are.
    """
    errors = 0
    for first, size, right in zip(numbers, sizes, in_sequence, strict=True):
        for ahead in range(size):
            number = (first + ahead) & 0xFFFF
            follows = number == (newest + 1) & 0xFFFF
            if right and (follows or number > newest or newest - number > _WRAPPED):
                errors += not follows
                newest = (first + size - 1) & 0xFFFF
                break
            errors += number <= newest
    return newest, errors


def _comfort_noise(
    state: NDArray[np.void], arrivals: Arrivals, payload_type: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Return which packets are comfort noise or follow it."""
    noise = np.isin(payload_type, _COMFORT_NOISE)
    after = np.empty_like(noise)
    after[1:] = noise[:-1]
    after[arrivals.first] = np.isin(state["payload_type"][arrivals.row], _COMFORT_NOISE)
    noise |= after
    return noise


def _deltas(
    state: NDArray[np.void], arrivals: Arrivals, in_sequence: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the ms since the packet before, of those whose timestamp is in sequence."""
    delta = np.zeros(len(in_sequence))
    right = select(in_sequence, arrivals.first)
    if right is None:
        return delta
    row, time = arrivals.row[right.stream], arrivals.time[right.position]
    elapsed = np.empty_like(time)
    np.subtract(time[1:], time[:-1], out=elapsed[1:])
    elapsed[right.first] = time[right.first] - state["time"][row]
    state["time"][row] = time[right.last]
    delta[right.position] = elapsed * 1e-6
    return delta


def _jitters(
    state: NDArray[np.void],
    arrivals: Arrivals,
    rated: NDArray[np.bool_],
    packets: tuple[NDArray[np.float64], NDArray[np.uint32], NDArray[np.int32]],
) -> NDArray[np.float64]:
    """Book jitter, skew and the sums for drift; return the jitter of each packet.

    Args:
        state: Where to book.
        arrivals: What came.
        rated: Which packets have a clock, and a timestamp in sequence.
        packets: Delta in ms, timestamp units after the first, and kHz.
    """
    jitter = np.zeros(len(rated))
    chosen = select(rated, arrivals.first)
    if chosen is None:
        return jitter
    row, first, last = arrivals.row[chosen.stream], chosen.first, chosen.last
    delta, ticks, kilohertz = (column[chosen.position] for column in packets)
    nominal = ticks / kilohertz
    change = np.empty_like(nominal)
    np.subtract(nominal[1:], nominal[:-1], out=change[1:])
    change[first] = nominal[first] - state["nominal"][row]
    change -= delta
    np.abs(change, out=change)
    change /= 16
    change[first] += _DECAY * state["jitter"][row]
    smooth = decayed_sums(change, first, _DECAY)
    jitter[chosen.position] = smooth
    state["jitter"][row] = smooth[last]
    state["nominal"][row] = nominal[last]
    start = np.repeat(state["start"][row], last - first + 1)
    _book_skew(state, row, chosen, (arrivals.time[chosen.position] - start) * 1e-6, nominal)
    return jitter


def _book_skew(
    state: NDArray[np.void],
    row: NDArray[np.int64],
    chosen: Selection,
    arrival: NDArray[np.float64],
    nominal: NDArray[np.float64],
) -> None:
    """Book the skew furthest from 0, the earliest of equals, and the sums for drift."""
    first = chosen.first
    skew = nominal - arrival
    ahead, behind = np.maximum.reduceat(skew, first), np.minimum.reduceat(skew, first)
    furthest = np.where(ahead >= -behind, ahead, behind)
    for index in np.flatnonzero((ahead == -behind) & (ahead > 0)).tolist():
        packets = skew[first[index] : chosen.last[index] + 1]
        furthest[index] = packets[np.argmax(np.abs(packets))]
    further = np.abs(furthest) > np.abs(state["max_skew"][row])
    state["max_skew"][row[further]] = furthest[further]
    sums = {"x": arrival, "y": nominal, "xx": arrival * arrival, "xy": arrival * nominal}
    for name, values in sums.items():
        state[name][row] += np.add.reduceat(values, first)


def _book_extremes(
    state: NDArray[np.void],
    arrivals: Arrivals,
    name: str,
    values: NDArray[np.float64],
    regular: NDArray[np.bool_],
) -> None:
    """Book the least and the greatest value of regular packets."""
    chosen = select(regular, arrivals.first)
    if chosen is None:
        return
    row, values = arrivals.row[chosen.stream], values[chosen.position]
    least = np.minimum.reduceat(values, chosen.first)
    known = state[f"{name}_min"][row]
    state[f"{name}_min"][row] = np.where(known == -1, least, np.minimum(known, least))
    greatest = np.maximum.reduceat(values, chosen.first)
    state[f"{name}_max"][row] = np.maximum(state[f"{name}_max"][row], greatest)


def _book_mean(
    state: NDArray[np.void],
    arrivals: Arrivals,
    name: str,
    values: NDArray[np.float64],
    skipped: NDArray[np.bool_],
) -> None:
    """Book the mean; a skipped packet counts as equal to the mean so far.

    With n packets before it, a packet makes the total n * mean grow by its value; a
    skipped one makes it grow by n / (n - 1). Growth is taken out of the sum as a power.

    Args:
        state: Where to book.
        arrivals: What came.
        name: `delta` or `jitter`.
        values: Of each packet, 0 where it is skipped.
        skipped: Which packets do not count, without the first of the stream.
    """
    row, first, size = arrivals.row, arrivals.first, arrivals.size
    before = state["packets"][row]
    total = state[f"{name}_mean"][row] * np.maximum(before - 1, 0)
    at = np.flatnonzero(skipped)
    if not len(at):
        total += np.add.reduceat(values, first)
    else:
        stream = arrivals.stream_of(at)
        number = before[stream] + at - first[stream]
        steps = np.zeros(len(values))
        steps[at] = np.log(number / np.maximum(number - 1, 1))
        growth = np.cumsum(steps)
        growth -= np.repeat(growth[first] - steps[first], size)
        total += np.add.reduceat(values * np.exp(-growth), first)
        total *= np.exp(growth[arrivals.last])
    state[f"{name}_mean"][row] = total / np.maximum(before + size - 1, 1)


def wireshark_figures(columns: Columns, row: int) -> WiresharkFigures:
    """Compute what Wireshark shows for one row."""
    state = record_values(columns.wireshark[row])
    packets: int = state["packets"]
    wraps = state["cycles"] * 0x10000
    expected = state["stop_sequence"] + wraps - state["first_sequence"] + 1
    expected &= 0xFFFFFFFF
    lost = expected - packets
    x, xx = state["x"], state["xx"]
    spread = packets * xx - x * x
    drift = 0.0
    if xx > 0 and spread:
        drift = (packets * state["xy"] - x * state["y"]) / spread - 1
    elapsed = (state["time"] - state["start"]) / 1e6
    return WiresharkFigures(
        expected=expected,
        lost=lost,
        loss_percent=100 * lost / expected if expected else 0.0,
        sequence_errors=state["sequence_errors"],
        delta_min_ms=state["delta_min"],
        delta_mean_ms=state["delta_mean"],
        delta_max_ms=state["delta_max"],
        jitter_min_ms=state["jitter_min"],
        jitter_mean_ms=state["jitter_mean"],
        jitter_max_ms=state["jitter_max"],
        max_skew_ms=state["max_skew"],
        drift_ms=elapsed * drift,
        drift_percent=100 * drift,
        problem=bool(state["sequence_errors"] or state["wrong_timestamp"]),
        wrong_timestamp=state["wrong_timestamp"],
    )
