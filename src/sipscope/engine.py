"""The engine: one loop from all sources to the store, and what is told of it."""

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from sipscope.calls.intake import Intake
from sipscope.calls.store import DialogStore
from sipscope.capture.merge import FileSet
from sipscope.decode.batch import PacketBatch
from sipscope.export.dialogs import save_dialogs
from sipscope.export.pcap import Recorder

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
        kind: `interface`, `file` or `replay`.
        packets: Given so far.
        bytes: Captured so far.
        kernel_drops: Packets that the kernel had no room for, None where it has no part.
        truncated_packets: Packets of which not all bytes were captured.
        damaged: Why packets are missing, in words.
        progress: Share of a file that was read, None when its size is not known.
    """

    name: str
    kind: str
    packets: int
    bytes: int
    kernel_drops: int | None
    truncated_packets: int
    damaged: str | None
    progress: float | None


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
        lost: Packets that the capture lost.
        evicted: Dialogs and streams that made room for others.
        malformed: SIP messages that break RFC 3261.
        finished: Nothing more will come.
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
    ) -> None:
        self.store = store
        self.files = files
        self.live = tuple(live)
        self.started = time.time_ns()
        self.failure: BaseException | None = None
        self.first: int | None = None
        self.last: int | None = None
        self._filter = capture_filter
        self._recorder = recorder
        self._recorded = recorded
        self._intakes: dict[int, Intake] = {}
        self._reading = bool(files.sources)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._next_tick = 0
        self._next_record = 0
        self._samples: deque[_Sample] = deque()

    def start(self) -> None:
        """Run in a thread until `stop`."""
        self._thread = threading.Thread(target=self._guarded, name="engine", daemon=True)
        self._thread.start()

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

    def run(self, after_turn: Callable[[], None] | None = None) -> None:
        """Run in this thread until `stop`, or until all files are read and nothing is live."""
        while not self._stop.is_set():
            now = time.time_ns()
            busy = self._turn(now)
            if after_turn is not None:
                after_turn()
            if not self._reading and not self.live:
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
            sum(source.kernel_drops or 0 for source in sources),
            store.counters.evicted + store.streams.evicted,
            store.counters.malformed,
            self.finished,
        )

    def save(
        self, path: str, dialog_ids: Sequence[int], *, rtp: bool, overwrite: bool = False
    ) -> int:
        """Save dialogs to a capture file; capture goes on.

        RTP is taken from the files that were read, or from the recording of live sources.

        Returns:
            The number of frames.

        Raises:
            SaveError: The file exists and `overwrite` is not set, or it cannot be written.
        """
        with self.store.lock:
            dialogs = [self.store.dialogs[i] for i in dialog_ids if i in self.store.dialogs]
        recordings = [source.name for source in self.files.sources if source.kind == "file"]
        if self._recorder is not None and self._recorded is not None:
            self._recorder.flush()
            recordings.append(self._recorded)
        return save_dialogs(
            path, dialogs, self.store.streams, recordings if rtp else (), overwrite=overwrite
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
        if self._reading:
            batch = self.files.read()
            if batch is None:
                self._end_of_files()
            else:
                busy = True
                self._take(batch if self._filter is None else self._filter.apply(batch))
        if now >= self._next_tick:
            self._tick(now)
        return busy

    def _take(self, batch: PacketBatch) -> None:
        if not len(batch):
            return
        intake = self._intakes.get(batch.source)
        if intake is None:
            intake = self._intakes[batch.source] = Intake(self.store)
        intake.take(batch)
        first, last = int(batch.time.min()), int(batch.time.max())
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)
        if self.store.streams.pending >= FLUSH_PACKETS:
            self._flush()

    def _flush(self) -> None:
        with self.store.lock:
            self.store.touch(self.store.streams.flush())

    def _tick(self, now: int) -> None:
        self._next_tick = now + TICK_NS
        self._flush()
        with self.store.lock:
            self.store.tick(self.now())
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
        self._reading = False

    def _wait(self, now: int) -> None:
        """Sleep until a source has packets, at most until the next turn is due."""
        timeout = IDLE_NS / 1e9
        descriptors = []
        for source in self.live:
            descriptor = getattr(source, "fileno", lambda: None)()
            due = getattr(source, "next_due", lambda _: None)(now)
            if descriptor is not None:
                descriptors.append(descriptor)
            if due is not None:
                timeout = max(0.0, min(timeout, (due - now) / 1e9))
        if descriptors:
            select.select(descriptors, (), (), timeout)
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
            )
            for source in self._sources()
        ]

    def _sources(self) -> list[Source]:
        return [*self.files.sources, *self.live]
