from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from sipscope.engine import SourceStatus
from sipscope.settings.model import CallList as CallListSettings
from sipscope.settings.model import Settings, View
from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.call import CallScreen
from sipscope.tui.screens.calls import CallsScreen
from sipscope.tui.screens.columns import ColumnsScreen
from sipscope.tui.screens.help import HelpScreen
from sipscope.tui.screens.media import MediaScreen
from sipscope.tui.screens.messages import MessagesScreen
from sipscope.tui.screens.question import Question
from sipscope.tui.screens.save import SaveScreen
from sipscope.tui.screens.statistics import StatisticsScreen
from sipscope.tui.screens.streams import StreamsScreen
from sipscope.tui.widgets.call_list import CallList
from sipscope.tui.widgets.filter_line import Proposals
from tests.signalling import PBX, PHONE, Sent, add, answered_call, request
from tests.tui.frozen import FILE, FrozenEngine, busy_hour, engine_of, ringing

Running = Pilot[None]

LEGS = [
    Sent(0, request("INVITE", call_id="leg-a"), PHONE, PBX),
    Sent(1, request("INVITE", call_id="other"), PHONE, PBX),
    Sent(2, request("INVITE", call_id="leg-b", headers="X-Call-ID: leg-a\r\n"), PBX, PHONE),
]


def calls_of(pilot: Running) -> CallsScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, CallsScreen)
    return screen


async def settled(pilot: Running) -> CallsScreen:
    """Wait until all that was asked for is on the screen."""
    screen = calls_of(pilot)
    await pilot.pause()
    while True:
        screen.refresh_calls()
        await pilot.pause()
        if not screen.view.waiting:
            return screen


def lines(screen: CallsScreen) -> list[str]:
    shown = screen.calls
    return [shown.render_line(y).text.rstrip(" ▐") for y in range(shown.size.height)]


def notice(screen: CallsScreen) -> str:
    line = screen.notice_line
    return line.render_line(0).text.strip() if line.display else ""


def opened(pilot: Running) -> list[int]:
    screen = pilot.app.screen
    assert isinstance(screen, CallScreen)
    return screen.chosen.ids


def app(engine: FrozenEngine | None = None) -> SipscopeApp:
    return SipscopeApp(engine or engine_of())


async def test_all_calls_are_listed_newest_first() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        assert [line.split()[-1] for line in lines(screen)[1:4]] == [
            "completed",
            "registered",
            "ringing",
        ]


async def test_a_call_that_comes_in_appears_and_the_cursor_stays() -> None:
    engine = engine_of()
    async with app(engine).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        before = screen.calls.row
        add(engine.store, ringing(25_000, "ringing-2", "boris"))
        await settled(pilot)
        assert "boris" in lines(screen)[1]
        assert screen.calls.row == before


@pytest.mark.parametrize("key", ["/", "f3", "tab"])
async def test_typing_filters_with_every_key(key: str) -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await pilot.press(key, *"reject")
        screen = await settled(pilot)
        assert len(screen.view.ids) == 3
        await pilot.press(*"ed")
        await pilot.press("space", *"!404", "space", *"!503")
        await settled(pilot)
        assert [line.split()[-2:] for line in lines(screen)[1:3]] == [["488", "rejected"], []]


async def test_enter_keeps_the_filter_and_goes_to_the_list() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await pilot.press("/", *"busy", "enter")
        screen = await settled(pilot)
        assert screen.calls.has_focus
        assert notice(screen) == "filter: busy" + " " * 60 + "1 of 8"


async def test_escape_while_typing_clears_the_filter() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await pilot.press("/", *"busy", "escape")
        screen = await settled(pilot)
        assert len(screen.view.ids) == 8
        assert screen.calls.has_focus


async def test_escape_in_the_list_clears_the_filter_before_it_quits() -> None:
    async with app(engine_of(None, FILE)).run_test(size=(80, 24)) as pilot:
        await pilot.press("/", *"busy", "enter", "escape")
        screen = await settled(pilot)
        assert len(screen.view.ids) == 8
        assert pilot.app.is_running
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.return_code == 0


