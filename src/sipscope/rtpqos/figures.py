"""The figures of one stream, as the report and the screens take them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.decode.address import Flow
from sipscope.rtpqos.bursts import GapBurst, gap_burst, unheard_runs
from sipscope.rtpqos.codecs import Coding
from sipscope.rtpqos.columns import NO_DELTA, Columns
from sipscope.rtpqos.emodel import Band, mean_opinion_score
from sipscope.rtpqos.opinion import Grade, Unheard, listening_rating, opinion
from sipscope.rtpqos.sequence import loss_bursts
from sipscope.rtpqos.timing import packet_time_ms
from sipscope.rtpqos.wireshark import WiresharkFigures, wireshark_figures
from sipscope.rtpqos.worst import worst_mos

_DRIFT_SPAN_S = 10.0


class Interval(NamedTuple):
    """A part of a stream.

    Attributes:
        start: ns since the epoch.
        seconds: How long it is.
        packets: That arrived in it.
        lost: Whose gap was seen in it.
        jitter_ms: The highest; None without a sample.
        delta_max_ms: Longest time before one of its packets; None without one.
        mos: Of what was heard of it; None when the codec is not known, or nothing was
            to be heard.
    """

    start: int
    seconds: float
    packets: int
    lost: int
    jitter_ms: float | None
    delta_max_ms: float | None
    mos: float | None = None


class Now(NamedTuple):
    """The newest second or so of a stream.

    Attributes:
        seconds: How long it is.
        packets: That arrived in it.
        lost: Whose gap was seen in it, less those that came late in it.
        jitter_ms: At its end; None without a sample.
    """

    seconds: float
    packets: int
    lost: int
    jitter_ms: float | None

    @property
    def packets_per_second(self) -> float:
        """The rate at which packets arrive."""
        return self.packets / self.seconds

    @property
    def loss_percent(self) -> float:
        """Lost of what was sent."""
        lost = max(self.lost, 0)
        return 100 * lost / max(self.packets + lost, 1)


class StreamIdentity(NamedTuple):
    """What is known of a stream beside its columns.

    Attributes:
        id: From 1, in the order of the first packet.
        flow: From where to where.
        ssrc: Synchronization source.
        payload_types: Packets of each payload type, in the order seen.
        codec: Encoding name of the main payload type.
        clock_rate: Of the main payload type.
        negotiated_ptime_ms: `a=ptime` of the receiver.
        coding: The main payload type in the E-model, None when it is not there.
    """

    id: int
    flow: Flow
    ssrc: int
    payload_types: dict[int, int]
    codec: str | None
    clock_rate: int | None
    negotiated_ptime_ms: int | None
    coding: Coding | None


@dataclass(frozen=True, slots=True)
class StreamFigures:
    """The right figures of one stream; None is unknown.

    Attributes:
        id: From 1, never used again.
        flow: From where to where.
        ssrc: Synchronization source.
        payload_types: In the order seen.
        codec: Encoding name of the speech payload type with the most packets.
        clock_rate: Of the same payload type, in Hz.
        ptime_ms: Median of the timestamp steps, to 2.5 ms.
        negotiated_ptime_ms: What signalling said.
        dscp: Of the newest packet.
        first: Time of the first packet, ns since the epoch.
        last: Time of the newest packet.
        packets: All that came, duplicates included.
        bytes: RTP headers and payload.
        expected: Distinct packets that came and those that were lost.
        lost: Numbers that never came, of those between lowest and highest.
        loss_percent: Lost of expected.
        duplicates: Packets whose number had come before.
        out_of_order: Packets that came after a higher number.
        strays: Packets whose number is out of all order, without a restart.
        restarts: New numberings by the sender (RFC 3550 appendix A.1).
        delta_min_ms: Shortest time between two packets.
        delta_mean_ms: Mean time between two packets.
        delta_max_ms: Longest time between two packets.
        jitter_mean_ms: Mean of the RFC 3550 jitter over speech packets.
        jitter_max_ms: Its highest value.
        jitter_last_ms: Its value at the end.
        skew_ms: Largest distance, with sign, of timestamps ahead of arrivals.
        drift_ppm: How much faster the sender's clock runs than that of the capture.
        effective_hz: The clock rate as the capture sees it.
        longest_gap_ms: Longest time without a packet.
        loss_bursts: Length of a run of lost packets, how often.
        discarded: Packets too late or too early for a jitter buffer of 60 ms.
        burst_ratio: Of what was lost or discarded: mean length of its runs over that of
            random loss, at least 1 (G.107).
        gap_burst: Bursts and gaps of what was lost or discarded (RFC 3611).
        r_factor: Listening quality by the E-model of ITU-T G.107, G.107.1 or G.107.2, which
            compares across bands.
        mos: The same as MOS, which does not.
        mos_band: `nb`, `wb` or `fb`.
        mos_grade: `published` or `estimate`, by how sure the codec's parameters are, or
            `out-of-range`, of the E-model.
        mos_min: Of the worst ten seconds.
        causes: What costs most R, the worst first: `loss`, `burst loss`, `discard`, `codec`.
        intervals: The course of the stream without gaps.
        now: The newest second or so; None before it is over.
        wireshark: What Wireshark shows for the same stream; None when not asked for.
    """

    id: int
    flow: Flow
    ssrc: int
    payload_types: tuple[int, ...]
    codec: str | None
    clock_rate: int | None
    ptime_ms: float | None
    negotiated_ptime_ms: int | None
    dscp: int
    first: int
    last: int
    packets: int
    bytes: int
    expected: int
    lost: int
    loss_percent: float
    duplicates: int
    out_of_order: int
    strays: int
    restarts: int
    delta_min_ms: float | None
    delta_mean_ms: float | None
    delta_max_ms: float | None
    jitter_mean_ms: float | None
    jitter_max_ms: float | None
    jitter_last_ms: float | None
    skew_ms: float | None
    drift_ppm: float | None
    effective_hz: float | None
    longest_gap_ms: float | None
    loss_bursts: tuple[tuple[int, int], ...]
    discarded: int
    burst_ratio: float
    gap_burst: GapBurst
    r_factor: float | None
    mos: float | None
    mos_band: Band | None
    mos_grade: Grade | None
    mos_min: float | None
    causes: tuple[str, ...]
    intervals: tuple[Interval, ...]
    now: Now | None
    wireshark: WiresharkFigures | None

    @property
    def duration_s(self) -> float:
        """From the first packet to the newest."""
        return (self.last - self.first) / 1e9


def stream_figures(columns: Columns, row: int, identity: StreamIdentity) -> StreamFigures:
    """Compute the figures of one row."""
    state = columns.values(row)
    packets, lost = state["packets"], state["lost"]
    expected = packets - state["duplicates"] - state["strays"] + lost
    samples = state["samples"]
    several = state["delta_min"] != NO_DELTA
    longest = state["delta_max"] / 1e6 if several else None
    span = state["last"] - state["first"]
    drift = drift_ppm(state)
    bursts = loss_bursts(columns, row)
    discarded = state["discarded"]
    unheard = Unheard(expected, lost + discarded, unheard_runs(state))
    coding = identity.coding
    heard = worst = None
    if coding is not None:
        heard = opinion(coding, Unheard(expected, lost, sum(n for _, n in bursts)), unheard)
        worst = worst_mos(columns, row, state, coding)
    return StreamFigures(
        id=identity.id,
        flow=identity.flow,
        ssrc=identity.ssrc,
        payload_types=tuple(identity.payload_types),
        codec=identity.codec,
        clock_rate=identity.clock_rate,
        ptime_ms=packet_time_ms(columns, row),
        negotiated_ptime_ms=identity.negotiated_ptime_ms,
        dscp=state["dscp"],
        first=state["first"],
        last=state["last"],
        packets=packets,
        bytes=state["octets"],
        expected=expected,
        lost=lost,
        loss_percent=100 * lost / expected if expected else 0.0,
        duplicates=state["duplicates"],
        out_of_order=state["late"],
        strays=state["strays"],
        restarts=state["restarts"],
        delta_min_ms=state["delta_min"] / 1e6 if several else None,
        delta_mean_ms=span / 1e6 / (packets - 1) if several else None,
        delta_max_ms=longest,
        jitter_mean_ms=state["jitter_sum"] / samples if samples else None,
        jitter_max_ms=state["jitter_max"] if samples else None,
        jitter_last_ms=state["jitter"] if samples else None,
        skew_ms=_skew(state),
        drift_ppm=drift,
        effective_hz=None if drift is None else state["heard_clock"] * (1 + drift / 1e6),
        longest_gap_ms=longest,
        loss_bursts=bursts,
        discarded=discarded,
        burst_ratio=unheard.burst_ratio,
        gap_burst=gap_burst(state, expected, lost + discarded),
        r_factor=heard and heard.r,
        mos=heard and heard.mos,
        mos_band=heard and heard.band,
        mos_grade=heard and heard.grade,
        mos_min=worst,
        causes=heard.causes if heard else (),
        intervals=_intervals(columns.interval[row], state, coding),
        now=_now(state),
        wireshark=wireshark_figures(columns, row) if columns.as_wireshark else None,
    )


def drift_ppm(state: Mapping[str, Any]) -> float | None:
    """Return the slope of timestamp time over arrival time, less 1, in millionths.

    None when it rests on less than 10 s: clocks differ by some 50 ppm, which is then half
    a millisecond, less than common jitter.
    """
    if state["heard_time"] - state["anchor"] < _DRIFT_SPAN_S * 1e9:
        return None
    n: int = state["n"]
    x: float = state["x"]
    spread = n * state["xx"] - x * x
    if spread <= 0:
        return None
    slope: float = (n * state["xe"] - x * state["e"]) / spread
    return slope * 1000


def _skew(state: Mapping[str, Any]) -> float | None:
    """Return the skew that is furthest from 0."""
    high: float = state["skew_high"]
    low: float = state["skew_low"]
    if high < low:
        return None
    return high if high >= -low else low


def _intervals(
    kept: NDArray[np.void], state: Mapping[str, Any], coding: Coding | None
) -> tuple[Interval, ...]:
    """Return the intervals up to the newest that was used."""
    first, width = state["first"], state["width"]
    kept = kept[: int(kept["packets"].nonzero()[0][-1]) + 1]
    jitters, deltas = kept["jitter"].tolist(), kept["delta"].tolist()
    return tuple(
        map(
            Interval,
            range(first, first + len(kept) * width, width),
            repeat(width / 1e9),
            kept["packets"].tolist(),
            kept["lost"].tolist(),
            [jitter if jitter >= 0 else None for jitter in jitters],
            [delta if delta > -1e30 else None for delta in deltas],
            repeat(None) if coding is None else _scores(kept, coding),
        )
    )


def _scores(kept: NDArray[np.void], coding: Coding) -> list[float | None]:
    """Return the MOS of each interval; most have nothing unheard."""
    best = _mos(coding, Unheard(1, 0, 0))
    return [
        None if expected <= 0 else _mos(coding, Unheard(expected, *rest)) if rest[0] else best
        for expected, *rest in zip(
            *(kept[name].tolist() for name in ("expected", "unheard", "runs")), strict=True
        )
    ]


def _mos(coding: Coding, unheard: Unheard) -> float:
    return mean_opinion_score(listening_rating(coding, unheard), coding.band)


def _now(state: Mapping[str, Any]) -> Now | None:
    """Return the newest second that is over."""
    if not state["past_ns"]:
        return None
    return Now(
        seconds=state["past_ns"] / 1e9,
        packets=state["past_packets"],
        lost=state["past_lost"],
        jitter_ms=state["jitter"] if state["samples"] else None,
    )
