"""What a flush books beside order and timing: payload types, DSCP, the newest second."""

from sipscope.decode.sdp import Format
from sipscope.rtpqos.figures import Now, StreamFigures
from sipscope.rtpqos.streams import StreamTable
from tests.rtpqos.reference import FLOWS, Packet, block_of, speech

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
    assert figures.now == Now(seconds=1.14, packets=52, lost=5, jitter_ms=0.0)


def test_there_is_no_newest_second_before_it_is_over() -> None:
    assert follow(speech(50), cut=10).now is None
