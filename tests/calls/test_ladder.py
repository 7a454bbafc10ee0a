"""What stands beside what in a ladder, and in which order."""

from sipscope.calls.ladder import (
    Column,
    Kind,
    Ladder,
    MessageRow,
    SdpMode,
    StreamRow,
    agents,
    kind_of,
    lay_out,
    sdp_lines,
)
from sipscope.calls.rows import stream_figures
from sipscope.calls.store import DialogStore
from sipscope.decode.address import parse_address
from tests.signalling import (
    MS,
    PBX,
    PHONE,
    TRUNK,
    Sent,
    answered_call,
    request,
    response,
    sdp,
    store_of,
    stream,
)

LOOP = "127.0.0.1"


def ladder_of(store: DialogStore, *, media: bool = True) -> Ladder:
    """All dialogs of the store in one ladder."""
    dialogs = list(store.dialogs.values())
    figures = [f for dialog in dialogs for f in stream_figures(dialog, store.streams)]
    return lay_out(dialogs, {f.id: f for f in figures} if media else None)


def names(ladder: Ladder) -> list[str]:
    return [column.name for column in ladder.columns]


def arrows(ladder: Ladder) -> list[tuple[str, int, int]]:
    """Each row as its label, or the codec of its stream, and its columns."""
    return [
        (
            row.label if isinstance(row, MessageRow) else str(row.figures.codec),
            row.source,
            row.destination,
        )
        for row in ladder.rows
    ]


def test_the_caller_stands_left_and_messages_run_down_the_time() -> None:
    ladder = ladder_of(store_of(answered_call()))
    assert ladder.columns == (
        Column(parse_address(PHONE) or b"", (5060,)),
        Column(parse_address(PBX) or b"", (5060,)),
    )
    assert arrows(ladder) == [
        ("INVITE (sdp)", 0, 1),
        ("100 Trying", 1, 0),
        ("180 Ringing", 1, 0),
        ("200 OK (sdp)", 1, 0),
        ("ACK", 0, 1),
        ("BYE", 0, 1),
        ("200 OK", 1, 0),
    ]


def test_a_row_knows_the_time_since_the_row_before() -> None:
    ladder = ladder_of(store_of(answered_call()))
    assert [row.delta for row in ladder.rows[:4]] == [None, 4 * MS, 146 * MS, 2500 * MS]


def test_the_caller_stands_left_when_the_capture_begins_with_an_answer() -> None:
    ladder = ladder_of(store_of([Sent(0, response("180 Ringing"), PBX, PHONE)]))
    assert names(ladder) == [f"{PHONE}:5060", f"{PBX}:5060"]
    assert arrows(ladder) == [("180 Ringing", 1, 0)]


def test_media_between_signalling_hosts_run_between_their_columns() -> None:
    ladder = ladder_of(store_of(answered_call(media=50)))
    assert names(ladder) == [f"{PHONE}:5060", f"{PBX}:5060"]
    assert arrows(ladder)[5:7] == [("PCMA", 0, 1), ("PCMA", 1, 0)]


def test_a_stream_stands_at_its_first_packet_with_its_figures() -> None:
    ladder = ladder_of(store_of(answered_call(media=50, lost=range(10, 15))))
    row = ladder.rows[6]
    assert isinstance(row, StreamRow)
    assert row.delta == 3 * MS
    assert (row.figures.packets, row.figures.lost, row.figures.loss_percent) == (45, 5, 10.0)


def test_a_media_relay_that_signals_nothing_is_a_column_of_its_own() -> None:
    relay = "198.51.100.99"
    ladder = ladder_of(
        store_of(
            [
                Sent(0, request("INVITE", body=sdp(PHONE, 40000)), PHONE, PBX),
                Sent(10, response("200 OK", body=sdp(relay, 30000)), PBX, PHONE),
                *stream((relay, 30000), (PHONE, 40000), start=20, count=20),
            ]
        )
    )
    assert names(ladder) == [f"{PHONE}:5060", f"{PBX}:5060", relay]
    assert arrows(ladder)[2] == ("PCMA", 2, 0)


def test_media_are_left_out_with_their_columns_when_not_asked_for() -> None:
    ladder = ladder_of(store_of(answered_call(media=20)), media=False)
    assert [type(row) for row in ladder.rows] == [MessageRow] * 7


def test_the_legs_of_one_call_share_a_ladder_and_rows_know_their_leg() -> None:
    store = store_of(
        [
            Sent(0, request("INVITE"), PHONE, PBX),
            Sent(5, request("INVITE", call_id="call-2"), PBX, TRUNK),
            Sent(9, response("486 Busy Here", call_id="call-2"), TRUNK, PBX),
            Sent(12, response("486 Busy Here"), PBX, PHONE),
        ]
    )
    ladder = ladder_of(store)
    assert names(ladder) == [f"{PHONE}:5060", f"{PBX}:5060", f"{TRUNK}:5060"]
    assert [(row.leg, row.dialog, row.source, row.destination) for row in ladder.rows] == [
        (0, 1, 0, 1),
        (1, 2, 1, 2),
        (1, 2, 2, 1),
        (0, 1, 1, 0),
    ]


