"""The streams of a call."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.media import MediaScreen
from tests.packets import SECOND, START
from tests.signalling import MS, PBX, PHONE, Sent, add, answered_call, stream
from tests.tui.frozen import FrozenEngine, engine_of, engine_that_read

LOST = (*range(100, 110), 200, 201, 320)


class Opened(SipscopeApp):
    """The application with the media of the first dialog opened."""

    def __init__(
        self,
        sent: list[Sent] | FrozenEngine,
        stream: int | None = None,
        dialogs: Sequence[int] = (1,),
    ) -> None:
        self.frozen = sent if isinstance(sent, FrozenEngine) else engine_of(sent)
        super().__init__(self.frozen)
        self.media = MediaScreen(self.frozen, list(dialogs), stream)

    async def on_ready(self) -> None:
        await self.push_screen(self.media)

    def lines(self) -> list[str]:
        text = self.media.text
        return [text.render_line(y).text.rstrip(" ▐") for y in range(text.size.height)]


async def test_all_streams_stand_under_each_other() -> None:
    app = Opened(answered_call(media=300, lost=LOST))
    async with app.run_test(size=(80, 30)) as pilot:
        await pilot.pause()
        lines = app.lines()
        assert lines[0] == f"{PHONE}:40000 → {PBX}:18000"
        assert f"{PBX}:18000 → {PHONE}:40000" in lines
        assert not app.media.text._on_thumb(0)


async def test_the_stream_that_was_chosen_is_on_top() -> None:
    app = Opened(answered_call(media=300), stream=2)
    async with app.run_test(size=(80, 12)) as pilot:
        await pilot.pause()
        assert app.lines()[0] == f"{PBX}:18000 → {PHONE}:40000"


async def test_figures_follow_the_stream() -> None:
    call = answered_call(media=300)
    app = Opened([packet for packet in call if packet.at < 5000])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        before = app.lines()[2]
        add(app.frozen.store, [packet for packet in call if packet.at >= 5000])
        app.media.refresh_media()
        assert before.split()[1] == "118"
        assert app.lines()[2].split()[1] == "300"


async def test_a_call_without_rtp_says_so() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert app.lines()[0] == "There is no RTP of this call in the capture."


def reading(app: Opened) -> list[str]:
    """The lines under the charts."""
    return [line for line in app.lines() if line.startswith("▸")]


async def test_what_sounded_worst_is_read_out_at_first_for_both_directions() -> None:
    app = Opened(answered_call(media=300, lost=LOST))
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.pause()
        assert reading(app) == [
            "▸ 22:13:24  packets 50  lost 0  jitter 0.0 ms  max delta 20.0 ms  MOS 4.41",
            "▸ 22:13:24  packets 40  lost 10  jitter 0.0 ms  max delta 220.0 ms  MOS 1.39",
        ]


async def test_left_and_right_read_out_another_time_as_far_as_there_is_one() -> None:
    app = Opened(answered_call(media=300, lost=LOST))
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.pause()
        seen = []
        for key in ("left", "left", "left", "right", *["right"] * 9):
            await pilot.press(key)
            seen.append(reading(app)[0].split()[1])
        assert seen[:4] == ["22:13:23", "22:13:22", "22:13:22", "22:13:23"]
        assert seen[-2:] == ["22:13:27", "22:13:27"]


async def test_faults_are_gone_to_one_by_one() -> None:
    app = Opened(answered_call(media=500, lost=LOST))
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.pause()
        seen = []
        for key in ("n", "n", "n", "N", "N", "N"):
            await pilot.press(key)
            seen.append(reading(app)[1].split()[1])
        assert seen == ["22:13:26", "22:13:28", "22:13:28", "22:13:26", "22:13:24", "22:13:24"]


async def test_the_time_that_is_read_out_stays_while_the_stream_goes_on() -> None:
    call = answered_call(media=300, lost=LOST)
    app = Opened([packet for packet in call if packet.at < 5000])
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.pause()
        await pilot.press("left")
        before = reading(app)[0]
        add(app.frozen.store, [packet for packet in call if packet.at >= 5000])
        app.media.refresh_media()
        assert reading(app)[0] == before


async def test_charts_are_as_high_as_all_streams_fit() -> None:
    for size, height in (((80, 24), 1), ((160, 48), 3), ((160, 70), 5)):
        app = Opened(answered_call(media=300))
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            lines = app.lines()
            first = next(y for y, line in enumerate(lines) if line.startswith("  loss %  "))
            second = next(y for y, line in enumerate(lines) if line.startswith("  jitter ms  "))
            while second < first:
                second = lines.index(
                    next(line for line in lines[second + 1 :] if line.startswith("  jitter ms")),
                    second + 1,
                )
            assert second - first == height


async def test_what_wireshark_shows_is_there_on_request() -> None:
    app = Opened(answered_call(media=300, lost=LOST))
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.pause()
        shown = []
        for _ in range(3):
            shown.append(sum("as Wireshark  lost" in line for line in app.lines()))
            await pilot.press("W")
        assert shown == [0, 2, 0]


async def test_tab_goes_from_stream_to_stream() -> None:
    app = Opened(answered_call(media=300))
    async with app.run_test(size=(80, 12)) as pilot:
        await pilot.pause()
        tops = []
        for _ in range(3):
            tops.append(app.lines()[0])
            await pilot.press("tab")
        phone, pbx = f"{PHONE}:40000 → {PBX}:18000", f"{PBX}:18000 → {PHONE}:40000"
        assert tops == [phone, pbx, phone]


async def test_a_stream_of_no_call_is_shown_alone_and_stays_when_it_is_gone() -> None:
    app = Opened(stream((PHONE, 4000), (PBX, 4002), start=0, count=100), stream=1, dialogs=[])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        before = app.lines()
        assert before[0].startswith(f"{PHONE}:4000 → {PBX}:4002")
        app.frozen.store.streams.remove(1)
        app.media.refresh_media()
        assert app.lines() == before


async def test_the_newest_second_is_no_longer_told_when_a_stream_has_ended() -> None:
    app = Opened(answered_call(media=300))
    last = START + (2655 + 299 * 20) * MS
    async with app.run_test(size=(80, 24)) as pilot:
        shown = []
        for now in (last, last + 4 * SECOND):
            app.frozen.told = replace(app.frozen.told, now=now)
            app.media.refresh_media()
            await pilot.pause()
            shown.append(sum(line.startswith("  now  packets/s 50") for line in app.lines()))
        assert shown[0] > 0
        assert shown[1] == 0


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_media_look_as_they_should(
    snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    app = Opened(answered_call(media=600, lost=LOST))
    assert snap_compare(app, terminal_size=size)


@pytest.mark.parametrize("name", ["call-rtcp", "call-one-way", "call-dtmf"])
def test_what_else_is_known_of_media_looks_right(
    snap_compare: Callable[..., bool], name: str
) -> None:
    assert snap_compare(Opened(engine_that_read(f"{name}.pcap")), terminal_size=(120, 40))


def test_media_look_right_in_the_light_with_the_figures_of_wireshark(
    snap_compare: Callable[..., bool],
) -> None:
    app = Opened(answered_call(media=600, lost=LOST))
    app.theme = "sipscope-light"
    assert snap_compare(app, press=["W", "n"], terminal_size=(120, 40))


def test_charts_can_be_read_without_colour(
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = Opened(answered_call(media=600, lost=LOST))
    assert snap_compare(app, terminal_size=(120, 40))
