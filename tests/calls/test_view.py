import pytest

from sipscope.calls import view as view_module
from sipscope.calls.store import DialogStore
from sipscope.calls.view import CallView, TextFilter
from tests.packets import SECOND, START
from tests.signalling import PBX, PHONE, Sent, add, answered_call, request, response, store_of

NOW = START + 60 * SECOND
CALLERS = ("1003", "1001", "1002")


def invites(*callers: str, at: float = 0.0) -> list[Sent]:
    return [
        Sent(at + n, request("INVITE", call_id=f"call-{at}-{n}", user=user), PHONE, PBX)
        for n, user in enumerate(callers)
    ]


def settled(store: DialogStore) -> CallView:
    view = CallView(store)
    update(view)
    return view


def update(view: CallView) -> None:
    view.update(NOW, budget_s=5.0)
    while view.waiting:
        view.update(NOW, budget_s=5.0)


def callers(view: CallView) -> list[str]:
    rows = [view.row(dialog_id, NOW) for dialog_id in view.ids]
    return [row.caller for row in rows if row is not None]


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", True),
        ("   ", True),
        ("invite", True),
        ("INVITE 1001", True),
        ("invite 1002", False),
        ("!register", True),
        ("!invite", False),
        ("1001 !1002", True),
        ("!", True),
    ],
)
def test_words_are_anded_and_excluded(text: str, passes: bool) -> None:
    assert TextFilter(text)("1001 invite pcma") is passes


@pytest.mark.parametrize(("word", "passes"), [("9c40e1", True), ("9c40", False)])
def test_only_long_words_are_looked_for_in_the_call_id(word: str, passes: bool) -> None:
    assert TextFilter(word)("1001 invite", "f7a9c40e1@pbx") is passes


def test_a_lone_exclamation_mark_excludes_nothing_yet() -> None:
    assert not TextFilter("!")


def test_the_newest_call_comes_first() -> None:
    assert callers(settled(store_of(invites(*CALLERS)))) == ["1002", "1001", "1003"]


def test_calls_are_sorted_by_a_column() -> None:
    view = settled(store_of(invites(*CALLERS)))
    view.arrange(column="from", descending=False)
    update(view)
    assert callers(view) == ["1001", "1002", "1003"]


def test_reversing_needs_no_work() -> None:
    view = settled(store_of(invites(*CALLERS)))
    view.arrange(descending=False)
    assert not view.waiting
    assert callers(view) == ["1003", "1001", "1002"]


@pytest.mark.parametrize("descending", [True, False])
def test_unknown_values_come_last_in_both_directions(descending: bool) -> None:
    view = settled(store_of([*answered_call(), *invites("1009", at=1.0)]))
    view.arrange(column="duration", descending=descending)
    update(view)
    assert callers(view) == ["1001", "1009"]


def test_a_new_call_takes_its_place_in_the_order() -> None:
    store = store_of(invites(*CALLERS))
    view = settled(store)
    view.arrange(column="from", descending=False)
    update(view)
    add(store, invites("1001a", at=100.0))
    assert view.update(NOW)
    assert callers(view) == ["1001", "1001a", "1002", "1003"]


def test_a_call_that_changes_moves_to_its_new_place() -> None:
    store = store_of(invites(*CALLERS))
    view = settled(store)
    view.arrange(column="messages", descending=True)
    update(view)
    add(store, [Sent(50, response("180 Ringing", call_id="call-0.0-1", user="1001"), PBX, PHONE)])
    update(view)
    assert callers(view)[0] == "1001"


def test_a_forgotten_call_goes() -> None:
    store = store_of(invites(*CALLERS))
    view = settled(store)
    with store.lock:
        store.forget([view.ids[0]])
    assert view.update(NOW)
    assert callers(view) == ["1001", "1003"]


def test_no_news_are_told_as_such() -> None:
    view = settled(store_of(invites(*CALLERS)))
    assert not view.update(NOW)


def test_the_filter_applies_to_what_is_there_and_to_what_comes() -> None:
    store = store_of(invites(*CALLERS))
    view = settled(store)
    view.arrange(text="!1001")
    update(view)
    add(store, invites("1001", "1004", at=100.0))
    update(view)
    assert callers(view) == ["1004", "1002", "1003"]


