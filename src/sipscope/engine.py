"""The engine: one loop from all sources to the store, and what is told of it."""

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, Protocol

from sipscope.calls.intake import Intake
from sipscope.calls.store import DialogStore
from sipscope.capture.merge import FileSet
from sipscope.decode.batch import PacketBatch
from sipscope.decode.counts import NetworkCounts
from sipscope.decode.duplicates import DuplicateTable
from sipscope.decode.hep_senders import HepSender, joined
from sipscope.decode.network import NetworkDecoder
from sipscope.decode.tzsp_senders import TzspSender
from sipscope.decode.tzsp_senders import joined as joined_tzsp
from sipscope.export.dialogs import NO_NAMES, save_dialogs
from sipscope.export.pcap import Recorder
from sipscope.export.saving import Course
from sipscope.forward.sink import Sink, pieces

IDLE_NS = 50_000_000
"""How long a turn waits for packets at most."""

TICK_NS = 250_000_000
"""How often figures are computed and time-outs are looked at."""

FLUSH_PACKETS = 200_000
"""RTP packets that wait for their figures at most."""

RECORD_NS = 1_000_000_000
"""How often a recording is brought to the disk."""

RATE_WINDOW_NS = 2_000_000_000


class PacketFilter(Protocol):
    """Lets through some packets, see `capture.filter`."""

    def apply(self, batch: PacketBatch) -> PacketBatch:
        """Return the packets that match."""


class Source(Protocol):
    """What every source tells of itself, see `SourceStatus`."""

    name: str
    kind: str
    packets: int
    bytes: int
    truncated_packets: int

    @property
    def damaged(self) -> str | None:
        """Why packets are missing, in words."""

    def close(self) -> None:
        """Stop."""


class LiveSource(Source, Protocol):
    """A source whose packets come when they come."""

    def read(self, now: int) -> PacketBatch | None:
        """Return the packets that are there, None when there are none."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source at one moment.

    Attributes:
        name: Of the interface or file.
        kind: `interface`, `file`, `replay`, `hep` or `tzsp`.
        packets: Given so far.
        bytes: Captured so far.
        kernel_drops: Packets that the kernel had no room for, None where it has no part.
        truncated_packets: Packets of which not all bytes were captured.
        damaged: Why packets are missing, in words.
        progress: Share of a file that was read, None when its size is not known.
        arrival_times: Whether the times are those of arrival from elsewhere.
    """

    name: str
    kind: str
    packets: int
    bytes: int
    kernel_drops: int | None
    truncated_packets: int
    damaged: str | None
    progress: float | None
    arrival_times: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """The engine at one moment.

    Attributes:
        sources: In the order given.
        now: Capture time in ns: of the clock, or of the newest packet when only files are read.
        elapsed_s: Since the start.
        packets: Of all sources.
        packet_rate: Per second, over the last two seconds.
        sip_rate: Messages per second.
        rtp_rate: RTP packets per second.
        dialogs: That are kept.
        active: Dialogs from which more is expected.
        problems: Dialogs that went wrong.
        lost: Packets that the capture or the recording lost.
        evicted: Dialogs and streams that made room for others.
        malformed: SIP messages that break RFC 3261.
        finished: Nothing more will come.
        incomplete: Holes in TCP streams, and fragmented packets of which a part never came.
    """

    sources: tuple[SourceStatus, ...]
    now: int
    elapsed_s: float
    packets: int
    packet_rate: float
    sip_rate: float
    rtp_rate: float
    dialogs: int
    active: int
    problems: int
    lost: int
    evicted: int
    malformed: int
    finished: bool
    incomplete: int = 0


class _Sample(NamedTuple):
    time: int
    packets: int
    messages: int
    rtp: int


