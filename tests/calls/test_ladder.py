"""What stands beside what in a ladder, and in which order."""

from sipscope.calls.ladder import (
    Column,
    EventRow,
    Ladder,
    MessageRow,
    Row,
    StreamRow,
    deltas,
    lay_out,
)
from sipscope.calls.ladder_events import Event, EventKind
from sipscope.calls.rows import stream_figures
from sipscope.calls.store import DialogStore
from sipscope.decode.address import Endpoint, Flow, parse_address
from tests.packets import START
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


def ladder_of(store: DialogStore, *, media: bool = True, merge: bool = True) -> Ladder:
    """All dialogs of the store in one ladder."""
    dialogs = list(store.dialogs.values())
    figures = [f for dialog in dialogs for f in stream_figures(dialog, store.streams)]
    return lay_out(dialogs, {f.id: f for f in figures} if media else None, merge=merge)


def names(ladder: Ladder) -> list[str]:
    return [column.name for column in ladder.columns]


def arrows(ladder: Ladder) -> list[tuple[str, int, int]]:
    """Each row as its label, or the codec of its stream, and its columns."""
    return [(called(row), row.source, row.destination) for row in ladder.rows]


def called(row: Row) -> str:
    if isinstance(row, EventRow):
        return row.event.labels[0]
    return row.label if isinstance(row, MessageRow) else str(row.figures.codec)


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
    found = deltas(ladder.rows)
    wanted = [None, 4 * MS, 146 * MS, 2500 * MS]
    assert [found.get(row.key) for row in ladder.rows[:4]] == wanted


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
    assert deltas(ladder.rows)[row.key] == 3 * MS
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


def test_hosts_that_are_not_merged_have_a_column_for_each_port() -> None:
    ladder = ladder_of(
        store_of(
            [
                Sent(0, request("INVITE", body=sdp(PHONE, 40000)), PHONE, PBX, 5062, 5060),
                Sent(3, response("200 OK", body=sdp(PBX, 7000)), PBX, PHONE, 5060, 5062),
                Sent(5, request("INVITE", call_id="call-2"), PBX, TRUNK, 5080, 5060),
                *stream((PBX, 7000), (PHONE, 40000), start=10, count=20),
            ]
        ),
        merge=False,
    )
    assert names(ladder) == [f"{PHONE}:5062", f"{PBX}:5060", f"{PBX}:5080", f"{TRUNK}:5060"]
    assert arrows(ladder)[-1] == ("PCMA", 1, 0)


def test_media_of_a_host_that_signals_nothing_have_a_column_when_nothing_is_merged() -> None:
    relay = "198.51.100.99"
    sent = [
        Sent(0, request("INVITE", body=sdp(relay, 30000)), PHONE, PBX),
        *stream((relay, 30002), (relay, 30000), start=20, count=20),
    ]
    ladder = ladder_of(store_of(sent), merge=False)
    assert names(ladder) == [f"{PHONE}:5060", f"{PBX}:5060", relay]
    assert arrows(ladder)[1] == ("PCMA", 2, 2)


def event(at: float, kind: EventKind, source: str, destination: str) -> Event:
    one, other = (Endpoint(parse_address(host) or b"", 9) for host in (source, destination))
    return Event(START + round(at * MS), kind, 1, Flow(one, other), 7, ("word",), ("note",))


def test_events_stand_at_their_time_between_their_hosts() -> None:
    dialogs = list(store_of(answered_call()).dialogs.values())
    dtmf = event(5000, EventKind.DTMF, PHONE, PBX)
    ladder = lay_out(dialogs, events=[dtmf])
    assert arrows(ladder)[5] == ("word", 0, 1)
    assert ladder.rows[5].key == ("dtmf", 1, 7, START + 5000 * MS)
    assert ladder.rows[5].leg == 0


def test_a_log_stands_at_a_host_and_makes_no_column() -> None:
    dialogs = list(store_of(answered_call()).dialogs.values())
    logs = [
        event(10, EventKind.LOG, TRUNK, PBX),
        event(11, EventKind.LOG, TRUNK, TRUNK),
    ]
    ladder = lay_out(dialogs, events=logs)
    assert len(ladder.columns) == 2
    assert [row for row in arrows(ladder) if row[0] == "word"] == [("word", 1, 1), ("word", 0, 0)]


def test_hostile_texts_become_harmless_labels() -> None:
    hostile = "180 [/] \x1b]52;c;aGk=\x07 \u202eevil"
    ladder = ladder_of(store_of([Sent(0, response(hostile), PBX, PHONE)]))
    assert arrows(ladder)[0][0] == "180 [/] ␛]52;c;aGk=␇ \ufffdevil"


def test_no_dialogs_make_an_empty_ladder() -> None:
    assert lay_out([]) == Ladder((), ())
