import random
from ipaddress import IPv4Address
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.batch import Frame
from sipscope.decode.counts import NetworkCounts
from sipscope.decode.fragments import Fragment, FragmentTable, Whole
from tests.packets import SECOND, START, ipv4, ipv6

PAYLOAD = bytes(range(256)) * 8


def fragment(
    begin: int,
    end: int,
    *,
    payload: bytes = PAYLOAD,
    identification: int = 1,
    time: int = START,
    captured: int | None = None,
    source: str = "192.0.2.1",
) -> Fragment:
    data = payload[begin:end]
    packet = ipv4(data, source, identification=identification, fragment_offset=begin)
    return Fragment(
        header=packet[:20],
        identification=identification,
        protocol=17,
        offset=begin,
        more=end < len(payload),
        length=len(data),
        data=data[:captured],
        frames=(Frame(time, 1, len(packet), packet),),
    )


def table() -> tuple[FragmentTable, NetworkCounts]:
    counts = NetworkCounts()
    return FragmentTable(counts), counts


def test_two_fragments_make_the_packet_with_the_frames_of_both() -> None:
    fragments, _ = table()
    first, last = fragment(0, 1480), fragment(1480, 2048)
    assert fragments.add(first) is None
    whole = fragments.add(last)
    assert whole == Whole(ipv4(PAYLOAD), 2068, (*first.frames, *last.frames))
    assert fragments.held == 0


@given(st.data())
def test_any_order_and_repetition_makes_the_same_packet(data: st.DataObject) -> None:
    cuts = data.draw(st.sets(st.integers(1, 255), min_size=1, max_size=10))
    places = [0, *(8 * cut for cut in sorted(cuts)), len(PAYLOAD)]
    pieces = [fragment(begin, end) for begin, end in pairwise(places)]
    again = data.draw(st.lists(st.sampled_from(pieces), max_size=5))
    fragments, counts = table()
    wholes = [fragments.add(piece) for piece in data.draw(st.permutations(pieces + again))]
    assert [whole.packet for whole in wholes if whole] == [ipv4(PAYLOAD)]
    assert counts == NetworkCounts()


def test_ipv6_fragments_make_the_packet_with_the_protocol_of_the_first() -> None:
    fragments, _ = table()

    def piece(begin: int, end: int, protocol: int) -> Fragment:
        data = PAYLOAD[begin:end]
        frame = Frame(START, 1, end - begin, data)
        return Fragment(
            ipv6(data, next_header=44)[:40],
            7,
            protocol,
            begin,
            end < 2048,
            len(data),
            data,
            (frame,),
        )

    assert fragments.add(piece(1448, 2048, 60)) is None
    whole = fragments.add(piece(0, 1448, 17))
    assert whole is not None
    assert whole.packet == ipv6(PAYLOAD)


def test_without_its_first_fragment_a_packet_is_never_given_out() -> None:
    fragments, counts = table()
    assert fragments.add(fragment(1480, 2048)) is None
    assert fragments.add(fragment(8, 1480)) is None
    fragments.finish()
    assert counts.fragments_incomplete == 1


def test_fragments_that_overlap_with_the_same_bytes_are_put_together() -> None:
    fragments, counts = table()
    pieces = [fragment(800, 1600), fragment(400, 1200), fragment(1200, 2048), fragment(0, 2000)]
    wholes = [fragments.add(piece) for piece in pieces]
    assert [whole and whole.packet for whole in wholes] == [None, None, None, ipv4(PAYLOAD)]
    assert counts.fragments_overlapping == 0


def test_a_packet_whose_fragments_overlap_with_other_bytes_is_dropped_with_all_that_follows() -> (
    None
):
    fragments, counts = table()
    forged = bytes(2048)
    assert fragments.add(fragment(0, 1480)) is None
    assert fragments.add(fragment(1472, 2048, payload=forged)) is None
    assert fragments.add(fragment(0, 1480)) is None
    assert fragments.add(fragment(1480, 2048)) is None
    assert counts.fragments_overlapping == 1
    assert fragments.held == 0


@pytest.mark.parametrize("ends", [(2048, 2040), (2040, 2048)])
def test_a_second_end_of_a_packet_drops_it(ends: tuple[int, int]) -> None:
    fragments, counts = table()
    for end in ends:
        fragments.add(fragment(1480, end, payload=PAYLOAD[:end]))
    assert fragments.add(fragment(0, 1480)) is None
    assert counts.fragments_overlapping == 1


def test_a_fragment_beyond_the_end_of_the_packet_drops_it() -> None:
    fragments, counts = table()
    fragments.add(fragment(1480, 2040, payload=PAYLOAD[:2040]))
    fragments.add(fragment(2040, 2048, payload=PAYLOAD + PAYLOAD))
    assert fragments.add(fragment(0, 1480)) is None
    assert counts.fragments_overlapping == 1


