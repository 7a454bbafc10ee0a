import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from sipscope.errors import SaveError
from sipscope.export.saving import Course
from sipscope.settings.model import Save, Settings
from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens import save as save_module
from sipscope.tui.screens.calls import CallsScreen
from sipscope.tui.screens.save import (
    NO_RTP,
    TEXT_HAS_NONE,
    SaveScreen,
    completed_folder,
    default_name,
    with_ending,
)
from sipscope.tui.widgets.option import Option
from tests.tui.frozen import FrozenEngine, engine_of, engine_that_read


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


async def test_the_name_is_made_from_the_call_in_the_folder_that_was_set(
    engine: FrozenEngine,
) -> None:
    app = SipscopeApp(engine, Settings(save=Save(folder="/calls", form="pcapng")))
    async with app.run_test() as pilot:
        await pilot.pause(0.3)
        await pilot.press("s")
        await pilot.pause()
        assert pilot.app.screen.query_one(Input).value == (
            "/calls/monitor-2002-20231114-221342.pcapng"
        )
        await pilot.press("down", "down")
        assert pilot.app.screen.query_one(Input).value.startswith("/calls/sipscope-")


async def test_a_name_that_was_typed_stays(engine: FrozenEngine) -> None:
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, "mine.pcap")
        await pilot.press("down")
        assert pilot.app.screen.query_one(Input).value == "mine.pcap"


@pytest.mark.parametrize(
    ("path", "form"), [("a.pcap", "pcap"), ("a.pcapng", "pcapng"), ("a.pcap.gz", "pcap")]
)
async def test_the_form_follows_the_name(engine: FrozenEngine, path: str, form: str) -> None:
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, path)
        await save(pilot)
        assert engine.forms == [form]


async def test_the_name_follows_the_form(engine: FrozenEngine) -> None:
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, "a.pcap")
        await pilot.press("ctrl+t", "ctrl+t")
        await pilot.pause()
        assert pilot.app.screen.query_one(Input).value == "a.txt"
        await save(pilot)
        assert engine.forms == ["text"]
        assert engine.saved[0][2] is False


def rtp_option(pilot: Pilot[None]) -> Option:
    return next(each for each in pilot.app.screen.query(Option) if each.label == "RTP")


async def test_without_a_recording_rtp_cannot_be_chosen_and_it_is_said_why(
    engine: FrozenEngine,
) -> None:
    engine.kept = []
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, "a.pcap")
        assert rtp_option(pilot).reason == NO_RTP
        await pilot.press("ctrl+r")
        await save(pilot)
        assert engine.saved[0][2] is False


async def test_a_text_holds_no_rtp(engine: FrozenEngine) -> None:
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, "a.txt")
        assert rtp_option(pilot).reason == TEXT_HAS_NONE


async def test_all_legs_can_be_saved_with_a_call(tmp_path: Path) -> None:
    engine = engine_that_read("call-b2bua.pcap")
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, str(tmp_path / "legs.pcap"))
        await pilot.press("ctrl+l")
        await save(pilot)
        assert sorted(engine.saved[0][1]) == [1, 2]


async def test_fields_are_reached_with_tab_and_changed_with_space(engine: FrozenEngine) -> None:
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, "a.pcap")
        await pilot.press("tab", "space", "tab", "space")
        await save(pilot)
        assert engine.saved == [("a.pcapng", [8], False, False)]
        assert engine.forms == ["pcapng"]


async def test_a_long_save_tells_how_far_it_is_and_can_be_cancelled(
    engine: FrozenEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    went = threading.Event()

    def slow(self: FrozenEngine, path: str, ids: object, *, course: Course, **rest: object) -> int:
        course.at(0.43)
        went.set()
        while True:
            course.at(0.43)
            time.sleep(0.01)

    monkeypatch.setattr(FrozenEngine, "save", slow)
    async with SipscopeApp(engine).run_test() as pilot:
        await open_panel(pilot, "a.pcap")
        await pilot.press("enter")
        await pilot.pause(0.6)
        assert went.is_set()
        assert said(pilot) == "Saving… 43 %  Esc cancels"
        await pilot.press("escape")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert said(pilot) == "The save was cancelled. Nothing was left behind."
        assert isinstance(pilot.app.screen, SaveScreen)


@pytest.mark.parametrize(
    ("path", "ending", "other"),
    [
        ("a.pcap", ".pcapng", "a.pcapng"),
        ("a.PCAP.gz", ".pcapng", "a.pcapng.gz"),
        ("a.pcap.gz", ".txt", "a.txt"),
        ("a.b", ".txt", "a.b"),
    ],
)
def test_an_ending_is_replaced_when_it_is_that_of_a_form(
    path: str, ending: str, other: str
) -> None:
    assert with_ending(path, ending) == other


def test_folders_are_completed(tmp_path: Path) -> None:
    for name in ("calls", "cases"):
        (tmp_path / name).mkdir()
    (tmp_path / "cat.pcap").touch()
    assert completed_folder(f"{tmp_path}/ca") == f"{tmp_path}/calls/"
    assert completed_folder(f"{tmp_path}/cas") == f"{tmp_path}/cases/"
    for path in (f"{tmp_path}/cat", f"{tmp_path}/", f"{tmp_path}/none/x", ""):
        assert completed_folder(path) is None


def test_a_name_without_a_call_is_that_of_now() -> None:
    assert default_name().startswith("sipscope-20")


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=lambda size: f"{size[0]}")
def test_the_panel_looks_right(
    snap_compare: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
    engine: FrozenEngine,
    size: tuple[int, int],
) -> None:
    monkeypatch.setattr(save_module, "default_name", lambda: "sipscope-20260101-120000")
    engine.kept = [] if size[0] == 160 else engine.kept

    async def arrange(pilot: Pilot[None]) -> None:
        await pilot.pause(0.3)
        await pilot.press("space", "s")
        await pilot.pause()

    assert snap_compare(SipscopeApp(engine), terminal_size=size, run_before=arrange)
