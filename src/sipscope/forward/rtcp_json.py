"""RTCP as the JSON that HOMER's QoS tab reads: one object a compound packet."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sipscope.decode.rtcp import (
    EXTENDED_REPORT,
    RECEIVER_REPORT,
    SENDER_REPORT,
    ExtendedReport,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
)
from sipscope.decode.rtcp_xr import VOIP_METRICS, VoipMetrics


class Sent(NamedTuple):
    """What was seen of the RTP of a stream.

    Attributes:
        packets: Since it began.
        octets: Of their payload.
    """

    packets: int
    octets: int


def reporter(packets: Sequence[RtcpPacket]) -> int | None:
    """Return the SSRC that reports in a compound packet, None when nothing is reported."""
    for packet in packets:
        if isinstance(packet, SenderReport | ReceiverReport | ExtendedReport):
            return packet.ssrc
    return None


def reported(packets: Sequence[RtcpPacket]) -> int | None:
    """Return the SSRC of the stream that the first report block is about, None without one."""
    for packet in packets:
        if isinstance(packet, SenderReport | ReceiverReport) and packet.blocks:
            return packet.blocks[0].ssrc
    return None


def rtcp_json(packets: Sequence[RtcpPacket], seen: Sent | None = None) -> bytes | None:
    """Return a compound packet as JSON, None when it says nothing of quality.

    Args:
        packets: As from `parse_rtcp`.
        seen: Of the RTP, for a compound without a sender report. HOMER passes over reports
            whose `sender_information` has no packets, so those of receivers get what was seen
            on the wire; `sender_information_observed` tells.
    """
    report = next((p for p in packets if isinstance(p, SenderReport)), None)
    heard = next((p for p in packets if isinstance(p, ReceiverReport)), None)
    extended = next((p for p in packets if isinstance(p, ExtendedReport)), None)
    said_by = reporter(packets)
    if said_by is None:
        return None
    kind = SENDER_REPORT if report else RECEIVER_REPORT if heard else EXTENDED_REPORT
    blocks = [block for p in (report, heard) if p is not None for block in p.blocks]
    document: dict[str, Any] = {
        "sender_information": _sender_information(report, seen),
        "ssrc": said_by,
        "type": kind,
        "report_count": len(blocks),
        "report_blocks": [_block(block) for block in blocks],
    }
    if report is None and seen is not None:
        document["sender_information_observed"] = True
    metrics = None if extended is None else _metrics(extended)
    if metrics is not None:
        document["report_blocks_xr"] = metrics
    described = next((p for p in packets if isinstance(p, SourceDescription)), None)
    if described is not None:
        document["sdes_ssrc"] = described.ssrc
    return json.dumps(document, separators=(",", ":")).encode()


def _sender_information(report: SenderReport | None, seen: Sent | None) -> dict[str, int]:
    """Return the part that HOMER asks for; `ntp_timestamp_usec` is a fraction in 1/2^32 s."""
    if report is None:
        sent = seen or Sent(0, 0)
        return {
            "ntp_timestamp_sec": 0,
            "ntp_timestamp_usec": 0,
            "rtp_timestamp": 0,
            "packets": sent.packets,
            "octets": sent.octets,
        }
    return {
        "ntp_timestamp_sec": report.ntp_time >> 32,
        "ntp_timestamp_usec": report.ntp_time & 0xFFFF_FFFF,
        "rtp_timestamp": report.rtp_timestamp,
        "packets": report.packets,
        "octets": report.octets,
    }


def _block(block: ReportBlock) -> dict[str, int]:
    return {
        "source_ssrc": block.ssrc,
        "fraction_lost": block.fraction_lost,
        "packets_lost": block.cumulative_lost,
        "highest_seq_no": block.highest_sequence,
        "ia_jitter": block.jitter,
        "lsr": block.last_sr,
        "dlsr": block.delay_since_last_sr,
    }


def _metrics(extended: ExtendedReport) -> dict[str, int] | None:
    """Return the VoIP metrics of an XR by the names that heplify gave them; rates in 1/256."""
    found = next((block for block in extended.blocks if isinstance(block, VoipMetrics)), None)
    if found is None:
        return None
    return {
        "type": VOIP_METRICS,
        "id": found.ssrc,
        "fraction_lost": found.loss_rate,
        "fraction_discard": found.discard_rate,
        "burst_density": found.burst_density,
        "gap_density": found.gap_density,
        "burst_duration": found.burst_ms,
        "gap_duration": found.gap_ms,
        "round_trip_delay": found.round_trip_ms or 0,
        "end_system_delay": found.end_system_ms or 0,
    }
