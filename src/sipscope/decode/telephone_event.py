"""Telephone events in RTP packets: DTMF digits and the hook flash (RFC 4733)."""

from typing import Final, NamedTuple

import numpy as np

from sipscope.decode.network import Datagrams
from sipscope.decode.rtp import RtpBlock, payload_start

DIGITS: Final = "0123456789*#ABCD!"
"""The event codes 0 to 16; `!` is the flash (RFC 4733 section 3.2)."""

_LENGTH = 4
_RESERVED, _END = 0x40, 0x80
_FIRST_UNASSIGNED = 35
"""Payload types below have a meaning of their own (RFC 3551)."""


class EventPacket(NamedTuple):
    """One packet of a telephone event.

    Attributes:
        flow: Index into the flows of the `Datagrams`.
        ssrc: Synchronization source.
        time: ns since the epoch.
        sequence: RTP sequence number.
        timestamp: RTP timestamp: when the event began, the same in all of its packets.
        marker: Whether the packet says that it is the first one.
        payload_type: 35 to 127.
        event: Index into `DIGITS`.
        end: Whether the event is over.
        duration: So far, in timestamp units.
    """

    flow: int
    ssrc: int
    time: int
    sequence: int
    timestamp: int
    marker: bool
    payload_type: int
    event: int
    end: bool
    duration: int


def telephone_events(datagrams: Datagrams, block: RtpBlock) -> list[EventPacket]:
    """Return the packets that may be DTMF, in the order of capture.

    What a payload type means is known to SDP alone: these are all packets with one of no
    fixed meaning, a payload of four bytes, an event code that is a digit and the reserved
    bit not set (RFC 4733 section 2.3).

    Args:
        datagrams: What `block` was made of.
        block: The RTP packets of a batch.
    """
    which = np.flatnonzero(block.payload_length == _LENGTH)
    which = which[block.payload_type[which] >= _FIRST_UNASSIGNED]
    if not len(which):
        return []
    octets = np.frombuffer(datagrams.batch.buffer, np.uint8)
    start, row = payload_start(datagrams, block, which), block.row[which]
    whole = start + _LENGTH <= datagrams.start[row] + datagrams.length[row]
    which, start = which[whole], start[whole]
    digit = (octets[start] < len(DIGITS)) & (octets[start + 1] & _RESERVED == 0)
    which, start = which[digit], start[digit]
    columns = (
        block.flow[which],
        block.ssrc[which],
        block.time[which],
        block.sequence[which],
        block.timestamp[which],
        block.marker[which],
        block.payload_type[which],
        octets[start],
        octets[start + 1] & _END != 0,
        octets[start + 2].astype(np.int64) << 8 | octets[start + 3],
    )
    return [EventPacket(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]
