"""Every state of the report's contract, by the messages that lead there."""

import pytest

from sipscope.calls.dialog import State
from sipscope.decode.address import Endpoint, Flow
from tests.calls.playbook import CALLEE, CALLER, FORK, PROXY, Playbook

ON = Flow(PROXY, CALLEE)
ON_TO_FORK = Flow(PROXY, FORK)


def call(cseq: int = 1) -> Playbook:
    return Playbook().invite(cseq)


def test_an_invite_sets_up_a_call() -> None:
    assert call().state is State.SETUP


def test_trying_is_not_yet_ringing() -> None:
    assert call().trying().state is State.SETUP


@pytest.mark.parametrize("status", [180, 181, 182, 183])
def test_a_provisional_answer_of_the_callee_is_ringing(status: int) -> None:
    assert call().trying().response(status).state is State.RINGING


def test_a_call_is_in_progress_from_the_200_on() -> None:
    assert call().ringing().ok().state is State.IN_CALL
    assert call().ringing().ok().ack().state is State.IN_CALL


def test_bye_completes_a_call() -> None:
    assert call().ringing().ok().ack().bye().state is State.COMPLETED
    assert call().ringing().ok().ack().bye().ok("BYE", 2).state is State.COMPLETED


def test_bye_before_ack_completes_a_call() -> None:
    assert call().ok().bye().ack().state is State.COMPLETED


def test_a_200_after_the_bye_does_not_bring_the_call_back() -> None:
    assert call().ok().ack().bye().ok().state is State.COMPLETED


def test_bye_before_the_answer_cancels_whatever_answer_follows() -> None:
    early = call().ringing().bye()
    assert early.state is State.CANCELLED
    assert early.response(487).state is State.CANCELLED


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (302, State.DIVERTED),
        (404, State.REJECTED),
        (480, State.NO_ANSWER),
        (486, State.BUSY),
        (488, State.REJECTED),
        (503, State.REJECTED),
        (600, State.BUSY),
        (603, State.DECLINED),
    ],
)
def test_a_final_answer_says_what_became_of_the_call(status: int, state: State) -> None:
    refused = call().trying().response(status).ack()
    assert refused.state is state
    assert refused.dialog.final_status == status


@pytest.mark.parametrize("status", [408, 480, 487])
def test_a_call_that_rang_until_a_timer_ended_it_was_not_answered(status: int) -> None:
    assert call().ringing().response(status).ack().state is State.NO_ANSWER


def test_408_without_ringing_is_a_failure() -> None:
    assert call().trying().response(408).state is State.FAILED


def test_487_without_ringing_is_a_cancellation_elsewhere() -> None:
    assert call().trying().response(487).state is State.CANCELLED


def test_cancel_ends_a_call_that_rings() -> None:
    cancelled = call().ringing().cancel()
    assert cancelled.state is State.CANCELLED
    assert cancelled.ok("CANCEL").response(487).ack().state is State.CANCELLED


def test_cancel_is_what_counts_whatever_final_answer_comes() -> None:
    assert call().ringing().cancel().response(486).state is State.CANCELLED


def test_cancel_without_any_answer_leaves_the_call_cancelled() -> None:
    assert call().cancel().wait(40_000).ends().state is State.CANCELLED


def test_200_wins_the_race_against_cancel() -> None:
    race = call().ringing().cancel().ok()
    assert race.state is State.IN_CALL
    assert race.ok("CANCEL").ack().bye().state is State.COMPLETED


def test_cancel_of_a_reinvite_leaves_the_call_up() -> None:
    assert call().ok().ack().reinvite().cancel(2).state is State.IN_CALL


@pytest.mark.parametrize("status", [401, 407])
def test_a_challenge_alone_is_unauthorized(status: int) -> None:
    assert call().response(status).ack().state is State.UNAUTHORIZED


@pytest.mark.parametrize("status", [401, 407])
def test_a_call_goes_on_with_credentials(status: int) -> None:
    tried = call().response(status).ack().invite(2)
    assert tried.state is State.SETUP
    assert tried.ringing().ok().ack().bye().state is State.COMPLETED


def test_403_to_credentials_is_unauthorized() -> None:
    assert call().response(407).ack().invite(2).response(403, cseq=2).state is State.UNAUTHORIZED


def test_403_without_credentials_is_a_rejection() -> None:
    assert call().response(403).state is State.REJECTED


def test_busy_after_authentication_is_busy() -> None:
    assert call().response(407).ack().invite(2).response(486, cseq=2).state is State.BUSY


