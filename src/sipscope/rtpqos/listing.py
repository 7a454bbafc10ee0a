"""All streams as a list: in any order, and as rows, without computing the figures of each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.decode.address import Endpoint, Flow
from sipscope.rtpqos.bursts import unheard_runs_of
from sipscope.rtpqos.columns import NO_DELTA, Columns
from sipscope.rtpqos.emodel import Band, mean_opinion_score
from sipscope.rtpqos.opinion import listening_ratings
from sipscope.rtpqos.stream import Stream

Numbers = NDArray[Any]
"""A figure of each stream."""


class StreamRow(NamedTuple):
    """What a list shows of a stream, with the meaning that it has in `StreamFigures`.

    Attributes:
        id: The stream's.
        flow: From where to where.
        ssrc: Synchronization source.
        codec: Encoding name; None when unknown.
        first: Time of the first packet, ns since the epoch.
        last: Time of the newest packet.
        packets: All that came.
        lost: Numbers that never came.
        loss_percent: Lost of expected.
        jitter_ms: Mean; None without a sample.
        delta_max_ms: Longest time between two packets; None before the second.
        r_factor: Listening quality; None when the codec is not known.
        mos: The same as MOS.
        mos_band: On whose scale.
        now_packets: In the newest second or so; None before it is over.
        now_lost: In the same.
        now_r_factor: Of the same; None when unknown.
        now_mos: The same as MOS.
    """

    id: int
    flow: Flow
    ssrc: int
    codec: str | None
    first: int
    last: int
    packets: int
    lost: int
    loss_percent: float
    jitter_ms: float | None
    delta_max_ms: float | None
    r_factor: float | None
    mos: float | None
    mos_band: Band | None
    now_packets: int | None
    now_lost: int | None
    now_r_factor: float | None
    now_mos: float | None


def order(columns: Columns, streams: Sequence[Stream], key: str, descending: bool) -> list[int]:
    """Return the indices of streams sorted by one figure; equals keep their order.

    Args:
        columns: Where each stream has a row.
        streams: To be sorted.
        key: One of `ORDERS`; `mos` sorts by R, which compares across bands.
        descending: The other way round; what is unknown is last either way.

    Raises:
        KeyError: When there is no such key.
    """
    if key in _TEXTS:
        texts = [_TEXTS[key](stream) for stream in streams]
        known = [(text, index) for index, text in enumerate(texts) if text is not None]
        known.sort(key=lambda entry: entry[0], reverse=descending)
        unknown = [index for index, text in enumerate(texts) if text is None]
        return [index for _, index in known] + unknown
    values = _FIGURES[key](_of(columns, streams), streams)
    ascending: list[int] = np.argsort(-values if descending else values, kind="stable").tolist()
    return ascending


def lossiest(columns: Columns, streams: Sequence[Stream]) -> list[int]:
    """Return the indices of streams: the highest loss first, then the highest jitter."""
    of = _of(columns, streams)
    jitter = np.nan_to_num(_jitter(of, streams))
    worst: list[int] = np.lexsort((jitter, _loss(of, streams)))[::-1].tolist()
    return worst


def stream_rows(columns: Columns, streams: Sequence[Stream]) -> list[StreamRow]:
    """Return the rows of streams."""
    of = _of(columns, streams)
    numbers = (_loss, _jitter, _delta, _rating, _now_rating)
    figures = [_known(figure(of, streams)) for figure in numbers]
    names = ("first", "last", "packets", "lost", "past_ns", "past_packets", "past_lost")
    counts = [of.state[name].tolist() for name in names]
    rows = []
    for stream, loss, jitter, delta, r, now_r, first, last, packets, lost, *past in zip(
        streams, *figures, *counts, strict=True
    ):
        codec, coding = stream.codec, stream.coding
        band = None if coding is None or r is None else coding.band
        rows.append(
            StreamRow(
                stream.id,
                stream.flow,
                stream.ssrc,
                codec and codec.name,
                first,
                last,
                packets,
                lost,
                loss or 0.0,
                jitter,
                delta,
                r,
                None if r is None or band is None else mean_opinion_score(r, band),
                band,
                past[1] if past[0] else None,
                past[2] if past[0] else None,
                now_r,
                None if now_r is None or band is None else mean_opinion_score(now_r, band),
            )
        )
    return rows


class _Of(NamedTuple):
    """Records of some streams."""

    state: NDArray[np.void]
    heard: NDArray[np.void]


def _of(columns: Columns, streams: Sequence[Stream]) -> _Of:
    row = np.fromiter((stream.row for stream in streams), np.int64, len(streams))
    return _Of(columns.state[row], columns.heard_fixed[row])


def _known(values: Numbers) -> list[float | None]:
    """Return None for what is not a number."""
    return [value if value == value else None for value in values.tolist()]  # noqa: PLR0124


def _first(of: _Of, _: Sequence[Stream]) -> Numbers:
    first: Numbers = of.state["first"]
    return first


def _packets(of: _Of, _: Sequence[Stream]) -> Numbers:
    packets: Numbers = of.state["packets"]
    return packets


def _expected(of: _Of) -> NDArray[np.int64]:
    came = of.state["packets"] - of.state["duplicates"] - of.state["strays"]
    expected: NDArray[np.int64] = came + of.state["lost"]
    return expected


def _loss(of: _Of, _: Sequence[Stream]) -> Numbers:
    loss: Numbers = 100 * of.state["lost"] / np.maximum(_expected(of), 1)
    return loss


def _jitter(of: _Of, _: Sequence[Stream]) -> Numbers:
    samples = of.state["samples"]
    jitter: Numbers = of.state["jitter_sum"] / np.where(samples, samples, np.nan)
    return jitter


def _delta(of: _Of, _: Sequence[Stream]) -> Numbers:
    several = of.state["delta_min"] != NO_DELTA
    return np.where(several, of.state["delta_max"] / 1e6, np.nan)


def _rating(of: _Of, streams: Sequence[Stream]) -> Numbers:
    unheard = of.state["lost"] + of.heard["discarded"]
    runs = unheard_runs_of(of.heard, of.state["highest"])
    return _ratings(streams, _expected(of), unheard, runs)


def _now_rating(of: _Of, streams: Sequence[Stream]) -> Numbers:
    past = of.state["past"]
    return _ratings(streams, past["expected"], past["unheard"], past["runs"])


def _ratings(
    streams: Sequence[Stream],
    expected: NDArray[np.int64],
    unheard: NDArray[np.int64],
    runs: NDArray[np.int64],
) -> Numbers:
    """Return R; not a number where the codec is not known or nothing was to be heard."""
    ratings = np.full(len(streams), np.nan)
    known = np.array([stream.coding is not None for stream in streams], np.bool_)
    known &= expected > 0
    codings = [coding for stream in streams if (coding := stream.coding) is not None]
    if len(codings) != known.sum():
        rated = known.tolist()
        codings = [
            coding
            for stream, one in zip(streams, rated, strict=True)
            if one and (coding := stream.coding) is not None
        ]
    if codings:
        ratings[known] = listening_ratings(codings, expected[known], unheard[known], runs[known])
    return ratings


def _endpoint(endpoint: Endpoint) -> tuple[int, bytes, int]:
    """Return what sorts by address as a number, IPv4 first."""
    return len(endpoint.address), endpoint.address, endpoint.port


_FIGURES: Final[Mapping[str, Callable[[_Of, Sequence[Stream]], Numbers]]] = {
    "first": _first,
    "packets": _packets,
    "loss": _loss,
    "jitter": _jitter,
    "mos": _rating,
    "delta": _delta,
}
_TEXTS: Final[Mapping[str, Callable[[Stream], Any]]] = {
    "source": lambda stream: _endpoint(stream.flow.source),
    "destination": lambda stream: _endpoint(stream.flow.destination),
    "codec": lambda stream: stream.codec and stream.codec.name.lower(),
}
ORDERS: Final = (*_FIGURES, *_TEXTS)
"""What streams can be sorted by."""
