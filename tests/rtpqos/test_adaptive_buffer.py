"""The adaptive jitter buffer, against the results of another program and packet by packet."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipscope.rtpqos.adaptive_buffer import follow_adaptive_buffer
from sipscope.rtpqos.columns import Columns
from tests.rtpqos.jitter_buffer_reference import AdaptiveBuffer
from tests.rtpqos.reference import speech
from tests.rtpqos.test_figures import case_stream
from tests.rtpqos.test_jitter_buffer import (
    case_packets,
    delayed,
    follow,
    needs_vectors,
    runs,
    vectors,
)

STREAMS = 3


@needs_vectors
@pytest.mark.parametrize(("name", "case"), vectors().items())
def test_the_definition(name: str, case: dict[str, Any]) -> None:
    packets = case_packets(name)
    buffer = AdaptiveBuffer()
    heard = {packet[0] for packet in packets if buffer.take(-packet[3])}
    assert len(packets) - len(heard) == case["adaptive"]["discarded"]
    assert runs(packets, heard) == case["adaptive"]["runs"]
    mean = sum(buffer.delays) / len(buffer.delays)
    assert mean == pytest.approx(case["adaptive"]["jb_delay_ms"], abs=0.001)


@needs_vectors
@pytest.mark.parametrize(("name", "case"), vectors().items())
def test_the_figures_of_the_reference_cases(name: str, case: dict[str, Any]) -> None:
    found, expected = case_stream(name).adaptive, case["adaptive"]
    assert found is not None
    assert found.discarded == expected["discarded"]
    if name != "c48_everything":  # The discarded packet before the first one is in no run.
        assert found.burst_ratio == pytest.approx(expected["burst_r"], abs=5e-5)
        assert found.r_factor == pytest.approx(max(expected["R_LQ"], 0), abs=5e-4)
        assert found.mos == pytest.approx(expected["MOS_LQ"], abs=5e-5)
    if name != "c18_dtx_cn13":  # The reference plays comfort noise, too.
        assert found.delay_mean_ms == pytest.approx(expected["jb_delay_ms"], abs=0.001)


def transits(rng: np.random.Generator, count: int) -> list[float]:
    """Steady, with jitter, or with jumps of the delay; equal values, too."""
    kind = rng.integers(4)
    base = 1e6 + np.cumsum(rng.normal(0, 0.3, count)) * (kind == 2)
    base += rng.choice([0.0, 0.0, 80.0, 300.0], count // 300 + 1).repeat(300)[:count] * (kind > 0)
    noise = rng.exponential(rng.choice([0.5, 2, 30]), count) * (kind < 3)
    values: list[float] = np.round(base + noise, 3).tolist()
    return values


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_columns_equal_one_packet_at_a_time(seed: int) -> None:
    rng = np.random.default_rng(seed)
    anew = float(rng.choice([0, 0, 0.002, 0.05]))
    sent = [transits(rng, int(rng.choice([1, 90, 600, 2000]))) for _ in range(STREAMS)]
    starts = [[i == 0 or rng.random() < anew for i in range(len(one))] for one in sent]
    references = [AdaptiveBuffer() for _ in sent]
    heard = [
        [reference.take(value, anew=start) for value, start in zip(one, begins, strict=True)]
        for reference, one, begins in zip(references, sent, starts, strict=True)
    ]
    columns = Columns()
    rows = columns.take(STREAMS)
    done = [0] * STREAMS
    while any(done[i] < len(sent[i]) for i in range(STREAMS)):
        here = [i for i in range(STREAMS) if done[i] < len(sent[i]) and rng.random() < 0.8]
        taken = [slice(done[i], done[i] + int(rng.choice([1, 7, 120, 1100]))) for i in here]
        if not here:
            continue
        values = [sent[i][part] for i, part in zip(here, taken, strict=True)]
        bad = follow_adaptive_buffer(
            columns,
            rows[here],
            np.cumsum([0, *map(len, values)])[:-1],
            np.concatenate(values),
            np.concatenate([starts[i][part] for i, part in zip(here, taken, strict=True)]),
        )
        expected = np.concatenate([heard[i][part] for i, part in zip(here, taken, strict=True)])
        assert bad.tolist() == np.flatnonzero(~expected).tolist()
        for i, part in zip(here, taken, strict=True):
            done[i] = min(part.stop, len(sent[i]))
    for row, reference in zip(rows.tolist(), references, strict=True):
        state = columns.adaptive[row]
        assert state["judged"] == len(reference.delays)
        assert state["delay_max"] == max(reference.delays)
        assert state["delay_sum"] == pytest.approx(sum(reference.delays), rel=1e-12)


def test_in_a_steady_stream_the_delay_is_the_least() -> None:
    found = follow(*speech(2000)).adaptive
    assert found is not None
    assert (found.discarded, found.delay_max_ms) == (0, 40.0)
    assert found.delay_mean_ms == pytest.approx((40 + 1999 * 20) / 2000)


@pytest.mark.parametrize("cut", [1, 13, 1000])
def test_it_follows_the_delay_where_the_fixed_one_starts_anew(cut: int) -> None:
    figures = follow(*delayed(speech(1000), 200, 800, 100), cut=cut)
    assert figures.adaptive is not None
    # 50 for the one; for the other until 6 of the last 100 are late.
    assert (figures.discarded, figures.adaptive.discarded) == (50, 6)
    assert figures.adaptive.delay_max_ms == pytest.approx(110)
    assert figures.adaptive.mos is not None
    assert figures.mos is not None
    assert figures.adaptive.mos > figures.mos


def test_it_forgets_the_least_delay_after_500_packets() -> None:
    figures = follow(*delayed(speech(1000), 300, 700, 100))
    assert figures.adaptive is not None
    assert figures.adaptive.delay_mean_ms == pytest.approx(
        (40 + 20 * 305 + 110 * 494 + 20 * 200) / 1000
    )


def test_a_new_timestamp_base_starts_it_anew() -> None:
    packets = [p._replace(timestamp=p.timestamp + 90_000_000) for p in speech(120)[60:]]
    found = follow(*speech(60), *packets).adaptive
    assert found is not None
    assert found.delay_mean_ms == pytest.approx((2 * 40 + 118 * 20) / 120)


def test_what_has_no_clock_is_not_played() -> None:
    assert follow(*speech(50, payload_type=111)).adaptive is None


def test_a_stream_that_takes_the_place_of_another_begins_anew() -> None:
    columns = Columns()
    (row,) = rows = columns.take(1)
    first, anew = np.zeros(1, np.int64), np.ones(1, np.bool_)
    follow_adaptive_buffer(columns, rows, first, np.array([5.0]), anew)
    columns.give_back(int(row))
    again = columns.take(1)
    assert again.tolist() == rows.tolist()
    bad = follow_adaptive_buffer(
        columns, again, first, np.array([500.0, 540.0, 549.0]), np.array([True, False, False])
    )
    assert bad.tolist() == [1]
    assert columns.adaptive["judged"][row] == 3
