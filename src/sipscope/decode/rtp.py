"""RTP headers in bulk (RFC 3550 section 5.1): columns in, columns out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sipscope.decode.network import Datagrams
from sipscope.decode.sdp import Format

_HEADER = 12
_RTCP_HEADER = 4
_FIRST_RTCP_TYPE = np.uint8(192)
_LAST_RTCP_TYPE = np.uint8(223)


_NOT_SPEECH = frozenset({"telephone-event", "tone", "cn"})


def is_speech(name: str) -> bool:
    """Whether an encoding is the media itself, not events (RFC 4733) or comfort noise."""
    return name.lower() not in _NOT_SPEECH


PAYLOAD_TYPES: dict[int, Format] = {
    0: Format("PCMU", 8000),
    3: Format("GSM", 8000),
    4: Format("G723", 8000),
    5: Format("DVI4", 8000),
    6: Format("DVI4", 16000),
    7: Format("LPC", 8000),
    8: Format("PCMA", 8000),
    9: Format("G722", 8000),
    10: Format("L16", 44100),
    11: Format("L16", 44100),
    12: Format("QCELP", 8000),
    13: Format("CN", 8000),
    14: Format("MPA", 90000),
    15: Format("G728", 8000),
    16: Format("DVI4", 11025),
    17: Format("DVI4", 22050),
    18: Format("G729", 8000),
    19: Format("CN", 8000),
    25: Format("CelB", 90000),
    26: Format("JPEG", 90000),
    28: Format("nv", 90000),
    31: Format("H261", 90000),
    32: Format("MPV", 90000),
    33: Format("MP2T", 90000),
    34: Format("H263", 90000),
}
"""The static payload types of RFC 3551 section 6; 19 is comfort noise in its drafts."""


@dataclass(frozen=True, slots=True)
class RtpBlock:
    """The RTP packets of one batch, in the order of capture; one entry a packet.

    One stream is one pair of `flow` and `ssrc`.

    Attributes:
        row: Index of the packet in the `Datagrams`.
        flow: Index into the flows of the `Datagrams`.
        ssrc: Synchronization source.
        time: Nanoseconds since the epoch.
        sequence: Sequence number.
        timestamp: In units of the payload type's clock.
        marker: Marker bit.
        payload_type: 0 to 127.
        payload_length: Bytes without header, CSRC, extension and padding, as on the wire.
        length: Bytes from the RTP header to the end of the padding, as on the wire.
        dscp: Differentiated services code point.
        rtcp: Rows of the `Datagrams` that are RTCP (RFC 5761 section 4).
        other: Rows of the `Datagrams` that are neither RTP nor RTCP.
    """

    row: NDArray[np.int64]
    flow: NDArray[np.int64]
    ssrc: NDArray[np.uint32]
    time: NDArray[np.int64]
    sequence: NDArray[np.uint16]
    timestamp: NDArray[np.uint32]
    marker: NDArray[np.bool_]
    payload_type: NDArray[np.uint8]
    payload_length: NDArray[np.uint16]
    length: NDArray[np.uint16]
    dscp: NDArray[np.uint8]
    rtcp: NDArray[np.int64]
    other: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row)


_FIELDS = np.dtype(
    [
        ("bits", "u1"),
        ("type", "u1"),
        ("sequence", ">u2"),
        ("timestamp", ">u4"),
        ("ssrc", ">u4"),
    ]
)


def rtp_block(datagrams: Datagrams) -> RtpBlock:
    """Return the columns of the datagrams that are RTP, and which are RTCP or neither.

    RTP is version 2, a whole fixed header in the capture, room for CSRC list and header
    extension on the wire, and no packet type of RTCP in the second byte. A padding count
    that does not fit is not refused: SRTP encrypts it.
    """
    octets = np.frombuffer(datagrams.batch.buffer, np.uint8)
    rows = np.flatnonzero(datagrams.length >= _HEADER)
    fields = _headers(datagrams.batch.buffer, datagrams.start[rows])
    kept = (fields["bits"] & 0xC0 == 0x80) & ~_is_rtcp(fields["type"])
    if not kept.all():
        rows, fields = rows[kept], fields[kept]
    wire = datagrams.wire_length[rows]
    payload = wire - _HEADER
    _subtract_rest(payload, fields["bits"], octets, datagrams, rows)
    if (payload < 0).any():
        kept = payload >= 0
        rows, fields, wire, payload = rows[kept], fields[kept], wire[kept], payload[kept]
    rtcp, other = _remainder(datagrams, octets, rows)
    return RtpBlock(
        row=rows,
        flow=datagrams.flow[rows],
        ssrc=fields["ssrc"].astype(np.uint32),
        time=datagrams.batch.time[datagrams.packet[rows]],
        sequence=fields["sequence"].astype(np.uint16),
        timestamp=fields["timestamp"].astype(np.uint32),
        marker=fields["type"] >= 0x80,
        payload_type=fields["type"] & np.uint8(0x7F),
        payload_length=payload.astype(np.uint16),
        length=wire.astype(np.uint16),
        dscp=datagrams.dscp[rows],
        rtcp=rtcp,
        other=other,
    )


def payload_start(
    datagrams: Datagrams, block: RtpBlock, which: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return where in the buffer the payload of some packets begins, behind any extension.

    Args:
        datagrams: What `block` was made of.
        block: The packets.
        which: Indices into `block`.

    Returns:
        One offset each, the end of the captured bytes where they do not reach so far.
    """
    octets = np.frombuffer(datagrams.batch.buffer, np.uint8)
    row = block.row[which]
    end = datagrams.start[row] + datagrams.length[row]
    bits = octets[datagrams.start[row]]
    start = datagrams.start[row] + _HEADER + 4 * (bits & 0x0F).astype(np.int64)
    extended = np.flatnonzero(((bits & 0x10) != 0) & (start + 4 <= end))
    at = start[extended]
    words = octets[at + 2].astype(np.int64) << 8 | octets[at + 3]
    start[extended] += 4 + 4 * words
    begin: NDArray[np.int64] = np.minimum(start, end)
    return begin