async def test_a_filter_that_nothing_passes_says_how_to_get_rid_of_it() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await pilot.press("/", *"nobody")
        screen = await settled(pilot)
        assert lines(screen)[1].strip() == "No call matches the filter. Esc clears it."


async def test_the_cursor_comes_back_to_its_call_when_the_filter_lets_it() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await pilot.press("down", "/", *"488")
        rows = [(await settled(pilot)).calls.row]
        await pilot.press("backspace", "backspace", "backspace")
        rows.append((await settled(pilot)).calls.row)
        assert rows == [2, 7]


async def test_markup_in_a_filter_is_only_text() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await pilot.press("/", "[", "/", "]", "enter")
        screen = await settled(pilot)
        assert notice(screen).startswith("filter: [/]")


async def test_sorting_goes_through_the_columns_and_back() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await pilot.press(">")
        screen = await settled(pilot)
        assert screen.view.column == "from"
        assert notice(screen) == "sorted by From ↑"
        await pilot.press("<", "<")
        await settled(pilot)
        assert screen.view.column == "reason"


async def test_z_reverses_the_order() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await pilot.press("z")
        screen = await settled(pilot)
        assert lines(screen)[1].split()[1] == "22:13:20"
        assert "Time↑" in lines(screen)[0]


async def test_a_click_on_a_title_sorts_and_a_second_one_reverses() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        x = lines(screen)[0].index("MOS") + 1
        await pilot.click(CallList, offset=(x, 0))
        await settled(pilot)
        assert (screen.view.column, screen.view.descending) == ("mos", False)
        await pilot.click(CallList, offset=(x, 0))
        await settled(pilot)
        assert (screen.view.column, screen.view.descending) == ("mos", True)


async def test_enter_opens_the_call_under_the_cursor() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.press("down", "enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, CallScreen)
        assert opened(pilot) == [screen.view.ids[1]]


async def test_coming_back_finds_the_same_row() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.screen is screen
        assert screen.calls.index == 2


async def test_space_marks_several_calls_and_enter_opens_them() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.press("space", "down", "space")
        await settled(pilot)
        assert [line[0] for line in lines(screen)[1:4]] == ["*", " ", "*"]
        assert notice(screen) == "2 marked"
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, CallScreen)
        assert opened(pilot) == [screen.view.ids[0], screen.view.ids[2]]


async def test_space_on_a_marked_call_takes_the_mark_away() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await pilot.press("space", "up", "space")
        screen = await settled(pilot)
        assert screen.calls.marked == set()


async def test_control_w_takes_all_marks_away() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await pilot.press("space", "space", "ctrl+w")
        screen = await settled(pilot)
        assert screen.calls.marked == set()


@pytest.mark.parametrize("key", ["x", "f4"])
async def test_x_opens_all_legs_of_the_call(key: str) -> None:
    async with app(engine_of(LEGS)).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press(key)
        await pilot.pause()
        assert isinstance(pilot.app.screen, CallScreen)
        assert opened(pilot) == [1, 3]


@pytest.mark.parametrize("key", ["r", "R", "f6"])
async def test_r_shows_the_raw_messages(key: str) -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press(key)
        await pilot.pause()
        assert isinstance(pilot.app.screen, MessagesScreen)


async def test_m_shows_the_media_of_the_call_under_the_cursor() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.press("end", "m")
        await pilot.pause()
        media = pilot.app.screen
        assert isinstance(media, MediaScreen)
        assert media.text.render_line(0).text.startswith(f"{PHONE}:40000 → {PBX}:18000")
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.screen is screen


async def test_the_list_costs_nothing_while_another_screen_is_over_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.press("M")
        await pilot.pause()
        assert isinstance(pilot.app.screen, StreamsScreen)
        looked: list[int] = []
        monkeypatch.setattr(screen.view, "update", looked.append)
        screen.refresh_calls()
        assert looked == []


async def test_a_paused_view_stands_still_and_says_so() -> None:
    engine = engine_of()
    async with app(engine).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("p")
        screen = await settled(pilot)
        add(engine.store, ringing(25_000, "ringing-2", "boris"))
        await settled(pilot)
        assert len(screen.view.ids) == 8
        assert notice(screen) == "view paused, capture goes on (p)"
        await pilot.press("p")
        await settled(pilot)
        assert len(screen.view.ids) == 9
        assert notice(screen) == ""


