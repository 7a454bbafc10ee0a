"""What a flush books beside order and timing: payload types, DSCP, the newest second."""

import pytest

from sipscope.decode.sdp import Format
from sipscope.rtpqos.codecs import Coding
from sipscope.rtpqos.emodel import mean_opinion_score
from sipscope.rtpqos.figures import Now, StreamFigures
from sipscope.rtpqos.opinion import Unheard, listening_rating
from sipscope.rtpqos.streams import StreamTable
from tests.rtpqos.reference import FLOWS, MS, Packet, block_of, speech

PCMU = Coding("nb", 0, 25.1, True, True)
NOTHING = Unheard(expected=50, unheard=0, runs=0)
FORMATS = {101: Format("telephone-event", 8000)}


def follow(packets: list[Packet], *, cut: int = 1000) -> StreamFigures:
    """The figures of one stream, flushed every `cut` packets."""
    table = StreamTable()
    for start in range(0, len(packets), cut):
        for stream_id in table.add(block_of(packets[start : start + cut]), FLOWS):
            table.describe(stream_id, FORMATS)
        table.flush()
    return table.figures(1)


def test_the_codec_is_that_of_most_speech_packets() -> None:
    kinds = [0] * 3 + [101] * 9 + [8] * 4 + [13] * 5
    packets = [
        packet._replace(payload_type=kind) for packet, kind in zip(speech(21), kinds, strict=True)
    ]
    for cut in (1, 2, 5, 21):
        figures = follow(packets, cut=cut)
        assert figures.codec == "PCMA"
        assert figures.payload_types == (0, 101, 8, 13)


def test_an_event_is_the_codec_of_a_stream_of_events() -> None:
    assert follow(speech(5, payload_type=101)).codec == "telephone-event"


def test_the_dscp_is_that_of_the_newest_packet() -> None:
    assert follow([*speech(2), *speech(1, sequence=1002, dscp=0)]).dscp == 0


def test_now_is_the_newest_second_that_is_over() -> None:
    packets = speech(151)
    del packets[70:75]
    figures = follow(packets, cut=13)
    assert figures.now is not None
    assert figures.now[:4] == Now(seconds=1.14, packets=52, lost=5, jitter_ms=0.0)[:4]
    r = listening_rating(PCMU, Unheard(expected=57, unheard=5, runs=1))
    assert figures.now.r_factor == pytest.approx(r)
    assert figures.now.mos == pytest.approx(mean_opinion_score(r))


def test_now_recovers_when_the_call_does_and_the_mean_does_not() -> None:
    packets = speech(401)
    del packets[70:95]
    figures = follow(packets, cut=13)
    assert figures.now is not None
    assert figures.now.mos == pytest.approx(mean_opinion_score(listening_rating(PCMU, NOTHING)))
    assert figures.mos is not None
    assert figures.mos < 3.7


def test_what_was_not_heard_in_time_counts_now() -> None:
    packets = speech(120)
    packets[60:70] = [packet._replace(time=packet.time + 150 * MS) for packet in packets[60:70]]
    figures = follow(sorted(packets, key=lambda packet: packet.time), cut=200)
    assert figures.now is not None
    assert (figures.now.lost, figures.discarded) == (0, 10)
    r = listening_rating(PCMU, Unheard(expected=120, unheard=10, runs=1))
    assert figures.now.r_factor == pytest.approx(r)


def test_now_of_an_unknown_codec_has_no_mos() -> None:
    now = follow(speech(100, payload_type=120), cut=10).now
    assert now is not None
    assert (now.r_factor, now.mos) == (None, None)


def test_there_is_no_newest_second_before_it_is_over() -> None:
    assert follow(speech(50), cut=10).now is None
