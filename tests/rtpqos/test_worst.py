"""The worst ten seconds."""

import pytest

from sipscope.decode.sdp import Format
from sipscope.rtpqos.codecs import coding_of
from sipscope.rtpqos.emodel import mean_opinion_score
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.opinion import Unheard, listening_rating
from sipscope.rtpqos.streams import StreamTable
from tests.rtpqos.reference import FLOWS, Packet, block_of, speech


def follow(packets: list[Packet], cut: int = 100_000, interval_s: float = 10.0) -> StreamFigures:
    table = StreamTable(interval_s=interval_s)
    for start in range(0, len(packets), cut):
        for stream_id in table.add(block_of(packets[start : start + cut]), FLOWS):
            table.describe(stream_id, {})
        table.flush()
    return table.figures(1)


def mos(expected: int, unheard: int, runs: int) -> object:
    coding = coding_of(Format("PCMU", 8000))
    assert coding is not None
    r = listening_rating(coding, Unheard(expected, unheard, runs))
    return pytest.approx(mean_opinion_score(r), rel=1e-9)


def without(packets: list[Packet], *ranges: range) -> list[Packet]:
    lost = {1000 + number for numbers in ranges for number in numbers}
    return [packet for packet in packets if packet.sequence not in lost]


@pytest.mark.parametrize("cut", [37, 333, 100_000])
def test_it_is_the_worst_of_all_tens_of_seconds(cut: int) -> None:
    packets = without(speech(5000), range(600, 610), range(2100, 2140), range(4000, 4020))
    figures = follow(packets, cut)
    assert figures.mos_min == mos(500, 40, 1)
    assert figures.mos is not None
    assert figures.mos > 4


@pytest.mark.parametrize("cut", [37, 333, 100_000])
@pytest.mark.parametrize(
    ("interval_s", "expected"), [(5, 250), (20, 1000), (1.5, 75), (60, 3000), (1000, 5000)]
)
def test_its_length_can_be_set(cut: int, interval_s: float, expected: int) -> None:
    packets = without(speech(5000), range(2210, 2230))
    assert follow(packets, cut, interval_s).mos_min == mos(expected, 20, 1)


def test_of_a_short_stream_it_is_all() -> None:
    figures = follow(without(speech(100), range(20, 23)))
    assert figures.mos_min == figures.mos == mos(100, 3, 1)


def test_the_newest_ten_seconds_count_from_their_half_on() -> None:
    assert follow(without(speech(700), range(510, 520))).mos_min == mos(500, 0, 0)
    assert follow(without(speech(760), range(510, 520))).mos_min == mos(260, 10, 1)


def test_a_worst_part_of_long_ago_is_still_the_worst() -> None:
    packets = without(speech(20_000), range(600, 640))
    figures = follow(packets, 1000)
    assert figures.mos_min == mos(500, 40, 1)
    assert {interval.seconds for interval in figures.intervals} == {4.0}
    assert min(interval.mos or 5 for interval in figures.intervals) == mos(200, 40, 1)


def test_a_codec_that_becomes_known_later_has_a_worst_from_then_on() -> None:
    packets = without(speech(4000, payload_type=111), range(600, 640), range(3600, 3610))
    table = StreamTable()
    table.add(block_of(packets[:3000]), FLOWS)
    table.flush()
    table.describe(1, {111: Format("PCMU", 8000)})
    assert table.figures(1).mos_min == mos(500, 0, 0)
    table.add(block_of(packets[3000:]), FLOWS)
    table.flush()
    assert table.figures(1).mos_min == mos(500, 10, 1)


def test_an_unknown_codec_has_none() -> None:
    figures = follow(speech(2000, payload_type=111))
    assert figures.mos_min is None
    assert all(interval.mos is None for interval in figures.intervals)
