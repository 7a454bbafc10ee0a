import time
from collections.abc import Iterable

import pytest

from sipscope.calls.changes import ChangeLog
from sipscope.calls.dialog import Dialog, State
from sipscope.calls.store import (
    KEPT_FIRST_MESSAGES,
    MAX_DIALOG_MESSAGES,
    MAX_METHODS,
    OTHER_METHODS,
    DialogStore,
)
from sipscope.decode.address import Flow
from tests.calls.playbook import CALLEE, PROXY, TO_PROXY, Playbook, give, incoming
from tests.packets import START
from tests.signalling import (
    MS,
    PBX,
    PHONE,
    TRUNK,
    Sent,
    add,
    answered_call,
    request,
    response,
    sdp,
    store_of,
    stream,
)


def flood(
    store: DialogStore, numbers: Iterable[int], method: str = "OPTIONS", *, answered: bool = False
) -> None:
    """Requests each with a Call-ID of its own, a microsecond apart, in parts as of a source."""
    messages = []
    for n in numbers:
        raw = request(method, call_id=f"flood-{n}")
        messages.append(incoming(raw, START + 1000 * n))
        if answered:
            raw = response("200 OK", method, call_id=f"flood-{n}")
            messages.append(incoming(raw, START + 1000 * n, TO_PROXY.reverse))
    for begin in range(0, len(messages), 1500):
        give(store, messages[begin : begin + 1500])


def names(store: DialogStore) -> list[str]:
    return [dialog.call_id.decode() for dialog in store.dialogs.values()]


def only(store: DialogStore) -> Dialog:
    (dialog,) = store.dialogs.values()
    return dialog


class TestMessages:
    def test_a_dialog_holds_the_messages_of_its_call_id(self) -> None:
        store = store_of(answered_call())
        dialog = only(store)
        assert [(m.method, m.status) for m in dialog.messages] == [
            ("INVITE", 0),
            ("INVITE", 100),
            ("INVITE", 180),
            ("INVITE", 200),
            ("ACK", 0),
            ("BYE", 0),
            ("BYE", 200),
        ]
        assert [message.number for message in dialog.messages] == [1, 2, 3, 4, 5, 6, 7]
        assert dialog.messages[0].raw == answered_call()[0].payload

    def test_parties_codecs_and_agents_are_read_from_them(self) -> None:
        dialog = only(store_of(answered_call()))
        assert (dialog.caller.user, dialog.callee.user) == ("1001", "2002")
        assert dialog.caller.tag == "a1"
        assert dialog.request_uri == "sip:2002@example.com"
        assert dialog.codecs == ("PCMA",)
        assert dialog.user_agents == ("Snom D785", "Asterisk PBX 20")
        assert (dialog.final_status, dialog.reason) == (200, "OK")

    def test_ids_are_never_used_again(self) -> None:
        store = DialogStore()
        flood(store, range(2))
        store.forget([1, 2])
        flood(store, range(5, 6))
        assert list(store.dialogs) == [3]

    def test_a_retransmission_is_counted_in_its_dialog(self) -> None:
        dialog = Playbook().invite().wait(500).again().trying().dialog
        assert len(dialog.messages) == 3
        assert dialog.retransmissions == 1
        assert [m.retransmission for m in dialog.messages] == [False, True, False]

    def test_a_message_that_was_captured_twice_is_a_duplicate(self) -> None:
        book = Playbook().invite().wait(4.9).again()
        assert len(book.dialog.messages) == 1
        assert book.dialog.retransmissions == 0
        assert (book.store.counters.messages, book.store.counters.duplicates) == (2, 1)

    def test_a_retransmitted_answer_does_not_change_the_state(self) -> None:
        book = Playbook().invite().ok().ack().bye().ok("BYE", 2)
        assert book.wait(500).again().state is State.COMPLETED

    def test_what_is_no_sip_is_passed_over(self) -> None:
        store = DialogStore()
        give(store, [incoming(b"GET / HTTP/1.1\r\n\r\n", START)])
        assert (len(store.dialogs), store.counters.messages, store.kept_bytes) == (0, 0, 0)

    def test_a_broken_message_is_kept_and_counted(self) -> None:
        store = DialogStore()
        broken = b"INVITE sip:a@b SIP/2.0\r\nCall-ID: x\r\nCSeq: many INVITE\r\n\r\n"
        give(store, [incoming(broken, START)])
        assert store.counters.malformed == only(store).malformed == 1

    def test_methods_and_statuses_are_counted(self) -> None:
        book = Playbook().invite().wait(500).again().trying().ok().ack()
        assert dict(book.store.counters.methods) == {"INVITE": 2, "ACK": 1}
        assert dict(book.store.counters.statuses) == {100: 1, 200: 1}

    def test_invented_methods_are_counted_together(self) -> None:
        store = DialogStore()
        for n in range(10 * MAX_METHODS):
            give(store, [incoming(request(f"M{n}", call_id="x", cseq=n), START + n * 10 * MS)])
            give(store, [incoming(request("INFO", call_id="x", cseq=n), START + n * 10 * MS)])
        methods = store.counters.methods
        assert len(methods) <= MAX_METHODS + 1
        assert methods["INFO"] == 10 * MAX_METHODS
        assert methods.total() == 20 * MAX_METHODS
        assert methods[OTHER_METHODS] > 0

    def test_a_capture_that_begins_at_the_epoch_is_read_like_any(self) -> None:
        store = DialogStore()
        raw = request("OPTIONS")
        give(store, [incoming(raw, 0), incoming(raw, 500 * MS)])
        assert only(store).retransmissions == 1


