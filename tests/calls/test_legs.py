import pytest

from sipscope.calls.legs import Confidence, LegIndex, Link
from sipscope.calls.store import DialogStore
from sipscope.decode.address import Endpoint, Flow
from tests.calls.playbook import CALLEE, CALLER, FORK, PROXY, Playbook, give, incoming
from tests.packets import START

MS = 1_000_000
TO_CALLEE = Flow(PROXY, CALLEE)
TO_FORK = Flow(PROXY, FORK)
TO_PROXY = Flow(CALLER, PROXY)


class Legs:
    """Dialogs that begin with an INVITE each, written down one after the other."""

    def __init__(self) -> None:
        self.store = DialogStore()

    def invite(
        self,
        call_id: str,
        along: Flow = TO_PROXY,
        *headers: str,
        at_ms: float = 0,
        caller: str = "1001",
        called: str = "2002",
        body: str = "",
    ) -> "Legs":
        """Begin a leg."""
        kind = "Content-Type: application/sdp\r\n" if body else ""
        raw = (
            f"INVITE sip:{called}@example.com SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {along.source};branch=z9hG4bK-{call_id}\r\n"
            f"From: <sip:{caller}@example.com>;tag={call_id}\r\nTo: <sip:{called}@example.com>\r\n"
            f"Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\n"
            f"{''.join(header + chr(13) + chr(10) for header in headers)}{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        give(self.store, [incoming(raw, START + round(at_ms * MS), along)])
        return self

    def links(self, dialog_id: int = 1) -> list[Link]:
        """The direct legs of a dialog."""
        return LegIndex(self.store.dialogs.values()).links(dialog_id)

    def one(self, dialog_id: int = 1) -> tuple[int, str, Confidence]:
        """The only direct leg of a dialog."""
        (link,) = self.links(dialog_id)
        assert link.other == dialog_id
        return link.leg, link.reason, link.confidence


def unrelated(*headers: str) -> Legs:
    """Two legs that have nothing in common but what the headers say."""
    legs = Legs().invite("aaaaaaaaaa", TO_PROXY, *headers)
    elsewhere = Flow(Endpoint(bytes([10, 9, 9, 9]), 5060), CALLEE)
    return legs.invite("bbbbbbbbbb", elsewhere, *headers, at_ms=9_000, caller="77", called="88")


@pytest.mark.parametrize("header", ["X-Call-ID", "X-CID", "Replaces", "Target-Dialog"])
def test_a_header_that_names_the_other_leg_is_certain(header: str) -> None:
    legs = (
        Legs()
        .invite("first")
        .invite(
            "second", TO_FORK, f"{header}: first;to-tag=1", at_ms=60_000, caller="5", called="6"
        )
    )
    assert legs.one(2) == (1, f"{header} names it", Confidence.CERTAIN)
    assert legs.one(1) == (2, f"{header} of that leg names this one", Confidence.CERTAIN)


def test_it_does_not_matter_which_leg_was_captured_first() -> None:
    legs = Legs().invite("child", TO_CALLEE, "X-Call-ID: parent", caller="5", called="6")
    legs.invite("parent", at_ms=50)
    assert legs.one(2) == (1, "X-Call-ID of that leg names this one", Confidence.CERTAIN)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Session-ID: ABCDEF0123456789abcdef0123456789;remote=" + "0" * 32, "Session-ID"),
        ('P-Charging-Vector: icid-value="abc-1";icid-generated-at=10.0.0.1', "P-Charging-Vector"),
        ("Cisco-Guid: 1234567890-0987654321-1-2", "Cisco-Guid"),
    ],
)
def test_a_value_that_all_legs_carry_is_certain(header: str, name: str) -> None:
    assert unrelated(header).one() == (2, f"same {name}", Confidence.CERTAIN)


def test_the_session_id_of_nobody_is_no_sign() -> None:
    assert not unrelated("Session-ID: " + "0" * 32).links()


def test_a_call_id_made_of_another_is_likely() -> None:
    legs = Legs().invite("a84b4c76e667@pc33", TO_PROXY)
    legs.invite("a84b4c76e667_b2b-1", TO_CALLEE, at_ms=20, caller="7", called="8")
    assert legs.one() == (2, "Call-ID made of the other", Confidence.LIKELY)