@pytest.mark.parametrize("status", [302, 422, 484, 503])
def test_another_attempt_of_the_caller_begins_anew(status: int) -> None:
    second = call().response(status).ack().invite(2)
    assert second.state is State.SETUP
    assert second.response(486, cseq=2).state is State.BUSY


def test_an_attempt_after_a_cancelled_one_is_not_cancelled() -> None:
    second = call().ringing().cancel().response(487).ack().invite(2).ringing()
    assert second.response(486, cseq=2).state is State.BUSY


def test_busy_at_one_branch_is_not_busy_while_another_rings() -> None:
    forked = call().invite(along=ON).invite(along=ON_TO_FORK).ringing(along=ON_TO_FORK)
    assert forked.response(486, along=ON).state is State.RINGING
    assert forked.response(200, along=ON_TO_FORK).ok().state is State.IN_CALL


def test_refusal_that_the_proxy_passes_on_is_one_of_the_call() -> None:
    forked = call().invite(along=ON).response(486, along=ON)
    assert forked.state is State.SETUP
    assert forked.response(486).state is State.BUSY


def test_a_proxy_on_the_callers_host_is_told_from_the_caller() -> None:
    here = bytes([127, 0, 0, 1])
    leg = Flow(Endpoint(here, 5070), Endpoint(here, 5060))
    onward = Flow(Endpoint(here, 5060), Endpoint(here, 5090))
    forked = Playbook().invite(along=leg).invite(along=onward).response(486, along=onward)
    assert forked.state is State.SETUP
    assert forked.response(486, along=leg).state is State.BUSY


def test_an_answer_to_another_port_of_the_caller_is_one() -> None:
    via_port = Flow(Endpoint(CALLER.address, 5062), PROXY)
    assert call().response(486, along=via_port).state is State.BUSY


def test_a_proxy_that_cancels_a_branch_does_not_cancel_the_call() -> None:
    hunting = call().invite(along=ON).ringing(along=ON).ringing().cancel(along=ON)
    assert hunting.state is State.RINGING
    assert hunting.response(487, along=ON).invite(along=ON_TO_FORK).state is State.RINGING
    assert hunting.response(480).state is State.NO_ANSWER


def test_a_refused_reinvite_leaves_the_call_up() -> None:
    assert call().ok().ack().reinvite().response(488, cseq=2).ack(2).state is State.IN_CALL


class TestCaptureThatBeginsInTheMiddle:
    def test_a_reinvite_shows_a_call_in_progress(self) -> None:
        middle = Playbook().reinvite(5)
        assert middle.state is State.IN_CALL
        assert middle.ok(cseq=5).ack(5).bye(6).state is State.COMPLETED

    def test_a_refused_reinvite_leaves_it_in_progress(self) -> None:
        assert Playbook().reinvite(5).response(488, cseq=5).state is State.IN_CALL

    def test_its_answer_is_not_the_answer_to_the_call(self) -> None:
        assert Playbook().reinvite(5).ok(cseq=5).dialog.answered is None

    @pytest.mark.parametrize(
        ("status", "state"),
        [(180, State.RINGING), (200, State.IN_CALL), (486, State.BUSY), (401, State.UNAUTHORIZED)],
    )
    def test_a_response_first_tells_the_state(self, status: int, state: State) -> None:
        middle = Playbook().response(status)
        assert middle.dialog.method == "INVITE"
        assert middle.state is state

    def test_a_response_that_goes_to_a_proxy_is_taken_for_the_callers(self) -> None:
        assert Playbook().response(180, along=ON).response(486, along=ON).state is State.BUSY

    def test_an_ack_alone_is_complete(self) -> None:
        assert Playbook().ack().state is State.COMPLETED

    @pytest.mark.parametrize("method", ["ACK", "UPDATE", "INFO"])
    def test_a_reinvite_later_makes_a_call_of_it(self, method: str) -> None:
        middle = Playbook().request(method, cseq=4, to_tag="b2").reinvite(5)
        assert (middle.dialog.method, middle.state) == ("INVITE", State.IN_CALL)
        assert middle.ok(cseq=5).bye(6).state is State.COMPLETED

    def test_a_bye_waits_for_its_answer(self) -> None:
        middle = Playbook().bye()
        assert (middle.dialog.method, middle.state) == ("BYE", State.PENDING)
        assert middle.ok("BYE", 2).state is State.COMPLETED


