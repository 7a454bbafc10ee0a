"""Connections to a HEP server that never wait: UDP, TCP and TLS.

What was sent is held until the server's kernel has it and a little longer, so that it can be
sent again when the connection breaks: rather twice than never.
"""

import errno
import fcntl
import os
import select
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

MILLISECOND: Final = 1_000_000

REFUSAL_NS: Final = 250 * MILLISECOND
"""So long it takes at most until the kernel hears that nobody takes the datagrams."""

GRACE_NS: Final = 1_000 * MILLISECOND
"""So long a server may take to read what its kernel has: if it resets then, that is lost."""

CONNECT_NS: Final = 10_000 * MILLISECOND
UNANSWERED_NS: Final = 30_000 * MILLISECOND
"""So long a server may stay silent to what it was sent; one that only does not read answers."""

PROBE_S: Final = 10
LOST_PROBES: Final = 3
HELD_BYTES: Final = 8 << 20
CAUTIOUS_BYTES: Final = 128 << 10
"""So much is held at first after a connection broke: else a server that breaks each one soon
would get the same messages for ever."""

DATAGRAMS_PER_TURN: Final = 512
CHUNK_BYTES: Final = 64 << 10
CHUNKS_PER_TURN: Final = 16
_SEND_BUFFER: Final = 1 << 20

_SIOCOUTQ = 0x5411  # bytes that the other side has not acknowledged, tcp(7)
_TCP_INFO = struct.Struct("8x13I")  # linux/tcp.h, up to tcpi_last_ack_recv
_PROBES, _UNACKNOWLEDGED, _LAST_ANSWER_MS = 3, 4, 12
_FULL = (errno.EAGAIN, errno.ENOBUFS)


class Batch(NamedTuple):
    """Messages that were sent at one time.

    Attributes:
        time: When, monotonic, ns.
        end: How many bytes were sent with them.
        messages: In order.
    """

    time: int
    end: int
    messages: list[bytes]


class Connection(Protocol):
    """One attempt to talk to a server; it ends with an `OSError`.

    Attributes:
        ready: Whether messages can be sent.
        refused: Messages that no such connection can carry.
    """

    ready: bool
    refused: int

    def fileno(self) -> int:
        """Return the descriptor to wait for."""

    def wants_write(self, waiting: bool) -> bool:
        """Tell whether there is something to write, given whether messages wait."""

    def poll(self, now: int) -> None:
        """Hear what became of the connection; `now` is monotonic, in ns.

        Raises:
            OSError: It is broken.
        """

    def send(self, queue: deque[bytes], now: int) -> list[bytes]:
        """Take messages from the left of `queue` and send them; return them.

        Raises:
            OSError: The connection is broken.
        """

    def settled(self) -> bool:
        """Tell whether the server has all that was sent, as far as can be known."""

    def held(self) -> list[bytes]:
        """Return what was sent and may not have come."""

    def close(self) -> None:
        """End the connection."""


class DatagramConnection:
    """UDP: the first message is a probe, as the kernel tells when nobody takes it."""

    def __init__(self, address: tuple[str, int], family: socket.AddressFamily) -> None:
        self.ready = False
        self.refused = 0
        self._probed: int | None = None
        self._full = False
        self._batches: deque[Batch] = deque()
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        try:
            self._socket.connect(address)
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._socket.fileno()

    def wants_write(self, waiting: bool) -> bool:
        """Tell whether there is something to write, given whether messages wait."""
        return waiting and self._full

    def poll(self, now: int) -> None:
        """Hear of refusals; let go of what was not refused for a while."""
        self._full = False
        with suppress(BlockingIOError):
            while True:
                self._socket.recv(16)
        while self._batches and now - self._batches[0].time >= REFUSAL_NS:
            self._batches.popleft()
        if self._probed is not None and not self.ready:
            self.ready = now - self._probed >= REFUSAL_NS

    def send(self, queue: deque[bytes], now: int) -> list[bytes]:
        """Send datagrams; before it is known that they are taken, just one."""
        if not self.ready and self._probed is not None:
            return []
        most = DATAGRAMS_PER_TURN if self.ready else 1
        sent: list[bytes] = []
        send = self._socket.send
        try:
            while queue and len(sent) < most:
                try:
                    send(queue[0])
                except OSError as error:
                    if error.errno in _FULL:
                        self._full = True
                        break
                    if error.errno != errno.EMSGSIZE:
                        raise
                    self.refused += 1
                sent.append(queue.popleft())
        finally:
            if sent:
                self._probed = now if self._probed is None else self._probed
                self._batches.append(Batch(now, 0, sent))
        return sent

    def settled(self) -> bool:
        """Tell whether nothing can be refused any more."""
        return not self._batches

    def held(self) -> list[bytes]:
        """Return what may have been refused."""
        return [message for batch in self._batches for message in batch.messages]

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


