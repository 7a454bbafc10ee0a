"""The report's JSON contract, version 1: what each object holds."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any, TextIO

from sipscope import __version__
from sipscope.calls.dialog import Dialog, Party, State
from sipscope.calls.media_facts import media_facts, stream_media
from sipscope.calls.negotiation import Exchange, exchanges
from sipscope.calls.rows import lowest_mos, stream_figures
from sipscope.calls.rtcp import rtcp_figures
from sipscope.calls.store import DialogStore
from sipscope.engine import Engine
from sipscope.errors import SipscopeError
from sipscope.report.agents import agent_object, attachment_object
from sipscope.report.media import dialog_media, stream_media_fields
from sipscope.report.quality import quality_object, rtcp_object
from sipscope.report.values import moment
from sipscope.report.values import rounded as _rounded
from sipscope.report.values import text as _text
from sipscope.rtpqos.differences import differences
from sipscope.rtpqos.figures import AdaptiveBuffer, StreamFigures
from sipscope.rtpqos.wireshark import WiresharkFigures

SCHEMA = 1

MAX_KEPT_FIGURES = 4096
"""Dialogs are told before their streams; the figures of so many streams are computed once."""

Object = dict[str, Any]


class Document:
    """Everything that a report tells of what an engine read.

    Args:
        engine: After its run.
        failures: Sources that could not be opened.
    """

    def __init__(self, engine: Engine, failures: Sequence[SipscopeError] = ()) -> None:
        self.engine = engine
        self.store = engine.store
        self.failures = failures
        # Streams of one dialog come near each other, and SDP takes long to read.
        self._exchanges = lru_cache(maxsize=1024)(exchanges)
        self._kept: dict[int, StreamFigures] = {}

    @property
    def rtp_packets(self) -> int:
        """Packets of all streams."""
        return self.store.streams.packets

    def capture(self) -> Object:
        """Return what was read."""
        counters = self.store.counters
        return {
            "sources": [
                {
                    "name": source.name,
                    "kind": source.kind,
                    "packets": source.packets,
                    "bytes": source.bytes,
                    "kernel_drops": None,
                    "truncated_packets": source.truncated_packets,
                    "damaged": source.damaged,
                }
                for source in self.engine.files.sources
            ],
            "first": moment(self.engine.first),
            "last": moment(self.engine.last),
            "sip_messages": counters.messages,
            "rtp_packets": self.rtp_packets,
            "rtcp_packets": self.engine.rtcp_packets,
            "malformed": counters.malformed,
            "duplicates": counters.duplicates + self.engine.duplicates,
            "evicted": counters.evicted + self.store.streams.evicted,
            "network": asdict(self.engine.network_counts()),
        }

    def dialogs(self) -> Iterator[Object]:
        """Give each dialog, in the order of their start."""
        for dialog in self.store.dialogs.values():
            figures = stream_figures(dialog, self.store.streams)
            for stream in figures[: MAX_KEPT_FIGURES - len(self._kept)]:
                self._kept[stream.id] = stream
            yield _dialog(dialog, self.store, self._exchanges(dialog), figures)

    def streams(self) -> Iterator[Object]:
        """Give each stream, in the order of their first packets."""
        for stream_id in self.store.streams.ids():
            owner = self.store.owner(stream_id)
            found = () if owner is None else self._exchanges(owner)
            figures = self._kept.pop(stream_id, None) or self.store.streams.figures(stream_id)
            yield _stream(figures, self.store, found)

    def statistics(self) -> Object:
        """Return how often there was what."""
        states: Counter[str] = Counter()
        for dialog in self.store.dialogs.values():
            states[final_state(dialog)] += 1
        counters = self.store.counters
        return {
            "methods": dict(counters.methods.most_common()),
            "statuses": {str(code): count for code, count in sorted(counters.statuses.items())},
            "states": dict(states.most_common()),
        }

    def write(self, stream: TextIO, *, lines: bool) -> None:
        """Write one JSON document, or one object a line with its `type`.

        Objects are written as they are made: a report of a million dialogs takes no more
        memory than the store.
        """
        if lines:
            for kind, objects in (("dialog", self.dialogs()), ("stream", self.streams())):
                for item in objects:
                    stream.write(_json({"type": kind, **item}) + "\n")
            return
        stream.write(f'{{"schema": {SCHEMA}, "sipscope": {_json(__version__)}')
        stream.write(f',\n"capture": {_json(self.capture())}')
        for name, items in (("dialogs", self.dialogs()), ("streams", self.streams())):
            stream.write(f',\n"{name}": [')
            separator = "\n"
            for item in items:
                stream.write(separator + _json(item))
                separator = ",\n"
            stream.write("]")
        stream.write(',\n"registrations": [],\n"findings": []')
        stream.write(f',\n"statistics": {_json(self.statistics())}}}\n')


def final_state(dialog: Dialog) -> str:
    """Return the state of a dialog in a capture that has ended.

    A REGISTER that waits for its answer has no state of its own in the contract: none came.
    """
    if dialog.method == "REGISTER" and dialog.state is State.PENDING:
        return State.FAILED.value
    return dialog.state.value


def _dialog(
    dialog: Dialog,
    store: DialogStore,
    found: Sequence[Exchange],
    figures: Sequence[StreamFigures],
) -> Object:
    return {
        "call_id": _text(dialog.call_id),
        "method": dialog.method,
        "state": final_state(dialog),
        "from": _party(dialog.caller),
        "to": _party(_answering_party(dialog)),
        "request_uri": dialog.request_uri,
        "source": str(dialog.flow.source),
        "destination": str(dialog.flow.destination),
        "transport": dialog.flow.transport,
        "encapsulation": list(dialog.flow.encapsulation),
        "started": moment(dialog.started),
        "pdd_ms": _rounded(dialog.pdd_ms),
        "ring_ms": _rounded(dialog.ring_ms),
        "setup_ms": _rounded(dialog.setup_ms),
        "talk_s": _rounded(dialog.talk_s),
        "total_s": _rounded(dialog.total_s),
        "messages": len(dialog.messages) + dialog.dropped,
        "retransmissions": dialog.retransmissions,
        "final_status": dialog.final_status,
        "reason": dialog.reason,
        "user_agents": list(dialog.user_agents),
        "codecs": list(dialog.codecs),
        "group": dialog.group,
        "streams": list(dialog.streams),
        "media": dialog_media(media_facts(dialog, found, figures, store.events, store.fax)),
        "mos": _rounded(lowest_mos(figures)),
        "findings": [],
        "agents": [agent_object(agent) for agent in store.attachments.agents(dialog)],
        "reports": [attachment_object(said) for said in store.attachments.of(dialog)],
        "quality_reports": [quality_object(report) for report in store.quality.of(dialog)],
    }


def _answering_party(dialog: Dialog) -> Party:
    """Return the To header, with the tag that the final answer gave it."""
    callee = dialog.callee
    if callee.tag is not None or dialog.final is None:
        return callee
    return callee._replace(tag=dialog.final_to_tag)


def _party(party: Party) -> Object:
    return party._asdict()


def _stream(figures: StreamFigures, store: DialogStore, found: Sequence[Exchange]) -> Object:
    owner = store.owner(figures.id)
    return {
        "id": figures.id,
        "call_id": None if owner is None else _text(owner.call_id),
        "ssrc": f"0x{figures.ssrc:08x}",
        "source": str(figures.flow.source),
        "destination": str(figures.flow.destination),
        "codec": figures.codec,
        "payload_types": list(figures.payload_types),
        "clock_rate": figures.clock_rate,
        "ptime_ms": figures.ptime_ms,
        "dscp": figures.dscp,
        "first": moment(figures.first),
        "duration_s": _rounded(figures.duration_s),
        "packets": figures.packets,
        "expected": figures.expected,
        "lost": figures.lost,
        "loss_percent": _rounded(figures.loss_percent),
        "duplicates": figures.duplicates,
        "out_of_order": figures.out_of_order,
        "restarts": figures.restarts,
        "delta_ms": {
            "min": _rounded(figures.delta_min_ms),
            "mean": _rounded(figures.delta_mean_ms),
            "max": _rounded(figures.delta_max_ms),
        },
        "jitter_ms": {
            "mean": _rounded(figures.jitter_mean_ms),
            "max": _rounded(figures.jitter_max_ms),
            "last": _rounded(figures.jitter_last_ms),
        },
        "jitter_all_ms": {
            "mean": _rounded(figures.jitter_all_mean_ms),
            "max": _rounded(figures.jitter_all_max_ms),
            "last": _rounded(figures.jitter_all_last_ms),
        },
        "skew_ms": _rounded(figures.skew_ms),
        "drift_ppm": _rounded(figures.drift_ppm),
        "effective_hz": _rounded(figures.effective_hz),
        "longest_gap_ms": _rounded(figures.longest_gap_ms),
        "loss_bursts": [list(burst) for burst in figures.loss_bursts],
        "burst_ratio": _rounded(figures.burst_ratio),
        "discarded": figures.discarded,
        "r_factor": _rounded(figures.r_factor),
        "mos": _rounded(figures.mos),
        "mos_band": figures.mos_band,
        "mos_grade": figures.mos_grade,
        "mos_min": _rounded(figures.mos_min),
        "adaptive": _adaptive(figures.adaptive),
        "causes": list(figures.causes),
        "wireshark": _wireshark(figures.wireshark),
        "differences": list(differences(figures)),
        "rtcp": rtcp_object(figures, rtcp_figures(store, figures)),
        **stream_media_fields(stream_media(figures, found, store.events)),
        "capture_loss_possible": False,
        "intervals": [
            {
                "start": moment(interval.start),
                "packets": interval.packets,
                "lost": interval.lost,
                "jitter_ms": _rounded(interval.jitter_ms),
                "delta_max_ms": _rounded(interval.delta_max_ms),
                "mos": _rounded(interval.mos),
            }
            for interval in figures.intervals
        ],
    }


def _adaptive(buffer: AdaptiveBuffer | None) -> Object | None:
    if buffer is None:
        return None
    return {
        "discarded": buffer.discarded,
        "delay_ms": {
            "mean": _rounded(buffer.delay_mean_ms),
            "max": _rounded(buffer.delay_max_ms),
        },
        "burst_ratio": _rounded(buffer.burst_ratio),
        "r_factor": _rounded(buffer.r_factor),
        "mos": _rounded(buffer.mos),
        "mos_grade": buffer.mos_grade,
    }


def _wireshark(figures: WiresharkFigures | None) -> Object | None:
    if figures is None:
        return None
    return {
        "expected": figures.expected,
        "lost": figures.lost,
        "loss_percent": _rounded(figures.loss_percent),
        "sequence_errors": figures.sequence_errors,
        "delta_ms": {
            "min": _rounded(figures.delta_min_ms),
            "mean": _rounded(figures.delta_mean_ms),
            "max": _rounded(figures.delta_max_ms),
        },
        "jitter_ms": {
            "min": _rounded(figures.jitter_min_ms),
            "mean": _rounded(figures.jitter_mean_ms),
            "max": _rounded(figures.jitter_max_ms),
        },
        "max_skew_ms": _rounded(figures.max_skew_ms),
        "drift_ms": _rounded(figures.drift_ms),
        "drift_percent": _rounded(figures.drift_percent),
        "problem": figures.problem,
    }


def _json(value: object) -> str:
    return json.dumps(value)
