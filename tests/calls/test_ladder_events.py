"""What happened beside messages and streams."""

import pytest

from sipscope.calls.attachments import Attachment, Kind
from sipscope.calls.intake import Intake
from sipscope.calls.ladder_events import Event, EventKind, events
from sipscope.calls.rows import stream_figures
from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.hep_senders import Agent
from tests.commands import CAPTURES
from tests.packets import START
from tests.rtpqos.control import block, sender
from tests.signalling import MS, PBX, PHONE, Sent, answered_call, request, store_of

AGENT = Agent(b"\xc0\0\2\1", 2001, b"pbx-1")
FLOW = Flow(Endpoint(b"\xc0\0\2\1", 30000), Endpoint(b"\xc0\0\2\2", 40000), "udp", ("hep",))
SSRC = 0x3D1A3B02


def events_of(store: DialogStore) -> list[Event]:
    dialogs = list(store.dialogs.values())
    figures = [f for dialog in dialogs for f in stream_figures(dialog, store.streams)]
    return events(store, dialogs, {f.id: f for f in figures})


def read(name: str) -> DialogStore:
    store = DialogStore()
    source, intake = FileSource(str(CAPTURES / name)), Intake(store)
    while (batch := source.read()) is not None:
        intake.take(batch)
    store.touch(store.streams.flush())
    return store


def attached(payload: bytes, kind: Kind, mos: float | None = None) -> list[Event]:
    store = store_of(answered_call())
    store.report(b"call-1", Attachment(START + MS, kind, 100, AGENT, FLOW, payload, mos))
    return events_of(store)


def test_each_press_of_a_key_is_one_event_at_its_time() -> None:
    digits = [event for event in events_of(read("call-dtmf.pcap")) if event.kind is EventKind.DTMF]
    assert "".join(event.labels[-1][-1] for event in digits) == "1234567890*#ABCD"
    assert digits[0].labels == ("DTMF 1 (180 ms)", "DTMF 1")
    assert digits[0].notes[:2] == ("DTMF 1, 180 ms", "Telephone event, payload type 101")
    assert [event.time for event in digits] == sorted(event.time for event in digits)
    assert not any(event.doubtful for event in digits)
    assert len({(event.number, event.time) for event in digits}) == 16


def test_rtcp_is_one_event_a_stream_from_who_received_it() -> None:
    store = read("call-rtcp.pcap")
    found = events_of(store)
    assert [event.kind for event in found] == [EventKind.RTCP] * 2
    streams = {event.number: store.streams.figures(event.number) for event in found}
    assert all(event.flow[:2] == streams[event.number].flow.reverse[:2] for event in found)
    worst = max(found, key=lambda event: event.doubtful)
    assert worst.doubtful
    assert worst.labels[0].startswith("RTCP 3 reports, worst 9.0 % lost, jitter ")
    assert worst.labels[-3:] == ("RTCP 9.0 % lost", "RTCP 9.0 %", "RTCP")
    assert worst.notes[0].startswith("About the stream ")
    assert any(note.startswith("Receiver lost ") for note in worst.notes)


def test_rtcp_of_a_sender_alone_goes_its_own_way() -> None:
    call = answered_call(media=100)
    call += [Sent(5000, sender(SSRC, 0, packets=100), PHONE, PBX, 40001, 18001)]
    (event,) = events_of(store_of(call))
    assert event.labels == ("RTCP 1 sender report", "RTCP")
    assert str(event.flow.source) == f"{PHONE}:40000"


def test_rtcp_that_says_nothing_of_a_stream_is_no_event() -> None:
    assert events_of(store_of(answered_call(media=100))) == []


def test_a_report_stands_at_its_time() -> None:
    call = answered_call(media=100)
    report = sender(0x9C40E1F7, 9, block(SSRC, fraction=26, lost=12))
    call += [Sent(5600, report, PBX, PHONE, 18001, 40001)]
    found = {event.number: event for event in events_of(store_of(call))}
    assert found[1].time == START + 5600 * MS
    assert found[1].doubtful


def test_logs_and_reports_of_agents_are_events() -> None:
    (log,) = attached(b"call routed\x1b[2J to trunk 7", "log")
    assert (log.kind, log.time) == (EventKind.LOG, START + MS)
    assert log.labels[0] == "log: call routed␛[2J to trunk 7"
    assert log.notes[:2] == (
        "Agent 2001 at 192.0.2.1 pbx-1",
        "192.0.2.1:30000 → 192.0.2.2:40000",
    )
    (report,) = attached(b'{"MOS": 4.1, "jitter": 3}', "rtp-report", 4.1)
    assert report.kind is EventKind.REPORT
    assert report.labels == (
        "rtp-report of agent 2001, MOS 4.1",
        "rtp-report of agent 2001",
        "rtp-report",
    )
    assert "MOS 4.1" in report.notes


def test_what_cannot_be_read_is_shown_as_it_came() -> None:
    (report,) = attached(b"\x00\x01[/]", "other")
    assert report.notes[-1] == "␀␁[/]"


def test_a_voice_quality_report_names_its_scores() -> None:
    body = (
        b"VQSessionReport: CallTerm\r\nCallID: call-1\r\nLocalMetrics:\r\n"
        b"QualityEst:MOSLQ=4.1 MOSCQ=4.0\r\nRemoteMetrics:\r\nPacketLoss:NLR=0.5\r\n"
    )
    headers = "Content-Type: application/vq-rtcpxr\r\n"
    publish = request("PUBLISH", call_id="other", headers=headers, body=body)
    store = store_of([*answered_call(), Sent(40_000, publish, PHONE, PBX)])
    found = [event for event in events_of(store) if event.dialog == 1]
    assert [event.labels[0] for event in found] == ["voice quality report MOS-LQ 4.1 MOS-CQ 4.0"]
    assert found[0].time == START + 40_000 * MS
    assert any(note.startswith("local.") for note in found[0].notes)


def test_events_of_a_dialog_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipscope.calls.ladder_events.MAX_EVENTS", 3)
    digits = [event for event in events_of(read("call-dtmf.pcap")) if event.kind is EventKind.DTMF]
    assert [event.labels[-1] for event in digits] == ["DTMF 1", "DTMF 2", "DTMF 3"]


@pytest.mark.parametrize("name", ["call-udp.pcap", "call-hold.pcapng", "call-proxy.pcap"])
def test_events_of_real_calls_have_labels_and_notes(name: str) -> None:
    for event in events_of(read(name)):
        assert event.labels[-1] in ("RTCP", "report") or event.labels[-1].startswith("DTMF")
        assert all(event.notes)
