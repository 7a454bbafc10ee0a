import numpy as np
import pytest

from sipscope.calls.dialog_ids import DialogIds

RISING = DialogIds(np.array([2, 5, 9]), rising=True)
FALLING = DialogIds(np.array([9, 5, 2]), falling=True)
MIXED = DialogIds(np.array([5, 9, 2]))


@pytest.mark.parametrize("ids", [RISING, FALLING, MIXED])
def test_every_id_is_found_at_its_place(ids: DialogIds) -> None:
    assert [ids.index(dialog_id) for dialog_id in ids] == [0, 1, 2]
    assert [ids[place] for place in range(3)] == list(ids)


@pytest.mark.parametrize("ids", [RISING, FALLING, MIXED])
@pytest.mark.parametrize("missing", [1, 3, 10, "5", None])
def test_what_is_not_there_is_not_found(ids: DialogIds, missing: object) -> None:
    assert missing not in ids
    with pytest.raises(ValueError, match="not in the list"):
        ids.index(missing)


def test_it_looks_like_a_list() -> None:
    assert (len(MIXED), MIXED[1:], MIXED[-1]) == (3, [9, 2], 2)
    assert MIXED == [5, 9, 2]
    assert DialogIds(np.array([5, 9, 2])) == MIXED
    assert MIXED != RISING
    assert type(MIXED[0]) is int


@pytest.mark.parametrize("ids", [RISING, FALLING, MIXED])
def test_the_newest_and_the_rising_order_are_known(ids: DialogIds) -> None:
    assert ids.newest() == 9
    assert ids.rising().tolist() == [2, 5, 9]
    assert DialogIds(np.zeros(0, np.int64)).newest() is None
