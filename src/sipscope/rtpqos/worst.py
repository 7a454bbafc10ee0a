"""The worst part of a stream, by R: of ten seconds unless told otherwise."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sipscope.rtpqos.codecs import Coding
from sipscope.rtpqos.columns import PART, PARTS, Arrivals, Columns, Hearing
from sipscope.rtpqos.emodel import mean_opinion_score
from sipscope.rtpqos.opinion import Unheard, listening_rating, listening_ratings
from sipscope.rtpqos.stream import Stream

_KEY_BITS = 40
_MASK = (1 << _KEY_BITS) - 1


def follow_worst(
    columns: Columns, arrivals: Arrivals, hearing: Hearing, streams: Sequence[Stream]
) -> None:
    """Book new arrivals into the parts of their streams; rate those that are over for good.

    The first part begins with the stream. One is kept until three more have begun, for
    packets that come late; what comes later than two parts mends nothing here.
    """
    state, row, part_ns = columns.state, arrivals.row, columns.part_ns
    parts, packets = _parts_of_packets(columns, arrivals)
    newest = np.maximum.reduceat(parts & _MASK, np.flatnonzero(_heads(parts)))
    newest = np.maximum(newest, state["part"][row])
    some = hearing.age <= 2 * part_ns
    stream = hearing.stream[some]
    since = hearing.time[some] - state["first"][row[stream]]
    used = columns.part[row].view(np.int64).reshape(len(row), PARTS, -1).any(axis=2)
    held_stream, held_slot = np.nonzero(used)
    held = columns.part[row[held_stream], held_slot]
    # The ring holds the newest parts: which one a slot is follows from the newest.
    back = (state["part"][row[held_stream]] - held_slot) % PARTS
    keys = np.concatenate(
        (
            _key(held_stream, state["part"][row[held_stream]] - back),
            parts,
            _key(stream, np.maximum(since // part_ns, 0)),
        )
    )
    key, place = np.unique(keys, return_inverse=True)
    sums = np.zeros(len(key), PART)
    split = len(held), len(held) + len(parts)
    np.add.at(sums["expected"], place[split[0] : split[1]], packets)
    for name in PART.names or ():
        np.add.at(sums[name], place[: split[0]], held[name])
    for name, column in zip(
        PART.names or (), (hearing.expected, hearing.unheard, hearing.runs), strict=True
    ):
        np.add.at(sums[name], place[split[1] :], column[some])
    stream, part = key >> _KEY_BITS, key & _MASK
    over = part <= newest[stream] - PARTS
    columns.part[row] = 0
    columns.part[row[stream[~over]], part[~over] % PARTS] = sums[~over]
    earliest = state["part"][row] - PARTS
    rated = over & (part > earliest[stream]) & (sums["expected"] > 0)
    state["part"][row] = newest
    _rate(state, row, streams, stream[rated], sums[rated])


def _heads(parts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where another stream begins."""
    heads: NDArray[np.bool_] = np.diff(parts >> _KEY_BITS, prepend=-1) != 0
    return heads


def _key(stream: NDArray[np.int64], part: NDArray[np.int64]) -> NDArray[np.int64]:
    return (stream << _KEY_BITS) + part


def _parts_of_packets(
    columns: Columns, arrivals: Arrivals
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return stream and part of packets, and how many there are, by stream."""
    begin, part_ns = columns.state["first"][arrivals.row], columns.part_ns
    first, size = arrivals.first, arrivals.size
    low = np.maximum((np.minimum.reduceat(arrivals.time, first) - begin) // part_ns, 0)
    high = np.maximum((np.maximum.reduceat(arrivals.time, first) - begin) // part_ns, 0)
    stream = np.arange(len(size))
    several = low != high
    key, count = _key(stream, low)[~several], size[~several]
    if several.any():
        at = np.flatnonzero(np.repeat(several, size))
        own = np.repeat(stream[several], size[several])
        part = np.maximum((arrivals.time[at] - begin[own]) // part_ns, 0)
        keys = _key(own, part)
        pieces = np.flatnonzero(np.diff(keys, prepend=-1))
        key = np.concatenate((key, keys[pieces]))
        count = np.concatenate((count, np.diff(pieces, append=len(keys))))
        order = np.argsort(key, kind="stable")
        key, count = key[order], count[order]
    return key, count


def _rate(
    state: NDArray[np.void],
    row: NDArray[np.int64],
    streams: Sequence[Stream],
    stream: NDArray[np.int64],
    parts: NDArray[np.void],
) -> None:
    """Book the ratings of parts that are over, of the streams whose codec is known."""
    codings = {index: streams[index].coding for index in set(stream.tolist())}
    known = [codings[index] is not None for index in stream.tolist()]
    stream, parts = stream[known], parts[known]
    if not len(stream):
        return
    used: list[Coding] = [found for i in stream.tolist() if (found := codings[i]) is not None]
    ratings = listening_ratings(used, parts["expected"], parts["unheard"], parts["runs"])
    np.minimum.at(state["worst"], row[stream], ratings)


def worst_mos(columns: Columns, row: int, state: Mapping[str, Any], coding: Coding) -> float | None:
    """Return the MOS of the worst part of one row.

    The newest part counts when it is half over, or the only one.
    """
    newest, worst, part_ns = state["part"], state["worst"], columns.part_ns
    elapsed = state["last"] - state["first"] - newest * part_ns
    ratings = [worst] if worst < np.inf else []
    parts = columns.part[row].tolist()
    for part in range(max(newest - PARTS + 1, 0), newest + 1):
        expected, unheard, runs = parts[part % PARTS]
        if expected > 0 and (part < newest or not newest or 2 * elapsed >= part_ns):
            ratings.append(listening_rating(coding, Unheard(expected, unheard, runs)))
    return mean_opinion_score(min(ratings), coding.band) if ratings else None
