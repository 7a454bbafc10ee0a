from sipscope.calls.filter.fields import FIELDS, Kind
from sipscope.calls.filter.operators import OPERATORS
from sipscope.calls.filter.reference import reference
from tests.commands import ROOT


def test_every_field_operator_and_kind_of_value_is_in_the_help() -> None:
    chapters = {chapter.title: [entry.term for entry in chapter.entries] for chapter in reference()}
    assert chapters["Fields"] == [*(field.name for field in FIELDS), "header.NAME"]
    assert chapters["Operators"] == [operator.symbol for operator in OPERATORS]
    assert chapters["Values"] == [kind.value for kind in Kind]


def test_a_line_of_the_help_fits_a_small_terminal() -> None:
    for chapter in reference():
        for entry in chapter.entries:
            assert len(entry.term) <= 16
            assert len(entry.words) <= 76


def test_the_page_of_the_language_tells_all_of_it() -> None:
    page = (ROOT / "docs" / "filter.md").read_text()
    for chapter in reference():
        for entry in chapter.entries:
            assert f"| `{entry.term}` | {entry.words} |".replace("||", "\\|\\|") in page
