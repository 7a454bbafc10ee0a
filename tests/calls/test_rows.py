from dataclasses import astuple

import pytest

from sipscope.calls.dialog import Party, State
from sipscope.calls.rows import (
    call_row,
    lowest_mos,
    parties,
    party_name,
    party_names,
    stream_figures,
)
from tests.calls.playbook import Playbook, give, incoming
from tests.packets import START
from tests.signalling import MS, answered_call, request, store_of


def test_a_row_tells_who_called_whom_and_how_it_sounded() -> None:
    store = store_of(answered_call(media=50, lost=[10, 11]))
    row = call_row(store.dialogs[1], store.streams, START + 60_000 * MS)
    assert (row.caller, row.callee, row.state) == ("1001", "2002", State.COMPLETED)
    assert (row.source, row.destination) == ("192.0.2.21:5060", "198.51.100.5:5060")
    assert (row.messages, row.duration_s, row.codec) == (7, 12.01, "PCMA")
    assert (row.loss_percent, row.jitter_ms) == (4.0, 0.0)
    assert (row.status, row.reason, row.call_id) == (200, "OK", "call-1")


def test_the_talk_time_of_a_call_in_progress_grows() -> None:
    book = Playbook().invite().ok()
    rows = [call_row(book.dialog, book.store.streams, START + s * 1000 * MS) for s in (5, 65)]
    assert [row.duration_s for row in rows] == [5.0, 65.0]


def test_unknown_is_none() -> None:
    book = Playbook().invite()
    row = call_row(book.dialog, book.store.streams, book.now)
    assert row.duration_s is row.loss_percent is row.jitter_ms is row.mos is row.status is None
    assert (row.codec, row.reason) == ("", "")


def test_messages_that_were_dropped_count() -> None:
    book = Playbook().invite()
    book.dialog.dropped = 10
    assert call_row(book.dialog, book.store.streams, book.now).messages == 11


def test_hostile_text_is_made_visible() -> None:
    book = Playbook("call\x1b]0;x").request("INVITE")
    evil = request("INVITE", call_id="a\x1b[2Jb", user="\x1b[31m\u202e").replace(
        b"From: <", b'From: "\x07" <'
    )
    give(book.store, [incoming(evil, START)])
    row = call_row(book.store.dialogs[2], book.store.streams, START)
    assert row.call_id == "a\u241b[2Jb"
    assert all(value.isprintable() for value in astuple(row) if isinstance(value, str))


def test_a_party_is_named_by_its_user_its_name_or_its_host() -> None:
    assert party_name(Party("Anna", "1001", "example.com", None)) == "1001"
    assert party_name(Party("Anna", None, "example.com", None)) == "Anna"
    assert party_name(Party(None, None, "example.com", None)) == "example.com"
    assert party_name(Party(None, None, None, None)) == ""


def test_streams_that_have_no_figures_yet_are_left_out() -> None:
    store = store_of(answered_call(media=10))
    dialog = store.dialogs[1]
    dialog.streams.append(999)
    assert [figures.packets for figures in stream_figures(dialog, store.streams)] == [10, 10]


def test_the_mos_of_a_call_is_that_of_its_worst_stream() -> None:
    store = store_of(answered_call(media=500, lost=range(100, 112)))
    mos = [figures.mos for figures in stream_figures(store.dialogs[1], store.streams)]
    assert None not in mos
    assert call_row(store.dialogs[1], store.streams, START).mos == min(
        map(float, filter(None, mos))
    )
    assert lowest_mos([]) is None


ADDRESSES = (
    "<sip:1001@example.com>;tag=a1",
    '"Anna Berg" <sip:1001@example.com:5080>;tag=a1',
    "Anna <sips:1001@192.0.2.1>",
    "Anna  <sip:1001@example.com>",
    '"" <sip:1001@example.com>',
    '"An\\"na" <sip:1001@example.com>;tag=a1',
    "sip:1001@example.com;tag=a1",
    "<sip:example.com>;tag=a1",
    "<tel:+4930123>;tag=a1",
    "<sip:1001:secret@example.com>",
    "<sip:1001@example.com;user=phone>;tag=a1",
    "<sip:1001@example.com>;x=y;tag=a1",
    "<sip:10%3001@[2001:db8::1]:5060>;tag=a1",
    "A B <sip:1001@example.com>",
    "<>",
    "",
)


@pytest.mark.parametrize("value", ADDRESSES)
def test_parties_are_read_the_short_way_as_the_parser_reads_them(value: str) -> None:
    raw = request("INVITE").replace(b"<sip:1001@example.com>;tag=a1", value.encode())
    book = Playbook()
    give(book.store, [incoming(raw, START)])
    dialog = book.store.dialogs[1]
    assert parties(dialog) == (dialog.caller, dialog.callee)
    assert party_names(dialog) == (party_name(dialog.caller), "2002")
