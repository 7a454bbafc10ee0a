import pytest

from sipscope.calls.dialog import State
from tests.calls.playbook import Playbook
from tests.signalling import PBX, PHONE, sdp


def test_states_are_the_words_of_the_contract() -> None:
    assert {state.value for state in State} == {
        "setup",
        "ringing",
        "in-call",
        "completed",
        "cancelled",
        "busy",
        "declined",
        "no-answer",
        "unauthorized",
        "diverted",
        "rejected",
        "failed",
        "registered",
        "unregistered",
        "pending",
    }


def test_active_states_are_those_that_go_on() -> None:
    active = {state for state in State if state.active}
    assert active == {State.SETUP, State.RINGING, State.IN_CALL, State.PENDING}


def test_failed_states_are_those_to_mend() -> None:
    failed = {state for state in State if state.failed}
    assert failed == {State.UNAUTHORIZED, State.REJECTED, State.FAILED}


def test_codecs_are_those_that_were_answered() -> None:
    offered = Playbook().invite(body=sdp(PHONE, 4000, "9 8 0 101"))
    assert offered.dialog.codecs == ("G722", "PCMA", "PCMU")
    assert offered.ok(body=sdp(PBX, 4000, "8 101")).dialog.codecs == ("PCMA",)


def test_a_later_answer_renews_the_codecs() -> None:
    call = Playbook().invite(body=sdp(PHONE, 4000, "8")).ok(body=sdp(PBX, 4000, "8"))
    assert call.dialog.codecs == ("PCMA",)
    call.reinvite(body=sdp(PHONE, 4000, "0")).ok(cseq=2, body=sdp(PBX, 4000, "0"))
    assert call.dialog.codecs == ("PCMU",)


def test_the_tag_of_the_callee_comes_with_the_answer() -> None:
    call = Playbook().invite()
    assert call.dialog.callee.tag is None
    assert call.dialog.final_to_tag is None
    assert call.ok().dialog.final_to_tag == "b2"


@pytest.mark.parametrize(
    ("status_line", "reason"),
    [
        (b"SIP/2.0 486 Busy Here", "Busy Here"),
        (b"SIP/2.0 486", ""),
        (b"SIP/2.0 486 ", ""),
        ("SIP/2.0 486 Besetzt ü".encode(), "Besetzt ü"),
        (b"\r\nSIP/2.0  486 \xff", "\ufffd"),
    ],
)
def test_the_reason_is_the_rest_of_the_status_line(status_line: bytes, reason: str) -> None:
    call = Playbook().invite().response(486)
    final = call.dialog.final
    assert final is not None
    raw = final.raw.replace(b"SIP/2.0 486 Busy Here", status_line)
    frame = final.frames[0]._replace(data=raw)
    origin = final.origin._replace(frames=(frame,))  # type: ignore[union-attr]
    call.dialog.final = final._replace(origin=origin, length=len(raw))
    assert call.dialog.reason == reason


def test_without_a_final_answer_there_is_no_reason() -> None:
    dialog = Playbook().invite().ringing().dialog
    assert (dialog.final_status, dialog.reason) == (None, None)


def test_the_frames_of_a_message_are_those_that_carried_it() -> None:
    message = Playbook().invite().dialog.messages[0]
    assert message.frames[0].data == message.raw
