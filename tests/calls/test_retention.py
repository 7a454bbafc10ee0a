from sipscope.calls.dialog import State
from sipscope.calls.retention import Retention


def order(retention: Retention, *pinned: int) -> list[int]:
    """In which order dialogs make room."""
    states = dict.fromkeys(State)
    gone = []
    while (victim := retention.victim(pinned)) is not None:
        for state in states:
            retention.leave(victim, state)
        gone.append(victim)
    return gone


def test_finished_then_unanswered_then_calls_in_progress() -> None:
    retention = Retention()
    retention.enter(1, State.IN_CALL, 0)
    retention.enter(2, State.RINGING, 0)
    retention.enter(3, State.COMPLETED, 0)
    retention.enter(4, State.PENDING, 0)
    retention.enter(5, State.FAILED, 0)
    assert order(retention) == [3, 5, 2, 4, 1]


def test_pinned_ones_stay() -> None:
    retention = Retention()
    for number in (1, 2, 3):
        retention.enter(number, State.COMPLETED, 0)
    assert order(retention, 1, 3) == [2]
    assert len(retention) == 2


def test_a_dialog_that_ends_goes_behind_those_that_ended_before() -> None:
    retention = Retention()
    for number in (1, 2, 3):
        retention.enter(number, State.SETUP, 0)
    retention.move(2, State.SETUP, State.BUSY, 0)
    retention.move(1, State.SETUP, State.IN_CALL, 0)
    retention.move(1, State.IN_CALL, State.COMPLETED, 0)
    assert order(retention) == [2, 1, 3]


def test_ringing_keeps_the_place_of_setup() -> None:
    retention = Retention()
    retention.enter(1, State.SETUP, 10)
    retention.enter(2, State.SETUP, 20)
    retention.move(1, State.SETUP, State.RINGING, 99)
    assert order(retention) == [1, 2]


def test_waiting_dialogs_are_due_at_their_time() -> None:
    retention = Retention()
    retention.enter(1, State.SETUP, 10)
    retention.enter(2, State.COMPLETED, 10)
    retention.enter(3, State.PENDING, 20)
    assert [retention.due(now) for now in (9, 10, 20)] == [[], [1], [1, 3]]
    assert retention.waiting() == [1, 3]


def test_a_dialog_can_be_looked_at_again_later() -> None:
    retention = Retention()
    retention.enter(1, State.RINGING, 10)
    retention.enter(2, State.SETUP, 20)
    retention.look_again(1, 42)
    assert [retention.due(now) for now in (20, 42)] == [[2], [2, 1]]


def test_one_that_no_longer_waits_is_not_due() -> None:
    retention = Retention()
    retention.enter(1, State.SETUP, 10)
    retention.move(1, State.SETUP, State.IN_CALL, 10)
    assert retention.due(99) == []
