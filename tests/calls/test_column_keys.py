import pytest

from sipscope.calls.column_keys import (
    codec_key,
    encapsulation,
    endpoint_key,
    header_values,
    lowest_r,
    mos_key,
    reason_key,
    request_uri,
    user_agent,
    worst,
)
from sipscope.decode.address import Endpoint
from sipscope.rtpqos.streams import StreamTable
from tests.calls.filter.asking import answered
from tests.calls.playbook import Playbook
from tests.signalling import request


def test_addresses_sort_by_number_and_ipv4_before_ipv6() -> None:
    hosts = (bytes((10, 0, 0, 9)), bytes((10, 0, 0, 10)), bytes(16))
    keys = [endpoint_key(Endpoint(host, port)) for host in hosts for port in (80, 5060)]
    assert sorted(keys) == keys


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ("X-A: one\r\n", ["one"]),
        ("x-a : one\r\nX-A: two\r\n", ["one", "two"]),
        ("X-A: one,\r\n\ttwo\r\n", ["one, two"]),
        ("X-AB: one\r\n", []),
    ],
)
def test_headers_are_read_as_they_are_written(headers: str, found: list[str]) -> None:
    assert header_values(request("INVITE", headers=headers), "X-A") == found


def test_compact_forms_are_the_same_header_and_the_body_is_none() -> None:
    raw = request("INVITE", headers="m: <sip:a@b>\r\n", body=b"v=0\r\nSubject: no\r\n")
    assert header_values(raw, "contact") == ["<sip:a@b>"]
    assert header_values(raw, "subject") == []


def test_the_worst_stream_counts() -> None:
    asked = answered()
    dialog = asked.dialog
    assert dialog is not None
    assert worst(lambda figures: figures.lost, max)(dialog, asked._streams, 0) == 2
    assert mos_key(dialog, asked._streams, 0) == min(
        figures.mos for figures in asked.figures if figures.mos is not None
    )
    assert lowest_r(asked.figures) == min(
        figures.r_factor for figures in asked.figures if figures.r_factor is not None
    )


def test_without_streams_their_figures_are_unknown() -> None:
    dialog = Playbook().invite().dialog
    assert worst(lambda figures: figures.lost, max)(dialog, StreamTable(), 0) is None
    assert mos_key(dialog, StreamTable(), 0) is None
    assert lowest_r([]) is None


def test_a_call_tells_its_codecs_its_product_and_where_it_went() -> None:
    asked = answered()
    assert asked.dialog is not None
    assert codec_key(asked.dialog, asked._streams, 0) == "PCMA"
    assert user_agent(asked.dialog) == "Snom D785"
    assert request_uri(asked.dialog) == "sip:2002@example.com"
    assert encapsulation(asked.dialog) == ""


def test_a_dialog_that_begins_with_a_response_has_no_request_uri() -> None:
    assert request_uri(Playbook().ringing().dialog) == ""


def test_the_reason_is_that_of_a_failure() -> None:
    streams = StreamTable()
    assert reason_key(Playbook().invite().response(486).dialog, streams, 0) == "Busy Here"
    assert reason_key(Playbook().invite().ok().dialog, streams, 0) == ""
    waited = Playbook().invite().wait(60_000).ends()
    assert reason_key(waited.dialog, streams, 0) == "no response"
