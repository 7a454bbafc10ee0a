"""What others say of quality, in the report: RTCP of streams, SIP messages of calls."""

from typing import Any

from sipscope.calls.quality_reports import QualityReport
from sipscope.decode.rtcp_xr import StatisticsSummary, VoipMetrics
from sipscope.decode.vq_rtcpxr import Party, VoiceQualityReport
from sipscope.report.values import moment, rounded, text
from sipscope.rtpqos.conversation import conversation
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.report_figures import RoundTrip, RtcpFigures

Object = dict[str, Any]


def rtcp_object(stream: StreamFigures, rtcp: RtcpFigures | None) -> Object | None:
    """Return what RTCP says of a stream, and the MOS-CQ that follows from it."""
    if rtcp is None:
        return None
    talk = conversation(stream, rtcp)
    return {
        "encrypted_packets": rtcp.encrypted,
        "reports": rtcp.reports,
        "first": moment(rtcp.first),
        "last": moment(rtcp.last),
        "reporter_ssrc": _ssrc(rtcp.reporter),
        "fraction_lost_percent": {
            "last": rounded(rtcp.fraction_lost_percent),
            "worst": rounded(rtcp.worst_fraction_lost_percent),
        },
        "cumulative_lost": rtcp.cumulative_lost,
        "highest_sequence": rtcp.highest_sequence,
        "jitter_ms": {"last": rounded(rtcp.jitter_ms), "worst": rounded(rtcp.worst_jitter_ms)},
        "round_trip_ms": rounded(rtcp.round_trip_ms),
        "receiver_rtt_ms": _round_trip(rtcp.receiver_echo),
        "sender_rtt_ms": _round_trip(rtcp.sender_echo),
        "receiver_dlrr_rtt_ms": _round_trip(rtcp.receiver_dlrr),
        "sender_dlrr_rtt_ms": _round_trip(rtcp.sender_dlrr),
        "sender_reports": rtcp.sender_reports,
        "sent_packets": rtcp.sent_packets,
        "sent_octets": rtcp.sent_octets,
        "cname": None if rtcp.cname is None else text(rtcp.cname),
        "bye": moment(rtcp.goodbye),
        "bye_reason": text(rtcp.goodbye_reason) if rtcp.goodbye_reason else None,
        "voip_metrics": _voip_metrics(rtcp.voip),
        "statistics_summary": _summary(rtcp.summary, stream.clock_rate),
        "one_way_delay_ms": rounded(talk.delay_ms) if talk else None,
        "r_factor_cq": rounded(talk.r) if talk else None,
        "mos_cq": rounded(talk.mos) if talk else None,
        "mos_cq_valid": talk.valid if talk else None,
    }


def quality_object(report: QualityReport) -> Object:
    """Return what one end says of a call in SIP; what it does not say is not there."""
    content = report.content
    told = _voice_quality(content) if isinstance(content, VoiceQualityReport) else dict(content)
    return {
        "time": moment(report.time),
        "source": str(report.flow.source),
        "destination": str(report.flow.destination),
        "origin": report.origin,
        **told,
    }


def _voice_quality(report: VoiceQualityReport) -> Object:
    said = {
        "kind": report.kind,
        "detail": report.detail,
        "local_id": report.local_id,
        "remote_id": report.remote_id,
        **_party("local", report.local_party),
        **_party("remote", report.remote_party),
        "local": report.local or None,
        "remote": report.remote or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _party(side: str, party: Party) -> Object:
    return {
        f"{side}_address": None if party.endpoint is None else str(party.endpoint),
        f"{side}_ssrc": _ssrc(party.ssrc),
    }


def _round_trip(trip: RoundTrip | None) -> Object | None:
    if trip is None:
        return None
    return {
        "last": rounded(trip.last_ms),
        "min": rounded(trip.least_ms),
        "mean": rounded(trip.mean_ms),
        "max": rounded(trip.most_ms),
        "samples": trip.samples,
    }


def _voip_metrics(voip: VoipMetrics | None) -> Object | None:
    if voip is None:
        return None
    return {
        "loss_percent": rounded(100 * voip.loss_rate / 256),
        "discard_percent": rounded(100 * voip.discard_rate / 256),
        "burst_density_percent": rounded(100 * voip.burst_density / 256),
        "gap_density_percent": rounded(100 * voip.gap_density / 256),
        **{name: value for name, value in voip._asdict().items() if name not in _VOIP_RATES},
    }


_VOIP_RATES = frozenset({"ssrc", "loss_rate", "discard_rate", "burst_density", "gap_density"})


def _summary(summary: StatisticsSummary | None, clock_rate: int | None) -> Object | None:
    if summary is None:
        return None
    names = ("min", "max", "mean", "deviation")
    jitter = summary.jitter if clock_rate else None
    return {
        "lost": summary.lost,
        "duplicates": summary.duplicates,
        "jitter_ms": jitter
        and {
            name: rounded(value * 1000 / (clock_rate or 1))
            for name, value in zip(names, jitter, strict=True)
        },
        "hops": summary.hops and dict(zip(names, summary.hops, strict=True)),
    }


def _ssrc(ssrc: int | None) -> str | None:
    return None if ssrc is None else f"0x{ssrc:08x}"