def test_call_ids_that_count_up_are_no_sign() -> None:
    legs = Legs().invite("load-test-call-1", TO_PROXY, caller="111")
    assert not legs.invite("load-test-call-2", TO_PROXY, at_ms=20, caller="222").links()


def test_one_sdp_session_is_likely() -> None:
    body = "v=0\r\no=pbx 4711 1 IN IP4 10.0.0.9\r\nc=IN IP4 10.0.0.9\r\nm=audio 30000 RTP/AVP 8\r\n"
    legs = Legs().invite("first", body=body)
    legs.invite("second", TO_FORK, at_ms=100, caller="anonymous", called="x", body=body)
    assert legs.one() == (2, "same SDP session", Confidence.LIKELY)


def test_a_caller_who_tries_again_with_the_same_sdp_makes_another_call() -> None:
    body = "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\nc=IN IP4 10.0.0.9\r\nm=audio 30000 RTP/AVP 8\r\n"
    legs = Legs().invite("first", body=body)
    assert not legs.invite("again", TO_PROXY, at_ms=9_000, body=body).links()


def test_what_begins_after_a_call_has_ended_is_no_leg_of_it() -> None:
    legs = Legs().invite("first")
    Playbook("first", legs.store).wait(100).response(486)
    assert not legs.invite("second", TO_CALLEE, at_ms=200).links()


@pytest.mark.parametrize(
    ("called", "at_ms", "reason", "confidence"),
    [
        ("2002", 100, "same numbers, 0.1 s apart", Confidence.LIKELY),
        ("002002", 100, "same caller, 0.1 s apart", Confidence.POSSIBLE),
        ("9", 1_400, "same caller, 1.4 s apart", Confidence.POSSIBLE),
    ],
)
def test_the_same_numbers_on_one_path_are_likely_the_same_caller_possible(
    called: str, at_ms: float, reason: str, confidence: Confidence
) -> None:
    legs = Legs().invite("first").invite("second", TO_CALLEE, at_ms=at_ms, called=called)
    assert legs.one() == (2, reason, confidence)


def test_numbers_are_the_same_with_a_prefix_of_trunk_or_country() -> None:
    legs = Legs().invite("first", caller="030123456", called="004989654321")
    legs.invite("second", TO_CALLEE, at_ms=30, caller="030123456", called="+4989654321")
    assert legs.one() == (2, "same numbers, 0.0 s apart", Confidence.LIKELY)


@pytest.mark.parametrize(
    ("along", "at_ms", "caller"),
    [(TO_CALLEE, 6_000, "1001"), (TO_PROXY, 100, "1001"), (TO_CALLEE, 100, "1002")],
    ids=["later", "not on the path", "another caller"],
)
def test_other_calls_are_no_legs(along: Flow, at_ms: float, caller: str) -> None:
    assert not Legs().invite("first").invite("second", along, at_ms=at_ms, caller=caller).links()


def test_legs_of_legs_belong_to_the_call() -> None:
    legs = Legs().invite("first")
    legs.invite("second", TO_CALLEE, "X-Call-ID: first", at_ms=20)
    legs.invite("third", Flow(CALLEE, FORK), at_ms=40)
    legs.invite("other", TO_PROXY, at_ms=60, caller="1009", called="5005")
    index = LegIndex(legs.store.dialogs.values())
    assert [(link.leg, link.other) for link in index.legs(1)] == [(2, 1), (3, 2)]
    assert [link.leg for link in index.legs(3)] == [2, 1]
    assert [link.leg for link in index.legs(1, Confidence.CERTAIN)] == [2]


def test_a_sign_that_hundreds_share_is_none() -> None:
    legs = Legs()
    for number in range(100):
        legs.invite(f"call-{number}", TO_CALLEE if number % 2 else TO_PROXY, at_ms=number)
    assert not legs.links()


def test_a_dialog_that_is_not_there_has_no_legs() -> None:
    assert LegIndex().legs(7) == []
