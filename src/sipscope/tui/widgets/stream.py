"""The figures of one RTP stream in words and bars."""

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from rich.cells import cell_len

from sipscope.calls.columns import duration_text, jitter_severity, loss_severity, mos_severity
from sipscope.decode.text import display
from sipscope.rtpqos.differences import differences
from sipscope.rtpqos.figures import Now, StreamFigures
from sipscope.tui.line_list import Span
from sipscope.tui.widgets.course import Look, axis_of, course_lines
from sipscope.tui.widgets.moments import clock
from sipscope.tui.widgets.wrapping import Line, line_text, wrap

LIVE_NS = 3_000_000_000
"""A stream that has been silent for so long is taken to have ended."""

_CODE_POINTS = {46: "EF", 44: "VA"}
_HEARD_MOS = 0.05
_TELLER = 16
_COUNT, _LOSS, _TIME = (12, 8), (14, 7), (12, 8)
_TIMES = ("mean", "max", "last")
_WIDE = sum(_COUNT) + sum(_LOSS) + _TIME[0] + 3 * _TIME[1]


class Fact(NamedTuple):
    """Something known of a stream.

    Attributes:
        label: What it is.
        text: What is known; safe to show.
        style: See `line_list.STYLES`.
    """

    label: str
    text: str
    style: str = ""


def stream_lines(
    figures: StreamFigures, width: int, now: int | None = None, look: Look | None = None
) -> list[Line]:
    """Return a stream in `width` cells.

    Args:
        figures: Of the stream.
        width: Cells of the terminal; from 60 on all figures are seen.
        now: The time of the capture in ns; when the stream has sent lately, its newest second
            is told.
        look: How its course is drawn, None for one line a chart with an axis of its own.
    """
    if look is None and (axis := axis_of([figures], width)):
        look = Look(axis)
    words = stream_words(figures, width, now)
    return words if look is None else [*words, *course_lines(figures, width, look)]


def stream_words(figures: StreamFigures, width: int, now: int | None = None) -> list[Line]:
    """Return what `stream_lines` does, without the charts."""
    lines = [*_heading(figures, width), *_table(figures, width)]
    quality = () if figures.mos is None else _quality(figures, figures.mos, width)
    facts = fact_lines(_facts(figures), width)
    if quality and facts and cell_len(line_text((*quality, *facts[0]))) + 1 <= width:
        quality, facts = (*quality, Span(" "), *facts[0]), facts[1:]
    lines += [line for line in (quality, *facts) if line]
    if now is not None and figures.now is not None and now - figures.last < LIVE_NS:
        lines.append(_newest(figures.now))
    return lines


def fact_lines(facts: Iterable[Fact], width: int, indent: str = "  ") -> list[Line]:
    """Return facts beside each other, in as many lines of `width` cells as they need."""
    lines: list[list[Span]] = []
    used = width
    for label, text, style in facts:
        length = cell_len(label) + bool(label) + cell_len(text) + 2
        if used + length - 2 > width:
            lines.append([Span(indent)])
            used = len(indent)
        lines[-1] += (Span(f"{label} " if label else "", "old"), Span(text, style), Span("  "))
        used += length
    return [tuple(line) for line in lines]


def told_lines(teller: str, facts: Iterable[Fact], width: int, style: str = "old") -> list[Line]:
    """Return facts behind a few words about where they come from; nothing without facts."""
    head = f"  {teller}".ljust(_TELLER)
    lines = fact_lines(facts, width, " " * len(head))
    return [(Span(head, style), *lines[0][1:]), *lines[1:]] if lines else []


def wireshark_lines(figures: StreamFigures, width: int) -> list[Line]:
    """Return what Wireshark shows of a stream, and why it is not the same as ours."""
    other = figures.wireshark
    if other is None:
        return []
    facts = (
        Fact("lost", f"{other.lost:,} ({other.loss_percent:.1f} %)"),
        Fact("max jitter", f"{other.jitter_max_ms:.2f} ms"),
        Fact("mean jitter", f"{other.jitter_mean_ms:.2f} ms"),
        Fact("max delta", f"{other.delta_max_ms:.2f} ms"),
        Fact("max skew", f"{other.max_skew_ms:.2f} ms"),
    )
    lines = told_lines("as Wireshark", facts, width, "marked")
    margin = Span(" " * _TELLER)
    for reason in differences(figures) or ("The same as ours.",):
        lines += wrap((margin, Span(reason)), width, margin)
    return lines


def dscp_name(dscp: int) -> str:
    """Return the name of a differentiated services code point (RFC 4594)."""
    if dscp in _CODE_POINTS:
        return _CODE_POINTS[dscp]
    if dscp % 8 == 0:
        return f"CS{dscp // 8}"
    group, drop = divmod(dscp, 8)
    return f"AF{group}{drop // 2}" if 1 <= group <= 4 and drop in (2, 4, 6) else f"DSCP {dscp}"