async def test_following_keeps_the_cursor_on_the_newest_until_it_is_moved() -> None:
    engine = engine_of()
    async with app(engine).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("A")
        screen = await settled(pilot)
        add(engine.store, ringing(25_000, "ringing-2", "boris"))
        await settled(pilot)
        assert screen.calls.row == max(engine.store.dialogs)
        assert notice(screen) == "following the newest (A)"
        await pilot.press("down")
        await settled(pilot)
        assert notice(screen) == ""


@pytest.mark.parametrize("key", ["f5", "ctrl+l"])
async def test_clearing_forgets_all_calls(key: str) -> None:
    engine = engine_of()
    async with app(engine).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press(key)
        screen = await settled(pilot)
        assert engine.store.dialogs == {}
        assert notice(screen) == "8 calls forgotten"


async def test_f9_forgets_what_the_filter_hides() -> None:
    engine = engine_of()
    async with app(engine).run_test(size=(80, 24)) as pilot:
        await pilot.press("/", *"rejected", "enter")
        screen = await settled(pilot)
        kept = set(screen.view.ids)
        await pilot.press("f9")
        await settled(pilot)
        assert set(engine.store.dialogs) == kept
        assert kept == {2, 4, 5}


@pytest.mark.parametrize(
    ("key", "screen"),
    [("?", HelpScreen), ("f1", HelpScreen), ("h", HelpScreen), ("i", StatisticsScreen)]
    + [(key, SaveScreen) for key in ("s", "f2")],
)
async def test_keys_open_screens_and_escape_comes_back(key: str, screen: type[object]) -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press(key)
        await pilot.pause()
        assert isinstance(pilot.app.screen, screen)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, CallsScreen)


async def test_an_empty_store_offers_nothing_to_open_or_save() -> None:
    async with app(engine_of([])).run_test(size=(80, 24)) as pilot:
        await pilot.press("enter", "x", "r", "space", "A", "f9", "s")
        screen = await settled(pilot)
        assert pilot.app.screen is screen
        assert lines(screen)[1].strip() == "Waiting for SIP."


async def test_q_asks_while_live_calls_are_in_progress() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("q")
        await pilot.pause()
        assert isinstance(pilot.app.screen, Question)
        await pilot.press("n")
        await pilot.pause()
        assert pilot.app.is_running
        await pilot.press("q")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        assert pilot.app.return_code == 0
        assert not pilot.app.is_running


@pytest.mark.parametrize(("sent", "source"), [(busy_hour(), FILE), (answered_call(), None)])
async def test_q_quits_at_once_when_nothing_would_be_missed(
    sent: list[Sent], source: SourceStatus | None
) -> None:
    sources = () if source is None else (source,)
    async with app(engine_of(sent, *sources)).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("q")
        await pilot.pause()
        assert not pilot.app.is_running


async def test_q_asks_nothing_when_the_settings_say_so() -> None:
    program = app()
    program.settings = replace(Settings(), view=View(ask_before_quitting=False))
    async with program.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("q")
        await pilot.pause()
        assert not pilot.app.is_running


async def test_control_c_quits_without_a_question_even_while_typing() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await pilot.press("/", "a", "shift+home", "ctrl+c")
        await pilot.pause()
        assert not pilot.app.is_running


async def test_an_engine_that_failed_is_reported() -> None:
    engine = engine_of()
    engine.failure = KeyError("sip:secret@example.com")
    async with app(engine).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        assert notice(screen) == "The capture has stopped, internal error: KeyError"


HOSTILE = [
    "\x1b]52;c;aGk=\x07",
    "\x1b[2J\x1b[H",
    "\x9b31m",
    "\u202e1001",
    "[/]",
    "[link=http://x]",
    "[@click=app.quit]",
    "a\rb\x00",
    "王小明🙂",
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_caller_is_shown_harmlessly(name: str) -> None:
    sent = [Sent(0, request("INVITE", call_id=name, user=name, callee=name), PHONE, PBX)]
    async with app(engine_of(sent)).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.press("space", "/", "!", "z", "enter", "i")
        await pilot.pause()
        text = "".join(lines(screen))
        assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or c == "\u202e" for c in text)