class StreamConnection:
    """TCP, and TLS over it.

    Args:
        address: Of the server.
        family: Of the address.
        now: Monotonic time, ns.
        secure: Makes TLS of a connected socket; None for TCP alone.
        cautious: Whether the connection before this one broke.
    """

    def __init__(
        self,
        address: tuple[str, int],
        family: socket.AddressFamily,
        now: int,
        secure: Callable[[socket.socket], ssl.SSLSocket] | None = None,
        *,
        cautious: bool = False,
    ) -> None:
        self.ready = False
        self.refused = 0
        self._secure = secure
        self._started = now
        self._connected = False
        self._wants_write = True
        self._written = 0
        self._held_bytes = 0
        self._window = CAUTIOUS_BYTES if cautious else HELD_BYTES
        self._unsent = memoryview(b"")
        self._batches: deque[Batch] = deque()
        self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        options = (
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, PROBE_S),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_S),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, LOST_PROBES),
        )
        for option in options:
            self._socket.setsockopt(*option)
        with suppress(BlockingIOError):
            try:
                self._socket.connect(address)
            except BlockingIOError:
                raise
            except OSError:
                self._socket.close()
                raise

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._socket.fileno()

    def wants_write(self, waiting: bool) -> bool:
        """Tell whether there is something to write, given whether messages wait."""
        if not self.ready:
            return self._wants_write
        return bool(self._unsent) or (waiting and self._may_load())

    def poll(self, now: int) -> None:
        """Go on with connecting; hear of the end; let go of what the server has."""
        if not self.ready:
            if now - self._started > CONNECT_NS:
                raise TimeoutError(errno.ETIMEDOUT, "no answer within 10 s")
            self._go_on()
            if not self.ready:
                return
        self._hear()
        acknowledged = self._written - self._outstanding()
        batches = self._batches
        while batches and batches[0].end <= acknowledged:
            if now - batches[0].time < GRACE_NS and self._held_bytes <= HELD_BYTES:
                break
            self._held_bytes -= sum(map(len, batches.popleft().messages))
            self._window = min(2 * self._window, HELD_BYTES)
        if batches and now - batches[0].time > UNANSWERED_NS:
            self._expect_answer()

    def send(self, queue: deque[bytes], now: int) -> list[bytes]:
        """Send as much as the kernel takes."""
        sent: list[bytes] = []
        if not self.ready:
            return sent
        for _ in range(CHUNKS_PER_TURN):
            if not self._unsent and not (self._may_load() and self._load(queue, now, sent)):
                break
            try:
                count = self._socket.send(self._unsent)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                break
            self._unsent = self._unsent[count:]
        return sent

    def settled(self) -> bool:
        """Tell whether the server's kernel has all that was sent."""
        return not self.ready or not (self._unsent or self._outstanding())

    def held(self) -> list[bytes]:
        """Return what the server may not have read."""
        return [message for batch in self._batches for message in batch.messages]

    def close(self) -> None:
        """End the connection, after what was written to it."""
        if isinstance(self._socket, ssl.SSLSocket):
            with suppress(OSError, ValueError):
                self._socket.unwrap()
        self._socket.close()

    def _may_load(self) -> bool:
        return self._window >= HELD_BYTES or self._held_bytes < self._window

    def _load(self, queue: deque[bytes], now: int, sent: list[bytes]) -> bool:
        """Take messages of some size from `queue`, to be written next."""
        messages: list[bytes] = []
        size = 0
        while queue and size < CHUNK_BYTES:
            message = queue.popleft()
            messages.append(message)
            size += len(message)
        if not messages:
            return False
        self._unsent = memoryview(b"".join(messages))
        self._written += size
        self._held_bytes += size
        self._batches.append(Batch(now, self._written, messages))
        sent += messages
        return True

    def _outstanding(self) -> int:
        """Return how many bytes the other side has not acknowledged.

        With TLS there are some more than that, which errs on the safe side.
        """
        waiting = struct.unpack("i", fcntl.ioctl(self.fileno(), _SIOCOUTQ, bytes(4)))[0]
        return int(waiting) + len(self._unsent)

    def _expect_answer(self) -> None:
        """Tell a server that is gone from one that does not read.

        TCP_USER_TIMEOUT ends both: it counts from when the window closed, answers or not. Where
        the window is closed nothing is under way, and the kernel probes at ever longer intervals.
        """
        info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        figures = _TCP_INFO.unpack(info)
        silent = figures[_LAST_ANSWER_MS] * MILLISECOND > UNANSWERED_NS
        if silent and (figures[_UNACKNOWLEDGED] or info[_PROBES] >= LOST_PROBES):
            raise TimeoutError(errno.ETIMEDOUT, "no answer for 30 s")

    def _hear(self) -> None:
        """Read what the server says, which means nothing, until it ends the connection."""
        with suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            while self._socket.recv(4096):
                pass
            raise ConnectionResetError(errno.ECONNRESET, "the server ended the connection")

    def _go_on(self) -> None:
        """Connect, then shake hands."""
        if not self._connected:
            waiting = select.poll()
            waiting.register(self._socket, select.POLLOUT)
            if not waiting.poll(0):
                return
            failed = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failed:
                raise OSError(failed, os.strerror(failed))
            self._connected = True
            if self._secure is not None:
                self._socket = self._secure(self._socket)
        if isinstance(self._socket, ssl.SSLSocket):
            try:
                self._socket.do_handshake()
            except ssl.SSLWantReadError:
                self._wants_write = False
                return
            except ssl.SSLWantWriteError:
                self._wants_write = True
                return
        self.ready = True
