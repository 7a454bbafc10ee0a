"""What the engine tells to HEP servers: SIP as it is taken, RTCP, and reports on RTP."""

import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from sipscope.calls.incoming import Incoming
from sipscope.calls.store import DialogStore
from sipscope.decode.address import Endpoint
from sipscope.decode.batch import Column
from sipscope.decode.network import Datagrams
from sipscope.errors import Problem, SipscopeError, UsageError
from sipscope.forward.addresses import Addresses
from sipscope.forward.backlog import Backlog
from sipscope.forward.hep_message import RTCP_JSON, RTP_SHORT_REPORT, SIP, HepEncoder
from sipscope.forward.rtcp_reports import RtcpReports
from sipscope.forward.sender import Sender
from sipscope.forward.spool import open_spool
from sipscope.forward.stream_reports import Report, StreamReports
from sipscope.forward.target import Target

FLUSH_S: Final = 2.0
"""How long the end waits for what is on its way."""

PERIOD_NS: Final = 10_000_000_000
SPOOL_BYTES: Final = 100 << 20

_UNUSUAL = re.compile("[^A-Za-z0-9.-]")


class HepSink:
    """Encodes for each agent that sipscope is, and hands over to the servers.

    All but `close` belongs to the engine's thread.

    Args:
        store: Where the engine puts what it takes.
        senders: The servers.
        report_kind: HEP type of reports on RTP: `RTP_REPORT` or `RTP_SHORT_REPORT`.
        period: Between two reports on a stream, ns.

    Attributes:
        senders: The servers.
        taken: Messages of each HEP type that were taken.
        refused: Messages that could not be encoded, by the code of the reason.
    """

    def __init__(
        self,
        store: DialogStore,
        senders: Sequence[Sender],
        report_kind: int = RTP_SHORT_REPORT,
        period: int = PERIOD_NS,
    ) -> None:
        self.senders = tuple(senders)
        self.taken: Counter[int] = Counter()
        self.refused: Counter[str] = Counter()
        self._report_kind = report_kind
        self._streams = StreamReports(store, period)
        self._control = RtcpReports(store, self._streams)
        self._agents: dict[tuple[int, bytes, bytes], list[Sender]] = {}
        for sender in senders:
            self._agents.setdefault(_agent(sender.target), []).append(sender)
        self._encoders = [
            (HepEncoder(*agent), together) for agent, together in self._agents.items()
        ]
        self._step = max(period // 4, 1)
        self._finished = False

    @property
    def endpoints(self) -> set[Endpoint]:
        """Transport addresses of the servers: what goes there is not to be taken in again."""
        return {endpoint for sender in self.senders for endpoint in sender.addresses.endpoints}

    @property
    def step(self) -> int:
        """How often `tick` is to be called at least, by capture time: reports are so exact."""
        return self._step

    @property
    def congested(self) -> bool:
        """Whether files had better be read more slowly."""
        return any(sender.congested for sender in self.senders)

    @property
    def busy(self) -> bool:
        """Whether what waits may soon be sent."""
        return any(sender.hopeful for sender in self.senders)

    def take_messages(self, messages: Sequence[Incoming]) -> None:
        """Send SIP messages on; without a correlation id, which would hide the other leg."""
        self.taken[SIP] += len(messages)
        for encoder, senders in self._encoders:
            encode = encoder.encode
            self._hand_over(
                [encode(SIP, message[0], message[2], message[3]) for message in messages], senders
            )

    def take_rtcp(self, datagrams: Datagrams, rows: Column) -> None:
        """Take the datagrams at `rows`, which are RTCP."""
        self._control.add(datagrams, rows)

    def tick(self, now: int) -> None:
        """Send reports that are due at the capture time `now`, ns since the epoch."""
        self._take_reports(RTCP_JSON, self._control.tick())
        self._take_reports(self._report_kind, self._streams.tick(now))

    def finish(self, now: int) -> None:
        """Send the last reports: nothing more will come."""
        if not self._finished:
            self._finished = True
            self._take_reports(RTCP_JSON, self._control.tick())
            self._take_reports(self._report_kind, self._streams.finish(now))

    def turn(self) -> bool:
        """Let each server have what it takes now; tell whether there is more to do at once."""
        now = time.monotonic_ns()
        more = [sender.turn(now) for sender in self.senders]
        return any(more)

    def descriptors(self) -> tuple[list[int], list[int]]:
        """Return what to wait for to become readable and writable."""
        readable, writable = [], []
        for sender in self.senders:
            descriptor, writes = sender.descriptors()
            if descriptor is not None:
                readable.append(descriptor)
                if writes:
                    writable.append(descriptor)
        return readable, writable

    def close(self) -> None:
        """Send what waits as long as servers take it, for two seconds at most; then end."""
        deadline = time.monotonic() + FLUSH_S
        while time.monotonic() < deadline:
            self.turn()
            waited_for = [s for s in self.senders if s.connected or s.hopeful]
            if all(sender.settled() for sender in waited_for):
                break
            time.sleep(0.002)
        for sender in self.senders:
            sender.close()

    def _take_reports(self, kind: int, reports: Sequence[Report]) -> None:
        if not reports:
            return
        self.taken[kind] += len(reports)
        for encoder, senders in self._encoders:
            encoded = [
                encoder.encode(
                    kind, report.time, report.flow, report.payload, report.correlation, report.mos
                )
                for report in reports
            ]
            self._hand_over(encoded, senders)

    def _hand_over(self, encoded: Iterable[bytes | Problem], senders: Sequence[Sender]) -> None:
        messages: list[bytes] = []
        for message in encoded:
            if isinstance(message, Problem):
                self.refused[message.code] += 1
            else:
                messages.append(message)
        for sender in senders:
            sender.put(messages)


def _agent(target: Target) -> tuple[int, bytes, bytes]:
    return target.capture_id, target.key, target.node


def open_hep_sink(
    store: DialogStore,
    targets: Sequence[Target],
    *,
    report_kind: int = RTP_SHORT_REPORT,
    period: int = PERIOD_NS,
    spool: str = "",
    spool_bytes: int = SPOOL_BYTES,
) -> HepSink:
    """Return the sink for servers, with all opened that can fail.

    Args:
        store: Where the engine puts what it takes.
        targets: The servers.
        report_kind: HEP type of reports on RTP.
        period: Between two reports on a stream, ns.
        spool: Directory for what waits for servers that are away; none when empty. Each
            server has a directory in it.
        spool_bytes: What each of those may hold.

    Raises:
        SipscopeError: A server is not known or is named twice, or its spool cannot be used.
    """
    names = [str(target) for target in targets]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--hep-send names {name} twice", "Name each server once")
    senders: list[Sender] = []
    try:
        for target in targets:
            addresses = Addresses(target)
            place = os.path.join(spool, _directory(target))
            backlog = Backlog(open_spool(place, spool_bytes) if spool else None)
            senders.append(Sender(target, addresses, backlog))
    except SipscopeError:
        for sender in senders:
            sender.close()
        raise
    return HepSink(store, senders, report_kind, period)


def _directory(target: Target) -> str:
    """Return the name of a server's directory, whatever its own name is."""
    host = _UNUSUAL.sub("_", target.host)
    return f"{target.transport}-{host}-{target.port}"
