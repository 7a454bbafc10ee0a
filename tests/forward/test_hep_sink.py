import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict, Unpack

import pytest

from sipscope.calls.dialog import KeptFrames
from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.capture.merge import FileSet
from sipscope.decode.address import Endpoint, Flow
from sipscope.engine import Engine
from sipscope.errors import SaveError, UsageError
from sipscope.forward.hep_message import RTCP_JSON, RTP_REPORT, RTP_SHORT_REPORT, SIP
from sipscope.forward.hep_sink import HepSink, open_hep_sink
from sipscope.forward.target import Target, parse_target
from tests.commands import CAPTURES
from tests.forward.fields import Fields, fields
from tests.forward.servers import DatagramServer, StreamServer, free_port
from tests.report.reading import capture
from tests.signalling import PBX, PHONE, Sent, request
from tests.test_engine import Wire, call, wait_until


class Settings(TypedDict, total=False):
    """What `open_hep_sink` can be told."""

    report_kind: int
    period: int


def send_files(paths: Sequence[Path], *targets: Target, **settings: Unpack[Settings]) -> HepSink:
    """Read files to the end and send on what is in them."""
    store = DialogStore()
    sink = open_hep_sink(store, targets, **settings)
    sources = [FileSource(str(path), source=index) for index, path in enumerate(paths)]
    engine = Engine(FileSet(sources), (), store, sinks=[sink])
    engine.run()
    engine.stop()
    return sink


def sent_of(name: str, options: str = "", **settings: Unpack[Settings]) -> list[Fields]:
    """Return what a server gets of a capture."""
    with StreamServer() as server:
        target = parse_target(f"tcp://127.0.0.1:{server.port}{options}")
        sink = send_files([CAPTURES / name], target, **settings)
        wait_until(lambda: len(server.messages) == sink.senders[0].traffic.messages)
        return [fields(message) for message in server.messages]


def of_type(sent: Sequence[Fields], kind: int) -> list[Fields]:
    return [message for message in sent if message.number(11) == kind]


@pytest.fixture(scope="module")
def sent() -> list[Fields]:
    return sent_of("call-rtcp.pcap", "?id=77&key=secret&node=pbx-1")


@pytest.fixture
def server() -> Iterator[StreamServer]:
    with StreamServer() as taking:
        yield taking


def test_all_sip_of_a_file_is_sent_as_it_was_seen(sent: list[Fields]) -> None:
    captured = (CAPTURES / "call-rtcp.pcap").read_bytes()
    messages = of_type(sent, SIP)
    assert len(messages) == 6
    assert all(message[15] in captured for message in messages)
    assert [message[15].split(b" ")[0] for message in messages][:2] == [b"INVITE", b"SIP/2.0"]
    times = [message.time for message in messages]
    assert times == sorted(times)


def test_sip_has_no_correlation_id(sent: list[Fields]) -> None:
    assert not [message for message in of_type(sent, SIP) if 0x11 in message.order]


def test_all_else_has_the_call_id(sent: list[Fields]) -> None:
    others = [message for message in sent if message.number(11) != SIP]
    assert {message[0x11] for message in others} == {b"f0f3d1513f2c29c3"}


def test_rtcp_is_sent_with_packets_and_octets(sent: list[Fields]) -> None:
    reports = [json.loads(message[15]) for message in of_type(sent, RTCP_JSON)]
    assert len(reports) == 6
    assert all(report["sender_information"]["packets"] >= 250 for report in reports)
    assert all(report["type"] == 200 for report in reports)


def test_streams_are_told_of_by_period_and_at_the_end(sent: list[Fields]) -> None:
    reports = of_type(sent, RTP_SHORT_REPORT)
    kinds = [json.loads(message[15])["TYPE"] for message in reports]
    assert sorted(kinds) == ["FINAL"] * 2 + ["HANGUP"] * 2 + ["PERIODIC"] * 2


def test_reports_carry_their_mos_beside_the_payload(sent: list[Fields]) -> None:
    for message in of_type(sent, RTP_SHORT_REPORT):
        assert message.number(0x20) == round(100 * json.loads(message[15])["MOS"])


def test_every_message_says_who_sends_it(sent: list[Fields]) -> None:
    assert {(m.number(12), m[0x13], m[0x0E]) for m in sent} == {(77, b"pbx-1", b"secret")}


def test_the_type_of_reports_is_a_setting() -> None:
    sent = sent_of("call-udp.pcap", report_kind=RTP_REPORT)
    assert len(of_type(sent, RTP_REPORT)) == 4
    assert not of_type(sent, RTP_SHORT_REPORT)


