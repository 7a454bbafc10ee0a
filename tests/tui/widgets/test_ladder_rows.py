"""The rows of a ladder, under the names of their hosts."""

import pytest

from sipscope.calls.ladder import Ladder, MessageRow, StreamRow, lay_out
from sipscope.calls.ladder_selection import Selection, select
from sipscope.calls.ladder_words import SdpMode
from sipscope.calls.rows import stream_figures
from sipscope.calls.store import DialogStore
from sipscope.tui.widgets.host_names import HostNames
from sipscope.tui.widgets.ladder import LadderView
from sipscope.tui.widgets.ladder_rows import row_text
from sipscope.tui.widgets.moments import Times
from tests.signalling import (
    PBX,
    PHONE,
    TRUNK,
    Sent,
    add,
    answered_call,
    request,
    response,
    sdp,
    store_of,
)
from tests.tui.stage import Stage


def ladder_of(store: DialogStore) -> Ladder:
    dialogs = list(store.dialogs.values())
    figures = [f for dialog in dialogs for f in stream_figures(dialog, store.streams)]
    return lay_out(dialogs, {f.id: f for f in figures})


class Shown(Stage[LadderView]):
    """A ladder on the whole screen."""

    def __init__(self, sent: list[Sent]) -> None:
        super().__init__(LadderView())
        self.store = store_of(sent)

    def on_mount(self) -> None:
        self.widget.rows.focus()
        self.widget.show_ladder(ladder_of(self.store))

    def lines(self) -> list[str]:
        rows = self.widget.rows
        return [rows.render_line(y).text.rstrip() for y in range(rows.size.height)]

    def names(self) -> list[str]:
        names = self.query_one(HostNames)
        return [names.render_line(y).text.rstrip() for y in range(names.size.height)]

    def label(self) -> str:
        """What is under the cursor."""
        row = self.widget.rows.ladder_row
        assert row is not None
        if isinstance(row, StreamRow):
            return str(row.figures.codec)
        assert isinstance(row, MessageRow)
        return row.label


CHAIN = [
    Sent(n, request("INVITE", call_id=f"leg-{n}"), f"192.0.2.{n}", f"192.0.2.{n + 1}")
    for n in range(1, 7)
]


async def test_rows_stand_under_the_names_of_their_hosts() -> None:
    app = Shown(answered_call(media=100))
    async with app.run_test(size=(80, 24)):
        assert app.names() == [
            "                           Snom D785                           Asterisk PBX 20",
            "         time    delta  192.0.2.21:5060                       198.51.100.5:5060",
        ]
        assert app.lines()[:8] == [
            " 22:13:20.000                  ├──────────── INVITE (sdp) ───────────▶│",
            " 22:13:20.004   +0.004         │◀──────────── 100 Trying ─────────────┤",
            " 22:13:20.150   +0.146         │◀─────────── 180 Ringing ─────────────┤",
            " 22:13:22.650   +2.500         │◀─────────── 200 OK (sdp) ────────────┤",
            " 22:13:22.651   +0.001         ├──────────────── ACK ────────────────▶│",
            " 22:13:22.652   +0.001         ╞═══ PCMA 0.0 % lost 0.0 ms MOS 4.4 ══▶│",
            " 22:13:22.655   +0.003         │◀══ PCMA 0.0 % lost 0.0 ms MOS 4.4 ═══╡",
            " 22:13:34.660  +12.005         ├──────────────── BYE ────────────────▶│",
        ]


async def test_the_cursor_goes_from_arrow_to_arrow_over_sdp() -> None:
    app = Shown(answered_call())
    async with app.run_test(size=(80, 24)) as pilot:
        app.widget.rows.show_sdp(SdpMode.FIRST)
        labels = []
        for key in ("down", "down", "down", "down", "up", "up", "end", "home"):
            await pilot.press(key)
            labels.append(app.label())
        assert labels == [
            "100 Trying",
            "180 Ringing",
            "200 OK (sdp)",
            "ACK",
            "200 OK (sdp)",
            "180 Ringing",
            "200 OK",
            "INVITE (sdp)",
        ]


async def test_sdp_stands_under_its_arrow() -> None:
    app = Shown(answered_call())
    async with app.run_test(size=(80, 24)):
        app.widget.rows.show_sdp(SdpMode.FULL)
        lines = app.lines()
        assert lines[1].strip("│ ") == f"audio {PHONE}:40000 PCMA PCMU 101"
        assert "100 Trying" in lines[2]
        app.widget.rows.show_sdp(SdpMode.OFF)
        assert "100 Trying" in app.lines()[1]


