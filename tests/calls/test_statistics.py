import pytest

from sipscope.calls.statistics import MAX_NAMES, MINUTE_NS, TrafficStatistics
from sipscope.calls.store import DialogStore
from tests.calls.playbook import Playbook, give, incoming
from tests.packets import START
from tests.signalling import request

MINUTE_MS = 60_000


def counted(store: DialogStore) -> TrafficStatistics:
    statistics = TrafficStatistics(store)
    statistics.update()
    assert statistics.waiting == 0
    return statistics


def answered(store: DialogStore, name: str, *, at_ms: float = 0, talk_ms: float = 10_000) -> None:
    """A call with a post-dial delay of 200 ms that is answered after two seconds."""
    book = Playbook(name, store).wait(at_ms).invite().wait(200).ringing().wait(1_800).ok().ack()
    book.wait(talk_ms).bye().ok("BYE", 2)


def test_a_store_without_calls_has_no_figures() -> None:
    figures = counted(Playbook().request("OPTIONS").store).figures()
    assert (figures.attempts, figures.asr_percent, figures.acd_s, figures.pdd_ms) == (
        0,
        None,
        None,
        None,
    )
    assert figures.minutes == ()


def test_ratios_are_of_calls_that_have_an_outcome() -> None:
    store = DialogStore()
    answered(store, "a")
    answered(store, "b", talk_ms=20_000)
    Playbook("busy", store).invite().wait(100).response(486).ack()
    Playbook("wrong", store).invite().wait(100).response(404).ack()
    Playbook("rings", store).invite().ringing()
    figures = counted(store).figures()
    assert (figures.attempts, figures.answered, figures.ended) == (5, 2, 4)
    assert (figures.asr_percent, figures.ner_percent, figures.acd_s) == (50.0, 75.0, 15.0)


def test_a_call_in_progress_has_an_outcome_but_no_duration() -> None:
    store = DialogStore()
    Playbook("talks", store).invite().ok().ack()
    figures = counted(store).figures()
    assert (figures.talking, figures.asr_percent, figures.acd_s) == (1, 100.0, None)


def test_the_post_dial_delay_has_a_mean_and_a_percentile() -> None:
    store = DialogStore()
    for number, delay in enumerate([100] * 18 + [1_000, 4_000]):
        Playbook(f"call-{number}", store).invite().wait(delay).ringing()
    figures = counted(store).figures()
    assert figures.pdd_ms == pytest.approx((1_800 + 5_000) / 20)
    assert figures.pdd_95_ms is not None
    assert 1_000 <= figures.pdd_95_ms <= 1_250


def test_the_course_has_attempts_answers_and_concurrent_calls() -> None:
    store = DialogStore()
    answered(store, "short")
    answered(store, "long", talk_ms=2.5 * MINUTE_MS)
    answered(store, "later", at_ms=2 * MINUTE_MS)
    Playbook("wrong", store).wait(2 * MINUTE_MS).invite().response(500).ack()
    minutes = counted(store).figures().minutes
    # START is 13 min 20 s after the hour, so that the minutes begin 20 s before it.
    assert minutes[0].start == START // MINUTE_NS * MINUTE_NS
    assert [minute.attempts for minute in minutes] == [2, 0, 2]
    assert [minute.answered for minute in minutes] == [2, 0, 1]
    assert [minute.concurrent for minute in minutes] == [2, 1, 2]
    assert [minute.failed for minute in minutes] == [0, 0, 1]


def test_only_news_is_counted() -> None:
    store = DialogStore()
    statistics = TrafficStatistics(store)
    book = Playbook("call", store).invite().wait(200).ringing()
    statistics.update()
    assert (statistics.figures().attempts, statistics.figures().answered) == (1, 0)
    book.wait(1_000).ok().ack()
    statistics.update()
    assert statistics.figures().talking == 1
    book.wait(5_000).bye().ok("BYE", 2)
    statistics.update()
    statistics.update()
    figures = statistics.figures()
    assert (figures.attempts, figures.answered, figures.ended, figures.talking) == (1, 1, 1, 0)
    assert figures.acd_s == 5.0


def test_what_the_store_forgets_stays_counted() -> None:
    store = DialogStore()
    answered(store, "a")
    statistics = counted(store)
    store.forget([1])
    statistics.update()
    assert statistics.figures().answered == 1


def test_who_talks_is_counted_within_bounds() -> None:
    store = DialogStore()
    for number in range(MAX_NAMES + 10):
        raw = request("OPTIONS", call_id=f"c{number}").replace(
            b"\r\n\r\n", b"\r\nUser-Agent: phone-%d\r\n\r\n" % number, 1
        )
        give(store, [incoming(raw, START + number)])
    statistics = TrafficStatistics(store)
    statistics.update(budget_s=30)
    figures = statistics.figures()
    assert figures.sources == {"192.0.2.21": MAX_NAMES + 10}
    assert len(figures.agents) == MAX_NAMES


def test_the_work_is_done_in_slices() -> None:
    store = DialogStore()
    for number in range(300):
        Playbook(f"call-{number}", store).invite()
    statistics = TrafficStatistics(store)
    statistics.update(budget_s=0)
    assert statistics.waiting == 300
    while statistics.waiting:
        statistics.update()
    assert statistics.figures().attempts == 300
