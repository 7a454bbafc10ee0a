import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.capture.pcap import PcapParser
from tests.capture.formats import SECOND, Packet, packet, parse, pcap_file, pcap_header, reader

THREE = [
    packet(1_700_000_000 * SECOND + 123_456_000, b"first packet"),
    packet(1_700_000_000 * SECOND + 999_999_000, b"second", missing=1000),
    packet(1_700_000_001 * SECOND, b""),
]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34])
def test_packets_are_found_in_either_byte_order_and_with_any_record_header(
    order: str, magic: int
) -> None:
    parser = PcapParser()

    assert parse(parser, pcap_file(THREE, order, magic)) == THREE
    assert parser.damaged is None


def test_nanoseconds_are_kept() -> None:
    exact = [packet(1_700_000_000 * SECOND + 123_456_789, b"exact")]

    assert parse(PcapParser(), pcap_file(exact, magic=0xA1B23C4D)) == exact


def test_a_fraction_of_more_than_a_second_counts_as_it_stands() -> None:
    content = pcap_header() + struct.pack("<IIII", 10, 2_500_000, 1, 1) + b"x"

    assert parse(PcapParser(), content) == [packet(12 * SECOND + 500_000_000, b"x")]


def test_the_largest_time_fits() -> None:
    content = pcap_header() + struct.pack("<IIII", 0xFFFFFFFF, 0xFFFFFFFF, 1, 1) + b"x"

    assert parse(PcapParser(), content)[0].time == 0xFFFFFFFF * (SECOND + 1000)


def test_the_wire_length_is_never_less_than_what_was_captured() -> None:
    content = pcap_header() + struct.pack("<IIII", 0, 0, 5, 3) + b"12345"

    assert parse(PcapParser(), content) == [Packet(0, b"12345", wire=5)]


def test_frame_check_sequence_bits_are_not_part_of_the_link_type() -> None:
    content = pcap_header(network=0x2400_0071) + struct.pack("<IIII", 0, 0, 1, 1) + b"x"

    assert parse(PcapParser(), content)[0].link_type == 113


def test_a_snapshot_length_that_lies_does_not_matter() -> None:
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 68, 1)
    content = header + struct.pack("<IIII", 0, 0, 1500, 1500) + bytes(1500)

    assert parse(PcapParser(), content) == [packet(0, bytes(1500))]


@pytest.mark.parametrize(("claimed", "taken"), [(262_144, 1), (262_145, 0)])
def test_no_packet_is_larger_than_libpcap_can_capture(claimed: int, taken: int) -> None:
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 30, 1)
    content = header + struct.pack("<IIII", 0, 0, claimed, claimed) + bytes(claimed)

    assert len(parse(PcapParser(), content)) == taken


def test_an_absurd_length_is_told_with_packet_and_offset() -> None:
    content = pcap_file(THREE) + struct.pack("<IIII", 0, 0, 4_026_531_840, 60) + bytes(60)
    parser = PcapParser()

    assert parse(parser, content) == THREE
    assert parser.damaged == "packet 4 at byte 90 claims 4,026,531,840 bytes"


def test_an_absurd_length_ends_the_reading_also_where_the_data_would_hold_it() -> None:
    content = pcap_file(THREE) + struct.pack("<IIII", 0, 0, 300_000, 60) + bytes(400_000)
    parser = PcapParser()

    assert parse(parser, content) == THREE
    assert parser.damaged == "packet 4 at byte 90 claims 300,000 bytes"


def test_a_file_cut_off_gives_every_whole_packet_and_says_where() -> None:
    content = pcap_file(THREE)
    ends = [24, 52, 74, 90]
    for length in range(len(content)):
        parser = PcapParser()
        whole = sum(end <= length for end in ends[1:])
        assert parse(parser, content[:length]) == THREE[:whole]
        if length < 24:
            assert parser.damaged == "cut off in the middle of the file header at byte 0"
        elif length in ends:
            assert parser.damaged is None
        else:
            assert parser.damaged == (
                f"cut off in the middle of packet {whole + 1} at byte {ends[whole]}"
            )


def test_an_unknown_version_is_told() -> None:
    parser = PcapParser()

    assert parse(parser, struct.pack("<IHHiIII", 0xA1B2C3D4, 7, 4, 0, 0, 65_535, 1)) == []
    assert parser.damaged == "pcap version 7, which nobody can read"


@given(
    packets=st.lists(
        st.builds(
            packet,
            st.integers(0, 2**32 - 1).map(lambda seconds: seconds * SECOND),
            st.binary(max_size=60),
            st.integers(0, 2000),
        )
    ),
    chunk=st.integers(1, 200),
)
def test_however_a_file_is_cut_in_chunks_the_packets_are_the_same(
    packets: list[Packet], chunk: int
) -> None:
    assert parse(PcapParser(), pcap_file(packets), chunk) == packets


def test_frames_can_be_read_again_by_their_position() -> None:
    for magic, record in ((0xA1B2C3D4, 16), (0xA1B23C4D, 16), (0xA1B2CD34, 24)):
        content = pcap_file(THREE, ">", magic)
        parser = PcapParser()
        parse(parser, content)
        frame = parser.frame(reader(content), 24 + record)
        assert frame == (THREE[0].time, 1, 12, b"first packet")


def test_a_frame_that_the_file_no_longer_holds_is_none() -> None:
    content = pcap_file(THREE)
    parser = PcapParser()
    parse(parser, content)

    assert parser.frame(reader(content[:45]), 40) is None
    assert parser.frame(reader(content), 17) is None
    assert parser.frame(reader(content), 1000) is None
