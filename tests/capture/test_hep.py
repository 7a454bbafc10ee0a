import gzip
import os
import select
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which

import pytest

from sipscope.calls.dialog import State
from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.capture.hep import HepSource
from sipscope.capture.listener import AllowList
from sipscope.capture.merge import FileSet
from sipscope.decode.address import Endpoint
from sipscope.engine import Engine
from sipscope.errors import SourceError, UsageError
from sipscope.export.pcap import Recorder
from tests.hep_messages import OPTIONS, hep3, hep_old
from tests.packets import START
from tests.signalling import answered_call

SECOND = 1_000_000_000


@pytest.fixture
def opened() -> Iterator[Callable[..., HepSource]]:
    """Opens listeners that are closed again."""
    sources: list[HepSource] = []

    def listen(where: str = "udp:0", **options: object) -> HepSource:
        sources.append(HepSource(where, **options))  # type: ignore[arg-type]
        return sources[-1]

    yield listen
    for source in sources:
        source.close()


def send(source: HepSource, *messages: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        agent.connect((source.address.host, source.address.port))
        for message in messages:
            agent.send(message)


def payloads(source: HepSource) -> list[bytes]:
    """What waits, without the IP and UDP header that was put before it."""
    batch = source.read(time.time_ns())
    return [] if batch is None else [batch.frame(n).data[28:] for n in range(len(batch))]


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("udp:0", "udp:127.0.0.1:"),
        ("0", "udp:127.0.0.1:"),
        ("127.0.0.1:0", "udp:127.0.0.1:"),
        ("tcp:127.0.0.1:0", "tcp:127.0.0.1:"),
        ("tcp:0", "tcp:127.0.0.1:"),
        ("udp:0.0.0.0:0", "udp:0.0.0.0:"),
    ],
)
def test_it_listens_over_udp_on_loopback_unless_told_otherwise(
    opened: Callable[..., HepSource], where: str, name: str
) -> None:
    source = opened(where)
    assert source.kind == "hep"
    assert source.name.startswith(name)
    assert source.name.removeprefix(name) == str(source.address.port) != "0"


@pytest.mark.parametrize("where", ["sctp:9060", "udp:pbx:9060", "udp:127.0.0.1:", "udp:70000"])
def test_what_cannot_be_listened_on_is_a_wrong_command_line(where: str) -> None:
    with pytest.raises(UsageError):
        HepSource(where)


def test_each_message_is_the_datagram_that_it_was(opened: Callable[..., HepSource]) -> None:
    source = opened(source=2)
    send(source, hep3(), hep_old(2), hep_old(1), gzip.compress(hep3()), OPTIONS)
    batch = source.read(START)
    assert batch is not None
    assert (batch.link_type, batch.source, batch.number) == (101, 2, 1)
    packets = [batch.frame(n).data for n in range(len(batch))]
    assert [packet[28:] for packet in packets] == [
        *(hep3(), hep_old(2), hep_old(1), gzip.compress(hep3()), OPTIONS)
    ]
    assert {packet[22:24] for packet in packets} == {source.address.port.to_bytes(2, "big")}
    assert (source.packets, source.bytes) == (5, len(batch.buffer))
    send(source, hep3())
    again = source.read(START)
    assert again is not None
    assert again.number == 6


def test_what_is_no_hep_is_not_let_in(opened: Callable[..., HepSource]) -> None:
    source = opened()
    send(source, b"GET / HTTP/1.1\r\n\r\n", b"", bytes(100), hep3())
    assert payloads(source) == [hep3()]
    (sender,) = source.senders.senders()
    assert (sender.address, sender.rejected) == (b"\x7f\0\0\1", (("hep.magic", 3),))
    assert source.status == "not let in: 3 that are no HEP or lack the key"


def test_only_the_senders_that_are_allowed_are_let_in(opened: Callable[..., HepSource]) -> None:
    source = opened(allow=AllowList(["192.0.2.0/24"]))
    send(source, hep3(), hep3())
    assert source.read(START) is None
    assert source.allow.refused == 2
    assert source.status == "not let in: 2 from senders that are not allowed"


