import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from sipscope.calls.dialog import State
from sipscope.calls.intake import Intake
from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.capture.merge import FileSet
from sipscope.decode.batch import PacketBatch
from sipscope.decode.counts import NetworkCounts
from sipscope.engine import Engine, LiveSource
from sipscope.export.pcap import Recorder
from tests.packets import batch, ethernet, ipv4, udp
from tests.report.reading import CAPTURES, as_json, capture, read
from tests.signalling import PBX, PHONE, Sent, answered_call, request

SECOND = 1_000_000_000


class Wire:
    """A live source whose packets are what a test puts on it.

    Attributes:
        closed: Whether it was closed.
    """

    kind = "interface"
    damaged: str | None = None

    def __init__(self, source: int = 0, name: str = "wire0") -> None:
        self.name = name
        self.packets = 0
        self.bytes = 0
        self.truncated_packets = 0
        self.kernel_drops = 0
        self.status: str | None = None
        self.closed = False
        self._source = source
        self._waiting: deque[PacketBatch | Exception] = deque()

    def put(self, sent: Iterable[Sent], *, at: int | None = None) -> None:
        """Let packets come, the first now."""
        frames = [
            ethernet(
                ipv4(udp(p.payload, p.source_port, p.destination_port), p.source, p.destination)
            )
            for p in sent
        ]
        start = time.time_ns() if at is None else at
        times = [start + round(p.at * 1_000_000) for p in sent]
        number = self.packets + 1
        self._waiting.append(batch(frames, times=times, source=self._source, number=number))

    def break_down(self, error: Exception) -> None:
        """Let the next reading fail."""
        self._waiting.append(error)

    def read(self, now: int) -> PacketBatch | None:
        if not self._waiting:
            return None
        item = self._waiting.popleft()
        if isinstance(item, Exception):
            raise item
        self.packets += len(item)
        self.bytes += len(item.buffer)
        return item

    def close(self) -> None:
        self.closed = True


def engine_of(
    files: Sequence[Path] = (), live: Sequence[LiveSource] = (), **options: object
) -> Engine:
    sources = [FileSource(str(path), source=index) for index, path in enumerate(files)]
    return Engine(FileSet(sources), live, DialogStore(), **options)  # type: ignore[arg-type]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that within 10 s"
        time.sleep(0.01)


def call(at: float = 0) -> list[Sent]:
    return [packet._replace(at=at + packet.at / 1000) for packet in answered_call()]


class TestFiles:
    def test_are_read_to_the_end_in_the_callers_thread(self) -> None:
        engine = engine_of([CAPTURES / "call-udp.pcap"])
        turns: list[int] = []
        engine.run(lambda: turns.append(1))
        assert engine.finished
        assert turns
        assert engine.store.dialogs[1].state is State.COMPLETED
        assert engine.rtp_packets == 1200

    def test_end_what_nobody_answered(self) -> None:
        engine = engine_of([CAPTURES / "no-response.pcap"])
        engine.run()
        assert engine.store.dialogs[1].state is State.FAILED

    def test_tell_the_times_of_their_packets(self, tmp_path: Path) -> None:
        packets = [Sent(0, request("OPTIONS"), PHONE, PBX), Sent(9, request("INFO"), PHONE, PBX)]
        engine = engine_of([capture(tmp_path / "two.pcap", packets)])
        engine.run()
        assert engine.first is not None
        assert engine.last == engine.first + 9_000_000 == engine.now()

    def test_may_begin_at_the_epoch(self) -> None:
        wire = Wire()
        wire.put([Sent(0, request("OPTIONS"), PHONE, PBX)], at=0)
        wire.put([Sent(5, request("OPTIONS"), PHONE, PBX)], at=0)
        engine = engine_of(live=[wire])
        engine.start()
        wait_until(lambda: wire.packets == 2)
        engine.stop()
        assert (engine.first, engine.last) == (0, 5_000_000)

    def test_are_filtered(self) -> None:
        class Nothing:
            def apply(self, batch: PacketBatch) -> PacketBatch:
                none = np.empty(0, np.int64)
                return PacketBatch(b"", none, none, none, none, batch.link_type)

        engine = engine_of([CAPTURES / "call-udp.pcap"], capture_filter=Nothing())
        engine.run()
        assert len(engine.store.dialogs) == 0
        assert engine.status().packets == 1211

    def test_are_shown_by_their_base_names(self) -> None:
        engine = engine_of([CAPTURES / "cancel.pcap"])
        engine.run()
        (source,) = engine.status().sources
        assert (source.name, source.kind, source.packets) == ("cancel.pcap", "file", 9)
        assert (source.progress, source.damaged, source.kernel_drops) == (1.0, None, None)


