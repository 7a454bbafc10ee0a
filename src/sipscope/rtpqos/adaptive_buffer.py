"""The jitter buffer that follows the delay: which packets come too late for it.

Its delay is the 95 % quantile (nearest rank) of the relative delay of the last 100 packets
and half a packet more, 10 ms, from 20 to 200 ms; 40 ms before the first packet. The relative
delay of a packet is its transit time less the least of the last 500 packets; the packet is
discarded when that exceeds the delay. With a new timestamp base, clock or numbering it
starts anew. Duplicates are passed over.

The transit times of the last packets are kept in a ring a stream. In the plain case the delay
is 20 ms and nothing is discarded: when no packet is 20 ms behind, and no more than 5 of the
last 100 are 10 ms behind, which bounds on somewhat more packets can tell. Elsewhere both sliding
windows are cut into blocks as long as they are: a window is the end of one block and the
beginning of the next, and both are followed for all blocks side by side.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.rtpqos.columns import NO_ADAPTIVE, NO_TRANSIT, RECENT_PACKETS, RING, WINDOW, Columns

MARGIN_MS: Final = 10.0
LEAST_MS: Final = 20.0
GREATEST_MS: Final = 200.0
START_MS: Final = 40.0

_RANK = 6  # of the quantile of 100, counted from the greatest
_MANY = 1 << 32
_SLACK_MS = 0.25  # so much the least may fall before packets are counted anew
_STREAMS_AT_ONCE = 256
_BLOCKS_AT_ONCE = 512

Times = NDArray[np.float64]


class _Spans(NamedTuple):
    """Packets that follow one another without a new start; the first of a stream may go on.

    Attributes:
        row: Whose.
        begin: Where the packets begin.
        size: How many, never 0.
        anew: Which of them have nothing before.
    """

    row: NDArray[np.int64]
    begin: NDArray[np.int64]
    size: NDArray[np.int64]
    anew: NDArray[np.bool_]

    def take(self, which: NDArray[np.int64]) -> "_Spans":
        """Return some of them."""
        columns: tuple[Any, ...] = self
        return _Spans(*[column[which] for column in columns])


def follow_adaptive_buffer(
    columns: Columns,
    row: NDArray[np.int64],
    first: NDArray[np.int64],
    transit: Times,
    anew: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Book packets, stream by stream; return which are discarded, ascending.

    Args:
        columns: Where to book.
        row: Of each stream.
        first: Where each stream's packets begin.
        transit: Of each packet in ms, comparable with those before where it does not start anew.
        anew: Where it does.
    """
    state = columns.adaptive
    begins = anew.copy()
    begins[first] = True
    begin = np.flatnonzero(begins)
    own = np.searchsorted(begin, first)
    pieces = np.diff(own, append=len(begin))
    size = np.diff(begin, append=len(transit))
    spans = _Spans(np.repeat(row, pieces), begin, size, anew[begin])
    special = np.flatnonzero((pieces > 1) | ~_plain(state, spans.take(own), transit))
    total = np.diff(first, append=len(transit)) * LEAST_MS
    total[anew[first]] += START_MS - LEAST_MS
    longest = np.where(anew[first], START_MS, LEAST_MS)
    bad: list[NDArray[np.int64]] = []
    for start in range(0, len(special), _STREAMS_AT_ONCE):
        chosen = special[start : start + _STREAMS_AT_ONCE]
        some = np.zeros(len(row), np.bool_)
        some[chosen] = True
        position, delay, discarded = _delays(
            columns, spans.take(np.flatnonzero(np.repeat(some, pieces))), transit
        )
        bad.append(position[discarded])
        head = np.searchsorted(position, first[chosen])
        total[chosen] = np.add.reduceat(delay, head)
        longest[chosen] = np.maximum.reduceat(delay, head)
    state["judged"][row] += np.diff(first, append=len(transit))
    state["delay_sum"][row] += total
    state["delay_max"][row] = np.maximum(state["delay_max"][row], longest)
    newest = spans.take(np.append(own[1:], len(begin)) - 1)
    _keep(columns, newest, transit)
    return np.concatenate(bad) if bad else np.empty(0, np.int64)


