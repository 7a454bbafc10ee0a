import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.capture.pcapng import PcapngParser
from tests.capture.formats import (
    ETHERNET,
    RAW,
    SECOND,
    Packet,
    block,
    enhanced,
    interface,
    obsolete,
    option,
    packet,
    parse,
    reader,
    section,
    simple,
)

START = 1_700_000_000 * SECOND
TICKS = START // 1000  # in microseconds, the resolution of an interface that names none
LATEST = 9_000_000_000 * SECOND
NEW_YEAR_10000 = 253_402_300_800 * SECOND


@pytest.mark.parametrize("order", ["<", ">"])
def test_enhanced_packets_are_found_in_either_byte_order(order: str) -> None:
    content = (
        section(order)
        + interface(ETHERNET, order)
        + enhanced(TICKS, b"one", order)
        + enhanced(TICKS + 1, b"four", order, wire=100)
    )
    parser = PcapngParser()

    assert parse(parser, content) == [packet(START, b"one"), packet(START + 1000, b"four", 96)]
    assert parser.damaged is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_obsolete_packets_are_found_whatever_their_drop_count(order: str) -> None:
    content = section(order) + interface(ETHERNET, order) + interface(RAW, order)
    content += obsolete(TICKS, b"obsolete", order, number=1)

    assert parse(PcapngParser(), content) == [packet(START, b"obsolete", link_type=RAW)]


def test_a_length_without_the_padding_is_understood() -> None:
    body = struct.pack("<HHIIII", 0, 0, 0, 5, 3, 3) + b"abc"
    length = struct.pack("<I", 12 + len(body))
    content = section() + interface() + struct.pack("<I", 2) + length + body + b"\0" + length
    content += enhanced(6, b"next")

    assert parse(PcapngParser(), content) == [packet(5000, b"abc"), packet(6000, b"next")]


def test_simple_packets_come_from_the_first_interface_and_have_no_time() -> None:
    content = section() + interface(RAW) + interface(ETHERNET) + simple(b"whole", 5)

    assert parse(PcapngParser(), content) == [packet(0, b"whole", link_type=RAW)]


def test_a_simple_packet_ends_at_the_snapshot_length() -> None:
    content = section() + interface(snapshot=6) + simple(b"123456", 90)

    assert parse(PcapngParser(), content) == [packet(0, b"123456", missing=84)]


def test_kinds_of_packets_can_be_mixed() -> None:
    content = section() + interface() + simple(b"a", 1) + enhanced(1, b"b") + obsolete(2, b"c")
    content += enhanced(3, b"d") + enhanced(4, b"e") + simple(b"f", 1)

    found = parse(PcapngParser(), content)

    assert [each.data for each in found] == [b"a", b"b", b"c", b"d", b"e", b"f"]
    assert [each.time for each in found] == [0, 1000, 2000, 3000, 4000, 0]


def test_every_interface_has_its_own_link_type() -> None:
    content = section() + interface(ETHERNET) + interface(RAW)
    content += enhanced(1, b"a") + enhanced(2, b"b", number=1) + enhanced(3, b"c", number=1)
    content += enhanced(4, b"d")
    batches = list(PcapngParser().parse(content))

    assert [(batch.link_type, len(batch), batch.number) for batch in batches] == [
        (ETHERNET, 1, 1),
        (RAW, 2, 2),
        (ETHERNET, 1, 4),
    ]


def test_every_section_has_its_own_byte_order_and_interfaces() -> None:
    content = section("<") + interface(ETHERNET, "<") + enhanced(1, b"little", "<")
    content += section(">") + interface(RAW, ">") + enhanced(2, b"big", ">")

    assert parse(PcapngParser(), content) == [
        packet(1000, b"little"),
        packet(2000, b"big", link_type=RAW),
    ]