def _is_rtcp(kind: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether the second byte is an RTCP packet type (RFC 5761 section 4)."""
    result: NDArray[np.bool_] = kind - _FIRST_RTCP_TYPE <= _LAST_RTCP_TYPE - _FIRST_RTCP_TYPE
    return result


def _headers(buffer: bytes, start: NDArray[np.int64]) -> NDArray[np.void]:
    """Return the 12 bytes at each `start` as records of `_FIELDS`."""
    if not len(start):
        return np.empty(0, _FIELDS)
    everywhere = np.ndarray(
        (len(buffer) - _HEADER + 1,), dtype=f"V{_HEADER}", buffer=buffer, strides=(1,)
    )
    return everywhere[start].view(_FIELDS)


def _subtract_rest(
    payload: NDArray[np.int64],
    bits: NDArray[np.uint8],
    octets: NDArray[np.uint8],
    datagrams: Datagrams,
    rows: NDArray[np.int64],
) -> None:
    """Take CSRC list, header extension and padding off `payload`; below 0 they do not fit."""
    special = np.flatnonzero(bits != 0x80)
    if not len(special):
        return
    payload[special] -= 4 * (bits[special] & 0x0F).astype(np.int64)
    extended = special[(bits[special] & 0x10) != 0]
    if len(extended):
        row = rows[extended]
        at = datagrams.start[row] + _HEADER + 4 * (bits[extended] & 0x0F).astype(np.int64)
        payload[extended] -= 4
        seen = at + 4 <= datagrams.start[row] + datagrams.length[row]
        at = at[seen]
        words = octets[at + 2].astype(np.int64) << 8 | octets[at + 3]
        payload[extended[seen]] -= 4 * words
    padded = special[((bits[special] & 0x20) != 0) & (payload[special] > 0)]
    padded = padded[datagrams.length[rows[padded]] == datagrams.wire_length[rows[padded]],]
    if len(padded):
        row = rows[padded]
        count = octets[datagrams.start[row] + datagrams.length[row] - 1].astype(np.int64)
        payload[padded] -= np.where(count <= payload[padded], count, 0)


def _remainder(
    datagrams: Datagrams, octets: NDArray[np.uint8], rtp: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows beside `rtp` that are RTCP and those that are neither."""
    left = np.ones(len(datagrams.start), np.bool_)
    left[rtp] = False
    rows = np.flatnonzero(left)
    control = datagrams.length[rows] >= _RTCP_HEADER
    at = datagrams.start[rows[control]]
    control[control] = (octets[at] & 0xC0 == 0x80) & _is_rtcp(octets[at + 1])
    return rows[control], rows[~control]
