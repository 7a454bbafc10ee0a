import os
import select
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.capture.listener import AllowList
from sipscope.capture.merge import FileSet
from sipscope.capture.tzsp import KEEP_ALIVE, NO_FRAME, NOT_TZSP, TzspSource
from sipscope.decode.network import NetworkDecoder
from sipscope.engine import Engine, LiveSource
from sipscope.errors import SourceError, UsageError
from sipscope.export.pcap import Recorder
from sipscope.report.document import Document
from tests.packets import ethernet, ipv4, udp
from tests.report.reading import CAPTURES, as_json, read
from tests.tunnelling import in_udp, tzsp

FRAME = ethernet(ipv4(udp(b"inside")))


@pytest.fixture
def opened() -> Iterator[Callable[..., TzspSource]]:
    """Opens listeners that are closed again."""
    sources: list[TzspSource] = []

    def listen(where: str = "0", **options: object) -> TzspSource:
        sources.append(TzspSource(where, **options))  # type: ignore[arg-type]
        return sources[-1]

    yield listen
    for source in sources:
        source.close()


def send(source: TzspSource, *payloads: bytes, host: str = "127.0.0.1") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as router:
        router.bind((host, 0))
        router.connect((source.address.host, source.address.port))
        for payload in payloads:
            router.send(payload)


def payloads(source: TzspSource) -> list[bytes]:
    """What waits, without the IP and UDP header that was put before it."""
    batch = source.read(time.time_ns())
    return [] if batch is None else [batch.frame(n).data[28:] for n in range(len(batch))]


@pytest.mark.parametrize(
    ("where", "host"),
    [
        ("0", "127.0.0.1"),
        ("0.0.0.0:0", "0.0.0.0"),
        ("[::1]:0", "[::1]"),
        ("127.0.0.1:0", "127.0.0.1"),
    ],
)
def test_it_listens_on_loopback_unless_told_otherwise(
    opened: Callable[..., TzspSource], where: str, host: str
) -> None:
    source = opened(where)
    assert source.name == f"tzsp:{host}:{source.address.port}"
    assert (source.kind, source.arrival_times) == ("tzsp", True)
    assert (source.truncated_packets, source.damaged, source.kernel_drops) == (0, None, 0)


def test_what_cannot_be_listened_on_is_refused(opened: Callable[..., TzspSource]) -> None:
    with pytest.raises(UsageError):
        TzspSource("router:37008")
    taken = opened().address.port
    with pytest.raises(SourceError):
        TzspSource(str(taken))


def test_packets_are_those_that_a_capture_of_the_stream_would_hold(
    opened: Callable[..., TzspSource],
) -> None:
    source = opened(source=2)
    send(source, tzsp(FRAME), tzsp(FRAME, 1, tags=b"\x00"))
    ready, _, _ = select.select([source.fileno()], [], [], 5)
    assert ready
    batch = source.read(time.time_ns())
    assert batch is not None
    assert (batch.source, batch.number, batch.link_type) == (2, 1, 101)
    found = NetworkDecoder().decode(batch).datagrams
    assert [flow.encapsulation for flow in found.flows] == [("tzsp",)]
    assert batch.buffer[found.start[0] :][: found.length[0]] == b"inside"
    # Whatever the port was, what is recorded can be known by it.
    assert batch.frame(0).data[22:24] == (37008).to_bytes(2, "big")
    assert source.packets == 2
    assert source.bytes == len(batch.buffer) == 2 * (28 + 5 + len(FRAME)) + 1
    send(source, tzsp(FRAME))
    batch = source.read(time.time_ns())
    assert batch is not None
    assert (batch.number, source.packets) == (3, 3)


def test_what_carries_no_frame_is_counted_by_reason(opened: Callable[..., TzspSource]) -> None:
    source = opened()
    send(source, b"", b"INVITE sip:bob@example.com SIP/2.0\r\n\r\n", b"\x02" + tzsp(FRAME)[1:])
    send(source, b"\x01\x04\x00\x00", tzsp(b"", 0, kind=4), tzsp(b"", 0, kind=5))
    send(source, tzsp(b""), tzsp(FRAME, kind=3), b"\x01\x00\x00")
    assert source.read(time.time_ns()) is None
    assert source.rejected == {NOT_TZSP: 4, KEEP_ALIVE: 3, NO_FRAME: 2}
    assert (source.packets, source.bytes) == (0, 0)


def test_senders_that_are_not_allowed_are_refused_and_counted(
    opened: Callable[..., TzspSource],
) -> None:
    source = opened("0.0.0.0:0", allow=AllowList(["127.0.0.2", "192.0.2.0/24"]))
    send(source, tzsp(FRAME), tzsp(FRAME), b"what is this")
    send(source, tzsp(FRAME), host="127.0.0.2")
    send(source, tzsp(FRAME), host="127.0.0.3")
    assert payloads(source) == [tzsp(FRAME)]
    assert source.allow.refused == 4
    assert source.rejected == {}
    send(source, tzsp(FRAME))
    assert source.read(time.time_ns()) is None
    assert source.allow.refused == 5


