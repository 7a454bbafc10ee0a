"""Arrows between lifelines, to the cell."""

from dataclasses import replace

from rich.cells import cell_len

from sipscope.calls.ladder import Column, EventRow, Ladder, MessageRow, lay_out
from sipscope.calls.ladder_events import Event, EventKind
from sipscope.calls.ladder_selection import fold
from sipscope.calls.rows import stream_figures
from sipscope.decode.address import Endpoint, Flow, parse_address
from sipscope.tui.line_list import STYLES, Span
from sipscope.tui.widgets.ladder_drawing import (
    LEAST_SPACING,
    crop_middle,
    draw,
    draw_below,
    heading,
    least_width,
    place,
    wanted_width,
)
from sipscope.tui.widgets.wrapping import line_text
from tests.signalling import PBX, PHONE, TRUNK, Sent, answered_call, request, response, store_of

LOOP = "127.0.0.1"
RELAY = "203.0.113.99"
IPV6 = "2001:db8:ffff:eeee:dddd:cccc:bbbb:aaaa"


def ladder_of(sent: list[Sent]) -> Ladder:
    store = store_of(sent)
    dialogs = list(store.dialogs.values())
    figures = [f for dialog in dialogs for f in stream_figures(dialog, store.streams)]
    return lay_out(dialogs, {f.id: f for f in figures})


def drawn(sent: list[Sent], width: int) -> list[str]:
    """The ladder without times, as it looks in so many cells."""
    ladder = ladder_of(sent)
    lifelines = place(ladder.columns, width)
    return [line_text(draw(row, lifelines)).rstrip() for row in ladder.rows]


def styles(sent: list[Sent]) -> list[set[str]]:
    """The styles of each row, without lifelines and blanks."""
    ladder = ladder_of(sent)
    lifelines = place(ladder.columns, 60)
    return [
        {span.style for span in draw(row, lifelines) if span.text.isalnum()} for row in ladder.rows
    ]


def test_arrows_carry_their_labels_from_lifeline_to_lifeline() -> None:
    assert drawn(answered_call(), 57) == [
        "        ├──────────── INVITE (sdp) ────────────▶│",
        "        │◀──────────── 100 Trying ──────────────┤",
        "        │◀──────────── 180 Ringing ─────────────┤",
        "        │◀─────────── 200 OK (sdp) ─────────────┤",
        "        ├───────────────── ACK ────────────────▶│",
        "        ├───────────────── BYE ────────────────▶│",
        "        │◀────────────── 200 OK ────────────────┤",
    ]


def test_an_arrow_crosses_the_lifelines_between() -> None:
    sent = [
        Sent(0, request("INVITE"), PHONE, PBX),
        Sent(1, request("INVITE"), PBX, TRUNK),
        Sent(2, request("INVITE"), TRUNK, RELAY),
        Sent(3, request("BYE"), PHONE, RELAY),
        Sent(4, response("200 OK", "BYE"), RELAY, PHONE),
    ]
    assert drawn(sent, 72)[3:] == [
        "        ├─────────────────┼────── BYE ──────┼────────────────▶│",
        "        │◀────────────────┼──── 200 OK ─────┼─────────────────┤",
    ]


def test_a_retransmission_has_a_broken_line_and_says_again() -> None:
    sent = [Sent(at, request("INVITE"), PHONE, PBX) for at in (0, 500)]
    assert drawn(sent, 57)[1] == "        ├┄┄┄┄┄┄┄┄┄┄┄ INVITE (again) ┄┄┄┄┄┄┄┄┄┄┄▶│"


def test_a_stream_has_a_double_line_and_its_figures() -> None:
    rows = drawn(answered_call(media=100, lost=range(10, 17)), 57)[5:7]
    assert rows == [
        "        ╞═══ PCMA 0.0 % lost 0.0 ms MOS 4.4 ═══▶│",
        "        │◀══ PCMA 7.0 % lost 0.0 ms MOS 3.5 ════╡",
    ]