class TestGroups:
    def test_x_call_id_makes_two_dialogs_legs_of_one_call(self) -> None:
        store = DialogStore()
        Playbook("a", store).invite()
        Playbook("b", store).request("INVITE", headers="X-Call-ID: a\r\n")
        Playbook("c", store).request("INVITE", headers="X-CID: b\r\n")
        Playbook("d", store).invite()
        assert [dialog.group for dialog in store.dialogs.values()] == [1, 1, 1, 4]

    @pytest.mark.parametrize("name", ["X-Call-ID", "x-call-id", "X-CALL-ID", "X-CID"])
    def test_in_any_spelling(self, name: str) -> None:
        store = DialogStore()
        Playbook("a", store).invite()
        Playbook("b", store).request("INVITE", headers=f"{name}:  a \r\n")
        assert [dialog.group for dialog in store.dialogs.values()] == [1, 1]

    def test_of_a_call_that_is_not_known_means_nothing(self) -> None:
        assert Playbook().request("INVITE", headers="X-Call-ID: gone\r\n").dialog.group == 1


class TestInDialog:
    @pytest.mark.parametrize("name", [b"To", b"t", b"TO", b"to ", b"T"])
    @pytest.mark.parametrize("tag", [b";tag=b2", b" ; tag = b2", b";x=1;TAG=b2"])
    def test_a_tag_of_the_callee_shows_a_call_in_progress(self, name: bytes, tag: bytes) -> None:
        raw = request("INVITE").replace(
            b"To: <sip:2002@example.com>", name + b": <sip:2002@h>" + tag
        )
        store = DialogStore()
        give(store, [incoming(raw, START)])
        assert only(store).in_dialog

    def test_a_tag_of_the_caller_does_not(self) -> None:
        assert (
            not Playbook().request("INVITE", headers="X-To: <sip:a@b>;tag=1\r\n").dialog.in_dialog
        )


