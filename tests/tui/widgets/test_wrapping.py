"""Lines of spans in the width of a pane."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sipscope.tui.line_list import Span
from sipscope.tui.widgets.wrapping import line_text, restyle, skip, wrap

FOLD = Span("┊ ", "rule")


def wrapped(text: str, width: int) -> list[str]:
    return [line_text(line) for line in wrap((Span(text),), width, FOLD)]


def test_a_line_that_fits_stays_whole() -> None:
    assert wrapped("Max-Forwards: 70", 16) == ["Max-Forwards: 70"]


def test_a_long_line_is_broken_after_a_separator_near_the_end() -> None:
    assert wrapped("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1", 36) == [
        "Via: SIP/2.0/UDP 192.0.2.1:5060;",
        "┊ branch=z9hG4bK1",
    ]


def test_a_long_word_is_broken_where_the_line_is_full() -> None:
    assert wrapped("abcdefghij", 4) == ["abcd", "┊ ef", "┊ gh", "┊ ij"]


def test_wide_characters_count_as_two_cells() -> None:
    assert wrapped("王小明王小明", 7) == ["王小明", "┊ 王小", "┊ 明"]


def test_parts_keep_the_styles_of_their_spans() -> None:
    line = (Span("From: ", "name"), Span("abcdef"), Span("tag", "identity"))
    assert list(wrap(line, 8, FOLD)) == [
        (Span("From: ", "name"),),
        (FOLD, Span("abcdef")),
        (FOLD, Span("tag", "identity")),
    ]


@given(st.text(st.characters(codec="utf-8", min_codepoint=32), max_size=200), st.integers(4, 60))
def test_nothing_is_lost_and_no_part_is_too_wide(text: str, width: int) -> None:
    parts = wrapped(text, width)
    assert text == parts[0] + "".join(part.removeprefix(FOLD.text) for part in parts[1:])
    assert all(cell_len(part) <= width for part in parts)


@pytest.mark.parametrize(
    ("cells", "rest"), [(0, "ab王c"), (1, "b王c"), (2, "王c"), (3, " c"), (4, "c"), (9, "")]
)
def test_skipping_cells_leaves_a_blank_for_half_a_wide_character(cells: int, rest: str) -> None:
    assert line_text(skip((Span("ab王"), Span("c")), cells)) == rest


def test_a_part_of_a_line_gets_another_style() -> None:
    line = (Span("From: ", "name"), Span("abc"))
    assert restyle(line, 4, 8, "found") == (
        Span("From", "name"),
        Span(": ab", "found"),
        Span("c"),
    )
