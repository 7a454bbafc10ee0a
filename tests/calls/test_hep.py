import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from sipscope.calls.dialog import Dialog
from sipscope.calls.intake import Intake
from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.capture.merge import FileSet
from sipscope.decode.hep_senders import Agent
from sipscope.decode.rtcp import ReceiverReport, ReportBlock
from sipscope.engine import Engine
from tests.capture.formats import packet, pcap_file
from tests.hep_messages import OPTIONS, hep3, hep_old
from tests.packets import PSH, SECOND, START, SYN, batch, ethernet, ipv4, tcp, udp
from tests.signalling import Sent, answered_call, request, rtp

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "hep-wireshark"
FIXTURES = Path(__file__).parents[2] / "fixtures" / "pcaps"
AGENT_HOST, COLLECTOR = "203.0.113.1", "203.0.113.2"
AGENT = Agent(b"\xcb\0\x71\1", 2001, b"")
DAY = 86_400 * SECOND


def frame(message: bytes, port: int = 9060, host: str = AGENT_HOST) -> bytes:
    """A HEP message on its way to the collector."""
    return ethernet(ipv4(udp(message, 40000, port), host, COLLECTOR))


def taken(messages: Sequence[bytes], port: int = 9060) -> tuple[DialogStore, Intake]:
    """The store after HEP messages, 20 ms apart from `START`."""
    store = DialogStore()
    intake = Intake(store)
    intake.take(batch([frame(message, port) for message in messages]))
    store.touch(store.streams.flush())
    return store, intake


def only(store: DialogStore) -> Dialog:
    (dialog,) = store.dialogs.values()
    return dialog


def carried(sent: Sent, kind: int = 1) -> bytes:
    """A packet as an agent tells of it."""
    return hep3(
        sent.payload,
        kind,
        source=(sent.source, sent.source_port),
        destination=(sent.destination, sent.destination_port),
        time=START + round(sent.at * 1_000_000),
        call_id=b"" if kind == 1 else b"call-1",
    )


@pytest.mark.parametrize("port", [9060, 29070, 5060])
@pytest.mark.parametrize(
    "message",
    [hep3(), hep3(compressed=True), gzip.compress(hep3()), hep_old(1), hep_old(2)],
    ids=["3", "3-compressed", "3-gzip", "1", "2"],
)
def test_a_sip_message_is_of_the_flow_that_hep_tells_of(message: bytes, port: int) -> None:
    store, _ = taken([message], port)
    dialog = only(store)
    assert (dialog.call_id, dialog.method) == (b"hep-1", "OPTIONS")
    assert str(dialog.flow.source) == "192.0.2.1:5060"
    assert str(dialog.flow.destination) == "198.51.100.2:5080"
    assert (dialog.flow.transport, dialog.flow.encapsulation) == ("udp", ("hep",))


@pytest.mark.parametrize(
    "message",
    [hep3(), hep3(compressed=True), gzip.compress(hep3())],
    ids=["3", "3-compressed", "3-gzip"],
)
def test_its_bytes_and_the_frame_that_brought_it_are_kept(message: bytes) -> None:
    store, _ = taken([message])
    (kept,) = only(store).messages
    assert kept.raw == OPTIONS
    assert [captured.data for captured in kept.frames] == [frame(message)]


@pytest.mark.parametrize("message", [hep3(), hep3(compressed=True)], ids=["3", "3-compressed"])
def test_of_a_file_they_are_read_again(message: bytes, tmp_path: Path) -> None:
    path = tmp_path / "hep.pcap"
    frames = frame(hep3(b"x", 100)), frame(message)
    path.write_bytes(pcap_file([packet(START, data) for data in frames]))
    store = DialogStore()
    Engine(FileSet([FileSource(str(path))]), (), store).run()
    (kept,) = only(store).messages
    assert kept.raw == OPTIONS
    assert [captured.data for captured in kept.frames] == [frame(message)]


def test_a_call_over_hep_is_the_call_of_the_packets() -> None:
    call = answered_call()
    store, _ = taken([carried(sent) for sent in call])
    dialog = only(store)
    assert [message.raw for message in dialog.messages] == [sent.payload for sent in call]
    assert (dialog.state, dialog.pdd_ms, dialog.talk_s) == ("completed", 150.0, 12.01)


