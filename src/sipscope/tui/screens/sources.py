"""Where packets come from, how fast, and everything that was lost, refused or not read."""

import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from sipscope.decode.address import address_text
from sipscope.decode.counts import NetworkCounts
from sipscope.decode.hep_senders import HepSender
from sipscope.decode.text import display
from sipscope.decode.tzsp_senders import TzspSender
from sipscope.tui.keys import EVERYWHERE, MOVEMENT, SOURCES, Context, bindings
from sipscope.tui.line_list import Span, fit
from sipscope.tui.status import StatusLine, source_name
from sipscope.tui.visibility import is_seen
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.text_view import TextView
from sipscope.tui.widgets.wrapping import Line

if TYPE_CHECKING:
    from sipscope.engine import Engine, SourceStatus

_REFRESH_S = 1.0
_WINDOW = 3  # samples that a rate is of
_MOST_SENDERS = 64
_COUNT = 9
_SECOND = 1_000_000_000

_NOT_READ = (
    ("malformed", "malformed packets", "failed"),
    ("truncated", "cut short by the capture", "doubtful"),
    ("fragments_incomplete", "fragments: a part is missing", "doubtful"),
    ("fragments_evicted", "fragments: too many at once", "doubtful"),
    ("fragments_overlapping", "fragments: contradictory", "doubtful"),
    ("tcp_gaps", "holes in TCP streams", "doubtful"),
    ("tcp_evicted", "TCP streams given up", "doubtful"),
    ("encapsulation_too_deep", "headers nested too deep", "doubtful"),
    ("duplicates", "captured twice", ""),
    ("not_ip", "neither IPv4 nor IPv6", ""),
    ("other_protocol", "neither UDP nor TCP", ""),
)
"""Field of `NetworkCounts`, what it is called, and what it means when it is not 0."""


class Server(NamedTuple):
    """A HEP server that we send to.

    Attributes:
        name: Its URL.
        state: Why there is no connection, empty when there is one.
        sent: Messages.
        waiting: In memory and on the disk.
        dropped: That made room for others.
    """

    name: str
    state: str
    sent: int
    waiting: int
    dropped: int


class Facts(NamedTuple):
    """Everything that the screen tells.

    Attributes:
        sources: As they are now.
        rates: Packets and bytes a second of each.
        network: What was captured but not read.
        store: What the store counts, with what it means when it is not 0.
        refused: Datagrams and connections that were not let in, or no HEP or TZSP, by reason.
        hep: Who sends HEP.
        tzsp: Who sends TZSP.
        servers: Where HEP goes.
        now: ns since the epoch.
    """

    sources: tuple["SourceStatus", ...]
    rates: tuple[tuple[float, float], ...]
    network: NetworkCounts
    store: tuple[tuple[str, int, str], ...]
    refused: tuple[tuple[str, int], ...]
    hep: tuple[HepSender, ...]
    tzsp: tuple[TzspSender, ...]
    servers: tuple[Server, ...]
    now: int


