from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from sipscope.calls.filter.reference import reference
from sipscope.settings.model import Settings
from sipscope.tui.app import SipscopeApp
from sipscope.tui.keys import CALLS, EVERYWHERE, MOVEMENT, STATISTICS
from sipscope.tui.screens.calls import CallsScreen
from sipscope.tui.screens.help import HelpScreen, HelpText, help_lines
from sipscope.tui.widgets.wrapping import line_text
from tests.tui.frozen import engine_of


def text(width: int) -> list[str]:
    contexts = (CALLS, MOVEMENT, EVERYWHERE)
    return [line_text(line) for line in help_lines(contexts, width)]


def test_every_key_of_every_context_is_told() -> None:
    shown = "\n".join(text(78))
    for context in (CALLS, MOVEMENT, EVERYWHERE):
        assert context.title in shown
        for key in context.keys:
            assert key.words in shown


def test_everything_that_can_be_typed_in_a_filter_is_told() -> None:
    shown = "\n".join(text(158))
    for chapter in reference():
        assert chapter.title in shown
        for entry in chapter.entries:
            assert entry.term[:20] in shown
            assert entry.words.split()[0] in shown


@pytest.mark.parametrize("width", [40, 50, 78, 158])
def test_it_fits_the_width(width: int) -> None:
    assert max(map(len, text(width))) <= width


async def open_help(pilot: Pilot[None]) -> HelpText:
    await pilot.press("?")
    await pilot.pause()
    return pilot.app.screen.query_one(HelpText)


async def test_any_key_for_going_back_goes_back() -> None:
    for key in ("escape", "q", "enter"):
        async with SipscopeApp(engine_of()).run_test() as pilot:
            await open_help(pilot)
            assert isinstance(pilot.app.screen, HelpScreen)
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(pilot.app.screen, CallsScreen)


async def test_a_search_goes_from_place_to_place_and_around() -> None:
    async with SipscopeApp(engine_of()).run_test(size=(80, 24)) as pilot:
        view = await open_help(pilot)
        places = [n for n in range(view.line_count) if "mos" in line_text(view.line(n)).lower()]
        assert len(places) > 2
        await pilot.press("/", *"MOS", "enter")
        await pilot.pause()
        assert view._at == places[0]
        await pilot.press("n")
        assert view._at == places[1]
        await pilot.press("N", "N")
        assert view._at == places[-1]
        assert view.top <= places[-1] < view.top + 24
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, HelpScreen)
        assert view.words == ""


async def test_words_that_are_nowhere_are_said_to_be() -> None:
    async with SipscopeApp(engine_of()).run_test() as pilot:
        await open_help(pilot)
        await pilot.press("/", *"zzz", "enter")
        await pilot.pause()
        notice = pilot.app.screen.query_one("NoticeLine")
        assert "not in the help" in notice.render_line(0).text


async def test_the_keys_of_a_person_are_told() -> None:
    app = SipscopeApp(engine_of(), Settings(keys={"calls.reverse": ("F11",)}))
    async with app.run_test(size=(80, 60)) as pilot:
        view = await open_help(pilot)
        lines = [line_text(view.line(n)) for n in range(view.line_count)]
        assert any("F11" in line and "Reverse the order" in line for line in lines)


@pytest.mark.parametrize("size", [(80, 24), (40, 10)], ids=lambda size: f"{size[0]}")
def test_it_looks_right(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    """Of the statistics, whose keys are few."""
    assert STATISTICS.keys
    assert snap_compare(SipscopeApp(engine_of()), terminal_size=size, press=["i", "?"])
