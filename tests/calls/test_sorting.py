from time import sleep

import numpy as np
import pytest

from sipscope.calls import sorting
from sipscope.calls.sorting import Sorted, Sorting

NUMBERS = Sorting(np.array([1, 2, 3, 4]), np.array([2.0, np.nan, 1.0, 2.0]))


def test_equal_values_stand_in_the_order_of_their_start_and_unknown_ones_last() -> None:
    assert NUMBERS.result is not None
    assert NUMBERS.result.listed(False) == [3, 1, 4, 2]


def test_unknown_ones_are_last_the_other_way_round_too() -> None:
    assert NUMBERS.result is not None
    assert NUMBERS.result.listed(True) == [4, 1, 3, 2]


def test_texts_are_sorted_and_an_empty_one_is_unknown() -> None:
    done = Sorting(np.array([1, 2, 3]), np.array([b"b", b"", b"a"]))
    assert done.result is not None
    assert done.result.listed(False) == [3, 1, 2]


def test_the_order_of_the_start_costs_nothing_to_reverse() -> None:
    start = Sorted(np.array([1, 2, 3]), 3, by_id=True)
    assert start.listed(True) == [3, 2, 1]
    assert start.listed(True).index(2) == 1


def test_many_are_sorted_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "AT_ONCE", 2)
    beside = Sorting(np.arange(1000), np.arange(1000.0)[::-1])
    while beside.result is None:
        sleep(0.001)
    assert beside.result.listed(False)[:3] == [999, 998, 997]
