"""Blocks of extended reports by their bytes (RFC 3611 section 4)."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.rtcp_xr import (
    DelaySinceLastReceiverReport,
    ExtendedBlock,
    LastReceiverReport,
    ReceiverReferenceTime,
    StatisticsSummary,
    VoipMetrics,
    read_block,
)
from sipscope.errors import Problem

METRICS = bytes.fromhex("11223344 05026401 04b00d48 00550078 ecba3710 527f2928 b100003c 0078012c")
READ_METRICS = VoipMetrics(
    ssrc=0x11223344,
    loss_rate=5,
    discard_rate=2,
    burst_density=100,
    gap_density=1,
    burst_ms=1200,
    gap_ms=3400,
    round_trip_ms=85,
    end_system_ms=120,
    signal_dbm=-20,
    noise_dbm=-70,
    echo_return_loss_db=55,
    gmin=16,
    r_factor=82,
    external_r_factor=None,
    mos_lq=4.1,
    mos_cq=4.0,
    concealment=2,
    adaptive=3,
    buffer_rate=1,
    buffer_nominal_ms=60,
    buffer_maximum_ms=120,
    buffer_limit_ms=300,
)


def read(kind: int, data: bytes, specific: int = 0) -> object:
    problems: list[Problem] = []
    block = read_block(kind, specific, data, 0, problems)
    assert problems == []
    return block


def test_voip_metrics() -> None:
    assert read(7, METRICS) == READ_METRICS


def test_what_is_127_is_unavailable() -> None:
    block = read(7, METRICS[:16] + bytes.fromhex("7f7f7f10 7f7f7f7f") + METRICS[24:])
    assert isinstance(block, VoipMetrics)
    assert (block.signal_dbm, block.noise_dbm, block.echo_return_loss_db) == (None, None, None)
    assert (block.r_factor, block.external_r_factor) == (None, None)
    assert (block.mos_lq, block.mos_cq) == (None, None)


def test_delays_of_0_are_not_known_yet() -> None:
    block = read(7, METRICS[:12] + bytes(4) + METRICS[16:])
    assert isinstance(block, VoipMetrics)
    assert (block.round_trip_ms, block.end_system_ms) == (None, None)


def test_scores_beyond_their_scale_are_unavailable() -> None:
    block = read(7, METRICS[:20] + bytes.fromhex("65ff3309") + METRICS[24:])
    assert isinstance(block, VoipMetrics)
    assert (block.r_factor, block.external_r_factor) == (None, None)
    assert (block.mos_lq, block.mos_cq) == (None, None)


SUMMARY = struct.pack("!IHHII4I4B", 7, 100, 200, 3, 1, 8, 80, 40, 16, 60, 64, 62, 2)


def test_a_statistics_summary_with_everything() -> None:
    expected = StatisticsSummary(7, 100, 200, 3, 1, (8, 80, 40, 16), (60, 64, 62, 2))
    assert read(6, SUMMARY, 0b11101000) == expected


def test_a_statistics_summary_holds_what_its_flags_say() -> None:
    assert read(6, SUMMARY, 0) == StatisticsSummary(7, 100, 200, None, None, None, None)
    assert read(6, SUMMARY, 0x80) == StatisticsSummary(7, 100, 200, 3, None, None, None)


def test_a_receiver_reference_time() -> None:
    assert read(4, bytes.fromhex("e8f0c0de80000000")) == ReceiverReferenceTime(0xE8F0C0DE80000000)


def test_answers_to_several_receivers() -> None:
    data = bytes.fromhex("00000001 c0de8000 00010000 00000002 00000000 00000000")
    expected = (LastReceiverReport(1, 0xC0DE8000, 65536), LastReceiverReport(2, 0, 0))
    assert read(5, data) == DelaySinceLastReceiverReport(expected)


def test_answers_that_are_cut_off_are_left_out() -> None:
    assert read(5, bytes(20)) == DelaySinceLastReceiverReport((LastReceiverReport(0, 0, 0),))


def test_other_blocks_stay_unread() -> None:
    assert read(1, b"runs", 3) == ExtendedBlock(1, 3, b"runs")


def test_a_short_block_is_a_problem_at_its_offset() -> None:
    problems: list[Problem] = []
    assert read_block(4, 0, bytes(4), 12, problems) == ExtendedBlock(4, 0, bytes(4))
    text = "block of type 4 with 4 bytes instead of 8"
    assert problems == [Problem("rtcp.xr-short", text, 12)]


@given(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=64))
def test_any_bytes_give_a_block(kind: int, specific: int, data: bytes) -> None:
    problems: list[Problem] = []
    block = read_block(kind, specific, data, 4, problems)
    assert isinstance(block, ExtendedBlock) or problems == []
