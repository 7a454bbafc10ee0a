from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from sipscope.settings.model import Settings
from sipscope.tui.app import SipscopeApp
from sipscope.tui.keys import CALLS, EVERYWHERE, MOVEMENT
from sipscope.tui.screens.calls import CallsScreen
from sipscope.tui.screens.palette import ActionList, PaletteScreen
from tests.tui.frozen import engine_of


def shown(pilot: Pilot[None]) -> list[str]:
    actions = pilot.app.screen.query_one(ActionList)
    return [actions.key_of(row).id for row in actions.rows]


async def open_palette(pilot: Pilot[None], words: str = "") -> None:
    await pilot.press("ctrl+p")
    await pilot.pause()
    await pilot.press(*("space" if letter == " " else letter for letter in words))
    await pilot.pause()


async def test_it_lists_every_action_of_the_screen_but_itself() -> None:
    async with SipscopeApp(engine_of()).run_test() as pilot:
        await open_palette(pilot)
        ids = [key.id for context in (CALLS, MOVEMENT, EVERYWHERE) for key in context.keys]
        assert set(shown(pilot)) == set(ids) - {"palette"}


async def test_words_in_any_order_find_an_action() -> None:
    async with SipscopeApp(engine_of()).run_test() as pilot:
        await open_palette(pilot, "order reverse")
        assert shown(pilot) == ["calls.reverse"]


async def test_enter_does_it_as_its_key_would() -> None:
    async with SipscopeApp(engine_of()).run_test() as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, CallsScreen)
        before = screen.view.descending
        await open_palette(pilot, "reverse order")
        await pilot.press("enter")
        await pilot.pause()
        await pilot.pause()
        assert isinstance(pilot.app.screen, CallsScreen)
        assert screen.view.descending is not before


async def test_an_action_of_the_list_is_done_there() -> None:
    async with SipscopeApp(engine_of()).run_test() as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, CallsScreen)
        await open_palette(pilot, "to the bottom")
        await pilot.press("enter")
        await pilot.pause()
        await pilot.pause()
        assert screen.calls.index == len(screen.calls.rows) - 1


async def test_the_keys_of_a_person_are_shown() -> None:
    app = SipscopeApp(engine_of(), Settings(keys={"calls.reverse": ("F11",)}))
    async with app.run_test() as pilot:
        await open_palette(pilot, "reverse order")
        actions = app.screen.query_one(ActionList)
        assert "F11" in "".join(span[0] for span in actions.render_row(actions.rows[0], 80))


async def test_escape_does_nothing() -> None:
    async with SipscopeApp(engine_of()).run_test() as pilot:
        await open_palette(pilot, "quit")
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, CallsScreen)


async def test_words_that_are_nowhere_are_said_to_be() -> None:
    async with SipscopeApp(engine_of()).run_test() as pilot:
        await open_palette(pilot, "zzz")
        actions = pilot.app.screen.query_one(ActionList)
        assert "Nothing here" in actions.render_line(0).text
        await pilot.press("enter")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, PaletteScreen)


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=lambda size: f"{size[0]}")
def test_it_looks_right(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    async def arrange(pilot: Pilot[None]) -> None:
        await pilot.press("i")
        await pilot.pause()
        await open_palette(pilot, "to")

    assert snap_compare(SipscopeApp(engine_of()), terminal_size=size, run_before=arrange)