@pytest.mark.parametrize(
    ("resolution", "ticks", "time"),
    [
        (3, 1_500, 1_500_000_000),
        (6, 1_500_000, 1_500_000_000),
        (9, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
        (12, 1_500_000_000_400, 1_500_000_000),
        (0, 7, 7 * SECOND),
        (0x80 | 1, 3, 1_500_000_000),
        (0x80 | 32, 3 << 31, 1_500_000_000),
        (0x80 | 63, 3 << 62, 1_500_000_000),
        (0x80 | 65, 1 << 63, 250_000_000),
        (20, 10**19, 100_000_000),
        (0x7F, 10**19, 0),
        (0xFF, 2**64 - 1, 0),
        (0, 2**64 - 1, LATEST),
        (6, 2**64 - 1, LATEST + 709_551_615_000 % SECOND),
    ],
)
def test_any_resolution_is_brought_to_nanoseconds(resolution: int, ticks: int, time: int) -> None:
    content = section() + interface(options=option(9, bytes([resolution])))

    assert parse(PcapngParser(), content + enhanced(ticks, b"x"))[0].time == time


@pytest.mark.parametrize(
    ("offset", "ticks", "time"),
    [
        (1_700_000_000, 1_500_000, START + 1_500_000_000),
        (-1, 1_500_000, 500_000_000),
        (-2, 1_500_000, 500_000_000),
        (2**63 - 1, 0, LATEST),
        (-(2**63), 0, 0),
    ],
)
def test_an_offset_moves_the_time_within_bounds(offset: int, ticks: int, time: int) -> None:
    content = section() + interface(options=option(14, struct.pack("<q", offset)))

    assert parse(PcapngParser(), content + enhanced(ticks, b"x"))[0].time == time


def test_packets_of_interfaces_with_different_clocks_stand_side_by_side() -> None:
    content = section() + interface() + interface(options=option(9, b"\x09"))
    content += enhanced(1_000_000, b"a") + enhanced(1_000_000_001, b"b", number=1)

    assert [each.time for each in parse(PcapngParser(), content)] == [SECOND, SECOND + 1]


@pytest.mark.parametrize(
    "options",
    [
        option(2, b"eth0") + option(1, b"a comment") + option(0, b""),
        option(9, b""),
        option(14, b"\x01"),
        b"\x09\x00",
        struct.pack("<HH", 9, 60_000),
        option(0, b"") + option(9, b"\x09"),
    ],
)
def test_other_and_broken_options_do_not_matter(options: bytes) -> None:
    content = section() + interface(options=options) + enhanced(TICKS, b"x")

    assert parse(PcapngParser(), content) == [packet(START, b"x")]


def test_other_blocks_are_skipped() -> None:
    content = section() + block(5, b"statistics") + interface() + block(0x80000001, bytes(40))
    content += enhanced(1, b"a") + block(4, b"names") + enhanced(2, b"b") + block(0xBAD, b"")

    assert [each.data for each in parse(PcapngParser(), content)] == [b"a", b"b"]


def test_a_file_cut_off_gives_every_whole_packet_and_says_where() -> None:
    blocks = [
        section(),
        interface(),
        enhanced(1, b"one"),
        enhanced(2, b"second"),
        interface(RAW),
        simple(b"x", 1),
    ]
    content = b"".join(blocks)
    packets = [packet(1000, b"one"), packet(2000, b"second"), packet(0, b"x")]
    ends = [sum(map(len, blocks[:count])) for count in range(len(blocks) + 1)]
    for length in range(len(content) + 1):
        parser = PcapngParser()
        whole = sum(end <= length for end in (ends[3], ends[4], ends[6]))
        assert parse(parser, content[:length]) == packets[:whole]
        begin = max(end for end in ends if end <= length)
        if length == begin and length > 0:
            assert parser.damaged is None
        else:
            after = f", after packet {whole}" if whole else ""
            assert parser.damaged == f"cut off in the middle of the block at byte {begin}{after}"


@pytest.mark.parametrize(
    ("damaged_block", "text"),
    [
        (
            struct.pack("<II", 6, 4_026_531_840) + bytes(80),
            "the block at byte 84 claims 4,026,531,840 bytes, after packet 1",
        ),
        (
            struct.pack("<II", 6, 28) + bytes(80),
            "the block at byte 84 claims 28 bytes, after packet 1",
        ),
        (
            struct.pack("<II", 5, 0) + bytes(80),
            "the block at byte 84 claims 0 bytes, after packet 1",
        ),
        (
            enhanced(2, b"bad")[:-4] + bytes(4),
            "packet 2 at byte 84 ends with another length than it begins with",
        ),
        (
            block(5, b"statistics")[:-4] + bytes(4),
            "the block at byte 84 ends with another length than it begins with, after packet 1",
        ),
        (
            enhanced(2, b"bad", number=1),
            "packet 2 at byte 84 comes from an interface that the file does not describe",
        ),
        (
            block(6, struct.pack("<IIIII", 0, 0, 2, 9, 9) + bytes(8)),
            "packet 2 at byte 84 claims more bytes than its block holds",
        ),
        (
            block(0x0A0D0D0A, bytes(16)),
            "the block at byte 84 is no section header, after packet 1",
        ),
        (
            block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 2, 0, -1)),
            "the block at byte 84 begins a section of version 2, which nobody can read,"
            " after packet 1",
        ),
    ],
)
@pytest.mark.parametrize("chunk", [1, 1 << 20])
def test_a_damaged_block_ends_the_reading_and_is_told(
    damaged_block: bytes, text: str, chunk: int
) -> None:
    good = section() + interface() + enhanced(1, b"one")
    parser = PcapngParser()

    assert parse(parser, good + damaged_block + enhanced(3, b"lost"), chunk) == [
        packet(1000, b"one")
    ]
    assert parser.damaged == text


