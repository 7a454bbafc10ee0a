from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from sipscope.settings.model import Settings, View
from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens import settings as settings_module
from sipscope.tui.screens.calls import CallsScreen
from sipscope.tui.screens.question import Question
from sipscope.tui.screens.settings import SettingsScreen
from sipscope.tui.widgets.settings_list import Row
from tests.tui.frozen import engine_of


@pytest.fixture
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIPSCOPE_CONFIG", str(tmp_path / "own.toml"))
    return tmp_path / "own.toml"


async def go_to(pilot: Pilot[None], section: str, name: str) -> SettingsScreen:
    """Open the settings and put the cursor on one."""
    await pilot.press("f8")
    await pilot.pause()
    await pilot.pause()
    screen = pilot.app.screen
    assert isinstance(screen, SettingsScreen)
    rows = [row for row in screen.list.rows if isinstance(row, Row)]
    screen.list.move_to(next(r for r in rows if (r.section, r.name) == (section, name)))
    return screen


def said(screen: SettingsScreen) -> str:
    return screen._notice.render_line(0).text.strip()


async def test_a_flag_is_changed_with_space(own_file: Path) -> None:
    app = SipscopeApp(engine_of())
    async with app.run_test() as pilot:
        await go_to(pilot, "view", "mouse")
        await pilot.press("space")
        assert app.settings.view.mouse is False
        assert app.unsaved == {("view", "mouse"): False}
    assert not own_file.exists()


async def test_choices_are_gone_through_with_the_arrows(own_file: Path) -> None:
    app = SipscopeApp(engine_of())
    async with app.run_test() as pilot:
        await go_to(pilot, "ladder", "sdp")
        chosen = []
        for key in ("right", "left", "left"):
            await pilot.press(key)
            chosen.append(app.settings.ladder.sdp)
        assert chosen == ["full", "short", "off"]


async def test_the_theme_changes_at_once(own_file: Path) -> None:
    app = SipscopeApp(engine_of(), Settings(view=View(theme="dark")))
    async with app.run_test() as pilot:
        await go_to(pilot, "view", "theme")
        await pilot.press("right")
        assert app.theme == "sipscope-light"


async def test_a_text_is_typed(own_file: Path) -> None:
    app = SipscopeApp(engine_of())
    async with app.run_test() as pilot:
        screen = await go_to(pilot, "list", "columns")
        await pilot.press("enter")
        screen.query_one("_Editor Input", Input).value = "time, mos"
        await pilot.press("enter")
        assert app.settings.list.columns == ("time", "mos")


async def test_escape_leaves_a_value_as_it_was(own_file: Path) -> None:
    app = SipscopeApp(engine_of())
    async with app.run_test() as pilot:
        screen = await go_to(pilot, "list", "sort")
        await pilot.press("enter", "x", "escape")
        assert app.settings == Settings()
        assert app.screen is screen
        assert screen.list.has_focus


async def test_what_cannot_be_is_told_and_left_out(own_file: Path) -> None:
    app = SipscopeApp(engine_of())
    async with app.run_test() as pilot:
        screen = await go_to(pilot, "capture", "dialogs")
        await pilot.press("enter", "x", "enter")
        assert said(screen) == "capture.dialogs is a whole number, not '200000x'"
        assert app.settings == Settings()


async def test_keys_count_at_once(own_file: Path) -> None:
    app = SipscopeApp(engine_of())
    async with app.run_test() as pilot:
        screen = await go_to(pilot, "keys", "calls.pause")
        await pilot.press("enter")
        screen.query_one("_Editor Input", Input).value = "F11"
        await pilot.press("enter")
        assert app.settings.keys == {"calls.pause": ("F11",)}
        app.unsaved.clear()
        await pilot.press("escape", "f11")
        calls = app.screen
        assert isinstance(calls, CallsScreen)
        assert calls.view.paused


async def test_an_entry_is_added_to_a_table(own_file: Path) -> None:
    app = SipscopeApp(engine_of())
    async with app.run_test() as pilot:
        screen = await go_to(pilot, "aliases", "…")
        await pilot.press("enter")
        screen.query_one("_Editor Input", Input).value = "10.0.0.0/8 = lan"
        await pilot.press("enter")
        assert app.settings.aliases == {"10.0.0.0/8": "lan"}
        await go_to(pilot, "aliases", "10.0.0.0/8")
        await pilot.press("d")
        assert app.settings.aliases == {}


async def test_what_was_changed_is_saved_on_request_and_other_lines_stay(own_file: Path) -> None:
    own_file.write_text('# mine\n[list]\nsort = "mos"  # the worst\n')
    app = SipscopeApp(engine_of())
    async with app.run_test(size=(160, 40)) as pilot:
        screen = await go_to(pilot, "list", "follow")
        await pilot.press("space", "f2")
        assert said(screen) == f"1 setting saved in {own_file}"
        assert app.unsaved == {}
    assert own_file.read_text() == '# mine\n[list]\nsort = "mos"  # the worst\nfollow = true\n'


async def test_the_default_takes_the_line_out(own_file: Path) -> None:
    own_file.write_text('[view]\ntheme = "light"\nmouse = true\n')
    app = SipscopeApp(engine_of(), Settings(view=View(theme="light")))
    async with app.run_test() as pilot:
        await go_to(pilot, "view", "theme")
        await pilot.press("d", "f2")
        assert app.settings == Settings()
    assert own_file.read_text() == "[view]\nmouse = true\n"


async def test_a_file_that_cannot_be_written_is_told(own_file: Path) -> None:
    own_file.mkdir()
    app = SipscopeApp(engine_of())
    async with app.run_test(size=(160, 40)) as pilot:
        screen = await go_to(pilot, "view", "mouse")
        await pilot.press("space", "f2")
        assert "cannot be written" in said(screen)
        assert app.unsaved


async def test_leaving_with_changes_asks_whether_to_save(own_file: Path) -> None:
    app = SipscopeApp(engine_of())
    async with app.run_test() as pilot:
        await go_to(pilot, "view", "mouse")
        await pilot.press("space", "escape")
        await pilot.pause()
        assert isinstance(app.screen, Question)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, CallsScreen)
    assert own_file.read_text() == "[view]\nmouse = false\n"


async def test_sections_are_reached_with_tab(own_file: Path) -> None:
    async with SipscopeApp(engine_of()).run_test() as pilot:
        screen = await go_to(pilot, "view", "mouse")
        await pilot.press("tab")
        assert isinstance(screen.list.row, Row)
        assert (screen.list.row.section, screen.list.row.name) == ("list", "columns")
        await pilot.press("shift+tab")
        assert screen.list.row.section == "view"


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=lambda size: f"{size[0]}")
def test_it_looks_right(
    snap_compare: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
) -> None:
    path = Path("/home/anna/.config/sipscope/settings.toml")
    monkeypatch.setattr(settings_module, "settings_file", lambda: path)
    app = SipscopeApp(engine_of(), Settings(view=View(theme="dark")))

    async def arrange(pilot: Pilot[None]) -> None:
        await go_to(pilot, "view", "mouse")
        await pilot.press("space")
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=arrange)
