"""RTCP packets on their way to a server: which call they belong to, and what was seen beside."""

from typing import Final

from sipscope.calls.repetition import DUPLICATE, RecentMessages
from sipscope.calls.store import DialogStore
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.batch import Column
from sipscope.decode.network import Datagrams
from sipscope.decode.rtcp import RtcpPacket, parse_rtcp, protection
from sipscope.forward.rtcp_json import Sent, reported, reporter, rtcp_json
from sipscope.forward.rtp_report import stray_correlation
from sipscope.forward.stream_reports import Report, StreamReports

MAX_WAITING: Final = 20_000
_RTP_HEADER: Final = 12


class RtcpReports:
    """Takes RTCP; turns it to reports when the streams that it is about are known.

    Args:
        store: Whose dialogs it belongs to.
        streams: Which streams there are.

    Attributes:
        unread: Packets that are encrypted, damaged or say nothing of quality.
        dropped: Packets for which there was no room.
    """

    def __init__(self, store: DialogStore, streams: StreamReports) -> None:
        self.unread = 0
        self.dropped = 0
        self._store = store
        self._streams = streams
        self._recent = RecentMessages()
        self._waiting: list[tuple[int, int, Flow, bytes]] = []

    def add(self, datagrams: Datagrams, rows: Column) -> None:
        """Take the datagrams at `rows`, which are RTCP, for the next `tick`."""
        room = max(MAX_WAITING - len(self._waiting), 0)
        self.dropped += max(len(rows) - room, 0)
        rows = rows[:room]
        buffer, flows = datagrams.batch.buffer, datagrams.flows
        start = datagrams.start[rows]
        packets = [
            (time, 0, flows[flow], buffer[begin:end])
            for time, flow, begin, end in zip(
                datagrams.batch.time[datagrams.packet[rows]].tolist(),
                datagrams.flow[rows].tolist(),
                start.tolist(),
                (start + datagrams.length[rows]).tolist(),
                strict=True,
            )
        ]
        kinds = self._recent.classify(packets)
        self._waiting += [
            packet for packet, kind in zip(packets, kinds, strict=True) if kind != DUPLICATE
        ]

    def tick(self) -> list[Report]:
        """Return a report for each packet that came."""
        waiting, self._waiting = self._waiting, []
        reports: list[Report] = []
        if not waiting:
            return reports
        self._streams.search()
        with self._store.lock:
            for time, _, flow, payload in waiting:
                report = self._report(time, flow, payload)
                if report is None:
                    self.unread += 1
                else:
                    reports.append(report)
        return reports

    def _report(self, time: int, flow: Flow, payload: bytes) -> Report | None:
        if protection(payload) != "plain":
            return None
        packets, _ = parse_rtcp(payload)
        sender = reporter(packets)
        if sender is None:
            return None
        stream = self._stream(packets, flow)
        document = rtcp_json(packets, None if stream is None else self._sent(stream))
        if document is None:
            return None
        return Report(time, flow, document, self._correlation(sender, flow, time, stream), None)

    def _stream(self, packets: list[RtcpPacket], flow: Flow) -> int | None:
        """Return the stream that the reporter sends, else the one that it receives."""
        own, other = reporter(packets), reported(packets)
        stream = None if own is None else self._streams.find(flow.source, own)
        if stream is None and other is not None:
            stream = self._streams.find(flow.destination, other)
        return stream

    def _sent(self, stream: int) -> Sent | None:
        if not self._store.streams.listed(stream):
            return None
        figures = self._store.streams.figures(stream)
        return Sent(figures.packets, max(figures.bytes - _RTP_HEADER * figures.packets, 0))

    def _correlation(self, sender: int, flow: Flow, time: int, stream: int | None) -> bytes:
        """Return the Call-ID, found by the addresses in SDP, else by the stream."""
        store = self._store
        dialog = store.expecting(flow, time) or store.expecting(_before(flow), time)
        if dialog is None and stream is not None:
            dialog = store.owner(stream)
        if dialog is not None:
            return dialog.call_id
        along = None if stream is None else store.streams.flow(stream)
        ssrc = None if stream is None else store.streams.ssrc(stream)
        if along is None or ssrc is None:
            return stray_correlation(sender, flow)
        return stray_correlation(ssrc, along)


def _before(flow: Flow) -> Flow:
    """Return the flow of RTP whose RTCP is on the ports after (RFC 3550 section 11)."""
    source, destination = flow.source, flow.destination
    return flow._replace(
        source=Endpoint(source.address, max(source.port - 1, 0)),
        destination=Endpoint(destination.address, max(destination.port - 1, 0)),
    )