class TestSilence:
    def test_four_tries_without_any_answer_are_a_failure(self) -> None:
        silent = call()
        for pause in (500, 1000):
            assert silent.wait(pause).again().state is State.SETUP
        assert silent.wait(2000).again().state is State.FAILED
        assert silent.dialog.retransmissions == 3

    @pytest.mark.parametrize("method", ["REGISTER", "OPTIONS", "SUBSCRIBE"])
    def test_any_request_fails_so(self, method: str) -> None:
        silent = Playbook().request(method).wait(500).again().wait(1000).again()
        assert silent.state is State.PENDING
        assert silent.wait(2000).again().state is State.FAILED

    def test_tries_of_several_branches_do_not_add_up(self) -> None:
        forked = call().invite(along=ON).invite(along=ON_TO_FORK).wait(500).again()
        assert forked.state is State.SETUP

    def test_an_answer_after_all_brings_the_call_back(self) -> None:
        late = call().wait(500).again().wait(1000).again().wait(2000).again()
        assert late.trying().state is State.SETUP
        assert late.ringing().state is State.RINGING

    @pytest.mark.parametrize(("ms", "state"), [(31_999, State.SETUP), (32_000, State.FAILED)])
    def test_a_transaction_times_out_after_64_times_t1(self, ms: int, state: State) -> None:
        silent = call().wait(ms)
        silent.store.tick(silent.now)
        assert silent.state is state

    @pytest.mark.parametrize(("ms", "state"), [(179_999, State.RINGING), (180_000, State.FAILED)])
    def test_ringing_that_leads_nowhere_ends_with_timer_c(self, ms: int, state: State) -> None:
        silent = call().ringing().wait(ms)
        for second in range(0, 200, 10):
            silent.store.tick(min(silent.now, silent.dialog.started + second * 1_000_000_000))
        assert silent.state is state

    @pytest.mark.parametrize(("ms", "state"), [(179_999, State.SETUP), (180_000, State.FAILED)])
    def test_after_100_timer_c_applies_too(self, ms: int, state: State) -> None:
        silent = call().trying().wait(ms)
        silent.store.tick(silent.now)
        assert silent.state is state

    def test_the_end_of_the_capture_leaves_open_what_may_still_come(self) -> None:
        assert call().wait(500).again().ends().state is State.SETUP
        assert call().ringing().wait(20_000).ends().state is State.RINGING

    def test_the_end_of_the_capture_ends_what_timed_out(self) -> None:
        assert call().wait(32_000).ends().state is State.FAILED

    def test_a_call_in_progress_never_times_out(self) -> None:
        assert call().ok().ack().wait(86_400_000).ends().state is State.IN_CALL


def register(headers: str = "Contact: <sip:1001@192.0.2.21>\r\n", cseq: int = 1) -> Playbook:
    return Playbook().request("REGISTER", cseq=cseq, headers=headers)


class TestRegister:
    def test_waits_for_its_answer(self) -> None:
        assert register().state is State.PENDING

    def test_200_registers(self) -> None:
        assert register().ok("REGISTER").state is State.REGISTERED

    def test_challenge_then_success(self) -> None:
        round_one = register().response(401, "REGISTER")
        assert round_one.state is State.UNAUTHORIZED
        round_two = round_one.request("REGISTER", cseq=2)
        assert round_two.state is State.PENDING
        assert round_two.ok("REGISTER", 2).state is State.REGISTERED

    def test_403_to_credentials_is_unauthorized(self) -> None:
        tried = register().response(401, "REGISTER").request("REGISTER", cseq=2)
        assert tried.response(403, "REGISTER", cseq=2).state is State.UNAUTHORIZED

    @pytest.mark.parametrize("status", [302, 403, 404, 423, 500])
    def test_other_answers_reject(self, status: int) -> None:
        assert register().response(status, "REGISTER").state is State.REJECTED

    def test_no_answer_fails(self) -> None:
        assert register().wait(32_000).ends().state is State.FAILED

    @pytest.mark.parametrize(
        "headers",
        [
            "Contact: <sip:1001@192.0.2.21>\r\nExpires: 0\r\n",
            "Contact: <sip:1001@192.0.2.21>;expires=0\r\n",
            "m: <sip:1001@192.0.2.21> ; Expires = 00\r\n",
            "Contact: *\r\nExpires: 0\r\n",
            'Contact: <sip:1@192.0.2.21>;expires=0;+sip.instance="<urn:uuid:1>"\r\n',
            "Contact: <sip:1@192.0.2.21>;expires=0, <sip:1@192.0.2.22>;expires=0\r\n",
        ],
    )
    def test_an_expiry_of_zero_unregisters(self, headers: str) -> None:
        assert register(headers).ok("REGISTER").state is State.UNREGISTERED

    @pytest.mark.parametrize(
        "headers",
        [
            "",
            "Contact: <sip:1001@192.0.2.21>\r\nExpires: 3600\r\n",
            "Contact: <sip:1001@192.0.2.21>;expires=60\r\nExpires: 0\r\n",
            "Contact: <sip:1@192.0.2.21>;expires=0, <sip:1@192.0.2.22>;expires=60\r\n",
            "Contact: <sip:1@192.0.2.21>;expires=0\r\nContact: <sip:1@192.0.2.22>\r\n",
            "Contact: <sip:1001@192.0.2.21>\r\nExpires: \r\n",
        ],
    )
    def test_any_other_expiry_registers(self, headers: str) -> None:
        assert register(headers).ok("REGISTER").state is State.REGISTERED

    def test_unregistering_after_a_registration(self) -> None:
        both = (
            register()
            .ok("REGISTER")
            .request("REGISTER", cseq=2, headers="Contact: *\r\nExpires: 0\r\n")
        )
        assert both.ok("REGISTER", 2).state is State.UNREGISTERED


