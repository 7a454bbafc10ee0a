"""Words that are looked for in lines."""

from sipscope.tui.line_list import Span
from sipscope.tui.widgets.finding import finding, highlighted, matches, pattern_of
from sipscope.tui.widgets.wrapping import CONTINUATION, Line, line_text

FOLDED: list[Line] = [(Span("abc"),), (CONTINUATION, Span("def")), (Span("abc"),)]


def test_matches_are_in_pieces_over_folded_lines() -> None:
    assert list(matches(FOLDED, pattern_of("cd"))) == [[(0, 2, 3), (1, 2, 3)]]
    assert list(matches(FOLDED, pattern_of("fa"))) == []


def test_upper_and_lower_case_are_alike_and_signs_mean_themselves() -> None:
    lines: list[Line] = [(Span("a.C [x]"),)]
    assert list(matches(lines, pattern_of("A.c"))) == [[(0, 0, 3)]]
    assert list(matches(lines, pattern_of("[X]"))) == [[(0, 4, 7)]]


def test_one_match_stands_out_more_than_others() -> None:
    lines: list[Line] = [(Span("abab"),)]
    found = list(matches(lines, pattern_of("ab")))
    (line,) = highlighted(lines, found, 1)
    assert [(span.text, span.style) for span in line if span.text] == [
        ("ab", "marked"),
        ("ab", "found"),
    ]


def test_content_is_highlighted_for_any_width() -> None:
    content = finding(lambda width: [(Span("x" * width),)], "x")
    for width in (1, 3):
        (line,) = content(width)
        assert line_text(line) == "x" * width
        assert {span.style for span in line if span.text} == {"marked"}


def test_without_words_content_stays_as_it_is() -> None:
    plain = [(Span("x"),)]
    content = finding(lambda width: plain, "")
    assert content(9) is plain
