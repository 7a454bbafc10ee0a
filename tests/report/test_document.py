"""The JSON report: the contract, and the same facts as tshark counted in every fixture."""

import io
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from sipscope import __version__
from sipscope.decode.counts import NetworkCounts
from tests.report.contract import DOCUMENT, LINES, breaches, states_of
from tests.report.reading import CAPTURES, as_json, capture, read
from tests.signalling import PBX, PHONE, Sent, answered_call, request, response, stream

INDEX: dict[str, dict[str, Any]] = json.loads((CAPTURES / "index.json").read_text())


@pytest.fixture(scope="module", params=INDEX)
def fixture(request: pytest.FixtureRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """The report of a capture and what its index says."""
    return as_json(read(CAPTURES / request.param)), INDEX[request.param]


Both = tuple[dict[str, Any], dict[str, Any]]


class TestFixtures:
    def test_keep_the_contract(self, fixture: Both) -> None:
        assert breaches(DOCUMENT, fixture[0]) == []

    def test_have_the_states_of_their_methods(self, fixture: Both) -> None:
        for dialog in fixture[0]["dialogs"]:
            assert dialog["state"] in states_of(dialog["method"])

    def test_have_as_many_packets(self, fixture: Both) -> None:
        report, index = fixture
        counted = report["capture"]
        assert counted["sources"][0]["packets"] == index["packets"]
        assert counted["sip_messages"] == index["sip_messages"]
        assert counted["rtcp_packets"] == index["rtcp_packets"]
        assert counted["rtp_packets"] == sum(s["packets"] for s in index["rtp_streams"])
        assert (counted["malformed"], counted["duplicates"]) == (0, 0)

    def test_have_the_same_dialogs(self, fixture: Both) -> None:
        report, index = fixture
        names = ("call_id", "method", "messages", "retransmissions", "state")
        ours = [
            (*(d[name] for name in names), d["from"]["user"], d["to"]["user"])
            for d in report["dialogs"]
        ]
        assert ours == [
            (*(d[name] for name in names), d["from_user"], d["to_user"]) for d in index["dialogs"]
        ]

    def test_have_the_same_streams(self, fixture: Both) -> None:
        report, index = fixture
        names = ("source", "destination", "ssrc", "packets", "expected", "lost", "out_of_order")
        ours, theirs = (
            sorted((*(s[name] for name in names), *s["payload_types"]) for s in streams)
            for streams in (report["streams"], index["rtp_streams"])
        )
        assert ours == theirs

    def test_have_every_stream_in_its_dialog(self, fixture: Both) -> None:
        report = fixture[0]
        owners = {i: dialog["call_id"] for dialog in report["dialogs"] for i in dialog["streams"]}
        assert {s["id"]: s["call_id"] for s in report["streams"]} == owners


def test_the_document_names_its_schema_and_version() -> None:
    report = as_json(read(CAPTURES / "busy-486.pcap"))
    assert (report["schema"], report["sipscope"]) == (1, __version__)


def test_figures_of_a_call(tmp_path: Path) -> None:
    report = as_json(read(capture(tmp_path / "call.pcap", answered_call(media=50, lost=[7]))))
    (dialog,) = report["dialogs"]
    assert dialog["pdd_ms"] == 150.0
    assert dialog["ring_ms"] == 2500.0
    assert dialog["setup_ms"] == 2650.0
    assert dialog["talk_s"] == 12.01
    assert dialog["total_s"] == 14.661
    assert dialog["codecs"] == ["PCMA"]
    assert dialog["user_agents"] == ["Snom D785", "Asterisk PBX 20"]
    assert (dialog["final_status"], dialog["reason"]) == (200, "OK")
    assert [stream["lost"] for stream in report["streams"]] == [0, 1]
    assert report["streams"][1]["loss_bursts"] == [[1, 1]]


def test_unknown_is_null(tmp_path: Path) -> None:
    path = capture(tmp_path / "one.pcap", [Sent(0, request("INVITE"), PHONE, PBX)])
    (dialog,) = as_json(read(path))["dialogs"]
    for name in ("pdd_ms", "ring_ms", "setup_ms", "talk_s", "final_status", "reason", "mos"):
        assert dialog[name] is None
    assert dialog["from"]["display"] is None


def test_a_stream_without_sip_has_no_call(tmp_path: Path) -> None:
    path = capture(tmp_path / "rtp.pcap", stream((PBX, 18000), (PHONE, 40000), start=0, count=20))
    report = as_json(read(path))
    assert [stream["call_id"] for stream in report["streams"]] == [None]
    assert report["dialogs"] == []


def test_a_register_that_nobody_answered_has_failed(tmp_path: Path) -> None:
    path = capture(tmp_path / "one.pcap", [Sent(0, request("REGISTER"), PHONE, PBX)])
    report = as_json(read(path))
    assert report["dialogs"][0]["state"] == "failed"
    assert report["statistics"]["states"] == {"failed": 1}


def test_statistics_count_methods_statuses_and_states(tmp_path: Path) -> None:
    report = as_json(read(capture(tmp_path / "call.pcap", answered_call())))
    assert report["statistics"] == {
        "methods": {"INVITE": 1, "ACK": 1, "BYE": 1},
        "statuses": {"100": 1, "180": 1, "200": 2},
        "states": {"completed": 1},
    }


def test_several_files_are_one_capture_in_order_of_time(tmp_path: Path) -> None:
    call = answered_call()
    late = capture(tmp_path / "late.pcap", call[3:])
    early = capture(tmp_path / "early.pcap", call[:3])
    report = as_json(read(late, early))
    assert [source["packets"] for source in report["capture"]["sources"]] == [4, 3]
    (dialog,) = report["dialogs"]
    assert (dialog["state"], dialog["messages"]) == ("completed", 7)


def test_lines_are_the_same_objects_with_a_type(tmp_path: Path) -> None:
    document = read(capture(tmp_path / "call.pcap", answered_call(media=10)))
    stream = io.StringIO()
    document.write(stream, lines=True)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["type"] for line in lines] == ["dialog", "stream", "stream"]
    assert [breaches(LINES[line["type"]], line) for line in lines] == [[], [], []]
    whole = as_json(document)
    untyped = [{key: line[key] for key in line if key != "type"} for line in lines]
    assert untyped == [*whole["dialogs"], *whole["streams"]]


