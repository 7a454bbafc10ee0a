"""What a call's media did, and what its two ends say of it, in a few lines."""

from collections.abc import Iterable, Sequence

from sipscope.calls.columns import jitter_severity, loss_severity, mos_severity
from sipscope.calls.media_facts import Direction, MediaFacts, StreamMedia
from sipscope.decode.text import display
from sipscope.rtpqos.conversation import conversation
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.report_figures import RtcpFigures
from sipscope.tui.line_list import Span
from sipscope.tui.widgets.stream import Fact, told_lines
from sipscope.tui.widgets.wrapping import Line

_MOST_DIGITS = 40


def call_lines(facts: MediaFacts, width: int) -> list[Line]:
    """Return what is to be said of all streams of a call, nothing when all is as usual."""
    lines: list[Line] = []
    if facts.one_way:
        for way in _silent(facts.directions):
            text = f"● One way: no packets from {way.sender} to {way.receiver}"
            lines.append((Span(text[:width], "failed"),))
    return lines + told_lines("call", _call_facts(facts), width)


def media_lines(media: StreamMedia, width: int) -> list[Line]:
    """Return what a stream carried besides its packets."""
    return told_lines("carries", _carried(media), width)


def rtcp_lines(stream: StreamFigures, rtcp: RtcpFigures, width: int) -> list[Line]:
    """Return what the two ends of a stream say in RTCP, apart from our own figures."""
    return [
        *told_lines("receiver says", _received(rtcp), width, "marked"),
        *told_lines("sender says", _sent(rtcp), width, "marked"),
        *told_lines("round trip", _round_trip(stream, rtcp), width),
    ]


def _silent(directions: Sequence[Direction]) -> Iterable[Direction]:
    """Yield the ways without packets whose way back has some."""
    sending = {(way.sender, way.receiver) for way in directions if way.packets}
    for way in directions:
        if not way.packets and (way.receiver, way.sender) in sending:
            yield way


def _call_facts(facts: MediaFacts) -> Iterable[Fact]:
    if facts.held:
        yield Fact("", "was on hold")
    if facts.dscp_differs:
        yield Fact("", "marked differently each way (DSCP)", "doubtful")
    if facts.info_digits:
        digits = "".join(digit.digit for digit in facts.info_digits)
        yield Fact("DTMF by INFO", display(digits[:_MOST_DIGITS]))
    if facts.fax is not None:
        fax = facts.fax
        words = {True: "accepted", False: f"refused {fax.status}", None: "not answered"}
        style = "doubtful" if fax.accepted is False else ""
        yield Fact("fax T.38", f"{words[fax.accepted]}, {fax.packets:,} packets", style)


def _carried(media: StreamMedia) -> Iterable[Fact]:
    if media.srtp:
        yield Fact("", "SRTP, encrypted")
    if media.dtmf:
        more = "…" if len(media.dtmf) > _MOST_DIGITS else ""
        yield Fact("DTMF", display(media.dtmf[:_MOST_DIGITS]) + more)
    if media.comfort_noise:
        yield Fact("comfort noise", f"{media.comfort_noise:,} packets")
    elif media.silence_suppression:
        yield Fact("", "leaves out silence")
    if media.dscp_changes:
        yield Fact("marking changed (DSCP)", f"{media.dscp_changes:,} times", "doubtful")
    if media.codec_changed:
        yield Fact("codecs", display(", ".join(media.codecs)))
    if media.unnegotiated:
        types = ", ".join(map(str, media.unnegotiated))
        yield Fact("payload types that nobody agreed on", types, "doubtful")
    if media.ptime_differs:
        yield Fact("agreed packet time", f"{media.negotiated_ptime_ms} ms", "doubtful")
    if media.announced is not None:
        yield Fact("announced in SDP", f"{media.announced}", "doubtful")


def _received(rtcp: RtcpFigures) -> Iterable[Fact]:
    lost, worst = rtcp.fraction_lost_percent, rtcp.worst_fraction_lost_percent
    if lost is not None and worst is not None:
        text = f"{lost:.1f} %, worst {worst:.1f} %, {rtcp.cumulative_lost or 0:,} in all"
        yield Fact("lost", text, _unless_good(loss_severity(worst)))
    if rtcp.jitter_ms is not None and rtcp.worst_jitter_ms is not None:
        text = f"{rtcp.jitter_ms:.1f} ms, worst {rtcp.worst_jitter_ms:.1f} ms"
        yield Fact("jitter", text, _unless_good(jitter_severity(rtcp.worst_jitter_ms)))
    voip = rtcp.voip
    if voip is not None:
        if voip.discard_rate:
            yield Fact("discarded", f"{100 * voip.discard_rate / 256:.1f} %")
        for name, mos in (("MOS-LQ", voip.mos_lq), ("MOS-CQ", voip.mos_cq)):
            if mos is not None:
                yield Fact(name, f"{mos:.1f}", mos_severity(mos))


def _sent(rtcp: RtcpFigures) -> Iterable[Fact]:
    if rtcp.sent_packets is not None:
        yield Fact("sent", f"{rtcp.sent_packets:,} packets")
    if rtcp.encrypted:
        yield Fact("encrypted RTCP packets", f"{rtcp.encrypted:,}")


def _round_trip(stream: StreamFigures, rtcp: RtcpFigures) -> Iterable[Fact]:
    if rtcp.round_trip_ms is not None:
        yield Fact("", f"{rtcp.round_trip_ms:.1f} ms")
    for name, part in (("receiver", rtcp.receiver_rtt), ("sender", rtcp.sender_rtt)):
        if part is not None:
            yield Fact(f"from here to the {name}", f"{part.mean_ms:.1f} ms")
    talk = conversation(stream, rtcp)
    if talk is not None:
        text = f"{talk.mos:.2f} at {talk.delay_ms:.0f} ms one way"
        yield Fact("MOS-CQ", text, mos_severity(talk.mos))


def _unless_good(severity: str) -> str:
    return "" if severity == "good" else severity
