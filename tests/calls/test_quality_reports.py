"""What the ends of a call say of it in SIP finds the call."""

from sipscope.calls.quality_reports import MAX_CALLS, MAX_REPORTS, QualityReport
from sipscope.calls.store import DialogStore
from sipscope.decode.vq_rtcpxr import VoiceQualityReport
from tests.calls.playbook import MS, Playbook
from tests.packets import START
from tests.report.reading import CAPTURES, read

KIND = "Content-Type: application/vq-rtcpxr\r\nEvent: vq-rtcpxr\r\n"


def body(call_id: str, loss: float = 5.0, kind: str = "VQSessionReport: CallTerm") -> bytes:
    lines = (kind, f"CallID: {call_id}", "LocalMetrics:", f"PacketLoss:NLR={loss} JDR=0.0")
    return ("\r\n".join(lines) + "\r\n").encode()


def publish(store: DialogStore, about: str, own: str = "report-1", loss: float = 5.0) -> None:
    Playbook(own, store).request("PUBLISH", headers=KIND, body=body(about, loss))


def said(play: Playbook) -> tuple[QualityReport, ...]:
    return play.store.quality.of(play.dialog)


def losses(play: Playbook) -> list[object]:
    return [
        r.content.local["loss_percent"]
        for r in said(play)
        if isinstance(r.content, VoiceQualityReport)
    ]


def test_a_published_report_is_of_the_call_that_its_body_names() -> None:
    play = Playbook("call-1").invite()
    publish(play.store, "call-1")
    (report,) = said(play)
    assert report.origin == "vq-rtcpxr"
    assert isinstance(report.content, VoiceQualityReport)
    assert (report.content.kind, report.content.call_id) == ("session", "call-1")
    assert report.content.local == {"loss_percent": 5.0, "discard_percent": 0.0}


def test_a_notify_carries_reports_too() -> None:
    play = Playbook().invite()
    interval = body("call-1", kind="VQIntervalReport")
    Playbook("report-1", play.store).request("NOTIFY", headers=KIND.lower(), body=interval)
    assert losses(play) == [5.0]


def test_a_report_that_came_before_the_call_is_found() -> None:
    play = Playbook("call-1")
    publish(play.store, "call-1")
    play.invite()
    assert losses(play) == [5.0]


def test_the_call_has_changed_with_its_report() -> None:
    play = Playbook().invite()
    version = play.store.version
    publish(play.store, "call-1")
    _, changed = play.store.changes(version)
    assert changed is not None
    assert play.dialog.id in changed


def test_the_publish_itself_and_other_calls_have_none() -> None:
    play = Playbook().invite()
    publish(play.store, "call-2")
    assert said(play) == ()
    assert said(Playbook("report-1", play.store)) == ()


def test_other_bodies_are_no_reports() -> None:
    play = Playbook().invite()
    presence = "Content-Type: application/pidf+xml\r\nEvent: presence\r\n"
    Playbook("p", play.store).request("PUBLISH", headers=presence, body=body("call-1"))
    Playbook("q", play.store).request("PUBLISH", headers=KIND, body=b"VQSessionReport\r\n")
    assert said(play) == ()


def test_a_retransmission_is_not_a_second_report() -> None:
    play = Playbook().invite()
    report = Playbook("report-1", play.store).request("PUBLISH", headers=KIND, body=body("call-1"))
    report.wait(500).again()
    assert losses(play) == [5.0]


def test_the_reports_of_a_call_are_bounded() -> None:
    play = Playbook().invite()
    for n in range(MAX_REPORTS + 3):
        publish(play.store, "call-1", f"report-{n}", float(n))
    assert losses(play) == [float(n) for n in range(3, MAX_REPORTS + 3)]
    assert play.store.quality.evicted == 3


def test_the_calls_with_reports_are_bounded() -> None:
    play = Playbook().invite()
    publish(play.store, "call-1")
    for n in range(MAX_CALLS):
        publish(play.store, f"unknown-{n}", f"report-{n}")
    assert said(play) == ()
    assert play.store.quality.evicted == 1


def test_statistics_of_the_bye_and_of_its_answer() -> None:
    play = Playbook().invite().ok().ack().wait(1000)
    play.request("BYE", cseq=2, headers="X-RTP-Stat: PS=10;PR=9;PL=1,0\r\n").wait(5)
    play.response(
        200, "BYE", cseq=2, headers="RTP-RxStat: Pkt=10,LostPkt=0\r\nRTP-TxStat: Pkt=10\r\n"
    )
    first, second, third = said(play)
    assert (first.origin, first.content) == (
        "x-rtp-stat",
        {"packets_sent": 10, "packets_received": 9, "lost_received": 1, "lost_sent": 0},
    )
    assert (first.time, second.time) == (START + 1000 * MS, START + 1005 * MS)
    assert first.flow.reverse == second.flow
    assert (second.origin, second.content) == (
        "rtp-rxstat",
        {"packets_received": 10, "lost_received": 0},
    )
    assert (third.origin, third.content) == ("rtp-txstat", {"packets_sent": 10})


def test_real_phones_say_what_they_lost() -> None:
    store = read(CAPTURES / "call-rtcp.pcap").store
    (dialog,) = store.dialogs.values()
    bye, answer = store.quality.of(dialog)
    assert isinstance(bye.content, dict)
    assert isinstance(answer.content, dict)
    assert (bye.content["reporter"], bye.content["lost_received"]) == ("BareSip", 59)
    assert (answer.content["lost_received"], answer.content["lost_sent"]) == (0, 59)
