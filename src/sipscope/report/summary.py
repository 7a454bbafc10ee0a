"""The summary that a person reads: totals, then the calls and streams that matter."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from heapq import nlargest
from typing import TextIO

from sipscope.calls.dialog import Dialog
from sipscope.calls.rows import CallRow, call_row
from sipscope.decode.text import display
from sipscope.report.document import Document, final_state
from sipscope.rtpqos.figures import StreamFigures

MAX_ROWS = 20

Cell = tuple[str, str]
"""Text and alignment, `<` or `>`."""


def print_summary(document: Document, stream: TextIO) -> None:
    """Print totals, the calls that went wrong first, and the worst streams."""
    for line in _lines(document):
        stream.write(line.rstrip() + "\n")


def _lines(document: Document) -> Iterable[str]:
    yield from _sources(document)
    yield from _totals(document)
    yield from _calls(document)
    yield from _streams(document)


def _sources(document: Document) -> Iterable[str]:
    for source in document.engine.files.sources:
        yield f"{display(source.name)}   {_count(source.packets, 'packet')}"
        if source.damaged:
            yield f"  ▲ {display(source.damaged)}"
        if source.truncated_packets:
            yield f"  ▲ {_count(source.truncated_packets, 'packet')} cut short by the capture"
    first, last = document.engine.first, document.engine.last
    if first is not None and last is not None:
        yield f"{_clock(first, date=True)} to {_clock(last)}   {_span((last - first) / 1e9)}"


def _totals(document: Document) -> Iterable[str]:
    store = document.store
    counters = store.counters
    calls = sum(dialog.method == "INVITE" for dialog in store.dialogs.values())
    yield ""
    yield (
        f"SIP  {_count(counters.messages, 'message')}   {_count(len(store.dialogs), 'dialog')}"
        f"   {_count(calls, 'call')}"
        + (f"   {counters.malformed:,} malformed" if counters.malformed else "")
        + (f"   {counters.duplicates:,} captured twice" if counters.duplicates else "")
    )
    packets = document.rtp_packets
    streams = len(store.streams.ids())
    yield (
        f"RTP  {_count(packets, 'packet')}   {_count(streams, 'stream')}"
        f"   RTCP  {_count(document.engine.rtcp_packets, 'packet')}"
    )
    statistics = document.statistics()
    for title, counts in (("States", "states"), ("Methods", "methods"), ("Answers", "statuses")):
        if statistics[counts]:
            words = "   ".join(f"{display(k)} {v:,}" for k, v in statistics[counts].items())
            yield f"{title:8} {words}"


def _calls(document: Document) -> Iterable[str]:
    store = document.store
    chosen = nlargest(MAX_ROWS, store.dialogs.values(), key=_importance)
    if not chosen:
        return
    chosen.sort(key=lambda dialog: dialog.id)
    now = document.engine.now()
    rows = [call_row(dialog, store.streams, now) for dialog in chosen]
    yield ""
    yield from _table(
        (
            *("Time", "From", "To", "State", "Msgs", "Talk", "Codec"),
            *("Loss %", "Jitter ms", "MOS", "Answer"),
        ),
        "<<<<>><>>><",
        [_call_cells(row, final_state(dialog)) for row, dialog in zip(rows, chosen, strict=True)],
    )
    rest = len(store.dialogs) - len(chosen)
    if rest:
        yield f"and {_count(rest, 'more dialog')}; --json tells all"


def _importance(dialog: Dialog) -> tuple[bool, bool, bool, int]:
    return dialog.state.failed, dialog.method == "INVITE", bool(dialog.streams), -dialog.id


def _call_cells(row: CallRow, state: str) -> tuple[str, ...]:
    sign = "● " if row.state.failed else ""
    answer = f"{row.status} {row.reason}" if row.status and row.status >= 300 else ""
    return (
        _clock(row.started),
        row.caller,
        row.callee,
        sign + (state if row.method == "INVITE" else f"{row.method} {state}"),
        f"{row.messages:,}",
        "" if row.duration_s is None else _duration(row.duration_s),
        row.codec,
        _figure(row.loss_percent),
        _figure(row.jitter_ms),
        _figure(row.mos),
        answer,
    )


def _streams(document: Document) -> Iterable[str]:
    table = document.store.streams
    worst = [table.figures(stream_id) for stream_id in table.lossiest(MAX_ROWS)]
    if not worst:
        return
    yield ""
    yield from _table(
        ("Stream", "", "Codec", "Packets", "Lost", "Loss %", "Jitter ms", "Max delta ms", "MOS"),
        "<<<>>>>>>",
        [_stream_cells(stream) for stream in worst],
    )
    rest = len(table.ids()) - len(worst)
    if rest:
        yield f"and {_count(rest, 'better stream')}"


def _stream_cells(stream: StreamFigures) -> tuple[str, ...]:
    return (
        f"{stream.flow.source} → {stream.flow.destination}",
        f"0x{stream.ssrc:08x}",
        display(stream.codec or ""),
        f"{stream.packets:,}",
        f"{stream.lost:,}",
        _figure(stream.loss_percent),
        _figure(stream.jitter_mean_ms),
        _figure(stream.delta_max_ms),
        _figure(stream.mos),
    )


def _table(titles: Sequence[str], alignment: str, rows: list[tuple[str, ...]]) -> Iterable[str]:
    shown = [tuple(cell[:40] for cell in row) for row in [tuple(titles), *rows]]
    widths = [max(len(row[index]) for row in shown) for index in range(len(titles))]
    for row in shown:
        yield "  ".join(
            f"{cell:{align}{width}}"
            for cell, align, width in zip(row, alignment, widths, strict=True)
        )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _clock(time: int, *, date: bool = False) -> str:
    moment = datetime.fromtimestamp(time // 1_000_000_000).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S" if date else "%H:%M:%S")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3f} s"
    return f"{_duration(seconds)} {'h' if seconds >= 3600 else 'min'}"