@pytest.mark.parametrize("size", [(40, 10), (20, 5), (80, 24), (160, 48), (300, 100)])
async def test_every_size_works(size: tuple[int, int]) -> None:
    async with app().run_test(size=size) as pilot:
        for key in ("space", ">", "/", "a", "enter", "?", "escape", "i", "escape", "s", "escape"):
            await pilot.press(key)
            await pilot.pause()
        screen = await settled(pilot)
        widths = {screen.calls.render_line(y).cell_length for y in range(screen.calls.size.height)}
        assert widths == {size[0]}


async def test_a_storm_of_new_sizes_is_survived() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        for step in range(60):
            width, height = 20 + step * 37 % 280, 5 + step * 13 % 95
            await pilot.resize_terminal(width, height)
        await settled(pilot)
        assert pilot.app.is_running


SnapCompare = Callable[..., bool]


@pytest.mark.parametrize("size", [(80, 24), (160, 48), (40, 10)], ids=lambda size: f"{size[0]}")
def test_the_call_list_looks_right(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    assert snap_compare(app(), terminal_size=size, run_before=settled, press=["down", "space"])


@pytest.mark.parametrize("theme", ["light", "ansi"])
def test_other_themes_look_right(snap_compare: SnapCompare, theme: str) -> None:
    themed = SipscopeApp(engine_of(), Settings(view=View(theme=theme)))
    assert snap_compare(themed, terminal_size=(80, 24), run_before=settled)


def test_losses_a_filter_and_a_pause_look_right(snap_compare: SnapCompare) -> None:
    engine = engine_of()
    engine.told = replace(engine.told, lost=1234)

    async def arrange(pilot: Running) -> None:
        await pilot.press("/", *"!register", "enter", "p", ">")
        await settled(pilot)

    assert snap_compare(app(engine), terminal_size=(80, 24), run_before=arrange)


def test_typing_a_filter_looks_right(snap_compare: SnapCompare) -> None:
    async def arrange(pilot: Running) -> None:
        await pilot.press("/", *"rejected")
        await settled(pilot)

    assert snap_compare(app(), terminal_size=(80, 24), run_before=arrange)


def test_a_damaged_file_looks_right(snap_compare: SnapCompare) -> None:
    damaged = replace(FILE, damaged="ends within a packet, 12 bytes are missing")
    assert snap_compare(app(engine_of(None, damaged)), terminal_size=(80, 24), run_before=settled)


async def test_columns_can_be_chosen_and_a_header_is_one() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("t")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ColumnsScreen)
        await pilot.press("a", *"Max-Forwards", "enter", "escape")
        screen = await settled(pilot)
        assert screen.calls.column_ids[-1] == "header.max-forwards"


async def test_columns_that_do_not_fit_come_with_the_arrow_keys() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        assert lines(screen)[0].endswith("▸")
        await pilot.press("right", "right")
        await pilot.pause()
        assert lines(screen)[0].split()[:2] == ["◂", "To"]
        await pilot.press("left", "left", "left")
        await pilot.pause()
        assert lines(screen)[0].split()[0] == "Time↓"


async def test_minus_folds_what_is_no_call_and_counts_it() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("-")
        screen = await settled(pilot)
        assert len(screen.view.ids) == 6
        assert screen.folded_line.display
        words = screen.folded_line.render_line(0).text.strip()
        assert words == "⋯ 1 OPTIONS and 1 REGISTER folded (-)"
        await pilot.press("-")
        await settled(pilot)
        assert len(screen.view.ids) == 8
        assert not screen.folded_line.display


async def test_the_colour_means_what_the_person_wants() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        seen = [screen.calls.color_by]
        for _ in range(4):
            await pilot.press("c")
            seen.append(screen.calls.color_by)
        assert seen == ["state", "group", "problem", "method", "state"]
        assert notice(screen) == "coloured by state"


async def test_a_pinned_call_is_kept_and_has_a_sign() -> None:
    engine = engine_of()
    async with app(engine).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.press("P")
        await pilot.pause()
        assert engine.store.pinned == {screen.view.ids[0]}
        assert lines(screen)[1].startswith("◆")
        await pilot.press("P")
        assert engine.store.pinned == set()


