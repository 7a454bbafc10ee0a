"""What RTCP says of RTP streams: taken packet by packet, found again by flow and SSRC.

Nothing ties a report to a stream when it comes, so it may come before its stream or long
after. It is kept under the addresses that it went between and the SSRC that it is about, and
whoever asks for a stream gets what went along it or against it: from the same hosts, with
RTCP on the port of RTP or the one after at one end at least. SSRCs are chosen at random, and
some programs have but one for all of their calls: the addresses tell those apart.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, Generic, TypeVar

from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.batch import Column
from sipscope.decode.network import Datagrams
from sipscope.decode.rtcp import (
    ExtendedReport,
    Goodbye,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    parse_rtcp,
    protection,
)
from sipscope.decode.rtcp_xr import (
    DelaySinceLastReceiverReport,
    ReceiverReferenceTime,
    StatisticsSummary,
    VoipMetrics,
)
from sipscope.rtpqos.report_figures import RoundTrip, RtcpFigures

MAX_SAME_SSRC: Final = 64
"""So many pairs of hosts may use one SSRC; beyond, the one heard longest ago is forgotten."""

MAX_SENT: Final = 16
"""So many sender reports of a source are remembered for the answers to them."""

SAME_NS: Final = 1_000_000_000
"""The same report within this time is one that was captured twice."""

LONGEST_ROUND_TRIP_MS: Final = 30_000.0
EARLIEST_ANSWER_MS: Final = -5.0
"""Clocks drift between a report and its answer; what comes earlier has a wrong delay in it."""

_SHORT_NTP_MS: Final = 1000 / 65536
_CNAME: Final = "CNAME"
_NOWHERE: Final = (Endpoint(b"", 0), Endpoint(b"", 0), 0)

Key = tuple[Endpoint, Endpoint, int]
"""From where and to where RTCP went, and an SSRC."""


class Source:
    """One SSRC as it speaks along one flow of RTCP.

    Attributes:
        key: See `Key`.
        last: Time of the newest, ns since the epoch.
        sender_reports: How many came.
        report: The newest.
        sent: Middle 32 bits of the NTP time of its reports to when they passed.
        references: The same of its receiver reference times.
        echo: From here to it and back, by its answers to sender reports.
        dlrr: The same, by its answers to receiver reference times.
        encrypted: Packets of it that cannot be read.
        cname: Its canonical name.
        goodbye: When it left, ns since the epoch.
        goodbye_reason: And why.
    """

    __slots__ = (
        "cname",
        "dlrr",
        "echo",
        "encrypted",
        "goodbye",
        "goodbye_reason",
        "key",
        "last",
        "references",
        "report",
        "sender_reports",
        "sent",
    )

    def __init__(self, key: Key) -> None:
        self.key = key
        self.last = self.sender_reports = self.encrypted = 0
        self.report: SenderReport | None = None
        self.sent: dict[int, int] = {}
        self.references: dict[int, int] = {}
        self.echo: RoundTrip | None = None
        self.dlrr: RoundTrip | None = None
        self.cname: bytes | None = None
        self.goodbye: int | None = None
        self.goodbye_reason = b""


class Reception:
    """What one side says of a source that it receives.

    Attributes:
        key: The flow of the reports, and the SSRC that they are about.
        first: Time of the first, ns since the epoch.
        last: Time of the newest.
        reporter: The SSRC of who reports.
        reports: Report blocks.
        reported: Time of the newest of them.
        block: The newest of them.
        worst_fraction: The highest fraction lost, in 1/256.
        worst_jitter: The highest jitter, in timestamp units.
        voip: The newest VoIP metrics.
        summary: The newest statistics summary.
    """

    __slots__ = (
        "block",
        "first",
        "key",
        "last",
        "reported",
        "reporter",
        "reports",
        "summary",
        "voip",
        "worst_fraction",
        "worst_jitter",
    )

    def __init__(self, key: Key) -> None:
        self.key = key
        self.first = self.last = self.reporter = 0
        self.reports = self.reported = self.worst_fraction = self.worst_jitter = 0
        self.block: ReportBlock | None = None
        self.voip: VoipMetrics | None = None
        self.summary: StatisticsSummary | None = None


Entry = TypeVar("Entry", Source, Reception)


class _Entries(Generic[Entry]):
    """Entries by key and by SSRC, bounded.

    What only one packet named makes room first, then what is silent longest.

    Attributes:
        evicted: Entries that had to go.
    """

    def __init__(self, make: Callable[[Key], Entry], capacity: int) -> None:
        self.evicted = 0
        self._make: Callable[[Key], Entry] = make
        self._capacity = capacity
        self._by_ssrc: dict[int, list[Entry]] = {}
        self._new: OrderedDict[Key, Entry] = OrderedDict()
        self._confirmed: OrderedDict[Key, Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._new) + len(self._confirmed)

    def get(self, key: Key) -> Entry | None:
        """Return the entry of a key."""
        return self._confirmed.get(key) or self._new.get(key)

    def of(self, ssrc: int) -> Sequence[Entry]:
        """Return the entries of an SSRC, whatever their addresses."""
        return self._by_ssrc.get(ssrc, ())

    def hear(self, key: Key, time: int) -> Entry:
        """Return the entry of a key that was heard of at `time`, a new one if need be."""
        entry = self._confirmed.get(key)
        if entry is not None:
            self._confirmed.move_to_end(key)
        else:
            entry = self._new.get(key)
            if entry is None:
                entry = self._new[key] = self._make(key)
                self._index(entry)
            elif entry.last != time:
                self._confirmed[key] = self._new.pop(key)
        entry.last = time
        return entry

    def _index(self, entry: Entry) -> None:
        same = self._by_ssrc.setdefault(entry.key[2], [])
        same.append(entry)
        if len(same) > MAX_SAME_SSRC:
            self._evict(min(same[:-1], key=_last))
        elif len(self) > self._capacity:
            queue = self._new if len(self._new) > 1 else self._confirmed
            self._evict(next(iter(queue.values())))

    def _evict(self, entry: Entry) -> None:
        self.evicted += 1
        self._new.pop(entry.key, None)
        self._confirmed.pop(entry.key, None)
        same = self._by_ssrc[entry.key[2]]
        same.remove(entry)
        if not same:
            del self._by_ssrc[entry.key[2]]


class RtcpTable:
    """Everything that RTCP told, bounded; one writer, figures at any time.

    Args:
        capacity: The most sources, and the most pairs of reporter and source, that are kept.

    Attributes:
        packets: RTCP packets, compound ones as one.
        encrypted: Those that cannot be read (SRTCP).
        malformed: Those that are no RTCP for all that their first bytes look like it.
    """

    def __init__(self, capacity: int = 20_000) -> None:
        self.packets = 0
        self.encrypted = 0
        self.malformed = 0
        self._sources: _Entries[Source] = _Entries(Source, capacity)
        self._receptions: _Entries[Reception] = _Entries(Reception, capacity)

    def __len__(self) -> int:
        return len(self._sources) + len(self._receptions)

    @property
    def evicted(self) -> int:
        """Sources and reports that made room for others."""
        return self._sources.evicted + self._receptions.evicted

    def add(self, datagrams: Datagrams, rows: Column) -> None:
        """Take the RTCP packets of one batch.

        Args:
            datagrams: The datagrams.
            rows: Which of them are RTCP, as from `RtpBlock.rtcp`.
        """
        buffer = datagrams.batch.buffer
        start = datagrams.start[rows]
        for time, flow, begin, end, wire in zip(
            datagrams.batch.time[datagrams.packet[rows]].tolist(),
            datagrams.flow[rows].tolist(),
            start.tolist(),
            (start + datagrams.length[rows]).tolist(),
            datagrams.wire_length[rows].tolist(),
            strict=True,
        ):
            self.take(time, datagrams.flows[flow], buffer[begin:end], wire)

    def take(self, time: int, flow: Flow, payload: bytes, wire_length: int | None = None) -> None:
        """Take one RTCP packet.

        Args:
            time: When it was captured, ns since the epoch.
            flow: From where to where.
            payload: Its captured bytes.
            wire_length: How many it had.
        """
        self.packets += 1
        source, destination = flow[:2]
        match protection(payload, wire_length):
            case "malformed":
                self.malformed += 1
            case "encrypted":
                self.encrypted += 1
                if len(payload) >= 8:
                    ssrc = int.from_bytes(payload[4:8], "big")
                    self._sources.hear((source, destination, ssrc), time).encrypted += 1
            case "plain":
                self._read_all(time, flow, parse_rtcp(payload)[0])

    def read(self, time: int, flow: Flow, packets: Iterable[RtcpPacket]) -> None:
        """Take one RTCP packet that was read already, such as from JSON; as `take` does."""
        self.packets += 1
        self._read_all(time, flow, packets)

    def _read_all(self, time: int, flow: Flow, packets: Iterable[RtcpPacket]) -> None:
        for packet in packets:
            self._read(packet, flow[0], flow[1], time)

    def figures(
        self, flow: Flow, ssrc: int, clock_rate: int | None, control: Collection[Endpoint] = ()
    ) -> RtcpFigures | None:
        """Return what RTCP says of a stream; None when nothing does.

        Args:
            flow: From where to where its RTP goes.
            ssrc: Its synchronization source.
            clock_rate: Of its codec, in Hz; without it, jitter is not known in ms.
            control: Where signalling wants RTCP, if elsewhere than at the port after.
        """
        sender = _best(self._sources.of(ssrc), flow[0], flow[1], control)
        reception = _best(self._receptions.of(ssrc), flow[1], flow[0], control)
        if sender is None and reception is None:
            return None
        receiver = None
        if reception is not None:
            receiver = self._sources.get((*reception.key[:2], reception.reporter))
        return _figures(sender, reception, receiver, clock_rate)

    def knows(self, ssrc: int) -> bool:
        """Whether RTCP told anything of an SSRC, on whatever flow."""
        return bool(self._sources.of(ssrc) or self._receptions.of(ssrc))

    def _read(self, packet: RtcpPacket, source: Endpoint, destination: Endpoint, time: int) -> None:
        match packet:
            case SenderReport():
                speaker = self._sources.hear((source, destination, packet.ssrc), time)
                self._read_sender(speaker, packet, time)
                self._read_blocks(speaker, packet.blocks, time)
            case ReceiverReport():
                speaker = self._sources.hear((source, destination, packet.ssrc), time)
                self._read_blocks(speaker, packet.blocks, time)
            case ExtendedReport():
                speaker = self._sources.hear((source, destination, packet.ssrc), time)
                self._read_extended(speaker, packet, time)
            case SourceDescription():
                speaker = self._sources.hear((source, destination, packet.ssrc), time)
                speaker.cname = dict(packet.items).get(_CNAME, speaker.cname)
            case Goodbye():
                for ssrc in packet.sources:
                    speaker = self._sources.hear((source, destination, ssrc), time)
                    speaker.goodbye, speaker.goodbye_reason = time, packet.reason

    def _read_sender(self, speaker: Source, report: SenderReport, time: int) -> None:
        if speaker.report and speaker.report.ntp_time == report.ntp_time:
            return
        speaker.sender_reports += 1
        speaker.report = report
        _remember(speaker.sent, report.ntp_time, time)

    def _read_blocks(self, speaker: Source, blocks: Iterable[ReportBlock], time: int) -> None:
        source, destination, reporter = speaker.key
        for block in blocks:
            if not any(block):  # what some send who receive nothing
                continue
            reception = self._receptions.hear((source, destination, block.ssrc), time)
            if reception.block == block and time - reception.reported < SAME_NS:
                continue
            reception.first = reception.first or time
            reception.reporter, reception.reported = reporter, time
            reception.reports += 1
            reception.block = block
            reception.worst_fraction = max(reception.worst_fraction, block.fraction_lost)
            reception.worst_jitter = max(reception.worst_jitter, block.jitter)
            if not block.last_sr:
                continue
            for other in self._opposite(source, destination, block.ssrc):
                sent = other.sent.get(block.last_sr)
                if sent is not None:
                    delay = block.delay_since_last_sr
                    speaker.echo = _with_sample(speaker.echo, time - sent, delay)
                    break

    def _read_extended(self, speaker: Source, report: ExtendedReport, time: int) -> None:
        source, destination, reporter = speaker.key
        for block in report.blocks:
            match block:
                case ReceiverReferenceTime():
                    _remember(speaker.references, block.ntp_time, time)
                case DelaySinceLastReceiverReport():
                    for answer in block.answers:
                        for other in self._opposite(source, destination, answer.ssrc):
                            sent = other.references.get(answer.last_rr)
                            if sent is not None and answer.last_rr:
                                speaker.dlrr = _with_sample(speaker.dlrr, time - sent, answer.delay)
                                break
                case VoipMetrics() | StatisticsSummary():
                    reception = self._receptions.hear((source, destination, block.ssrc), time)
                    reception.first = reception.first or time
                    reception.reporter = reporter
                    if isinstance(block, VoipMetrics):
                        reception.voip = block
                    else:
                        reception.summary = block

    def _opposite(self, source: Endpoint, destination: Endpoint, ssrc: int) -> Iterable[Source]:
        """Give the entries of an SSRC that reports from `source` to `destination` answer to."""
        direct = self._sources.get((destination, source, ssrc))
        if direct is not None:
            yield direct
        for other in self._sources.of(ssrc):
            if other is not direct and (other.key[0].address, other.key[1].address) == (
                destination.address,
                source.address,
            ):
                yield other


def _remember(sent: dict[int, int], ntp_time: int, time: int) -> None:
    """Note when a report passed, by the middle 32 bits of its NTP time."""
    short = ntp_time >> 16 & 0xFFFFFFFF
    sent.setdefault(short, time)
    if len(sent) > MAX_SENT:
        del sent[next(iter(sent))]


def _with_sample(before: RoundTrip | None, elapsed_ns: int, delay: int) -> RoundTrip | None:
    """Add what a report and its answer say: the time between, less the delay of the answer."""
    sample = elapsed_ns / 1e6 - delay * _SHORT_NTP_MS
    if not EARLIEST_ANSWER_MS <= sample <= LONGEST_ROUND_TRIP_MS:
        return before
    sample = max(sample, 0.0)
    if before is None:
        return RoundTrip(sample, sample, sample, sample, 1)
    return RoundTrip(
        sample,
        min(before.least_ms, sample),
        before.mean_ms + (sample - before.mean_ms) / (before.samples + 1),
        max(before.most_ms, sample),
        before.samples + 1,
    )


def _best(
    entries: Sequence[Entry], source: Endpoint, destination: Endpoint, control: Collection[Endpoint]
) -> Entry | None:
    """Return the entry that fits RTP from `source` to `destination` best, the newest of equals."""
    best: Entry | None = None
    most = 0
    for entry in entries:
        fit = _fit(entry.key[0], source, control) * _fit(entry.key[1], destination, control)
        if fit > most or (best is not None and fit == most and entry.last > best.last):
            best, most = entry, fit
    return best if most > 1 else None


def _fit(rtcp: Endpoint, rtp: Endpoint, control: Collection[Endpoint]) -> int:
    """Return how well an end of RTCP fits that of RTP: 0 another host, 1 another port, 2."""
    if rtcp in control:
        return 2
    if rtcp.address != rtp.address:
        return 0
    return 2 if 0 <= rtcp.port - rtp.port <= 1 else 1


def _last(entry: Source | Reception) -> int:
    return entry.last


def _figures(
    sender: Source | None,
    reception: Reception | None,
    receiver: Source | None,
    clock_rate: int | None,
) -> RtcpFigures:
    sender = sender or Source(_NOWHERE)
    receiver = receiver or Source(_NOWHERE)
    told = reception or Reception(_NOWHERE)
    sent, block = sender.report, told.block
    unit_ms = 1000 / clock_rate if clock_rate else None
    return RtcpFigures(
        encrypted=sender.encrypted,
        reports=told.reports,
        first=reception.first if reception else None,
        last=reception.last if reception else None,
        reporter=reception.reporter if reception else None,
        fraction_lost_percent=block and 100 * block.fraction_lost / 256,
        worst_fraction_lost_percent=block and 100 * told.worst_fraction / 256,
        cumulative_lost=block and block.cumulative_lost,
        highest_sequence=block and block.highest_sequence,
        jitter_ms=block and unit_ms and block.jitter * unit_ms,
        worst_jitter_ms=block and unit_ms and told.worst_jitter * unit_ms,
        receiver_echo=receiver.echo,
        sender_echo=sender.echo,
        receiver_dlrr=receiver.dlrr,
        sender_dlrr=sender.dlrr,
        sender_reports=sender.sender_reports,
        sent_packets=sent and sent.packets,
        sent_octets=sent and sent.octets,
        cname=sender.cname,
        goodbye=sender.goodbye,
        goodbye_reason=sender.goodbye_reason,
        voip=told.voip,
        summary=told.summary,
    )