async def test_sdp_of_a_message_that_is_sent_again_is_not_shown_again() -> None:
    invite = request("INVITE", body=sdp(PHONE, 40000))
    app = Shown([Sent(at, invite, PHONE, PBX) for at in (0, 500)])
    async with app.run_test(size=(80, 24)):
        app.widget.rows.show_sdp(SdpMode.FIRST)
        assert len(app.widget.rows.rows) == 3


async def test_the_cursor_stays_on_its_row_when_others_come_before_it() -> None:
    app = Shown([packet for packet in answered_call() if packet.at != 150])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("end")
        add(app.store, answered_call(media=20)[7:])
        app.widget.show_ladder(ladder_of(app.store))
        assert app.label() == "200 OK"
        assert app.widget.rows.index == 7


@pytest.mark.parametrize(
    ("times", "lines"),
    [
        (Times.CLOCK, [" 22:13:20.000         ", " 22:13:20.004   +0.004"]),
        (Times.UTC, [" 22:13:20.000         ", " 22:13:20.004   +0.004"]),
        (Times.START, ["        0.000         ", "        0.004   +0.004"]),
        (Times.PREVIOUS, ["          ", "    +0.004"]),
    ],
)
async def test_times_count_from_where_one_likes(times: Times, lines: list[str]) -> None:
    app = Shown(answered_call())
    async with app.run_test(size=(80, 24)):
        app.widget.rows.show_times(times)
        assert [line[: len(lines[0])] for line in app.lines()[:2]] == lines


async def test_what_times_count_from_stands_over_them() -> None:
    app = Shown(answered_call())
    async with app.run_test(size=(80, 24)) as pilot:
        heads = []
        for times in Times:
            app.widget.rows.show_times(times)
            await pilot.pause()
            heads.append(" ".join(app.names()[1].split()[:-2]))
        assert heads == ["time delta", "time UTC delta", "since first delta", "delta"]


async def test_arrows_have_the_room_that_times_leave() -> None:
    app = Shown(answered_call())
    async with app.run_test(size=(80, 24)):
        rows = app.widget.rows
        before = rows.lifelines.width
        rows.show_times(Times.PREVIOUS)
        assert rows.lifelines.width == before + 12
        assert rows.lifelines.width <= rows.room


async def test_a_mark_measures_all_rows() -> None:
    app = Shown(answered_call())
    async with app.run_test(size=(80, 24)):
        rows = app.widget.rows
        rows.set_mark(rows.ladder.rows[2].key)
        assert [line[:22] for line in app.lines()[:4]] == [
            " 22:13:20.000   -0.150",
            " 22:13:20.004   -0.146",
            "◆22:13:20.150         ",
            " 22:13:22.650   +2.500",
        ]
        assert "to mark" in app.names()[1]
        rows.set_mark(None)
        assert app.lines()[1][:22] == " 22:13:20.004   +0.004"


async def test_legs_have_letters_where_there_are_several() -> None:
    sent = [
        Sent(0, request("INVITE"), PHONE, PBX),
        Sent(5, request("INVITE", call_id="call-2"), PBX, TRUNK),
        Sent(9, response("100 Trying"), PBX, PHONE),
    ]
    app = Shown(sent)
    async with app.run_test(size=(80, 24)):
        assert [line[23] for line in app.lines()[:3]] == ["A", "B", "A"]


async def test_legs_have_colours_and_stay_told_when_one_is_shown_alone() -> None:
    app = Shown([*answered_call()])
    async with app.run_test(size=(80, 24)):
        ladder = ladder_of(app.store)
        app.widget.show_ladder(select(ladder, Selection(sdp_only=True)), legs=True)
        spans = app.widget.rows.render_row(app.widget.rows.rows[0], 80)
        assert ("A", "leg-a strong") in [(span.text.strip(), span.style) for span in spans]
        assert {span.style for span in spans if span.text == "─"} == {"leg-a"}


async def test_hosts_have_the_names_that_they_were_given() -> None:
    app = Shown(answered_call())
    async with app.run_test(size=(80, 24)):
        app.widget.show_ladder(ladder_of(app.store), names=("Anna's phone", None))
        assert app.names()[1].split()[2:] == ["Anna's", "phone", f"{PBX}:5060"]