def test_media_over_hep_is_a_stream_of_the_call() -> None:
    call = sorted(answered_call(media=50), key=lambda sent: sent.at)
    kinds = [4 if sent.payload[0] == 0x80 else 1 for sent in call]
    store, _ = taken([carried(sent, kind) for sent, kind in zip(call, kinds, strict=True)])
    figures = [store.streams.figures(stream_id) for stream_id in only(store).streams]
    assert [(stream.packets, stream.lost, stream.codec) for stream in figures] == [
        (50, 0, "PCMA")
    ] * 2
    assert {stream.flow.encapsulation for stream in figures} == {("hep",)}


RECEIVER_REPORT = ReceiverReport(0x9C40E1F7, (ReportBlock(0x3D1A3B02, 64, 5, 99, 80, 0, 0),))
BINARY = bytes.fromhex("81c90007 9c40e1f7 3d1a3b02 40000005 00000063 00000050 00000000 00000000")
TEXT = json.dumps(
    {
        "ssrc": 0x9C40E1F7,
        "type": 201,
        "report_blocks": [
            {
                "source_ssrc": 0x3D1A3B02,
                "fraction_lost": 64,
                "packets_lost": 5,
                "highest_seq_no": 99,
                "ia_jitter": 80,
                "lsr": 0,
                "dlsr": 0,
            }
        ],
    }
).encode()


@pytest.mark.parametrize("payload", [BINARY, TEXT], ids=["binary", "json"])
def test_rtcp_is_what_the_receiver_says_of_the_stream(payload: bytes) -> None:
    media = [carried(sent) for sent in answered_call()[:4]]
    media += [
        carried(Sent(2700 + 20 * n, rtp(n), "192.0.2.21", "198.51.100.5", 40000, 18000), 4)
        for n in range(20)
    ]
    report = Sent(3200, payload, "198.51.100.5", "192.0.2.21", 18001, 40001)
    store, _ = taken([*media, carried(report, 5)])
    stream = store.streams.figures(only(store).streams[0])
    figures = store.rtcp.figures(stream.flow, stream.ssrc, stream.clock_rate)
    assert figures is not None
    assert (figures.fraction_lost_percent, figures.cumulative_lost, figures.jitter_ms) == (
        25.0,
        5,
        10.0,
    )


def test_rtcp_as_json_is_shown_with_the_call() -> None:
    store, _ = taken([carried(answered_call()[0]), hep3(TEXT, 5, call_id=b"call-1")])
    (said,) = store.attachments.of(only(store))
    assert (said.kind, said.type, said.time, said.payload) == ("rtcp", 5, START, TEXT)
    assert said.figures["report_blocks.0.packets_lost"] == 5


@pytest.mark.parametrize(
    ("kind", "payload", "named"),
    [
        (34, b'{"MOS": 4.0}', "rtp-report"),
        (35, b'{"MOS": 4.0}', "rtp-report"),
        (32, b'{"MOS": 4.0}', "rtp-report"),
        (99, b'{"MOS": 4.0}', "rtp-report"),
        (38, b'{"INC_MOS": 400}', "rtp-report"),
        (36, b'{"MOS": 4.0}', "rtcp-report"),
        (37, b'{"MOS": 4.0}', "rtcp-report"),
        (100, b"a line of a log", "log"),
        (61, b"d7:command4:pinge", "other"),
    ],
)
def test_reports_and_logs_are_found_by_their_call_id(kind: int, payload: bytes, named: str) -> None:
    report = hep3(payload, kind, call_id=b"call-1", node=b"pbx-1", time=START + SECOND)
    store, _ = taken([carried(answered_call()[0]), report])
    (said,) = store.attachments.of(only(store))
    assert (said.kind, said.type, said.payload) == (named, kind, payload)
    assert (said.time, said.agent.node) == (START + SECOND, b"pbx-1")
    assert str(said.flow.source) == "192.0.2.1:5060"


def test_reports_may_come_before_their_call() -> None:
    report = hep3(b"before", 100, call_id=b"call-1")
    store, _ = taken([report, carried(answered_call()[0])])
    assert [said.payload for said in store.attachments.of(only(store))] == [b"before"]


