"""RTCP and quality reports in the report."""

import json
from pathlib import Path

from tests.report.reading import as_json, capture, read
from tests.rtpqos.control import block, cname, extended, sender, short, voip
from tests.signalling import PBX, PHONE, Sent, answered_call, request

THERE, BACK = 0x3D1A3B02, 0x9C40E1F7
PUBLISHED = (
    b"VQSessionReport: CallTerm\r\nCallID: call-1\r\nLocalID: <sip:1001@example.com>\r\n"
    b"LocalAddr: IP=192.0.2.21 PORT=40000 SSRC=0x3d1a3b02\r\nLocalMetrics:\r\n"
    b"PacketLoss: NLR=1.5 JDR=127\r\nQualityEst: MOSLQ=4.2 MOSCQ=127\r\n"
)


def call() -> list[Sent]:
    phone, pbx = (PHONE, PBX, 40001, 18001), (PBX, PHONE, 18001, 40001)
    summary = THERE.to_bytes(4, "big") + bytes(4) + bytes([0, 0, 0, 3]) + bytes(24)
    there = block(THERE, fraction=64, lost=12, jitter=160, lsr=short(0), delay=560)
    kind = "Content-Type: application/vq-rtcpxr\r\n"
    return [
        *answered_call(media=100),
        Sent(5000, sender(THERE, 0, packets=100) + cname(THERE, b"phone"), *phone),
        Sent(5600, sender(BACK, 9, there), *pbx),
        Sent(6000, sender(THERE, 1000, block(BACK, lsr=short(9), delay=390)), *phone),
        Sent(6100, extended(BACK, 7, voip(THERE)) + extended(BACK, 6, summary, 0xA0), *pbx),
        Sent(15000, request("PUBLISH", call_id="p", headers=kind, body=PUBLISHED), PHONE, PBX),
    ]


def test_rtcp_of_a_stream(tmp_path: Path) -> None:
    report = as_json(read(capture(tmp_path / "call.pcap", call())))
    rtcp = report["streams"][0]["rtcp"]
    metrics, delay, score = (
        rtcp.pop("voip_metrics"),
        rtcp.pop("one_way_delay_ms"),
        rtcp.pop("mos_cq"),
    )
    assert (round(delay, 1), round(score, 2), round(rtcp.pop("r_factor_cq"), 1)) == (
        145.0,
        4.33,
        89.7,
    )
    assert (metrics["loss_percent"], metrics["r_factor"], metrics["mos_lq"]) == (1.953125, 82, 4.1)
    assert (metrics["external_r_factor"], metrics["end_system_ms"]) == (None, 120)
    assert round(rtcp.pop("round_trip_ms"), 1) == 50.0
    assert {
        side: round(rtcp.pop(f"{side}_rtt_ms")["mean"], 1) for side in ("sender", "receiver")
    } == {
        "receiver": 40.0,
        "sender": 10.0,
    }
    assert rtcp == {
        "encrypted_packets": 0,
        "reports": 1,
        "first": "2023-11-14T22:13:25.600000Z",
        "last": "2023-11-14T22:13:26.100000Z",
        "reporter_ssrc": "0x9c40e1f7",
        "fraction_lost_percent": {"last": 25.0, "worst": 25.0},
        "cumulative_lost": 12,
        "highest_sequence": 1225,
        "jitter_ms": {"last": 20.0, "worst": 20.0},
        "receiver_dlrr_rtt_ms": None,
        "sender_dlrr_rtt_ms": None,
        "sender_reports": 2,
        "sent_packets": 250,
        "sent_octets": 40000,
        "cname": "phone",
        "bye": None,
        "bye_reason": None,
        "mos_cq_valid": True,
        "statistics_summary": {
            "lost": 3,
            "duplicates": None,
            "jitter_ms": {"min": 0.0, "max": 0.0, "mean": 0.0, "deviation": 0.0},
            "hops": None,
        },
    }


def test_a_stream_without_rtcp_has_null(tmp_path: Path) -> None:
    report = as_json(read(capture(tmp_path / "call.pcap", answered_call(media=10))))
    assert [stream["rtcp"] for stream in report["streams"]] == [None, None]
    assert report["dialogs"][0]["quality_reports"] == []


def test_a_published_report_stands_with_its_call(tmp_path: Path) -> None:
    report = as_json(read(capture(tmp_path / "call.pcap", call())))
    assert [dialog["quality_reports"] for dialog in report["dialogs"]] == [
        [
            {
                "time": "2023-11-14T22:13:35.000000Z",
                "source": "192.0.2.21:5060",
                "destination": "198.51.100.5:5060",
                "origin": "vq-rtcpxr",
                "kind": "session",
                "detail": "CallTerm",
                "local_id": "<sip:1001@example.com>",
                "local_address": "192.0.2.21:40000",
                "local_ssrc": "0x3d1a3b02",
                "local": {"loss_percent": 1.5, "discard_percent": 127.0, "mos_lq": 4.2},
            }
        ],
        [],
    ]


def test_statistics_of_a_bye_stand_with_its_call(tmp_path: Path) -> None:
    packets = [p for p in answered_call() if not p.payload.startswith(b"BYE")]
    bye = request("BYE", cseq=2, headers="X-RTP-Stat: PS=10;EN=\x1b[2J\r\n")
    report = as_json(
        read(capture(tmp_path / "call.pcap", [*packets, Sent(14660, bye, PHONE, PBX)]))
    )
    (told,) = report["dialogs"][0]["quality_reports"]
    assert (told["origin"], told["packets_sent"], told["encoder"]) == ("x-rtp-stat", 10, "\x1b[2J")
    assert "\x1b" not in json.dumps(told)
