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


async def test_a_search_goes_on_in_other_messages() -> None:
    app = Opened(0)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("/", *"bye", "enter")
        assert app.lines()[1] == "BYE sip:2002@example.com SIP/2.0"
        await pilot.press("n", "n")
        assert app.lines()[1] == "BYE sip:2002@example.com SIP/2.0"
        await pilot.press("n", "n")
        assert app.lines()[1] == "SIP/2.0 200 OK"
        await pilot.press("escape")
        assert app.screen is app.message
        await pilot.press("escape")
        assert app.screen is not app.message


async def test_a_search_in_vain_says_so_and_stays() -> None:
    app = Opened(2)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("/", *"nowhere", "enter")
        await pilot.pause()
        assert app.message._notice.render_line(0).text.strip() == "No nowhere in these messages"
        assert app.lines()[1] == "SIP/2.0 180 Ringing"


async def test_y_copies_the_line_and_Y_the_message() -> None:
    app = Opened(0)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("down", "y")
        assert app.clipboard == "INVITE sip:2002@example.com SIP/2.0"
        await pilot.press("space", "down", "y")
        assert [line.split()[0] for line in app.clipboard.split("\n")] == ["INVITE", "Via:"]
        assert app.message.text.mark is None
        await pilot.press("Y")
        assert app.clipboard == ROWS[0].message.raw.decode().replace("\r\n", "\n")
        await pilot.press("b")
        assert app.clipboard.startswith("v=0\no=")
        assert "Copied to the clipboard: body" in app.message._notice.render_line(0).text


async def test_a_message_without_a_body_has_none_to_copy() -> None:
    app = Opened(1)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("Y", "b")
        assert app.clipboard.startswith("SIP/2.0 100 Trying")
        assert "There is no body to copy" in app.message._notice.render_line(0).text


async def test_e_explains_the_sdp_of_each_message_until_it_is_pressed_again() -> None:
    app = Opened(0)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("e")
        assert app.lines()[0] == "The SDP of INVITE (sdp) in words"
        await pilot.press("right")
        assert app.lines()[0] == "This message has no SDP."
        await pilot.press("e")
        assert app.lines()[1] == "SIP/2.0 100 Trying"


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


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_the_sdp_in_words_looks_as_it_should(
    snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    assert snap_compare(Opened(0), terminal_size=size, press=["e"])
