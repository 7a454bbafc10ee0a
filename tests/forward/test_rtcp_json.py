import json
import struct
from typing import Any

from sipscope.decode.rtcp import parse_rtcp
from sipscope.forward.rtcp_json import Sent, reported, reporter, rtcp_json

SSRC, OTHER = 0x3D1A3B02, 0x9C40E1F7
BLOCK = struct.pack(
    "!IB3sIIII", OTHER, 12, (-3).to_bytes(3, "big", signed=True), 70_001, 40, 0xAABBCCDD, 65_536
)
SENDER = struct.pack("!BBHIQIII", 0x81, 200, 12, SSRC, 0xE5000000_80000000, 8000, 100, 16_000)
RECEIVER = struct.pack("!BBHI", 0x81, 201, 7, SSRC)
DESCRIPTION = struct.pack("!BBHIBB4sBx", 0x81, 202, 3, SSRC, 1, 4, b"a@bc", 0)
METRICS = struct.pack(
    "!BBHIBBHIBBBBHHHHbbBBBBBBBxHHH",
    *(0x80, 207, 10, SSRC, 7, 0, 8, OTHER),
    *(5, 6, 90, 1, 200, 4000, 55, 40),
    *(-20, -60, 127, 16, 88, 127, 41, 40, 0b11_11_0000, 40, 80, 120),
)


def document(payload: bytes, seen: Sent | None = None) -> dict[str, Any]:
    packets, problems = parse_rtcp(payload)
    assert not problems
    encoded = rtcp_json(packets, seen)
    assert encoded is not None
    return dict(json.loads(encoded))


def test_a_sender_report_has_the_fields_that_homer_reads() -> None:
    assert document(SENDER + BLOCK + DESCRIPTION) == {
        "sender_information": {
            "ntp_timestamp_sec": 0xE5000000,
            "ntp_timestamp_usec": 0x80000000,
            "rtp_timestamp": 8000,
            "packets": 100,
            "octets": 16_000,
        },
        "ssrc": SSRC,
        "type": 200,
        "report_count": 1,
        "report_blocks": [
            {
                "source_ssrc": OTHER,
                "fraction_lost": 12,
                "packets_lost": -3,
                "highest_seq_no": 70_001,
                "ia_jitter": 40,
                "lsr": 0xAABBCCDD,
                "dlsr": 65_536,
            }
        ],
        "sdes_ssrc": SSRC,
    }


def test_a_receiver_report_gets_what_was_seen_of_rtp_and_says_so() -> None:
    report = document(RECEIVER + BLOCK, Sent(1500, 240_000))
    assert report["type"] == 201
    assert report["sender_information"]["packets"] == 1500
    assert report["sender_information"]["octets"] == 240_000
    assert report["sender_information_observed"] is True


def test_without_rtp_a_receiver_report_invents_no_packets() -> None:
    report = document(RECEIVER + BLOCK)
    assert report["sender_information"]["packets"] == 0
    assert "sender_information_observed" not in report


def test_what_a_sender_says_of_itself_goes_before_what_was_seen() -> None:
    report = document(SENDER + BLOCK, Sent(1, 1))
    assert report["sender_information"]["packets"] == 100
    assert "sender_information_observed" not in report


def test_voip_metrics_behind_a_sender_report_are_not_lost() -> None:
    assert document(SENDER + BLOCK + METRICS)["report_blocks_xr"] == {
        "type": 7,
        "id": OTHER,
        "fraction_lost": 5,
        "fraction_discard": 6,
        "burst_density": 90,
        "gap_density": 1,
        "burst_duration": 200,
        "gap_duration": 4000,
        "round_trip_delay": 55,
        "end_system_delay": 40,
    }


def test_an_extended_report_alone_has_its_own_type() -> None:
    assert document(METRICS)["type"] == 207


def test_what_reports_nothing_has_no_document() -> None:
    packets, _ = parse_rtcp(DESCRIPTION)
    assert rtcp_json(packets) is None


def test_the_reporter_and_whom_it_reports_on_are_found() -> None:
    packets, _ = parse_rtcp(RECEIVER + BLOCK + DESCRIPTION)
    assert reporter(packets) == SSRC
    assert reported(packets) == OTHER


def test_a_report_without_blocks_is_on_nobody() -> None:
    packets, _ = parse_rtcp(struct.pack("!BBHI", 0x80, 201, 1, SSRC))
    assert reported(packets) is None
