"""A stream's course: a fixed number of intervals, wider as the stream grows longer."""

import numpy as np
from numpy.typing import NDArray

from sipscope.rtpqos.columns import (
    INTERVALS,
    NO_INTERVAL,
    Arrivals,
    Columns,
    Hearing,
    Losses,
)
from sipscope.rtpqos.timing import TimingResult


def follow_intervals(
    columns: Columns,
    arrivals: Arrivals,
    timing: TimingResult,
    losses: Losses,
    hearing: Hearing,
) -> None:
    """Book new arrivals into the intervals of their streams."""
    state, row = columns.state, arrivals.row
    newest = np.maximum.reduceat(arrivals.time, arrivals.first)
    _widen(columns, row, newest - state["first"][row])
    index = arrivals.time - np.repeat(state["first"][row], arrivals.size)
    width = state["width"][row]
    if (width == width[0]).all():
        index //= int(width[0])
    else:
        index //= np.repeat(width, arrivals.size)
    np.maximum(index, 0, out=index)
    begins = np.empty(len(index), np.bool_)
    np.not_equal(index[1:], index[:-1], out=begins[1:])
    begins[arrivals.first] = True
    begin = np.flatnonzero(begins)
    place = row[arrivals.stream_of(begin)], index[begin]
    size = np.diff(begin, append=len(index))
    interval = columns.interval
    np.add.at(interval["packets"], place, size.astype(np.uint32))
    np.add.at(interval["expected"], place, size.astype(np.int32))
    jitter = np.maximum.reduceat(timing.jitter, begin).astype(np.float32)
    np.maximum.at(interval["jitter"], place, jitter)
    delta = np.maximum.reduceat(timing.delta, begin).astype(np.float32)
    np.maximum.at(interval["delta"], place, delta)
    if len(losses.row):
        first, width = state["first"][losses.row], state["width"][losses.row]
        seen = np.maximum((losses.time - first) // width, 0)
        np.add.at(interval["lost"], (losses.row, seen), losses.lost.astype(np.int32))
    if len(hearing.stream):
        row = row[hearing.stream]
        seen = np.maximum((hearing.time - state["first"][row]) // state["width"][row], 0)
        for name, change in (
            ("expected", hearing.expected),
            ("unheard", hearing.unheard),
            ("runs", hearing.runs),
        ):
            np.add.at(interval[name], (row, seen), change.astype(np.int32))


def _widen(columns: Columns, row: NDArray[np.int64], length: NDArray[np.int64]) -> None:
    """Double the intervals of each row until they reach over `length` ns."""
    width, interval = columns.state["width"], columns.interval
    while len(narrow := row[length // width[row] >= INTERVALS]):
        width[narrow] *= 2
        pairs = interval[narrow].reshape(-1, INTERVALS // 2, 2)
        merged = np.full((len(narrow), INTERVALS), NO_INTERVAL)
        half = merged[:, : INTERVALS // 2]
        for name in ("packets", "lost", "expected", "unheard", "runs"):
            half[name] = pairs[name].sum(axis=2)
        for name in ("jitter", "delta"):
            half[name] = pairs[name].max(axis=2)
        interval[narrow] = merged
