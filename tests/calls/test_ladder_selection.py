"""Which rows of a ladder are shown."""

from sipscope.calls.ladder import Ladder, MessageRow, Row, lay_out
from sipscope.calls.ladder_selection import (
    Selection,
    branch_of,
    fold,
    select,
    transaction,
    transaction_name,
)
from sipscope.calls.rows import stream_figures
from tests.signalling import PBX, PHONE, TRUNK, Sent, answered_call, request, response, store_of


def ladder_of(sent: list[Sent]) -> Ladder:
    store = store_of(sent)
    dialogs = list(store.dialogs.values())
    figures = [f for dialog in dialogs for f in stream_figures(dialog, store.streams)]
    return lay_out(dialogs, {f.id: f for f in figures})


def labels(rows: tuple[Row, ...] | list[Row]) -> list[str]:
    return [row.label if isinstance(row, MessageRow) else type(row).__name__ for row in rows]


def message(ladder: Ladder, place: int) -> MessageRow:
    row = ladder.rows[place]
    assert isinstance(row, MessageRow)
    return row


CALL = answered_call(media=20)


def test_everything_is_shown_by_default() -> None:
    ladder = ladder_of(CALL)
    assert select(ladder, Selection()) == ladder


def test_media_can_be_left_out_and_can_be_alone() -> None:
    ladder = ladder_of(CALL)
    assert len(select(ladder, Selection(media=False)).rows) == 7
    assert labels(select(ladder, Selection(messages=False)).rows) == ["StreamRow"] * 2


def test_columns_stay_whatever_is_left_out() -> None:
    ladder = ladder_of(CALL)
    assert select(ladder, Selection(messages=False, media=False)).columns == ladder.columns


def test_only_messages_with_sdp() -> None:
    rows = select(ladder_of(CALL), Selection(sdp_only=True, media=False)).rows
    assert labels(rows) == ["INVITE (sdp)", "200 OK (sdp)"]


def test_messages_that_were_sent_again_are_counted_in_the_first() -> None:
    sent = [Sent(at, request("INVITE"), PHONE, PBX) for at in (0, 500, 1500)]
    sent += [Sent(at, response("100 Trying"), PBX, PHONE) for at in (600, 1600)]
    assert labels(fold(ladder_of(sent).rows)) == ["INVITE ×3", "100 Trying ×2"]  # noqa: RUF001


def test_the_same_message_of_another_hop_is_not_folded() -> None:
    sent = [Sent(0, request("INVITE"), PHONE, PBX), Sent(1, request("INVITE"), PBX, TRUNK)]
    sent += [Sent(500, request("INVITE"), PBX, TRUNK)]
    rows = fold(ladder_of(sent).rows)
    assert [row.times for row in rows if isinstance(row, MessageRow)] == [1, 2]


def test_a_retransmission_without_its_original_stays() -> None:
    ladder = ladder_of([Sent(at, request("INVITE"), PHONE, PBX) for at in (0, 500)])
    assert labels(fold(ladder.rows[1:])) == ["INVITE (again)"]


def test_a_transaction_is_what_has_one_branch_and_cseq() -> None:
    ladder = ladder_of(CALL)
    bye = next(row for row in ladder.rows if isinstance(row, MessageRow) and row.label == "BYE")
    assert labels(transaction(ladder.rows, bye)) == ["BYE", "200 OK"]
    assert transaction_name(bye) == "BYE 2"


def test_the_ack_belongs_to_the_invite_though_its_branch_is_another() -> None:
    ladder = ladder_of(answered_call())
    rows = transaction(ladder.rows, message(ladder, 0))
    wanted = ["INVITE (sdp)", "100 Trying", "180 Ringing", "200 OK (sdp)", "ACK"]
    assert labels(rows) == wanted
    assert branch_of(message(ladder, 0).message) != branch_of(message(ladder, 4).message)
    assert "200 OK (sdp)" not in labels(transaction(ladder.rows, message(ladder, 5)))


def test_each_hop_of_a_proxy_is_a_transaction() -> None:
    sent = [
        Sent(0, request("INVITE"), PHONE, PBX),
        Sent(1, request("INVITE").replace(b"branch=z9hG4bK", b"branch=z9hG4bKx"), PBX, TRUNK),
        Sent(2, response("486 Busy Here"), PBX, PHONE),
    ]
    ladder = ladder_of(sent)
    assert labels(transaction(ladder.rows, message(ladder, 0))) == ["INVITE", "486 Busy Here"]
    assert len(transaction(ladder.rows, message(ladder, 1))) == 1


def test_a_zoom_takes_the_ladder_as_it_is_now() -> None:
    before = ladder_of(answered_call()[:2])
    zoom = Selection(transaction=message(before, 0))
    assert len(select(ladder_of(CALL), zoom).rows) == 5


def test_a_branch_is_that_of_the_topmost_via() -> None:
    ladder = ladder_of([Sent(0, request("INVITE", vias=2), PHONE, PBX)])
    assert branch_of(message(ladder, 0).message) == b"z9hG4bKINVITE1"
    ladder = ladder_of([Sent(0, request("INVITE", vias=0), PHONE, PBX)])
    assert branch_of(message(ladder, 0).message) == b""
