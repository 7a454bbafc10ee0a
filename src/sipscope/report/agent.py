"""`sipscope agent`: no screen, only what is sent on, and figures of how that goes."""

import gc
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final, TextIO

from sipscope.decode.text import display
from sipscope.engine import Engine, SourceStatus
from sipscope.forward.hep_sink import HepSink
from sipscope.forward.metrics import Labels, Metric, MetricsServer, parse_listen
from sipscope.forward.sender import Sender

LINE_S: Final = 10.0

METHODS: Final = frozenset(
    {
        *("ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS"),
        *("PRACK", "PUBLISH", "REFER", "REGISTER", "SUBSCRIBE", "UPDATE"),
    }
)
"""Methods that have a label of their own: a hostile sender has no end of others."""

_TYPES = {1: "sip", 5: "rtcp", 34: "rtp", 35: "rtp"}


def run_agent(engine: Engine, listen: str, stream: TextIO) -> int:
    """Run an engine that has a `HepSink`, and tell of it.

    Args:
        engine: Not started yet.
        listen: `[ADDRESS:]PORT` for Prometheus, empty for none.
        stream: For lines of counters when it is a terminal, and for what goes wrong.

    Returns:
        The exit status.

    Raises:
        SipscopeError: Nobody can listen there.
    """
    # Records of the store hold no cycles; looking through all of them takes a third of the time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    (sink,) = (sink for sink in engine.sinks if isinstance(sink, HepSink))
    server = None
    try:
        if listen:
            server = MetricsServer(*parse_listen(listen), lambda: metrics(engine, sink))
        return Agent(engine, sink, stream).run()
    finally:
        if server is not None:
            server.close()


