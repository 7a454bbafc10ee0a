"""One message on the whole screen."""

from collections.abc import Callable

import pytest

from sipscope.calls.ladder import MessageRow, lay_out
from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.message import MessageScreen
from tests.signalling import answered_call, store_of
from tests.tui.frozen import engine_of

ROWS = [
    row
    for row in lay_out(list(store_of(answered_call()).dialogs.values())).rows
    if isinstance(row, MessageRow)
]


class Opened(SipscopeApp):
    """The application with a message opened."""

    def __init__(self, place: int) -> None:
        engine = engine_of(answered_call())
        super().__init__(engine)
        self.message = MessageScreen(engine, ROWS, place)
        self.left: MessageRow | None = None

    async def on_ready(self) -> None:
        await self.push_screen(self.message, self._left)

    def _left(self, row: MessageRow | None) -> None:
        self.left = row

    def lines(self) -> list[str]:
        text = self.message.text
        return [text.render_line(y).text.rstrip(" ▐") for y in range(text.size.height)]


async def test_the_message_stands_with_its_envelope() -> None:
    app = Opened(0)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert app.lines()[:2] == [
            "2023-11-14 22:13:20.000000   192.0.2.21:5060 → 198.51.100.5:5060   "
            "UDP, 363 bytes   frame 1",
            "INVITE sip:2002@example.com SIP/2.0",
        ]


async def test_n_and_p_go_through_the_messages_and_stop_at_the_ends() -> None:
    app = Opened(5)
    async with app.run_test(size=(100, 30)) as pilot:
        seen = []
        for key in ("n", "n", "p", "p"):
            await pilot.press(key)
            seen.append(app.lines()[1])
        assert seen == [
            "SIP/2.0 200 OK",
            "SIP/2.0 200 OK",
            "BYE sip:2002@example.com SIP/2.0",
            "ACK sip:2002@example.com SIP/2.0",
        ]


@pytest.mark.parametrize("key", ["escape", "enter", "q"])
async def test_going_back_tells_which_message_was_read_last(key: str) -> None:
    app = Opened(2)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("n", key)
        assert app.left is ROWS[3]


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_the_message_looks_as_it_should(
    snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    assert snap_compare(Opened(3), terminal_size=size)
