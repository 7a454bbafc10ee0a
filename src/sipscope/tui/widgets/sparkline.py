"""A course of values as bars, in one line of text or in several."""

from collections.abc import Sequence

_BARS = " ▁▂▃▄▅▆▇█"
_FULL = len(_BARS) - 1


def resample(values: Sequence[float | None], width: int) -> list[float | None]:
    """Return at most `width` values: the highest of each part, None where nothing is known.

    The highest, since a short burst is what one looks for.
    """
    count = len(values)
    if count <= width:
        return list(values)
    parts = (
        values[count * index // width : count * (index + 1) // width] for index in range(width)
    )
    return [max((v for v in part if v is not None), default=None) for part in parts]


def sparkline(values: Sequence[float | None], top: float) -> str:
    """Return one bar a value: the lowest for 0, the highest for `top` and above.

    A value above 0 is never drawn as 0, and what is unknown is left blank.
    """
    return bars(values, top, 1)[0]


def bars(values: Sequence[float | None], top: float, height: int) -> list[str]:
    """Return the lines of a `sparkline` that is `height` lines high, the highest first."""
    levels = [_level(value, top, height) for value in values]
    return [
        "".join(_BARS[max(0, min(level - below * _FULL, _FULL))] for level in levels)
        for below in reversed(range(height))
    ]


def _level(value: float | None, top: float, height: int) -> int:
    """Return the height of a bar in eighths of a line."""
    if value is None:
        return 0
    if value <= 0 or top <= 0:
        return 1
    most = height * _FULL
    return min(most, max(2, 1 + round(value / top * (most - 1))))
