import json
from pathlib import Path

import pytest

from sipscope.decode.hep import HepMessage, parse_hep
from sipscope.decode.rtcp import (
    ExtendedReport,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
)
from sipscope.decode.rtcp_json import rtcp_from_json
from sipscope.decode.rtcp_xr import VoipMetrics
from sipscope.forward.rtcp_json import Sent, rtcp_json

GOLDEN = Path(__file__).parents[3] / "shared" / "facts" / "hep-peers" / "golden"

BLOCK = {
    "source_ssrc": 8738,
    "fraction_lost": 13,
    "packets_lost": 3,
    "highest_seq_no": 59,
    "ia_jitter": 21,
    "lsr": 287454020,
    "dlsr": 65536,
}
SENT = {
    "ntp_timestamp_sec": 4004279345,
    "ntp_timestamp_usec": 2147483648,
    "rtp_timestamp": 9600,
    "packets": 60,
    "octets": 9600,
}
READ = ReportBlock(8738, 13, 3, 59, 21, 287454020, 65536)


def packets(**fields: object) -> list[RtcpPacket]:
    return rtcp_from_json(json.dumps({"ssrc": 4369, **fields}).encode())


def test_a_sender_report_is_read() -> None:
    found = packets(type=200, report_count=1, sender_information=SENT, report_blocks=[BLOCK])
    assert found == [SenderReport(4369, 4004279345 << 32 | 1 << 31, 9600, 60, 9600, (READ,))]


def test_a_receiver_report_has_no_sender_information() -> None:
    assert packets(type=201, report_blocks=[BLOCK]) == [ReceiverReport(4369, (READ,))]


def test_a_receiver_report_may_have_one_of_zeros() -> None:
    zeros = dict.fromkeys(SENT, 0)
    found = packets(type=201, sender_information=zeros, report_blocks=[BLOCK])
    assert found == [ReceiverReport(4369, (READ,))]


def test_of_a_compound_that_is_called_by_its_second_packet_the_contents_tell() -> None:
    assert isinstance(packets(type=202, sender_information=SENT)[0], SenderReport)
    assert packets(type=202, report_blocks=[BLOCK]) == [ReceiverReport(4369, (READ,))]


@pytest.mark.parametrize(
    ("sent", "lost"),
    [(3, 3), (-2, -2), (16777214, -2), (4294967294, -2), ("-2", -2), (8388607, 8388607)],
)
def test_a_negative_loss_is_negative_however_it_was_written(sent: int | str, lost: int) -> None:
    (report,) = packets(type=201, report_blocks=[{**BLOCK, "packets_lost": sent}])
    assert isinstance(report, ReceiverReport)
    assert report.blocks[0].cumulative_lost == lost


def test_numbers_may_be_text_or_signed_as_asterisk_writes_them() -> None:
    block = {**BLOCK, "source_ssrc": -1, "lsr": "287454020"}
    found = rtcp_from_json(json.dumps({"ssrc": -2, "type": 201, "report_blocks": [block]}).encode())
    assert found == [ReceiverReport(0xFFFFFFFE, (READ._replace(ssrc=0xFFFFFFFF),))]


def test_the_time_of_asterisk_is_that_of_its_clock() -> None:
    sent = {**SENT, "ntp_timestamp_sec": "1795290545", "ntp_timestamp_usec": "500000"}
    (report,) = packets(type=200, sender_information=sent)
    assert isinstance(report, SenderReport)
    assert report.ntp_time == (1795290545 + 2208988800) << 32 | 1 << 31


def test_source_descriptions_are_read() -> None:
    items = [
        {"sdes_chunk_ssrc": 4369, "type": 1, "text": "a@b.c"},
        {"sdes_chunk_ssrc": 4369, "type": 6, "text": "phone"},
        {"sdes_chunk_ssrc": 5, "type": 99, "text": "?"},
    ]
    assert packets(sdes_information=items) == [
        SourceDescription(4369, (("CNAME", b"a@b.c"), ("TOOL", b"phone"))),
        SourceDescription(5, (("99", b"?"),)),
    ]


METRICS = VoipMetrics(
    ssrc=8738,
    loss_rate=5,
    discard_rate=2,
    burst_density=10,
    gap_density=1,
    burst_ms=120,
    gap_ms=4000,
    round_trip_ms=45,
    end_system_ms=60,
    signal_dbm=None,
    noise_dbm=None,
    echo_return_loss_db=None,
    gmin=0,
    r_factor=None,
    external_r_factor=None,
    mos_lq=None,
    mos_cq=None,
    concealment=0,
    adaptive=0,
    buffer_rate=0,
    buffer_nominal_ms=0,
    buffer_maximum_ms=0,
    buffer_limit_ms=0,
)


