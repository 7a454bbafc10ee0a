"""Capture agents that are in use: what they send over HEP is taken in as they mean it."""

import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from sipscope.calls.dialog import Dialog
from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.capture.hep import HepSource
from sipscope.capture.merge import FileSet
from sipscope.decode.address import Endpoint
from sipscope.decode.hep_senders import HepSender
from sipscope.engine import Engine
from tests.commands import CAPTURES
from tests.hep_messages import hep3
from tests.signalling import request

OPTIONS = (
    b"OPTIONS sip:x@127.0.0.1:%d SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKq;rport\r\n"
    b"From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: options-1\r\n"
    b"CSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n"
)
KAMAILIO = """#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:127.0.0.1:{sip}
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siptrace.so"
modparam("siptrace", "duplicate_uri", "sip:127.0.0.1:{hep}")
modparam("siptrace", "trace_on", 1)
modparam("siptrace", "trace_to_database", 0)
modparam("siptrace", "hep_mode_on", 1)
modparam("siptrace", "hep_version", {version})
modparam("siptrace", "hep_capture_id", 2033)
modparam("siptrace", "auth_key", "myHep")
modparam("siptrace", "trace_mode", 1)
request_route {{
    hlog("[cfg] $rm from $si");
    sl_send_reply("200", "OK");
    exit;
}}
"""


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