@pytest.mark.parametrize(
    ("place", "row"), [("#3", 3), ("3", 3), ("22:13:36", 2), ("22:13", 1), ("2030-01-01", 8)]
)
async def test_a_colon_goes_to_a_time_or_a_number(place: str, row: int) -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.press(":", *place, "enter")
        await pilot.pause()
        assert screen.calls.row == row
        assert screen.calls.has_focus


@pytest.mark.parametrize(
    ("place", "words"), [("#99", "#99 is not in the list."), ("noon", "noon is no place.")]
)
async def test_a_place_that_there_is_not_is_told(place: str, words: str) -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        await pilot.press(":", *place, "enter")
        await pilot.pause()
        assert notice(screen).startswith(words)


async def test_a_star_marks_all_that_are_shown_or_none() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await pilot.press("/", *"rejected", "enter")
        screen = await settled(pilot)
        await pilot.press("*")
        assert screen.calls.marked == set(screen.view.ids) == {2, 4, 5}
        await pilot.press("*")
        assert screen.calls.marked == set()


async def test_what_is_no_filter_yet_leaves_the_former_one_and_says_why() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await pilot.press("/", *"status > 400", *" and bogus = 1")
        screen = await settled(pilot)
        assert screen.view.filter.text.rstrip() == "status > 400 and bogus"
        line = screen.filter_line.query_one(Proposals)
        assert line.render_line(0).text.strip().startswith("There is no field bogus.")
        await pilot.press("enter")
        await pilot.pause()
        assert screen.filter_line.display


async def test_tab_completes_a_filter() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await pilot.press("/", *"stat", "tab", "=", *" rej", "tab", "enter")
        screen = await settled(pilot)
        assert screen.view.filter.text.split() == ["state", "=", "rejected"]
        assert len(screen.view.ids) == 3


async def test_filters_of_former_times_come_back() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await pilot.press("/", *"busy", "enter", "escape")
        await pilot.press("/", "up", "enter")
        screen = await settled(pilot)
        assert screen.view.filter.text == "busy"


@pytest.mark.parametrize("key", ["f", "F", "f7"])
async def test_a_filter_is_made_of_fields(key: str) -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press(key, *"anna", "enter")
        screen = await settled(pilot)
        assert screen.view.filter.text == "from ~ anna"
        assert len(screen.view.ids) == 1


async def test_the_list_begins_as_the_settings_say() -> None:
    listed = CallListSettings(
        columns=("index", "from", "transport"),
        widths={"from": 7},
        sort="from",
        descending=False,
        fold=("OPTIONS",),
        color_by="method",
        filter="not method = REGISTER",
    )
    settings = Settings(list=listed)
    async with SipscopeApp(engine_of(), settings).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        assert lines(screen)[0].split() == ["#", "From↑", "Transp"]
        assert len(screen.view.ids) == 6
        assert screen.calls.color_by == "method"
        assert screen.view.folded_counts() == {"OPTIONS": 1}


async def test_a_filter_in_the_settings_that_is_none_is_told() -> None:
    settings = Settings(list=CallListSettings(filter="mos <"))
    async with SipscopeApp(engine_of(), settings).run_test(size=(80, 24)) as pilot:
        screen = await settled(pilot)
        assert notice(screen).startswith("settings: filter: A value is missing")
        assert len(screen.view.ids) == 8


def test_folded_marked_and_coloured_looks_right(snap_compare: SnapCompare) -> None:
    async def arrange(pilot: Running) -> None:
        await settled(pilot)
        await pilot.press("-", "c", "P", "down", "space", "*", "right")
        await settled(pilot)
        calls_of(pilot).notice_line._fall_silent()

    assert snap_compare(app(), terminal_size=(80, 24), run_before=arrange)


def test_a_wrong_filter_looks_right(snap_compare: SnapCompare) -> None:
    async def arrange(pilot: Running) -> None:
        await pilot.press("/", *"bogus = 1 and st")
        await settled(pilot)

    assert snap_compare(app(), terminal_size=(80, 24), run_before=arrange)
