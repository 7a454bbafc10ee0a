"""Voice quality reports as phones send them."""

from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.address import Endpoint
from sipscope.decode.vq_rtcpxr import NAMES, Party, parse_vq_rtcpxr
from sipscope.errors import Problem

SESSION = b"""VQSessionReport: CallTerm\r
CallID: 6dg37f1890463\r
LocalID: Alice <sip:alice@example.org>\r
RemoteID: Bill <sip:bill@example.net>\r
OrigID: Alice <sip:alice@example.org>\r
LocalGroup: example-phone-55671\r
LocalAddr: IP=192.0.2.10 PORT=5000 SSRC=0x1a3b5c7d\r
LocalMAC: 00:1f:5b:cc:21:0f\r
RemoteAddr:IP=198.51.100.11 PORT=5002 SSRC=0x2468abcd\r
LocalMetrics:\r
Timestamps:START=2012-10-10T18:23:43Z STOP=2012-10-10T18:26:02Z\r
SessionDesc:PT=18 PD=G729 SR=8000 FD=20 FO=20 FPP=2 PPS=50 FMTP="annexb=no" PLC=3 SSUP=on\r
JitterBuffer:JBA=3 JBR=2 JBN=40 JBM=80 JBX=120\r
PacketLoss:NLR=5.0 JDR=2.0\r
BurstGapLoss:BLD=0 BD=0 GLD=2.0 GD=500 GMIN=16\r
Delay:RTD=200 ESD=140 SOWD=200 IAJ=2 MAJ=10\r
Signal:SL=-18 NL=-50 RERL=55\r
QualityEst:RLQ=82 RCQ=80 EXTRI=90 MOSLQ=4.2 MOSCQ=4.1 QoEEstAlg=P.564\r
RemoteMetrics:\r
PacketLoss:NLR=4.0 JDR=1.5\r
DialogID:6dg37f1890463;to-tag=8472761;from-tag=9123dh311\r
"""


def test_a_session_report() -> None:
    report, problems = parse_vq_rtcpxr(SESSION)
    assert problems == []
    assert report is not None
    assert (report.kind, report.detail) == ("session", "CallTerm")
    assert report.call_id == "6dg37f1890463"
    assert report.dialog_id == "6dg37f1890463;to-tag=8472761;from-tag=9123dh311"
    assert report.local_id == report.originator_id == "Alice <sip:alice@example.org>"
    assert report.remote_id == "Bill <sip:bill@example.net>"
    assert report.local_party == Party(Endpoint(bytes([192, 0, 2, 10]), 5000), 0x1A3B5C7D)
    assert report.remote_party == Party(Endpoint(bytes([198, 51, 100, 11]), 5002), 0x2468ABCD)
    assert report.remote == {"loss_percent": 4.0, "discard_percent": 1.5}


def test_its_metrics_have_names() -> None:
    report, _ = parse_vq_rtcpxr(SESSION)
    assert report is not None
    assert report.local == {
        "start": "2012-10-10T18:23:43Z",
        "stop": "2012-10-10T18:26:02Z",
        "payload_type": 18,
        "codec": "G729",
        "clock_rate": 8000,
        "frame_ms": 20,
        "frame_octets": 20,
        "frames_per_packet": 2,
        "packets_per_second": 50,
        "format_parameters": "annexb=no",
        "concealment": 3,
        "silence_suppression": "on",
        "buffer_adaptive": 3,
        "buffer_rate": 2,
        "buffer_nominal_ms": 40,
        "buffer_maximum_ms": 80,
        "buffer_limit_ms": 120,
        "loss_percent": 5.0,
        "discard_percent": 2.0,
        "burst_loss_percent": 0,
        "burst_ms": 0,
        "gap_loss_percent": 2.0,
        "gap_ms": 500,
        "gmin": 16,
        "round_trip_ms": 200,
        "end_system_ms": 140,
        "symmetric_one_way_ms": 200,
        "jitter_ms": 2,
        "mean_absolute_jitter_ms": 10,
        "signal_dbm": -18,
        "noise_dbm": -50,
        "echo_return_loss_db": 55,
        "r_lq": 82,
        "r_cq": 80,
        "external_r_in": 90,
        "mos_lq": 4.2,
        "mos_cq": 4.1,
        "algorithm": "P.564",
    }
    assert report.local.keys() <= NAMES


