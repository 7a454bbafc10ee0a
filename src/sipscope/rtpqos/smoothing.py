"""The running average of RFC 3550 on columns."""

import numpy as np
from numpy.typing import NDArray

_WIDTH_BITS = 5
_WIDTH = 1 << _WIDTH_BITS


def decayed_sums(
    values: NDArray[np.float64], first: NDArray[np.int64], decay: float
) -> NDArray[np.float64]:
    """Return y with y[i] = decay * y[i - 1] + values[i] within each segment.

    The samples are cut into pieces of 32, which are summed side by side in 32 steps; what
    each piece hands to the next is the same problem again, 32 times smaller. So it is as
    quick for one long segment as for many short ones.

    Args:
        values: Samples of all segments, one after the other.
        first: Where each segment begins, ascending from 0, none of them empty.
        decay: Between 0 and 1.
    """
    size = np.diff(first, append=len(values))
    pieces = -(-size // _WIDTH)
    first_piece = np.cumsum(pieces) - pieces
    count = int(pieces.sum())
    place = np.arange(len(values), dtype=np.int32)
    place += np.repeat((first_piece * _WIDTH - first).astype(np.int32), size)
    place = (place & _WIDTH - 1) * count + (place >> _WIDTH_BITS)
    sums = np.zeros((_WIDTH, count))
    sums.reshape(-1)[place] = values
    for index in range(1, _WIDTH):
        sums[index] += decay * sums[index - 1]
    if count > len(first):
        carry = np.roll(decayed_sums(sums[-1], first_piece, decay**_WIDTH), 1)
        carry[first_piece] = 0.0
        for index in range(_WIDTH):
            carry *= decay
            sums[index] += carry
    result: NDArray[np.float64] = sums.reshape(-1)[place]
    return result