def _plain(state: NDArray[np.void], spans: _Spans, transit: Times) -> NDArray[np.bool_]:
    """Return where the delay is the least, and nothing is discarded, but before the first packet.

    The 6th greatest of some packets is at least that of 100 of them; before there are 100,
    the quantile may be the greatest.
    """
    values, head = _packets(spans, transit)
    low, high = np.minimum.reduceat(values, head), np.maximum.reduceat(values, head)
    before = state[spans.row]
    before[spans.anew] = NO_ADAPTIVE
    least = np.minimum(before["least"].min(axis=1), low)
    limit = least + LEAST_MS - MARGIN_MS
    border = np.where(before["beyond_of"] > 0, before["border"][:, 0], limit)
    beyond = _beyond(values, head, border) + before["beyond"].sum(axis=1)
    beyond[(border > limit) | (before["border"][:, 1] > limit)] = _MANY
    few = np.where(before["packets"] < WINDOW, 0, _RANK - 1)
    plain: NDArray[np.bool_] = (high - least <= LEAST_MS) & (beyond <= few)
    return plain


def _beyond(values: Times, head: NDArray[np.int64], border: Times) -> NDArray[np.int64]:
    """Return how many values of each span are beyond its border."""
    size = np.diff(head, append=len(values))
    beyond: NDArray[np.int64] = np.add.reduceat(
        values > np.repeat(border, size), head, dtype=np.int64
    )
    return beyond


def _packets(spans: _Spans, transit: Times) -> tuple[Times, NDArray[np.int64]]:
    """Return the transit times of the packets, and where those of each span begin."""
    head = np.cumsum(spans.size) - spans.size
    count = int(spans.size.sum())
    if count == len(transit):
        return transit, head
    return transit[np.arange(count) + np.repeat(spans.begin - head, spans.size)], head


def _keep(columns: Columns, spans: _Spans, transit: Times) -> None:
    """Keep the newest transit times of each stream, and their bounds."""
    state, row, ring = columns.adaptive, spans.row, columns.transit
    values, head = _packets(spans, transit)
    fresh = row[spans.anew]
    ring[fresh] = NO_TRANSIT
    bounds = state[row]
    for name in ("packets", "least", "least_of", "border", "beyond", "beyond_of"):
        bounds[name][spans.anew] = NO_ADAPTIVE[name]
    offset = bounds["packets"] - head
    _bound(bounds, values, head, spans.size)
    bounds["packets"] += spans.size
    state[row] = bounds
    place = np.arange(len(values)) + np.repeat(offset, spans.size)
    place &= RING - 1
    place += np.repeat(row * RING, spans.size)
    if (spans.size > RING).any():
        kept = np.arange(len(values)) >= np.repeat(head + spans.size - RING, spans.size)
        place, values = place[kept], values[kept]
    ring.reshape(-1)[place] = values


def _bound(
    bounds: NDArray[np.void], values: Times, head: NDArray[np.int64], size: NDArray[np.int64]
) -> None:
    """Let the bounds hold for more packets."""
    least, border, beyond = bounds["least"], bounds["border"], bounds["beyond"]
    over = bounds["least_of"] >= RECENT_PACKETS
    least[over, 1], least[over, 0] = least[over, 0], np.inf
    bounds["least_of"][over] = 0
    least[:, 0] = np.minimum(least[:, 0], np.minimum.reduceat(values, head))
    bounds["least_of"] += size
    limit = least.min(axis=1) + LEAST_MS - MARGIN_MS
    over = bounds["beyond_of"] >= WINDOW
    border[over, 1], beyond[over, 1] = border[over, 0], beyond[over, 0]
    bounds["beyond_of"][over] = 0
    begun = bounds["beyond_of"] == 0
    border[begun, 0], beyond[begun, 0] = limit[begun] - _SLACK_MS, 0
    beyond[:, 0] += _beyond(values, head, border[:, 0])
    bounds["beyond_of"] += size
    # What was counted beyond a border that is too far is not known.
    unknown = border > limit[:, np.newaxis]
    beyond[unknown] = _MANY
    border[unknown] = np.repeat(limit, unknown.sum(axis=1)) - _SLACK_MS


