"""Colours: a dark, a light and a sixteen-colour theme.

Colour has one meaning everywhere: `error` failed or lost, `warning` doubtful, `success`
good, `primary` in progress, `$old` past or of less interest. `$rule` draws thin lines,
`$bar` lies behind the status line and the keys, `$cursor` behind the row under the cursor
and `$marked` is the colour of marks.
"""

import os
from collections.abc import Mapping

from textual.theme import BUILTIN_THEMES, Theme

from sipscope.errors import UsageError

_DARK = {
    "old": "#7d8794",
    "rule": "#39424d",
    "bar": "#1d242c",
    "cursor": "#2b3f57",
    "marked": "#d0a6f0",
}

DARK = Theme(
    name="sipscope-dark",
    primary="#6cb2f0",
    secondary="#8fa3b8",
    warning="#e2b04a",
    error="#f2706b",
    success="#79c47f",
    accent="#d0a6f0",
    foreground="#d5dbe2",
    background="#11161b",
    surface="#11161b",
    panel="#1d242c",
    dark=True,
    variables=_DARK,
)

LIGHT = Theme(
    name="sipscope-light",
    primary="#1460aa",
    secondary="#4d5c6b",
    warning="#8a5a00",
    error="#b3261e",
    success="#1e6f2b",
    accent="#7a3fa8",
    foreground="#1d242b",
    background="#fafafa",
    surface="#fafafa",
    panel="#e8ebef",
    dark=False,
    variables={
        "old": "#69727d",
        "rule": "#c3c9d0",
        "bar": "#e8ebef",
        "cursor": "#cfe2f7",
        "marked": "#7a3fa8",
    },
)

ANSI = Theme(
    name="sipscope-ansi",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_default",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    accent="ansi_magenta",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        "old": "ansi_bright_black",
        "rule": "ansi_bright_black",
        "bar": "ansi_default",
        "cursor": "ansi_blue",
        "marked": "ansi_magenta",
    },
)

THEMES: Mapping[str, Theme] = {"dark": DARK, "light": LIGHT, "ansi": ANSI}
"""By the name that a person types."""

VARIABLES: Mapping[str, str] = _DARK
"""What our variables are in a theme that does not know them."""

_SIXTEEN_COLOURS = frozenset({"linux", "ansi", "cons25", "vt100", "vt220", "xterm-16color"})


def choose(name: str | None, environment: Mapping[str, str] = os.environ) -> Theme:
    """Return the theme called `name`, or the one that fits the terminal.

    Args:
        name: A key of `THEMES`, with or without `sipscope-` before it; None to choose.
        environment: Where `TERM` and `COLORFGBG` are looked up.

    Raises:
        UsageError: There is no such theme.
    """
    if name is not None:
        theme = THEMES.get(name.removeprefix("sipscope-"))
        if theme is None:
            raise UsageError(f"There is no theme {name!r}", f"Choose {', '.join(THEMES)}")
        return theme
    if environment.get("TERM", "") in _SIXTEEN_COLOURS:
        return ANSI
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT if background in ("7", "15") else DARK