def test_a_stream_tells_less_where_there_is_less_room() -> None:
    sent = answered_call(media=100, lost=range(10, 17))
    assert [drawn(sent, width)[6].strip("│◀═╡ ") for width in (70, 57, 50, 42, 36)] == [
        "PCMA 93 pkt 7.0 % lost 0.0 ms MOS 3.5",
        "PCMA 7.0 % lost 0.0 ms MOS 3.5",
        "PCMA 7.0 % lost MOS 3.5",
        "PCMA 7.0 % MOS 3.5",
        "PCMA 7.0 %",
    ]


def test_a_long_reason_is_cut() -> None:
    sent = [
        Sent(0, request("INVITE"), PHONE, PBX),
        Sent(1, response("407 Proxy Authentication Required"), PBX, PHONE),
    ]
    assert drawn(sent, 40)[1] == "        │◀ 407 Proxy Authent… ─┤"


def test_a_message_to_oneself_points_to_its_label() -> None:
    sent = [Sent(0, request("OPTIONS"), LOOP, LOOP)]
    assert drawn(sent, 40) == ["       ├◀ OPTIONS"]


def test_a_row_has_the_style_of_what_it_means() -> None:
    sent = [
        Sent(0, request("INVITE"), PHONE, PBX),
        Sent(1, response("100 Trying"), PBX, PHONE),
        Sent(2, response("401 Unauthorized"), PBX, PHONE),
        Sent(3, response("503 Gone"), PBX, PHONE),
        Sent(4, response("200 OK"), PBX, PHONE),
        Sent(500, request("INVITE"), PHONE, PBX),
    ]
    assert styles(sent) == [{"strong"}, {"progress"}, {"doubtful"}, {"failed"}, {"good"}, {"old"}]


def test_loss_and_mos_of_a_stream_have_the_style_of_how_bad_they_are() -> None:
    assert styles(answered_call(media=100, lost=range(10, 17)))[5:7] == [
        {"media", "good"},
        {"media", "failed", "doubtful"},
    ]


def test_what_belongs_to_a_message_stands_under_its_arrow() -> None:
    ladder = ladder_of(answered_call())
    lifelines = place(ladder.columns, 57)
    row = ladder.rows[0]
    assert isinstance(row, MessageRow)
    line = line_text(draw_below(row, "audio 192.0.2.21:40000 PCMA", lifelines))
    assert line.rstrip() == "        │ audio 192.0.2.21:40000 PCMA           │"


def test_names_are_centred_over_their_lifelines() -> None:
    lifelines = place(ladder_of(answered_call()).columns, 57)
    line = line_text(heading(lifelines, lifelines.names, "strong"))
    assert line.rstrip() == " 192.0.2.21:5060                        198.51.100.5:5060"


def test_long_names_leave_room_for_each_other_and_use_the_edges() -> None:
    lifelines = place(ladder_of(answered_call()).columns, 57)
    names = "baresip v1.0.0 (x86_64/linux)", "SIPp"
    assert line_text(heading(lifelines, names, "old")).rstrip() == (
        "baresip v1.0.0 (x86_64/linu…                  SIPp"
    )


def test_hosts_that_would_stand_too_close_go_over_the_edge() -> None:
    columns = ladder_of(
        [Sent(n, request("INVITE"), f"192.0.2.{n}", f"192.0.2.{n + 1}") for n in range(1, 6)]
    ).columns
    lifelines = place(columns, 58)
    assert lifelines.spacing == LEAST_SPACING
    assert lifelines.width > 58
    assert place(columns, least_width(columns)).width == least_width(columns)


def test_an_address_without_room_for_its_port_stands_alone() -> None:
    column = Column(parse_address(IPV6) or b"", (5060,))
    other = Column(parse_address("192.0.2.1") or b"", (5060,))
    assert place([column, other], 80).names[0] == IPV6
    assert place([column, other], 200).names[0] == f"[{IPV6}]:5060"


def test_the_middle_of_a_long_address_is_left_out() -> None:
    assert crop_middle(IPV6, 18) == "2001:d…c:bbbb:aaaa"