def test_a_key_is_asked_for_where_there_is_one(opened: Callable[..., HepSource]) -> None:
    source = opened(auth_key="myHep")
    right = hep3(auth=b"myHep")
    send(source, right, hep3(auth=b"myHe"), hep3(), hep_old(2), OPTIONS, b"HEP3", right)
    assert payloads(source) == [right, right]
    (sender,) = source.senders.senders()
    assert dict(sender.rejected) == {"hep.auth-key": 3, "hep.magic": 1, "hep.truncated": 1}


def test_a_batch_is_bounded_and_nothing_is_lost(opened: Callable[..., HepSource]) -> None:
    source = opened()
    send(source, *[hep3()] * 150)
    taken = 0
    while (batch := source.read(START)) is not None:
        taken += len(batch)
    assert (taken, source.kernel_drops, source.status) == (150, 0, None)


def certificate(folder: Path) -> tuple[str, str]:
    if which("openssl") is None:
        pytest.skip("openssl is not installed")
    certificate, key = str(folder / "hep.pem"), str(folder / "hep.key")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=hep"),
            *("-days", "2", "-out", certificate, "-keyout", key),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def test_tls_takes_messages_like_tcp(opened: Callable[..., HepSource], tmp_path: Path) -> None:
    own, key = certificate(tmp_path)
    source = opened("tls:0", certificate=own, certificate_key=key)
    context = ssl.create_default_context(cafile=own)
    context.check_hostname = False
    messages = [hep3(b"x" * 40_000, 100, call_id=b"c"), hep3(), hep3(b"y" * 60_000, 100)]
    plain = socket.create_connection((source.address.host, source.address.port))
    plain.setblocking(False)
    agent = context.wrap_socket(plain, do_handshake_on_connect=False)
    found: list[bytes] = []
    shaken, rest = False, b"".join(messages)
    end = time.monotonic() + 10
    while len(found) < len(messages):
        assert time.monotonic() < end
        found += payloads(source)
        try:
            if not shaken:
                agent.do_handshake()
                shaken = True
            elif rest:
                rest = rest[agent.send(rest[:16_000]) :]
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            select.select([source.fileno()], [], [], 0.01)
    agent.close()
    assert found == messages


def test_tls_without_a_certificate_says_how_to_get_one() -> None:
    with pytest.raises(UsageError, match="needs a certificate") as caught:
        HepSource("tls:0")
    assert "openssl req -x509" in caught.value.remedy


@pytest.mark.parametrize("contents", [None, "no PEM"])
def test_a_certificate_that_cannot_be_used_is_told(contents: str | None, tmp_path: Path) -> None:
    path = tmp_path / "hep.pem"
    if contents is not None:
        path.write_text(contents)
    with pytest.raises(SourceError, match="cannot be used"):
        HepSource("tls:0", certificate=str(path))


def test_a_key_with_a_password_is_refused_without_asking(tmp_path: Path) -> None:
    own, key = certificate(tmp_path)
    locked = str(tmp_path / "locked.key")
    subprocess.run(
        ["openssl", "rsa", "-aes128", "-passout", "pass:secret", "-in", key, "-out", locked],
        check=True,
        capture_output=True,
    )
    with pytest.raises(SourceError, match="cannot be used"):
        HepSource("tls:0", certificate=own, certificate_key=locked)


def as_hep(capture: list[tuple[int, bytes, Endpoint, Endpoint]]) -> list[bytes]:
    """SIP as a small agent would send it."""
    return [
        hep3(
            payload,
            source=(source.host, source.port),
            destination=(destination.host, destination.port),
            time=time,
            node=b"agent-1",
        )
        for time, payload, source, destination in capture
    ]


def sip_of(path: Path) -> tuple[DialogStore, list[tuple[int, bytes, Endpoint, Endpoint]]]:
    """The dialogs of a capture, and their messages in order."""
    store = DialogStore()
    Engine(FileSet([FileSource(str(path))]), (), store).run()
    messages = [
        (message.number, (message.time, message.raw, *message.flow[:2]))
        for dialog in store.dialogs.values()
        for message in dialog.messages
    ]
    return store, [message for _, message in sorted(messages)]


