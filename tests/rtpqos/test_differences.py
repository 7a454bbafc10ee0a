"""Why Wireshark's figures differ: said where they do, with the right numbers, and only there."""

import re

import pytest
from hypothesis import HealthCheck, given, settings

from sipscope.rtpqos.differences import LEAST_MS, LEAST_PPM, differences
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.streams import StreamTable
from tests.rtpqos.reference import FLOWS, MS, Packet, block_of, speech
from tests.rtpqos.test_figures import case_stream, case_streams, expected_streams, needs_cases
from tests.rtpqos.test_streams import FORMATS, traffic


def follow(packets: list[Packet]) -> StreamFigures:
    table = StreamTable()
    for stream_id in table.add(block_of(packets), FLOWS):
        table.describe(stream_id, FORMATS)
    table.flush()
    return table.figures(1)


def told_loss(figures: StreamFigures) -> int:
    """The sum of what the sentences say about the loss."""
    found = re.findall(r"its loss ([0-9,]+) (higher|lower)", " ".join(differences(figures)))
    return sum(int(n.replace(",", "")) * (1 if sign == "higher" else -1) for n, sign in found)


def times_differ(figures: StreamFigures) -> bool:
    shown = figures.wireshark
    assert shown is not None
    pairs = (
        (figures.delta_min_ms, shown.delta_min_ms),
        (figures.delta_mean_ms, shown.delta_mean_ms),
        (figures.delta_max_ms, shown.delta_max_ms),
        (figures.jitter_mean_ms, shown.jitter_mean_ms),
        (figures.jitter_max_ms, shown.jitter_max_ms),
        (figures.skew_ms, shown.max_skew_ms),
    )
    drift = figures.drift_ppm
    return any(one is not None and abs(one - other) > LEAST_MS for one, other in pairs) or (
        drift is not None and abs(drift - shown.drift_percent * 1e4) > LEAST_PPM
    )


def assert_explained(figures: StreamFigures) -> None:
    shown = figures.wireshark
    assert shown is not None
    more = (shown.lost - figures.lost + (1 << 31)) % (1 << 32) - (1 << 31)
    assert told_loss(figures) == more
    of_times = [text for text in differences(figures) if "its loss" not in text]
    assert bool(of_times) == (times_differ(figures) or figures.clock_rate is None)


@needs_cases
@pytest.mark.parametrize("name", sorted({str(case.values[0]) for case in expected_streams()}))
def test_the_reasons_of_the_reference_cases(name: str) -> None:
    for figures in case_streams(name):
        assert_explained(figures)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(packets=traffic())
def test_whatever_happens_to_a_stream_the_losses_told_make_up_the_difference(
    packets: list[Packet],
) -> None:
    figures = follow([packet._replace(flow=0, ssrc=1) for packet in packets])
    shown = figures.wireshark
    assert shown is not None
    more = (shown.lost - figures.lost + (1 << 31)) % (1 << 32) - (1 << 31)
    assert told_loss(figures) == more


@needs_cases
@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("c01_pcmu_clean", ()),
        ("c04_loss_random", ()),
        ("c10_seq_wrap", ()),
        ("c13_ts_wrap", ()),
        (
            "c09_dup_hides_loss",
            (
                "Wireshark takes 10 duplicates for packets of their own, "
                "which makes its loss 10 lower.",
            ),
        ),
        (
            "c12_seq_wrap_reorder",
            (
                "Wireshark counts 1 wrap of the sequence numbers too many, as packets came out "
                "of order, which makes its loss 65,536 higher.",
            ),
        ),
        (
            "c14_first_packet_late",
            (
                "Wireshark counts from the packet that came first to the one that came last, not "
                "from the lowest number to the highest, which makes its loss 1 lower.",
                "Wireshark passes over packets with a timestamp before that of the first one.",
            ),
        ),
        (
            "c18_dtx_cn13",
            (
                "Wireshark leaves comfort noise and the packet after it out of delta and jitter.",
                "Wireshark leaves 4 packets with the marker bit out of delta and jitter.",
            ),
        ),
        (
            "c21_telephone_event",
            (
                "With Wireshark, packets that are no speech (telephone-event) change jitter and "
                "drift of the speech after them.",
                "Wireshark leaves 8 packets with the marker bit out of delta and jitter.",
            ),
        ),
        (
            "c23_clock_change",
            (
                "The timestamps started anew, or their clock changed, once; Wireshark compares "
                "those after with those before.",
                "Wireshark leaves 1 packet with the marker bit out of delta and jitter.",
            ),
        ),
        (
            "c28_l16_44100",
            (
                "Wireshark rounds the clock rate down, 44,100 Hz to 44 kHz, which changes jitter, "
                "skew and drift.",
            ),
        ),
        (
            "c29_unknown_pt",
            ("Wireshark shows 0 for jitter, skew and drift where the clock rate is not known.",),
        ),
        (
            "c33_seq_restart",
            (
                "The sender numbered anew once; Wireshark counts across that, which makes its "
                "loss 35,536 higher.",
            ),
        ),
    ],
)
def test_what_is_said(name: str, reasons: tuple[str, ...]) -> None:
    assert differences(case_stream(name)) == reasons


def test_packets_out_of_all_order_are_told() -> None:
    packets = speech(20)
    packets.insert(10, Packet(packets[9].time + MS, 40_000, packets[9].timestamp))
    (text,) = [text for text in differences(follow(packets)) if "order" in text]
    assert text == (
        "Wireshark takes 1 packet out of all order for packets of the stream, "
        "which makes its loss 1 lower."
    )


def test_without_wireshark_there_is_nothing_to_say() -> None:
    table = StreamTable(every_figure=False)
    table.add(block_of([*speech(10), *speech(10)]), FLOWS)
    table.flush()
    assert differences(table.figures(1)) == ()