def engine_of(live: Sequence[LiveSource], recorder: Recorder | None = None) -> Engine:
    return Engine(FileSet(()), live, DialogStore(), recorder=recorder)


def run_until(engine: Engine, source: TzspSource, packets: int) -> None:
    """Let an engine read until a source has given as many packets."""
    deadline = time.monotonic() + 20
    quiet = 0

    def watch() -> None:
        nonlocal quiet
        quiet = quiet + 1 if source.packets >= packets else 0
        if quiet > 2 or time.monotonic() > deadline:
            engine._stop.set()

    engine.run(watch)
    assert source.packets == packets
    engine._tick(time.time_ns() + 1)


def frames_of(path: Path) -> list[bytes]:
    source = FileSource(str(path))
    frames = []
    while (batch := source.read()) is not None:
        frames += [batch.frame(index).data for index in range(len(batch))]
    return frames


def datagrams_of(path: Path) -> int:
    """How many datagrams a file holds that are no fragments."""
    source, decoder, count = FileSource(str(path)), NetworkDecoder(), 0
    while (batch := source.read()) is not None:
        count += len(decoder.decode(batch).datagrams)
    return count


def calls(document: Document, *, tunnelled: bool) -> tuple[list[Any], list[Any]]:
    """What is the same of calls and streams whenever their packets came."""
    told = as_json(document)
    fields = ("call_id", "method", "messages", "final_status", "source", "destination", "codecs")
    figures = ("ssrc", "call_id", "source", "destination", "codec", "packets", "lost", "expected")
    for dialog in told["dialogs"]:
        assert dialog["encapsulation"] == ["tzsp"] * tunnelled
    return (
        [[dialog[field] for field in fields] for dialog in told["dialogs"]],
        sorted([stream[figure] for figure in figures] for stream in told["streams"]),
    )


@pytest.mark.parametrize(
    "name", ["call-udp.pcap", "call-ipv6.pcap", "call-b2bua.pcap", "invite-fragmented.pcap"]
)
@pytest.mark.parametrize("copies", [1, 2])
def test_a_stream_gives_the_same_calls_as_the_file(
    opened: Callable[..., TzspSource], tmp_path: Path, name: str, copies: int
) -> None:
    source = opened()
    frames = frames_of(CAPTURES / name)
    recorded = tmp_path / "recorded.pcap"
    engine = engine_of([source], recorder=Recorder(str(recorded)))
    for begin in range(0, len(frames), 500):
        part = [tzsp(frame) for frame in frames[begin : begin + 500] for _ in range(copies)]
        send(source, *part)
        run_until(engine, source, source.packets + len(part))
        engine._stop.clear()
    live = Document(engine)
    engine.stop()
    expected = calls(read(CAPTURES / name), tunnelled=False)
    assert calls(live, tunnelled=True) == expected
    (sender,) = engine.tzsp_senders()
    assert (sender.host, sender.packets) == ("127.0.0.1", len(frames) * copies)
    assert as_json(live)["capture"]["duplicates"] == engine.duplicates == sender.duplicates
    assert sender.duplicates == datagrams_of(CAPTURES / name) * (copies - 1)
    assert calls(read(recorded), tunnelled=True) == expected
    (status,) = engine.status().sources
    assert (status.kind, status.arrival_times, status.kernel_drops) == ("tzsp", True, 0)


def test_a_stream_that_is_captured_on_its_way_is_there_once(
    opened: Callable[..., TzspSource],
) -> None:
    """As `-i any --tzsp` sees it, here with a listener in the place of the interface."""
    frames = frames_of(CAPTURES / "call-udp.pcap")[:500]
    listener, other = opened(source=0), opened(source=1)
    engine = engine_of([listener, other])
    for source in (listener, other):
        send(source, *map(tzsp, frames))
    run_until(engine, listener, len(frames))
    (dialog,) = engine.store.dialogs.values()
    assert dialog.retransmissions == 0
    assert 490 < engine.duplicates <= len(frames)  # all but ARP
    assert sum(line["packets"] for line in as_json(Document(engine))["streams"]) > 400
    engine.stop()


@pytest.mark.skipif(
    os.geteuid() != 0, reason="as somebody else the buffer is as small as the system says"
)
def test_a_burst_of_50_000_packets_is_taken_without_loss(
    opened: Callable[..., TzspSource],
) -> None:
    source = opened()
    frame = tzsp(ethernet(in_udp(b"\x80\x08" + bytes(170), 4000)))
    for _ in range(2):
        send(source, *[frame] * 25_000)
    count = 0
    begun = time.process_time()
    while (batch := source.read(time.time_ns())) is not None:
        count += len(batch)
    assert (count, source.kernel_drops) == (50_000, 0)
    assert time.process_time() - begun < 1.0  # 20 µs a packet; it takes some 3
