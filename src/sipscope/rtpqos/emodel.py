"""The E-model: from impairments to the rating R and the mean opinion score.

ITU-T G.107 for narrowband in its exact form, every term of it; G.107.1 for wideband and
G.107.2 for fullband as far as a monitor on the way can know their parameters. R is on one
scale for all bands: G.711 has 93.2 on each of them. MOS is not, so it goes with its band.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Band = Literal["nb", "wb", "fb"]

Figure = TypeVar("Figure", float, NDArray[np.float64])


class Scale(NamedTuple):
    """What differs from band to band.

    Attributes:
        best: R without any impairment; with `delay`, `stretch` times that of narrowband.
        stretch: R over the R of narrowband with the same MOS.
        worst_impairment: What the loss of everything costs; the constant of `effective_impairment`.
        bursts: Whether the model knows the burst ratio.
    """

    best: float
    stretch: float
    worst_impairment: float
    bursts: bool


SCALES: Final[dict[Band, Scale]] = {
    "nb": Scale(93.2062077233, 1.0, 95.0, True),
    "wb": Scale(129.0, 1.29, 95.0, False),
    "fb": Scale(148.0, 1.48, 132.0, True),
}
"""G.107 with all default values (the published 93.2), G.107.1 and G.107.2."""

MAX_LOSS_PERCENT: Final = 20.0
MAX_BURST_RATIO: Final = 8.0
MAX_DELAY_MS: Final = 500.0
"""The permitted ranges of Ppl, BurstR and Ta in table 2 of G.107."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of table 2 of G.107 under their own names, with its default values.

    Attributes:
        slr: Send loudness rating, dB.
        rlr: Receive loudness rating, dB.
        stmr: Sidetone masking rating, dB.
        ds: D-value of the telephone at the send side.
        dr: D-value of the telephone at the receive side.
        telr: Talker echo loudness rating, dB.
        wepl: Weighted echo path loss, dB.
        t: Mean one-way delay of the echo path, ms.
        tr: Round-trip delay in a four-wire loop, ms.
        ta: Absolute delay in echo-free connections, ms.
        qdu: Number of quantization distortion units.
        ie: Equipment impairment factor.
        bpl: Packet-loss robustness factor.
        ppl: Random packet-loss probability, percent.
        burst_ratio: BurstR, 1 for random loss.
        nc: Circuit noise referred to the 0 dBr point, dBm0p.
        nfor: Noise floor at the receive side, dBmp.
        ps: Room noise at the send side, dB(A).
        pr: Room noise at the receive side, dB(A).
        a: Advantage factor.
    """

    slr: float = 8.0
    rlr: float = 2.0
    stmr: float = 15.0
    ds: float = 3.0
    dr: float = 3.0
    telr: float = 65.0
    wepl: float = 110.0
    t: float = 0.0
    tr: float = 0.0
    ta: float = 0.0
    qdu: float = 1.0
    ie: float = 0.0
    bpl: float = 4.3
    ppl: float = 0.0
    burst_ratio: float = 1.0
    nc: float = -70.0
    nfor: float = -64.0
    ps: float = 35.0
    pr: float = 35.0
    a: float = 0.0


def rating(parameters: Parameters) -> float:
    """Return R = Ro - Is - Id - Ie,eff + A of G.107 (7-1), not clamped."""
    noise = _noise(parameters)
    signal = 15 - 1.5 * (parameters.slr + noise)
    return (
        signal
        - _simultaneous_impairment(parameters, noise, signal)
        - _delay_impairment(parameters, noise, signal)
        - effective_impairment(
            parameters.ie,
            parameters.bpl,
            parameters.ppl,
            parameters.burst_ratio,
            SCALES["nb"].worst_impairment,
        )
        + parameters.a
    )


def _noise(p: Parameters) -> float:
    """Return the power of all noise sources, No of G.107 (7-3) to (7-7), in dBm0p.

    The listener's sidetone rating LSTR is STMR + Dr (table 2).
    """
    loudness = p.slr + p.rlr
    send = p.ps - p.slr - p.ds - 100 + 0.004 * (p.ps - loudness - p.ds - 14) ** 2
    effective = p.pr + 10 * math.log10(1 + 10 ** ((10 - p.stmr - p.dr) / 10))
    receive = p.rlr - 121 + effective + 0.008 * (effective - 35) ** 2
    powers = (p.nc, send, receive, p.nfor + p.rlr)
    return 10 * math.log10(sum(10 ** (power / 10) for power in powers))


def _simultaneous_impairment(p: Parameters, noise: float, signal: float) -> float:
    """Return Is of G.107 (7-8): loudness (7-9), sidetone (7-11) and quantizing (7-14)."""
    loudness = p.slr + p.rlr + 0.2 * (64 + noise - p.rlr)
    too_loud = 20 * (_bend(loudness / 8, 8) - loudness / 8)
    quality = 37 - 15 * math.log10(p.qdu)
    grain = 1.07 + 0.258 * quality + 0.0602 * quality**2
    y = (signal - 100) / 15 + 46 / 8.4 - grain / 9
    z = 46 / 30 - grain / 40
    return too_loud + _sidetone_impairment(p) + 15 * math.log10(1 + 10**y + 10**z)


def _sidetone_impairment(p: Parameters) -> float:
    """Return Ist of G.107 (7-11), with STMRo of (7-12)."""
    echo = math.exp(-p.t / 4) * 10 ** (-p.telr / 10)
    stmr = -10 * math.log10(10 ** (-p.stmr / 10) + echo)
    return (
        12 * _bend((stmr - 13) / 6, 8)
        - 28 * _bend((stmr + 1) / 19.4, 35)
        - 13 * _bend((stmr - 3) / 33, 13)
        + 29
    )


def _delay_impairment(p: Parameters, noise: float, signal: float) -> float:
    """Return Id of G.107 (7-18): talker echo (7-19), listener echo (7-25), delay (7-27)."""
    terv = p.telr - 40 * math.log10((1 + p.t / 10) / (1 + p.t / 150)) + 6 * math.exp(-0.3 * p.t**2)
    if p.stmr < 9:
        terv += _sidetone_impairment(p) / 2
    difference = -1.5 * (noise - p.rlr) - (80 + 2.5 * (terv - 14))
    talker = 0.0
    if p.t >= 1:
        talker = (difference / 2 + math.sqrt(difference**2 / 4 + 100) - 1) * (1 - math.exp(-p.t))
    if p.stmr > 20:
        talker = math.sqrt(talker**2 + _sidetone_impairment(p) ** 2)
    difference = signal - 10.5 * (p.wepl + 7) / math.pow(p.tr + 1, 0.25)
    listener = difference / 2 + math.sqrt(difference**2 / 4 + 169)
    return talker + listener + absolute_delay_impairment(p.ta)


def absolute_delay_impairment(delay_ms: float) -> float:
    """Return Idd of G.107 (7-27), (7-28) with default sensitivity: 0 up to 100 ms."""
    if delay_ms <= 100:
        return 0.0
    x = math.log2(delay_ms / 100)
    return 25 * (_bend(x, 6) - 3 * _bend(x / 3, 6) + 2)


def _bend(x: float, exponent: int) -> float:
    """Return what goes from 1 to x as x grows past 1, the more sharply the higher the exponent."""
    return math.pow(1 + x**exponent, 1 / exponent)


def effective_impairment(
    ie: Figure, bpl: Figure, loss_percent: Figure, burst_ratio: Figure, worst: Figure
) -> Figure:
    """Return Ie,eff of G.107 (7-29), of numbers or element by element of columns.

    Args:
        ie: Equipment impairment factor of the codec.
        bpl: Its robustness against loss, above 0.
        loss_percent: Ppl.
        burst_ratio: BurstR, at least 1; G.107.1 has none, which is 1.
        worst: `Scale.worst_impairment` of the band.
    """
    return ie + (worst - ie) * loss_percent / (loss_percent / burst_ratio + bpl)


def band_rating(
    band: Band,
    ie: float,
    bpl: float,
    loss_percent: float = 0.0,
    burst_ratio: float = 1.0,
    delay_ms: float | None = None,
) -> float:
    """Return R on the scale of a band, not clamped.

    Without a delay it is the listening quality. With one it is that of conversation: in
    narrowband with the echo of the default telephones (T = Ta, Tr = 2 Ta), in the other
    bands the effect of pure delay, R = best - stretch Idd - Ie,eff (G.107.1, G.107.2).

    Args:
        band: Whose model.
        ie: Equipment impairment factor on the scale of the band.
        bpl: Its robustness against loss.
        loss_percent: Ppl.
        burst_ratio: BurstR, passed over where the model has none.
        delay_ms: One way, from mouth to ear; None when it is not known.
    """
    scale = SCALES[band]
    bursts = burst_ratio if scale.bursts else 1.0
    impairment = effective_impairment(ie, bpl, loss_percent, bursts, scale.worst_impairment)
    if not delay_ms:
        return scale.best - impairment
    if band == "nb":
        return rating(Parameters(t=delay_ms, tr=2 * delay_ms, ta=delay_ms)) - impairment
    return scale.best - scale.stretch * absolute_delay_impairment(delay_ms) - impairment


def mean_opinion_score(r: float, band: Band = "nb") -> float:
    """Return the MOS of R (G.107 annex B), between 1 and 4.5.

    The cubic of annex B is below 1 for R from 0 to 6.5, so 1 is the least there too.
    G.107.1 and G.107.2 take R / 1.29 and R / 1.48 for R.
    """
    r /= SCALES[band].stretch
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def good_or_better(r: float) -> float:
    """Return the percentage of listeners who find R good or better (G.107 annex B)."""
    return 100 * _normal((r - 60) / 16)


def poor_or_worse(r: float) -> float:
    """Return the percentage of listeners who find R poor or worse (G.107 annex B)."""
    return 100 * _normal((45 - r) / 16)


def _normal(x: float) -> float:
    """Return the distribution function of the normal distribution."""
    return (1 + math.erf(x / math.sqrt(2))) / 2


def in_range(loss_percent: float, burst_ratio: float, delay_ms: float | None = None) -> bool:
    """Whether the model is valid there; beyond, Ie,eff grows past what it may be."""
    return (
        loss_percent <= MAX_LOSS_PERCENT
        and burst_ratio <= MAX_BURST_RATIO
        and (delay_ms is None or delay_ms <= MAX_DELAY_MS)
    )
