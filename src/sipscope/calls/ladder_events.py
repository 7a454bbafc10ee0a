"""What happened in a call beside its messages and streams, as rows of the ladder.

RTCP, digits in telephone events, and what capture agents and the ends of the call report.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from sipscope.calls.attachments import Attachment
from sipscope.calls.dialog import Dialog
from sipscope.calls.media_facts import stream_media
from sipscope.calls.negotiation import exchanges
from sipscope.calls.quality_reports import VOICE_QUALITY, QualityReport
from sipscope.calls.rtcp import rtcp_figures, rtcp_lines
from sipscope.calls.store import DialogStore
from sipscope.decode.address import Flow
from sipscope.decode.text import display
from sipscope.decode.vq_rtcpxr import VoiceQualityReport
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.report_figures import RtcpFigures

MAX_EVENTS: Final = 2_000
"""Of one dialog: digits and reports that are rows of its ladder, the first."""

_MAX_NOTES = 60
_SCORES = ("mos_lq", "mos_cq")


class EventKind(StrEnum):
    """What an event is."""

    RTCP = "rtcp"
    DTMF = "dtmf"
    LOG = "log"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a time between two addresses.

    Attributes:
        time: ns since the epoch.
        kind: What it is.
        dialog: Id of the dialog.
        flow: From where to where.
        number: Tells it from others of its kind in the dialog.
        labels: What it is in a few words, the longest first; safe to show.
        notes: All that is known of it, a line each; safe to show.
        doubtful: Whether it is nothing good.
    """

    time: int
    kind: EventKind
    dialog: int
    flow: Flow
    number: int
    labels: tuple[str, ...]
    notes: tuple[str, ...]
    doubtful: bool = False


def events(
    store: DialogStore, dialogs: Iterable[Dialog], figures: Mapping[int, StreamFigures]
) -> list[Event]:
    """Return the events of dialogs; hold the store's lock meanwhile.

    Args:
        store: Which has them.
        dialogs: Of which.
        figures: Of their streams, by id.
    """
    found: list[Event] = []
    for dialog in dialogs:
        streams = [figures[stream] for stream in dialog.streams if stream in figures]
        own = [*_digits(store, dialog, streams), *_reports(store, dialog)]
        found += own[:MAX_EVENTS]
        for stream in streams:
            rtcp = rtcp_figures(store, stream)
            if rtcp is not None and (rtcp.reports or rtcp.sender_reports or rtcp.encrypted):
                found.append(_rtcp(dialog, stream, rtcp))
    return found


def _digits(
    store: DialogStore, dialog: Dialog, streams: Sequence[StreamFigures]
) -> Iterator[Event]:
    if not streams or not len(store.events):
        return
    agreed = exchanges(dialog)
    for stream in streams:
        for digit in stream_media(stream, agreed, store.events).digits or ():
            length = f"{digit.duration_ms:.0f} ms"
            notes = (
                f"DTMF {digit.digit}, {length}",
                f"Telephone event, payload type {digit.payload_type}",
                f"{digit.packets} packets, {'ended' if digit.ended else 'its end was not seen'}",
                f"Of the stream {stream.flow.source} → {stream.flow.destination}",
                *(() if digit.negotiated else ("SDP does not name the payload type",)),
            )
            labels = f"DTMF {digit.digit} ({length})", f"DTMF {digit.digit}"
            # A stream has one digit at a time.
            number = stream.id
            yield Event(
                digit.time, EventKind.DTMF, dialog.id, stream.flow, number, labels, notes,
                doubtful=not digit.negotiated,
            )  # fmt: skip


def _rtcp(dialog: Dialog, stream: StreamFigures, rtcp: RtcpFigures) -> Event:
    """Return what RTCP says of a stream: its receiver, if that says anything, to its sender."""
    worst = rtcp.worst_fraction_lost_percent
    if not rtcp.reports:
        count = rtcp.encrypted or rtcp.sender_reports
        what = "encrypted" if rtcp.encrypted else _counted(count, "sender report")
        name = f"RTCP {count:,} packets {what}" if rtcp.encrypted else f"RTCP {what}"
        labels: tuple[str, ...] = name, "RTCP"
    else:
        name = f"RTCP {_counted(rtcp.reports, 'report')}"
        lost = "" if worst is None else f", worst {worst:.1f} % lost"
        jitter = "" if rtcp.worst_jitter_ms is None else f", jitter {rtcp.worst_jitter_ms:.1f} ms"
        trip = "" if rtcp.round_trip_ms is None else f", round trip {rtcp.round_trip_ms:.0f} ms"
        labels = (
            f"{name}{lost}{jitter}{trip}",
            f"{name}{lost}{jitter}",
            f"{name}{lost}",
            *(() if worst is None else (f"RTCP {worst:.1f} % lost", f"RTCP {worst:.1f} %")),
            "RTCP",
        )
    about = f"About the stream {stream.flow.source} → {stream.flow.destination}"
    return Event(
        stream.first if rtcp.first is None else rtcp.first,
        EventKind.RTCP,
        dialog.id,
        stream.flow.reverse if rtcp.reports else stream.flow,
        stream.id,
        labels,
        (about, *rtcp_lines(stream, rtcp)),
        doubtful=worst is not None and worst >= 1,
    )


def _reports(store: DialogStore, dialog: Dialog) -> Iterator[Event]:
    for number, attachment in enumerate(store.attachments.of(dialog)):
        yield _attached(dialog.id, number, attachment)
    for number, report in enumerate(store.quality.of(dialog)):
        if report.origin == VOICE_QUALITY and isinstance(report.content, VoiceQualityReport):
            yield _voice_quality(dialog, number, report, report.content)


@lru_cache(maxsize=2048)
def _attached(dialog_id: int, number: int, attachment: Attachment) -> Event:
    agent = attachment.agent
    who = f"Agent {agent.capture_id} at {agent.host} {display(agent.node)}".rstrip()
    way = f"{attachment.flow.source} → {attachment.flow.destination}"
    if attachment.kind == "log":
        kind = EventKind.LOG
        told: tuple[str, ...] = (attachment.text,)
        labels: tuple[str, ...] = f"log: {attachment.text}", "log"
    else:
        figures = attachment.figures
        kind, name = EventKind.REPORT, f"{attachment.kind} of agent {agent.capture_id}"
        mos = f"{name}, MOS {attachment.mos:.1f}" if attachment.mos is not None else name
        labels = tuple(dict.fromkeys((mos, name, attachment.kind)))
        told = _figure_lines(figures) or (attachment.text,)
    return Event(
        attachment.time, kind, dialog_id, attachment.flow, number, labels, (who, way, *told)
    )


def _voice_quality(
    dialog: Dialog, number: int, report: QualityReport, content: VoiceQualityReport
) -> Event:
    figures = {
        f"{side}.{name}": value
        for side, metrics in (("local", content.local), ("remote", content.remote))
        for name, value in metrics.items()
    }
    scores = [
        f"{name.upper().replace('_', '-')} {content.local[name]}"
        for name in _SCORES
        if name in content.local
    ]
    name = "voice quality report"
    labels = tuple(dict.fromkeys((" ".join((name, *scores)), name, "report")))
    way = f"{report.flow.source} → {report.flow.destination}"
    return Event(
        report.time,
        EventKind.REPORT,
        dialog.id,
        report.flow,
        -1 - number,
        labels,
        (way, *_figure_lines(figures)),
    )


def _figure_lines(figures: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(f"{display(name)} {display(str(figures[name]))}" for name in figures)[:_MAX_NOTES]


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
