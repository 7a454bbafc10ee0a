from collections.abc import Callable

import pytest

from sipscope.tui.app import SipscopeApp
from sipscope.tui.keys import CALLS, EVERYWHERE, MOVEMENT
from sipscope.tui.screens.calls import CallsScreen
from sipscope.tui.screens.help import HelpScreen, help_lines
from tests.tui.frozen import engine_of


def text(width: int) -> list[str]:
    contexts = (CALLS, MOVEMENT, EVERYWHERE)
    return ["".join(span.text for span in line) for line in help_lines(contexts, width)]


def test_every_key_of_every_context_is_told() -> None:
    shown = "\n".join(text(78))
    for context in (CALLS, MOVEMENT, EVERYWHERE):
        assert context.title in shown
        for key in context.keys:
            assert key.words in shown


def test_it_fits_eighty_by_twenty_four() -> None:
    assert len(text(78)) <= 23
    assert max(map(len, text(78))) <= 78


def test_a_narrow_terminal_gets_one_column() -> None:
    assert len(text(50)) > 30
    assert max(map(len, text(50))) <= 50


async def test_any_key_for_going_back_goes_back() -> None:
    for key in ("escape", "q", "enter"):
        async with SipscopeApp(engine_of()).run_test() as pilot:
            await pilot.press("?")
            await pilot.pause()
            assert isinstance(pilot.app.screen, HelpScreen)
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(pilot.app.screen, CallsScreen)


@pytest.mark.parametrize("size", [(80, 24), (40, 10)], ids=lambda size: f"{size[0]}")
def test_it_looks_right(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    assert snap_compare(SipscopeApp(engine_of()), terminal_size=size, press=["?"])
