"""The running average equals the recurrence."""

import numpy as np
import pytest

from sipscope.rtpqos.smoothing import decayed_sums


def recurrence(values: list[float], first: list[int], decay: float) -> list[float]:
    result: list[float] = []
    for index, value in enumerate(values):
        before = 0.0 if index in first else result[-1]
        result.append(decay * before + value)
    return result


@pytest.mark.parametrize(
    "sizes",
    [[1], [31], [32], [33], [1, 1, 1], [5000], [3, 64, 1, 1025, 32, 2], [33] * 40],
    ids=str,
)
def test_segments_of_any_length(sizes: list[int]) -> None:
    rng = np.random.default_rng(1)
    values = rng.random(sum(sizes))
    first = np.cumsum([0, *sizes[:-1]])
    expected = recurrence(values.tolist(), first.tolist(), 15 / 16)
    assert decayed_sums(values, first, 15 / 16).tolist() == pytest.approx(expected, rel=1e-12)


def test_a_constant_converges() -> None:
    sums = decayed_sums(np.ones(100_000), np.array([0]), 15 / 16)
    assert sums[-1] == pytest.approx(16, rel=1e-12)
