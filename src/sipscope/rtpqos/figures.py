"""The figures of one stream, as the report and the screens take them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.decode.address import Flow
from sipscope.rtpqos.bursts import GapBurst, gap_burst, unheard_runs
from sipscope.rtpqos.codecs import Coding
from sipscope.rtpqos.columns import NO_DELTA, Columns, record_values
from sipscope.rtpqos.emodel import Band, mean_opinion_score
from sipscope.rtpqos.opinion import Grade, Opinion, Unheard, listening_rating, opinion
from sipscope.rtpqos.sequence import loss_bursts
from sipscope.rtpqos.timing import jitter_over_every_packet, packet_time_ms
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

    @property
    def loss_percent(self) -> float:
        """Lost of what was sent."""
        return _loss_percent(self.packets, self.lost)


def _loss_percent(packets: int, lost: int) -> float:
    lost = max(lost, 0)
    return 100 * lost / max(packets + lost, 1)


class Now(NamedTuple):
    """The newest second or so of a stream.

    Attributes:
        seconds: How long it is.
        packets: That arrived in it.
        lost: Whose gap was seen in it, less those that came late in it.
        jitter_ms: At its end; None without a sample.
        r_factor: Of what was heard of it, less what was heard late of the second before; None
            when the codec is not known, or nothing was to be heard.
        mos: The same as MOS.
    """

    seconds: float
    packets: int
    lost: int
    jitter_ms: float | None
    r_factor: float | None = None
    mos: float | None = None

    @property
    def packets_per_second(self) -> float:
        """The rate at which packets arrive."""
        return self.packets / self.seconds

    @property
    def loss_percent(self) -> float:
        """Lost of what was sent."""
        return _loss_percent(self.packets, self.lost)


class AdaptiveBuffer(NamedTuple):
    """What a listener hears whose jitter buffer follows the delay, see `adaptive_buffer`.

    Attributes:
        discarded: Packets that came too late for it.
        delay_mean_ms: Its length, mean over the packets.
        delay_max_ms: Its greatest length.
        burst_ratio: Of what was lost or discarded, as in `StreamFigures`.
        r_factor: Listening quality; None when the codec is not known.
        mos: The same as MOS.
        mos_grade: How sure that is.
    """

    discarded: int
    delay_mean_ms: float
    delay_max_ms: float
    burst_ratio: float
    r_factor: float | None
    mos: float | None
    mos_grade: Grade | None


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
        not_speech: Encoding names of the payload types that are no speech.
    """

    id: int
    flow: Flow
    ssrc: int
    payload_types: dict[int, int]
    codec: str | None
    clock_rate: int | None
    negotiated_ptime_ms: int | None
    coding: Coding | None
    not_speech: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StreamFigures:
    """The right figures of one stream; None is unknown.

    Attributes:
        id: From 1, never used again.
        flow: From where to where.
        ssrc: Synchronization source.
        payload_types: In the order seen.
        payload_type_packets: Packets of each of them.
        codec: Encoding name of the speech payload type with the most packets.
        clock_rate: Of the same payload type, in Hz.
        ptime_ms: Median of the timestamp steps, to 2.5 ms.
        negotiated_ptime_ms: What signalling said.
        dscp: Of the newest packet.
        dscp_changes: Packets with another one than the packet before.
        silences: Times that the timestamp ran on without packets: silence suppression
            that sends no comfort noise.
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
        timestamp_jumps: New bases of its timestamps.
        markers: Packets with the marker bit, not counting the first packet.
        not_speech: Encoding names of what is no speech, in the order seen; `payload type 101`
            of what signalling did not name, unless all is unknown.
        delta_min_ms: Shortest time between two packets.
        delta_mean_ms: Mean time between two packets.
        delta_max_ms: Longest time between two packets.
        jitter_mean_ms: Mean of the RFC 3550 jitter over speech packets.
        jitter_max_ms: Its highest value.
        jitter_last_ms: Its value at the end.
        jitter_all_mean_ms: Mean of the RFC 3550 jitter over every packet, whatever it carries.
        jitter_all_max_ms: Its highest value.
        jitter_all_last_ms: Its value at the end, as the receiver would report it.
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
        mos_min: Of the worst part, of ten seconds unless told otherwise.
        adaptive: The same with an adaptive jitter buffer; None without speech, and when not
            asked for.
        causes: What costs most R, the worst first: `loss`, `burst loss`, `discard`, `codec`.
        intervals: The course of the stream without gaps.
        now: The newest second or so; None before it is over.
        wireshark: What Wireshark shows for the same stream; None when not asked for.
    """

    id: int
    flow: Flow
    ssrc: int
    payload_types: tuple[int, ...]
    payload_type_packets: tuple[int, ...]
    codec: str | None
    clock_rate: int | None
    ptime_ms: float | None
    negotiated_ptime_ms: int | None
    dscp: int
    dscp_changes: int
    silences: int
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
    timestamp_jumps: int
    markers: int
    not_speech: tuple[str, ...]
    delta_min_ms: float | None
    delta_mean_ms: float | None
    delta_max_ms: float | None
    jitter_mean_ms: float | None
    jitter_max_ms: float | None
    jitter_last_ms: float | None
    jitter_all_mean_ms: float | None
    jitter_all_max_ms: float | None
    jitter_all_last_ms: float | None
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
    adaptive: AdaptiveBuffer | None
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
    every = jitter_over_every_packet(state)
    several = state["delta_min"] != NO_DELTA
    longest = state["delta_max"] / 1e6 if several else None
    span = state["last"] - state["first"]
    drift = drift_ppm(state)
    bursts = loss_bursts(columns, row)
    missing = Unheard(expected, lost, sum(n for _, n in bursts))
    fixed = record_values(columns.heard_fixed[row])
    discarded = fixed["discarded"]
    unheard = _with(missing, fixed, state["highest"])
    coding = identity.coding
    heard = worst = None
    if coding is not None:
        heard = opinion(coding, missing, unheard)
        worst = worst_mos(columns, row, state, coding)
    return StreamFigures(
        id=identity.id,
        flow=identity.flow,
        ssrc=identity.ssrc,
        payload_types=tuple(identity.payload_types),
        payload_type_packets=tuple(identity.payload_types.values()),
        codec=identity.codec,
        clock_rate=identity.clock_rate,
        ptime_ms=packet_time_ms(columns, row),
        negotiated_ptime_ms=identity.negotiated_ptime_ms,
        dscp=state["dscp"],
        dscp_changes=state["dscp_changes"],
        silences=state["silences"],
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
        timestamp_jumps=max(state["bases"] - 1, 0),
        markers=state["markers"],
        not_speech=identity.not_speech,
        delta_min_ms=state["delta_min"] / 1e6 if several else None,
        delta_mean_ms=span / 1e6 / (packets - 1) if several else None,
        delta_max_ms=longest,
        jitter_mean_ms=state["jitter_sum"] / samples if samples else None,
        jitter_max_ms=state["jitter_max"] if samples else None,
        jitter_last_ms=state["jitter"] if samples else None,
        jitter_all_mean_ms=every["sum"] / every["samples"] if every["samples"] else None,
        jitter_all_max_ms=every["max"] if every["samples"] else None,
        jitter_all_last_ms=every["value"] if every["samples"] else None,
        skew_ms=_skew(state),
        drift_ppm=drift,
        effective_hz=None if drift is None else state["heard_clock"] * (1 + drift / 1e6),
        longest_gap_ms=longest,
        loss_bursts=bursts,
        discarded=discarded,
        burst_ratio=unheard.burst_ratio,
        gap_burst=gap_burst(fixed, state["highest"], expected, lost + discarded),
        r_factor=heard and heard.r,
        mos=heard and heard.mos,
        mos_band=heard and heard.band,
        mos_grade=heard and heard.grade,
        mos_min=worst,
        adaptive=_adaptive(columns, row, state["highest"], (missing, unheard), (coding, heard)),
        causes=heard.causes if heard else (),
        intervals=_intervals(columns.interval[row], state, coding),
        now=newest_second(state, coding),
        wireshark=wireshark_figures(columns, row) if columns.every_figure else None,
    )