def _delays(
    columns: Columns, spans: _Spans, transit: Times
) -> tuple[NDArray[np.int64], Times, NDArray[np.bool_]]:
    """Return positions, the delay of the buffer before each, and which are discarded."""
    count = columns.adaptive["packets"][spans.row]
    rings = columns.transit[spans.row]
    rings[spans.anew] = NO_TRANSIT
    count[spans.anew] = 0
    slot = (count[:, np.newaxis] + np.arange(-RECENT_PACKETS, 0)) % RING
    history = np.take_along_axis(rings, slot, axis=1)
    head = np.cumsum(spans.size) - spans.size
    position = np.arange(int(spans.size.sum())) + np.repeat(spans.begin - head, spans.size)
    values = transit[position]
    quantile = _quantiles(*_line(history[:, -WINDOW:], values, spans.size))
    history[history == -np.inf] = np.inf
    least = _least(*_line(history, values, spans.size))
    delay = np.clip(quantile - least + MARGIN_MS, LEAST_MS, GREATEST_MS)
    delay[head[spans.anew]] = START_MS
    return position, delay, values - np.minimum(least, values) > delay


def _line(
    history: Times, values: Times, size: NDArray[np.int64]
) -> tuple[Times, NDArray[np.int64]]:
    """Put the packets of each span after its history; return blocks, and where they are.

    Args:
        history: As many values of each span as a block has.
        values: Of the packets.
        size: Of each span.
    """
    width = history.shape[1]
    head = np.cumsum(size + width) - size - width
    place = np.arange(len(values)) + np.repeat(np.arange(1, len(size) + 1) * width, size)
    blocks = -(-(len(values) + history.size) // width)
    line = np.zeros(blocks * width)
    line[place] = values
    line[head[:, np.newaxis] + np.arange(width)] = history
    return line.reshape(blocks, width), place


def _least(blocks: Times, place: NDArray[np.int64]) -> Times:
    """Return the least of as many values before each place as a block has."""
    width = blocks.shape[1]
    ends = np.minimum.accumulate(blocks[:, ::-1], axis=1)[:, ::-1].reshape(-1)
    begins = np.minimum.accumulate(blocks, axis=1).reshape(-1)
    least: Times = np.minimum(ends[place - width], begins[place - 1])
    return least


def _quantiles(blocks: Times, place: NDArray[np.int64]) -> Times:
    """Return the quantile of as many values before each place as a block has."""
    columns = np.ascontiguousarray(blocks.T)
    result = np.empty_like(columns)
    for start in range(0, len(blocks) - 1, _BLOCKS_AT_ONCE):
        stop = min(start + _BLOCKS_AT_ONCE, len(blocks) - 1)
        _slide(columns[:, start : stop + 1], result[:, start + 1 : stop + 1])
    quantiles: Times = result[place % WINDOW, place // WINDOW]
    return quantiles


def _slide(blocks: Times, quantile: Times) -> None:
    """Write the quantile of the window before each packet of all blocks but the first.

    Args:
        blocks: One in a column.
        quantile: The same less the first block.
    """
    # The 6 greatest of so many first packets of each block, and of so many last ones.
    values = np.concatenate((blocks[:, 1:], blocks[::-1, :-1]), axis=1)
    greatest = np.empty((WINDOW + 1, _RANK, values.shape[1]))
    greatest[0] = -np.inf
    for index, value in enumerate(values):
        before, after = greatest[index], greatest[index + 1]
        np.maximum(before[0], value, out=after[0])
        np.maximum(before[1:], np.minimum(before[:-1], value), out=after[1:])
    begin = greatest[:-1, :, : quantile.shape[1]]
    end = greatest[:0:-1, :, quantile.shape[1] :]
    # The 6th of two descending lists is the greatest of the lesser of what is i-th in one
    # and (6 - i)-th in the other.
    np.maximum(begin[:, -1], end[:, -1], out=quantile)
    for index in range(_RANK - 1):
        lesser = np.minimum(begin[:, index], end[:, _RANK - 2 - index])
        np.maximum(quantile, lesser, out=quantile)
