"""What RTCP says of the streams of dialogs, and the same in words."""

from sipscope.calls.media import descriptions
from sipscope.calls.store import DialogStore
from sipscope.decode.text import display
from sipscope.rtpqos.conversation import conversation
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.report_figures import RtcpFigures


def rtcp_figures(store: DialogStore, stream: StreamFigures) -> RtcpFigures | None:
    """Return what RTCP says of a stream; None when nothing does.

    Where RTCP goes to a port that SDP names (`a=rtcp`, RFC 3605), it is found there.
    """
    found = store.rtcp.figures(stream.flow, stream.ssrc, stream.clock_rate)
    dialog = store.owner(stream.id)
    if found is not None or dialog is None or not store.rtcp.knows(stream.ssrc):
        return found
    ends = stream.flow[:2]
    control = {m.rtcp for m in descriptions(dialog) if m.rtcp is not None and m.endpoint in ends}
    return store.rtcp.figures(stream.flow, stream.ssrc, stream.clock_rate, control)


def rtcp_lines(stream: StreamFigures, rtcp: RtcpFigures) -> tuple[str, ...]:
    """Return what RTCP says of a stream in short lines, safe to show; unknown facts have none."""
    lines = []
    if rtcp.encrypted:
        lines.append(f"RTCP encrypted, packets: {rtcp.encrypted}")
    if rtcp.fraction_lost_percent is not None:
        lines.append(
            f"Receiver lost {rtcp.fraction_lost_percent:.1f} %"
            f" (worst {rtcp.worst_fraction_lost_percent:.1f} %), {rtcp.cumulative_lost} in all;"
            f" reports: {rtcp.reports}"
        )
    if rtcp.jitter_ms is not None:
        lines.append(f"Receiver jitter {rtcp.jitter_ms:.1f} ms (worst {rtcp.worst_jitter_ms:.1f})")
    lines += _round_trips(rtcp)
    talk = conversation(stream, rtcp)
    if talk is not None:
        lines.append(f"MOS-CQ {talk.mos:.2f}, R {talk.r:.1f} at {talk.delay_ms:.0f} ms one way")
    if rtcp.voip is not None:
        voip = rtcp.voip
        scores = (("R", voip.r_factor), ("MOS-LQ", voip.mos_lq), ("MOS-CQ", voip.mos_cq))
        known = [f"{name} {score}" for name, score in scores if score is not None]
        lines.append(
            f"Receiver says {', '.join([*known, ''])}loss {voip.loss_rate / 2.56:.1f} %,"
            f" discarded {voip.discard_rate / 2.56:.1f} %"
        )
    if rtcp.sent_packets is not None:
        lines.append(f"Sender sent {rtcp.sent_packets} packets, {rtcp.sent_octets} octets")
    if rtcp.cname:
        lines.append(f"CNAME {display(rtcp.cname)}")
    if rtcp.goodbye is not None:
        reason = display(rtcp.goodbye_reason)
        lines.append(f"BYE: {reason}" if reason else "BYE")
    return tuple(lines)


def _round_trips(rtcp: RtcpFigures) -> list[str]:
    """Return the round-trip times: of both sides together, and of each from here."""
    halves = [
        f"{side} {half.mean_ms:.1f}"
        for side, half in (("receiver", rtcp.receiver_rtt), ("sender", rtcp.sender_rtt))
        if half is not None
    ]
    seen = f"from here: {', '.join(halves)} ms" if halves else "as the receiver says"
    if rtcp.round_trip_ms is not None:
        return [f"Round trip {rtcp.round_trip_ms:.1f} ms ({seen})"]
    return [f"Round trip {seen}"] if halves else []
