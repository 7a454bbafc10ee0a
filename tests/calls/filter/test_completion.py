import pytest

from sipscope.calls.filter.completion import complete


def texts(typed: str) -> list[str]:
    return [each.text for each in complete(typed)]


def test_fields_begin_or_hold_what_is_typed() -> None:
    assert texts("sta") == ["state", "status"]
    assert texts("mos < 3 and jit") == ["jitter", "jitter.max"]
    assert "from.user" in texts("user")
    assert "state" in texts("")


def test_after_a_field_come_its_operators() -> None:
    assert texts("mos ") == ["=", "!=", "<", "<=", ">", ">=", "~", "!~", "in"]
    assert texts("active ") == ["=", "!=", "in"]


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("state = re", ["rejected", "registered"]),
        ("state in (re", ["rejected", "registered"]),
        ("state in (busy, re", ["rejected", "registered"]),
        ("state not in (busy, re", ["rejected", "registered"]),
        ("active = ", ["yes", "no"]),
        ("method = inv", ["INVITE"]),
        ("mos < ", []),
    ],
)
def test_values_that_are_known(typed: str, wanted: list[str]) -> None:
    assert texts(typed) == wanted


def test_a_completion_knows_where_it_stands() -> None:
    assert {each.start for each in complete("mos < 3 and sta")} == {12}


@pytest.mark.parametrize("typed", ['from.user ~ "49', "x" * 5000, "((", "= "])
def test_where_nothing_is_known_nothing_is_said_wrong(typed: str) -> None:
    assert all(each.words for each in complete(typed))
