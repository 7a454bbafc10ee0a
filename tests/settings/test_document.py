import re
import tomllib

import pytest

from sipscope.settings.document import meaning_of_table, settings_document, toml
from sipscope.settings.loading import apply, known_settings
from sipscope.settings.model import SECTIONS, TABLES, CallList, Settings, View, words_of
from tests.commands import ROOT

PAGE = (ROOT / "docs" / "settings.md").read_text()
CHANGED = Settings(
    view=View(theme="mine", mouse=False),
    list=CallList(columns=("time", 'a"b'), widths={"from": 20}),
    keys={"calls.open": ("o",)},
    themes={"mine": {"failed": "#ff0000"}},
    aliases={"10.0.0.0/8": "lan"},
    filters={"bad": 'reason ~ "x\\\\y"'},
)


@pytest.mark.parametrize("settings", [Settings(), CHANGED], ids=["defaults", "changed"])
def test_what_is_printed_means_the_same_settings(settings: Settings) -> None:
    text = settings_document(settings, "/home/x.toml", [("calls.open", ("enter",), "Open")])
    assert apply(Settings(), tomllib.loads(text)) == (settings, [])


def test_what_is_commented_out_is_the_default() -> None:
    text = settings_document(Settings(), "/home/x.toml")
    without = re.sub(r"(?m)^#(?=[a-z_]+ = )", "", text)
    table = tomllib.loads(without)
    table.pop("themes")
    assert apply(Settings(), table)[1] == []
    assert set(table) == set(SECTIONS) | set(TABLES) - {"themes"}


def test_every_setting_is_there_with_what_it_means() -> None:
    text = settings_document(Settings(), "/home/x.toml")
    for section, name, _ in known_settings():
        assert f"# {words_of(section, name)}" in text
        assert f"#{name} = " in text
    assert "/home/x.toml" in text


def test_actions_are_listed_with_their_keys() -> None:
    text = settings_document(CHANGED, "x", [("a.b", ("f2", "s"), "Do it"), ("calls.open", (), "")])
    assert '#"a.b" = ["f2", "s"]  # Do it' in text
    assert text.count("calls.open") == 1


def test_the_page_of_the_settings_names_all_with_default_and_meaning() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)` \| `(.*)` \| (.*) \|$", PAGE)
    default = Settings()
    expected = [
        (name, toml(getattr(getattr(default, section), name)), words_of(section, name))
        for section, name, _ in known_settings()
    ]
    assert [(name, value) for name, value, _ in rows] == [row[:2] for row in expected]
    for (_, _, told), (_, _, words) in zip(rows, expected, strict=True):
        assert told.startswith(words)
    for section in (*SECTIONS, *TABLES):
        assert f"\n## [{section}]\n" in PAGE


def test_every_table_says_what_it_means() -> None:
    assert all(meaning_of_table(name) for name in TABLES)
