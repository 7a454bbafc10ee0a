import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.capture.merge import FileSet
from sipscope.engine import Engine
from sipscope.forward.hep_sink import HepSink, open_hep_sink
from sipscope.forward.metrics import exposition
from sipscope.forward.target import parse_target
from sipscope.report.agent import counters_line, metrics
from tests.commands import CAPTURES, ROOT, SIPSCOPE, environment, run
from tests.forward.fields import fields
from tests.forward.servers import StreamServer, free_port
from tests.report.reading import capture
from tests.signalling import PBX, PHONE, Sent, request
from tests.test_engine import wait_until

CALL = str(CAPTURES / "call-udp.pcap")


@pytest.fixture
def server() -> Iterator[StreamServer]:
    with StreamServer() as taking:
        yield taking


def url(server: StreamServer) -> str:
    return f"tcp://127.0.0.1:{server.port}"


def read(path: Path, server: StreamServer) -> tuple[Engine, HepSink]:
    store = DialogStore()
    sink = open_hep_sink(store, [parse_target(url(server))])
    engine = Engine(FileSet([FileSource(str(path))]), (), store, sinks=[sink])
    engine.run()
    engine.stop()
    return engine, sink


def samples(engine: Engine, sink: HepSink) -> dict[str, float]:
    text = exposition(metrics(engine, sink)).decode()
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


class TestCommand:
    def test_sends_its_files_and_ends(self, server: StreamServer) -> None:
        done = run("agent", "-r", CALL, "--hep-send", url(server))
        assert done.returncode == 0, done.stderr
        wait_until(lambda: len(server.messages) == 11)
        kinds = Counter(fields(message).number(11) for message in server.messages)
        assert kinds == {1: 7, 35: 4}
        assert done.stdout == b""

    def test_says_what_it_could_not_send(self) -> None:
        done = run("agent", "-r", CALL, "--hep-send", f"tcp://127.0.0.1:{free_port()}")
        assert done.returncode == 1
        assert b"Connection refused\n" in done.stderr
        assert b"11 messages could not be sent. Use --spool DIR to keep them\n" in done.stderr

    def test_leaves_in_the_spool_what_the_next_run_sends(self, tmp_path: Path) -> None:
        port = free_port()
        target = f"tcp://127.0.0.1:{port}"
        options = ("--hep-send", target, "--spool", str(tmp_path / "spool"))
        first = run("agent", "-r", CALL, *options)
        assert first.returncode == 1
        assert b"11 messages wait in the spool for the next run\n" in first.stderr
        with StreamServer(port) as server:
            second = run("agent", "-r", str(CAPTURES / "options-ping.pcap"), *options)
            assert second.returncode == 0, second.stderr
            ids = [re.findall(rb"Call-ID: (\S+)", message) for message in server.messages]
        assert ids[0] == [b"call-udp-1@192.168.88.21"]
        assert len(ids) > 11

    def test_needs_a_server(self) -> None:
        done = run("agent", "-r", CALL)
        assert done.returncode == 2
        assert done.stderr == (
            b"sipscope: An agent has to send somewhere. Add --hep-send udp://homer:9060.\n"
        )

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            (["--hep-interval", "0"], b"--hep-interval 0 is too short"),
            (["--hep-rtp-type", "36"], b"--hep-rtp-type 36 is no report. Choose 34 or 35."),
            (["--spool-size", "0"], b"--spool-size 0 holds nothing"),
            (["--metrics", "x"], b"--metrics x is no port"),
        ],
    )
    def test_refuses_settings_that_make_no_sense(
        self, options: list[str], complaint: bytes
    ) -> None:
        done = run("agent", "-r", CALL, "--hep-send", "udp://127.0.0.1:9", *options)
        assert done.returncode == 2
        assert complaint in done.stderr

    def test_takes_the_key_from_the_environment_and_tells_nobody(
        self, server: StreamServer
    ) -> None:
        done = subprocess.run(
            [*SIPSCOPE, "agent", "-r", CALL, "--hep-send", url(server)],
            env={**environment(), "SIPSCOPE_HEP_SEND_KEY": "hunter2"},
            capture_output=True,
            timeout=60,
            check=True,
        )
        wait_until(lambda: len(server.messages) == 11)
        assert {fields(message)[0x0E] for message in server.messages} == {b"hunter2"}
        assert b"hunter2" not in done.stdout + done.stderr

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_ends_at_a_signal_after_sending_what_waits(
        self, server: StreamServer, number: signal.Signals
    ) -> None:
        port = free_port()
        process = subprocess.Popen(
            [*SIPSCOPE, "agent", "--hep", f"127.0.0.1:{port}", "--hep-send", url(server)],
            env=environment(),
            cwd=ROOT,
            stderr=subprocess.PIPE,
        )
        try:
            wait_until(lambda: server.connections == 1)
            time.sleep(0.3)
            begin = time.monotonic()
            process.send_signal(number)
            _, errors = process.communicate(timeout=10)
            assert time.monotonic() - begin < 3
            assert process.returncode == 0, errors
        finally:
            process.kill()


class TestMetrics:
    def test_count_what_came_and_what_was_sent(self, server: StreamServer) -> None:
        found = samples(*read(CAPTURES / "call-udp.pcap", server))
        name = f'server="{url(server)}"'
        expected = {
            "sipscope_sip_messages_total": 7,
            'sipscope_sip_requests_total{method="INVITE"}': 1,
            'sipscope_sip_responses_total{status="200"}': 2,
            'sipscope_dialogs{state="completed"}': 1,
            "sipscope_rtp_packets_total": 1200,
            "sipscope_rtp_streams": 2,
            'sipscope_hep_taken_total{type="sip"}': 7,
            'sipscope_hep_taken_total{type="rtp"}': 4,
            f"sipscope_hep_sent_total{{{name}}}": 11,
            f"sipscope_hep_dropped_total{{{name}}}": 0,
            'sipscope_packets_total{source="call-udp.pcap",kind="file"}': 1211,
        }
        assert expected.items() <= found.items()

    def test_methods_nobody_knows_share_a_label(self, server: StreamServer, tmp_path: Path) -> None:
        packets = [Sent(n, request(f"EVIL{n}", call_id=str(n)), PHONE, PBX) for n in range(300)]
        engine, sink = read(capture(tmp_path / "evil.pcap", packets), server)
        methods = [name for name in samples(engine, sink) if "method=" in name]
        assert methods == ['sipscope_sip_requests_total{method="other"}']


def test_the_line_of_counters_tells_how_things_are(server: StreamServer) -> None:
    engine, sink = read(CAPTURES / "call-udp.pcap", server)
    line = counters_line(engine, sink)
    assert line.startswith("1,211 packets (0/s, 0 lost)   SIP 7 (0/s)")
    assert "HEP sent 11, waiting 0, dropped 0" in line


def test_lines_are_for_terminals(server: StreamServer) -> None:
    done = run("agent", "-r", CALL, "--hep-send", url(server))
    assert b"packets" not in done.stderr
    parent, child = os.openpty()
    try:
        subprocess.run(
            [*SIPSCOPE, "agent", "-r", CALL, "--hep-send", url(server)],
            env=environment(),
            stderr=child,
            timeout=60,
            check=True,
        )
        assert b"1,211 packets" in os.read(parent, 10_000)
    finally:
        os.close(parent)
        os.close(child)
