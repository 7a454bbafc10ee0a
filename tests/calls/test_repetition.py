import pytest

from sipscope.calls.repetition import DUPLICATE, NEW, REMEMBERED, RETRANSMISSION, RecentMessages
from sipscope.decode.address import Flow
from tests.calls.playbook import CALLEE, MS, PROXY, SECOND, TO_PROXY
from tests.packets import START


def kinds(*messages: tuple[int, Flow, bytes]) -> list[int]:
    return RecentMessages().classify([(START + time, 1, flow, raw) for time, flow, raw in messages])


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
def test_the_time_between_tells_a_second_capture_from_a_second_try(age: int, kind: int) -> None:
    assert kinds((0, TO_PROXY, b"INVITE"), (age, TO_PROXY, b"INVITE")) == [NEW, kind]


def test_each_try_counts_from_the_one_before() -> None:
    tries = [(second * SECOND, TO_PROXY, b"OPTIONS") for second in (0, 20, 40, 60)]
    assert kinds(*tries) == [NEW, RETRANSMISSION, RETRANSMISSION, RETRANSMISSION]


def test_other_bytes_are_another_message() -> None:
    assert kinds((0, TO_PROXY, b"INVITE 1"), (1, TO_PROXY, b"INVITE 2")) == [NEW, NEW]


def test_another_flow_is_another_message() -> None:
    assert kinds((0, TO_PROXY, b"OK"), (1, Flow(PROXY, CALLEE), b"OK")) == [NEW, NEW]


def test_an_equal_flow_of_another_source_is_the_same() -> None:
    twin = Flow(*TO_PROXY)
    assert twin is not TO_PROXY
    assert kinds((0, TO_PROXY, b"OK"), (1, twin, b"OK")) == [NEW, DUPLICATE]


def test_the_memory_is_bounded_and_holds_the_latest() -> None:
    recent = RecentMessages()
    total = 3 * REMEMBERED
    for begin in range(0, total, 1000):
        numbers = range(begin, min(begin + 1000, total))
        recent.classify([(START, 1, TO_PROXY, b"%d" % number) for number in numbers])
    assert len(recent) <= 2 * REMEMBERED + 1000
    latest = [(START + SECOND, 1, TO_PROXY, b"%d" % (total - n)) for n in (1, REMEMBERED)]
    assert recent.classify(latest) == [RETRANSMISSION, RETRANSMISSION]
    assert recent.classify([(START + SECOND, 1, TO_PROXY, b"0")]) == [NEW]
