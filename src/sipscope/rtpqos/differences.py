"""Why Wireshark shows other figures for a stream than the right ones, in words."""

from collections.abc import Iterator
from typing import Final

from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.wireshark import WiresharkFigures

LEAST_MS: Final = 0.0015
"""Times that are nearer than this are printed alike, or differ by rounding."""
LEAST_PPM: Final = 1.0

_WRAP = 0x10000


def differences(figures: StreamFigures) -> tuple[str, ...]:
    """Return a sentence for each reason why Wireshark's figures differ, none where they agree.

    Loss first, then times. What Wireshark does is that of version 4.0, see `wireshark`.
    """
    shown = figures.wireshark
    if shown is None:
        return ()
    return (*_of_loss(figures, shown), *_of_times(figures, shown))


def _of_loss(figures: StreamFigures, shown: WiresharkFigures) -> Iterator[str]:
    """Give the reasons why expected and lost packets differ, each with its share."""
    if figures.duplicates:
        yield (
            f"Wireshark takes {_count(figures.duplicates, 'duplicate')} for packets of their own, "
            f"which makes its loss {figures.duplicates:,} lower."
        )
    if figures.strays:
        yield (
            f"Wireshark takes {_count(figures.strays, 'packet')} out of all order for packets "
            f"of the stream, which makes its loss {figures.strays:,} lower."
        )
    excess = _signed(shown.expected - figures.expected)
    if excess and figures.restarts:
        yield (
            f"The sender numbered anew {_times(figures.restarts)}; Wireshark counts across "
            f"that, which makes {_more(excess)}."
        )
        return
    wraps = round(excess / _WRAP)
    if wraps:
        what = "too many" if wraps > 0 else "too few"
        yield (
            f"Wireshark counts {_count(abs(wraps), 'wrap')} of the sequence numbers {what}, as "
            f"packets came out of order, which makes {_more(wraps * _WRAP)}."
        )
    if excess - wraps * _WRAP:
        yield (
            "Wireshark counts from the packet that came first to the one that came last, not "
            f"from the lowest number to the highest, which makes {_more(excess - wraps * _WRAP)}."
        )


def _of_times(figures: StreamFigures, shown: WiresharkFigures) -> Iterator[str]:
    """Give the reasons why delta, jitter, skew or drift differ."""
    delta = _differ(
        (figures.delta_min_ms, shown.delta_min_ms),
        (figures.delta_mean_ms, shown.delta_mean_ms),
        (figures.delta_max_ms, shown.delta_max_ms),
    )
    jitter = _differ(
        (figures.jitter_mean_ms, shown.jitter_mean_ms),
        (figures.jitter_max_ms, shown.jitter_max_ms),
    )
    skew = _differ((figures.skew_ms, shown.max_skew_ms))
    drift = figures.drift_ppm is not None and (
        abs(figures.drift_ppm - shown.drift_percent * 1e4) > LEAST_PPM
    )
    if figures.clock_rate is None:
        yield "Wireshark shows 0 for jitter, skew and drift where the clock rate is not known."
        jitter = skew = drift = False
    if (jitter or skew or drift) and figures.clock_rate and figures.clock_rate % 1000:
        yield (
            f"Wireshark rounds the clock rate down, {figures.clock_rate:,} Hz to "
            f"{figures.clock_rate // 1000} kHz, which changes jitter, skew and drift."
        )
    others = [name for name in figures.not_speech if name.lower() != "cn"]
    if (jitter or skew or drift) and others:
        yield (
            f"With Wireshark, packets that are no speech ({', '.join(others)}) change jitter and "
            "drift of the speech after them."
        )
    if (delta or jitter) and len(others) < len(figures.not_speech):
        yield "Wireshark leaves comfort noise and the packet after it out of delta and jitter."
    if (jitter or skew or drift) and figures.timestamp_jumps:
        yield (
            "The timestamps started anew, or their clock changed, "
            f"{_times(figures.timestamp_jumps)}; Wireshark compares those after with those before."
        )
    if (delta or jitter or skew or drift) and shown.wrong_timestamp:
        yield "Wireshark passes over packets with a timestamp before that of the first one."
    if (delta or jitter) and figures.markers:
        yield (
            f"Wireshark leaves {_count(figures.markers, 'packet')} with the marker bit out of "
            "delta and jitter."
        )


def _differ(*pairs: tuple[float | None, float | None]) -> bool:
    """Whether figures that are known are not the same."""
    return any(
        right is not None and other is not None and abs(right - other) > LEAST_MS
        for right, other in pairs
    )


def _signed(number: int) -> int:
    """Return a difference of numbers of 32 bits."""
    return (number + (1 << 31)) % (1 << 32) - (1 << 31)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"


def _more(number: int) -> str:
    return f"its loss {abs(number):,} {'higher' if number > 0 else 'lower'}"
