"""From counts to R, MOS, grade and causes."""

import numpy as np
import pytest

from sipscope.decode.sdp import Format
from sipscope.rtpqos.codecs import G711_WITHOUT_CONCEALMENT, Coding, coding_of
from sipscope.rtpqos.opinion import (
    Unheard,
    listening_rating,
    listening_ratings,
    opinion,
)

NONE = Unheard(1000, 0, 0)


def coding(name: str, clock_rate: int = 8000) -> Coding:
    found = coding_of(Format(name, clock_rate))
    assert found is not None
    return found


def test_a_clean_g711_stream() -> None:
    r, mos, band, grade, causes = opinion(coding("PCMA"), NONE, NONE)
    assert (round(r, 4), round(mos, 4)) == (93.2062, 4.4094)
    assert (band, grade, causes) == ("nb", "published", ())


def test_the_burst_ratio_is_that_of_g107() -> None:
    assert Unheard(1000, 100, 100).burst_ratio == 1
    assert Unheard(1000, 100, 20).burst_ratio == pytest.approx(5 * 0.9)
    assert Unheard(1000, 5, 0).burst_ratio == pytest.approx(5 * 0.995)
    assert Unheard(1000, 0, 0).burst_ratio == Unheard(10, 10, 1).burst_ratio == 1


def test_what_is_taken_back_twice_is_no_loss() -> None:
    assert (Unheard(10, -1, 0).percent, Unheard(0, 3, 1).percent) == (0, 0)
    assert Unheard(10, 11, 1).percent == 100


@pytest.mark.parametrize(
    ("codec", "unheard", "grade"),
    [
        (coding("PCMU"), Unheard(1000, 20, 20), "published"),
        (coding("G726-32"), NONE, "published"),
        (coding("G726-32"), Unheard(1000, 20, 20), "estimate"),
        (coding("G722"), NONE, "estimate"),
        (coding("PCMU"), Unheard(1000, 201, 201), "out-of-range"),
        (coding("PCMU"), Unheard(1000, 20, 2), "out-of-range"),
        (coding("G722"), Unheard(1000, 20, 2), "estimate"),
    ],
)
def test_grades(codec: Coding, unheard: Unheard, grade: str) -> None:
    assert opinion(codec, unheard, unheard).grade == grade


def test_causes_stand_by_what_they_cost() -> None:
    lost, unheard = Unheard(1000, 50, 15), Unheard(1000, 150, 115)
    assert opinion(coding("PCMU"), lost, unheard).causes == ("discard", "loss", "burst loss")
    assert opinion(coding("G729"), Unheard(1000, 5, 5), Unheard(1000, 5, 5)).causes == (
        "codec",
        "loss",
    )
    assert opinion(coding("GSM"), lost, unheard).causes == ("loss", "codec", "discard")
    assert opinion(coding("PCMU"), Unheard(1000, 2, 2), Unheard(1000, 2, 2)).causes == ()


def test_a_codec_better_than_g711_is_no_cause() -> None:
    assert opinion(coding("G722"), NONE, NONE).causes == ()
    assert opinion(coding("opus", 48000), NONE, NONE).causes == ()


def test_a_rating_is_never_below_0() -> None:
    told = opinion(G711_WITHOUT_CONCEALMENT, Unheard(100, 50, 1), Unheard(100, 50, 1))
    assert (told.r, told.mos, told.grade) == (0, 1, "out-of-range")


def test_ratings_of_columns_are_those_of_single_streams() -> None:
    codings = [coding("PCMU"), coding("G722"), coding("opus", 48000), coding("G729")]
    parts = [(500, 25, 3), (500, 25, 3), (500, 100, 0), (200, -1, -1)]
    expected, unheard, runs = np.array(parts).T
    assert listening_ratings(codings, expected, unheard, runs).tolist() == pytest.approx(
        [listening_rating(c, Unheard(*part)) for c, part in zip(codings, parts, strict=True)]
    )