def test_extended_reports_of_heplify_are_read() -> None:
    metrics = {
        "type": 7,
        "id": 8738,
        "fraction_lost": 5,
        "fraction_discard": 2,
        "burst_density": 10,
        "gap_density": 1,
        "burst_duration": 120,
        "gap_duration": 4000,
        "round_trip_delay": 45,
        "end_system_delay": 60,
    }
    assert packets(type=207, report_blocks_xr=metrics) == [ExtendedReport(4369, (METRICS,))]


def test_voip_metrics_of_heplify_2_and_captagent_are_read() -> None:
    known = METRICS._replace(
        signal_dbm=-20, gmin=16, r_factor=80, mos_lq=4.1, mos_cq=4.0, buffer_nominal_ms=40
    )
    heplify = {
        "ssrc": 8738,
        "loss_rate": 5,
        "discard_rate": 2,
        "burst_density": 10,
        "gap_density": 1,
        "burst_duration": 120,
        "gap_duration": 4000,
        "round_trip_delay": 45,
        "end_system_delay": 60,
        "signal_level": -20,
        "noise_level": 127,
        "gmin": 16,
        "r_factor": 80,
        "ext_r_factor": 127,
        "mos_lq": 4.1,
        "mos_cq": 40,
        "jb_nominal": 40,
    }
    captagent = {
        "identifier": 8738,
        "loss_rate": 5,
        "discard_rate": 2,
        "burst_rate": 10,
        "gap_rate": 1,
        "burst_duration": 120,
        "gap_duration": 4000,
        "round_trip_delay": 45,
        "end_sys_delay": 60,
        "signal_lev": -20,
        "Gmin": 16,
        "R_fact": 80,
        "MOS_LQ": 41,
        "MOS_CQ": 40,
        "JB_nom": 40,
    }
    assert packets(voip_metrics=heplify) == [ExtendedReport(4369, (known,))]
    found = rtcp_from_json(
        json.dumps({"ssrc": 4369, "Extended_report_information": captagent}).encode()
    )
    assert found == [ExtendedReport(4369, (known,))]


def test_what_rtpengine_sends_is_read() -> None:
    path = GOLDEN / "rtpengine-udp.hex"
    if not path.exists():
        pytest.skip("the messages that were captured from rtpengine are not here")
    sent, received = (
        parse_hep(bytes.fromhex(line.split()[1])) for line in path.read_text().splitlines()
    )
    assert isinstance(sent, HepMessage)
    assert isinstance(received, HepMessage)
    assert rtcp_from_json(sent.payload) == [
        SenderReport(4369, 4004279345 << 32 | 1 << 31, 9600, 60, 9600, (READ,)),
        SourceDescription(4369, (("CNAME", b"a@b.c"),)),
    ]
    assert rtcp_from_json(received.payload) == [
        ReceiverReport(8738, (ReportBlock(4369, 0, -2, 59, 10, 0, 0),))
    ]


def test_what_we_send_is_read_again() -> None:
    compounds: list[list[RtcpPacket]] = [
        [SenderReport(1, 5 << 32 | 6, 7, 8, 9, (READ, READ._replace(ssrc=2)))],
        [ReceiverReport(1, (READ,))],
        [ReceiverReport(1, (READ,)), ExtendedReport(1, (METRICS,))],
    ]
    for compound in compounds:
        written = rtcp_json(compound, Sent(10, 1600))
        assert written is not None
        assert rtcp_from_json(written) == compound


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"{}",
        b'{"type": 200}',
        b'{"type": 200, "sender_information": 5, "report_blocks": 7}',
        b'{"report_blocks": [1, null, {"fraction_lost": 1}]}',
        b'{"sdes_information": [{"text": 5}], "voip_metrics": []}',
        b"\x80\xc9\0\7",
    ],
)
def test_what_tells_of_no_packet_gives_none(payload: bytes) -> None:
    assert rtcp_from_json(payload) == []


def test_odd_values_are_bounded() -> None:
    found = rtcp_from_json(
        b'{"ssrc": 1e300, "type": 200, "sender_information": {"packets": -1, "octets": 1e400},'
        b' "report_blocks": [{"source_ssrc": 99999999999999999999, "fraction_lost": -3}]}'
    )
    (report,) = found
    assert isinstance(report, SenderReport)
    assert all(0 <= number < 1 << 64 for number in report[:5])
    assert report.blocks[0].fraction_lost == 253


def test_a_report_has_no_more_blocks_than_rtcp_can_have() -> None:
    (report,) = packets(type=201, report_blocks=[BLOCK] * 100)
    assert isinstance(report, ReceiverReport)
    assert len(report.blocks) == 31