def test_a_call_that_comes_to_match_appears() -> None:
    store = store_of(invites(*CALLERS))
    view = settled(store)
    view.arrange(text="ringing")
    update(view)
    assert view.ids == []
    add(store, [Sent(50, response("180 Ringing", call_id="call-0.0-1", user="1001"), PBX, PHONE)])
    update(view)
    assert callers(view) == ["1001"]


def test_an_empty_filter_shows_all_again() -> None:
    view = settled(store_of(invites(*CALLERS)))
    for text in ("1001", ""):
        view.arrange(text=text)
        update(view)
    assert len(view.ids) == 3


def test_a_new_order_is_worked_out_in_slices_while_the_former_list_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(view_module, "_SLICE", 2)
    view = settled(store_of(invites("1003", "1001", "1002", "1005", "1004")))
    before = list(view.ids)
    view.arrange(column="from")
    assert not view.update(NOW, budget_s=0.0)
    assert view.waiting
    assert view.progress == pytest.approx(0.4)
    assert view.ids == before
    update(view)
    assert view.progress is None
    assert callers(view) == ["1005", "1004", "1003", "1002", "1001"]


def test_what_passes_a_new_filter_appears_as_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "_SLICE", 2)
    view = settled(store_of(invites("1001", "1002", "1003", "1004", "1005")))
    view.arrange(text="!1004")
    assert view.update(NOW, budget_s=0.0)
    assert callers(view) == ["1005"]
    assert view.progress == pytest.approx(0.4)
    update(view)
    assert view.progress is None
    assert callers(view) == ["1005", "1003", "1002", "1001"]


def test_a_filter_that_nothing_passes_empties_the_list() -> None:
    view = settled(store_of(invites(*CALLERS)))
    view.arrange(text="nobody")
    assert view.update(NOW)
    assert view.ids == []


def test_a_call_that_comes_during_the_work_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "_SLICE", 2)
    store = store_of(invites("1001", "1002", "1003", "1004", "1005"))
    view = settled(store)
    view.arrange(column="from", descending=False)
    view.update(NOW, budget_s=0.0)
    add(store, invites("1000", at=100.0))
    update(view)
    assert callers(view)[0] == "1000"


def test_a_paused_view_stands_still_and_catches_up() -> None:
    store = store_of(invites(*CALLERS))
    view = settled(store)
    view.paused = True
    add(store, invites("1004", at=100.0))
    assert not view.update(NOW)
    assert len(view.ids) == 3
    view.paused = False
    update(view)
    assert len(view.ids) == 4


def test_a_paused_view_obeys_a_new_filter_without_newer_calls() -> None:
    store = store_of(invites(*CALLERS))
    view = settled(store)
    view.paused = True
    add(store, invites("1004", at=100.0))
    view.arrange(text="100")
    update(view)
    assert callers(view) == ["1002", "1001", "1003"]


def test_a_change_log_that_was_cut_costs_no_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(invites(*CALLERS))
    view = settled(store)
    gone = view.ids[0]
    add(store, invites("1004", at=100.0))
    with store.lock:
        store.forget([gone])
    monkeypatch.setattr(store, "changes", lambda since: (store.version, None))
    update(view)
    assert callers(view) == ["1004", "1001", "1003"]


def test_the_row_of_a_call_in_progress_grows_with_time() -> None:
    store = store_of(answered_call()[:5])
    view = settled(store)
    first, later = (view.row(view.ids[0], START + s * SECOND) for s in (10, 20))
    assert first is not None
    assert later is not None
    assert first.duration_s is not None
    assert later.duration_s == pytest.approx(first.duration_s + 10)


def test_the_row_of_a_finished_call_is_built_once() -> None:
    view = settled(store_of(answered_call()))
    first = view.row(view.ids[0], NOW)
    assert view.row(view.ids[0], NOW + 9 * SECOND) is first


def test_the_newest_shown_call_is_known_in_any_order() -> None:
    view = settled(store_of(invites(*CALLERS)))
    view.arrange(column="from", descending=False, text="!1002")
    update(view)
    assert view.newest == 2
