"""The list of all streams."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from sipscope.settings.model import Settings, View
from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.call import CallScreen
from sipscope.tui.screens.calls import CallsScreen
from sipscope.tui.screens.media import MediaScreen
from sipscope.tui.screens.streams import StreamsScreen
from tests.packets import START
from tests.signalling import (
    MS,
    PBX,
    PHONE,
    TRUNK,
    Sent,
    answered_call,
    request,
    response,
    sdp,
    stream,
)
from tests.tui.frozen import FILE, FrozenEngine, engine_of, refused

Running = Pilot[None]


def other_call(number: int, lost: int) -> list[Sent]:
    """A call of which `lost` packets of fifty are lost on the way from the trunk."""
    call, port = f"other-{number}", 20000 + 2 * number
    user, callee = str(3000 + number), str(4000 + number)
    return [
        Sent(
            100 * number,
            request("INVITE", call_id=call, user=user, callee=callee, body=sdp(PBX, port)),
            PBX,
            TRUNK,
        ),
        Sent(
            100 * number + 50,
            response("200 OK", call_id=call, user=user, callee=callee, body=sdp(TRUNK, port)),
            TRUNK,
            PBX,
        ),
        *stream(
            (TRUNK, port),
            (PBX, port),
            start=13_000 + 100 * number,
            count=70,
            lost=range(20, 20 + lost),
            ssrc=0x1000 + number,
        ),
    ]


def many() -> list[Sent]:
    """A call, four with more and more loss, and a stream of no call."""
    sent = answered_call(media=600, lost=(10, 11, 12))
    for number in range(1, 5):
        sent += other_call(number, 4 * number - 4)
    return sent + stream((TRUNK, 5000), (PHONE, 5002), start=0, count=80, ssrc=0xABC)


def engine(*sources: object) -> FrozenEngine:
    """The engine at the time of the last packets."""
    frozen = engine_of(many(), *([FILE] if sources else []))
    frozen.told = replace(frozen.told, now=START + 14_800 * MS)
    return frozen


def app(frozen: FrozenEngine | None = None) -> SipscopeApp:
    return SipscopeApp(frozen or engine())


async def opened(pilot: Running) -> StreamsScreen:
    """Open the list from the call list."""
    await pilot.press("M")
    await pilot.pause()
    screen = pilot.app.screen
    assert isinstance(screen, StreamsScreen)
    return screen


def lines(screen: StreamsScreen) -> list[str]:
    shown = screen.streams
    return [shown.render_line(y).text.rstrip(" ▐") for y in range(shown.size.height)]


def notice(screen: StreamsScreen) -> list[str]:
    return screen.notice_line.render_line(0).text.split("   ")


def ports(screen: StreamsScreen) -> list[int]:
    """The ports from which the streams come, in their order."""
    rows = screen.view.rows(screen.view.ids)
    return [rows[stream_id].row.flow.source.port for stream_id in screen.view.ids]


WORST_FIRST = [20008, 20006, 20004, 18000, 40000, 20002, 5000]


async def test_all_streams_are_listed_the_worst_first() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        assert ports(screen)[:3] == WORST_FIRST[:3]
        assert set(ports(screen)) == set(WORST_FIRST)
        assert lines(screen)[1].startswith(f"● {TRUNK}:20008")


async def test_the_line_over_it_says_what_is_listed_and_how() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        words = notice(screen)
        assert (words[0].strip(), words[1], words[-1].strip()) == (
            "RTP streams",
            "sorted by MOS ↑",
            "7 streams",
        )


async def test_what_is_sent_now_stands_apart_from_the_whole_stream() -> None:
    async with app().run_test(size=(160, 24)) as pilot:
        screen = await opened(pilot)
        worst = lines(screen)[1]
        good = next(line for line in lines(screen) if f"{TRUNK}:20002" in line)
        assert worst.endswith("lost  17 %")
        assert good.endswith("good")


async def test_of_a_file_that_was_read_nothing_is_now() -> None:
    async with app(engine("file")).run_test(size=(160, 24)) as pilot:
        screen = await opened(pilot)
        assert not any("good" in line for line in lines(screen))


async def test_every_column_sorts_with_the_keys_of_the_call_list() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        seen = [(screen.view.column, screen.view.descending)]
        for _ in range(8):
            await pilot.press(">")
            seen.append((screen.view.column, screen.view.descending))
        assert seen == [
            ("mos", False),
            ("first", True),
            ("source", False),
            ("destination", False),
            ("codec", False),
            ("packets", True),
            ("loss", True),
            ("jitter", True),
            ("delta", True),
        ]
        await pilot.press("<")
        assert screen.view.column == "jitter"


async def test_the_order_is_reversed() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        before = ports(screen)
        await pilot.press("z")
        await pilot.pause()
        assert ports(screen)[-3:] == before[2::-1]
        assert "sorted by MOS ↓" in notice(screen)[1]


async def test_a_click_on_a_title_sorts_and_a_second_one_reverses() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        seen = []
        for _ in range(2):
            await pilot.click(screen.streams, offset=(3, 0))
            seen.append((screen.view.column, screen.view.descending))
        assert seen == [("source", False), ("source", True)]


async def test_enter_opens_the_media_of_the_call_at_the_stream() -> None:
    async with app().run_test(size=(80, 12)) as pilot:
        screen = await opened(pilot)
        stream_id = screen.view.ids[ports(screen).index(18000)]
        screen.streams.move_to(stream_id)
        await pilot.press("enter")
        await pilot.pause()
        media = pilot.app.screen
        assert isinstance(media, MediaScreen)
        assert media.text.render_line(0).text.startswith(f"{PBX}:18000 → {PHONE}:40000")


async def test_a_stream_of_no_call_is_shown_alone() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        screen.streams.move_to(screen.view.ids[ports(screen).index(5000)])
        await pilot.press("c")
        assert notice(screen)[0].strip() == "No call that was seen has this stream"
        await pilot.press("enter")
        await pilot.pause()
        media = pilot.app.screen
        assert isinstance(media, MediaScreen)
        assert media.text.render_line(0).text.startswith(f"{TRUNK}:5000 → {PHONE}:5002")


async def test_escape_comes_back_to_the_same_row() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press("down", "down", "enter")
        before = screen.streams.row
        await pilot.pause()
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.screen is screen
        assert screen.streams.row == before
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, CallsScreen)


async def test_the_call_of_a_stream_is_one_key_away() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("c")
        await pilot.pause()
        screen = pilot.app.screen
        assert isinstance(screen, CallScreen)
        assert screen.chosen.title(0)[0][0].text == "3004 → 4004"


async def test_typing_filters_and_escape_clears_the_filter_first() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press("/", *"3004", "enter")
        await pilot.pause()
        assert ports(screen) == [20008]
        assert notice(screen)[2] == "filter: 3004"
        assert notice(screen)[-1].strip() == "1 of 7 streams"
        await pilot.press("escape")
        await pilot.pause()
        assert len(screen.view.ids) == 7
        assert pilot.app.screen is screen


async def test_a_filter_that_nothing_passes_says_how_to_get_rid_of_it() -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press("/", *"nobody")
        await pilot.pause()
        assert lines(screen)[1].strip() == "No stream matches the filter. Esc clears it."


async def test_without_rtp_the_list_says_so() -> None:
    for sources, words in (((), "Waiting for RTP."), ((FILE,), "There is no RTP in here.")):
        async with SipscopeApp(engine_of(refused(0, 1, "404"), *sources)).run_test() as pilot:
            screen = await opened(pilot)
            assert lines(screen)[1].strip() == words
            await pilot.press("enter", "c")
            assert pilot.app.screen is screen


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_the_streams_look_as_they_should(
    snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    assert snap_compare(app(), press=["M"], terminal_size=size)


def test_the_streams_look_right_in_the_light(snap_compare: Callable[..., bool]) -> None:
    light = SipscopeApp(engine(), Settings(view=View(theme="light")))
    assert snap_compare(light, press=["M", "greater_than_sign", "down"], terminal_size=(120, 30))
