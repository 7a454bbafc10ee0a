"""The figures of one RTP stream in words and bars."""

from collections.abc import Callable, Sequence

from rich.cells import cell_len

from sipscope.calls.columns import duration_text, jitter_severity, loss_severity, mos_severity
from sipscope.decode.text import display
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.wireshark import WiresharkFigures
from sipscope.tui.line_list import Span
from sipscope.tui.widgets.moments import clock
from sipscope.tui.widgets.sparkline import resample, sparkline
from sipscope.tui.widgets.wrapping import Line, line_text

LEAST_LOSS_SCALE = 5.0
"""The charts reach up to this loss in percent at least, so that high bars mean bad sound."""

LEAST_JITTER_SCALE = 30.0
"""The same for jitter, in ms."""

_CODE_POINTS = {46: "EF", 44: "VA"}
_COUNT, _LOSS, _TIME = (12, 8), (14, 7), (12, 8)
_TIMES = ("mean", "max", "last")
_WIDE = sum(_COUNT) + sum(_LOSS) + _TIME[0] + 3 * _TIME[1]
_CHART_LABEL, _CHART_TOP = 11, 12
_MOST_BREADTH = 4


def stream_lines(figures: StreamFigures, width: int, now: int | None = None) -> list[Line]:
    """Return a stream in `width` cells.

    Args:
        figures: Of the stream.
        width: Cells of the terminal. From 60 on all figures of our own are seen; Wireshark's
            only where they fit in one line.
        now: The time of the capture in ns; when the stream has sent lately, its newest second
            is told.
    """
    lines = [*_heading(figures, width), *_table(figures, width)]
    if figures.mos is not None:
        lines.append(_quality(figures, figures.mos, width))
    lines += _facts(figures, width)
    if now is not None and figures.now is not None and now - figures.last < 3_000_000_000:
        lines.append(_newest(figures))
    lines += _charts(figures, width)
    if figures.wireshark is not None:
        other = _as_wireshark(figures.wireshark)
        if cell_len(line_text(other)) <= width:
            lines.append(other)
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


def _facts(figures: StreamFigures, width: int) -> list[Line]:
    """Return what is not the same for every stream, as far as it is known."""
    facts = []
    if figures.longest_gap_ms is not None:
        facts.append(("longest gap", f"{figures.longest_gap_ms:,.1f} ms"))
    if figures.loss_bursts:
        bursts = sum(times for _, times in figures.loss_bursts)
        longest = max(length for length, _ in figures.loss_bursts)
        word = "burst" if bursts == 1 else "bursts"
        facts.append(("lost in", f"{bursts:,} {word}, longest {longest:,}"))
    if figures.restarts:
        facts.append(("restarts", f"{figures.restarts:,}"))
    if figures.skew_ms is not None:
        facts.append(("skew", f"{figures.skew_ms:.1f} ms"))
    if figures.drift_ppm is not None:
        facts.append(("drift", f"{figures.drift_ppm:.0f} ppm"))
    lines: list[list[Span]] = []
    used = width
    for label, text in facts:
        length = len(label) + len(text) + 3
        if used + length - 2 > width:
            lines.append([Span("  ")])
            used = 2
        lines[-1] += (Span(f"{label} ", "old"), Span(f"{text}  "))
        used += length
    return [tuple(line) for line in lines]


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


def _newest(figures: StreamFigures) -> Line:
    now = figures.now
    assert now is not None
    jitter = "" if now.jitter_ms is None else f"   jitter {now.jitter_ms:.1f} ms"
    loss = loss_severity(now.loss_percent)
    return (
        Span("  now ", "progress"),
        Span(f"{now.packets_per_second:.0f} packets/s   "),
        Span(f"loss {now.loss_percent:.1f} %", _unless_good(loss)),
        Span(jitter),
    )


def _as_wireshark(other: WiresharkFigures) -> Line:
    """Return what Wireshark shows, faults included, for those who compare."""
    text = (
        f"lost {other.lost:,} ({other.loss_percent:.1f} %)   "
        f"max jitter {other.jitter_max_ms:.2f} ms   mean jitter {other.jitter_mean_ms:.2f} ms   "
        f"max delta {other.delta_max_ms:.2f} ms   max skew {other.max_skew_ms:.2f} ms"
    )
    return Span("  as Wireshark  ", "old"), Span(text, "old")


def _charts(figures: StreamFigures, width: int) -> list[Line]:
    loss = [
        100 * max(0, part.lost) / (part.packets + max(0, part.lost))
        if part.packets + max(0, part.lost) > 0
        else None
        for part in figures.intervals
    ]
    jitter = [part.jitter_ms for part in figures.intervals]
    room = width - 2 - _CHART_LABEL - _CHART_TOP
    return [
        _chart("loss %", loss, LEAST_LOSS_SCALE, room, _loss_style),
        _chart("jitter ms", jitter, LEAST_JITTER_SCALE, room, _jitter_style),
    ]


def _loss_style(value: float) -> str:
    return "good" if value <= 0 else loss_severity(max(value, 1.0))


def _jitter_style(value: float) -> str:
    return jitter_severity(value)


def _chart(
    label: str,
    values: Sequence[float | None],
    least: float,
    width: int,
    style: Callable[[float], str],
) -> Line:
    """Return one bar an interval, or the highest of several, and how high the highest is."""
    known = [value for value in values if value is not None]
    highest = max(known, default=None)
    shown = resample(values, max(1, width))
    breadth = max(1, min(_MOST_BREADTH, width // max(1, len(shown))))
    bars = sparkline(shown, max(least, highest or 0.0))
    return (
        Span(f"  {label.ljust(_CHART_LABEL)}", "old"),
        *(
            Span(bar * breadth, "" if value is None else style(value))
            for bar, value in zip(bars, shown, strict=True)
        ),
        Span("" if highest is None else f"  max {highest:.1f}", "old"),
    )


def _decimals(value: float | None, digits: int = 2) -> str:
    """Return a figure, without decimals from 1000 on."""
    if value is None:
        return ""
    return f"{value:,.{digits if abs(value) < 1000 else 0}f}"
