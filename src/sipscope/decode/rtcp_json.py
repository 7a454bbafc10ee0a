"""RTCP as capture agents put it into JSON for HEP: the records of `decode.rtcp` again.

Agents agree on most names. Asterisk writes numbers as text, and its NTP time in seconds since
1970; 32-bit numbers may come signed, and a negative loss unsigned.
"""

from typing import Any, Final

from sipscope.decode.json_object import json_object, whole_number
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
from sipscope.decode.rtcp_xr import VoipMetrics

MAX_BLOCKS: Final = 31
"""As many as an RTCP packet can have."""

_NTP_EPOCH = 2_208_988_800  # s from 1900 to 1970
_ITEM_NAMES = {1: "CNAME", 2: "NAME", 3: "EMAIL", 4: "PHONE", 5: "LOC", 6: "TOOL", 7: "NOTE"}
_METRICS = ("report_blocks_xr", "voip_metrics", "Extended_report_information")
_WORD = 0xFFFF_FFFF

Object = dict[str, Any]


def rtcp_from_json(payload: bytes) -> list[RtcpPacket]:
    """Return the packets that a JSON object tells of; none when it is no such object."""
    found = json_object(payload)
    if found is None:
        return []
    packets: list[RtcpPacket] = []
    ssrc = _word(found, "ssrc")
    blocks = tuple(
        _report_block(block)
        for block in _objects(found, "report_blocks")[:MAX_BLOCKS]
        if "source_ssrc" in block
    )
    sent = found.get("sender_information")
    observed = found.get("sender_information_observed") is True
    kind = whole_number(found.get("type"))
    if kind not in (SENDER_REPORT, RECEIVER_REPORT, EXTENDED_REPORT):
        kind = SENDER_REPORT if isinstance(sent, dict) and _word(sent, "packets") else None
    if kind == SENDER_REPORT and isinstance(sent, dict) and not observed:
        packets.append(_sender_report(ssrc, sent, blocks))
    elif blocks or kind == RECEIVER_REPORT:
        packets.append(ReceiverReport(ssrc, blocks))
    for name in _METRICS:
        metrics = found.get(name)
        if isinstance(metrics, dict) and metrics:
            packets.append(ExtendedReport(ssrc, (_voip_metrics(metrics),)))
            break
    return packets + _descriptions(found, ssrc)


def _objects(found: Object, name: str) -> list[Object]:
    """Return the objects of a list, or the one that stands in its place."""
    value = found.get(name)
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, dict)]


def _number(found: Object, *names: str) -> int:
    """Return the first of the names that has a number, else 0."""
    for name in names:
        value = whole_number(found.get(name))
        if value is not None:
            return value
    return 0


def _word(found: Object, *names: str) -> int:
    return _number(found, *names) & _WORD


def _report_block(block: Object) -> ReportBlock:
    return ReportBlock(
        _word(block, "source_ssrc"),
        _number(block, "fraction_lost") & 0xFF,
        _signed(_number(block, "packets_lost")),
        _word(block, "highest_seq_no"),
        _word(block, "ia_jitter"),
        _word(block, "lsr"),
        _word(block, "dlsr"),
    )


def _signed(lost: int) -> int:
    """Return a cumulative loss: 24 bits with a sign, whatever became of it on its way."""
    return ((lost & 0xFFFFFF) ^ 0x800000) - 0x800000


def _sender_report(ssrc: int, sent: Object, blocks: tuple[ReportBlock, ...]) -> SenderReport:
    seconds, fraction = _word(sent, "ntp_timestamp_sec"), _word(sent, "ntp_timestamp_usec")
    if isinstance(sent.get("ntp_timestamp_sec"), str) and seconds < _NTP_EPOCH:
        # Asterisk writes what its clock shows, in microseconds.
        seconds, fraction = seconds + _NTP_EPOCH & _WORD, (fraction << 32) // 1_000_000 & _WORD
    return SenderReport(
        ssrc,
        seconds << 32 | fraction,
        _word(sent, "rtp_timestamp"),
        _word(sent, "packets"),
        _word(sent, "octets"),
        blocks,
    )


def _voip_metrics(found: Object) -> VoipMetrics:
    """Return VoIP metrics by the names of heplify, of its version 2, or of captagent."""

    def rate(*names: str) -> int:
        return max(0, min(_number(found, *names), 255))

    def known(*names: str, unknown: int = 127) -> int | None:
        values = [value for name in names if (value := whole_number(found.get(name))) is not None]
        return values[0] if values and values[0] != unknown else None

    return VoipMetrics(
        ssrc=_word(found, "ssrc", "id", "identifier"),
        loss_rate=rate("fraction_lost", "loss_rate"),
        discard_rate=rate("fraction_discard", "discard_rate"),
        burst_density=rate("burst_density", "burst_rate"),
        gap_density=rate("gap_density", "gap_rate"),
        burst_ms=_number(found, "burst_duration"),
        gap_ms=_number(found, "gap_duration"),
        round_trip_ms=known("round_trip_delay", unknown=0),
        end_system_ms=known("end_system_delay", "end_sys_delay", unknown=0),
        signal_dbm=known("signal_level", "signal_lev"),
        noise_dbm=known("noise_level", "noise_lev"),
        echo_return_loss_db=known("rerl", "RERL"),
        gmin=_number(found, "gmin", "Gmin"),
        r_factor=known("r_factor", "R_fact"),
        external_r_factor=known("ext_r_factor", "ext_R_fact"),
        mos_lq=_mos(found, "mos_lq", "MOS_LQ"),
        mos_cq=_mos(found, "mos_cq", "MOS_CQ"),
        concealment=0,
        adaptive=0,
        buffer_rate=0,
        buffer_nominal_ms=_number(found, "jb_nominal", "JB_nom"),
        buffer_maximum_ms=_number(found, "jb_maximum", "JB_max"),
        buffer_limit_ms=_number(found, "jb_abs_max", "JB_abs_max"),
    )


def _mos(found: Object, *names: str) -> float | None:
    """Return a MOS, which is sent times 10, or as it is."""
    for name in names:
        value = found.get(name)
        number = value if isinstance(value, float) else whole_number(value)
        if number is not None:
            number = number / 10 if number > 5 else float(number)
            return number if 1 <= number <= 5 else None
    return None


def _descriptions(found: Object, ssrc: int) -> list[RtcpPacket]:
    """Return the source descriptions, one a source."""
    items: dict[int, list[tuple[str, bytes]]] = {}
    for item in _objects(found, "sdes_information")[:MAX_BLOCKS]:
        text = item.get("text")
        if isinstance(text, str):
            owner = _word(item, "sdes_chunk_ssrc") or _word(found, "sdes_ssrc") or ssrc
            kind = _number(item, "type")
            name = _ITEM_NAMES.get(kind, str(kind))
            items.setdefault(owner, []).append((name, text[:255].encode("utf-8", "replace")))
    return [SourceDescription(owner, tuple(described)) for owner, described in items.items()]
