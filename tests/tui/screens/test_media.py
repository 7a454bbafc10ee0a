"""The streams of a call."""

from collections.abc import Callable

import pytest

from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.media import MediaScreen
from tests.signalling import PBX, PHONE, Sent, add, answered_call
from tests.tui.frozen import engine_of

LOST = (*range(100, 110), 200, 201, 320)


class Opened(SipscopeApp):
    """The application with the media of the first dialog opened."""

    def __init__(self, sent: list[Sent], stream: int | None = None) -> None:
        self.frozen = engine_of(sent)
        super().__init__(self.frozen)
        self.media = MediaScreen(self.frozen, [1], stream)

    async def on_ready(self) -> None:
        await self.push_screen(self.media)

    def lines(self) -> list[str]:
        text = self.media.text
        return [text.render_line(y).text.rstrip(" ▐") for y in range(text.size.height)]


async def test_all_streams_stand_under_each_other() -> None:
    app = Opened(answered_call(media=300, lost=LOST))
    async with app.run_test(size=(80, 24)) as pilot:
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


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_media_look_as_they_should(
    snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    app = Opened(answered_call(media=600, lost=LOST))
    assert snap_compare(app, terminal_size=size)