class TestChanges:
    def test_tell_which_dialogs_changed(self) -> None:
        store = DialogStore()
        one, two = Playbook("one", store).invite(), Playbook("two", store).invite()
        version, changed = store.changes(0)
        assert changed == {1, 2}
        two.ringing()
        assert store.changes(version)[1] == {2}
        one.store.forget([1])
        assert store.changes(version)[1] == {1, 2}

    def test_count_up(self) -> None:
        book = Playbook().invite()
        before = book.store.version, book.dialog.version
        book.ringing()
        assert (book.store.version, book.dialog.version) > before

    def test_of_long_ago_are_not_known(self) -> None:
        store = DialogStore()
        flood(store, range(ChangeLog.CAPACITY + 1))
        assert store.changes(0) == (ChangeLog.CAPACITY + 1, None)

    def test_figures_of_a_stream_change_its_dialog(self) -> None:
        store = store_of(answered_call(media=10))
        version = store.version
        store.touch([*only(store).streams, 999])
        assert store.changes(version)[1] == {1}

    def test_timeouts_are_changes(self) -> None:
        book = Playbook().invite()
        version = book.store.version
        book.store.tick(book.wait(32_000).now)
        assert book.store.changes(version)[1] == {1}


class TestCounts:
    def test_of_states_follow_the_dialogs(self) -> None:
        store = DialogStore()
        Playbook("a", store).invite().ok().ack().bye()
        Playbook("b", store).invite().ringing()
        Playbook("c", store).invite().response(488)
        Playbook("d", store).invite().response(407).invite(2)
        counted = {state: count for state, count in store.states.items() if count}
        assert counted == {
            State.COMPLETED: 1,
            State.RINGING: 1,
            State.REJECTED: 1,
            State.SETUP: 1,
        }
        assert (store.active, store.problems) == (2, 1)

    def test_are_nothing_when_everything_is_forgotten(self) -> None:
        store = store_of(answered_call(media=10))
        flood(store, range(50), answered=True)
        store.forget(list(store.dialogs))
        assert not any(store.states.values())
        assert store.kept_bytes == 0

    def test_memory_is_counted_for_what_is_kept_only(self) -> None:
        book = Playbook().invite()
        before = book.store.kept_bytes
        for _ in range(10):
            book.again()
        assert book.store.kept_bytes == before

    def test_a_timeout_of_a_forgotten_dialog_changes_nothing(self) -> None:
        book = Playbook().invite()
        book.store.forget([1])
        book.store.tick(book.wait(60_000).now)
        book.ends()
        assert not any(book.store.states.values())


