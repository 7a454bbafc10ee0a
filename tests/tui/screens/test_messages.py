"""All messages of a call as text."""

from collections.abc import Callable

import pytest

from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.messages import MessagesScreen
from sipscope.tui.screens.save import SaveScreen
from tests.signalling import Sent, add, answered_call
from tests.tui.frozen import engine_of


class Opened(SipscopeApp):
    """The application with the messages of the first dialog opened."""

    def __init__(self, sent: list[Sent], place: int | None = None) -> None:
        self.frozen = engine_of(sent)
        super().__init__(self.frozen)
        key = None
        if place is not None:
            message = self.frozen.store.dialogs[1].messages[place]
            key = 1, message.time, message.number, message.start
        self.messages = MessagesScreen(self.frozen, [1], key)

    async def on_ready(self) -> None:
        await self.push_screen(self.messages)

    def lines(self) -> list[str]:
        log = self.messages.log_view
        return [log.render_line(y).text.rstrip(" ▐") for y in range(log.size.height)]


async def test_messages_stand_in_the_order_of_time() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("end")
        assert app.lines()[-9].startswith("── 22:13:34.661000")
        assert app.lines()[-8] == "SIP/2.0 200 OK"


async def test_it_begins_with_the_message_that_was_under_the_cursor() -> None:
    app = Opened(answered_call(), place=3)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert app.lines()[0].startswith("── 22:13:22.650000")


async def test_messages_that_come_are_added() -> None:
    call = answered_call()
    app = Opened(call[:2])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        before = app.messages.log_view.line_count
        add(app.frozen.store, call[2:])
        app.messages.refresh_messages()
        await pilot.press("end")
        assert app.messages.log_view.line_count > before
        assert app.lines()[-8] == "SIP/2.0 200 OK"


async def test_a_search_shows_the_next_place_and_escape_forgets_it() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("/", "b", "y", "e", "enter")
        assert "BYE sip:2002@example.com SIP/2.0" in app.lines()
        await pilot.press("n", "n", "N")
        assert app.messages.log_view.words == "bye"
        await pilot.press("escape")
        assert app.messages.log_view.words == ""
        assert app.screen is app.messages
        await pilot.press("escape")
        assert app.screen is not app.messages


async def test_a_search_in_vain_says_so() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("/", "[", "/", "]", "enter")
        notice = app.messages._notice
        assert notice.display
        assert notice.render_line(0).text.strip() == "No [/] in these messages"


async def test_escape_while_typing_leaves_the_former_search() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("/", "b", "y", "e", "enter", "/", "x", "escape")
        assert app.messages.log_view.words == "bye"
        assert app.screen is app.messages


async def test_lines_and_messages_are_copied() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("down", "y")
        assert app.clipboard == "INVITE sip:2002@example.com SIP/2.0"
        await pilot.press("space", "down", "down", "y")
        assert app.clipboard.count("\n") == 2
        await pilot.press("Y")
        assert app.clipboard.startswith("INVITE ")
        assert app.clipboard.endswith("RTP/AVP 8 0 101\n")


async def test_the_copied_message_is_the_one_that_was_found() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("/", *"bye sip", "enter", "Y")
        assert app.clipboard.startswith("BYE ")


async def test_the_call_can_be_saved_from_here() -> None:
    app = Opened(answered_call())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("s")
        assert isinstance(app.screen, SaveScreen)


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_messages_look_as_they_should(
    snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    press = ["/", *"2002", "enter", "n", "n"]
    assert snap_compare(Opened(answered_call()), terminal_size=size, press=press)
