"""Colours: a dark, a light, a sixteen-colour and a high-contrast theme, and those of a person.

Colour has one meaning everywhere: `error` failed or lost, `warning` doubtful, `success`
good, `primary` in progress, `$old` past or of less interest. `$rule` draws thin lines,
`$bar` lies behind the status line and the keys, `$cursor` behind the row under the cursor
and `$marked` is the colour of marks.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from textual.color import Color, ColorParseError
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

CONTRAST = Theme(
    name="sipscope-contrast",
    primary="#5fd7ff",
    secondary="#ffffff",
    warning="#ffff00",
    error="#ff5f5f",
    success="#5fff5f",
    accent="#ff87ff",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#000000",
    dark=True,
    variables={
        "old": "#d0d0d0",
        "rule": "#a8a8a8",
        "bar": "#262626",
        "cursor": "#005faf",
        "marked": "#ff87ff",
    },
)

THEMES: Mapping[str, Theme] = {"dark": DARK, "light": LIGHT, "ansi": ANSI, "contrast": CONTRAST}
"""By the name that a person types."""

COLOURS: Mapping[str, str] = {
    "failed": "error",
    "doubtful": "warning",
    "good": "success",
    "progress": "primary",
    "name": "secondary",
    "identity": "accent",
    "text": "foreground",
    "background": "background",
    "old": "old",
    "rule": "rule",
    "bar": "bar",
    "cursor": "cursor",
    "marked": "marked",
}
"""What a person may give a colour, and what that is called here."""

BASE = "base"
"""The theme from which one's own differs."""

VARIABLES: Mapping[str, str] = _DARK
"""What our variables are in a theme that does not know them."""

_SIXTEEN_COLOURS = frozenset({"linux", "ansi", "cons25", "vt100", "vt220", "xterm-16color"})
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


def own_theme(name: str, colours: Mapping[str, str]) -> tuple[Theme, list[str]]:
    """Return a person's theme, and a sentence for each colour that cannot be used.

    Args:
        name: Of the theme.
        colours: By a key of `COLOURS`; `base` names the theme that gives the others.
    """
    complaints = []
    base = THEMES.get(colours.get(BASE, "dark"))
    if base is None:
        complaints.append(f"themes.{name}.{BASE} is one of {', '.join(THEMES)}")
        base = DARK
    if not _NAME.fullmatch(name):
        complaints.append("the name of a theme is letters, digits, - and _")
        name = "own"
    changes: dict[str, str] = {}
    for key, colour in colours.items():
        if key == BASE:
            continue
        if key not in COLOURS:
            complaints.append(f"there is no themes.{name}.{key}: {', '.join(COLOURS)}")
            continue
        try:
            Color.parse(colour)
        except ColorParseError:
            complaints.append(f"themes.{name}.{key} is a colour such as #ff5f5f or ansi_red")
        else:
            changes[COLOURS[key]] = colour
    return _changed(base, f"sipscope-{name}", changes), complaints


def choose(
    name: str | None,
    environment: Mapping[str, str] = os.environ,
    themes: Mapping[str, Theme] = THEMES,
) -> Theme:
    """Return the theme called `name`, or the one that fits the terminal.

    Args:
        name: A key of `themes`, with or without `sipscope-` before it; None or empty to choose.
        environment: Where `TERM` and `COLORFGBG` are looked up.
        themes: Those that there are.

    Raises:
        UsageError: There is no such theme.
    """
    if name:
        theme = themes.get(name.removeprefix("sipscope-"))
        if theme is None:
            raise UsageError(f"There is no theme {name!r}", f"Choose {', '.join(themes)}")
        return theme
    if environment.get("TERM", "") in _SIXTEEN_COLOURS:
        return ANSI
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT if background in ("7", "15") else DARK


def _changed(base: Theme, name: str, changes: Mapping[str, str]) -> Theme:
    fields: dict[str, Any] = {key: value for key, value in changes.items() if key not in VARIABLES}
    if "background" in fields:
        fields["surface"] = fields["background"]
    variables = {**base.variables, **{k: v for k, v in changes.items() if k in VARIABLES}}
    if "bar" in changes:
        fields["panel"] = changes["bar"]
    background = fields.get("background")
    dark = base.dark if background is None else Color.parse(background).brightness < 0.5
    return replace(base, name=name, dark=dark, variables=variables, **fields)
