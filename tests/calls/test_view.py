import pytest

from sipscope.calls import sorting
from sipscope.calls import view as view_module
from sipscope.calls.columns import COLUMN
from sipscope.calls.filter import FilterExpressionError
from sipscope.calls.store import DialogStore
from sipscope.calls.view import CallView
from tests.calls.playbook import Playbook
from tests.packets import SECOND, START
from tests.signalling import PBX, PHONE, Sent, add, answered_call, request, response, store_of

NOW = START + 60 * SECOND
CALLERS = ("1003", "1001", "1002")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in s, which stands still until it is set."""
    time = [1.0]
    monkeypatch.setattr(view_module, "monotonic", lambda: time[0])
    return time


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


def test_a_text_that_is_no_filter_leaves_the_former_one_in_effect() -> None:
    view = settled(store_of(invites(*CALLERS)))
    view.arrange(text="from.user = 1001")
    update(view)
    with pytest.raises(FilterExpressionError):
        view.arrange(text="from.user = 1001 and")
    assert callers(view) == ["1001"]
    assert view.filter.text == "from.user = 1001"


def test_a_filter_that_time_changes_is_asked_again(clock: list[float]) -> None:
    store = store_of(invites("1001"))
    view = settled(store)
    view.arrange(text="age > 5m")
    update(view)
    assert callers(view) == []
    clock[0] += 1.0
    view.update(NOW + 600 * SECOND)
    assert callers(view) == ["1001"]


def test_no_column_is_left_alone() -> None:
    view = settled(store_of(invites(*CALLERS)))
    view.arrange(column="nonsense")
    assert view.column == "time"


def test_any_header_sorts() -> None:
    store = DialogStore()
    for n, account in enumerate(("blue", "", "amber")):
        book = Playbook(f"call-{n}", store)
        book.request("INVITE", headers=f"X-Account: {account}\r\n" if account else "")
    view = settled(store)
    view.arrange(column="header.x-account", descending=False)
    update(view)
    assert list(view.ids) == [3, 1, 2]


def requests(*methods: str) -> DialogStore:
    sent = [
        Sent(n, request(method, call_id=f"call-{n}"), PHONE, PBX)
        for n, method in enumerate(methods)
    ]
    return store_of(sent)


def test_methods_that_are_folded_are_counted_but_not_shown() -> None:
    view = settled(requests("INVITE", "OPTIONS", "REGISTER", "OPTIONS", "SUBSCRIBE"))
    view.arrange(folded=("OPTIONS", "REGISTER"))
    update(view)
    assert list(view.ids) == [5, 1]
    assert view.folded_counts() == {"OPTIONS": 2, "REGISTER": 1}
    view.arrange(folded=())
    update(view)
    assert len(view.ids) == 5


def test_what_the_filter_hides_is_not_counted_as_folded() -> None:
    view = settled(requests("INVITE", "OPTIONS", "REGISTER"))
    view.arrange(folded=("OPTIONS", "REGISTER"), text="not method = OPTIONS")
    update(view)
    assert view.folded_counts() == {"REGISTER": 1}


def test_the_first_call_at_a_time_is_found_in_any_order() -> None:
    view = settled(store_of(invites(*CALLERS, at=0.0)))
    view.arrange(column="from", descending=False)
    update(view)
    assert view.at_time(START) == 1
    assert view.at_time(START + 1_000_000) == 2
    assert view.at_time(START + 999 * SECOND) == 3


def test_an_empty_list_has_no_place_in_time() -> None:
    assert settled(DialogStore()).at_time(START) is None


def test_pinning_is_undone_when_all_were_pinned() -> None:
    store = store_of(invites(*CALLERS))
    view = settled(store)
    assert view.pin([1])
    assert view.pin([1, 2])
    assert store.pinned == {1, 2}
    assert not view.pin([1, 2])
    assert not view.is_pinned(1)


def test_cells_tell_what_the_columns_ask_for() -> None:
    view = settled(store_of(invites("1001")))
    view.show_columns([COLUMN["transport"], COLUMN["from"]])
    assert view.cells(1, NOW) == {"transport": "UDP", "from": "1001"}


def test_many_dialogs_are_sorted_beside_and_rows_of_gone_ones_are_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sorting, "AT_ONCE", 2)
    store = store_of(invites(*(str(1000 + n * 7 % 50) for n in range(50))))
    view = settled(store)
    view.arrange(column="from", descending=False)
    while view.waiting:
        view.update(NOW)
    assert callers(view) == [str(1000 + n) for n in range(50)]
    with store.lock:
        store.forget(range(1, 40))
    view.arrange(column="time")
    update(view)
    assert list(view.ids) == list(range(40, 51))


def test_from_and_to_are_read_before_somebody_sorts_by_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    view = settled(store_of(invites(*CALLERS)))
    view.update(NOW)
    blind = COLUMN["from"]._replace(key=lambda dialog, streams, now: None)
    monkeypatch.setattr(view_module, "find_column", lambda name: blind)
    view.arrange(column="from", descending=False)
    update(view)
    assert callers(view) == ["1001", "1002", "1003"]
