"""Runs, bursts and gaps of what was not heard."""

import pytest

from sipscope.rtpqos.bursts import GapBurst
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.streams import StreamTable
from tests.rtpqos.reference import FLOWS, MS, Packet, block_of

RFC_3611 = "11110111111111111111111X111X1011110111111111111111111X1111111111"


def follow(pattern: str, *, cut: int = 1000, ptime: int = 10) -> StreamFigures:
    """The figures of a stream by the signs of RFC 3611: 1 heard, 0 lost, X discarded."""
    packets = [
        Packet((index * ptime + 61 * (sign == "X")) * MS, index, index * ptime * 8)
        for index, sign in enumerate(pattern)
        if sign != "0"
    ]
    table = StreamTable()
    for start in range(0, len(packets), cut):
        part = packets[start : start + cut]
        for stream_id in table.add(block_of(part), FLOWS):
            table.describe(stream_id, {})
        table.flush()
    return table.figures(1)


@pytest.mark.parametrize("cut", [1, 5, 1000])
def test_the_example_of_rfc_3611(cut: int) -> None:
    figures = follow(RFC_3611, cut=cut)
    assert (256 * figures.lost // 64, 256 * figures.discarded // 64) == (12, 12)
    found = figures.gap_burst
    assert found == GapBurst(1, 12, 4, 52, 2)
    assert (found.burst_ms(10), found.gap_ms(10)) == (120, 520)
    # The RFC prints 84 and 10, of densities that it has rounded before.
    assert (int(256 * found.burst_density), int(256 * found.gap_density)) == (85, 9)


def test_sixteen_heard_in_a_row_end_a_burst() -> None:
    assert follow("1" + "0" + "1" * 15 + "0" + "1").gap_burst == GapBurst(1, 17, 2, 2, 0)
    assert follow("1" + "0" + "1" * 16 + "0" + "1").gap_burst == GapBurst(0, 0, 0, 20, 2)


def test_an_outage_is_a_burst() -> None:
    assert follow("1" * 20 + "0" * 150 + "1" * 200).gap_burst == GapBurst(1, 150, 150, 220, 0)


def test_without_loss_all_is_gap() -> None:
    found = follow("1" * 100).gap_burst
    assert found == GapBurst(0, 0, 0, 100, 0)
    assert (found.burst_density, found.gap_density, found.burst_ms(10)) == (0, 0, 0)
    assert found.gap_ms(10) == 1000


@pytest.mark.parametrize("cut", [1, 3, 1000])
def test_lost_and_discarded_neighbours_are_one_run(cut: int) -> None:
    assert follow("1" * 10 + "0X0" + "1" * 10, cut=cut).burst_ratio == pytest.approx(3 * 20 / 23)


@pytest.mark.parametrize("cut", [7, 64, 1000])
def test_a_burst_ratio_counts_all_runs_of_a_long_stream(cut: int) -> None:
    figures = follow("1" + ("00" + "1" * 98) * 20, cut=cut)
    assert figures.lost == 40
    assert figures.burst_ratio == pytest.approx(2 * (1 - 40 / 2001))
    assert figures.gap_burst == GapBurst(20, 40, 40, 1961, 0)


@pytest.mark.parametrize("cut", [1, 1000])
def test_a_packet_that_comes_late_in_time_mends_a_run(cut: int) -> None:
    packets = [Packet(n * 20 * MS, n, n * 160) for n in (0, 1, 5, 3, 6, 7)]
    packets[3] = packets[3]._replace(time=101 * MS)
    table = StreamTable()
    for start in range(0, len(packets), cut):
        for stream_id in table.add(block_of(packets[start : start + cut]), FLOWS):
            table.describe(stream_id, {})
        table.flush()
    figures = table.figures(1)
    assert (figures.lost, figures.discarded) == (2, 0)
    assert figures.burst_ratio == 1
    assert figures.gap_burst == GapBurst(1, 3, 2, 5, 0)