@pytest.mark.parametrize("name", ["CORRELATION_ID", "RTP_SIP_CALL_ID"])
def test_a_report_without_correlation_id_may_name_its_call_itself(name: str) -> None:
    report = hep3(json.dumps({name: "call-1", "MOS": 4}).encode(), 34)
    store, _ = taken([carried(answered_call()[0]), report, hep3(b'{"MOS": 4}', 34)])
    assert len(store.attachments.of(only(store))) == 1
    assert store.attachments.nameless == 1


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_voice_quality_report_is_of_the_call_that_its_body_names(wrapped: bool) -> None:
    body = b"VQSessionReport: CallTerm\r\nCallID: call-1\r\nQualityEst:MOSLQ=4.1\r\n"
    publish = request("PUBLISH", call_id="publish-1", body=body)
    message = hep3(publish if wrapped else body, 99, call_id=b"publish-1")
    store, _ = taken([carried(answered_call()[0]), message])
    (said,) = store.attachments.of(only(store))
    assert (said.kind, said.figures) == ("vq-rtcpxr", {"local.mos_lq": 4.1})


def test_sip_that_opensips_put_into_json_is_unwrapped() -> None:
    store, _ = taken([hep3(json.dumps({"payload": OPTIONS.decode()}).encode())])
    assert only(store).messages[0].raw == OPTIONS


def test_a_payload_that_is_no_sip_makes_no_dialog() -> None:
    store, intake = taken([hep3(b"\0\1\2\3"), hep3(b'{"payload": 5}'), hep3(b"")])
    assert store.dialogs == {}
    assert intake.senders.senders()[0].messages == 3


def test_who_told_of_a_call_is_known() -> None:
    call = answered_call()
    store = DialogStore()
    frames = [
        frame(hep3(call[0].payload, node=b"edge", capture_id=7)),
        frame(carried(call[1])),
        frame(carried(call[2]), host="203.0.113.9"),
        frame(carried(call[3])),
    ]
    Intake(store).take(batch(frames))
    assert store.attachments.agents(only(store)) == (
        Agent(AGENT.address, 7, b"edge"),
        AGENT,
        Agent(b"\xcb\0\x71\x09", 2001, b""),
    )


def test_a_call_that_came_without_hep_has_no_agents() -> None:
    store = DialogStore()
    Intake(store).take(batch([ethernet(ipv4(udp(OPTIONS)))]))
    assert store.attachments.agents(only(store)) == ()


@pytest.mark.parametrize(
    ("time", "shown", "odd"),
    [
        (START + 2 * SECOND, START + 2 * SECOND, 0),
        (START - 200 * SECOND, START - 200 * SECOND, 0),
        (START - 3_600 * SECOND, START - 3_600 * SECOND, 1),  # kept while the way was down
        (START + 301 * SECOND, START, 1),
        (START - 2 * DAY, START, 1),
        (1 * SECOND, START, 1),
        (0, START, 0),
    ],
)
def test_the_time_is_that_of_the_agent_unless_that_cannot_be(
    time: int, shown: int, odd: int
) -> None:
    store, intake = taken([hep3(time=time)])
    assert only(store).started == shown
    assert intake.senders.senders()[0].odd_times == odd


def test_what_cannot_be_read_is_counted_by_sender_and_reason() -> None:
    cut = hep3()[:-1]
    store, intake = taken([hep3(), cut, cut, b"HEP3\0\x06"])
    (sender,) = intake.senders.senders()
    assert (sender.address, sender.messages) == (AGENT.address, 1)
    assert dict(sender.rejected) == {"hep.truncated": 2, "hep.address": 1}
    assert len(store.dialogs) == 1


def test_other_traffic_is_not_taken_for_hep() -> None:
    stun = bytes.fromhex("0101 000c 2112a442") + bytes(24)
    near = [b"\1\0\2\x11" + bytes(60), b"\x1f\x8b" + bytes(60), b"HEP", b"\2\1", stun]
    store, intake = taken([*near, OPTIONS])
    assert only(store).flow.encapsulation == ()
    assert intake.senders.senders() == []


def segments(payloads: Sequence[bytes], port: int = 9061, sequence: int = 1000) -> list[bytes]:
    """A connection from the agent to the collector."""
    made = [ipv4(tcp(b"", 40000, port, sequence=sequence - 1, flags=SYN), AGENT_HOST, COLLECTOR, 6)]
    for payload in payloads:
        segment = tcp(payload, 40000, port, sequence=sequence, flags=PSH | 0x10)
        made.append(ipv4(segment, AGENT_HOST, COLLECTOR, 6))
        sequence += len(payload)
    return [ethernet(ip) for ip in made]


