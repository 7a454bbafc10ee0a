import pytest

from sipscope.errors import UsageError
from sipscope.tui.themes import ANSI, DARK, LIGHT, THEMES, VARIABLES, choose


@pytest.mark.parametrize("name", ["light", "sipscope-light"])
def test_a_theme_is_chosen_by_either_name(name: str) -> None:
    assert choose(name, {}) is LIGHT


def test_an_unknown_name_is_an_error_with_the_remedy() -> None:
    with pytest.raises(UsageError, match=r"no theme 'pink'.*dark, light, ansi"):
        choose("pink", {})


def test_dark_is_the_default() -> None:
    assert choose(None, {"TERM": "xterm-256color"}) is DARK


@pytest.mark.parametrize("term", ["linux", "vt100"])
def test_terminals_with_sixteen_colours_get_the_ansi_theme(term: str) -> None:
    assert choose(None, {"TERM": term}) is ANSI


@pytest.mark.parametrize(("colours", "theme"), [("0;15", LIGHT), ("15;0", DARK), ("0;7", LIGHT)])
def test_the_terminal_tells_its_background(colours: str, theme: object) -> None:
    assert choose(None, {"COLORFGBG": colours}) is theme


@pytest.mark.parametrize("name", THEMES)
def test_every_theme_has_all_our_variables(name: str) -> None:
    assert set(VARIABLES) <= set(THEMES[name].variables)