def test_the_period_of_reports_is_a_setting() -> None:
    sent = sent_of("call-udp.pcap", period=3_000_000_000)
    reports = [json.loads(message[15]) for message in of_type(sent, RTP_SHORT_REPORT)]
    periods = [r["TOTAL_PK"] for r in reports if r["TYPE"] != "FINAL" and r["PARTY"] == 0]
    assert periods == [201, 150, 150, 99]


def test_encrypted_rtcp_is_not_sent_as_figures() -> None:
    assert not of_type(sent_of("call-srtp.pcap"), RTCP_JSON)


def test_a_message_captured_twice_is_sent_once(tmp_path: Path, server: StreamServer) -> None:
    invite = request("INVITE")
    packets = [Sent(at, invite, PHONE, PBX) for at in (0, 0.01, 500)]
    target = parse_target(f"tcp://127.0.0.1:{server.port}")
    send_files([capture(tmp_path / "twice.pcap", packets)], target)
    wait_until(lambda: len(server.messages) == 2)
    times = [fields(message).time for message in server.messages]
    assert times[1] - times[0] == 500_000_000


def test_several_servers_get_the_same_each_from_its_own_agent(server: StreamServer) -> None:
    with DatagramServer() as other:
        targets = [
            parse_target(f"tcp://127.0.0.1:{server.port}?id=1"),
            parse_target(f"udp://127.0.0.1:{other.port}?id=2"),
        ]
        send_files([CAPTURES / "call-udp.pcap"], *targets)
        wait_until(lambda: len(server.messages) == len(other.messages) == 11)
        one = [fields(message) for message in server.messages]
        two = [fields(message) for message in other.messages]
    assert {message.number(12) for message in one} == {1}
    assert {message.number(12) for message in two} == {2}
    assert [message[15] for message in one] == [message[15] for message in two]


def test_a_server_that_is_down_keeps_nothing_from_another(server: StreamServer) -> None:
    targets = [
        parse_target(f"tcp://127.0.0.1:{free_port()}"),
        parse_target(f"tcp://127.0.0.1:{server.port}"),
    ]
    sink = send_files([CAPTURES / "call-udp.pcap"], *targets)
    wait_until(lambda: len(server.messages) == 11)
    assert sink.senders[0].backlog.dropped == 11


def test_what_cannot_be_encoded_is_counted(server: StreamServer) -> None:
    sink = open_hep_sink(DialogStore(), [parse_target(f"tcp://127.0.0.1:{server.port}")])
    flow = Flow(Endpoint(bytes(4), 5060), Endpoint(bytes(4), 5060))
    sink.take_messages([(1, 1, flow, bytes(65_500), KeptFrames((), None), 0, 0)])
    assert sink.refused == {"hep.too-long": 1}
    assert sink.taken == {SIP: 1}
    sink.close()


def test_live_messages_are_sent_at_once(server: StreamServer) -> None:
    wire = Wire()
    store = DialogStore()
    sink = open_hep_sink(store, [parse_target(f"tcp://127.0.0.1:{server.port}")])
    engine = Engine(FileSet(()), [wire], store, sinks=[sink])
    engine.start()
    wait_until(lambda: sink.senders[0].connected)
    begin = time.monotonic()
    wire.put(call())
    wait_until(lambda: len(server.messages) == 7)
    assert time.monotonic() - begin < 0.5
    engine.stop()


def test_own_traffic_is_not_sent_again(server: StreamServer) -> None:
    wire = Wire()
    store = DialogStore()
    with DatagramServer() as other:
        target = parse_target(f"udp://127.0.0.1:{other.port}")
        sink = open_hep_sink(store, [target])
        engine = Engine(FileSet(()), [wire], store, sinks=[sink])
        engine.start()
        options = request("OPTIONS")
        wire.put(
            [
                Sent(0, request("INFO"), PHONE, PBX),
                Sent(1, options, "127.0.0.1", "127.0.0.1", 40_000, other.port),
                Sent(2, options, "127.0.0.1", "127.0.0.1", other.port, 40_000),
            ]
        )
        wait_until(lambda: len(other.messages) == 1)
        time.sleep(0.6)
        engine.stop()
        assert [fields(message)[15] for message in other.messages] == [request("INFO")]
    assert store.counters.messages == 1