def tell(store: DialogStore) -> list[tuple[object, ...]]:
    """What is known of every dialog, in the order of their start."""
    return [
        (
            *(dialog.call_id, dialog.method, dialog.state, str(dialog.caller), str(dialog.callee)),
            *(dialog.flow[:2], dialog.started, dialog.last, dialog.pdd_ms, dialog.talk_s),
            *(dialog.retransmissions, dialog.final_status, dialog.codecs),
            *([(m.time, m.method, m.status, m.raw) for m in dialog.messages],),
        )
        for dialog in store.dialogs.values()
    ]


FIXTURES = Path(__file__).parents[2] / "fixtures" / "pcaps"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("name", ["call-udp", "busy-486", "call-proxy", "register-challenge"])
def test_calls_that_come_as_hep_are_those_of_the_file(
    name: str, transport: str, tmp_path: Path
) -> None:
    expected, messages = sip_of(FIXTURES / f"{name}.pcap")
    recorded = str(tmp_path / "hep.pcap")
    source, store = HepSource(f"{transport}:0"), DialogStore()
    engine = Engine(FileSet(()), [source], store, recorder=Recorder(recorded), recorded=recorded)
    engine.start()
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    # The time of a message is believed when it is not far from now.
    shift = time.time_ns() // 1000 * 1000 - messages[0][0] // 1000 * 1000
    sent = as_hep([(time + shift, *rest) for time, *rest in messages])  # type: ignore[misc]
    with socket.socket(socket.AF_INET, kind) as agent:
        agent.connect((source.address.host, source.address.port))
        for message in sent:
            agent.send(message)
        end = time.monotonic() + 10
        while store.counters.messages < len(messages):
            assert time.monotonic() < end, f"{store.counters.messages} of {len(messages)}"
            assert engine.failure is None
            time.sleep(0.02)
    engine.stop()
    found = tell(store)
    for dialog, wanted in zip(store.dialogs.values(), expected.dialogs.values(), strict=True):
        assert dialog.flow.encapsulation == ("hep",)
        assert abs(dialog.started - wanted.started - shift) < 1_000_000
        assert [m.raw for m in dialog.messages] == [m.raw for m in wanted.messages]
        assert dialog.state == wanted.state
        assert dialog.flow[:2] == wanted.flow[:2]
        assert dialog.pdd_ms == pytest.approx(wanted.pdd_ms, abs=0.01)
        assert [agent.node for agent in store.attachments.agents(dialog)] == [b"agent-1"]
    (sender,) = engine.hep_senders()
    assert (sender.messages, sender.rejected, sender.odd_times) == (len(messages), (), 0)
    again = DialogStore()
    Engine(FileSet([FileSource(recorded)]), (), again).run()
    assert tell(again) == found


def test_a_live_call_over_hep_has_its_state(opened: Callable[..., HepSource]) -> None:
    source, store = opened(), DialogStore()
    engine = Engine(FileSet(()), [source], store)
    now = time.time_ns()
    send(
        source,
        *(
            hep3(
                sent.payload,
                source=(sent.source, sent.source_port),
                destination=(sent.destination, sent.destination_port),
                time=now - 20 * SECOND + round(sent.at * 1e6),
            )
            for sent in answered_call()
        ),
    )
    engine.start()
    end = time.monotonic() + 5
    while store.counters.messages < 7:
        assert time.monotonic() < end
        time.sleep(0.01)
    engine.stop()
    (dialog,) = store.dialogs.values()
    assert dialog.state is State.COMPLETED
    assert dialog.talk_s == pytest.approx(12.01, abs=0.001)


def test_waiting_costs_no_time(opened: Callable[..., HepSource]) -> None:
    for where in ("udp:0", "tcp:0"):
        engine = Engine(FileSet(()), [opened(where)], DialogStore())
        engine.start()
        begun = os.times()
        time.sleep(0.5)
        ended = os.times()
        engine.stop()
        assert ended.user + ended.system - begun.user - begun.system < 0.25
