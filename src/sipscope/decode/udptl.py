"""Fax in UDPTL packets (ITU-T T.38): which datagrams are built like one."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sipscope.decode.network import Datagrams

_HEADER: Final = 3
"""Sequence number and length of the primary packet."""
_SHORTEST: Final = 6
_LONG: Final = 0x80
_REDUNDANCY, _FORWARD_ERROR_CORRECTION = 0x00, 0x80


def built_as_udptl(datagrams: Datagrams, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which datagrams have the form of UDPTL (T.38 section 9.1).

    That is a sequence number, a packet of 1 to 127 bytes behind its length, and a field of
    error recovery. One in a hundred datagrams of another kind looks the same: who asks
    should know from elsewhere that it may be.

    Args:
        datagrams: Those of a batch.
        rows: Indices of some of them.
    """
    octets = np.frombuffer(datagrams.batch.buffer, np.uint8)
    length = datagrams.length[rows]
    fits = length >= _SHORTEST
    start = datagrams.start[rows]
    primary = octets[start[fits] + 2].astype(np.int64)
    fits[fits] = (primary > 0) & (primary < _LONG) & (_HEADER + primary < length[fits])
    start = start[fits]
    recovery = octets[start + _HEADER + octets[start + 2]]
    fits[fits] = (recovery == _REDUNDANCY) | (recovery == _FORWARD_ERROR_CORRECTION)
    return fits


def sequence_numbers(datagrams: Datagrams, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sequence numbers of UDPTL packets."""
    octets = np.frombuffer(datagrams.batch.buffer, np.uint8)
    start = datagrams.start[rows]
    numbers: NDArray[np.int64] = octets[start].astype(np.int64) << 8 | octets[start + 1]
    return numbers
