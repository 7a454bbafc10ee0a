"""Many messages as one text."""

from sipscope.calls.ladder import MessageRow, lay_out
from sipscope.tui.line_list import Span
from sipscope.tui.widgets.message_log import MessageLog
from sipscope.tui.widgets.wrapping import line_text
from tests.signalling import PBX, PHONE, Sent, answered_call, request, response, store_of
from tests.tui.stage import Stage


def rows_of(sent: list[Sent]) -> list[MessageRow]:
    ladder = lay_out(list(store_of(sent).dialogs.values()))
    return [row for row in ladder.rows if isinstance(row, MessageRow)]


class Reader(Stage[MessageLog]):
    """Messages on the whole screen."""

    def __init__(self, rows: list[MessageRow]) -> None:
        super().__init__(MessageLog())
        self.rows = rows
        self.widget.show_messages(rows)

    def shown(self) -> list[str]:
        log = self.widget
        height = min(log.size.height, log.line_count - log.top)
        return [line_text(log.line(log.top + y)) for y in range(height)]


async def test_each_message_has_its_time_and_way_over_it() -> None:
    app = Reader(rows_of(answered_call()))
    async with app.run_test(size=(90, 20)):
        first, second, *_ = app.shown()
        assert first.startswith(f"── 22:13:20.000000  {PHONE}:5060 → {PBX}:5060  UDP  #1 ───────")
        assert second == "INVITE sip:2002@example.com SIP/2.0"


async def test_messages_follow_each_other_with_an_empty_line_between() -> None:
    app = Reader(rows_of(answered_call()[4:6]))
    async with app.run_test(size=(90, 40)):
        lines = app.shown()
        place = lines.index("BYE sip:2002@example.com SIP/2.0")
        assert lines[place - 2] == ""
        assert lines[place - 1].startswith("── 22:13:34.660000")


async def test_new_messages_come_at_the_end_and_nothing_moves() -> None:
    call = answered_call()
    app = Reader(rows_of(call[:6]))
    async with app.run_test(size=(90, 10)) as pilot:
        await pilot.press("pagedown")
        before = app.shown(), app.widget.line_count
        app.widget.show_messages([*app.rows, *rows_of(call)[6:]])
        await pilot.pause()
        assert app.shown() == before[0]
        assert app.widget.line_count > before[1]


async def test_the_message_on_top_stays_there_when_the_width_changes() -> None:
    app = Reader(rows_of(answered_call()))
    async with app.run_test(size=(90, 10)) as pilot:
        app.widget.scroll_to_message(app.rows[3].key)
        await pilot.resize_terminal(40, 10)
        await pilot.pause()
        assert "22:13:22.650000" in app.shown()[0]


async def test_only_messages_that_were_seen_are_formatted_at_first() -> None:
    sent = [Sent(n * 1000, request("OPTIONS", cseq=n), PHONE, PBX) for n in range(1, 3000)]
    app = Reader(rows_of(sent))
    async with app.run_test(size=(90, 10)) as pilot:
        counted = app.widget.line_count
        assert 0 < counted < 3000 * 9
        await pilot.press("end")
        assert app.widget.line_count == 2999 * 9
        assert app.shown()[-3] == "CSeq: 2999 OPTIONS"


async def test_a_search_goes_from_match_to_match_and_around() -> None:
    app = Reader(rows_of(answered_call()))
    async with app.run_test(size=(90, 10)):
        log = app.widget
        log.search("cseq: 2")
        places = []
        for direction in (1, 1, 1, -1, -1):
            assert log.find_next(direction)
            places.append(log._found)
        assert places == [(5, 0), (6, 0), (5, 0), (6, 0), (5, 0)]
        assert any("CSeq: 2 BYE" in line for line in app.shown())


async def test_what_is_found_stands_out_and_other_matches_too() -> None:
    app = Reader(rows_of(answered_call()))
    async with app.run_test(size=(90, 10)):
        log = app.widget
        log.search("2002")
        log.find_next(1)
        lines = [log.line(index) for index in range(10)]
        assert Span("2002", "found") in lines[1]
        assert Span("2002", "marked") in lines[4]


async def test_a_search_for_what_is_not_there_finds_nothing() -> None:
    app = Reader(rows_of(answered_call()))
    async with app.run_test(size=(90, 10)):
        app.widget.search("no such text")
        assert not app.widget.find_next(1)
        assert app.widget.top == 0


async def test_text_that_was_broken_at_the_edge_is_found() -> None:
    app = Reader(rows_of([Sent(0, response("200 OK", call_id="x" * 60 + "needle"), PBX, PHONE)]))
    async with app.run_test(size=(40, 20)):
        app.widget.search("xxneedle")
        assert app.widget.find_next(1)
        found = [
            span.text
            for index in range(app.widget.line_count)
            for span in app.widget.line(index)
            if span.style == "found"
        ]
        assert "".join(found) == "xxneedle"


async def test_the_line_under_the_cursor_can_be_taken_and_the_whole_message() -> None:
    app = Reader(rows_of(answered_call()))
    async with app.run_test(size=(90, 20)) as pilot:
        log = app.widget
        assert log.part() == ""  # the heading is ours
        await pilot.press("down")
        assert log.part() == "INVITE sip:2002@example.com SIP/2.0"
        assert log.whole() == app.rows[0].message.raw.decode().replace("\r\n", "\n")


async def test_marked_lines_are_taken_over_several_messages() -> None:
    app = Reader(rows_of(answered_call()[4:6]))
    async with app.run_test(size=(90, 40)) as pilot:
        await pilot.press("down")
        log = app.widget
        log.set_mark(True)
        await pilot.press("end")
        first, second = log.part().split("\n\n")
        assert first.startswith("ACK sip:2002@example.com SIP/2.0\nVia: ")
        assert second.startswith("BYE sip:2002@example.com SIP/2.0\nVia: ")


async def test_a_line_that_was_broken_is_taken_as_a_whole() -> None:
    app = Reader(rows_of([Sent(0, request("INVITE", call_id="x" * 60), PHONE, PBX)]))
    async with app.run_test(size=(40, 30)) as pilot:
        while not app.widget.part().startswith("Call-ID"):
            await pilot.press("down")
        assert app.widget.part() == "Call-ID: " + "x" * 60


async def test_the_message_under_the_cursor_is_known() -> None:
    app = Reader(rows_of(answered_call()))
    async with app.run_test(size=(90, 10)):
        app.widget.scroll_to_message(app.rows[3].key)
        assert app.widget.message is app.rows[3]


async def test_times_may_be_in_utc() -> None:
    app = Reader(rows_of(answered_call()))
    app.widget.utc = True
    async with app.run_test(size=(90, 10)):
        assert app.shown()[0].startswith("── 22:13:20.000000 UTC  ")


async def test_no_messages_are_an_empty_text() -> None:
    app = Reader([])
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("end")
        app.widget.search("x")
        assert not app.widget.find_next(1)
        assert app.shown() == []
        assert (app.widget.part(), app.widget.whole(), app.widget.message) == ("", "", None)
