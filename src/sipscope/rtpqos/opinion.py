"""How a stream sounds: R, MOS, how sure that is, and what it costs most."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.rtpqos.codecs import Coding
from sipscope.rtpqos.emodel import (
    SCALES,
    Band,
    band_rating,
    effective_impairment,
    in_range,
    mean_opinion_score,
)

Grade = Literal["published", "estimate", "out-of-range"]

NAMED_FROM: Final = 1.0
"""So much R a cause must cost to be named."""
MOST_CAUSES: Final = 3


class Unheard(NamedTuple):
    """What was not heard of a stream or a part of it.

    Attributes:
        expected: Packets that were to be heard.
        unheard: Those lost or discarded.
        runs: In how many runs, not counting those begun before.
    """

    expected: int
    unheard: int
    runs: int

    @property
    def percent(self) -> float:
        """The share that was not heard."""
        return 100 * min(max(self.unheard / self.expected, 0), 1) if self.expected > 0 else 0.0

    @property
    def burst_ratio(self) -> float:
        """BurstR of G.107: mean length of the runs over that of random loss, at least 1."""
        if not 0 < self.unheard < self.expected:
            return 1.0
        return max(self.unheard / max(self.runs, 1) * (1 - self.unheard / self.expected), 1.0)


class Opinion(NamedTuple):
    """The listening quality of a stream.

    Attributes:
        r: The rating, at least 0; on one scale for all bands.
        mos: Of 1 to 4.5, on the scale of `band`.
        band: `nb`, `wb` or `fb`.
        grade: `out-of-range` beyond what the E-model is valid for.
        causes: What costs most, the worst first: `loss`, `burst loss`, `discard`, `codec`.
    """

    r: float
    mos: float
    band: Band
    grade: Grade
    causes: tuple[str, ...]


def opinion(coding: Coding, lost: Unheard, unheard: Unheard) -> Opinion:
    """Return the opinion on a stream.

    Args:
        coding: Its codec.
        lost: What the network lost alone.
        unheard: What was lost or discarded.
    """
    r = listening_rating(coding, unheard)
    ratio = unheard.burst_ratio if SCALES[coding.band].bursts else 1.0
    grade: Grade = "estimate"
    if not in_range(unheard.percent, ratio):
        grade = "out-of-range"
    elif coding.published and (coding.loss_published or not unheard.unheard):
        grade = "published"
    return Opinion(
        r, mean_opinion_score(r, coding.band), coding.band, grade, _causes(coding, lost, unheard)
    )


def listening_rating(coding: Coding, unheard: Unheard) -> float:
    """Return R without delay, at least 0: beyond its range the model goes below."""
    r = band_rating(coding.band, coding.ie, coding.bpl, unheard.percent, unheard.burst_ratio)
    return max(r, 0.0)


def listening_ratings(
    codings: Sequence[Coding],
    expected: NDArray[np.int64],
    unheard: NDArray[np.int64],
    runs: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return `listening_rating` of many parts of streams, where packets were expected."""
    scales = [SCALES[coding.band] for coding in codings]
    share = np.clip(unheard / expected, 0, 1)
    ratio = np.maximum(unheard / np.maximum(runs, 1) * (1 - share), 1)
    ratio[~np.array([scale.bursts for scale in scales], np.bool_)] = 1
    impairment = effective_impairment(
        np.array([coding.ie for coding in codings], np.float64),
        np.array([coding.bpl for coding in codings], np.float64),
        100 * share,
        ratio,
        np.array([scale.worst_impairment for scale in scales], np.float64),
    )
    best = np.array([scale.best for scale in scales])
    return np.maximum(best - impairment, 0)


def _causes(coding: Coding, lost: Unheard, unheard: Unheard) -> tuple[str, ...]:
    """Return what costs most R: each cause is what it adds to those before it.

    The codec costs what it is worse than G.711, which R tells across bands.
    """
    unimpaired = SCALES[coding.band].best - coding.ie
    scattered = band_rating(coding.band, coding.ie, coding.bpl, lost.percent)
    bursty = band_rating(coding.band, coding.ie, coding.bpl, lost.percent, lost.burst_ratio)
    heard = band_rating(coding.band, coding.ie, coding.bpl, unheard.percent, unheard.burst_ratio)
    costs = {
        "codec": SCALES["nb"].best - unimpaired,
        "loss": unimpaired - scattered,
        "burst loss": scattered - bursty,
        "discard": bursty - heard,
    }
    dearest = sorted(costs, key=costs.__getitem__, reverse=True)[:MOST_CAUSES]
    return tuple(name for name in dearest if costs[name] >= NAMED_FROM)