class Agent:
    """Runs an engine until it is told to end or its files are read and sent.

    Args:
        engine: With `sink` among its sinks.
        sink: What sends.
        stream: For lines of counters when it is a terminal, and for what goes wrong.
    """

    def __init__(self, engine: Engine, sink: HepSink, stream: TextIO) -> None:
        self._engine = engine
        self._sink = sink
        self._stream = stream
        self._terminal = stream.isatty()
        self._next_line = time.monotonic() + LINE_S
        self._ended = False
        self._told: dict[Sender, str | None] = {}

    def run(self) -> int:
        """Run in this thread; return the exit status, 1 when something could not be sent."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._end) for number in numbers}
        try:
            self._engine.run(self._after_turn)
            self._engine.stop()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        self._line()
        kept = lost = 0
        for sender in self._sink.senders:
            lost += sender.backlog.dropped
            kept += sender.backlog.left
        if kept:
            self._say(f"{kept:,} messages wait in the spool for the next run")
        if lost:
            self._say(f"{lost:,} messages could not be sent. Use --spool DIR to keep them")
        return 1 if lost or (kept and not self._ended) else 0

    def _end(self, _: int, __: FrameType | None) -> None:
        self._ended = True

    def _after_turn(self) -> None:
        if self._ended:
            self._engine.end()
        for sender in self._sink.senders:
            state = None if sender.connected else sender.failure
            if self._told.get(sender, "") != state and (state or sender.connected):
                self._told[sender] = state
                self._say(f"{sender.target} {state or 'takes messages'}")
        if self._terminal and time.monotonic() >= self._next_line:
            self._next_line += LINE_S
            self._line()

    def _line(self) -> None:
        if self._terminal:
            self._stream.write(counters_line(self._engine, self._sink) + "\n")

    def _say(self, text: str) -> None:
        self._stream.write(f"sipscope: {display(text)}\n")
        self._stream.flush()


def counters_line(engine: Engine, sink: HepSink) -> str:
    """Return how things are, in one line."""
    status = engine.status()
    sent = sum(sender.traffic.messages for sender in sink.senders)
    waiting = sum(len(sender.backlog) for sender in sink.senders)
    dropped = sum(sender.backlog.dropped for sender in sink.senders)
    there = sum(sender.connected for sender in sink.senders)
    return (
        f"{status.packets:,} packets ({status.packet_rate:,.0f}/s, {status.lost:,} lost)"
        f"   SIP {engine.store.counters.messages:,} ({status.sip_rate:,.0f}/s)"
        f"   HEP sent {sent:,}, waiting {waiting:,}, dropped {dropped:,}"
        f"   servers {there}/{len(sink.senders)}"
    )


def metrics(engine: Engine, sink: HepSink) -> Iterator[Metric]:
    """Give the figures of an agent."""
    status, store = engine.status(), engine.store
    with store.lock:
        methods, statuses = dict(store.counters.methods), dict(store.counters.statuses)
        states = dict(store.states)
    by_method: Counter[str] = Counter()
    for method, count in methods.items():
        by_method[method if method in METHODS else "other"] += count
    yield from _of_sources(status.sources)
    yield _plain("sip_messages_total", "counter", "SIP messages", store.counters.messages)
    yield Metric(
        "sip_requests_total",
        "counter",
        "SIP requests by method",
        [({"method": method}, count) for method, count in sorted(by_method.items())],
    )
    yield Metric(
        "sip_responses_total",
        "counter",
        "SIP responses by status code",
        [({"status": str(code)}, count) for code, count in sorted(statuses.items())],
    )
    yield _plain("sip_malformed_total", "counter", "Messages that break RFC 3261", status.malformed)
    duplicates = store.counters.duplicates
    yield _plain("sip_duplicates_total", "counter", "Messages captured twice", duplicates)
    yield Metric(
        "dialogs",
        "gauge",
        "Dialogs that are kept, by state",
        [({"state": str(state.value)}, count) for state, count in states.items()],
    )
    yield _plain("evicted_total", "counter", "Dialogs and streams that made room", status.evicted)
    yield _plain("rtp_packets_total", "counter", "RTP packets", engine.rtp_packets)
    yield _plain("rtcp_packets_total", "counter", "RTCP packets", engine.rtcp_packets)
    yield _plain("rtp_streams", "gauge", "RTP streams that are kept", len(store.streams))
    yield from _of_sink(sink)


def _of_sources(sources: tuple[SourceStatus, ...]) -> Iterator[Metric]:
    labels: list[Labels] = [{"source": source.name, "kind": source.kind} for source in sources]
    for name, text, values in (
        ("packets_total", "Packets by source", [source.packets for source in sources]),
        ("packet_bytes_total", "Captured bytes by source", [source.bytes for source in sources]),
        ("drops_total", "Packets that were lost", [s.kernel_drops or 0 for s in sources]),
        ("truncated_total", "Packets cut short", [s.truncated_packets for s in sources]),
    ):
        yield Metric(name, "counter", text, list(zip(labels, values, strict=True)))


def _of_sink(sink: HepSink) -> Iterator[Metric]:
    taken: Counter[str] = Counter()
    for kind, count in dict(sink.taken).items():
        taken[_TYPES.get(kind, "other")] += count
    yield Metric(
        "hep_taken_total",
        "counter",
        "Messages to be sent, by payload",
        [({"type": kind}, count) for kind, count in sorted(taken.items())],
    )
    yield Metric(
        "hep_refused_total",
        "counter",
        "Messages that cannot be encoded, by reason",
        [({"reason": reason}, count) for reason, count in sorted(dict(sink.refused).items())],
    )
    servers = [(sender, {"server": str(sender.target)}) for sender in sink.senders]
    counters: tuple[tuple[str, str, Callable[[Sender], float]], ...] = (
        ("hep_sent_total", "Messages sent", lambda s: s.traffic.messages),
        ("hep_sent_bytes_total", "Bytes sent", lambda s: s.traffic.octets),
        ("hep_repeated_total", "Messages to be sent again", lambda s: s.traffic.repeated),
        ("hep_too_long_total", "Messages beyond the datagram", lambda s: s.traffic.refused),
        ("hep_errors_total", "Connections that broke", lambda s: s.traffic.failures),
        ("hep_connects_total", "Connections made", lambda s: s.traffic.connections),
        ("hep_dropped_total", "Messages that made room", lambda s: s.backlog.dropped),
    )
    for name, text, value in counters:
        yield Metric(name, "counter", text, [(labels, value(s)) for s, labels in servers])
    gauges: tuple[tuple[str, str, Callable[[Sender], float]], ...] = (
        ("hep_connected", "Whether the server is there", lambda s: s.connected),
        ("hep_queue_messages", "Messages in memory", lambda s: len(s.backlog.ready)),
        ("hep_spool_messages", "Messages on the disk", lambda s: s.backlog.spooled),
    )
    for name, text, value in gauges:
        yield Metric(name, "gauge", text, [(labels, value(s)) for s, labels in servers])


def _plain(name: str, kind: str, text: str, value: float) -> Metric:
    return Metric(name, "counter" if kind == "counter" else "gauge", text, [({}, value)])