@pytest.mark.parametrize("size", [6, 100, 1448, 100_000])
def test_hep_over_tcp_is_read_however_it_was_cut(size: int) -> None:
    call = answered_call()
    stream = b"".join(carried(sent) for sent in call)
    pieces = [stream[at : at + size] for at in range(0, min(len(stream), 60_000), size)]
    store = DialogStore()
    intake = Intake(store)
    intake.take(batch(segments(pieces)))
    dialog = only(store)
    assert [message.raw for message in dialog.messages] == [sent.payload for sent in call]
    assert dialog.flow.encapsulation == ("hep",)
    assert intake.senders.senders()[0].messages == len(call)


def test_hep_over_tcp_goes_on_after_a_gap_with_the_next_segment_that_begins_with_hep() -> None:
    first, second, third = (carried(sent) for sent in answered_call()[:3])
    frames = segments([first, second[:200], second[200:], third])
    del frames[3]
    store = DialogStore()
    intake = Intake(store)
    for number, captured in enumerate(frames):
        intake.take(batch([captured], times=[START + number * 40 * SECOND], number=number + 1))
    intake.finish()
    assert [message.method + str(message.status) for message in only(store).messages] == [
        "INVITE0",
        "INVITE180",
    ]


def test_a_connection_may_be_captured_from_its_middle_on() -> None:
    call = [carried(sent) for sent in answered_call()]
    store = DialogStore()
    intake = Intake(store)
    intake.take(batch(segments([call[0][150:], *call[1:]])[1:]))
    (dialog,) = (found for found in store.dialogs.values() if found.flow.encapsulation)
    assert len(dialog.messages) == len(call) - 1


def test_hep_of_the_wireshark_dissector_is_read() -> None:
    if not CORPUS.exists():
        pytest.skip("the corpus of public captures is not here")
    store = DialogStore()
    Engine(FileSet([FileSource(str(CORPUS / "hep.pcap"))]), (), store).run()
    dialog = only(store)
    assert [(m.method, m.status) for m in dialog.messages] == [
        ("INVITE", 0),
        ("INVITE", 100),
        ("INVITE", 407),
        ("OPTIONS", 0),
        ("OPTIONS", 200),
        ("PUBLISH", 0),
    ]
    assert [said.kind for said in store.attachments.of(dialog)] == ["log", "rtcp"]


def test_compressed_hep_of_captagent_is_read_once_though_captured_three_times() -> None:
    if not CORPUS.exists():
        pytest.skip("the corpus of public captures is not here")
    store = DialogStore()
    path = CORPUS / "hep3_compressed.pcap.pcapng"
    Engine(FileSet([FileSource(str(path))]), (), store).run()
    dialog = only(store)
    assert (dialog.method, dialog.state, len(dialog.messages)) == ("REGISTER", "registered", 7)
    assert (dialog.flow.transport, dialog.retransmissions) == ("tcp", 0)


def test_no_mutation_of_captured_hep_raises() -> None:
    chance = random.Random(7)
    messages = [hep3(), hep3(TEXT, 5, call_id=b"c"), hep_old(2), gzip.compress(hep3())]
    messages += [hep3(BINARY, 5), hep3(rtp(1), 4), hep3(b'{"MOS":1}', 34, compressed=True)]
    store = DialogStore()
    intake = Intake(store)
    for _ in range(60):
        frames = []
        for _ in range(100):
            changed = bytearray(chance.choice(messages))
            for _ in range(chance.randrange(1, 6)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            cut = chance.choice((len(changed), chance.randrange(20, len(changed))))
            frames.append(frame(bytes(changed[:cut])))
            frames += segments([bytes(changed)])
        intake.take(batch(frames))
    intake.finish()
    said = [said for dialog in store.dialogs.values() for said in store.attachments.of(dialog)]
    assert all(isinstance(one.text, str) and isinstance(one.figures, dict) for one in said)
    (sender,) = intake.senders.senders()
    assert sender.messages > 1_000
    assert sum(count for _, count in sender.rejected) > 1_000
