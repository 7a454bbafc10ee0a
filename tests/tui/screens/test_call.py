"""The screen of one call."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sipscope.calls.intake import Intake
from sipscope.calls.ladder import EventRow, MessageRow
from sipscope.calls.ladder_selection import Selection
from sipscope.calls.ladder_words import SdpMode
from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.settings import Settings
from sipscope.settings.model import Ladder
from sipscope.tui.app import SipscopeApp
from sipscope.tui.reverse_names import ReverseNames
from sipscope.tui.screens.call import CallScreen
from sipscope.tui.screens.calls import CallsScreen
from sipscope.tui.screens.compare import CompareScreen
from sipscope.tui.screens.media import MediaScreen
from sipscope.tui.screens.message import MessageScreen
from sipscope.tui.screens.messages import MessagesScreen
from sipscope.tui.screens.save import SaveScreen
from sipscope.tui.widgets.moments import Times
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

    def __init__(self, sent: list[Sent], settings: Settings | None = None) -> None:
        self.frozen = engine_of(sent)
        super().__init__(self.frozen, settings or Settings())

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
    if isinstance(row, EventRow):
        return row.event.labels[0]
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
    [("r", MessagesScreen), ("i", MediaScreen), ("f2", SaveScreen), ("S", SaveScreen)],
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
        assert lines == [9, 9, 7, 9]


async def test_media_are_taken_out_of_the_ladder_and_shown_alone() -> None:
    app = Opened(answered_call(media=100))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.pause()
        lines = [len(app.call.ladder.rows.ladder.rows)]
        for key in ("m", "f3", "M", "M", "m", "M"):
            await pilot.press(key)
            lines.append(len(app.call.ladder.rows.ladder.rows))
        assert lines == [9, 7, 9, 2, 9, 7, 2]


async def test_x_shows_the_other_legs_and_hides_them() -> None:
    app = Opened(LEGS)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("down")
        assert label(app) == "486 Busy Here"
        await pilot.press("x")
        assert len(app.call.ladder.rows.ladder.columns) == 3
        assert len(app.call.ladder.rows.ladder.rows) == 4
        assert app.call.ladder.rows.index == 3
        await pilot.press("x")
        assert len(app.call.ladder.rows.ladder.rows) == 2


async def test_a_leg_that_comes_later_joins_the_ladder_of_all_legs() -> None:
    app = Opened(LEGS[:1])
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("x")
        add(app.frozen.store, LEGS[1:])
        app.call.refresh_call()
        assert len(app.call.ladder.rows.ladder.rows) == 4


async def test_rows_are_added_while_the_call_goes_on_and_the_cursor_stays() -> None:
    call = answered_call(media=100)
    app = Opened(call[:3])
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("down")
        add(app.frozen.store, call[3:])
        app.call.refresh_call()
        assert label(app) == "100 Trying"
        assert len(app.call.ladder.rows.ladder.rows) == 9


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
        assert len(app.call.ladder.rows.ladder.rows) == 7


async def test_tab_goes_to_the_message_so_that_it_can_be_scrolled() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("tab", "down")
        assert app.call.preview.top == 1
        assert app.call.ladder.rows.index == 0
        await pilot.press("tab", "down")
        assert label(app) == "100 Trying"


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


async def test_legs_that_no_header_names_are_found_and_told_with_their_reason() -> None:
    sent = [LEGS[0], Sent(5, request("INVITE", call_id="leg-b"), PBX, TRUNK)]
    app = Opened(sent)
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("x")
        await pilot.pause()
        lines = [app.call._legs.render_line(y).text.rstrip() for y in range(2)]
        assert lines == [
            " A leg-a   the chosen one",
            " B leg-b   same numbers, 0.0 s apart (likely)",
        ]
        await pilot.press("x")
        await pilot.pause()
        assert not app.call._legs.display


async def test_a_call_without_other_legs_says_so() -> None:
    app = Opened(LEGS[:1])
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("x")
        await pilot.pause()
        assert notice(app) == "The call has no other legs so far"


def notice(app: Opened) -> str:
    return app.call._notice.render_line(0).text.strip()


async def test_a_search_marks_rows_and_escape_ends_it() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("/", *"bye", "enter")
        await pilot.pause()
        assert label(app) == "BYE"
        assert notice(app).startswith("search: bye (Esc)")
        await pilot.press("n")
        assert label(app) == "200 OK"
        await pilot.press("N")
        assert label(app) == "BYE"
        await pilot.press("escape")
        assert app.screen is app.call
        assert app.call.ladder.rows.words == ""
        await pilot.press("escape")
        assert isinstance(app.screen, CallsScreen)


async def test_a_search_in_vain_says_so() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("/", *"nowhere", "enter")
        await pilot.pause()
        assert notice(app) == "No nowhere in this ladder"


async def test_what_is_looked_for_is_looked_for_in_the_message_as_well() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("/", *"bye", "enter", "enter")
        assert isinstance(app.screen, MessageScreen)
        assert app.screen.text.words == "bye"


async def test_z_shows_one_transaction_and_escape_all() -> None:
    app = Opened(answered_call(media=100))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("end", "z")
        await pilot.pause()
        assert len(app.call.ladder.rows.ladder.rows) == 2
        assert label(app) == "200 OK"
        assert notice(app).split("   ")[0] == "only transaction BYE 2 (Esc)"
        await pilot.press("escape")
        assert len(app.call.ladder.rows.ladder.rows) == 9
        assert label(app) == "200 OK"


async def test_a_ladder_without_rows_previews_nothing() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("M")
        await pilot.pause()
        assert app.call.ladder.rows.ladder_row is None
        assert set(preview(app)) == {""}
        await pilot.press("M")
        await pilot.pause()
        assert "INVITE sip:2002@example.com SIP/2.0" in preview(app)


async def test_x_in_the_list_shows_all_legs_also_when_the_settings_say_so() -> None:
    for legs in (False, True):
        app = SipscopeApp(engine_of(LEGS), Settings(ladder=Ladder(legs=legs)))
        async with app.run_test(size=WIDE) as pilot:
            await pilot.press("x")
            await pilot.pause()
            assert isinstance(app.screen, CallScreen)
            assert len(app.screen.chosen.legs) == 2


async def test_a_stream_has_no_transaction() -> None:
    app = Opened(answered_call(media=100))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("M", "z")
        await pilot.pause()
        assert notice(app) == "Only a message belongs to a transaction"


async def test_f_folds_what_was_sent_again() -> None:
    app = Opened([Sent(at, request("INVITE"), PHONE, PBX) for at in (0, 500, 1500)])
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("f")
        assert label(app) == "INVITE ×3"  # noqa: RUF001
        await pilot.press("f")
        assert len(app.call.ladder.rows.ladder.rows) == 3


async def test_D_leaves_messages_with_sdp() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("D")
        assert len(app.call.ladder.rows.ladder.rows) == 2
        await pilot.press("D")
        assert len(app.call.ladder.rows.ladder.rows) == 7


async def test_s_gives_each_port_a_column_and_takes_it_back() -> None:
    app = Opened([*answered_call(), Sent(9, request("INVITE", cseq=2), PHONE, PBX, 5062)])
    async with app.run_test(size=NARROW) as pilot:
        counts = []
        for key in ("d", "s", "s"):
            await pilot.press(key)
            counts.append(len(app.call.ladder.rows.ladder.columns))
        assert counts == [2, 3, 2]


async def test_w_counts_times_from_elsewhere_also_in_the_message() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("w")
        await pilot.pause()
        assert "UTC" in preview(app)[0]
        assert "time UTC" in app.call.ladder._names.render_line(1).text
        await pilot.press("w", "w", "w")
        await pilot.pause()
        assert app.call.ladder.rows.times is Times.CLOCK
        assert "UTC" not in preview(app)[0]


async def test_e_explains_the_sdp_beside_the_ladder() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("e")
        await pilot.pause()
        assert preview(app)[0] == " The SDP of INVITE (sdp) in words".strip()
        await pilot.press("down")
        await pilot.pause()
        assert "SIP/2.0 100 Trying" in preview(app)
        await pilot.press("up", "e")
        await pilot.pause()
        assert "INVITE sip:2002@example.com SIP/2.0" in preview(app)


async def test_y_copies_the_message_and_what_is_known_of_a_stream() -> None:
    app = Opened(answered_call(media=100))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("down", "y")
        assert app.clipboard.startswith("SIP/2.0 100 Trying\nVia: ")
        await pilot.pause()
        assert notice(app).startswith("Copied to the clipboard: 100 Trying, ")
        await pilot.press("M", "y")
        assert app.clipboard.startswith(f"PCMA\n{PHONE}:40000 → {PBX}:18000\nSSRC ")


async def test_hosts_have_the_names_of_the_settings_and_a_shows_addresses() -> None:
    app = Opened(answered_call(), Settings(aliases={PHONE: "Anna", "198.51.100.0/24": "PBX"}))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.pause()
        assert app.call.ladder._names.render_line(1).text.split()[2:] == ["Anna", "PBX"]
        await pilot.press("a")
        await pilot.pause()
        names = app.call.ladder._names.render_line(1).text.split()[2:]
        assert names == [f"{PHONE}:5060", f"{PBX}:5060"]


async def test_a_without_any_names_says_where_they_come_from() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=(100, 24)) as pilot:
        await pilot.press("a")
        await pilot.pause()
        assert notice(app).startswith("No host has a name: write [aliases] in the settings")


async def test_dns_is_asked_on_request_for_the_hosts_without_a_name_alone() -> None:
    app = Opened(answered_call(), Settings(aliases={PHONE: "Anna"}))
    asked: list[str] = []

    def look_up(address: str) -> str:
        asked.append(address)
        return "pbx.example"

    async with app.run_test(size=NARROW) as pilot:
        app.call.reverse_names = ReverseNames(look_up)
        await pilot.press("a", "a", "down")
        assert asked == []
        await pilot.press("A")
        while app.call.reverse_names.pending:
            await pilot.pause(0.01)
        app.call.refresh_call()
        await pilot.pause()
        assert asked == [PBX]
        assert app.call.ladder._names.render_line(1).text.split()[2:] == ["Anna", "pbx.example"]


async def test_the_ladder_begins_as_the_settings_say() -> None:
    ladder = Ladder(
        times="start",
        sdp="off",
        streams=False,
        preview=False,
        merge_ports=False,
        fold_retransmissions=True,
        legs=True,
    )
    app = Opened(LEGS, Settings(ladder=ladder))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.pause()
        await pilot.pause()
        rows = app.call.ladder.rows
        assert rows.times is Times.START
        assert rows.sdp_mode is SdpMode.OFF
        assert app.call.selection == Selection(media=False, folded=True)
        assert not app.call.preview.display
        assert app.call.chosen.all_legs


async def test_the_message_has_the_share_of_the_width_that_the_settings_say() -> None:
    widths = []
    for percent in (30, 60):
        app = Opened(LEGS[:1], Settings(ladder=Ladder(preview_percent=percent)))
        async with app.run_test(size=WIDE) as pilot:
            await pilot.pause()
            widths.append(app.call.preview.outer_size.width)
    assert widths[0] < widths[1]


async def test_the_smallest_screen_shows_the_ladder_and_takes_every_key() -> None:
    app = Opened(answered_call(media=100))
    async with app.run_test(size=(40, 10)) as pilot:
        for key in ("down", "w", "t", "e", "x", "s", "d", "z", "z", "D", "D", "f", "right", "left"):
            await pilot.press(key)
            await pilot.pause()
        assert app.screen is app.call
        assert app.call.ladder.rows.size.height >= 1


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
        ("no-response.pcap", ["enter", "w", "w"]),
        ("call-b2bua.pcap", ["end", "enter", "x", "down", "down"]),
        ("call-proxy.pcap", ["enter", "end"]),
        ("call-dtmf.pcap", ["enter", "/", "d", "t", "m", "f", "enter"]),
        ("call-hold.pcapng", ["enter", "e"]),
        ("retransmissions.pcap", ["enter", "f", "z"]),
        ("call-rtcp.pcap", ["enter", "D", "M", "down", "down", "down"]),
    ],
    ids=[
        "call",
        "sdp-and-mark",
        "488",
        "no-response",
        "legs",
        "proxy",
        "dtmf-searched",
        "hold-explained",
        "retransmissions-folded",
        "rtcp",
    ],
)
def test_the_call_looks_as_it_should(
    snap_compare: Callable[..., bool], name: str, keys: list[str], size: tuple[int, int]
) -> None:
    assert snap_compare(Fixture(name), terminal_size=size, press=keys)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x48"])
def test_legs_look_as_they_should(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    app = SipscopeApp(engine_of(LEGS))
    assert snap_compare(app, terminal_size=size, press=["end", "enter", "x", "down"])
