"""The media facts in the JSON report, of captures between real programs."""

from typing import Any

import pytest

from tests.report.contract import (
    breaches,
    each,
    is_count,
    is_endpoint,
    is_flag,
    is_moment,
    is_number,
    is_text,
    maybe,
)
from tests.report.reading import CAPTURES, as_json, read

DIRECTION = {
    "from": is_endpoint,
    "to": is_endpoint,
    "expected_s": is_number,
    "streams": each(is_count),
    "packets": is_count,
    "dscp": each(is_count),
}
INFO_DIGIT = {
    "digit": is_text,
    "time": is_moment,
    "duration_ms": maybe(is_number),
    "source": is_endpoint,
    "message": is_count,
    "status": maybe(is_count),
}
DIALOG = {
    "one_way": maybe(is_flag),
    "held": maybe(is_flag),
    "dscp_differs": maybe(is_flag),
    "directions": each(DIRECTION),
    "t38": is_flag,
    "t38_accepted": maybe(is_flag),
    "t38_packets": maybe(is_count),
    "dtmf": each(INFO_DIGIT),
}
DIGIT = {
    "digit": is_text,
    "time": is_moment,
    "duration_ms": is_number,
    "ended": is_flag,
    "negotiated": is_flag,
    "payload_type": is_count,
}
STREAM = {
    "media": maybe(is_text),
    "srtp": maybe(is_flag),
    "codecs": each(is_text),
    "negotiated_ptime_ms": maybe(is_count),
    "unnegotiated_payload_types": maybe(each(is_count)),
    "comfort_noise": is_count,
    "silence_suppression": is_flag,
    "dscp_changes": is_count,
    "announced_source": maybe(is_endpoint),
    "dtmf": maybe(is_text),
    "dtmf_events": maybe(each(DIGIT)),
}


def report(name: str) -> dict[str, Any]:
    return as_json(read(CAPTURES / name))


@pytest.mark.parametrize(
    "name", ["call-dtmf.pcap", "call-fax.pcap", "call-srtp.pcap", "call-proxy.pcap"]
)
def test_every_object_has_its_fields(name: str) -> None:
    document = report(name)
    assert [b for dialog in document["dialogs"] for b in breaches(DIALOG, dialog["media"])] == []
    assert [b for stream in document["streams"] for b in breaches(STREAM, stream)] == []


def test_digits_of_a_stream() -> None:
    pressed, silent = sorted(
        report("call-dtmf.pcap")["streams"], key=lambda each: each["dtmf"], reverse=True
    )
    assert (pressed["dtmf"], silent["dtmf"]) == ("1234567890*#ABCD", "")
    assert "".join(event["digit"] for event in pressed["dtmf_events"]) == pressed["dtmf"]
    assert {event["duration_ms"] for event in pressed["dtmf_events"]} <= {160.0, 180.0, 200.0}
    assert all(event["ended"] and event["negotiated"] for event in pressed["dtmf_events"])
    assert silent["dtmf_events"] == []


def test_encrypted_digits_are_unknown() -> None:
    streams = report("call-srtp.pcap")["streams"]
    assert [(s["srtp"], s["dtmf"], s["dtmf_events"]) for s in streams] == [(True, None, None)] * 2


def test_a_call_that_is_heard_on_one_side() -> None:
    (dialog,) = report("call-one-way.pcap")["dialogs"]
    assert dialog["media"]["one_way"] is True
    assert [(way["to"], way["packets"]) for way in dialog["media"]["directions"]] == [
        ("203.0.113.7:18000", 0),
        ("192.168.88.21:40000", 200),
    ]


def test_fax_and_digits_in_info() -> None:
    (dialog,) = report("call-fax.pcap")["dialogs"]
    media = dialog["media"]
    assert (media["t38"], media["t38_accepted"], media["t38_packets"]) == (True, True, 110)
    assert [(d["digit"], d["duration_ms"], d["status"]) for d in media["dtmf"]] == [
        ("1", 160, 200),
        ("2", 160, 200),
        ("3", 160, 200),
        ("#", None, 200),
    ]


def test_without_fax_its_figures_are_unknown() -> None:
    (dialog,) = report("cancel.pcap")["dialogs"]
    assert dialog["media"] == {
        "one_way": None,
        "held": None,
        "dscp_differs": None,
        "directions": [],
        "t38": False,
        "t38_accepted": None,
        "t38_packets": None,
        "dtmf": [],
    }