def _heading(figures: StreamFigures, width: int) -> list[Line]:
    flow = Span(f"{figures.flow.source} → {figures.flow.destination}", "strong")
    ptime = "" if figures.ptime_ms is None else f" {figures.ptime_ms:g} ms"
    codec = "unknown codec" if figures.codec is None else display(figures.codec)
    if figures.codec is None and figures.payload_types:
        codec = f"payload type {figures.payload_types[0]}"
    parts = (
        codec + ptime,
        f"SSRC {figures.ssrc:08x}",
        dscp_name(figures.dscp),
        f"{clock(figures.first)[:8]} {duration_text(figures.duration_s)}",
    )
    about = Span("   ".join(parts))
    if cell_len(flow.text) + cell_len(about.text) + 3 <= width:
        return [(flow, Span("   "), about)]
    return [(flow,), (Span("  "), about)]


def _table(figures: StreamFigures, width: int) -> list[Line]:
    """Return counts, losses and times beside each other, or times under them."""
    lost = loss_severity(figures.loss_percent) if figures.lost else ""
    counts = (
        _cells(_COUNT, "packets", f"{figures.packets:,}"),
        _cells(_COUNT, "expected", f"{figures.expected:,}"),
        _cells(_COUNT, "duplicates", f"{figures.duplicates:,}"),
    )
    losses = (
        _cells(_LOSS, "lost", f"{figures.lost:,}", style=lost),
        _cells(_LOSS, "loss %", _decimals(figures.loss_percent, 1), style=lost),
        _cells(_LOSS, "out of order", f"{figures.out_of_order:,}"),
    )
    jitter = figures.jitter_mean_ms, figures.jitter_max_ms, figures.jitter_last_ms
    severity = jitter_severity(figures.jitter_mean_ms)
    times = (
        _cells(_TIME, "", *_TIMES, style="old"),
        _cells(_TIME, "jitter ms", *map(_decimals, jitter), style=_unless_good(severity)),
        _cells(_TIME, "delta ms", *map(_decimals, (figures.delta_mean_ms, figures.delta_max_ms))),
    )
    pairs = [(*count, *loss) for count, loss in zip(counts, losses, strict=True)]
    if width < _WIDE:
        return [*pairs, *times]
    return [(*pair, *time) for pair, time in zip(pairs, times, strict=True)]


def _cells(widths: tuple[int, int], label: str, *figures: str, style: str = "") -> Line:
    """Return a label and figures, in the widths of a label and of a figure."""
    cells = (Span(figure.rjust(widths[1]), style) for figure in figures)
    return Span(f"  {label}".ljust(widths[0]), "old"), *cells


def _unless_good(severity: str) -> str:
    return "" if severity == "good" else severity


def _facts(figures: StreamFigures) -> Iterable[Fact]:
    """Yield what is not the same for every stream, as far as it is known."""
    if figures.loss_bursts:
        bursts = sum(times for _, times in figures.loss_bursts)
        longest = max(length for length, _ in figures.loss_bursts)
        word = "burst" if bursts == 1 else "bursts"
        yield Fact("lost in", f"{bursts:,} {word}, longest {longest:,}")
    if figures.discarded:
        yield Fact("too late to play", f"{figures.discarded:,}")
    adaptive = figures.adaptive and figures.adaptive.mos
    if adaptive is not None and figures.mos is not None and adaptive - figures.mos >= _HEARD_MOS:
        yield Fact("with an adaptive buffer MOS", f"{adaptive:.2f}", mos_severity(adaptive))
    if figures.restarts:
        yield Fact("restarts", f"{figures.restarts:,}")
    if figures.skew_ms is not None:
        yield Fact("skew", f"{figures.skew_ms:.1f} ms")
    if figures.drift_ppm is not None:
        yield Fact("drift", f"{round(figures.drift_ppm):,} ppm")


def _quality(figures: StreamFigures, mos: float, width: int) -> Line:
    """Return MOS with its band, R, the worst part and what costs most, as far as there is room."""
    grade = "" if figures.mos_grade == "published" else f", {figures.mos_grade}"
    band = f"  {figures.mos_band}{grade}   R {figures.r_factor:.1f}"
    spans = [Span("  MOS ", "old"), Span(f"{mos:.2f}", mos_severity(mos)), Span(band)]
    if figures.mos_min is not None:
        spans += [Span("   worst 10 s ", "old"), Span(f"{figures.mos_min:.2f}")]
    causes = Span("   costs: " + ", ".join(figures.causes), "old")
    if figures.causes and cell_len(line_text((*spans, causes))) <= width:
        spans.append(causes)
    return tuple(spans)


def _newest(now: Now) -> Line:
    """Return the quality of the newest second."""
    jitter = jitter_severity(now.jitter_ms)
    loss = loss_severity(now.loss_percent)
    facts = [
        Fact("packets/s", f"{now.packets_per_second:.0f}"),
        Fact("loss", f"{now.loss_percent:.1f} %", _unless_good(loss)),
    ]
    if now.jitter_ms is not None:
        facts.append(Fact("jitter", f"{now.jitter_ms:.1f} ms", _unless_good(jitter)))
    if now.mos is not None:
        facts.append(Fact("MOS", f"{now.mos:.2f}", mos_severity(now.mos)))
    cells = ((Span(f"  {label} ", "old"), Span(text, style)) for label, text, style in facts)
    return Span("  now", "progress"), *chain.from_iterable(cells)


def _decimals(value: float | None, digits: int = 2) -> str:
    """Return a figure, without decimals from 1000 on."""
    if value is None:
        return ""
    return f"{value:,.{digits if abs(value) < 1000 else 0}f}"
