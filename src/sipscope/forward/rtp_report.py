"""Reports on RTP streams as the JSON of RTPAgent, which HOMER's QoS tab reads.

`PERIODIC` tells of a period, `HANGUP` of the part of a period at the end, `FINAL` of the
whole stream. Times between packets, jitter and skew are in ms, counts are of the period.
"""

import json
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from sipscope.calls.dialog import Dialog, session_description
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.rtp import PAYLOAD_TYPES
from sipscope.decode.sdp import Format
from sipscope.rtpqos.codecs import coding_of
from sipscope.rtpqos.emodel import band_rating, mean_opinion_score
from sipscope.rtpqos.figures import StreamFigures

Extent = Literal["PERIODIC", "HANGUP", "FINAL"]

CALLER, CALLEE = 0, 1
_OPENING_MESSAGES = 12


class Counted(NamedTuple):
    """What a stream had come to when a period ended.

    Attributes:
        time: When it ended, ns since the epoch.
        last: Time of the newest packet.
        packets: All that came.
        octets: RTP headers and payload.
        expected: Distinct packets that came, and those lost.
        lost: As told by the reports so far: never less than before, as a late packet makes
            the figure.
        unheard: Lost or discarded by the jitter buffer.
        out_of_order: After a higher number.
        jitter_sum: Mean jitter times packets.
    """

    time: int
    last: int
    packets: int = 0
    octets: int = 0
    expected: int = 0
    lost: int = 0
    unheard: int = 0
    out_of_order: int = 0
    jitter_sum: float = 0.0


class Place(NamedTuple):
    """Where a stream stands in its call.

    Attributes:
        correlation: The Call-ID, or what stands for it.
        party: Whose media it carries: `CALLER` or `CALLEE`.
    """

    correlation: bytes
    party: int


def counted(figures: StreamFigures, time: int, before: Counted | None = None) -> Counted:
    """Return what to subtract from the figures of the next period, which begins at `time`."""
    return Counted(
        time,
        figures.last,
        figures.packets,
        figures.bytes,
        figures.expected,
        max(figures.lost, before.lost if before else 0),
        figures.lost + figures.discarded,
        figures.out_of_order,
        (figures.jitter_mean_ms or 0.0) * figures.packets,
    )


def period_report(
    figures: StreamFigures, before: Counted, end: int, place: Place, extent: Extent = "PERIODIC"
) -> tuple[bytes, float | None]:
    """Return the report on what came after `before`, and its MOS.

    MOS is the E-model's for the losses of the period, in runs as long as those of the stream
    so far. The highest delta and jitter are those of the stream's intervals that reach into
    the period, which are seconds at first and grow with the stream.
    """
    now = counted(figures, end, before)
    packets = max(now.packets - before.packets, 0)
    expected = max(now.expected - before.expected, 0)
    unheard = max(now.unheard - before.unheard, 0)
    within = [i for i in figures.intervals if i.start + i.seconds * 1e9 > before.time]
    r, mos = _rating(figures, expected, unheard)
    deltas = packets if before.packets else packets - 1
    delta = (now.last - before.last) / 1e6 / deltas if deltas > 0 else None
    jitter = (now.jitter_sum - before.jitter_sum) / packets if packets else None
    highest = _highest(i.jitter_ms for i in within)
    document = _identity(figures, place, extent, before.time, end) | {
        "DELTA": _rounded(delta),
        "MAX_DELTA": _rounded(_highest(i.delta_max_ms for i in within)),
        "JITTER": _rounded(figures.jitter_last_ms),
        "MEAN_JITTER": _rounded(None if jitter is None else min(max(jitter, 0.0), highest or 0.0)),
        "MAX_JITTER": _rounded(highest),
        "SKEW": _rounded(figures.skew_ms),
        "MAX_SKEW": _rounded(figures.skew_ms),
        "TL_BYTE": max(now.octets - before.octets, 0),
        "TOTAL_PK": packets,
        "EXPECTED_PK": expected,
        "PACKET_LOSS": now.lost - before.lost,
        "OUT_ORDER": max(now.out_of_order - before.out_of_order, 0),
        "MOS": _rounded(mos),
        "MIN_MOS": _rounded(mos),
        "MEAN_MOS": _rounded(mos),
        "MAX_MOS": _rounded(mos),
        "RFACTOR": _rounded(r),
        "MIN_RFACTOR": _rounded(r),
        "MEAN_RFACTOR": _rounded(r),
    }
    return _encoded(document), mos