class TestOthers:
    @pytest.mark.parametrize("method", ["OPTIONS", "SUBSCRIBE", "MESSAGE", "PUBLISH", "NEWMETHOD"])
    def test_2xx_completes(self, method: str) -> None:
        waiting = Playbook().request(method)
        assert waiting.state is State.PENDING
        assert waiting.response(202, method).state is State.COMPLETED

    @pytest.mark.parametrize("status", [302, 401, 404, 481, 503])
    def test_other_answers_reject(self, status: int) -> None:
        assert Playbook().request("OPTIONS").response(status, "OPTIONS").state is State.REJECTED

    def test_100_changes_nothing(self) -> None:
        assert Playbook().request("OPTIONS").response(100, "OPTIONS").state is State.PENDING

    def test_every_request_waits_anew(self) -> None:
        again = Playbook().request("OPTIONS").ok("OPTIONS").request("OPTIONS", cseq=2)
        assert again.state is State.PENDING
        assert again.wait(32_000).ends().state is State.FAILED

    def test_notify_within_a_subscription_does_not_count(self) -> None:
        subscribed = Playbook().request("SUBSCRIBE").response(202, "SUBSCRIBE")
        subscribed.request("NOTIFY", cseq=1, along=Flow(PROXY, CALLER))
        assert subscribed.state is State.COMPLETED


class TestTimes:
    def test_of_a_call_that_was_answered(self) -> None:
        talked = call().wait(4).trying().wait(146).ringing().wait(2500).ok().wait(1).ack()
        dialog = talked.wait(11_999).bye().wait(20).ok("BYE", 2).dialog
        assert dialog.pdd_ms == 150.0
        assert dialog.ring_ms == 2500.0
        assert dialog.setup_ms == 2650.0
        assert dialog.talk_s == 12.0
        assert dialog.total_s == 14.67

    def test_of_a_call_that_was_refused(self) -> None:
        dialog = call().wait(200).ringing().wait(3000).response(486).wait(5).ack().dialog
        assert (dialog.pdd_ms, dialog.ring_ms) == (200.0, 3000.0)
        assert (dialog.setup_ms, dialog.talk_s) == (None, None)

    def test_of_a_call_that_was_cancelled(self) -> None:
        dialog = call().wait(200).ringing().wait(3000).cancel().dialog
        assert dialog.ring_ms == 3000.0

    def test_authentication_counts_into_the_delay(self) -> None:
        tried = call().wait(30).response(407).ack().wait(30).invite(2).wait(90)
        assert tried.response(180, cseq=2).dialog.pdd_ms == 150.0

    def test_the_delay_ends_when_the_caller_hears_of_it(self) -> None:
        relayed = call().invite(along=ON).wait(100).ringing(along=ON).wait(5).ringing()
        assert relayed.dialog.pdd_ms == 105.0

    def test_a_call_without_ringing_has_none(self) -> None:
        dialog = call().wait(80).ok().dialog
        assert (dialog.pdd_ms, dialog.ring_ms, dialog.setup_ms) == (80.0, None, 80.0)

    def test_talk_ends_with_the_first_bye(self) -> None:
        talked = call().ok().wait(5000).bye().wait(10).response(401, "BYE", cseq=2)
        assert talked.wait(10).bye(3).ok("BYE", 3).dialog.talk_s == 5.0

    def test_a_call_in_progress_lasts_until_now(self) -> None:
        talking = call().ok().wait(7000)
        assert talking.dialog.duration_s(talking.now) == 7.0

    def test_none_is_negative_when_the_clock_is_set_back(self) -> None:
        dialog = call().ringing().wait(-3_600_000).ok().bye().dialog
        assert dialog.state is State.COMPLETED
        assert dialog.pdd_ms == 0.0
        assert dialog.ring_ms == dialog.setup_ms == dialog.talk_s == dialog.total_s == 0.0
        assert dialog.duration_s(0) == 0.0