def test_a_host_with_several_ports_is_one_column() -> None:
    ladder = ladder_of(
        store_of(
            [
                Sent(0, request("INVITE"), PHONE, PBX, 5060, 5060),
                Sent(5, request("INVITE", call_id="call-2"), PBX, TRUNK, 5080, 5060),
                Sent(9, request("INVITE", call_id="call-3"), PBX, TRUNK, 5090, 5060),
            ]
        )
    )
    assert names(ladder) == [f"{PHONE}:5060", f"{PBX}:5060 +2", f"{TRUNK}:5060"]
    assert ladder.columns[1].ports == (5060, 5080, 5090)


def test_the_ports_of_a_host_that_talks_to_itself_are_columns() -> None:
    ladder = ladder_of(
        store_of(
            [
                Sent(0, request("INVITE", body=sdp(LOOP, 6000)), LOOP, LOOP, 5061, 5060),
                Sent(3, response("200 OK", body=sdp(LOOP, 7000)), LOOP, LOOP, 5060, 5061),
                *stream((LOOP, 7000), (LOOP, 6000), start=10, count=20),
            ]
        )
    )
    assert names(ladder) == [f"{LOOP}:5061", f"{LOOP}:5060"]
    assert arrows(ladder) == [("INVITE (sdp)", 0, 1), ("200 OK (sdp)", 1, 0), ("PCMA", 1, 0)]


def test_a_retransmission_is_called_so() -> None:
    ladder = ladder_of(store_of([Sent(at, request("INVITE"), PHONE, PBX) for at in (0, 500, 1500)]))
    assert [label for label, *_ in arrows(ladder)] == ["INVITE", "INVITE (again)", "INVITE (again)"]


def test_keys_of_rows_stay_when_rows_are_added() -> None:
    call = answered_call(media=20)
    before = {row.key for row in ladder_of(store_of(call[:3])).rows}
    after = [row.key for row in ladder_of(store_of(call)).rows]
    assert before < set(after)
    assert len(set(after)) == len(after) == 9


def test_answers_that_ask_for_another_request_are_no_failures() -> None:
    statuses = (180, 200, 302, 401, 407, 487, 404, 503, 603)
    assert [kind_of(status) for status in statuses] == [
        Kind.PROVISIONAL,
        Kind.SUCCESS,
        *[Kind.NOTICE] * 4,
        *[Kind.FAILURE] * 3,
    ]


def sdp_of(body: bytes, mode: SdpMode) -> tuple[str, ...]:
    store = store_of([Sent(0, request("INVITE", body=body), PHONE, PBX)])
    return sdp_lines(store.dialogs[1].messages[0], mode)


OFFER = sdp(PHONE, 40000, "9 8 101", "a=rtpmap:101 telephone-event/8000", "a=ptime:20") + (
    b"m=video 40002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\na=sendonly\r\nm=image 0 udptl t38\r\n"
)


def test_the_first_mode_shows_the_first_section_and_codec() -> None:
    assert sdp_of(OFFER, SdpMode.FIRST) == (f"audio {PHONE}:40000 G722",)


def test_the_full_mode_shows_every_section_with_codecs_direction_and_packet_time() -> None:
    assert sdp_of(OFFER, SdpMode.FULL) == (
        f"audio {PHONE}:40000 G722 PCMA telephone-event 20 ms",
        f"video {PHONE}:40002 H264 sendonly",
        "image refused",
    )


def test_no_sdp_is_shown_in_the_mode_that_is_off() -> None:
    assert sdp_of(OFFER, SdpMode.OFF) == ()


def test_the_modes_come_in_turn() -> None:
    assert [mode.next for mode in SdpMode] == [SdpMode.FIRST, SdpMode.FULL, SdpMode.OFF]


def test_hosts_are_called_by_their_programs() -> None:
    assert agents(ladder_of(store_of(answered_call()))) == ("Snom D785", "Asterisk PBX 20")


def test_a_proxy_is_not_called_by_what_it_passes_on() -> None:
    ladder = ladder_of(
        store_of(
            [
                Sent(0, request("INVITE", agent="Snom D785"), PHONE, PBX),
                Sent(2, request("INVITE", agent="Snom D785", vias=2), PBX, TRUNK),
                Sent(9, response("200 OK", agent="Trunk 7"), TRUNK, PBX),
                Sent(10, response("200 OK", agent="Trunk 7"), PBX, PHONE),
            ]
        )
    )
    assert agents(ladder) == ("Snom D785", None, "Trunk 7")


def test_hostile_texts_become_harmless_labels() -> None:
    hostile = "180 [/] \x1b]52;c;aGk=\x07 \u202eevil"
    ladder = ladder_of(store_of([Sent(0, response(hostile), PBX, PHONE)]))
    assert arrows(ladder)[0][0] == "180 [/] ␛]52;c;aGk=␇ \ufffdevil"


def test_no_dialogs_make_an_empty_ladder() -> None:
    assert lay_out([]) == Ladder((), ())