def final_report(
    figures: StreamFigures, end: int, place: Place, lowest_r: float | None = None
) -> tuple[bytes, float | None]:
    """Return the report on a whole stream, by the names of both forms, and its MOS.

    Args:
        figures: Of the stream.
        end: When it ended, ns since the epoch.
        place: In its call.
        lowest_r: Of its periods.
    """
    r, mos = figures.r_factor, figures.mos
    worst_mos = mos if figures.mos_min is None else figures.mos_min
    document = _identity(figures, place, "FINAL", figures.first, end) | {
        "DELTA": _rounded(figures.delta_mean_ms),
        "MAX_DELTA": _rounded(figures.delta_max_ms),
        "JITTER": _rounded(figures.jitter_last_ms),
        "MEAN_JITTER": _rounded(figures.jitter_mean_ms),
        "MAX_JITTER": _rounded(figures.jitter_max_ms),
        "SKEW": _rounded(figures.skew_ms),
        "MAX_SKEW": _rounded(figures.skew_ms),
        "TL_BYTE": figures.bytes,
        "TOTAL_BYTES": figures.bytes,
        "TOTAL_PK": figures.packets,
        "TOTAL_PACKETS": figures.packets,
        "EXPECTED_PK": figures.expected,
        "TOTAL_EXPECTED_PK": figures.expected,
        "PACKET_LOSS": figures.lost,
        "TOTAL_PACKET_LOSS": figures.lost,
        "OUT_ORDER": figures.out_of_order,
        "MOS": _rounded(mos),
        "MIN_MOS": _rounded(worst_mos),
        "MEAN_MOS": _rounded(mos),
        "RFACTOR": _rounded(r),
        "MIN_RFACTOR": _rounded(r if lowest_r is None else lowest_r),
        "MEAN_RFACTOR": _rounded(r),
    }
    return _encoded(document), mos


def period_rating(figures: StreamFigures, before: Counted) -> float | None:
    """Return R of what came after `before`, None when it is not known."""
    expected = figures.expected - before.expected
    return _rating(figures, expected, figures.lost + figures.discarded - before.unheard)[0]


def party(dialog: Dialog, flow: Flow) -> int:
    """Return whose media a stream carries, by the SDP of the first offer and its answers."""
    first = dialog.messages[0]
    sides: dict[Endpoint, int] = {}
    for message in dialog.messages[:_OPENING_MESSAGES]:
        if message.sdp and message.cseq == first.cseq:
            side = CALLEE if message.status else CALLER
            for media in session_description(message.raw):
                if media.endpoint is not None:
                    sides.setdefault(media.endpoint, side)
    if flow.source in sides:
        return sides[flow.source]
    if flow.destination in sides:
        return 1 - sides[flow.destination]
    return CALLER if flow.source.address == dialog.flow.source.address else CALLEE


def stray_correlation(ssrc: int, flow: Flow) -> bytes:
    """Return what stands for the Call-ID of media without signalling: servers demand one."""
    return f"{ssrc:08x}@{flow.source.host}".encode()


def _rating(
    figures: StreamFigures, expected: int, unheard: int
) -> tuple[float | None, float | None]:
    """Return R and MOS of a part of a stream, None when the codec is not known."""
    if figures.codec is None or figures.clock_rate is None or expected <= 0:
        return None, None
    coding = coding_of(Format(figures.codec, figures.clock_rate))
    if coding is None:
        return None, None
    percent = min(max(100 * unheard / expected, 0.0), 100.0)
    r = band_rating(coding.band, coding.ie, coding.bpl, percent, figures.burst_ratio)
    return max(r, 0.0), mean_opinion_score(max(r, 0.0), coding.band)


def _identity(
    figures: StreamFigures, place: Place, extent: Extent, start: int, end: int
) -> dict[str, Any]:
    flow = figures.flow
    call_id = place.correlation.decode("utf-8", "replace")
    return {
        "CORRELATION_ID": call_id,
        "RTP_SIP_CALL_ID": call_id,
        "TYPE": extent,
        "REPORT_TS": end / 1e9,
        "REPORT_START": start // 1_000_000_000,
        "REPORT_END": end // 1_000_000_000,
        "REPORT_NAME": str(flow.source),
        "SSRC": f"0x{figures.ssrc:08x}",
        "SSRC_CHG": 0,
        "SRC_IP": flow.source.host,
        "SRC_PORT": flow.source.port,
        "DST_IP": flow.destination.host,
        "DST_PORT": flow.destination.port,
        "CODEC_PT": _payload_type(figures),
        "CLOCK": figures.clock_rate,
        "CODEC_NAME": figures.codec,
        "DIR": place.party,
        "PARTY": place.party,
    }


def _payload_type(figures: StreamFigures) -> int:
    """Return the number of the stream's codec: a static one by its name, else the first."""
    for number in figures.payload_types:
        known = PAYLOAD_TYPES.get(number)
        if known is not None and known.name == figures.codec:
            return number
    return next((n for n in figures.payload_types if n >= 96), figures.payload_types[0])


def _highest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
