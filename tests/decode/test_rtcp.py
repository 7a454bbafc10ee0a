"""RTCP packets from real bytes; parts of bad ones."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.rtcp import (
    Application,
    ExtendedReport,
    Goodbye,
    OtherPacket,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
    parse_rtcp,
    protection,
)
from sipscope.decode.rtcp_xr import ExtendedBlock, ReceiverReferenceTime
from sipscope.errors import Problem

BLOCK = bytes.fromhex("55667788 0dfffffb 00010464 00000018 a1b2c3d4 00010000")
READ_BLOCK = ReportBlock(0x55667788, 13, -5, 0x10464, 24, 0xA1B2C3D4, 65536)


def packet(kind: int, body: bytes, count: int = 0, padding: bool = False) -> bytes:
    first = 0x80 | 0x20 * padding | count
    return struct.pack("!BBH", first, kind, len(body) // 4) + body


SENDER = packet(
    200, bytes.fromhex("11223344 e8f0c0de80000000 00027100 0000012c 0000bb80") + BLOCK, count=1
)
RECEIVER = packet(201, bytes.fromhex("55667788"))
CNAME = packet(202, bytes.fromhex("11223344 0103") + b"a@x" + bytes(3), count=1)


def test_a_sender_report_with_a_block() -> None:
    expected = SenderReport(0x11223344, 0xE8F0C0DE80000000, 160000, 300, 48000, (READ_BLOCK,))
    assert parse_rtcp(SENDER) == ([expected], [])


def test_cumulative_loss_is_signed() -> None:
    (report,), _ = parse_rtcp(packet(201, bytes(4) + bytes(5) + b"\x7f\xff\xff" + bytes(16), 1))
    assert isinstance(report, ReceiverReport)
    assert report.blocks[0].cumulative_lost == 0x7FFFFF
    (report,), _ = parse_rtcp(packet(201, bytes(4) + bytes(5) + b"\x80\x00\x00" + bytes(16), 1))
    assert isinstance(report, ReceiverReport)
    assert report.blocks[0].cumulative_lost == -0x800000


def test_a_compound_packet() -> None:
    packets, problems = parse_rtcp(SENDER + CNAME + packet(203, bytes.fromhex("11223344"), 1))
    assert [type(each) for each in packets] == [SenderReport, SourceDescription, Goodbye]
    assert packets[1] == SourceDescription(0x11223344, (("CNAME", b"a@x"),))
    assert packets[2] == Goodbye((0x11223344,), b"")
    assert problems == []


def test_a_reduced_size_packet_need_not_begin_with_a_report() -> None:
    feedback = packet(206, bytes.fromhex("11223344 55667788"), count=1)
    assert parse_rtcp(feedback) == ([OtherPacket(206, 1, feedback[4:])], [])


def test_two_chunks_with_several_items() -> None:
    chunks = b"\0\0\0\1\1\1a\2\1b\0\0" + b"\0\0\0\2\x08\2\0p\x63\1z\0"
    packets, problems = parse_rtcp(packet(202, chunks, count=2))
    assert packets == [
        SourceDescription(1, (("CNAME", b"a"), ("NAME", b"b"))),
        SourceDescription(2, (("PRIV", b"\0p"), ("99", b"z"))),
    ]
    assert problems == []


def test_an_item_list_that_fills_its_word_ends_with_a_word_of_zeros() -> None:
    chunks = b"\0\0\0\1\1\2ab" + bytes(4) + b"\0\0\0\2\1\1c\0"
    packets, problems = parse_rtcp(packet(202, chunks, count=2))
    assert packets == [
        SourceDescription(1, (("CNAME", b"ab"),)),
        SourceDescription(2, (("CNAME", b"c"),)),
    ]
    assert problems == []


def test_a_goodbye_of_two_sources_with_a_reason() -> None:
    body = b"\0\0\0\1\0\0\0\2\x03bye"
    assert parse_rtcp(packet(203, body, count=2)) == ([Goodbye((1, 2), b"bye")], [])


def test_an_application_packet() -> None:
    body = b"\0\0\0\1name1234"
    assert parse_rtcp(packet(204, body, count=3)) == ([Application(1, 3, b"name", b"1234")], [])


def test_an_extended_report_keeps_unknown_blocks_unread() -> None:
    body = b"\0\0\0\1" + b"\x04\0\0\2" + bytes(7) + b"\x09" + b"\x0e\x05\0\1" + b"loss"
    expected = ExtendedReport(1, (ReceiverReferenceTime(9), ExtendedBlock(14, 5, b"loss")))
    assert parse_rtcp(packet(207, body)) == ([expected], [])


def test_padding_is_taken_off() -> None:
    padded = packet(201, bytes.fromhex("55667788 00000004"), padding=True)
    assert parse_rtcp(padded) == ([ReceiverReport(0x55667788, ())], [])


def test_a_padding_count_that_does_not_fit_is_a_problem() -> None:
    padded = packet(201, bytes.fromhex("55667788 000000ff"), padding=True)
    packets, problems = parse_rtcp(padded)
    assert packets == [ReceiverReport(0x55667788, ())]
    assert problems == [Problem("rtcp.padding", "padding of 255 bytes does not fit", 0)]


def test_what_came_before_the_cut_is_kept() -> None:
    packets, problems = parse_rtcp(RECEIVER + SENDER[:-8])
    assert packets == [
        ReceiverReport(0x55667788, ()),
        SenderReport(0x11223344, 0xE8F0C0DE80000000, 160000, 300, 48000, ()),
    ]
    assert problems == [
        Problem("rtcp.truncated", "packet is cut off", 8),
        Problem("rtcp.blocks", "1 report blocks announced, 0 there", 12),
    ]


def test_bytes_that_are_no_packet_end_the_reading() -> None:
    packets, problems = parse_rtcp(RECEIVER + b"SRTCP index and tag")
    assert packets == [ReceiverReport(0x55667788, ())]
    assert problems == [Problem("rtcp.version", "version 1", 8)]


def test_an_item_that_runs_over_the_end_is_a_problem() -> None:
    packets, problems = parse_rtcp(packet(202, b"\0\0\0\1\1\1a\1\x09bc\0", count=1))
    assert packets == [SourceDescription(1, (("CNAME", b"a"),))]
    assert problems == [Problem("rtcp.item", "description item is cut off", 11)]


def test_a_report_too_short_for_its_fixed_part_is_a_problem() -> None:
    packets, problems = parse_rtcp(packet(200, bytes(8)) + RECEIVER)
    assert packets == [ReceiverReport(0x55667788, ())]
    assert problems == [Problem("rtcp.short", "type 200 of 8 bytes", 4)]


def test_an_extended_block_that_runs_over_the_end_is_a_problem() -> None:
    body = b"\0\0\0\1" + b"\x07\0\0\x09" + bytes(4)
    packets, problems = parse_rtcp(packet(207, body))
    assert packets == [ExtendedReport(1, ())]
    assert problems == [Problem("rtcp.xr-block", "report block is cut off", 8)]


def test_a_goodbye_that_announces_too_much_is_a_problem() -> None:
    packets, problems = parse_rtcp(packet(203, b"\0\0\0\1", count=2))
    assert packets == [Goodbye((1,), b"")]
    assert problems == [Problem("rtcp.sources", "2 sources announced, 1 there", 4)]


def test_a_block_that_is_too_short_is_a_problem_and_stays_unread() -> None:
    packets, problems = parse_rtcp(packet(207, b"\0\0\0\1" + b"\x07\x05\0\1" + b"voip"))
    assert packets == [ExtendedReport(1, (ExtendedBlock(7, 5, b"voip"),))]
    text = "block of type 7 with 4 bytes instead of 32"
    assert problems == [Problem("rtcp.xr-short", text, 8)]


CIPHERTEXT = bytes.fromhex("9b1de2403f5577c0a8113d42e90d7e5c60b1f2a45d1180c3")
TAG = bytes(range(100, 110))


class TestProtection:
    def test_a_compound_packet_is_plain(self) -> None:
        assert protection(SENDER + CNAME) == "plain"

    def test_of_a_compound_packet_srtcp_leaves_the_first_header(self) -> None:
        encrypted = SENDER[:8] + CIPHERTEXT * 2 + CIPHERTEXT[:20] + b"\x80\0\0\1" + TAG
        assert protection(encrypted) == "encrypted"

    def test_the_index_tells_of_encryption_where_there_is_one_packet(self) -> None:
        assert protection(RECEIVER + b"\x80\0\0\1" + TAG) == "encrypted"

    def test_srtcp_that_is_only_authenticated_is_plain(self) -> None:
        assert protection(RECEIVER + b"\0\0\0\1" + TAG) == "plain"
        assert protection(SENDER + CNAME + b"\0\0\0\1" + TAG) == "plain"

    def test_a_packet_that_the_capture_cut_short_is_plain(self) -> None:
        whole = SENDER + CNAME
        assert protection(whole[:40], len(whole)) == "plain"
        assert protection(whole[:60], len(whole)) == "plain"

    def test_a_packet_whose_length_does_not_fit_is_malformed(self) -> None:
        assert protection(SENDER[:40]) == "malformed"
        assert protection(b"\x80\xc8") == "malformed"
        assert protection(b"\x80\x08" + bytes(60)) == "malformed"


def test_nothing_is_nothing() -> None:
    assert parse_rtcp(b"") == ([], [])


@given(st.binary(max_size=200))
def test_any_bytes_give_packets_or_problems(data: bytes) -> None:
    packets, problems = parse_rtcp(data)
    assert bool(packets or problems) == bool(data)


@given(
    st.lists(
        st.tuples(st.integers(192, 223), st.integers(0, 31), st.booleans(), st.binary(max_size=64))
    )
)
def test_a_bad_body_does_not_hide_the_next_packet(
    parts: list[tuple[int, int, bool, bytes]],
) -> None:
    data = b"".join(
        packet(kind, body + bytes(-len(body) % 4), count, padding)
        for kind, count, padding, body in parts
    )
    packets, problems = parse_rtcp(data + RECEIVER)
    assert packets[-1] == ReceiverReport(0x55667788, ())
    assert all(0 <= problem.offset <= len(data) for problem in problems)
