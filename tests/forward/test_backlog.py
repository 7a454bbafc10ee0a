from collections.abc import Iterator
from pathlib import Path

import pytest

from sipscope.forward.backlog import MAX_BYTES, MAX_MESSAGES, Backlog
from sipscope.forward.spool import open_spool
from tests.forward.test_spool import message, messages, numbers


def drain(backlog: Backlog) -> list[int]:
    found: list[int] = []
    while True:
        backlog.refill()
        if not backlog.ready:
            return found
        taken = [backlog.ready.popleft() for _ in range(min(len(backlog.ready), 7))]
        backlog.took(taken)
        found += numbers(taken)


@pytest.fixture
def spooled(tmp_path: Path) -> Iterator[Backlog]:
    backlog = Backlog(open_spool(str(tmp_path / "s"), 100 << 20))
    yield backlog
    backlog.close()


def test_messages_wait_in_order() -> None:
    backlog = Backlog()
    backlog.put(messages(5), away=False)
    backlog.put(messages(5, 9), away=True)
    assert len(backlog) == 9
    assert drain(backlog) == list(range(9))


def test_without_a_spool_the_oldest_make_room() -> None:
    backlog = Backlog()
    backlog.put(messages(MAX_MESSAGES + 10), away=True)
    assert backlog.dropped == 10
    assert drain(backlog) == list(range(10, MAX_MESSAGES + 10))


def test_without_a_spool_bytes_are_bounded_as_well() -> None:
    backlog = Backlog()
    for number in range(300):
        backlog.put([message(number, 65_000)], away=False)
    assert len(backlog) == MAX_BYTES // 65_000
    assert backlog.dropped == 300 - len(backlog)


def test_messages_that_come_back_are_the_oldest() -> None:
    backlog = Backlog()
    backlog.put(messages(5, 9), away=False)
    backlog.give_back(messages(5))
    assert drain(backlog) == list(range(9))


def test_a_server_that_is_away_has_its_messages_on_the_disk(spooled: Backlog) -> None:
    spooled.put(messages(5), away=True)
    assert not spooled.ready
    assert len(spooled) == 5
    assert drain(spooled) == list(range(5))


def test_what_memory_has_no_room_for_follows_on_the_disk(spooled: Backlog) -> None:
    for begin in range(0, 30_000, 100):
        spooled.put(messages(begin, begin + 100), away=False)
    assert len(spooled.ready) == MAX_MESSAGES
    assert len(spooled) == 30_000
    assert drain(spooled) == list(range(30_000))
    assert spooled.dropped == 0


def test_while_the_disk_has_messages_new_ones_follow_there(spooled: Backlog) -> None:
    spooled.put(messages(5), away=True)
    spooled.put(messages(5, 9), away=False)
    assert not spooled.ready
    assert drain(spooled) == list(range(9))
    spooled.put(messages(9, 12), away=False)
    assert len(spooled.ready) == 3


def test_messages_that_come_back_go_to_the_disk_before_the_others(spooled: Backlog) -> None:
    spooled.put(messages(5, 9), away=False)
    spooled.put(messages(9, 12), away=True)
    spooled.give_back(messages(5))
    assert not spooled.ready
    assert drain(spooled) == list(range(12))


def test_the_end_leaves_all_for_the_next_run(tmp_path: Path) -> None:
    backlog = Backlog(open_spool(str(tmp_path / "s"), 1 << 20))
    backlog.put(messages(5), away=False)
    backlog.put(messages(5, 9), away=True)
    backlog.close()
    again = Backlog(open_spool(str(tmp_path / "s"), 1 << 20))
    assert drain(again) == list(range(9))
    again.close()


def test_the_end_without_a_spool_counts_what_is_lost() -> None:
    backlog = Backlog()
    backlog.put(messages(5), away=False)
    backlog.close()
    assert backlog.dropped == 5


@pytest.mark.parametrize(("waiting", "full"), [(10_000, False), (10_001, True)])
def test_half_full_is_full_for_whoever_can_wait(waiting: int, full: bool) -> None:
    backlog = Backlog()
    backlog.put(messages(waiting), away=False)
    assert backlog.full is full
