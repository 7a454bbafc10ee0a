from dataclasses import FrozenInstanceError, fields

import pytest

from sipscope.settings.model import SECTIONS, TABLES, Settings, words_of


def test_every_field_is_a_section_or_a_table() -> None:
    assert tuple(each.name for each in fields(Settings)) == SECTIONS + TABLES


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_says_what_it_means(section: str) -> None:
    for each in fields(getattr(Settings(), section)):
        assert words_of(section, each.name)


def test_settings_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().view.theme = "light"  # type: ignore[misc]
