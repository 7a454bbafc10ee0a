from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from sipscope.errors import SaveError
from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens import save as save_module
from sipscope.tui.screens.calls import CallsScreen
from sipscope.tui.screens.save import SaveScreen, default_path
from tests.tui.frozen import FrozenEngine, engine_of


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FrozenEngine:
    monkeypatch.chdir(tmp_path)
    return engine_of()


async def open_panel(pilot: Pilot[None], path: str, *keys: str) -> None:
    """Press keys in the call list, open the panel and put `path` in place of the proposed one."""
    await pilot.pause(0.3)
    await pilot.press(*keys, "s")
    await pilot.pause()
    pilot.app.screen.query_one(Input).value = path
    await pilot.pause()


async def save(pilot: Pilot[None]) -> None:
    await pilot.press("enter")
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def said(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one("#save-note", Static).content)


async def test_the_call_under_the_cursor_is_saved(engine: FrozenEngine) -> None:
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, "call.pcap")
        await save(pilot)
        assert engine.saved == [("call.pcap", [8], True, False)]


async def test_marked_calls_come_first_when_there_are_some(engine: FrozenEngine) -> None:
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, "call.pcap", "space", "space")
        await save(pilot)
        assert engine.saved[0][1] == [8, 7]


@pytest.mark.parametrize(
    ("keys", "ids"), [((), [6]), (("down",), [6, 3]), (("up",), list(range(1, 9)))]
)
async def test_shown_or_all_calls_can_be_chosen(
    engine: FrozenEngine, keys: tuple[str, ...], ids: list[int]
) -> None:
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, "call.pcap", "/", *"invite !rejected !completed", "enter")
        await pilot.press(*keys)
        await save(pilot)
        assert engine.saved[0][1] == ids


async def test_rtp_can_be_left_out(engine: FrozenEngine) -> None:
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, "call.pcap")
        await pilot.press("ctrl+r")
        await save(pilot)
        assert engine.saved[0][2] is False


async def test_a_file_that_exists_is_overwritten_only_after_a_second_enter(
    engine: FrozenEngine, tmp_path: Path
) -> None:
    (tmp_path / "call.pcap").write_bytes(b"precious")
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, "call.pcap")
        await save(pilot)
        assert engine.saved == []
        assert said(pilot) == "This file exists. Enter once more overwrites it."
        await save(pilot)
        assert engine.saved == [("call.pcap", [8], True, True)]


async def test_the_confirmation_holds_for_one_path_only(
    engine: FrozenEngine, tmp_path: Path
) -> None:
    for name in ("a.pcap", "b.pcap"):
        (tmp_path / name).touch()
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, "a.pcap")
        await save(pilot)
        pilot.app.screen.query_one(Input).value = "b.pcap"
        await pilot.pause()
        await save(pilot)
        assert engine.saved == []


async def test_a_failure_is_told_and_the_panel_stays(engine: FrozenEngine) -> None:
    engine.refusal = SaveError("There is no room on the disk", "Choose another folder")
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, "call.pcap")
        await save(pilot)
        assert isinstance(pilot.app.screen, SaveScreen)
        assert said(pilot) == "There is no room on the disk. Choose another folder."


async def test_success_is_told_in_the_list(engine: FrozenEngine) -> None:
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, "call.pcap")
        await save(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, CallsScreen)
        told = screen.notice_line.render_line(0).text.strip()
        assert told == "42 packets of 1 call saved in call.pcap"


async def test_escape_saves_nothing(engine: FrozenEngine) -> None:
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, "call.pcap")
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, CallsScreen)
        assert engine.saved == []


async def test_a_path_is_needed(engine: FrozenEngine) -> None:
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, "  ")
        await save(pilot)
        assert said(pilot) == "Type the name of a file."


def test_the_proposed_name_is_a_capture_file_of_now() -> None:
    assert default_path().startswith("sipscope-")
    assert default_path().endswith(".pcap")


def test_the_panel_looks_right(
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, engine: FrozenEngine
) -> None:
    monkeypatch.setattr(save_module, "default_path", lambda: "sipscope-20260101-120000.pcap")

    async def arrange(pilot: Pilot[None]) -> None:
        await pilot.pause(0.3)
        await pilot.press("space", "s")
        await pilot.pause()

    assert snap_compare(SipscopeApp(engine), terminal_size=(80, 24), run_before=arrange)
