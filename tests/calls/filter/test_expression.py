import pytest

from sipscope.calls.filter.expression import compile_filter
from sipscope.calls.filter.language import FilterExpressionError
from tests.calls.filter.asking import answered, passes, subject
from tests.calls.playbook import Playbook


def test_every_call_passes_an_empty_filter() -> None:
    everything = compile_filter("  ")
    assert not everything
    assert everything(answered())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1001 completed", True),
        ("1001 rejected", False),
        ("1001 !rejected", True),
        ('"1001 2002"', True),
        ("CALL-1", True),
        ("call-", False),
        ("state = completed and 1001", True),
        ("state = rejected or mos < 4.5", True),
        ("not (state = rejected or mos < 4.5)", False),
        ("streams and not problem", True),
        ("active", False),
        ("status", True),
    ],
)
def test_words_fields_and_logic(text: str, wanted: bool) -> None:
    assert passes(text, answered()) is wanted


@pytest.mark.parametrize(
    ("text", "remedy"),
    [("stat = busy", "Perhaps state is meant"), ("qqqq = 1", "The help lists the fields")],
)
def test_a_field_that_does_not_exist_is_refused(text: str, remedy: str) -> None:
    with pytest.raises(FilterExpressionError, match="There is no field") as raised:
        compile_filter(text)
    assert raised.value.remedy == remedy


def test_a_filter_knows_whether_time_alone_changes_what_passes() -> None:
    assert compile_filter("state = in-call and duration > 1m").passing
    assert not compile_filter("state = in-call").passing
    book = Playbook().invite().ok()
    assert not passes("duration > 1m", subject(book.store, after_s=59))
    assert passes("duration > 1m", subject(book.store, after_s=61))
