"""A course of values in one line of text."""

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
_UNKNOWN = " "


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
    return "".join(_bar(value, top) for value in values)


def _bar(value: float | None, top: float) -> str:
    if value is None:
        return _UNKNOWN
    if value <= 0 or top <= 0:
        return _BARS[0]
    last = len(_BARS) - 1
    return _BARS[min(last, max(1, round(value / top * last)))]
