from sipscope.calls.attachments import MAX_AGENTS, MAX_RECORDS, Attachment, AttachmentTable, Kind
from sipscope.calls.dialog import Dialog
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.hep_senders import Agent
from tests.packets import START

AGENT = Agent(b"\xc0\0\2\1", 2001, b"pbx-1")
FLOW = Flow(Endpoint(b"\xc0\0\2\1", 30000), Endpoint(b"\xc0\0\2\2", 40000), "udp", ("hep",))

VQ = (
    b"VQSessionReport: CallTerm\r\nCallID: call-1\r\nLocalMetrics:\r\n"
    b"PacketLoss:NLR=1.5 JDR=0.0\r\nQualityEst:MOSLQ=4.1 MOSCQ=127\r\n"
    b"RemoteMetrics:\r\nPacketLoss:NLR=0.5\r\n"
)


def attachment(payload: bytes = b"line", kind: Kind = "log", agent: Agent = AGENT) -> Attachment:
    return Attachment(START, kind, 100, agent, FLOW, payload)


def dialog(call_id: bytes = b"call-1") -> Dialog:
    return Dialog(1, call_id, "INVITE", FLOW, 1)


def payloads(table: AttachmentTable, call_id: bytes = b"call-1") -> list[bytes]:
    return [found.payload for found in table.of(dialog(call_id))]


def test_what_is_said_of_a_dialog_is_found_in_order() -> None:
    table = AttachmentTable()
    for number in range(3):
        table.add(b"call-1", attachment(b"%d" % number), known=True)
    table.add(b"call-2", attachment(b"other"), known=True)
    assert payloads(table) == [b"0", b"1", b"2"]
    assert payloads(table, b"call-2") == [b"other"]
    assert payloads(table, b"call-3") == []


def test_what_is_said_of_a_dialog_that_is_not_known_waits_for_it() -> None:
    table = AttachmentTable(max_waiting=2)
    table.add(b"call-1", attachment(b"before"), known=False)
    table.add(b"call-1", attachment(b"after"), known=True)
    for number in range(5):
        table.add(b"unknown-%d" % number, attachment(), known=False)
    assert payloads(table) == [b"before", b"after"]
    assert payloads(table, b"unknown-2") == []
    assert payloads(table, b"unknown-3") == [b"line"]
    assert table.evicted == 3


def test_what_waits_is_kept_once_its_dialog_is_told_of() -> None:
    table = AttachmentTable(max_waiting=1)
    table.add(b"call-1", attachment(b"before"), known=False)
    table.told(b"call-1", AGENT)
    for number in range(5):
        table.add(b"unknown-%d" % number, attachment(), known=False)
    assert payloads(table) == [b"before"]


def test_memory_is_bounded_and_what_waits_goes_first() -> None:
    table = AttachmentTable(max_bytes=100_000)
    table.add(b"call-1", attachment(bytes(40_000)), known=True)
    table.add(b"unknown", attachment(bytes(40_000)), known=False)
    table.add(b"call-2", attachment(bytes(40_000)), known=True)
    assert [len(payloads(table, name)) for name in (b"call-1", b"unknown", b"call-2")] == [1, 0, 1]
    table.add(b"call-3", attachment(bytes(40_000)), known=True)
    assert [len(payloads(table, name)) for name in (b"call-1", b"call-2", b"call-3")] == [0, 1, 1]
    assert table.evicted == 2


def test_of_one_dialog_the_latest_are_kept() -> None:
    table = AttachmentTable()
    for number in range(MAX_RECORDS + 2):
        table.add(b"call-1", attachment(b"%d" % number), known=True)
    assert len(payloads(table)) == MAX_RECORDS
    assert payloads(table)[0] == b"2"
    assert table.evicted == 2


def test_what_names_no_call_is_only_counted() -> None:
    table = AttachmentTable()
    table.add(b"", attachment(), known=False)
    assert (table.nameless, payloads(table, b"")) == (1, [])


def test_a_dialog_that_is_dropped_takes_everything_along() -> None:
    table = AttachmentTable(max_bytes=100_000)
    table.told(b"call-1", AGENT)
    for _ in range(50):
        table.add(b"call-1", attachment(bytes(40_000)), known=True)
        table.forget(b"call-1")
    assert (payloads(table), table.agents(dialog()), table.evicted) == ([], (), 0)
    table.add(b"call-2", attachment(bytes(90_000)), known=True)
    assert table.evicted == 0


def test_agents_are_those_who_told_of_messages_and_those_who_said_more() -> None:
    table = AttachmentTable()
    others = [Agent(b"\xc0\0\2\2", number, b"") for number in range(20)]
    table.told(b"call-1", AGENT)
    table.told(b"call-1", AGENT)
    table.add(b"call-1", attachment(agent=others[0]), known=True)
    assert table.agents(dialog()) == (AGENT, others[0])
    for other in others:
        table.told(b"call-1", other)
    assert len(table.agents(dialog())) == MAX_AGENTS


def test_text_is_one_line_that_no_terminal_misreads() -> None:
    assert attachment(b"one\x1b]0;x\x07\r\ntwo \xff").text == "one␛]0;x␇␍␊two �"
    assert len(attachment(bytes(100_000)).text) == 4_096


def test_the_figures_of_json_are_by_its_own_names() -> None:
    report = attachment(b'{"MOS": 4.03, "TYPE": "PERIODIC", "a": {"b": 1}}', "rtp-report")
    assert report.figures == {"MOS": 4.03, "TYPE": "PERIODIC", "a.b": 1}
    assert attachment(b"a line of a log").figures == {}


def test_the_figures_of_a_voice_quality_report_are_of_both_sides() -> None:
    expected = {
        "local.loss_percent": 1.5,
        "local.discard_percent": 0.0,
        "local.mos_lq": 4.1,
        "remote.loss_percent": 0.5,
    }
    publish = b"PUBLISH sip:c@example.com SIP/2.0\r\nCall-ID: other\r\n\r\n" + VQ
    assert attachment(VQ, "vq-rtcpxr").figures == expected
    assert attachment(publish, "vq-rtcpxr").figures == expected
    assert attachment(b"VQ nothing", "vq-rtcpxr").figures == {}