async def test_a_search_marks_rows_by_label_and_by_what_is_in_the_message() -> None:
    app = Shown(answered_call())
    async with app.run_test(size=(80, 24)) as pilot:
        rows = app.widget.rows
        rows.search("bye")
        assert [line[0] for line in app.lines()[:7]] == [" ", " ", " ", " ", " ", "»", "»"]
        assert rows.find_next(1)
        assert app.label() == "BYE"
        assert rows.find_next(1)
        assert app.label() == "200 OK"
        assert rows.find_next(1)
        assert app.label() == "BYE"
        assert rows.find_next(-1)
        assert app.label() == "200 OK"
        rows.search("no such text")
        await pilot.pause()
        assert not rows.find_next(1)
        assert {line[:1] for line in app.lines()[:7]} == {" "}


async def test_words_of_a_search_stand_out_in_labels() -> None:
    app = Shown(answered_call())
    async with app.run_test(size=(80, 24)):
        rows = app.widget.rows
        rows.search("ringing")
        spans = rows.render_row(rows.rows[2], 80)
        assert ("Ringing", "found") in spans


async def test_the_cursor_goes_near_when_its_row_is_no_longer_shown() -> None:
    app = Shown(answered_call(media=100))
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(6):
            await pilot.press("down")
        assert app.label() == "PCMA"
        ladder = ladder_of(app.store)
        app.widget.show_ladder(select(ladder, Selection(media=False)), ladder)
        assert app.label() == "ACK"


async def test_programs_stay_over_the_hosts_whatever_rows_are_shown() -> None:
    app = Shown(answered_call(media=100))
    async with app.run_test(size=(80, 24)):
        ladder = ladder_of(app.store)
        app.widget.show_ladder(select(ladder, Selection(messages=False)), ladder)
        assert "Snom D785" in app.names()[0]


def test_all_text_of_a_row_is_safe_to_show() -> None:
    sent = [Sent(0, request("INVITE", agent="\x1b[2J"), PHONE, PBX)]
    row = ladder_of(store_of(sent)).rows[0]
    assert "\x1b" not in row_text(row)
    assert row_text(row).split("\n")[:2] == ["INVITE", "INVITE sip:2002@example.com SIP/2.0"]


async def test_hosts_without_room_are_panned_to() -> None:
    app = Shown(CHAIN)
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.names()[-1].endswith("▸")
        assert "192.0.2.7" not in app.names()[-1]
        app.widget.rows.pan(1)
        await pilot.pause()
        assert "◂" in app.names()[-1]
        assert app.names()[-1].endswith("▸")
        for _ in range(9):
            app.widget.rows.pan(1)
        await pilot.pause()
        assert app.names()[-1].endswith("192.0.2.7:5060")


async def test_the_arrow_under_the_cursor_is_always_seen() -> None:
    app = Shown(CHAIN)
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in CHAIN:
            line = app.lines()[app.widget.rows.index]
            assert "├──── INVITE ───▶" in line
            await pilot.press("down")


async def test_all_hosts_are_seen_in_the_least_width() -> None:
    app = Shown(CHAIN)
    async with app.run_test(size=(160, 24)):
        width = app.widget.rows.least_width
    app = Shown(CHAIN)
    async with app.run_test(size=(width, 24)):
        assert app.widget.rows.lifelines.width <= app.widget.rows.room


async def test_a_ladder_without_rows_is_empty() -> None:
    app = Shown([])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("down")
        assert app.widget.rows.ladder_row is None
        assert set(app.lines()) == {""}


@pytest.mark.parametrize("text", ["[/]", "[link=x]", "\x1b]52;c;aGk=\x07", "\u202e", "王小明"])
async def test_hostile_texts_are_shown_and_do_nothing(text: str) -> None:
    sent = [
        Sent(0, request("INVITE", agent=text, body=sdp(PHONE, 40000)), PHONE, PBX),
        Sent(1, response(f"180 {text}", agent=text), PBX, PHONE),
    ]
    app = Shown(sent)
    async with app.run_test(size=(80, 24)):
        seen = "".join(app.lines() + app.names())
        assert not any(ord(character) < 32 or character == "\u202e" for character in seen)
        assert text.replace("\x1b", "␛").replace("\x07", "␇").replace("\u202e", "\ufffd") in seen
