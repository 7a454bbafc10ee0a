"""Conversational quality: what delay takes from it, where RTCP is evidence of delay.

MOS-LQ is of a listener, whom delay does not disturb. In a conversation it does, from some
150 ms on. Delay is never assumed: without a round-trip time there is no MOS-CQ.
"""

from typing import NamedTuple

from sipscope.decode.sdp import Format
from sipscope.rtpqos.codecs import Coding, coding_of
from sipscope.rtpqos.emodel import SCALES, Band, band_rating, in_range, mean_opinion_score
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.jitter_buffer import DELAY_MS
from sipscope.rtpqos.report_figures import RtcpFigures


class Conversation(NamedTuple):
    """How a conversation over a stream goes.

    Attributes:
        delay_ms: From mouth to ear.
        r: The rating, at least 0; on one scale for all bands.
        mos: MOS-CQ, of 1 to 4.5, on the scale of `band`.
        band: `nb`, `wb` or `fb`.
        valid: Whether loss and delay are within what the E-model is made for.
    """

    delay_ms: float
    r: float
    mos: float
    band: Band
    valid: bool


def conversational_opinion(
    coding: Coding, unheard_percent: float, burst_ratio: float, delay_ms: float
) -> Conversation:
    """Return the opinion of people who talk over a stream.

    Args:
        coding: Its codec.
        unheard_percent: What of it was lost or discarded, as `Unheard.percent`.
        burst_ratio: BurstR of the same, as `Unheard.burst_ratio`.
        delay_ms: One way, from mouth to ear.
    """
    ratio = burst_ratio if SCALES[coding.band].bursts else 1.0
    r = band_rating(coding.band, coding.ie, coding.bpl, unheard_percent, ratio, delay_ms)
    r = max(r, 0.0)
    return Conversation(
        delay_ms,
        r,
        mean_opinion_score(r, coding.band),
        coding.band,
        in_range(unheard_percent, ratio, delay_ms),
    )


def one_way_delay_ms(stream: StreamFigures, rtcp: RtcpFigures) -> float | None:
    """Return the delay from mouth to ear; None without a round-trip time.

    It is half the round-trip time, and what the two ends add: what the receiver says in its
    VoIP metrics, else one packet and the jitter buffer by which MOS-LQ is computed.
    """
    round_trip = rtcp.round_trip_ms
    if round_trip is None:
        return None
    if rtcp.voip is not None and rtcp.voip.end_system_ms is not None:
        return round_trip / 2 + rtcp.voip.end_system_ms
    return round_trip / 2 + (stream.ptime_ms or stream.negotiated_ptime_ms or 0.0) + DELAY_MS


def conversation(stream: StreamFigures, rtcp: RtcpFigures) -> Conversation | None:
    """Return how a conversation over a stream goes; None without its delay or its codec."""
    delay_ms = one_way_delay_ms(stream, rtcp)
    if delay_ms is None or stream.codec is None or stream.clock_rate is None:
        return None
    coding = coding_of(Format(stream.codec, stream.clock_rate))
    if coding is None or not stream.expected:
        return None
    unheard = min(stream.lost + stream.discarded, stream.expected)
    percent = 100 * unheard / stream.expected
    return conversational_opinion(coding, percent, stream.burst_ratio, delay_ms)
