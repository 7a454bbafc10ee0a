"""The E-model against what the Recommendations print, and against vectors of another program."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from sipscope.rtpqos.emodel import (
    SCALES,
    Band,
    Parameters,
    absolute_delay_impairment,
    band_rating,
    effective_impairment,
    good_or_better,
    in_range,
    mean_opinion_score,
    poor_or_worse,
    rating,
)

VECTORS = Path(__file__).parents[2].parent / "shared" / "emodel" / "emodel_vectors.csv"


def test_the_default_parameters_give_93_2() -> None:
    assert rating(Parameters()) == pytest.approx(93.2062077233, abs=1e-9)
    assert mean_opinion_score(rating(Parameters())) == pytest.approx(4.409, abs=0.0005)


@pytest.mark.parametrize(
    ("r", "mos", "good", "poor"),
    [
        (90, 4.34, 97, 0),
        (80, 4.03, 89, 0),
        (70, 3.60, 73, 6),
        (60, 3.10, 50, 17),
        (50, 2.58, 27, 38),
    ],
)
def test_annex_b_of_g107(r: float, mos: float, good: float, poor: float) -> None:
    # The Recommendation prints 4.03 for 4.024.
    assert mean_opinion_score(r) == pytest.approx(mos, abs=0.0065)
    assert good_or_better(r) == pytest.approx(good, abs=0.6)
    assert poor_or_worse(r) == pytest.approx(poor, abs=1.5)


def test_mos_is_between_1_and_4_5() -> None:
    assert [mean_opinion_score(r) for r in (-46, 0, 5, 6.5)] == [1, 1, 1, 1]
    assert [mean_opinion_score(r) for r in (100, 120)] == [4.5, 4.5]


@pytest.mark.parametrize(
    ("ie", "bpl", "points", "tolerance"),
    [
        (11, 19.0, {0.5: 13, 1: 15, 2: 19, 3: 23, 4: 26, 8: 36}, 0.7),
        (15, 16.1, {0.5: 17, 1: 19, 2: 24, 3: 27, 4: 32, 8: 41}, 1.1),
        (0, 25.1, {1: 5, 2: 7, 3: 10, 5: 15}, 1.5),
    ],
    ids=["G.729A with VAD", "G.723.1 with VAD", "G.711 with PLC"],
)
def test_the_impairments_that_g113_prints_for_random_loss(
    ie: float, bpl: float, points: dict[float, float], tolerance: float
) -> None:
    for loss, printed in points.items():
        assert effective_impairment(ie, bpl, loss, 1, 95) == pytest.approx(printed, abs=tolerance)


@pytest.mark.parametrize(("ie", "mos"), [(1, 4.4940), (8, 4.4206), (13, 4.3371), (41, 3.5123)])
def test_amr_wb_without_loss(ie: float, mos: float) -> None:
    assert mean_opinion_score(band_rating("wb", ie, 4.3), "wb") == pytest.approx(mos, abs=1e-4)


def test_wideband_with_loss() -> None:
    r = band_rating("wb", 20, 4.3, 2)
    assert r == pytest.approx(129 - 43.8095, abs=1e-4)
    assert mean_opinion_score(r, "wb") == pytest.approx(3.4062, abs=1e-4)
    assert band_rating("wb", 20, 4.3, 2, burst_ratio=5) == r


def test_delay_below_a_tenth_of_a_second_is_not_heard_as_such() -> None:
    assert absolute_delay_impairment(100) == 0
    assert absolute_delay_impairment(150) == pytest.approx(0.16, abs=0.05)
    assert absolute_delay_impairment(400) == pytest.approx(23.9, abs=1)


@pytest.mark.parametrize(
    ("delay", "r"),
    [(0, 93.21), (50, 91.76), (150, 89.54), (250, 79.18), (400, 62.25), (500, 54.80)],
)
def test_conversation_suffers_from_delay_and_its_echo(delay: float, r: float) -> None:
    assert band_rating("nb", 0, 25.1, delay_ms=delay) == pytest.approx(r, abs=0.005)


@pytest.mark.parametrize("band", get_args(Band))
def test_an_unknown_delay_costs_nothing(band: Band) -> None:
    assert band_rating(band, 0, 10) == SCALES[band].best == band_rating(band, 0, 10, delay_ms=0)
    assert band_rating(band, 0, 10, delay_ms=300) < SCALES[band].best - 10


def test_bursts_cost_more_than_random_loss() -> None:
    random, bursty = (band_rating("nb", 0, 25.1, 10, ratio) for ratio in (1, 4))
    assert (round(random, 2), round(bursty, 2)) == (66.14, 58.79)


def test_ratings_are_not_clamped() -> None:
    assert band_rating("nb", 0, 4.3, 10, 4) == pytest.approx(-46, abs=1)


def test_impairments_of_columns() -> None:
    column = np.array([0.0, 2.0])
    result = effective_impairment(column * 0, column * 0 + 4.3, column, column * 0 + 1, column + 95)
    assert result.tolist() == pytest.approx([0, 97 * 2 / 6.3])


def test_the_range_of_the_model() -> None:
    assert in_range(20, 8, 500)
    assert in_range(20, 8)
    assert not in_range(20.1, 1)
    assert not in_range(1, 8.1)
    assert not in_range(0, 1, 501)


def vectors() -> Iterator[dict[str, str]]:
    with VECTORS.open(newline="") as file:
        yield from csv.DictReader(file)


@pytest.mark.skipif(not VECTORS.is_file(), reason="the vectors are not there")
def test_every_vector() -> None:
    count = 0
    bands: dict[str, Band] = {"NB": "nb", "WB": "wb", "FB": "fb"}
    for vector in vectors():
        band = bands[vector["scale"]]
        ie, loss, burst_ratio = (float(vector[n]) for n in ("Ie", "loss_pct", "BurstR"))
        bpl, delay = float(vector["Bpl"] or 1), float(vector["delay_ms"])
        for kind, delay_ms in (("LQ", None), ("CQ", delay)):
            r = band_rating(band, ie, bpl, loss, burst_ratio, delay_ms)
            mos = mean_opinion_score(r, band)
            assert r == pytest.approx(float(vector[f"R_{kind}"]), abs=0.01), vector
            assert mos == pytest.approx(float(vector[f"MOS_{kind}"]), abs=0.01), vector
        count += 1
    assert count == 6972
