from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sipscope.settings.loading import load_settings
from sipscope.settings.model import Settings
from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.calls import CallsScreen
from sipscope.tui.screens.filter import FilterScreen
from tests.tui.frozen import engine_of

Running = Pilot[None]
SnapCompare = Callable[..., bool]


@pytest.fixture(autouse=True)
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "settings.toml"
    monkeypatch.setenv("SIPSCOPE_CONFIG", str(path))
    return path


def app(**filters: str) -> SipscopeApp:
    return SipscopeApp(engine_of(), Settings(filters=filters))


async def dialog(pilot: Running) -> FilterScreen:
    await pilot.pause()
    await pilot.press("f7")
    await pilot.pause()
    screen = pilot.app.screen
    assert isinstance(screen, FilterScreen)
    return screen


def in_effect(pilot: Running) -> str:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, CallsScreen)
    return screen.view.filter.text


async def test_fields_make_a_filter_that_is_seen() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await dialog(pilot)
        await pilot.press(*"1001", "down", *"^49", "down", *"192.0.2")
        await pilot.pause()
        assert screen._expression.value == 'from ~ 1001 and to ~ "^49" and source ~ 192.0.2'
        await pilot.press("enter")
        await pilot.pause()
        assert in_effect(pilot) == 'from ~ 1001 and to ~ "^49" and source ~ 192.0.2'


async def test_methods_are_left_out() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await dialog(pilot)
        await pilot.press(*["tab"] * 5, "right", "space", "right", "space", "enter")
        await pilot.pause()
        assert in_effect(pilot) == "method not in (REGISTER, OPTIONS)"


async def test_escape_leaves_the_filter_as_it_was() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await dialog(pilot)
        await pilot.press(*"1001", "escape")
        await pilot.pause()
        assert in_effect(pilot) == ""


async def test_what_is_no_filter_is_told_and_not_taken() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await dialog(pilot)
        await pilot.press("(", "enter")
        await pilot.pause()
        assert pilot.app.screen is screen
        assert "pattern" in str(screen._wrong.content)


async def test_a_filter_is_saved_under_a_name_and_taken_again(settings_file: Path) -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await dialog(pilot)
        await pilot.press(*"1001", *["tab"] * 7, *"anna", "f2")
        await pilot.pause()
        assert load_settings().settings.filters == {"anna": "from ~ 1001"}
        assert "Saved as anna" in screen._notice.render_line(0).text
        await pilot.press("f5", "tab", "enter")
        await pilot.pause()
        assert in_effect(pilot) == "from ~ 1001"


async def test_a_saved_filter_can_be_forgotten(settings_file: Path) -> None:
    settings_file.write_text('[filters]\nbad = "mos < 3"\nold = "busy"\n')
    async with app(bad="mos < 3", old="busy").run_test(size=(80, 24)) as pilot:
        screen = await dialog(pilot)
        screen.known.focus()
        await pilot.press("f9")
        await pilot.pause()
        assert load_settings().settings.filters == {"old": "busy"}
        assert len(screen.known.rows) == 1


async def test_a_name_without_a_filter_is_not_saved(settings_file: Path) -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await dialog(pilot)
        await pilot.press(*["tab"] * 7, *"anna", "f2")
        await pilot.pause()
        assert not settings_file.exists()


async def test_filters_of_former_times_are_offered_after_saved_ones() -> None:
    async with app(bad="mos < 3").run_test(size=(80, 24)) as pilot:
        await pilot.press("/", *"busy", "enter")
        screen = await dialog(pilot)
        assert list(screen.known.rows) == [("mos < 3", "bad"), ("busy", "")]


async def test_all_fields_are_cleared_at_once() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await dialog(pilot)
        await pilot.press(*"1001", "f5")
        await pilot.pause()
        assert screen._expression.value == ""


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=lambda size: f"{size[0]}")
def test_it_looks_right(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    async def arrange(pilot: Running) -> None:
        await dialog(pilot)
        await pilot.press(*"1001", *["tab"] * 5, "right", "space")
        await pilot.pause()

    shown = app(bad="mos < 3.6 or loss > 2", failed="state = rejected")
    assert snap_compare(shown, terminal_size=size, run_before=arrange)
