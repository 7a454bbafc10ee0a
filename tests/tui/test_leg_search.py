"""The other legs of calls, found a little at a time."""

import pytest

from sipscope.calls.legs import Confidence
from sipscope.calls.store import DialogStore
from sipscope.tui.leg_search import LegSearch
from tests.signalling import PBX, PHONE, TRUNK, Sent, add, request, store_of

CHOSEN = Sent(0, request("INVITE", call_id="call-1"), PHONE, PBX)
NAMING = "X-Original-Call-ID: call-1\r\n"


def other(at: float, headers: str = NAMING, call_id: str = "leg") -> Sent:
    return Sent(at, request("INVITE", call_id=call_id, user="77", headers=headers), PBX, TRUNK)


def search(store: DialogStore, *ids: int) -> LegSearch:
    found = LegSearch(store, [store.dialogs[i] for i in ids or (1,)])
    while not found.go_on(0.01):
        pass
    return found


def test_legs_near_in_time_are_found_with_their_reason() -> None:
    (link,) = search(store_of([CHOSEN, other(20_000)])).links()
    assert (link.leg, link.other, link.confidence) == (2, 1, Confidence.CERTAIN)
    assert "X-Original-Call-ID" in link.reason


def test_a_leg_that_began_before_is_found() -> None:
    store = store_of([other(0), Sent(20_000, CHOSEN.payload, PHONE, PBX)])
    assert [link.leg for link in search(store, 2).links()] == [1]


def test_dialogs_far_in_time_are_not_looked_at() -> None:
    assert search(store_of([CHOSEN, other(31_000)])).links() == []


def test_legs_of_one_group_are_found_whenever_they_began() -> None:
    store = store_of([CHOSEN, other(3_600_000, "X-Call-ID: call-1\r\n")])
    assert [link.leg for link in search(store).links()] == [2]


def test_legs_of_legs_are_found() -> None:
    third = other(40, "X-Original-Call-ID: leg\r\n", "leg-2")
    links = search(store_of([CHOSEN, other(20), third])).links()
    assert [(link.leg, link.other) for link in links] == [(2, 1), (3, 2)]


def test_what_was_chosen_is_no_leg_that_was_found() -> None:
    assert search(store_of([CHOSEN, other(20)]), 1, 2).links() == []


def test_the_nearest_are_looked_at_first_and_not_all_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = [
        Sent(n, request("INVITE", call_id=f"x-{n}", user=f"{n:03}"), TRUNK, PBX) for n in range(50)
    ]
    store = store_of([*sent, Sent(50, CHOSEN.payload, PHONE, PBX), other(51)])
    found = LegSearch(store, [store.dialogs[51]])
    now = iter(range(1000))
    monkeypatch.setattr("sipscope.tui.leg_search.monotonic", lambda: next(now))
    assert not found.go_on(8)
    assert [link.leg for link in found.links()] == [52]


def test_only_so_many_dialogs_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipscope.tui.leg_search.MAX_NEAR", 4)
    sent = [
        Sent(n, request("INVITE", call_id=f"x-{n}", user=f"{n:03}"), TRUNK, PBX)
        for n in range(1, 9)
    ]
    store = store_of([CHOSEN, *sent, other(10)])
    found = search(store)
    assert found.links() == []
    assert found.done


def test_dialogs_that_come_later_are_looked_at_once() -> None:
    store = store_of([CHOSEN])
    found = search(store)
    add(store, [other(20), other(60_000, call_id="late")])
    with store.lock:
        assert found.take({1, 2, 3})
        assert not found.take({1, 2, 3})
    assert [link.leg for link in found.links()] == [2]


def test_nothing_chosen_has_no_legs() -> None:
    found = LegSearch(store_of([CHOSEN]), [])
    assert found.go_on(1)
    assert found.links() == []
