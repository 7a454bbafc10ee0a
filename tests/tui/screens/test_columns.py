from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sipscope.settings.loading import load_settings
from sipscope.settings.model import CallList, Settings
from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.calls import CallsScreen
from sipscope.tui.screens.columns import ColumnsScreen
from tests.tui.frozen import engine_of

Running = Pilot[None]
SnapCompare = Callable[..., bool]


def app(*columns: str, **widths: int) -> SipscopeApp:
    return SipscopeApp(engine_of(), Settings(list=CallList(columns=columns, widths=widths)))


async def chooser(pilot: Running) -> ColumnsScreen:
    await pilot.pause()
    await pilot.press("t")
    await pilot.pause()
    screen = pilot.app.screen
    assert isinstance(screen, ColumnsScreen)
    return screen


def calls(pilot: Running) -> CallsScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, CallsScreen)
    return screen


def line(screen: ColumnsScreen, y: int) -> str:
    return screen.list.render_line(y).text.rstrip(" ▐")


async def test_chosen_columns_come_first_in_their_order_with_what_they_mean() -> None:
    async with app("mos", "header.via", "from", mos=6).run_test(size=(80, 24)) as pilot:
        screen = await chooser(pilot)
        assert [line(screen, y).split()[:3] for y in (1, 2, 3)] == [
            ["[x]", "MOS", "6"],
            ["[x]", "Via", "12"],
            ["[x]", "From", "10"],
        ]
        assert line(screen, 4).split()[:2] == ["[", "]"]


@pytest.mark.parametrize("key", ["space", "enter"])
async def test_a_column_is_shown_or_not(key: str) -> None:
    async with app("from", "to").run_test(size=(80, 24)) as pilot:
        await chooser(pilot)
        await pilot.press("down", key, "escape")
        await pilot.pause()
        assert calls(pilot).calls.column_ids == ["from"]


async def test_the_last_column_stays() -> None:
    async with app("from").run_test(size=(80, 24)) as pilot:
        screen = await chooser(pilot)
        await pilot.press("space")
        assert screen.chosen.columns == ("from",)


async def test_plus_and_minus_move_a_column_and_the_cursor_with_it() -> None:
    async with app("from", "to", "mos").run_test(size=(80, 24)) as pilot:
        screen = await chooser(pilot)
        await pilot.press("+", "+")
        assert screen.chosen.columns == ("to", "mos", "from")
        await pilot.press("-")
        assert screen.chosen.columns == ("to", "from", "mos")
        assert screen.list.row == "from"


async def test_arrows_make_a_column_wider_and_narrower() -> None:
    async with app("from").run_test(size=(80, 24)) as pilot:
        screen = await chooser(pilot)
        await pilot.press("right", "right", "left")
        assert screen.chosen.widths == {"from": 11}
        await pilot.press("escape")
        await pilot.pause()
        assert calls(pilot).calls.widths == (("from", 11),)


async def test_any_header_is_added_by_its_name() -> None:
    async with app("from").run_test(size=(80, 24)) as pilot:
        screen = await chooser(pilot)
        await pilot.press("a", *"X-Account:", "enter")
        await pilot.pause()
        assert screen.chosen.columns == ("from", "header.x-account")
        await pilot.press("a", *"no header", "enter", "a", "escape")
        await pilot.pause()
        assert screen.chosen.columns == ("from", "header.x-account")


async def test_looking_changes_nothing() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await chooser(pilot)
        await pilot.press("down", "q")
        await pilot.pause()
        assert calls(pilot).calls.chosen == ()


async def test_the_default_is_as_many_as_fit() -> None:
    async with app("mos", mos=9).run_test(size=(80, 24)) as pilot:
        screen = await chooser(pilot)
        await pilot.press("d")
        assert screen.chosen == ((), {})


async def test_columns_are_kept_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.toml"
    monkeypatch.setenv("SIPSCOPE_CONFIG", str(path))
    async with app("from", "to").run_test(size=(80, 24)) as pilot:
        await chooser(pilot)
        await pilot.press("right", "s", "escape")
        await pilot.pause()
        kept = load_settings().settings.list
        assert (kept.columns, kept.widths) == (("from", "to"), {"from": 11})


async def test_where_nothing_is_read_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIPSCOPE_NO_CONFIG", "1")
    async with app("from").run_test(size=(80, 24)) as pilot:
        screen = await chooser(pilot)
        await pilot.press("s")
        await pilot.pause()
        notice = screen._notice.render_line(0).text.strip()
        assert notice == "SIPSCOPE_NO_CONFIG is set: nothing is kept"


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=lambda size: f"{size[0]}")
def test_it_looks_right(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    async def arrange(pilot: Running) -> None:
        await chooser(pilot)
        await pilot.press("right", "down", "space")

    shown = app("time", "from", "to", "header.x-account", "state", "mos")
    assert snap_compare(shown, terminal_size=size, run_before=arrange)