class TestBounds:
    def test_the_newest_dialogs_are_kept(self) -> None:
        store = DialogStore(capacity=100)
        flood(store, range(1000), answered=True)
        assert names(store) == [f"flood-{n}" for n in range(900, 1000)]
        assert store.counters.evicted == 900

    def test_finished_dialogs_go_first(self) -> None:
        store = DialogStore(capacity=10)
        Playbook("ringing", store).invite().ringing()
        flood(store, range(20), answered=True)
        assert names(store) == ["ringing", *(f"flood-{n}" for n in range(11, 20))]

    def test_a_flood_that_nobody_answers_evicts_no_call_in_progress(self) -> None:
        store = DialogStore(capacity=10)
        Playbook("talking", store).invite().ok().ack()
        flood(store, range(3000), "INVITE")
        assert names(store)[0] == "talking"
        assert len(store.dialogs) == 10

    def test_pinned_dialogs_never_go(self) -> None:
        store = DialogStore(capacity=5)
        flood(store, range(1), answered=True)
        store.pin(1)
        flood(store, range(1, 20), answered=True)
        assert names(store) == ["flood-0", *(f"flood-{n}" for n in range(16, 20))]
        store.pin(1, False)
        flood(store, range(20, 25), answered=True)
        assert names(store) == [f"flood-{n}" for n in range(20, 25)]

    def test_nothing_goes_when_all_are_pinned(self) -> None:
        store = DialogStore(capacity=5)
        flood(store, range(5))
        for dialog_id in list(store.dialogs):
            store.pin(dialog_id)
        store.capacity = 3
        give(store, [])
        assert len(store.dialogs) == 5

    def test_a_pinned_dialog_pins_its_streams(self) -> None:
        store = DialogStore(stream_capacity=4)
        add(store, answered_call(media=10))
        store.pin(1)
        for ssrc in range(10):
            newer = stream(("192.0.2.99", 9), (TRUNK, 9), start=30_000, count=6, ssrc=ssrc)
            add(store, newer)
        assert len(only(store).streams) == 2

    def test_memory_is_bounded(self) -> None:
        store = DialogStore(memory=100_000)
        flood(store, range(5000), answered=True)
        assert store.kept_bytes <= 100_000
        assert 20 < len(store.dialogs) < 100
        assert names(store)[-1] == "flood-4999"

    def test_keepalives_with_one_call_id_for_ever_take_a_fixed_number_of_messages(self) -> None:
        store = DialogStore()
        total = 2 * MAX_DIALOG_MESSAGES
        for begin in range(0, total, 500):
            pings = [
                incoming(request("OPTIONS", cseq=n), START + n * 10 * MS)
                for n in range(begin, begin + 500)
            ]
            give(store, pings)
        dialog = only(store)
        assert len(dialog.messages) <= MAX_DIALOG_MESSAGES
        assert len(dialog.messages) + dialog.dropped == total
        assert [m.cseq for m in dialog.messages[:KEPT_FIRST_MESSAGES]] == [*range(200)]
        assert [m.cseq for m in dialog.messages[-1000:]] == [*range(total - 1000, total)]

    def test_200_000_call_ids_cost_as_much_each_as_20_000(self) -> None:
        store = DialogStore(capacity=20_000)
        costs = []
        for begin in range(0, 200_000, 20_000):
            started = time.process_time()
            flood(store, range(begin, begin + 20_000))
            costs.append(time.process_time() - started)
        assert len(store.dialogs) == 20_000
        assert store.counters.evicted == 180_000
        assert min(costs[-3:]) < 3 * min(costs[:3])

    def test_no_table_grows_with_what_is_gone(self) -> None:
        store = DialogStore(capacity=20, stream_capacity=20)
        for n in range(300):
            call_id = f"call-{n}"
            offer = sdp(PHONE, 10_000 + 2 * n)
            messages = [
                Sent(1000 * n, request("INVITE", call_id=call_id, body=offer), PHONE, PBX),
                Sent(1000 * n + 9, response("200 OK", call_id=call_id), PBX, PHONE),
            ]
            media = stream((PBX, 1), (PHONE, 10_000 + 2 * n), start=1000 * n + 10, count=6)
            noise = stream((PBX, 3), (TRUNK, 4), start=1000 * n + 10, count=6, ssrc=n)
            add(store, [*messages, *media, *noise])
        assert len(store.dialogs) == 20
        tables = {
            name: len(value)
            for name, value in vars(store).items()
            if hasattr(value, "__len__") and name != "states"
        }
        assert {name: size for name, size in tables.items() if size > 40} == {}

    def test_clearing_again_and_again_leaves_nothing(self) -> None:
        store = DialogStore()
        for n in range(5):
            flood(store, range(100 * n, 100 * n + 100), answered=True)
            store.forget(list(store.dialogs))
        assert len(store._retention) == 0
        assert len(store._media) == 0


