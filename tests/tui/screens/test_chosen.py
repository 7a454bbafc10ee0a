"""Some dialogs, live."""

import pytest

from sipscope.calls.legs import Confidence
from sipscope.tui.screens.chosen import ChosenDialogs
from sipscope.tui.widgets.wrapping import line_text
from tests.packets import START
from tests.signalling import PBX, PHONE, TRUNK, Sent, add, answered_call, request, stream
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


def test_all_legs_are_shown_with_their_reason_and_come_as_they_are_seen() -> None:
    engine = engine_of([*answered_call()[:2], OTHER])
    chosen = ChosenDialogs(engine, [1])
    chosen.show_legs(True)
    assert chosen.ids == [1]
    add(engine.store, [LEG])
    assert chosen.changed()
    assert chosen.ids == [1, 3]
    first, second = chosen.legs
    assert (first.call_id, first.link) == ("call-1", None)
    assert second.call_id == "leg"
    assert second.link is not None
    assert (second.link.reason, second.link.confidence) == (
        "X-Call-ID of that leg names this one",
        Confidence.CERTAIN,
    )
    chosen.show_legs(False)
    assert chosen.ids == [1]


def test_legs_that_no_header_names_are_found() -> None:
    same = Sent(20, request("INVITE", call_id="b2b"), PBX, TRUNK)
    engine = engine_of([*answered_call(), same])
    chosen = ChosenDialogs(engine, [1])
    chosen.show_legs(True)
    assert chosen.find_legs(1)
    assert chosen.ids == [1, 2]
    link = chosen.legs[1].link
    assert link is not None
    assert link.confidence is Confidence.LIKELY


def test_legs_stay_when_the_log_of_changes_does_not_reach_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = engine_of([*answered_call(), LEG])
    chosen = ChosenDialogs(engine, [1])
    chosen.show_legs(True)
    chosen.changed()
    monkeypatch.setattr(engine.store, "changes", lambda since: (since + 1, None))
    assert chosen.changed()
    assert chosen.ids == [1, 2]
    assert chosen.legs[0].link is None


def test_what_the_store_forgot_stays() -> None:
    engine = engine_of(answered_call())
    chosen = ChosenDialogs(engine, [1])
    with engine.store.lock:
        engine.store.forget([1])
    assert chosen.changed()
    assert len(chosen.messages()) == 7
    assert line_text(chosen.title(START)[0]).startswith("1001 → 2002   completed")


def test_a_ladder_may_give_each_port_a_column() -> None:
    second = Sent(9, request("INVITE", cseq=2), PHONE, PBX, 5062)
    chosen = ChosenDialogs(engine_of([*answered_call(), second]), [1])
    assert len(chosen.ladder().columns) == 2
    assert len(chosen.ladder(merge=False).columns) == 3


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
    assert len(chosen.ladder(media=False).rows) == 7


def test_media_are_told_of_each_call_and_of_streams_of_none() -> None:
    alone = stream((TRUNK, 5000), (PBX, 5002), start=0, count=50, ssrc=0xABC)
    engine = engine_of([*answered_call(media=200), *alone])
    chosen = ChosenDialogs(engine, [1])
    stray = engine.store.streams.figures(1)
    media = chosen.media([stray, *chosen.figures()])
    assert [call.one_way for call in media.calls] == [False]
    assert sorted(media.streams) == [1, 2, 3]
    assert media.rtcp == {1: None, 2: None, 3: None}