def metrics(lines: bytes) -> dict[str, float | str]:
    report, _ = parse_vq_rtcpxr(b"VQSessionReport\r\nLocalMetrics:\r\n" + lines)
    assert report is not None
    return report.local


def test_127_is_unavailable() -> None:
    lines = b"Signal:SL=127 NL=127 RERL=127\r\nQualityEst:RLQ=127 RCQ=92 EXTRI=127 MOSLQ=12.7\r\n"
    assert metrics(lines) == {"r_cq": 92}


def test_parameters_that_run_into_each_other_are_told_apart() -> None:
    assert metrics(b"JitterBuffer:JBA=3 JBN=20 JBM=20JBX=240") == {
        "buffer_adaptive": 3,
        "buffer_nominal_ms": 20,
        "buffer_maximum_ms": 20,
        "buffer_limit_ms": 240,
    }


def test_parameters_outside_of_any_section_are_of_the_reporter() -> None:
    report, _ = parse_vq_rtcpxr(b"VQSessionReport: CallTerm\nNLR=0.50 JDR=1.20\n")
    assert report is not None
    assert report.local == {"loss_percent": 0.5, "discard_percent": 1.2}


def test_addresses_come_with_colons_too() -> None:
    body = b"VQIntervalReport\r\nLocalAddr:IP:192.0.2.10PORT:5000SSRC:439041101\r\n"
    report, _ = parse_vq_rtcpxr(body + b"RemoteAddr:IP=[2001:db8::7] PORT=5002 SSRC=beef1234\r\n")
    assert report is not None
    assert report.kind == "interval"
    assert report.local_party == Party(Endpoint(bytes([192, 0, 2, 10]), 5000), 439041101)
    address = bytes.fromhex("20010db8000000000000000000000007")
    assert report.remote_party == Party(Endpoint(address, 5002), 0xBEEF1234)


def test_an_alert_says_what_it_is_about() -> None:
    report, _ = parse_vq_rtcpxr(b"VQAlertReport: Type=NLR Severity=Critical Dir=local\r\n")
    assert report is not None
    assert (report.kind, report.detail) == ("alert", "Type=NLR Severity=Critical Dir=local")
    assert report.local_party == Party(None, None)


def test_a_line_without_anything_known_is_a_problem() -> None:
    report, problems = parse_vq_rtcpxr(b"VQSessionReport: CallTerm\r\nMood: fine\r\n")
    assert report is not None
    assert problems == [Problem("vq.line", "a line without anything known", 27)]


def test_other_bodies_are_no_report() -> None:
    expected = [Problem("vq.kind", "the first line names no voice quality report", 0)]
    assert parse_vq_rtcpxr(b"v=0\r\n") == (None, expected)
    assert parse_vq_rtcpxr(b"") == (None, expected)


def test_numbers_without_end_are_no_numbers() -> None:
    assert metrics(b"Delay:RTD=" + b"9" * 5000) == {"round_trip_ms": 9_999_999_999}


@given(st.binary(max_size=300))
def test_any_bytes_behind_the_first_line_give_a_report(data: bytes) -> None:
    report, problems = parse_vq_rtcpxr(b"VQSessionReport: CallTerm\r\n" + data)
    assert report is not None
    assert all(27 <= problem.offset < 27 + len(data) for problem in problems)


@given(st.lists(st.sampled_from([*SESSION.split(b"\r\n"), b"=", b":", b"JBN=", b'FMTP="'])))
def test_lines_in_any_order_give_known_names(lines: list[bytes]) -> None:
    report, _ = parse_vq_rtcpxr(b"VQSessionReport: CallTerm\r\n" + b"\r\n".join(lines))
    assert report is not None
    assert report.local.keys() | report.remote.keys() <= NAMES