class Engine:
    """Reads all sources into the store, in a thread of its own or in the caller's.

    Args:
        files: Capture files, read as fast as they can be.
        live: Sources to wait for.
        store: Where everything goes.
        capture_filter: Applied to the packets of files; live sources have their own.
        recorder: Gets every packet of the live sources.
        recorded: Name of the file that `recorder` writes.
        sinks: Are told of all that is taken.
    """

    def __init__(
        self,
        files: FileSet,
        live: Sequence[LiveSource],
        store: DialogStore,
        *,
        capture_filter: PacketFilter | None = None,
        recorder: Recorder | None = None,
        recorded: str | None = None,
        sinks: Sequence[Sink] = (),
    ) -> None:
        self.store = store
        self.files = files
        self.live = tuple(live)
        self.sinks = tuple(sinks)
        self.started = time.time_ns()
        self.failure: BaseException | None = None
        self.first: int | None = None
        self.last: int | None = None
        self._filter = capture_filter
        self._recorder = recorder
        self._recorded = recorded
        self._intakes: dict[int, Intake] = {}
        self._duplicates = DuplicateTable()
        self._reading = bool(files.sources)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._next_tick = 0
        self._next_record = 0
        self._samples: deque[_Sample] = deque()
        self._excluded = {endpoint for sink in self.sinks for endpoint in sink.endpoints}
        self._step = min((sink.step for sink in self.sinks), default=0)
        self._told = 0

    def start(self) -> None:
        """Run in a thread until `stop`."""
        self._thread = threading.Thread(target=self._guarded, name="engine", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End the loop after this turn; `stop` is to follow."""
        self._stop.set()

    def stop(self) -> None:
        """End the loop, finish the recording and close the sources."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=1.5)
        if self._recorder is not None:
            self._recorder.close()
        self.files.close()
        for source in self.live:
            source.close()
        if self._thread is None or not self._thread.is_alive():
            self._close_sinks()

    def run(self, after_turn: Callable[[], None] | None = None) -> None:
        """Run in this thread until `stop`, or until all files are read and nothing is live."""
        while not self._stop.is_set():
            now = time.time_ns()
            busy = self._turn(now)
            if after_turn is not None:
                after_turn()
            if self.finished and not any(sink.busy for sink in self.sinks):
                return
            if not busy:
                self._wait(now)

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return not self._reading and not self.live

    @property
    def rtp_packets(self) -> int:
        """Packets of all sources that look like RTP."""
        return sum(intake.rtp_packets for intake in tuple(self._intakes.values()))

    @property
    def rtcp_packets(self) -> int:
        """RTCP packets of all sources."""
        return sum(intake.rtcp_packets for intake in tuple(self._intakes.values()))

    @property
    def duplicates(self) -> int:
        """Datagrams of all sources that were captured once more."""
        return sum(intake.counts.duplicates for intake in tuple(self._intakes.values()))

    def network_counts(self) -> NetworkCounts:
        """Return what was captured but not read, of all sources."""
        counts = [intake.counts for intake in tuple(self._intakes.values())]
        return NetworkCounts(
            *(sum(getattr(each, f.name) for each in counts) for f in fields(NetworkCounts))
        )

    @property
    def unrecorded(self) -> int:
        """Packets that the recording could not take."""
        return 0 if self._recorder is None else self._recorder.missed

    def tzsp_senders(self) -> tuple[TzspSender, ...]:
        """Return who sends TZSP and how that goes, of all sources."""
        return joined_tzsp(intake.tzsp_senders for intake in tuple(self._intakes.values()))

    def hep_senders(self) -> tuple[HepSender, ...]:
        """Return who sends HEP and how that goes, of all sources."""
        tables = [intake.senders for intake in tuple(self._intakes.values())]
        tables += [source.senders for source in self.live if hasattr(source, "senders")]
        return joined(tables)

    def now(self) -> int:
        """Return the time in ns by which calls in progress are measured."""
        if self.live:
            return time.time_ns()
        return self.started if self.last is None else self.last

    def status(self) -> Status:
        """Return what there is to tell now."""
        store = self.store
        sources = tuple(self._source_status())
        packet_rate, sip_rate, rtp_rate = self._rates()
        network = self.network_counts()
        return Status(
            sources,
            self.now(),
            (time.time_ns() - self.started) / 1e9,
            sum(source.packets for source in sources),
            packet_rate,
            sip_rate,
            rtp_rate,
            len(store.dialogs),
            store.active,
            store.problems,
            sum(source.kernel_drops or 0 for source in sources) + self.unrecorded,
            store.counters.evicted + store.streams.evicted,
            store.counters.malformed,
            self.finished,
            network.tcp_gaps + network.fragments_incomplete + network.fragments_evicted,
        )

    @property
    def recordings(self) -> list[str]:
        """Files that hold the packets that came: those that were read, and the recording."""
        names = [source.name for source in self.files.sources if source.kind == "file"]
        if self._recorder is not None and self._recorded is not None:
            names.append(self._recorded)
        return [name for name in names if os.path.isfile(name)]

    def save(
        self,
        path: str,
        dialog_ids: Sequence[int],
        *,
        rtp: bool,
        overwrite: bool = False,
        form: str = "",
        aliases: Mapping[str, str] = NO_NAMES,
        course: Course | None = None,
    ) -> int:
        """Save dialogs to a file; capture goes on. From any thread.

        RTP is taken from the files that were read, or from the recording of live sources.
        The arguments are those of `export.dialogs.save_dialogs`.

        Returns:
            The number of frames, of messages in a text.

        Raises:
            SaveError: The file exists and `overwrite` is not set, it cannot be written, or it
                was cancelled.
        """
        with self.store.lock:
            dialogs = [self.store.dialogs[i] for i in dialog_ids if i in self.store.dialogs]
        if self._recorder is not None:
            self._recorder.flush()
        return save_dialogs(
            path,
            dialogs,
            self.store,
            self.recordings if rtp else (),
            overwrite=overwrite,
            form=form,
            aliases=aliases,
            course=course,
        )

    def clear(self, keep: Collection[int] = ()) -> None:
        """Forget all dialogs but those to keep."""
        kept = set(keep)
        with self.store.lock:
            self.store.forget([i for i in self.store.dialogs if i not in kept])

    def _guarded(self) -> None:
        try:
            self.run()
        except Exception as error:
            # A traceback would go into the midst of the screen, which tells of it instead.
            self.failure = error

    def _turn(self, now: int) -> bool:
        """Read every source once; return whether anything came."""
        busy = False
        for source in self.live:
            batch = source.read(now)
            if batch is not None:
                busy = True
                if self._recorder is not None:
                    self._recorder.write(batch)
                self._take(batch)
        if self._reading and not any(sink.congested for sink in self.sinks):
            batch = self.files.read()
            if batch is None:
                self._end_of_files()
            else:
                busy = True
                self._take_of_file(batch if self._filter is None else self._filter.apply(batch))
        if now >= self._next_tick:
            self._tick(now)
        for sink in self.sinks:
            busy |= sink.turn()
        return busy

    def _take_of_file(self, batch: PacketBatch) -> None:
        """Take packets of a file; sinks are to hear of them as time went by then."""
        if not self.sinks or self.live:
            self._take(batch)
            return
        for piece in pieces(batch, self._step):
            self._take(piece)
            if self.now() - self._told >= self._step:
                self._flush()
                self._tell_sinks()

    def _tell_sinks(self) -> None:
        self._told = self.now()
        for sink in self.sinks:
            sink.tick(self._told)
            self._excluded.update(sink.endpoints)

    def _take(self, batch: PacketBatch) -> None:
        if not len(batch):
            return
        intake = self._intakes.get(batch.source)
        if intake is None:
            intake = self._intakes[batch.source] = self._intake(batch.source)
        intake.take(batch)
        first, last = int(batch.time.min()), int(batch.time.max())
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)
        if self.store.streams.pending >= FLUSH_PACKETS:
            self._flush()

    def _intake(self, source: int) -> Intake:
        """Return what takes the batches of a source; several live ones may see one packet."""
        live = source >= len(self.files.sources)
        several = live and len(self.live) > 1
        network = NetworkDecoder(self._duplicates, live=live, several=several)
        return Intake(self.store, self.sinks, self._excluded, network)

    def _flush(self) -> None:
        with self.store.lock:
            self.store.touch(self.store.streams.flush())

    def _tick(self, now: int) -> None:
        self._next_tick = now + TICK_NS
        self._flush()
        with self.store.lock:
            self.store.tick(self.now())
        self._tell_sinks()
        if self._recorder is not None and now >= self._next_record:
            self._next_record = now + RECORD_NS
            self._recorder.flush()
        packets = sum(source.packets for source in self._sources())
        self._samples.append(_Sample(now, packets, self.store.counters.messages, self.rtp_packets))
        while now - self._samples[0].time > RATE_WINDOW_NS:
            self._samples.popleft()

    def _rates(self) -> tuple[float, float, float]:
        """Return packets, SIP messages and RTP packets per second, over the last two seconds."""
        samples = tuple(self._samples)
        if self.finished or len(samples) < 2:
            return 0.0, 0.0, 0.0
        first, newest = samples[0], samples[-1]
        span = (newest.time - first.time) / 1e9
        if span <= 0:  # the clock was set back
            return 0.0, 0.0, 0.0
        return (
            (newest.packets - first.packets) / span,
            (newest.messages - first.messages) / span,
            (newest.rtp - first.rtp) / span,
        )

    def _end_of_files(self) -> None:
        for index in range(len(self.files.sources)):
            if index in self._intakes:
                self._intakes[index].finish()
        self._flush()
        if not self.live:
            with self.store.lock:
                self.store.finish(self.now())
            for sink in self.sinks:
                sink.finish(self.now())
        self._reading = False

    def _close_sinks(self) -> None:
        if self.sinks:
            self._flush()
        for sink in self.sinks:
            sink.finish(self.now())
            sink.close()

    def _wait(self, now: int) -> None:
        """Sleep until a source has packets, at most until the next turn is due."""
        timeout = IDLE_NS / 1e9
        descriptors: list[int] = []
        writable: list[int] = []
        for sink in self.sinks:
            waiting = sink.descriptors()
            descriptors += waiting[0]
            writable += waiting[1]
        for source in self.live:
            descriptor = getattr(source, "fileno", lambda: None)()
            due = getattr(source, "next_due", lambda _: None)(now)
            if descriptor is not None:
                descriptors.append(descriptor)
            if due is not None:
                timeout = max(0.0, min(timeout, (due - now) / 1e9))
        if descriptors:
            select.select(descriptors, writable, (), timeout)
        else:
            self._stop.wait(timeout)

    def _source_status(self) -> list[SourceStatus]:
        return [
            SourceStatus(
                os.path.basename(source.name) if source.kind == "file" else source.name,
                source.kind,
                source.packets,
                source.bytes,
                getattr(source, "kernel_drops", None),
                source.truncated_packets,
                source.damaged or getattr(source, "status", None),
                getattr(source, "progress", None),
                getattr(source, "arrival_times", False),
            )
            for source in self._sources()
        ]

    def _sources(self) -> list[Source]:
        return [*self.files.sources, *self.live]