def test_a_packet_ends_where_the_capture_cut_a_fragment_short() -> None:
    fragments, _ = table()
    fragments.add(fragment(0, 1480, captured=100))
    whole = fragments.add(fragment(1480, 2048))
    assert whole is not None
    assert whole.packet == ipv4(PAYLOAD[:100], total_length=2068)
    assert whole.wire_length == 2068


def test_a_packet_longer_than_its_header_can_tell_has_no_length() -> None:
    fragments, _ = table()
    payload = bytes(65_528)
    fragments.add(fragment(0, 65_512, payload=payload))
    whole = fragments.add(fragment(65_512, 65_528, payload=payload))
    assert whole is not None
    assert whole.packet == ipv4(payload, total_length=0)


@pytest.mark.parametrize(("begin", "end"), [(0, 0), (0, 1001), (65_528, 65_544)])
def test_fragments_that_cannot_be_are_malformed(begin: int, end: int) -> None:
    fragments, counts = table()
    assert fragments.add(fragment(begin, end, payload=bytes(70_000))) is None
    assert (counts.malformed, len(fragments)) == (1, 0)


def test_a_packet_seen_twice_is_given_out_once() -> None:
    fragments, counts = table()
    pieces = [fragment(0, 1480), fragment(0, 1480), fragment(1480, 2048), fragment(1480, 2048)]
    assert [whole is not None for whole in map(fragments.add, pieces)] == [0, 0, 1, 0]
    fragments.finish()
    assert counts.fragments_incomplete == 0


def test_an_identification_is_used_again_after_a_second() -> None:
    fragments, _ = table()
    for begun in (START, START + 2 * SECOND):
        assert fragments.add(fragment(0, 1480, time=begun)) is None
        assert fragments.add(fragment(1480, 2048, time=begun)) is not None


def test_fragments_of_different_hosts_and_packets_are_not_mixed() -> None:
    fragments, _ = table()
    assert fragments.add(fragment(0, 1480)) is None
    assert fragments.add(fragment(1480, 2048, identification=2)) is None
    assert fragments.add(fragment(1480, 2048, source="192.0.2.9")) is None
    assert fragments.add(fragment(1480, 2048)) is not None


@pytest.mark.parametrize("later", [31 * SECOND, -3600 * SECOND])
def test_a_packet_is_waited_for_for_30_seconds(later: int) -> None:
    fragments, counts = table()
    fragments.add(fragment(0, 1480))
    assert fragments.add(fragment(1480, 2048, time=START + later)) is None
    assert (counts.fragments_incomplete, len(fragments)) == (1, 1)


def test_at_most_4096_packets_are_waited_for_the_oldest_gives_way() -> None:
    fragments, counts = table()
    for number in range(5000):
        host = str(IPv4Address(0x0A000000 + number))
        fragments.add(fragment(0, 8, source=host))
        assert len(fragments) <= 4096
    assert counts.fragments_evicted == 904


def test_at_most_8_mebibytes_are_kept() -> None:
    fragments, counts = table()
    for number in range(5000):
        fragments.add(fragment(0, 1480, source=str(IPv4Address(0x0A000000 + number))))
        assert fragments.held <= 8 << 20
    assert counts.fragments_evicted > 1000
    assert len(fragments) + counts.fragments_evicted == 5000


def test_a_packet_of_8_byte_fragments_in_random_order_is_put_together() -> None:
    fragments, _ = table()
    payload = random.Random(1).randbytes(65_528)
    places = list(range(0, 65_528, 8))
    random.Random(2).shuffle(places)
    pieces = [fragment(at, at + 8, payload=payload) for at in places]
    wholes = [whole for whole in map(fragments.add, pieces) if whole]
    assert [whole.packet[20:] for whole in wholes] == [payload]
    assert [frame.data for frame in wholes[0].frames] == [piece.frames[0].data for piece in pieces]


def test_the_same_fragments_in_another_tunnel_are_of_another_packet() -> None:
    fragments, _ = table()
    first, last = fragment(0, 1480), fragment(1480, 2048)
    assert fragments.add(first) is None
    assert fragments.add(last._replace(encapsulation=3)) is None
    assert fragments.add(last) == Whole(ipv4(PAYLOAD), 2068, (*first.frames, *last.frames))


def test_a_fragment_that_came_in_several_frames_brings_them_all() -> None:
    fragments, _ = table()
    first, last = fragment(0, 1480), fragment(1480, 2048)
    frames = (Frame(START, 1, 3, b"one"), Frame(START + 1, 1, 3, b"two"))
    assert fragments.add(first._replace(frames=frames)) is None
    assert fragments.held > 6
    whole = fragments.add(last)
    assert whole is not None
    assert whole.frames == (*frames, *last.frames)