def _with(missing: Unheard, heard: Mapping[str, Any], highest: int) -> Unheard:
    """Return what was lost together with what a jitter buffer discarded."""
    unheard = missing.unheard + heard["discarded"]
    return Unheard(missing.expected, unheard, unheard_runs(heard, highest))


def _adaptive(
    columns: Columns,
    row: int,
    highest: int,
    fixed: tuple[Unheard, Unheard],
    rated: tuple[Coding | None, Opinion | None],
) -> AdaptiveBuffer | None:
    """Return what the adaptive buffer did, and how that sounds.

    Args:
        columns: Where it is booked.
        row: Whose.
        highest: Its highest number.
        fixed: What was missing, and what was unheard with the fixed buffer.
        rated: The codec, and the opinion on the latter.
    """
    buffer = record_values(columns.adaptive[row])
    if not buffer["judged"]:
        return None
    heard = record_values(columns.heard_adaptive[row])
    missing, unheard = fixed[0], _with(fixed[0], heard, highest)
    coding, said = rated
    if coding is not None and unheard != fixed[1]:
        said = opinion(coding, missing, unheard)
    return AdaptiveBuffer(
        discarded=heard["discarded"],
        delay_mean_ms=buffer["delay_sum"] / buffer["judged"],
        delay_max_ms=buffer["delay_max"],
        burst_ratio=unheard.burst_ratio,
        r_factor=said and said.r,
        mos=said and said.mos,
        mos_grade=said and said.grade,
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


@lru_cache(maxsize=4096)
def _mos(coding: Coding, unheard: Unheard) -> float:
    """Return the MOS of a part; those of many seconds have lost the same."""
    return mean_opinion_score(listening_rating(coding, unheard), coding.band)


def newest_second(state: Mapping[str, Any], coding: Coding | None) -> Now | None:
    """Return the newest second that is over, None before there is one."""
    if not state["past_ns"]:
        return None
    unheard = Unheard(*state["past"])
    r = None
    if coding is not None and unheard.expected > 0:
        r = listening_rating(coding, unheard)
    return Now(
        seconds=state["past_ns"] / 1e9,
        packets=state["past_packets"],
        lost=state["past_lost"],
        jitter_ms=state["jitter"] if state["samples"] else None,
        r_factor=r,
        mos=None if r is None or coding is None else mean_opinion_score(r, coding.band),
    )