def test_names_that_were_given_stand_for_addresses() -> None:
    columns = ladder_of(answered_call()).columns
    assert place(columns, 57, ("Anna", None)).names == ("Anna", f"{PBX}:5060")
    assert place(columns, 40, ("x" * 60, None)).names[0] == "x" * 18 + "…"


def event(kind: EventKind, *labels: str, doubtful: bool = False) -> EventRow:
    flow = Flow(Endpoint(b"\xc0\0\2\x15", 1), Endpoint(b"\xc0\0\2\x16", 2))
    return EventRow(0, 1, 0, 1, Event(0, kind, 1, flow, 1, labels, (), doubtful))


def drawn_event(row: EventRow, width: int) -> str:
    lifelines = place(ladder_of(answered_call()).columns, width)
    return line_text(draw(row, lifelines)).rstrip()


def test_an_event_has_a_dotted_line_and_as_many_words_as_there_is_room_for() -> None:
    row = event(EventKind.RTCP, "RTCP 12 reports, worst 9.0 % lost", "RTCP 9.0 % lost", "RTCP")
    assert drawn_event(row, 64) == "        ├┈┈┈┈┈ RTCP 12 reports, worst 9.0 % lost ┈┈┈┈┈▶│"
    assert drawn_event(row, 50) == "        ├┈┈┈┈┈┈┈ RTCP 9.0 % lost ┈┈┈┈┈┈┈▶│"
    assert drawn_event(row, 36) == "        ├┈┈┈┈┈┈ RTCP ┈┈┈┈┈▶│"


def test_a_log_stands_at_its_lifeline() -> None:
    row = replace(event(EventKind.LOG, "log: call routed to the trunk"), destination=0)
    assert drawn_event(row, 57) == "        ┝ log: call routed to the trunk         │"


def test_a_doubtful_event_has_that_style() -> None:
    lifelines = place(ladder_of(answered_call()).columns, 57)
    line = draw(event(EventKind.RTCP, "RTCP", doubtful=True), lifelines)
    assert {span.style for span in line if span.text.isalnum()} == {"doubtful"}


def test_lines_have_the_colour_of_their_leg_and_labels_that_of_their_meaning() -> None:
    ladder = ladder_of(answered_call(media=20))
    lifelines = place(ladder.columns, 57)
    for row in ladder.rows:
        line = draw(row, lifelines, legs=True)
        assert {span.style for span in line if span.text in "├┤─═╞╡▶◀"} == {"leg-a"}
        assert "leg-a" not in {span.style for span in line if span.text.isalnum()}


def test_a_message_that_is_folded_tells_how_often_it_came() -> None:
    sent = [Sent(at, request("INVITE"), PHONE, PBX) for at in (0, 500, 1500)]
    ladder = ladder_of(sent)
    (row,) = fold(ladder.rows)
    line = line_text(draw(row, place(ladder.columns, 57))).rstrip()
    assert line == "        ├────────────── INVITE ×3 ─────────────▶│"  # noqa: RUF001


def test_ports_that_tell_columns_apart_are_not_left_out() -> None:
    columns = [Column(parse_address("192.168.100.200") or b"", (port,)) for port in (50601, 50602)]
    assert place(columns, 30).names == ("192.1….200:50601", "192.1….200:50602")


def test_wide_characters_keep_their_cells() -> None:
    sent = [Sent(0, response("180 王小明"), PBX, PHONE)]
    (line,) = drawn(sent, 57)
    assert line == "        │◀──────────── 180 王小明 ──────────────┤"
    assert cell_len(line) == 49


def test_a_ladder_with_few_hosts_wants_room_for_its_labels() -> None:
    assert wanted_width(ladder_of(answered_call()).columns) == 17 + 2 + 36


def test_no_columns_have_no_lifelines() -> None:
    assert place([], 50).cells == ()


def test_lines_are_spans_of_known_styles() -> None:
    ladder = ladder_of(answered_call(media=20))
    lifelines = place(ladder.columns, 57)
    known = {"", "rule", "media", *STYLES}
    for row in ladder.rows:
        line = draw(row, lifelines)
        assert all(isinstance(span, Span) and span.style in known for span in line)
