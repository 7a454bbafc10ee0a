import pytest

from sipscope.calls.filter.composing import METHODS, compose, quoted
from sipscope.calls.filter.expression import compile_filter
from tests.calls.filter.asking import answered, passes


def test_fields_that_are_filled_in_all_have_to_match() -> None:
    assert (
        compose({"from": "1001", "to": " ", "message": "a b"}) == 'from ~ 1001 and message ~ "a b"'
    )


@pytest.mark.parametrize(
    ("methods", "text"),
    [
        (METHODS, ""),
        ((), ""),
        (("INVITE",), "method = INVITE"),
        (("OPTIONS", "INVITE"), "method in (INVITE, OPTIONS)"),
        (METHODS[1:], "method != INVITE"),
        (METHODS[2:], "method not in (INVITE, REGISTER)"),
    ],
)
def test_methods_are_asked_for_unless_all_or_none_are_chosen(
    methods: tuple[str, ...], text: str
) -> None:
    assert compose({}, methods) == text


def test_a_number_with_a_plus_is_looked_for_as_it_is() -> None:
    made = compose({"from": "+49"})
    assert not passes(made, answered())
    assert compile_filter(made)


@pytest.mark.parametrize("text", ['say "hi"', "back\\slash\\d", "a b", "x)(y", "and"])
def test_any_text_can_be_a_value(text: str) -> None:
    assert compile_filter(f"from = {quoted(text)}")
