"""Some dialogs, live."""

from sipscope.tui.screens.chosen import ChosenDialogs
from sipscope.tui.widgets.wrapping import line_text
from tests.packets import START
from tests.signalling import PBX, PHONE, TRUNK, Sent, add, answered_call, request
from tests.tui.frozen import engine_of

LEG = Sent(20, request("INVITE", call_id="leg", headers="X-Call-ID: call-1\r\n"), PBX, TRUNK)
OTHER = Sent(30, request("INVITE", call_id="other"), PHONE, PBX)


def test_news_are_told_once() -> None:
    engine = engine_of(answered_call()[:2])
    chosen = ChosenDialogs(engine, [1])
    told = [chosen.changed(), chosen.changed()]
    add(engine.store, answered_call()[2:])
    told += [chosen.changed(), chosen.changed()]
    assert told == [True, False, True, False]


def test_news_of_other_dialogs_are_none() -> None:
    engine = engine_of(answered_call())
    chosen = ChosenDialogs(engine, [1])
    chosen.changed()
    add(engine.store, [OTHER])
    assert not chosen.changed()


def test_dialogs_keep_the_order_in_which_they_were_chosen() -> None:
    engine = engine_of([*answered_call(), LEG, OTHER])
    ids = list(engine.store.dialogs)
    assert ChosenDialogs(engine, reversed(ids)).ids == ids[::-1]


def test_all_legs_are_those_of_the_group_and_come_as_they_are_seen() -> None:
    engine = engine_of([*answered_call()[:2], OTHER])
    chosen = ChosenDialogs(engine, [1])
    chosen.show_legs(True)
    assert chosen.ids == [1]
    add(engine.store, [LEG])
    assert chosen.changed()
    assert chosen.ids == [1, 3]
    chosen.show_legs(False)
    assert chosen.ids == [1]


def test_what_the_store_forgot_stays() -> None:
    engine = engine_of(answered_call())
    chosen = ChosenDialogs(engine, [1])
    with engine.store.lock:
        engine.store.forget([1])
    assert chosen.changed()
    assert len(chosen.messages()) == 7
    assert line_text(chosen.title(START)[0]).startswith("1001 → 2002   completed")


def test_a_dialog_that_never_was_leaves_all_empty() -> None:
    chosen = ChosenDialogs(engine_of(answered_call()), [99])
    assert chosen.ids == []
    assert chosen.title(START) == ((), "")
    assert chosen.ladder().rows == ()


def test_streams_are_in_the_order_of_their_first_packet() -> None:
    chosen = ChosenDialogs(engine_of(answered_call(media=20)), [1])
    assert [str(figures.flow.source) for figures in chosen.figures()] == [
        f"{PHONE}:40000",
        f"{PBX}:18000",
    ]
    assert len(chosen.ladder().rows) == 9
    assert len(chosen.ladder(streams=False).rows) == 7
