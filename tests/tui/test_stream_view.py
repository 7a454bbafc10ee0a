"""The list of streams, filtered and sorted."""

import pytest

from sipscope.calls.store import DialogStore
from sipscope.tui import stream_view
from sipscope.tui.stream_view import StreamView
from tests.signalling import PBX, PHONE, TRUNK, Sent, add, answered_call, store_of, stream


def sent() -> list[Sent]:
    """Two streams of a call, the second with 3 % loss, and one of no call with 20 %."""
    stray = stream((TRUNK, 5000), (PBX, 5002), start=0, count=50, lost=range(10, 20), ssrc=0xABC)
    return answered_call(media=100, lost=(10, 11, 12)) + stray


@pytest.fixture
def store() -> DialogStore:
    return store_of(sent())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in s, which stands still until it is set."""
    time = [0.0]
    monkeypatch.setattr(stream_view, "monotonic", lambda: time[0])
    return time


def sources(view: StreamView) -> list[str]:
    view.update()
    rows = view.rows(view.ids)
    return [str(rows[stream_id].row.flow.source) for stream_id in view.ids]


def test_the_stream_that_sounds_worst_comes_first(store: DialogStore) -> None:
    assert sources(StreamView(store)) == [f"{TRUNK}:5000", f"{PBX}:18000", f"{PHONE}:40000"]


def test_any_column_sorts(store: DialogStore) -> None:
    view = StreamView(store)
    view.arrange(column="first", descending=False)
    assert sources(view) == [f"{TRUNK}:5000", f"{PHONE}:40000", f"{PBX}:18000"]
    view.arrange(descending=True)
    assert sources(view) == [f"{PBX}:18000", f"{PHONE}:40000", f"{TRUNK}:5000"]


def test_the_order_is_worked_out_once_a_second(store: DialogStore, clock: list[float]) -> None:
    view = StreamView(store)
    assert view.update()
    add(store, stream((TRUNK, 6000), (PBX, 6002), start=16_000, count=50, ssrc=0xDEF))
    clock[0] = 0.9
    assert not view.update()
    assert (len(view.ids), view.total) == (3, 3)
    clock[0] = 1.0
    assert view.update()
    assert (len(view.ids), view.total) == (4, 4)


def test_another_order_is_worked_out_at_once(store: DialogStore, clock: list[float]) -> None:
    view = StreamView(store)
    view.update()
    view.arrange(descending=True)
    assert view.update()


def test_an_order_that_is_still_the_same_is_no_news(store: DialogStore, clock: list[float]) -> None:
    view = StreamView(store)
    view.update()
    clock[0] = 2.0
    assert not view.update()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("18000", [f"{PBX}:18000", f"{PHONE}:40000"]),
        ("pcma !2002", [f"{TRUNK}:5000"]),
        ("00000abc", [f"{TRUNK}:5000"]),
        ("1001", [f"{PBX}:18000", f"{PHONE}:40000"]),
        ("g729", []),
    ],
)
def test_words_filter_by_address_codec_ssrc_and_who_calls(
    store: DialogStore, text: str, found: list[str]
) -> None:
    view = StreamView(store)
    view.arrange(text=text)
    assert sources(view) == found
    assert view.total == 3


def test_a_stream_is_found_by_its_call_once_that_is_known(
    store: DialogStore, clock: list[float]
) -> None:
    call = answered_call(media=100)
    late = store_of([packet for packet in call if packet.source_port != 5060])
    view = StreamView(late)
    view.arrange(text="1001")
    assert sources(view) == []
    add(late, [packet for packet in call if packet.source_port == 5060])
    clock[0] = 1.0
    assert sources(view) == [f"{PHONE}:40000", f"{PBX}:18000"]


def test_a_filter_reads_many_streams_in_slices(
    store: DialogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_view, "_SLICE", 2)
    view = StreamView(store)
    view.arrange(text="pcma")
    view.update()
    seen = [(len(view.ids), view.waiting)]
    view.update()
    assert [*seen, (len(view.ids), view.waiting)] == [(2, True), (3, False)]


def test_rows_tell_who_calls_whom(store: DialogStore) -> None:
    view = StreamView(store)
    view.update()
    rows = view.rows([*view.ids, 99])
    assert [rows[stream_id].call for stream_id in view.ids] == ["", "1001 → 2002", "1001 → 2002"]
    assert len(rows) == 3
