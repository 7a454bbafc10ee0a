"""One message to read, to search and to copy from."""

from sipscope.calls.dialog import Message
from sipscope.tui.widgets.message import Extent
from sipscope.tui.widgets.message_text import MessageText, text_of
from sipscope.tui.widgets.wrapping import line_text
from tests.signalling import PBX, PHONE, Sent, request, sdp, store_of
from tests.tui.stage import Stage

INVITE = request("INVITE", agent="Snom\tD785", body=sdp(PHONE, 40000))


def message(raw: bytes = INVITE) -> Message:
    return store_of([Sent(0, raw, PHONE, PBX)]).dialogs[1].messages[0]


class Reader(Stage[MessageText]):
    """A message on the whole screen."""

    def __init__(self, raw: bytes = INVITE) -> None:
        super().__init__(MessageText())
        self.message = message(raw)

    def on_mount(self) -> None:
        super().on_mount()
        self.widget.show_message(self.message)


async def test_the_line_under_the_cursor_is_the_part_to_copy() -> None:
    app = Reader()
    async with app.run_test(size=(110, 30)) as pilot:
        assert app.widget.part() == ""  # the envelope is ours
        await pilot.press("down", "down")
        assert app.widget.part().startswith("Via: SIP/2.0/UDP 192.0.2.21:5060;branch=")


async def test_marked_lines_are_the_part_to_copy() -> None:
    app = Reader()
    async with app.run_test(size=(110, 30)) as pilot:
        await pilot.press("down")
        app.widget.set_mark(True)
        await pilot.press("down")
        lines = app.widget.part().split("\n")
        assert [line.partition(" ")[0] for line in lines] == ["INVITE", "Via:"]


async def test_whole_and_body_have_the_line_ends_of_the_system_and_their_tabs() -> None:
    app = Reader()
    async with app.run_test(size=(110, 30)):
        assert app.widget.whole() == INVITE.decode().replace("\r\n", "\n")
        assert "User-Agent: Snom\tD785" in app.widget.whole()
        assert app.widget.body() == sdp(PHONE, 40000).decode().replace("\r\n", "\n")


async def test_escapes_are_never_copied_raw() -> None:
    app = Reader(request("INVITE", agent="\x1b]52;c;aGk=\x07"))
    async with app.run_test(size=(110, 30)) as pilot:
        app.widget.set_mark(True)
        await pilot.press("end")
        for text in (app.widget.whole(), app.widget.part()):
            assert "␛]52;c;aGk=␇" in text
            assert "\x1b" not in text


async def test_a_search_goes_from_place_to_place_and_ends_behind_the_last() -> None:
    app = Reader()
    async with app.run_test(size=(110, 30)):
        text = app.widget
        text.search("2002")
        places = []
        while text.find_next(1):
            places.append(line_text(text.line(text.cursor)).partition(" ")[0])
        assert places == ["INVITE", "To:"]
        assert text.find_next(-1)
        assert not text.find_next(-1)


async def test_a_search_backward_begins_at_the_end() -> None:
    app = Reader()
    async with app.run_test(size=(110, 30)):
        app.widget.search("2002")
        assert app.widget.find_next(-1)
        assert line_text(app.widget.line(app.widget.cursor)).startswith("To:")


async def test_the_sdp_in_words_has_nothing_to_copy_line_by_line() -> None:
    app = Reader()
    async with app.run_test(size=(110, 30)):
        app.widget.show_message(app.message, explained=True)
        assert line_text(app.widget.line(0)) == "The SDP of INVITE (sdp) in words"
        assert app.widget.part() == ""
        assert app.widget.whole().startswith("INVITE ")


def test_each_part_is_taken_once_and_remarks_are_left_out() -> None:
    parts = [Extent(0, 3), Extent(0, 0), Extent(3, 6), Extent(3, 6)]
    assert text_of(b"a\r\nb\r\nc", parts) == "a\nb"


async def test_nothing_shown_is_nothing_to_copy() -> None:
    text = MessageText()
    app = Stage(text)
    async with app.run_test(size=(20, 5)):
        assert (text.part(), text.whole(), text.body()) == ("", "", "")
        assert not text.find_next(1)
