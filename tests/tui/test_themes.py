import pytest

from sipscope.errors import UsageError
from sipscope.tui.themes import (
    ANSI,
    CONTRAST,
    DARK,
    LIGHT,
    THEMES,
    VARIABLES,
    choose,
    own_theme,
)


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


def test_a_theme_of_a_person_differs_from_its_base_where_it_says_so() -> None:
    theme, complaints = own_theme("mine", {"base": "light", "failed": "#aa0000", "bar": "#eeeeee"})
    assert complaints == []
    assert (theme.name, theme.error, theme.background) == ("sipscope-mine", "#aa0000", "#fafafa")
    assert theme.variables["bar"] == "#eeeeee"
    assert theme.variables["old"] == LIGHT.variables["old"]
    assert choose("mine", themes={"mine": theme}) is theme


@pytest.mark.parametrize(("background", "dark"), [("#ffffff", False), ("#101010", True)])
def test_the_background_makes_a_theme_dark_or_light(background: str, dark: bool) -> None:
    assert own_theme("mine", {"background": background})[0].dark is dark


@pytest.mark.parametrize(
    ("colours", "complaint"),
    [
        ({"failed": "reddish"}, "themes.mine.failed is a colour such as #ff5f5f or ansi_red"),
        ({"base": "pink"}, "themes.mine.base is one of dark, light, ansi, contrast"),
        ({"warning": "#ff0000"}, "there is no themes.mine.warning: failed, doubtful"),
    ],
)
def test_what_is_no_colour_is_left_out_and_told(colours: dict[str, str], complaint: str) -> None:
    theme, complaints = own_theme("mine", colours)
    assert len(complaints) == 1
    assert complaints[0].startswith(complaint)
    assert theme.error == DARK.error


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.1)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_contrast_theme_has_at_least_seven_to_one() -> None:
    colours = [CONTRAST.primary, CONTRAST.warning, CONTRAST.error, CONTRAST.success]
    colours += [CONTRAST.foreground, CONTRAST.variables["old"], CONTRAST.variables["marked"]]
    for colour in colours:
        assert colour is not None
        assert (luminance(colour) + 0.05) / 0.05 >= 7
