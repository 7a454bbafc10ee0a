"""The course of a stream in a fixed number of intervals."""

import pytest

from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.streams import StreamTable
from tests.rtpqos.reference import FLOWS, MS, START, Packet, block_of


def follow(packets: list[Packet]) -> StreamFigures:
    table = StreamTable()
    for stream_id in table.add(block_of(packets), FLOWS):
        table.describe(stream_id, {})
    table.flush()
    return table.figures(1)


def speech(count: int, ptime: int = 20) -> list[Packet]:
    return [Packet(index * ptime * MS, index, index * ptime * 8) for index in range(count)]


def test_intervals_begin_at_the_first_packet_and_last_a_second() -> None:
    packets = [packet._replace(time=packet.time + 300 * MS) for packet in speech(125)]
    intervals = follow(packets).intervals
    assert [interval.packets for interval in intervals] == [50, 50, 25]
    assert [interval.start for interval in intervals] == [
        START + (300 + index * 1000) * MS for index in range(3)
    ]
    assert {interval.seconds for interval in intervals} == {1.0}


def test_each_interval_has_loss_jitter_delta_and_mos() -> None:
    packets = speech(150)
    del packets[60:65]
    first, second, third = follow(packets).intervals
    assert [one.loss_percent for one in (first, second, third)] == [0, 10, 0]
    assert [one.delta_max_ms for one in (first, second, third)] == [20, 120, 20]
    assert [one.jitter_ms for one in (first, second, third)] == [0, 0, 0]
    assert first.mos == third.mos == pytest.approx(4.4094, abs=1e-4)
    assert second.mos is not None
    assert second.mos < 3.2


def test_an_interval_without_packets_is_there() -> None:
    packets = [*speech(50), *(packet for packet in speech(200) if packet.time >= 3000 * MS)]
    first, second, third, fourth = follow(packets).intervals
    assert (first.packets, second.packets, third.packets, fourth.packets) == (50, 0, 0, 50)
    assert second.jitter_ms is second.delta_max_ms is None
    assert fourth.delta_max_ms == 2020.0
    assert fourth.lost == 100


def test_a_loss_that_is_made_good_late_is_taken_from_where_it_was_seen() -> None:
    packets = speech(100)
    packets.insert(70, packets.pop(40))
    packets[70] = packets[70]._replace(time=packets[69].time)
    assert [interval.lost for interval in follow(packets).intervals] == [0, 0]


def test_jitter_of_an_interval_is_its_highest() -> None:
    packets = speech(100)
    packets[60] = packets[60]._replace(time=packets[60].time + 16 * MS)
    first, second = follow(packets).intervals
    assert first.jitter_ms == 0.0
    assert second.jitter_ms == pytest.approx(1 + 15 / 16, rel=1e-6)


def test_more_than_128_seconds_are_shown_in_intervals_of_two() -> None:
    packets = speech(1289, ptime=100)
    del packets[35:38]
    intervals = follow(packets).intervals
    assert len(intervals) == 65
    assert {interval.seconds for interval in intervals} == {2.0}
    assert [interval.packets for interval in intervals] == [20, 17, *[20] * 62, 9]
    assert intervals[1].lost == 3
    assert intervals[1].delta_max_ms == 400.0


def test_a_pause_of_a_day_widens_at_once() -> None:
    packets = [*speech(2), Packet(86_400_000 * MS, 2, 320)]
    intervals = follow(packets).intervals
    assert intervals[0].seconds == 1024.0
    assert len(intervals) == 85
    assert (intervals[0].packets, intervals[84].packets) == (2, 1)


def test_packets_before_the_first_count_in_the_first_interval() -> None:
    packets = [*speech(2), Packet(-5000 * MS, 2, 320)]
    assert [interval.packets for interval in follow(packets).intervals] == [3]
