"""Delta, jitter, skew and packet time from arrivals and timestamps."""

import pytest

from sipscope.decode.sdp import Format
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.streams import StreamTable
from tests.rtpqos.reference import FLOWS, MS, Packet, block_of

FORMATS = {101: Format("telephone-event", 8000), 111: Format("opus", 48000)}


def follow(*packets: tuple[float, int, int]) -> StreamFigures:
    """The figures of (ms, timestamp, payload type) with numbers in order."""
    table = StreamTable()
    block = block_of(
        [
            Packet(round(time * MS), number, timestamp, kind)
            for number, (time, timestamp, kind) in enumerate(packets)
        ]
    )
    for stream_id in table.add(block, FLOWS):
        table.describe(stream_id, FORMATS)
    table.flush()
    return table.figures(1)


def test_delta_is_the_time_between_packets() -> None:
    figures = follow((0, 0, 0), (20, 160, 0), (41, 320, 0), (59, 480, 0))
    assert figures.delta_min_ms == pytest.approx(18)
    assert figures.delta_mean_ms == pytest.approx(59 / 3)
    assert figures.delta_max_ms == figures.longest_gap_ms == pytest.approx(21)


def test_delta_is_negative_when_the_clock_of_the_capture_steps_back() -> None:
    assert follow((0, 0, 0), (20, 160, 0), (5, 320, 0)).delta_min_ms == -15


def test_jitter_is_that_of_rfc_3550() -> None:
    figures = follow((0, 0, 0), (24, 160, 0), (40, 320, 0))
    first = 4 / 16
    second = first + (4 - first) / 16
    assert figures.jitter_last_ms == pytest.approx(second, rel=1e-12)
    assert figures.jitter_max_ms == pytest.approx(second, rel=1e-12)
    assert figures.jitter_mean_ms == pytest.approx((first + second) / 2, rel=1e-12)


def test_the_timestamp_may_wrap() -> None:
    assert follow((0, 0xFFFFFF60, 0), (20, 0, 0)).jitter_last_ms == 0.0


def test_events_are_no_jitter_and_the_packet_after_them_starts_anew() -> None:
    figures = follow((0, 0, 0), (20, 160, 101), (40, 160, 101), (69, 480, 0), (89, 640, 0))
    assert figures.jitter_max_ms == 0.0
    assert figures.payload_types == (0, 101)
    assert figures.codec == "PCMU"


def test_comfort_noise_is_no_jitter() -> None:
    assert follow((0, 0, 0), (20, 160, 13), (205, 1600, 13), (220, 1760, 0)).jitter_max_ms is None


def test_a_payload_type_without_a_clock_has_no_jitter() -> None:
    figures = follow((0, 0, 120), (25, 160, 120))
    assert figures.jitter_last_ms is figures.skew_ms is figures.ptime_ms is None
    assert (figures.codec, figures.clock_rate) == (None, None)


def test_another_clock_rate_starts_anew() -> None:
    figures = follow((0, 0, 0), (20, 160, 0), (40, 320, 111), (60, 1280, 111))
    assert figures.jitter_max_ms == 0.0


def test_a_new_timestamp_base_is_no_jitter() -> None:
    figures = follow((0, 0, 0), (20, 160, 0), (40, 3_000_000_000, 0), (60, 3_000_000_160, 0))
    assert figures.jitter_max_ms == 0.0
    assert figures.skew_ms == 0.0


def test_skew_goes_on_over_events() -> None:
    figures = follow((0, 0, 0), (20, 160, 101), (50, 320, 0))
    assert figures.skew_ms == pytest.approx(-10)


def test_packet_time_is_the_median_of_the_steps() -> None:
    steps = [(0, 0, 0), (20, 160, 0), (40, 320, 0), (340, 2720, 0), (360, 2880, 0)]
    assert follow(*steps).ptime_ms == 20.0


def test_packet_time_of_2_5_ms() -> None:
    assert follow((0, 0, 111), (2.5, 120, 111), (5, 240, 111)).ptime_ms == 2.5


def test_packet_time_beyond_157_5_ms_is_not_known() -> None:
    assert follow((0, 0, 0), (155, 1240, 0)).ptime_ms == 155.0
    assert follow((0, 0, 0), (200, 1600, 0)).ptime_ms is None
