from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.calls.filter.language import (
    MAX_DEPTH,
    MAX_LENGTH,
    All,
    Any,
    Comparison,
    FilterExpressionError,
    Not,
    Tree,
    Words,
    parse,
    tokens,
)

FIELDS = frozenset({"state", "mos", "from.user", "active"})


def written(tree: Tree | None) -> str:
    """A tree in full, every group in parentheses."""
    match tree:
        case Words(token):
            return f"'{token.text}'"
        case Comparison(field, operator, values):
            return " ".join([field.text, operator, *(value.text for value in values)]).strip()
        case Not(part):
            return f"not({written(part)})"
        case All(parts):
            return f"({' and '.join(map(written, parts))})"
        case Any(parts):
            return f"({' or '.join(map(written, parts))})"
        case _:
            return ""


def read(text: str) -> str:
    return written(parse(text, FIELDS.__contains__))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", ""),
        ("   ", ""),
        ("1001", "'1001'"),
        ("1001 busy", "('1001' and 'busy')"),
        ('"1001 busy"', "'1001 busy'"),
        ("mos < 3.5", "mos < 3.5"),
        ("mos<3.5", "mos < 3.5"),
        ("state == busy", "state = busy"),
        ("state = a and mos < 3", "(state = a and mos < 3)"),
        ("state = a mos < 3", "(state = a and mos < 3)"),
        ("state = a && mos < 3 || active", "((state = a and mos < 3) or active)"),
        ("active or state = a and mos < 3", "(active or (state = a and mos < 3))"),
        ("(active or state = a) and mos < 3", "((active or state = a) and mos < 3)"),
        ("not active", "not(active)"),
        ("!options", "not('options')"),
        ("! ! active", "not(not(active))"),
        ("NOT active OR mos > 4", "(not(active) or mos > 4)"),
        ("state in (busy, declined)", "state in busy declined"),
        ("state in busy", "state in busy"),
        ("state not in (busy, declined) mos", "(not(state in busy declined) and mos)"),
        ('from.user ~ "^49"', "from.user ~ ^49"),
        ('from.user ~ "a\\"b\\d"', 'from.user ~ a"b\\d'),
        ("from.user !~ x", "from.user !~ x"),
        ("active not 1001", "(active and not('1001'))"),
    ],
)
def test_what_is_typed_has_one_meaning(text: str, tree: str) -> None:
    assert read(text) == tree


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("state =", "A value is missing at the end", (7, 7)),
        ("state = )", "There is no value before )", (8, 9)),
        ("= busy", "There is no field before =", (0, 1)),
        ("active and", "Something is missing at the end", (10, 10)),
        ("or active", "There is no field before or", (0, 2)),
        ("(active", "A parenthesis is not closed", (0, 1)),
        ("active)", ") does not belong here", (6, 7)),
        ("state in (a, b", "A set is not closed", (9, 10)),
        ('from.user ~ "49', "A quote is not closed", (12, 15)),
        ("(" * (MAX_DEPTH + 1), "The filter is nested too deeply", (MAX_DEPTH, MAX_DEPTH + 1)),
        ("x" * (MAX_LENGTH + 1), "The filter is too long", (MAX_LENGTH, MAX_LENGTH + 1)),
    ],
)
def test_what_means_nothing_is_refused_where_it_goes_wrong(
    text: str, message: str, place: tuple[int, int]
) -> None:
    with pytest.raises(FilterExpressionError) as raised:
        read(text)
    assert raised.value.message == message
    assert (raised.value.start, raised.value.end) == place


def test_a_word_before_an_operator_is_taken_for_a_field() -> None:
    assert read("stat = busy") == "stat = busy"


@given(st.text(max_size=200))
def test_no_piece_of_a_filter_is_lost(text: str) -> None:
    try:
        pieces = tokens(text)
    except FilterExpressionError:
        return
    between = [(a.end, b.start) for a, b in pairwise(pieces)]
    assert all(text[end:start].strip() == "" for end, start in between)


@given(st.text(alphabet='state = and or not in ("mos<3,)!~', max_size=120))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read(text)
    except FilterExpressionError as raised:
        place = raised.start, raised.end
    else:
        return
    assert 0 <= place[0] <= place[1] <= len(text)