class SourcesScreen(Screen[None]):
    """The sources and the counters of what is missing, live.

    Args:
        engine: Whose sources they are.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SOURCES)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (SOURCES, MOVEMENT, EVERYWHERE)

    def __init__(self, engine: "Engine") -> None:
        super().__init__()
        self.engine = engine
        self._text = TextView()
        self._samples: deque[tuple[float, tuple[SourceStatus, ...]]] = deque(maxlen=_WINDOW)

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield StatusLine(self.engine)
        yield self._text
        yield KeyLine(SOURCES)

    def on_mount(self) -> None:
        """Look from now on."""
        self._text.focus()
        self.look()
        self.set_interval(_REFRESH_S, self.look)

    def look(self) -> None:
        """Show how things are."""
        if not is_seen(self):
            return
        sources = self.engine.status().sources
        self._samples.append((time.monotonic(), sources))
        facts = _facts(self.engine, sources, _rates(self._samples))
        self._text.show(partial(sources_lines, facts), keep_place=True)

    def action_back(self) -> None:
        """Go back."""
        self.dismiss()


def _rates(
    samples: Iterable[tuple[float, "tuple[SourceStatus, ...]"]],
) -> tuple[tuple[float, float], ...]:
    kept = list(samples)
    (began, first), (ended, newest) = kept[0], kept[-1]
    span = ended - began
    if span <= 0:
        return tuple((0.0, 0.0) for _ in newest)
    return tuple(
        ((new.packets - old.packets) / span, (new.bytes - old.bytes) / span)
        for old, new in zip(first, newest, strict=False)
    )


def _facts(
    engine: "Engine",
    sources: "tuple[SourceStatus, ...]",
    rates: tuple[tuple[float, float], ...],
) -> Facts:
    store = engine.store
    refused: Counter[str] = Counter()
    for source in engine.live:
        allow = getattr(source, "allow", None)
        if allow is not None and allow.refused:
            refused[f"not allowed: {source.name}"] += allow.refused
        for reason, count in dict(getattr(source, "rejected", None) or {}).items():
            refused[f"{reason}: {source.name}"] += count
    counters = (
        ("dialogs that made room", store.counters.evicted, "doubtful"),
        ("streams that made room", store.streams.evicted, "doubtful"),
        ("malformed SIP messages", store.counters.malformed, "doubtful"),
        ("SIP messages captured twice", store.counters.duplicates, ""),
        ("not recorded", engine.unrecorded, "failed"),
    )
    senders = [sender for sink in engine.sinks for sender in getattr(sink, "senders", ())]
    servers = tuple(
        Server(
            str(sender.target),
            "" if sender.connected else sender.failure or "no connection yet",
            sender.traffic.messages,
            len(sender.backlog),
            sender.backlog.dropped,
        )
        for sender in senders
    )
    return Facts(
        sources,
        rates,
        engine.network_counts(),
        counters,
        tuple(refused.most_common()),
        engine.hep_senders(),
        engine.tzsp_senders(),
        servers,
        time.time_ns(),
    )


def sources_lines(facts: Facts, width: int) -> list[Line]:
    """Return the screen in `width` cells."""
    lines: list[Line] = [(), *_sources(facts, width)]
    lines += [(), *_counters(facts, width)]
    lines += _servers(facts.servers, width)
    lines += _tzsp(facts.tzsp, facts.now, width)
    return [*lines, *_hep(facts.hep, facts.now, width)]


def _sources(facts: Facts, width: int) -> list[Line]:
    lines = _table(
        ("Source", "Kind", "Packets", "MB", "Packets/s", "kbit/s", "Lost", "Cut"),
        [
            (
                source_name(source),
                source.kind,
                f"{source.packets:,}",
                f"{source.bytes / 1e6:,.1f}",
                f"{packets:,.0f}",
                f"{octets * 8 / 1000:,.0f}",
                "" if source.kernel_drops is None else f"{source.kernel_drops:,}",
                f"{source.truncated_packets:,}",
            )
            for source, (packets, octets) in zip(facts.sources, facts.rates, strict=False)
        ],
        width,
        texts=2,
        alarms=(6,),
    )
    told: list[Line] = []
    for source, line in zip(facts.sources, lines[1:], strict=True):
        told.append(line)
        if source.damaged:
            told.append((Span(f"  {display(source.damaged)}", "failed"),))
        elif source.progress is not None and source.progress < 1:
            told.append((Span(f"  {100 * source.progress:.0f} % read", "progress"),))
    return [lines[0], *told]


def _counters(facts: Facts, width: int) -> list[Line]:
    drops = sum(source.kernel_drops or 0 for source in facts.sources)
    left = [("lost in the kernel", drops, "failed"), *facts.store]
    left += [(display(reason), count, "doubtful") for reason, count in facts.refused]
    right = [(words, int(getattr(facts.network, name)), style) for name, words, style in _NOT_READ]
    if width < 76:
        return [
            *_counted("Lost, or made room", left, width),
            (),
            *_counted("Not read", right, width),
        ]
    half = min(width // 2, 60)
    first = _counted("Lost, or made room", left, half - 2)
    second = _counted("Not read", right, half - 2)
    blank = [()] * max(0, len(second) - len(first))
    more = [()] * max(0, len(first) - len(second))
    return [
        (*_filled(one, half), *other)
        for one, other in zip([*first, *blank], [*second, *more], strict=True)
    ]


def _counted(title: str, counts: Iterable[tuple[str, int, str]], width: int) -> list[Line]:
    room = min(width, 44)
    return [
        (Span(title, "strong"),),
        *(
            (
                Span(fit(words, room - _COUNT), "" if count else "old"),
                Span(fit(f"{count:,}", _COUNT, right=True), style if count else "old"),
            )
            for words, count, style in counts
        ),
    ]


def _servers(servers: tuple[Server, ...], width: int) -> list[Line]:
    if not servers:
        return []
    rows = [
        (
            display(server.name),
            display(server.state) or "connected",
            f"{server.sent:,}",
            f"{server.waiting:,}",
            f"{server.dropped:,}",
        )
        for server in servers
    ]
    titles = ("HEP goes to", "State", "Sent", "Waiting", "Dropped")
    return [(), *_table(titles, rows, width, texts=2, alarms=(4,))]


def _tzsp(senders: tuple[TzspSender, ...], now: int, width: int) -> list[Line]:
    if not senders:
        return []
    rows = [
        (
            sender.host,
            f"{sender.packets:,}",
            f"{sender.rate:,}",
            _ago(sender.last, now),
            f"{sender.duplicates:,}",
            f"{sender.truncated:,}",
        )
        for sender in senders[:_MOST_SENDERS]
    ]
    titles = ("TZSP comes from", "Packets", "A second", "Last", "Copies", "Cut")
    return [(), *_table(titles, rows, width, texts=1, alarms=())]


def _hep(senders: tuple[HepSender, ...], now: int, width: int) -> list[Line]:
    if not senders:
        return []
    rows = [
        (
            address_text(sender.address),
            display(", ".join(_agent(each.capture_id, each.node) for each in sender.agents)),
            f"{sender.messages:,}",
            f"{sender.rate:,}",
            _ago(sender.last, now),
            f"{sender.odd_times:,}",
            f"{sum(count for _, count in sender.rejected):,}",
        )
        for sender in senders[:_MOST_SENDERS]
    ]
    titles = ("HEP comes from", "Agent", "Messages", "A second", "Last", "Odd time", "Rejected")
    lines = _table(titles, rows, width, texts=2, alarms=(6,))
    told: list[Line] = [(), lines[0]]
    for sender, line in zip(senders, lines[1:], strict=False):
        told.append(line)
        told += [
            (Span(f"  {count:,} rejected: {display(reason)}", "doubtful"),)
            for reason, count in sender.rejected
        ]
    return told


def _agent(capture_id: int, node: bytes) -> str:
    return f"{node.decode('utf-8', 'replace')} {capture_id}".strip()


def _ago(moment: int, now: int) -> str:
    seconds = max(0, now - moment) // _SECOND
    if seconds < 100:
        return f"{seconds} s"
    return f"{seconds // 60:,} min" if seconds < 6000 else f"{seconds // 3600:,} h"


def _table(
    titles: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    width: int,
    *,
    texts: int,
    alarms: tuple[int, ...],
) -> list[Line]:
    """Return a table: some columns of text, then numbers, those in `alarms` red above 0."""
    cells = [max(cell_len(row[n]) for row in (titles, *rows)) for n in range(len(titles))]
    spare = width - sum(cells) - 2 * (len(cells) - 1)
    if spare < 0:
        cells[0] = max(8, cells[0] + spare)
        spare = width - sum(cells) - 2 * (len(cells) - 1)
    if spare < 0 and texts > 1:
        cells[1] = max(6, cells[1] + spare)
    ends = [sum(cells[: n + 1]) + 2 * n for n in range(len(cells))]
    seen = [n for n, end in enumerate(ends) if end <= width]

    def line(row: tuple[str, ...], heading: bool) -> Line:
        return tuple(
            Span(
                ("  " if n else "") + fit(row[n], cells[n], right=n >= texts),
                "old" if heading else "failed" if n in alarms and row[n] not in ("", "0") else "",
            )
            for n in seen
        )

    return [line(titles, True), *(line(row, False) for row in rows)]


def _filled(line: Line, width: int) -> Line:
    return (*line, Span(" " * (width - sum(cell_len(span.text) for span in line))))