class TestUnderLoad:
    """A live source of 20,000 messages, and servers that do badly."""

    TOTAL = 20_000

    def run(self, server: StreamServer, spool: Path) -> tuple[HepSink, float]:
        """Let messages come in 50 batches; return the longest turn in s of processor time."""
        wire = Wire()
        store = DialogStore()
        target = parse_target(f"tcp://127.0.0.1:{server.port}")
        sink = open_hep_sink(store, [target], spool=str(spool))
        engine = Engine(FileSet(()), [wire], store, sinks=[sink])
        turns: list[float] = []
        last = time.thread_time()
        size = self.TOTAL // 50

        def after_turn() -> None:
            nonlocal last
            now = time.thread_time()
            turns.append(now - last)
            number = len(turns)
            if number <= 50:
                first = (number - 1) * size
                wire.put([Sent(n / size, self.ping(first + n), PHONE, PBX) for n in range(size)])
            elif server.connections > 3 or not server.resets:
                engine.end()
            last = time.thread_time()

        engine.run(after_turn)
        server.resets = 0
        server.slow = 0
        deadline = time.monotonic() + 20
        while not sink.senders[0].settled() or sink.senders[0].backlog:
            assert time.monotonic() < deadline
            sink.turn()
            time.sleep(0.001)
        engine.stop()
        return sink, max(turns)

    @staticmethod
    def ping(number: int) -> bytes:
        return request("OPTIONS", call_id=f"ping-{number}", headers=f"X-Fill: {'x' * 400}\r\n")

    @pytest.mark.parametrize(
        ("slow", "resets"), [(0, 0), (0.05, 0), (0, 700_000)], ids=["good", "slow", "resets"]
    )
    def test_nothing_is_lost_and_no_turn_is_long(
        self, tmp_path: Path, slow: float, resets: int
    ) -> None:
        with StreamServer(slow=slow, resets=resets) as server:
            sink, longest = self.run(server, tmp_path / "spool")
            pings = [self.ping(number) for number in range(self.TOTAL)]
            wait_until(lambda: server.received >= sum(map(len, pings)))
            wait_until(lambda: {fields(m)[15] for m in server.messages} >= set(pings))
            came = [fields(message)[15] for message in server.messages]
        assert list(dict.fromkeys(came)) == pings
        assert sink.senders[0].backlog.dropped == 0
        assert longest < 0.5


def test_files_wait_for_a_server_that_takes_them_slowly(tmp_path: Path) -> None:
    packets = [
        Sent(n, request("OPTIONS", call_id=f"ping-{n}", headers=f"X-Fill: {'x' * 900}\r\n"), *ends)
        for n in range(30_000)
        for ends in [(PHONE, PBX)]
    ]
    path = capture(tmp_path / "many.pcap", packets)
    with StreamServer(slow=0.0001) as slow:
        sink = send_files([path], parse_target(f"tcp://127.0.0.1:{slow.port}"))
        wait_until(lambda: len(slow.messages) == 30_000)
    assert sink.senders[0].backlog.dropped == 0


def test_the_end_waits_two_seconds_at_most(tmp_path: Path) -> None:
    with StreamServer(slow=60) as stuck:
        store = DialogStore()
        sink = open_hep_sink(
            store, [parse_target(f"tcp://127.0.0.1:{stuck.port}")], spool=str(tmp_path / "spool")
        )
        wire = Wire()
        engine = Engine(FileSet(()), [wire], store, sinks=[sink])
        engine.start()
        wait_until(lambda: sink.senders[0].connected)
        for _ in range(20):
            sink.senders[0].put([bytes(60_000)] * 20)
        begin = time.monotonic()
        engine.stop()
        assert 1.5 < time.monotonic() - begin < 4


def test_a_spool_holds_a_directory_for_each_server(tmp_path: Path) -> None:
    targets = [
        parse_target("udp://127.0.0.1:9060"),
        parse_target("tcp://[::1]:9060"),
    ]
    open_hep_sink(DialogStore(), targets, spool=str(tmp_path / "spool")).close()
    found = sorted(path.name for path in (tmp_path / "spool").iterdir())
    assert found == ["tcp-__1-9060", "udp-127.0.0.1-9060"]


def test_a_server_is_named_once() -> None:
    target = parse_target("udp://127.0.0.1:9060")
    with pytest.raises(UsageError, match=r"names udp://127\.0\.0\.1:9060 twice"):
        open_hep_sink(DialogStore(), [target, target])


def test_a_failure_leaves_no_spool_in_use(tmp_path: Path) -> None:
    good = parse_target("udp://127.0.0.1:9060")
    bad = parse_target("udp://127.0.0.1:9061")
    (tmp_path / "udp-127.0.0.1-9061").write_bytes(b"")
    for _ in range(2):
        with pytest.raises(SaveError, match="cannot be used as spool"):
            open_hep_sink(DialogStore(), [good, bad], spool=str(tmp_path))
