import time

import pytest

from sipscope.calls.repetition import LOOK_BACK, MOST_ALIKE, REMEMBERED, RecentMessages
from sipscope.calls.store import DialogStore
from sipscope.decode.address import Flow
from tests.calls.playbook import CALLEE, MS, PROXY, SECOND, TO_PROXY, give, incoming
from tests.packets import START
from tests.signalling import request

NEW, RETRANSMISSION, DUPLICATE = "new", "retransmission", "duplicate"
INVITE = request("INVITE")


def kinds(*messages: tuple[int, Flow, bytes]) -> list[str]:
    """What the store takes messages for that come one by one."""
    store = DialogStore()
    kinds = []
    for at, flow, raw in messages:
        repeated, twice = again(store), store.counters.duplicates
        give(store, [incoming(raw, START + at, flow)])
        kinds.append(
            DUPLICATE
            if store.counters.duplicates > twice
            else RETRANSMISSION
            if again(store) > repeated
            else NEW
        )
    return kinds


def again(store: DialogStore) -> int:
    """How many retransmissions there are."""
    return sum(dialog.retransmissions for dialog in store.dialogs.values())


@pytest.mark.parametrize(
    ("age", "kind"),
    [
        (0, DUPLICATE),
        (5 * MS - 1, DUPLICATE),
        (5 * MS, RETRANSMISSION),
        (500 * MS, RETRANSMISSION),
        (32 * SECOND, RETRANSMISSION),
        (32 * SECOND + 1, NEW),
        (-5 * MS + 1, DUPLICATE),
        (-3600 * SECOND, RETRANSMISSION),
    ],
)
def test_the_time_between_tells_a_second_capture_from_a_second_try(age: int, kind: str) -> None:
    assert kinds((0, TO_PROXY, INVITE), (age, TO_PROXY, INVITE)) == [NEW, kind]


def test_each_try_counts_from_the_one_before() -> None:
    tries = [(second * SECOND, TO_PROXY, INVITE) for second in (0, 20, 40, 60)]
    assert kinds(*tries) == [NEW, RETRANSMISSION, RETRANSMISSION, RETRANSMISSION]


def test_other_bytes_are_another_message() -> None:
    other = INVITE.replace(b"branch=z9hG4bK", b"branch=z9hG4bJ")
    assert kinds((0, TO_PROXY, INVITE), (1, TO_PROXY, other)) == [NEW, NEW]


def test_another_flow_is_another_message() -> None:
    assert kinds((0, TO_PROXY, INVITE), (1, Flow(PROXY, CALLEE), INVITE)) == [NEW, NEW]


def test_an_equal_flow_of_another_source_is_the_same() -> None:
    twin = Flow(*TO_PROXY)
    assert twin is not TO_PROXY
    assert kinds((0, TO_PROXY, INVITE), (1, twin, INVITE)) == [NEW, DUPLICATE]


def test_two_branches_that_are_repeated_in_turn_are_told_apart() -> None:
    raws = [INVITE.replace(b"z9hG4bK", b"z9hG4bK%d" % branch) for branch in range(MOST_ALIKE)]
    first = [(number, TO_PROXY, raw) for number, raw in enumerate(raws)]
    second = [(SECOND + number, TO_PROXY, raw) for number, raw in enumerate(raws)]
    assert kinds(*first, *second) == [NEW] * MOST_ALIKE + [RETRANSMISSION] * MOST_ALIKE


def test_a_message_is_looked_for_among_the_latest_of_its_dialog() -> None:
    others = [(n, TO_PROXY, request("INFO", cseq=n)) for n in range(2 * LOOK_BACK)]
    assert kinds(*others[:LOOK_BACK], others[0])[-1] == DUPLICATE
    assert kinds(*others, others[0])[-1] == NEW


def test_a_flood_of_messages_that_look_alike_costs_a_fixed_time_each() -> None:
    raws = [INVITE.replace(b"z9hG4bK", b"z9hG4bK%04d" % number) for number in range(4000)]
    flood = [incoming(raw, START + number) for number, raw in enumerate(raws)]
    store = DialogStore()
    started = time.process_time()
    for begin in range(0, len(flood), 500):
        give(store, flood[begin : begin + 500])
    assert time.process_time() - started < 2
    assert again(store) == 0


def test_packets_of_no_dialog_are_remembered_by_their_bytes_and_flow() -> None:
    flows = TO_PROXY, TO_PROXY, Flow(PROXY, CALLEE), TO_PROXY, TO_PROXY
    times = 0, 4 * MS, 4 * MS, SECOND, 34 * SECOND
    packets = [(START + at, 1, flow, b"RTCP") for at, flow in zip(times, flows, strict=True)]
    assert RecentMessages().classify(packets) == [0, 2, 0, 1, 0]


def test_that_memory_is_bounded_and_holds_the_latest() -> None:
    recent = RecentMessages()
    total = 3 * REMEMBERED
    for begin in range(0, total, 1000):
        numbers = range(begin, min(begin + 1000, total))
        recent.classify([(START, 1, TO_PROXY, b"%d" % number) for number in numbers])
    assert len(recent) <= 2 * REMEMBERED + 1000
    latest = [(START + SECOND, 1, TO_PROXY, b"%d" % (total - n)) for n in (1, REMEMBERED)]
    assert recent.classify(latest) == [1, 1]
    assert recent.classify([(START + SECOND, 1, TO_PROXY, b"0")]) == [0]