class Listening(NamedTuple):
    """sipscope, listening for HEP."""

    engine: Engine
    store: DialogStore
    port: int

    def wait_for(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert self.engine.failure is None
            assert time.monotonic() < end, (self.store.counters, self.engine.hep_senders())
            time.sleep(0.02)

    def dialog(self) -> Dialog:
        (dialog,) = self.store.dialogs.values()
        return dialog

    def messages(self) -> int:
        """How many messages came, of all senders."""
        return sum(sender.messages for sender in self.engine.hep_senders())

    def sender(self) -> HepSender:
        (sender,) = self.engine.hep_senders()
        return sender


@contextmanager
def listening(transport: str = "udp", auth_key: str = "") -> Iterator[Listening]:
    source, store = HepSource(f"{transport}:0", auth_key=auth_key), DialogStore()
    engine = Engine(FileSet(()), [source], store)
    engine.start()
    try:
        yield Listening(engine, store, source.address.port)
    finally:
        engine.stop()


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program and its children, ended afterwards."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        for kind in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, kind)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
                break


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def ask(port: int, question: bytes, seconds: float = 20) -> bytes:
    """Send a datagram until it is answered: whoever answers has started."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        client.settimeout(0.5)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(OSError):
                client.send(question)
                return client.recv(65_536)
            time.sleep(0.1)
    raise AssertionError("nobody answers")


@needs("kamailio")
@pytest.mark.parametrize("version", [1, 2, 3])
def test_kamailio_siptrace(version: int, tmp_path: Path) -> None:
    with listening() as here:
        port = free_port()
        configuration = tmp_path / "kamailio.cfg"
        configuration.write_text(KAMAILIO.format(sip=port, hep=here.port, version=version))
        command = ["kamailio", "-DD", "-E", "-m", "32", "-M", "8", "-f", str(configuration)]
        with running([*command, "-Y", str(tmp_path), "-P", str(tmp_path / "pid")]):
            answer = ask(port, OPTIONS % (port, port))
            assert answer.startswith(b"SIP/2.0 200 OK\r\n")
            here.wait_for(lambda: here.messages() >= 3)
        dialog, sender = here.dialog(), here.sender()
        (log, *_) = here.store.attachments.of(dialog)
    question, reply = dialog.messages[0], dialog.messages[-1]
    assert question.raw == OPTIONS % (port, port)
    assert reply.raw == answer
    assert question.flow.destination == Endpoint(b"\x7f\0\0\1", port)
    assert question.flow.encapsulation == ("hep",)
    assert (log.kind, log.payload) == ("log", b"[cfg] OPTIONS from 127.0.0.1")
    assert (log.agent.capture_id, log.agent.host) == (2033, "127.0.0.1")
    assert (sender.rejected, sender.odd_times) == ((), 0)
    assert abs(question.time - time.time_ns()) < 60_000_000_000


@needs("kamailio")
def test_kamailio_is_let_in_by_its_key_only(tmp_path: Path) -> None:
    with listening(auth_key="another") as here:
        port = free_port()
        configuration = tmp_path / "kamailio.cfg"
        configuration.write_text(KAMAILIO.format(sip=port, hep=here.port, version=3))
        command = ["kamailio", "-DD", "-E", "-m", "32", "-M", "8", "-f", str(configuration)]
        with running([*command, "-Y", str(tmp_path), "-P", str(tmp_path / "pid")]):
            ask(port, OPTIONS % (port, port))
            here.wait_for(lambda: bool(here.engine.hep_senders()))
            here.wait_for(lambda: dict(here.sender().rejected).get("hep.auth-key", 0) >= 3)
        assert here.store.dialogs == {}


@needs("sngrep")
@pytest.mark.parametrize("version", [2, 3])
def test_sngrep(version: int, tmp_path: Path) -> None:
    capture = CAPTURES / "call-proxy.pcap"
    expected = DialogStore()
    Engine(FileSet([FileSource(str(capture))]), (), expected).run()
    configuration = tmp_path / "sngreprc"
    configuration.write_text(f"set eep.send.version {version}\nset eep.send.pass myHep\n")
    with listening(auth_key="myHep" if version == 3 else "") as here:
        subprocess.run(
            [
                *("sngrep", "-N", "-q", "-f", str(configuration)),
                *("-H", f"udp:127.0.0.1:{here.port}", "-I", str(capture)),
            ],
            capture_output=True,
            timeout=30,
            check=True,
        )
        here.wait_for(lambda: here.store.counters.messages == expected.counters.messages)
        found = {
            dialog.call_id: [message.raw for message in dialog.messages]
            for dialog in here.store.dialogs.values()
        }
        flows = {dialog.flow[:2] for dialog in here.store.dialogs.values()}
    assert found == {
        dialog.call_id: [message.raw for message in dialog.messages]
        for dialog in expected.dialogs.values()
    }
    assert flows == {dialog.flow[:2] for dialog in expected.dialogs.values()}


def bencode(value: object) -> bytes:
    """The encoding of rtpengine's control protocol."""
    if isinstance(value, dict):
        return b"d%be" % b"".join(bencode(k) + bencode(v) for k, v in sorted(value.items()))
    text = str(value).encode()
    return b"%d:%b" % (len(text), text)


def session(port: int) -> str:
    return (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
    )


def pair() -> tuple[socket.socket, socket.socket]:
    """A socket for RTP and one for RTCP on the port after."""
    while True:
        port = free_port() & ~1
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        try:
            for number, opened in enumerate(sockets):
                opened.bind(("127.0.0.1", port + number))
        except OSError:
            for opened in sockets:
                opened.close()
            continue
        return sockets[0], sockets[1]


@needs("rtpengine")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_rtpengine(transport: str, tmp_path: Path) -> None:
    control = free_port()
    with listening(transport) as here:
        command = [
            *("rtpengine", "--config-file=none", "--foreground", "--log-stderr", "--table=-1"),
            *("--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{control}"),
            *("--port-min=27000", "--port-max=27200", f"--homer=127.0.0.1:{here.port}"),
            *(f"--homer-protocol={transport}", "--homer-id=2001", f"--pidfile={tmp_path}/pid"),
        ]
        with running(command):
            here_messages = talk(control)
            here.wait_for(lambda: bool(here.engine.hep_senders()))
            here.wait_for(lambda: here.messages() >= here_messages)
        invite = hep3(request("INVITE", call_id="rtpe-call-1"))
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as agent:
            agent.connect(("127.0.0.1", here.port))
            agent.send(invite)
            here.wait_for(lambda: bool(here.store.dialogs))
        sent, received = here.store.attachments.of(here.dialog())
    assert (sent.kind, sent.figures["ssrc"], sent.figures["report_blocks.0.ia_jitter"]) == (
        *("rtcp", 0x1111, 21),
    )
    assert (received.kind, received.figures["report_blocks.0.packets_lost"]) == ("rtcp", 0xFFFFFE)
    assert sent.agent.capture_id == 2001


def talk(control: int) -> int:
    """Have rtpengine relay a call with RTP and RTCP; return how many RTCP packets there were."""

    def order(command: str, **fields: object) -> bytes:
        named = {"command": command, "call-id": "rtpe-call-1", "from-tag": "a1", **fields}
        return ask(control, b"c%d " % time.monotonic_ns() + bencode(named))

    caller, caller_rtcp = pair()
    callee, callee_rtcp = pair()
    offered = order("offer", sdp=session(caller.getsockname()[1]))
    answered = order("answer", **{"to-tag": "b1", "sdp": session(callee.getsockname()[1])})
    ports = [re.search(rb"m=audio ([0-9]+)", answer) for answer in (answered, offered)]
    to_caller, to_callee = (int(found[1]) for found in ports if found)
    for number in range(20):
        for sender, port, ssrc in ((caller, to_caller, 0x1111), (callee, to_callee, 0x2222)):
            packet = struct.pack("!BBHII", 0x80, 8, number, number * 160, ssrc) + b"\xd5" * 160
            sender.sendto(packet, ("127.0.0.1", port))
        time.sleep(0.02)
    report = struct.pack("!BBHIIIIII", 0x81, 200, 12, 0x1111, 0xE9000000, 0, 9600, 20, 3200)
    report += struct.pack("!IBBHIIII", 0x2222, 13, 0, 3, 19, 21, 0x11223344, 65536)
    caller_rtcp.sendto(report, ("127.0.0.1", to_caller + 1))
    time.sleep(0.2)
    report = struct.pack("!BBHI", 0x81, 201, 7, 0x2222)
    report += struct.pack("!IBBHIIII", 0x1111, 0, 0xFF, 0xFFFE, 19, 10, 0, 0)
    callee_rtcp.sendto(report, ("127.0.0.1", to_callee + 1))
    for opened in (caller, caller_rtcp, callee, callee_rtcp):
        opened.close()
    return 2
