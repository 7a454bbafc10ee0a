"""Bars for values."""

from sipscope.tui.widgets.sparkline import bars, resample, sparkline


def test_bars_reach_from_nothing_to_the_top() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 7) == "▁▂▃▄▅▆▇█"


def test_what_is_over_the_top_is_a_full_bar() -> None:
    assert sparkline([70], 7) == "█"


def test_little_is_not_drawn_as_nothing() -> None:
    assert sparkline([0.001], 100) == "▂"


def test_what_is_unknown_is_left_blank() -> None:
    assert sparkline([None, 0], 5) == " ▁"


def test_bars_may_be_several_lines_high() -> None:
    assert bars([0, 4, 8, 15, 23, 30, None, 0.001], 23, 3) == [
        "    ██  ",
        "  ▁███  ",
        "▁▅████ ▂",
    ]


def test_few_values_stay_as_they_are() -> None:
    assert resample([1, None, 3], 3) == [1, None, 3]


def test_of_many_values_the_highest_of_each_part_counts() -> None:
    assert resample([1, 9, 2, None, None, None, 4, 3], 4) == [9, 2, None, 4]


def test_no_values_have_no_bars() -> None:
    assert sparkline(resample([], 10), 1) == ""
