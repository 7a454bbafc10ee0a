import numpy as np

from sipscope.calls.dialog_table import FAILS, PASSES, DialogTable, Kind, Values, verdict


def table(count: int) -> DialogTable:
    """A table of dialogs 10, 20, ... that all pass."""
    made = DialogTable()
    made.append(range(10, 10 * count + 1, 10))
    made.judge(range(count), [PASSES] * count)
    return made


def passing(given: DialogTable, *folded: str) -> list[int]:
    found: list[int] = given.ids[given.passing(folded)].tolist()
    return found


def test_rows_of_dialogs_are_found_and_others_left_out() -> None:
    assert table(4).rows([40, 10, 25, 99, 5]) == [3, 0]


def test_new_dialogs_are_due_until_they_are_judged() -> None:
    made = table(2)
    made.append([35, 30])
    assert made.ids.tolist() == [10, 20, 30, 35]
    assert made.due(0, 4) == [3, 2]
    assert made.judge([2, 3], [PASSES, FAILS])
    assert made.due(0, 4) == []
    assert passing(made) == [10, 20, 30]


def test_a_verdict_that_stays_is_no_news() -> None:
    assert not table(3).judge([0, 1], [PASSES, PASSES])


def test_judging_again_can_keep_or_forget_what_passed() -> None:
    made = table(2)
    made.judge_again(forget=False)
    assert (made.due(0, 2), passing(made)) == ([1, 0], [10, 20])
    made.judge_again(forget=True)
    assert passing(made) == []


def test_methods_are_folded_and_counted() -> None:
    made = table(3)
    made.judge([0, 1, 2], [verdict(m, True) for m in ("INVITE", "OPTIONS", "REGISTER")])
    assert passing(made, "OPTIONS") == [10, 30]
    assert (made.count("OPTIONS"), made.count("NOTIFY")) == (1, 0)
    assert verdict("OPTIONS", False) == FAILS


def test_rows_of_gone_dialogs_are_given_back_when_there_are_many() -> None:
    made = table(16)
    values = made.values("duration", Kind.NUMBER)
    values.set(range(16), list(range(16)))
    made.remove([0])
    assert made.tidy() is None
    assert passing(made)[0] == 20
    made.remove([0, 1, 2])
    kept = made.tidy()
    assert kept is not None
    assert kept.tolist() == list(range(3, 16))
    assert made.ids.tolist() == list(range(40, 170, 10))
    assert values.values[:13].tolist() == list(range(3, 16))


def test_a_table_grows_and_shrinks_with_its_values() -> None:
    made = table(5000)
    assert made.values("from", Kind.TEXT).known.size == made.capacity == 5000
    made.remove(range(4990))
    made.tidy()
    assert made.size == 10
    assert made.values("from", Kind.TEXT).known.size == made.capacity < 5000


def test_values_that_are_not_known_are_found() -> None:
    made = table(4)
    made.judge([3], [FAILS])
    made.values("from", Kind.TEXT).set([1], ["anna"])
    assert made.unvalued("from", 0, 4) == [2, 0]
    assert made.unvalued("from", 0, 4, passing=False) == [3, 2, 0]


def test_setting_the_same_value_is_no_news_unknown_ones_included() -> None:
    values = Values(Kind.NUMBER, 4)
    assert values.set([0, 1], [1.5, None])
    assert not values.set([0, 1], [1.5, None])
    assert values.set([0, 1], [1.5, 2])
    assert np.isnan(values.values[[2, 3]]).tolist() == [False, False]


def test_texts_sort_alike_in_upper_and_lower_case() -> None:
    values = Values(Kind.TEXT, 3)
    values.set([0, 1, 2], ["Bob", "anna", None])
    assert values.values.tolist() == [b"bob", b"anna", b""]


def test_ids_that_were_given_out_stay_as_they_were() -> None:
    made = table(16)
    before = made.ids
    made.remove([0, 1, 2])
    made.tidy()
    made.append([500])
    assert before.tolist() == list(range(10, 170, 10))
