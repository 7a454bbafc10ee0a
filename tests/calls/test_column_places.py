import pytest

from sipscope.calls.column_places import place
from sipscope.calls.columns import USUAL


def names(width: int) -> list[str]:
    return [placed.column.id for placed in place(width, 3)]


def test_eighty_cells_show_who_what_and_how_well() -> None:
    assert names(79) == ["time", "from", "to", "method", "state", "duration", "loss", "mos"]


def test_a_wide_terminal_shows_all_columns() -> None:
    assert names(159) == [column.id for column in USUAL]


def test_a_narrow_terminal_shows_who_and_how_it_went() -> None:
    assert names(39) == ["from", "to", "state"]


@pytest.mark.parametrize("width", range(0, 320, 7))
def test_columns_stay_within_the_width_and_apart(width: int) -> None:
    end = 2
    for _, start, cells in place(width, 3):
        assert start == end + 1
        end = start + cells
    assert end <= max(width, 2)


@pytest.mark.parametrize("width", range(20, 319, 13))
def test_a_wider_terminal_never_loses_a_column(width: int) -> None:
    assert set(names(width)) <= set(names(width + 1))


def ids(width: int, *chosen: str, skip: int = 0, **widths: int) -> list[str]:
    return [p.column.id for p in place(width, 3, chosen, tuple(widths.items()), skip)]


def test_chosen_columns_stand_in_the_order_of_the_person() -> None:
    assert ids(79, "mos", "header.x-account", "from") == ["mos", "header.x-account", "from"]


def test_chosen_columns_that_do_not_fit_are_off_the_screen_on_the_right() -> None:
    chosen = ("from", "source", "destination", "to")
    assert ids(50, *chosen) == ["from", "source"]
    assert ids(50, *chosen, skip=2) == ["destination", "to"]


def test_usual_columns_that_do_not_fit_come_in_from_the_right() -> None:
    assert ids(79, skip=7) == ["mos", "messages", "source", "destination", "codec", "jitter"]


def test_what_is_no_column_is_left_out() -> None:
    assert ids(79, "from", "nonsense") == ["from"]


def test_a_fixed_width_is_obeyed_and_neither_shared_nor_exceeded() -> None:
    placed = place(79, 3, ("from", "to"), (("from", 12),))
    assert [each.width for each in placed] == [12, 22]


def test_one_column_wider_than_the_screen_is_cut() -> None:
    assert [each.width for each in place(40, 3, ("from",), (("from", 90),))] == [37]
