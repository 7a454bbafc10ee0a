"""Report blocks of extended reports (RFC 3611 section 4): bytes in, records out."""

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from sipscope.errors import Problem

RECEIVER_REFERENCE_TIME: Final = 4
DELAY_SINCE_LAST_RECEIVER_REPORT: Final = 5
STATISTICS_SUMMARY: Final = 6
VOIP_METRICS: Final = 7

_UNAVAILABLE: Final = 127
_HIGHEST_R: Final = 100
_LOWEST_MOS, _HIGHEST_MOS = 10, 50


class ExtendedBlock(NamedTuple):
    """A block that is not read here, or is too short for what it says that it is.

    Attributes:
        kind: Block type.
        specific: The byte after the block type.
        data: The block without its header.
    """

    kind: int
    specific: int
    data: bytes


class ReceiverReferenceTime(NamedTuple):
    """When the reporter sent this, for others to answer with their delay (section 4.4).

    Attributes:
        ntp_time: 64-bit NTP timestamp, 32.32 fixed point.
    """

    ntp_time: int


class LastReceiverReport(NamedTuple):
    """An answer to a receiver reference time (section 4.5).

    Attributes:
        ssrc: Who is answered.
        last_rr: Middle 32 bits of the reference time, 0 for none.
        delay: Since that came, in 1/65536 s.
    """

    ssrc: int
    last_rr: int
    delay: int


class DelaySinceLastReceiverReport(NamedTuple):
    """DLRR: an answer to each receiver that sent its reference time (section 4.5)."""

    answers: tuple[LastReceiverReport, ...]


class StatisticsSummary(NamedTuple):
    """What a receiver counted between two sequence numbers (section 4.6).

    What the block says not to hold is None.

    Attributes:
        ssrc: The source that it is about.
        begin: First sequence number.
        end: The one after the last.
        lost: Packets that never came.
        duplicates: Packets that came again.
        jitter: Lowest, highest, mean and standard deviation, in timestamp units.
        hops: The same four of the TTL or hop limit.
    """

    ssrc: int
    begin: int
    end: int
    lost: int | None
    duplicates: int | None
    jitter: tuple[int, int, int, int] | None
    hops: tuple[int, int, int, int] | None


class VoipMetrics(NamedTuple):
    """How a call sounds to the reporter (section 4.7); None is unavailable.

    Attributes:
        ssrc: The source that it is about.
        loss_rate: Lost since the beginning, in 1/256.
        discard_rate: Discarded by the jitter buffer, in 1/256.
        burst_density: Lost or discarded within bursts, in 1/256.
        gap_density: Lost or discarded within gaps, in 1/256.
        burst_ms: Mean duration of a burst.
        gap_ms: Mean duration of a gap.
        round_trip_ms: Between the two RTP interfaces; None is not measured yet.
        end_system_ms: Added by the reporter: encoding, jitter buffer, decoding; None is unknown.
        signal_dbm: Signal level, dBm0.
        noise_dbm: Noise level, dBm0.
        echo_return_loss_db: Residual echo return loss.
        gmin: Good packets that end a burst.
        r_factor: 0 to 100.
        external_r_factor: Of the network beyond the reporter.
        mos_lq: Listening quality, 1 to 5.
        mos_cq: Conversational quality, 1 to 5.
        concealment: 0 unspecified, 1 disabled, 2 enhanced, 3 standard.
        adaptive: Jitter buffer: 0 unknown, 2 not adaptive, 3 adaptive.
        buffer_rate: How fast it adapts, 0 to 15.
        buffer_nominal_ms: Its delay for packets in time.
        buffer_maximum_ms: The same for the latest packet that is not discarded.
        buffer_limit_ms: The most that it can grow to.
    """

    ssrc: int
    loss_rate: int
    discard_rate: int
    burst_density: int
    gap_density: int
    burst_ms: int
    gap_ms: int
    round_trip_ms: int | None
    end_system_ms: int | None
    signal_dbm: int | None
    noise_dbm: int | None
    echo_return_loss_db: int | None
    gmin: int
    r_factor: int | None
    external_r_factor: int | None
    mos_lq: float | None
    mos_cq: float | None
    concealment: int
    adaptive: int
    buffer_rate: int
    buffer_nominal_ms: int
    buffer_maximum_ms: int
    buffer_limit_ms: int