class TestLive:
    def test_packets_are_taken_as_they_come(self) -> None:
        wire = Wire()
        engine = engine_of(live=[wire])
        engine.start()
        wire.put([Sent(0, request("INVITE"), PHONE, PBX)])
        wait_until(lambda: len(engine.store.dialogs) == 1)
        assert not engine.finished
        wire.put(call())
        wait_until(lambda: engine.store.dialogs[1].state is State.COMPLETED)
        engine.stop()
        assert wire.closed

    def test_files_and_sources_fill_one_store(self) -> None:
        wire = Wire(source=1)
        wire.put(call())
        engine = engine_of([CAPTURES / "busy-486.pcap"], [wire])
        engine.start()
        wait_until(lambda: len(engine.store.dialogs) == 2 and engine.status().active == 0)
        status = engine.status()
        engine.stop()
        states = {dialog.state for dialog in engine.store.dialogs.values()}
        assert states == {State.COMPLETED, State.BUSY}
        assert [source.kind for source in status.sources] == ["file", "interface"]
        assert not status.finished

    def test_silence_is_noticed_while_nothing_comes(self) -> None:
        wire = Wire()
        wire.put([Sent(0, request("OPTIONS"), PHONE, PBX)], at=time.time_ns() - 31 * SECOND)
        engine = engine_of(live=[wire])
        engine.start()
        wait_until(lambda: len(engine.store.dialogs) == 1)
        assert engine.store.dialogs[1].state is State.PENDING
        wait_until(lambda: engine.store.dialogs[1].state is State.FAILED)
        engine.stop()

    def test_it_stops_within_2_s_under_load(self) -> None:
        class Flood(Wire):
            def read(self, now: int) -> PacketBatch | None:
                self.put(answered_call())
                return super().read(now)

        engine = engine_of(live=[Flood()])
        engine.start()
        wait_until(lambda: engine.status().packets > 100)
        before = time.monotonic()
        engine.stop()
        assert time.monotonic() - before < 2
        assert "engine" not in [thread.name for thread in threading.enumerate()]

    def test_it_can_stop_before_it_started_and_twice(self) -> None:
        wire = Wire()
        engine = engine_of([CAPTURES / "cancel.pcap"], [wire])
        engine.stop()
        engine.stop()
        assert wire.closed

    def test_a_source_that_breaks_down_is_told_and_harms_nobody(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        wire = Wire()
        wire.put([Sent(0, request("OPTIONS"), PHONE, PBX)])
        wire.break_down(RuntimeError("out of order"))
        engine = engine_of(live=[wire])
        engine.start()
        wait_until(lambda: engine.failure is not None)
        engine.stop()
        assert str(engine.failure) == "out of order"
        assert len(engine.store.dialogs) == 1
        assert capfd.readouterr().err == ""


class TestStatus:
    def test_rates_are_of_the_last_seconds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = [1_700_000_000 * SECOND]
        monkeypatch.setattr("time.time_ns", lambda: clock[0])
        wire = Wire()
        engine = engine_of(live=[wire])
        turns = iter(range(9))

        def turn() -> None:
            clock[0] += SECOND // 4
            wire.put([Sent(0, request("OPTIONS", call_id=f"{clock[0]}"), PHONE, PBX)])
            if next(turns) == 8:
                engine._stop.set()

        engine.run(turn)
        status = engine.status()
        assert (status.packet_rate, status.sip_rate, status.rtp_rate) == (4.0, 4.0, 0.0)
        assert (status.packets, status.dialogs, status.active) == (8, 8, 8)
        assert status.elapsed_s == 2.25

    def test_rates_are_nothing_when_all_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = [1_700_000_000 * SECOND]
        monkeypatch.setattr("time.time_ns", lambda: clock[0])
        engine = engine_of([CAPTURES / "busy-486.pcap", CAPTURES / "call-udp.pcap"])
        rates = []

        def turn() -> None:
            clock[0] += SECOND
            rates.append(engine.status().sip_rate)

        engine.run(turn)
        status = engine.status()
        assert max(rates) > 0
        assert (status.packet_rate, status.sip_rate, status.rtp_rate) == (0.0, 0.0, 0.0)
        assert status.finished

    def test_rates_are_never_negative_when_the_clock_is_set_back(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = [1_700_000_000 * SECOND]
        monkeypatch.setattr("time.time_ns", lambda: clock[0])
        wire = Wire()
        engine = engine_of(live=[wire])
        steps = iter([SECOND, -3600 * SECOND, SECOND, SECOND])
        rates = []

        def turn() -> None:
            wire.put([Sent(0, request("OPTIONS"), PHONE, PBX)])
            rates.append(engine.status().packet_rate)
            step = next(steps, None)
            if step is None:
                engine._stop.set()
            else:
                clock[0] += step

        engine.run(turn)
        assert min(rates) >= 0
        assert rates[-1] > 0

    def test_losses_and_evictions_are_counted(self) -> None:
        wire = Wire()
        wire.kernel_drops = 17
        wire.put(call())
        engine = engine_of([CAPTURES / "server-error-503.pcap"], [wire])
        engine.store.capacity = 1
        engine.start()
        wait_until(lambda: engine.status().evicted == 1)
        status = engine.status()
        engine.stop()
        assert status.lost == 17
        assert status.dialogs == 1

    def test_why_nothing_comes_is_told(self) -> None:
        wire = Wire()
        wire.status = "wire0 has no link"
        (source,) = engine_of(live=[wire]).status().sources
        assert source.damaged == "wire0 has no link"


class TestRecording:
    def test_gets_every_live_packet_and_none_of_files(self, tmp_path: Path) -> None:
        path = tmp_path / "recorded.pcapng"
        wire = Wire(source=1)
        wire.put(answered_call(media=50))
        recorder = Recorder(str(path))
        engine = engine_of(
            [CAPTURES / "cancel.pcap"], [wire], recorder=recorder, recorded=str(path)
        )
        engine.start()
        wait_until(lambda: engine.status().dialogs == 2 and engine.rtp_packets == 100)
        engine.stop()
        report = as_json(read(path))
        assert report["capture"]["sources"][0]["packets"] == 107
        assert [dialog["state"] for dialog in report["dialogs"]] == ["completed"]

    def test_is_where_the_rtp_of_live_calls_is_saved_from(self, tmp_path: Path) -> None:
        path, saved = tmp_path / "recorded.pcapng", tmp_path / "saved.pcapng"
        wire = Wire()
        wire.put(answered_call(media=50))
        engine = engine_of(live=[wire], recorder=Recorder(str(path)), recorded=str(path))
        engine.start()
        wait_until(lambda: engine.store.streams.listed(2))
        assert engine.save(str(saved), [1], rtp=True) == 107
        engine.stop()
        assert len(as_json(read(saved))["streams"]) == 2

    def test_without_it_signalling_can_be_saved(self, tmp_path: Path) -> None:
        wire = Wire()
        wire.put(answered_call(media=50))
        engine = engine_of(live=[wire])
        engine.start()
        wait_until(lambda: len(engine.store.dialogs) == 1)
        assert engine.save(str(tmp_path / "saved.pcap"), [1], rtp=True) == 7
        engine.stop()


def test_clear_forgets_all_but_those_to_keep() -> None:
    engine = engine_of([CAPTURES / "options-ping.pcap"])
    engine.run()
    assert len(engine.store.dialogs) == 5
    engine.clear(keep=[2, 4])
    assert list(engine.store.dialogs) == [2, 4]
    engine.clear()
    assert engine.status().dialogs == 0


def test_what_was_not_read_is_summed_over_all_sources() -> None:
    engine = read(CAPTURES / "call-udp.pcap").engine
    first, second = NetworkCounts(tcp_gaps=2, malformed=1), NetworkCounts(tcp_gaps=3)
    second.fragments_incomplete = 4
    for number, counts in enumerate((first, second)):
        intake = Intake(engine.store)
        intake.counts = counts
        engine._intakes[number] = intake
    total = engine.network_counts()
    assert (total.tcp_gaps, total.malformed, total.fragments_incomplete) == (5, 1, 4)
    assert engine.status().incomplete == 9


def test_what_the_recording_could_not_take_is_lost(tmp_path: Path) -> None:
    recorder = Recorder(str(tmp_path / "all.pcapng"))
    engine = engine_of(live=[Wire()], recorder=recorder)
    recorder.missed = 7
    assert (engine.unrecorded, engine.status().lost) == (7, 7)
    engine.stop()
