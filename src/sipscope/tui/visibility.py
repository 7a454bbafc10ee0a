"""Which screens a person can see."""

from typing import Any

from textual.app import ScreenStackError
from textual.screen import Screen


def is_seen(screen: Screen[Any]) -> bool:
    """Tell whether a screen is on top, or has nothing but questions over it.

    Textual's `is_current` is true for the screen below the one on top as well, whether
    anything of it is seen or not.
    """
    try:
        stack = screen.app.screen_stack
    except ScreenStackError:
        return False
    for other in reversed(stack):
        if other is screen:
            return True
        if not other.is_modal:
            return False
    return False