ReportedBlock = (
    ReceiverReferenceTime
    | DelaySinceLastReceiverReport
    | StatisticsSummary
    | VoipMetrics
    | ExtendedBlock
)

_ANSWER = struct.Struct("!III")
_SUMMARY = struct.Struct("!IHHII4I4B")
_RATES = struct.Struct("!I4B4H")
_SCORES = struct.Struct("!2b6B")
_RECEIVER = struct.Struct("!Bx3H")
_VOIP_SIZE = _RATES.size + _SCORES.size + _RECEIVER.size


def read_block(
    kind: int, specific: int, data: bytes, offset: int, problems: list[Problem]
) -> ReportedBlock:
    """Return what a block holds; of a kind unknown here, or too short, its bytes.

    Args:
        kind: Block type.
        specific: The byte after the block type.
        data: The block without its header.
        offset: Where the block begins, for `problems`.
        problems: Takes what is wrong.
    """
    known = _READERS.get(kind)
    if known is None:
        return ExtendedBlock(kind, specific, data)
    size, read = known
    if len(data) < size:
        text = f"block of type {kind} with {len(data)} bytes instead of {size}"
        problems.append(Problem("rtcp.xr-short", text, offset))
        return ExtendedBlock(kind, specific, data)
    return read(specific, data)


def _reference_time(_: int, data: bytes) -> ReceiverReferenceTime:
    return ReceiverReferenceTime(int.from_bytes(data[:8], "big"))


def _delays(_: int, data: bytes) -> DelaySinceLastReceiverReport:
    whole = data[: len(data) - len(data) % _ANSWER.size]
    return DelaySinceLastReceiverReport(
        tuple(LastReceiverReport(*fields) for fields in _ANSWER.iter_unpack(whole))
    )


def _summary(specific: int, data: bytes) -> StatisticsSummary:
    ssrc, begin, end, lost, duplicates, *rest = _SUMMARY.unpack_from(data)
    return StatisticsSummary(
        ssrc,
        begin,
        end,
        lost if specific & 0x80 else None,
        duplicates if specific & 0x40 else None,
        (rest[0], rest[1], rest[2], rest[3]) if specific & 0x20 else None,
        (rest[4], rest[5], rest[6], rest[7]) if specific & 0x18 else None,
    )


def _voip(_: int, data: bytes) -> VoipMetrics:
    ssrc, loss, discard, *densities, burst, gap, round_trip, end_system = _RATES.unpack_from(data)
    scores = _SCORES.unpack_from(data, _RATES.size)
    signal, noise, echo, gmin, r, external, listening, conversing = scores
    buffer = _RECEIVER.unpack_from(data, _RATES.size + _SCORES.size)
    receiver, nominal, maximum, limit = buffer
    return VoipMetrics(
        ssrc=ssrc,
        loss_rate=loss,
        discard_rate=discard,
        burst_density=densities[0],
        gap_density=densities[1],
        burst_ms=burst,
        gap_ms=gap,
        round_trip_ms=round_trip or None,
        end_system_ms=end_system or None,
        signal_dbm=_available(signal),
        noise_dbm=_available(noise),
        echo_return_loss_db=_available(echo),
        gmin=gmin,
        r_factor=r if r <= _HIGHEST_R else None,
        external_r_factor=external if external <= _HIGHEST_R else None,
        mos_lq=_mos(listening),
        mos_cq=_mos(conversing),
        concealment=receiver >> 6,
        adaptive=receiver >> 4 & 3,
        buffer_rate=receiver & 15,
        buffer_nominal_ms=nominal,
        buffer_maximum_ms=maximum,
        buffer_limit_ms=limit,
    )


def _available(value: int) -> int | None:
    return None if value == _UNAVAILABLE else value


def _mos(value: int) -> float | None:
    return value / 10 if _LOWEST_MOS <= value <= _HIGHEST_MOS else None


_READERS: Final[dict[int, tuple[int, Callable[[int, bytes], ReportedBlock]]]] = {
    RECEIVER_REFERENCE_TIME: (8, _reference_time),
    DELAY_SINCE_LAST_RECEIVER_REPORT: (0, _delays),
    STATISTICS_SUMMARY: (_SUMMARY.size, _summary),
    VOIP_METRICS: (_VOIP_SIZE, _voip),
}
"""Bytes that a kind of block has at least, and what reads it."""
