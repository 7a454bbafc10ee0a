"""The screen of one call."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sipscope.calls.intake import Intake
from sipscope.calls.ladder import MessageRow
from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.call import CallScreen
from sipscope.tui.screens.calls import CallsScreen
from sipscope.tui.screens.compare import CompareScreen
from sipscope.tui.screens.media import MediaScreen
from sipscope.tui.screens.message import MessageScreen
from sipscope.tui.screens.messages import MessagesScreen
from sipscope.tui.screens.save import SaveScreen
from tests.signalling import PBX, PHONE, TRUNK, Sent, add, answered_call, request, response
from tests.tui.frozen import FrozenEngine, engine_of

Running = Pilot[None]
NARROW, WIDE = (80, 24), (160, 48)

LEGS = [
    Sent(0, request("INVITE", call_id="leg-a"), PHONE, PBX),
    Sent(5, request("INVITE", call_id="leg-b", headers="X-Call-ID: leg-a\r\n"), PBX, TRUNK),
    Sent(9, response("486 Busy Here", call_id="leg-b"), TRUNK, PBX),
    Sent(12, response("486 Busy Here", call_id="leg-a"), PBX, PHONE),
]


class Opened(SipscopeApp):
    """The application with the first dialog opened."""

    def __init__(self, sent: list[Sent]) -> None:
        self.frozen = engine_of(sent)
        super().__init__(self.frozen)

    async def on_ready(self) -> None:
        await self.push_screen(CallScreen(self.frozen, [1]))

    @property
    def call(self) -> CallScreen:
        (screen,) = [s for s in self.screen_stack if isinstance(s, CallScreen)]
        return screen


def label(app: Opened) -> str:
    """What is under the cursor."""
    row = app.call.ladder.rows.ladder_row
    assert row is not None
    return row.label if isinstance(row, MessageRow) else str(row.figures.codec)


def preview(app: Opened) -> list[str]:
    pane = app.call.preview
    return [pane.render_line(y).text.rstrip(" ▐") for y in range(pane.size.height)]


async def test_enter_on_a_call_opens_it_and_escape_goes_back() -> None:
    app = SipscopeApp(engine_of(answered_call()))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("enter")
        assert isinstance(app.screen, CallScreen)
        await pilot.press("escape")
        assert isinstance(app.screen, CallsScreen)
        assert app.screen.calls.row == 1


async def test_the_message_under_the_cursor_is_shown_beside_the_ladder() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.pause()
        assert "INVITE sip:2002@example.com SIP/2.0" in preview(app)
        await pilot.press("down")
        await pilot.pause()
        assert "SIP/2.0 100 Trying" in preview(app)
        assert app.call.ladder.region.bottom == app.call.preview.region.bottom


async def test_the_message_is_shown_below_where_there_is_no_room_beside() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=NARROW) as pilot:
        await pilot.pause()
        assert app.call.ladder.region.bottom == app.call.preview.region.y
        assert app.call.ladder.rows.size.height >= 7
        assert "INVITE sip:2002@example.com SIP/2.0" in preview(app)


async def test_a_low_terminal_keeps_its_lines_for_the_ladder() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=(80, 18)) as pilot:
        await pilot.pause()
        assert not app.call.preview.display


async def test_t_shows_and_hides_the_message() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("t")
        assert not app.call.preview.display
        assert app.call.ladder.size.width == WIDE[0]
        await pilot.press("t")
        assert app.call.preview.display


async def test_9_and_0_give_the_message_less_and_more_room() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.pause()
        widths = [app.call.preview.outer_size.width]
        for key in ("9", "9", "0"):
            await pilot.press(key)
            await pilot.pause()
            widths.append(app.call.preview.outer_size.width)
        assert [width - widths[0] for width in widths] == [0, -4, -8, -4]


async def test_a_stream_under_the_cursor_shows_its_figures() -> None:
    app = Opened(answered_call(media=100))
    async with app.run_test(size=WIDE) as pilot:
        for _ in range(5):
            await pilot.press("down")
        await pilot.pause()
        assert label(app) == "PCMA"
        assert preview(app)[0].startswith(f"{PHONE}:40000 → {PBX}:18000")


async def test_enter_shows_the_message_as_a_whole_and_the_cursor_follows_what_was_read() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("down", "enter")
        assert isinstance(app.screen, MessageScreen)
        await pilot.press("n", "n", "escape")
        assert app.screen_stack[-1] is app.call
        assert label(app) == "200 OK (sdp)"


async def test_enter_on_a_stream_shows_the_media() -> None:
    app = Opened(answered_call(media=100))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("down", "down", "down", "down", "down", "down", "enter")
        assert isinstance(app.screen, MediaScreen)


@pytest.mark.parametrize(
    ("key", "screen"),
    [("r", MessagesScreen), ("m", MediaScreen), ("f2", SaveScreen), ("s", SaveScreen)],
)
async def test_keys_open_the_other_screens_of_the_call(key: str, screen: type) -> None:
    app = Opened(answered_call())
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press(key)
        assert isinstance(app.screen, screen)
        await pilot.press("escape")
        assert app.screen is app.call


async def test_space_marks_one_message_and_compares_it_with_the_next() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("space", "down", "down", "space")
        assert isinstance(app.screen, CompareScreen)
        await pilot.press("escape", "ctrl+w")
        assert app.call.ladder.rows.mark is None


async def test_space_twice_on_one_message_unmarks_it() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("space")
        assert app.call.ladder.rows.marked_row is not None
        await pilot.press("space")
        assert app.call.ladder.rows.marked_row is None


async def test_d_shows_sdp_in_short_in_full_and_not_at_all() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=NARROW) as pilot:
        await pilot.pause()
        lines = [len(app.call.ladder.rows.rows)]
        for _ in range(3):
            await pilot.press("d")
            lines.append(len(app.call.ladder.rows.rows))
        assert lines == [7, 9, 9, 7]


async def test_streams_are_taken_out_of_the_ladder_and_put_back() -> None:
    app = Opened(answered_call(media=100))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.pause()
        lines = [len(app.call.ladder.rows.rows)]
        for _ in range(2):
            await pilot.press("M")
            lines.append(len(app.call.ladder.rows.rows))
        assert lines == [9, 7, 9]


async def test_x_shows_the_other_legs_and_hides_them() -> None:
    app = Opened(LEGS)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("down")
        assert label(app) == "486 Busy Here"
        await pilot.press("x")
        assert len(app.call.ladder.rows.ladder.columns) == 3
        assert len(app.call.ladder.rows.rows) == 4
        assert app.call.ladder.rows.index == 3
        await pilot.press("x")
        assert len(app.call.ladder.rows.rows) == 2


async def test_a_leg_that_comes_later_joins_the_ladder_of_all_legs() -> None:
    app = Opened(LEGS[:1])
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("x")
        add(app.frozen.store, LEGS[1:])
        app.call.refresh_call()
        assert len(app.call.ladder.rows.rows) == 4


async def test_rows_are_added_while_the_call_goes_on_and_the_cursor_stays() -> None:
    call = answered_call(media=100)
    app = Opened(call[:3])
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("down")
        add(app.frozen.store, call[3:])
        app.call.refresh_call()
        assert label(app) == "100 Trying"
        assert len(app.call.ladder.rows.rows) == 9


async def test_nothing_is_laid_out_again_when_nothing_changed() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=NARROW):
        app.call.refresh_call()
        before = app.call.ladder.rows.ladder
        app.call.refresh_call()
        assert app.call.ladder.rows.ladder is before


async def test_a_call_that_the_store_forgot_stays_on_the_screen() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=NARROW):
        with app.frozen.store.lock:
            app.frozen.store.forget([1])
        app.call.refresh_call()
        assert len(app.call.ladder.rows.rows) == 7


async def test_tab_goes_to_the_message_so_that_it_can_be_scrolled() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("tab", "down")
        assert app.call.preview.top == 1
        assert app.call.ladder.rows.index == 0
        await pilot.press("tab", "down")
        assert app.call.ladder.rows.index == 1


async def test_saving_offers_the_call_and_tells_what_was_saved(tmp_path: Path) -> None:
    app = Opened(answered_call())
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("f2", "enter")
        await pilot.pause()
        await app.workers.wait_for_complete()
        assert [ids for _, ids, *_ in app.frozen.saved] == [[1]]
        assert app.screen is app.call


@pytest.mark.parametrize("text", ["[/]", "[link=x]", "\x1b]52;c;aGk=\x07", "\u202e", "x" * 4096])
@pytest.mark.parametrize("keys", [(), ("r",), ("enter",), ("space", "down", "space"), ("d", "d")])
async def test_hostile_texts_end_no_screen(text: str, keys: tuple[str, ...]) -> None:
    app = Opened(
        [
            Sent(0, request("INVITE", call_id=text, user=text, agent=text), PHONE, PBX),
            Sent(1, response(f"180 {text}", call_id=text, user=text), PBX, PHONE),
        ]
    )
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
        for strip in app.screen._compositor.render_strips():
            assert not any(ord(character) < 32 or character == "\u202e" for character in strip.text)


class Fixture(SipscopeApp):
    """The application on a capture that was made with real tools."""

    def __init__(self, name: str) -> None:
        store = DialogStore()
        path = Path(__file__).parents[3] / "fixtures" / "pcaps" / name
        source = FileSource(str(path))
        intake = Intake(store)
        while (batch := source.read()) is not None:
            intake.take(batch)
        store.touch(store.streams.flush())
        super().__init__(FrozenEngine(store))


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("call-udp.pcap", ["enter"]),
        ("call-udp.pcap", ["enter", "d", "d", "space", "down", "down", "down"]),
        ("codec-rejected-488.pcap", ["enter", "end"]),
        ("no-response.pcap", ["enter", "w"]),
    ],
    ids=["call", "sdp-and-mark", "488", "no-response"],
)
def test_the_call_looks_as_it_should(
    snap_compare: Callable[..., bool], name: str, keys: list[str], size: tuple[int, int]
) -> None:
    assert snap_compare(Fixture(name), terminal_size=size, press=keys)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
def test_legs_look_as_they_should(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    app = SipscopeApp(engine_of(LEGS))
    assert snap_compare(app, terminal_size=size, press=["end", "enter", "x", "down"])
