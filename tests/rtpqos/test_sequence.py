"""Loss, duplicates, reordering and restarts from sequence numbers alone."""

import pytest

from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.streams import StreamTable
from tests.rtpqos.reference import FLOWS, MS, Packet, block_of


def follow(*numbers: int) -> StreamFigures:
    """The figures of one stream with these sequence numbers, as they arrive."""
    table = StreamTable()
    packets = [Packet(index * 20 * MS, number, 0) for index, number in enumerate(numbers)]
    for stream_id in table.add(block_of(packets), FLOWS):
        table.describe(stream_id, {})
    table.flush()
    return table.figures(1)


def counts(figures: StreamFigures) -> tuple[int, int, int, int, int, int]:
    """Expected, lost, duplicates, out of order, strays, restarts."""
    return (
        figures.expected,
        figures.lost,
        figures.duplicates,
        figures.out_of_order,
        figures.strays,
        figures.restarts,
    )


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((1, 2, 3), (3, 0, 0, 0, 0, 0)),
        ((1, 2, 5), (5, 2, 0, 0, 0, 0)),
        ((1, 2, 2, 3), (3, 0, 1, 0, 0, 0)),
        ((1, 3, 2, 4), (4, 0, 0, 1, 0, 0)),
        ((1, 3, 2, 2, 4), (4, 0, 1, 1, 0, 0)),
        ((1, 5, 3, 6), (6, 2, 0, 1, 0, 0)),
        ((65534, 65535, 0, 1), (4, 0, 0, 0, 0, 0)),
        ((65534, 2), (5, 3, 0, 0, 0, 0)),
        ((65534, 0, 65535, 1), (4, 0, 0, 1, 0, 0)),
        ((8, 7, 9), (3, 0, 0, 1, 0, 0)),
        ((8, 5, 9), (3, 0, 0, 1, 0, 0)),
        ((8, 5, 5, 9), (3, 0, 1, 1, 0, 0)),
        ((0, 65535, 1), (3, 0, 0, 1, 0, 0)),
    ],
    ids=[
        "in order",
        "gap",
        "duplicate",
        "late",
        "late twice",
        "late within a gap",
        "wrap",
        "loss over the wrap",
        "late over the wrap",
        "first packet early",
        "numbers before the first are not lost",
        "number before the first twice",
        "number before the first over the wrap",
    ],
)
def test_counts(numbers: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert counts(follow(*numbers)) == expected


def test_the_longest_gap_that_is_loss() -> None:
    assert counts(follow(1, 3000)) == (3000, 2998, 0, 0, 0, 0)
    assert counts(follow(1, 3001, 2)) == (2, 0, 0, 0, 1, 0)


@pytest.mark.parametrize("begin", [20_000, 100, 29_800])
def test_two_numbers_in_a_row_far_off_are_a_restart(begin: int) -> None:
    figures = follow(30_000, 30_001, begin, begin + 1, begin + 3)
    assert counts(figures) == (6, 1, 0, 0, 0, 1)


def test_numbers_before_a_restart_are_not_lost() -> None:
    assert counts(follow(1, 2, 20_000, 20_001, 19_998)) == (5, 0, 0, 1, 0, 1)


def test_one_number_far_off_is_a_stray() -> None:
    assert counts(follow(1, 2, 20_000, 3, 20_001, 4)) == (4, 0, 0, 0, 2, 0)


def test_an_old_duplicate_is_a_stray() -> None:
    assert counts(follow(*range(200), 50, 200)) == (201, 0, 0, 0, 1, 0)
    assert counts(follow(*range(200), 101, 200)) == (201, 0, 1, 0, 0, 0)


def test_a_missing_number_may_come_up_to_a_thousand_later() -> None:
    assert counts(follow(0, *range(2, 1001), 1)) == (1001, 0, 0, 1, 0, 0)
    assert counts(follow(0, *range(2, 1002), 1)) == (1002, 1, 0, 0, 1, 0)


def test_bursts_are_counted_by_length() -> None:
    assert follow(1, 3, 5, 8, 10).loss_bursts == ((1, 3), (2, 1))


def test_a_late_packet_divides_a_burst() -> None:
    assert follow(1, 7, 4).loss_bursts == ((2, 2),)
    assert follow(1, 7, 2).loss_bursts == ((4, 1),)
    assert follow(1, 3, 2).loss_bursts == ()


def test_long_bursts_are_shown_by_their_mean_length() -> None:
    assert follow(0, 25, 51).loss_bursts == ((24, 1), (25, 1))
    assert follow(0, 101, 222).loss_bursts == ((110, 2),)
    assert follow(0, 2999).loss_bursts == ((2998, 1),)


def test_only_the_newest_gaps_are_remembered() -> None:
    gaps = list(range(0, 80, 2))
    assert counts(follow(*gaps, 13, 15)) == (79, 38, 1, 1, 0, 0)
