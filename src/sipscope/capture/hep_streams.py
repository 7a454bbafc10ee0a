"""Connections of capture agents that send HEP over TCP or TLS; none can hold up the others."""

import errno
import selectors
import socket
import ssl
from contextlib import suppress
from typing import Final

from sipscope.capture.listener import AllowList, Received, endpoint, listening_socket
from sipscope.decode.hep import HepFramer
from sipscope.decode.hep_senders import SenderTable

MOST_CONNECTIONS: Final = 64
MOST_READ: Final = 65_536  # bytes of a connection at once
MOST_READS: Final = 12  # of a connection in one turn
MOST_ACCEPTED: Final = 16  # connections in one turn
PATIENCE: Final = 10_000_000_000
"""How long a message, or a TLS handshake, may take to become complete, in ns."""
IDLE: Final = 3_600_000_000_000
"""How long a connection may be quiet, in ns."""
CHECK_TIME: Final = 1_000_000_000  # ns between two looks at these
BACKLOG: Final = 64
_KEEPALIVE_S = 60  # after which the other side is asked whether it is still there


class _Connection:
    """One agent's connection.

    Attributes:
        last: When something came, in ns since the epoch.
        begun: When what is not complete yet began to come; None when nothing is incomplete.
        unread: Whether TLS holds bytes that the descriptor does not tell of.
    """

    __slots__ = ("begun", "framer", "handshake", "last", "own", "peer", "socket", "unread")

    def __init__(self, accepted: socket.socket, now: int) -> None:
        self.socket = accepted
        self.peer = endpoint(accepted.getpeername())
        self.own = endpoint(accepted.getsockname())
        self.framer = HepFramer()
        self.handshake = isinstance(accepted, ssl.SSLSocket)
        self.last = now
        self.begun: int | None = now if self.handshake else None
        self.unread = False


class StreamServer:
    """A port that takes connections.

    Attributes:
        address: Where it listens.
    """

    def __init__(
        self,
        host: str,
        port: int,
        allow: AllowList,
        senders: SenderTable,
        context: ssl.SSLContext | None,
    ) -> None:
        """Listen.

        Args:
            host: Numeric address; `0.0.0.0` and `::` are all of ours.
            port: 0 for any free one.
            allow: Who may connect.
            senders: Where streams that are no HEP are counted.
            context: With a certificate, for TLS.

        Raises:
            SourceError: The port is taken, or the address is not ours.
        """
        self._allow = allow
        self._senders = senders
        self._context = context
        self._connections: dict[int, _Connection] = {}
        self._next_check = 0
        self._listening = listening_socket(socket.SOCK_STREAM, host, port)
        self._listening.listen(BACKLOG)
        self.address = endpoint(self._listening.getsockname())
        # What waits on its descriptor waits for all of the connections.
        self._selector = selectors.EpollSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)

    def __len__(self) -> int:
        return len(self._connections)

    def fileno(self) -> int:
        """Return the descriptor to wait for before `receive`."""
        return self._selector.fileno()

    def receive(self, now: int, most: int) -> list[Received]:
        """Return messages that came, some `most` of them; `now` is the time in ns."""
        received: list[Received] = []
        ready = {key.fd for key, _ in self._selector.select(0)}
        if self._listening.fileno() in ready:
            self._accept(now)
        ready |= {number for number, other in self._connections.items() if other.unread}
        for number in ready & self._connections.keys():
            if len(received) >= most:
                break
            connection = self._connections[number]
            if not connection.handshake or self._shake_hands(connection):
                received += self._read(connection, now)
            # Whoever was late is first the next time.
            if number in self._connections:
                self._connections[number] = self._connections.pop(number)
        if now >= self._next_check:
            self._next_check = now + CHECK_TIME
            self._close_overdue(now)
        return received

    def close(self) -> None:
        """End all connections and listen no longer."""
        for connection in list(self._connections.values()):
            self._drop(connection)
        self._selector.close()
        self._listening.close()

    def _accept(self, now: int) -> None:
        for _ in range(MOST_ACCEPTED):
            try:
                accepted, name = self._listening.accept()
            except OSError:  # there is none, or it went away again
                return
            if not self._allow.allows(endpoint(name).address):
                accepted.close()
            elif len(self._connections) >= MOST_CONNECTIONS:
                self._senders.reject(endpoint(name).address, now, "hep.connections")
                accepted.close()
            else:
                self._welcome(accepted, now)

    def _welcome(self, accepted: socket.socket, now: int) -> None:
        try:
            accepted.setblocking(False)
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_S)
            if self._context is not None:
                accepted = self._context.wrap_socket(
                    accepted, server_side=True, do_handshake_on_connect=False
                )
            connection = _Connection(accepted, now)
        except OSError:  # it went away again
            accepted.close()
            return
        self._connections[accepted.fileno()] = connection
        self._selector.register(accepted, selectors.EVENT_READ)

    def _shake_hands(self, connection: _Connection) -> bool:
        """Go on with the handshake of TLS; tell whether it is complete."""
        assert isinstance(connection.socket, ssl.SSLSocket)
        events = selectors.EVENT_READ
        try:
            connection.socket.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLWantWriteError:
            events = selectors.EVENT_WRITE
        except OSError:
            self._reject(connection, connection.last, "hep.tls")
            return False
        else:
            connection.handshake, connection.begun = False, None
        self._selector.modify(connection.socket, events)
        return not connection.handshake

    def _read(self, connection: _Connection, now: int) -> list[Received]:
        """Return the messages that a connection has, as far as its turn goes."""
        framer, received = connection.framer, []
        for _ in range(MOST_READS):
            try:
                data = connection.socket.recv(MOST_READ)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EINTR):
                    self._drop(connection)
                break
            if not data:
                self._drop(connection)
                break
            connection.last = now
            messages = framer.feed(data)
            received += [
                Received(now, connection.peer, connection.own, message.payload)
                for message in messages
            ]
            if messages or not framer.held:
                connection.begun = None
            if framer.held and connection.begun is None:
                connection.begun = now
            if framer.lost:
                self._reject(connection, now, "hep.magic")
                break
            if len(data) < MOST_READ and not isinstance(connection.socket, ssl.SSLSocket):
                break
        tls = connection.socket
        connection.unread = isinstance(tls, ssl.SSLSocket) and tls.pending() > 0
        return received

    def _close_overdue(self, now: int) -> None:
        """Close connections that do not get on with a message, or have been quiet for long."""
        for connection in list(self._connections.values()):
            if connection.begun is not None and now - connection.begun > PATIENCE:
                self._reject(connection, now, "hep.timeout")
            elif now - connection.last > IDLE:
                self._drop(connection)

    def _reject(self, connection: _Connection, now: int, reason: str) -> None:
        self._senders.reject(connection.peer.address, now, reason)
        self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        number = connection.socket.fileno()
        if self._connections.pop(number, None) is not None:
            with suppress(KeyError, ValueError):
                self._selector.unregister(connection.socket)
        connection.unread = False
        connection.socket.close()