class TestMedia:
    def test_streams_belong_to_the_dialog_whose_sdp_asked_for_them(self) -> None:
        store = store_of(answered_call(media=50))
        dialog = only(store)
        assert dialog.streams == [1, 2]
        assert [store.owner(stream_id) for stream_id in (1, 2, 3)] == [dialog, dialog, None]
        assert {store.streams.figures(i).codec for i in dialog.streams} == {"PCMA"}

    def test_rtp_before_its_sdp_is_found_when_that_comes(self) -> None:
        store = DialogStore()
        add(store, stream((PBX, 18000), (PHONE, 40000), start=0, count=20))
        assert store.owner(1) is None
        add(store, [Sent(500, request("INVITE", body=sdp(PHONE, 40000)), PHONE, PBX)])
        assert store.owner(1) is only(store)
        assert only(store).streams == [1]

    def test_a_source_that_sdp_names_is_enough_behind_nat(self) -> None:
        store = DialogStore()
        add(store, [Sent(0, request("INVITE", body=sdp(PHONE, 40000)), PHONE, PBX)])
        add(store, stream((PHONE, 40000), ("203.0.113.99", 777), start=100, count=20))
        assert store.owner(1) is only(store)

    def test_rtp_behind_nat_before_its_sdp_is_found_too(self) -> None:
        store = DialogStore()
        add(store, stream((PHONE, 40000), ("203.0.113.99", 777), start=0, count=20))
        add(store, [Sent(500, request("INVITE", body=sdp(PHONE, 40000)), PHONE, PBX)])
        assert store.owner(1) is only(store)

    def test_a_reinvite_moves_the_port(self) -> None:
        store = store_of(answered_call(media=20))
        moved = request("INVITE", cseq=3, body=sdp(PHONE, 40010))
        add(store, [Sent(20_000, moved, PHONE, PBX)])
        add(store, stream((PBX, 18000), (PHONE, 40010), start=20_100, count=20, ssrc=7))
        assert only(store).streams == [1, 2, 3]

    @pytest.mark.parametrize("batches", [1, 2], ids=["in one batch", "in two batches"])
    def test_a_port_that_a_later_call_uses_again_is_that_calls_then(self, batches: int) -> None:
        first = [
            Sent(0, request("INVITE", call_id="one", body=sdp(PHONE, 40000)), PHONE, PBX),
            *stream((PBX, 18000), (PHONE, 40000), start=100, count=20, ssrc=1),
        ]
        second = [
            Sent(9000, request("INVITE", call_id="two", body=sdp(PHONE, 40000)), PHONE, PBX),
            *stream((PBX, 18002), (PHONE, 40000), start=9100, count=20, ssrc=2),
        ]
        store = DialogStore()
        for packets in ([*first, *second],) if batches == 1 else (first, second):
            add(store, packets)
        one, two = store.dialogs.values()
        assert (one.streams, two.streams) == ([1], [2])

    def test_a_stream_that_made_room_is_no_longer_the_dialogs(self) -> None:
        store = DialogStore(stream_capacity=2)
        add(store, answered_call(media=10))
        version = store.version
        add(store, stream((PBX, 18000), (PHONE, 40000), start=30_000, count=10, ssrc=9))
        assert len(only(store).streams) == 2
        assert store.owner(3) is only(store)
        assert store.changes(version)[1] == {1}

    def test_forgetting_a_dialog_forgets_its_streams(self) -> None:
        store = store_of(answered_call(media=10))
        store.forget([1])
        assert len(store.streams) == 0
        assert (store.owner(1), store.owner(2)) == (None, None)

    def test_a_retransmitted_offer_is_read_once(self) -> None:
        book = Playbook().invite(body=sdp(PHONE, 40000)).wait(500).again()
        assert book.dialog.endpoints == ()  # no RTP yet, so that there is nothing to place
        add(book.store, stream((PBX, 18000), (PHONE, 40000), start=600, count=1))
        assert len(book.dialog.endpoints) == 1

    def test_many_reinvites_with_many_streams_stay_cheap(self) -> None:
        store = DialogStore()
        add(store, [Sent(0, request("INVITE", body=sdp(PHONE, 40000)), PHONE, PBX)])
        for ssrc in range(1, 201):
            add(store, stream((PBX, 18000), (PHONE, 40000), start=ssrc, count=1, ssrc=ssrc))
        assert len(only(store).streams) == 200
        started = time.process_time()
        for n in range(300):
            raw = request("INVITE", cseq=2 + n, body=sdp(PHONE, 40000))
            give(store, [incoming(raw, START + n * 10 * MS)])
        assert time.process_time() - started < 5


def test_finishing_twice_changes_nothing() -> None:
    book = Playbook().invite().wait(32_000).ends()
    version = book.store.version
    book.ends()
    assert book.store.version == version


def test_ticks_end_though_a_dialog_waits_on() -> None:
    book = Playbook().invite().trying()
    for second in range(0, 180, 5):
        book.store.tick(START + second * 1000 * MS)
        assert book.state is State.SETUP


def test_a_flow_of_another_leg_does_not_confuse_the_store() -> None:
    book = Playbook().invite().invite(along=Flow(PROXY, CALLEE))
    assert len(book.store.dialogs) == 1
    assert book.dialog.flow == TO_PROXY