HOSTILE = '\x1b[31m"}\u2028],\\ \x00\u202e'


def test_hostile_text_cannot_leave_its_string(tmp_path: Path) -> None:
    evil = [
        request("INVITE", call_id=HOSTILE, user=HOSTILE, agent=HOSTILE),
        response(f"486 {HOSTILE}", call_id=HOSTILE, agent=HOSTILE).replace(
            b"From: ", b"From: \xff"
        ),
        request("INVITE", call_id="x").replace(b"sip:2002@example.com SIP", b"sip:\xff\xfe SIP"),
    ]
    path = capture(tmp_path / "evil.pcap", [Sent(n, raw, PHONE, PBX) for n, raw in enumerate(evil)])
    document = read(path)
    text = io.StringIO()
    document.write(text, lines=False)
    assert text.getvalue().isascii()
    assert "\x1b" not in text.getvalue()
    assert breaches(DOCUMENT, json.loads(text.getvalue())) == []


def test_an_empty_capture_has_an_empty_report(tmp_path: Path) -> None:
    report = as_json(read(capture(tmp_path / "empty.pcap", [])))
    assert breaches(DOCUMENT, report) == []
    assert (report["capture"]["first"], report["dialogs"]) == (None, [])


def test_what_was_not_read_is_told_by_reason() -> None:
    capture = as_json(read(CAPTURES / "invite-fragmented.pcap"))["capture"]
    assert capture["evicted"] == 0
    told = {field.name: 0 for field in fields(NetworkCounts)} | {"not_ip": 4}
    assert capture["network"] == told
