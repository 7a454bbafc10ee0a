"""One HEP server: what waits for it, and the connection that is made again when it breaks."""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import random
from typing import Final

from sipscope.errors import UsageError
from sipscope.forward.addresses import Addresses
from sipscope.forward.backlog import Backlog
from sipscope.forward.connection import (
    MILLISECOND,
    Connection,
    DatagramConnection,
    StreamConnection,
)
from sipscope.forward.target import Target

SECOND: Final = 1000 * MILLISECOND
SHORTEST_WAIT_NS: Final = 1 * SECOND
LONGEST_WAIT_NS: Final = 60 * SECOND
HOPEFUL_ATTEMPTS: Final = 3


@dataclass(slots=True)
class Traffic:
    """What went to a server.

    Attributes:
        messages: Sent, those sent again included.
        octets: In them.
        repeated: Messages sent again after a connection broke.
        refused: Messages that no datagram can carry.
        failures: Connections that broke or were not made.
        connections: Made.
    """

    messages: int = 0
    octets: int = 0
    repeated: int = 0
    refused: int = 0
    failures: int = 0
    connections: int = 0


class Sender:
    """Sends messages to one server, never waiting.

    Args:
        target: The server.
        addresses: Where it is.
        backlog: What waits for it.
        chance: Spreads the attempts of many agents.

    Attributes:
        traffic: What was sent.
        failure: Why there is no connection, in words; None when there is one or none was tried.
    """

    def __init__(
        self,
        target: Target,
        addresses: Addresses,
        backlog: Backlog,
        chance: Callable[[], float] = random,
    ) -> None:
        self.target = target
        self.addresses = addresses
        self.backlog = backlog
        self.traffic = Traffic()
        self.failure: str | None = None
        self._chance = chance
        self._secure = _secure(target) if target.transport == "tls" else None
        self._connection: Connection | None = None
        self._attempts = 0
        self._next_attempt = 0

    @property
    def connected(self) -> bool:
        """Whether messages can be sent."""
        return self._connection is not None and self._connection.ready

    @property
    def hopeful(self) -> bool:
        """Whether what waits may soon be sent."""
        return bool(self.backlog) and (self.connected or self._attempts < HOPEFUL_ATTEMPTS)

    @property
    def congested(self) -> bool:
        """Whether whoever can wait had better do so: the server will take them, but not so fast."""
        return self.backlog.full and self.hopeful

    def put(self, messages: Sequence[bytes]) -> None:
        """Take messages to be sent."""
        self.backlog.put(messages, away=self._attempts > 0 and not self.connected)

    def turn(self, now: int) -> bool:
        """Send what can be sent now; tell whether there is more to do at once.

        Args:
            now: Monotonic time, ns.
        """
        connection = self._connection
        try:
            if connection is None:
                if now < self._next_attempt:
                    return False
                connection = self._connection = self._connect(now)
            was_ready = connection.ready
            connection.poll(now)
            if connection.ready and not was_ready:
                self._attempts = 0
                self.failure = None
                self.traffic.connections += 1
            return self._send(connection, now)
        except OSError as error:
            self._lose(error, now)
            return False

    def descriptors(self) -> tuple[int | None, bool]:
        """Return what to wait for to be readable, and whether for writable, too."""
        connection = self._connection
        if connection is None:
            return None, False
        return connection.fileno(), connection.wants_write(bool(self.backlog))

    def settled(self) -> bool:
        """Tell whether all that came was sent, and has come as far as can be known."""
        connection = self._connection
        return not self.backlog and (connection is None or connection.settled())

    def close(self) -> None:
        """End the connection; what was not sent stays in the spool, if there is one."""
        connection = self._connection
        if connection is not None:
            if not connection.settled():
                self.backlog.give_back(connection.held())
            connection.close()
            self._connection = None
        self.backlog.close()

    def _connect(self, now: int) -> Connection:
        family, address = self.addresses.next()
        if self.target.transport == "udp":
            return DatagramConnection(address, family)
        return StreamConnection(
            address, family, now, self._secure, cautious=self.traffic.connections > 0
        )

    def _send(self, connection: Connection, now: int) -> bool:
        backlog, traffic = self.backlog, self.traffic
        backlog.refill()
        refused = connection.refused
        sent = connection.send(backlog.ready, now)
        if not sent:
            return False
        size = backlog.took(sent)
        traffic.refused += connection.refused - refused
        traffic.messages += len(sent)
        traffic.octets += size
        return bool(backlog) and connection.ready and not connection.wants_write(False)

    def _lose(self, error: OSError, now: int) -> None:
        """Take back what may not have come; say when to try again."""
        connection, self._connection = self._connection, None
        self.failure = _in_words(error)
        self.traffic.failures += 1
        if connection is not None:
            held = connection.held()
            self.traffic.repeated += len(held)
            connection.close()
            self.backlog.give_back(held)
        wait = min(SHORTEST_WAIT_NS << min(self._attempts, 6), LONGEST_WAIT_NS)
        self._next_attempt = now + round(wait * (0.5 + self._chance() / 2))
        self._attempts += 1
        self.addresses.refresh()


def _secure(target: Target) -> Callable[..., ssl.SSLSocket]:
    """Return what makes TLS of a socket.

    Raises:
        UsageError: The certificate authorities cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=target.ca)
    except OSError as error:
        raise UsageError(
            f"{target.ca} holds no certificate authorities: {error.strerror or error}",
            "Name a PEM file with ca=FILE",
        ) from error
    if not target.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE

    def secure(plain: object) -> ssl.SSLSocket:
        return context.wrap_socket(
            plain,  # type: ignore[arg-type]
            server_hostname=target.host,
            do_handshake_on_connect=False,
        )

    return secure


def _in_words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused, {error.verify_message}: see ca= and verify="
    return error.strerror or str(error)
