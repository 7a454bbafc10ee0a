"""The ladder as a list of rows."""

import pytest

from sipscope.calls.ladder import Ladder, MessageRow, SdpMode, lay_out
from sipscope.calls.rows import stream_figures
from sipscope.calls.store import DialogStore
from sipscope.tui.widgets.ladder import HostNames, LadderView
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
        return row.label if isinstance(row, MessageRow) else str(row.figures.codec)


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
            " 22:13:22.652   +0.001         ╞═══ PCMA 100 pkt 0.0 % lost 0.0 ms ══▶│",
            " 22:13:22.655   +0.003         │◀══ PCMA 100 pkt 0.0 % lost 0.0 ms ═══╡",
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


async def test_the_cursor_stays_on_its_row_when_others_come_before_it() -> None:
    app = Shown([packet for packet in answered_call() if packet.at != 150])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("end")
        add(app.store, answered_call(media=20)[7:])
        app.widget.show_ladder(ladder_of(app.store))
        assert app.label() == "200 OK"
        assert app.widget.rows.index == 7


async def test_times_count_from_the_first_row_on_request() -> None:
    app = Shown(answered_call())
    async with app.run_test(size=(80, 24)):
        app.widget.rows.relative = True
        assert [line[:13] for line in app.lines()[:5]] == [
            "        0.000",
            "        0.004",
            "        0.150",
            "        2.650",
            "        2.651",
        ]


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


async def test_hosts_without_room_are_panned_to() -> None:
    app = Shown(CHAIN)
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.names()[-1].endswith("192.0.2.3:5060    ▸")
        app.widget.rows.pan(1)
        await pilot.pause()
        assert "◂" in app.names()[-1]
        assert app.names()[-1].endswith("192.0.2.4:5060    ▸")
        for _ in range(9):
            app.widget.rows.pan(1)
        await pilot.pause()
        assert app.names()[-1].endswith("192.0.2.7:5060")


async def test_the_arrow_under_the_cursor_is_always_seen() -> None:
    app = Shown(CHAIN)
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in CHAIN:
            line = app.lines()[app.widget.rows.index]
            assert "├──── INVITE ────▶" in line
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