def test_the_first_of_several_damaged_blocks_is_told() -> None:
    content = section() + interface() + enhanced(1, b"bad")[:-4] + bytes(4)
    parser = PcapngParser()

    assert parse(parser, content + enhanced(2, b"worse", number=7)) == []
    assert parser.damaged == "packet 1 at byte 48 ends with another length than it begins with"


def test_packets_before_any_interface_are_damage() -> None:
    parser = PcapngParser()

    assert parse(parser, section() + enhanced(1, b"x") + interface()) == []
    assert parser.damaged == (
        "packet 1 at byte 28 comes from an interface that the file does not describe"
    )


def test_a_file_of_a_million_interfaces_is_given_up() -> None:
    parser = PcapngParser()
    content = section() + interface() * 70_000

    assert parse(parser, content) == []
    assert parser.damaged == (
        f"the block at byte {28 + 65_536 * 20:,} describes one more than 65,536 interfaces"
    )


def test_many_interfaces_with_a_packet_each_take_linear_time() -> None:
    content = section() + interface() * 60_000
    content += b"".join(enhanced(1, b"x", number=number) for number in range(60_000))

    assert len(parse(PcapngParser(), content)) == 60_000


_BLOCKS = st.one_of(
    st.builds(enhanced, st.integers(0, 2**63), st.binary(max_size=40)),
    st.builds(obsolete, st.integers(0, 2**63), st.binary(max_size=40)),
    st.binary(max_size=40).map(lambda data: simple(data, len(data))),
    st.builds(interface, st.sampled_from([ETHERNET, RAW])),
    st.builds(block, st.just(5), st.binary(max_size=40)),
    st.just(section() + interface(RAW)),
)


@given(blocks=st.lists(_BLOCKS), chunk=st.integers(1, 200))
def test_however_a_file_is_cut_in_chunks_the_packets_are_the_same(
    blocks: list[bytes], chunk: int
) -> None:
    content = section() + interface() + b"".join(blocks)
    whole, chunked = PcapngParser(), PcapngParser()

    assert parse(chunked, content, chunk) == parse(whole, content)
    assert chunked.damaged is whole.damaged is None


def test_frames_can_be_read_again_by_their_position() -> None:
    content = section(">") + interface(ETHERNET, ">") + obsolete(TICKS, b"one", ">")
    content += section() + interface(RAW, options=option(9, b"\x09"))
    content += enhanced(START + 1, b"two", wire=50) + simple(b"three", 5)
    parser = PcapngParser()
    expected = [
        Packet(START, b"one", 3),
        Packet(START + 1, b"two", 50, RAW),
        Packet(0, b"three", 5, RAW),
    ]
    batches = list(parser.parse(content))

    assert parse(PcapngParser(), content) == expected
    found = [parser.frame(reader(content), int(batch.offset[0])) for batch in batches]
    assert found == [(each.time, each.link_type, each.wire, each.data) for each in expected]


def test_a_frame_that_the_file_no_longer_holds_is_none() -> None:
    content = section() + interface() + enhanced(1, b"some packet")
    parser = PcapngParser()
    batch = next(parser.parse(content))
    position = int(batch.offset[0])

    assert parser.frame(reader(content), position) is not None
    assert parser.frame(reader(content[: position + 3]), position) is None
    assert parser.frame(reader(content), position + 4) is None
    assert PcapngParser().frame(reader(content), position) is None
