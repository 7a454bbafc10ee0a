"""What Wireshark 4.0 shows: against its own figures, and its peculiarities one by one."""

from typing import Any

import pytest

from sipscope.decode.sdp import Format
from sipscope.rtpqos.streams import StreamTable
from sipscope.rtpqos.wireshark import WiresharkFigures
from tests.rtpqos.reference import FLOWS, MS, Packet, block_of, speech
from tests.rtpqos.test_figures import case_stream, expected_streams, needs_cases

FORMATS = {101: Format("telephone-event", 8000), 111: Format("opus", 48000)}
NAMES = {
    "expected": "expected",
    "lost": "lost",
    "lost_pct": "loss_percent",
    "seq_err": "sequence_errors",
    "min_delta": "delta_min_ms",
    "mean_delta": "delta_mean_ms",
    "max_delta": "delta_max_ms",
    "min_jitter": "jitter_min_ms",
    "mean_jitter": "jitter_mean_ms",
    "max_jitter": "jitter_max_ms",
    "max_skew": "max_skew_ms",
    "clock_drift_ms": "drift_ms",
    "freq_drift_pct": "drift_percent",
    "problem": "problem",
}


def line(packets: list[Packet]) -> WiresharkFigures:
    table = StreamTable()
    for stream_id in table.add(block_of(packets), FLOWS):
        table.describe(stream_id, FORMATS)
    table.flush()
    shown = table.figures(1).wireshark
    assert shown is not None
    return shown


@needs_cases
@pytest.mark.parametrize(("name", "expected"), expected_streams())
def test_wireshark_4_0_to_the_digit(name: str, expected: dict[str, Any]) -> None:
    shown = case_stream(name, expected["ssrc"], expected["dst"]).wireshark
    assert shown is not None
    model = expected["wireshark_4_0"]
    # The expected values are rounded to six decimals.
    assert {key: getattr(shown, mine) for key, mine in NAMES.items()} == {
        key: pytest.approx(model[key], abs=2e-6) for key in NAMES
    }
    printed = expected["tshark_4_0_17"]
    assert f"{shown.delta_mean_ms:.3f}" == printed["mean_delta"]
    assert f"{shown.jitter_mean_ms:.3f}" == printed["mean_jitter"]
    assert f"{shown.loss_percent:.1f}" == printed["lost_pct"]
    assert shown.problem == printed["problem"]


def test_a_clean_stream() -> None:
    shown = line(speech(101))
    assert (shown.expected, shown.lost, shown.loss_percent) == (101, 0, 0.0)
    assert (shown.sequence_errors, shown.problem) == (0, False)
    deltas = (shown.delta_min_ms, shown.delta_mean_ms, shown.delta_max_ms)
    assert deltas == pytest.approx((20, 20, 20))
    assert (shown.jitter_min_ms, shown.jitter_mean_ms, shown.jitter_max_ms) == (0, 0, 0)
    drifts = (shown.max_skew_ms, shown.drift_ms, shown.drift_percent)
    assert drifts == pytest.approx((0, 0, 0), abs=1e-9)


def test_duplicates_hide_losses() -> None:
    packets = speech(30)
    packets[10] = packets[9]
    shown = line(packets)
    assert (shown.lost, shown.sequence_errors, shown.problem) == (0, 2, True)


def test_two_numbers_swapped_over_the_wrap_count_as_two_wraps() -> None:
    packets = [
        packet._replace(sequence=packet.sequence & 0xFFFF) for packet in speech(30, sequence=65530)
    ]
    assert line(packets).lost == 0
    packets[5], packets[6] = packets[6], packets[5]
    assert line(packets).lost == 65536


def test_packets_with_a_marker_count_as_equal_to_the_mean() -> None:
    packets = [Packet(0, 0, 0), Packet(10 * MS, 1, 80), Packet(40 * MS, 2, 320, marker=True)]
    assert line(packets).delta_mean_ms == 10.0
    packets.append(Packet(80 * MS, 3, 640))
    shown = line(packets)
    assert shown.delta_mean_ms == pytest.approx((10 + 10 + 40) / 3)
    assert shown.delta_max_ms == 40.0


def test_no_regular_packet_at_all() -> None:
    shown = line([packet._replace(marker=True) for packet in speech(9)])
    assert (shown.delta_min_ms, shown.delta_mean_ms, shown.delta_max_ms) == (-1, 0, 0)
    assert (shown.jitter_min_ms, shown.jitter_mean_ms, shown.jitter_max_ms) == (-1, 0, 0)


def test_clock_rates_are_whole_kilohertz() -> None:
    packets = [Packet(index * 10 * MS, index, index * 441, 11) for index in range(11)]
    assert line(packets).max_skew_ms == pytest.approx(4410 / 44 - 100)
