"""Servers that take HEP, as good or bad as a test wants them, and time for a sender to pass."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from sipscope.forward.sender import Sender
from tests.forward.fields import split

LOOPBACK = "127.0.0.1"
SO_RCVBUFFORCE = 33


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that nobody has just now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


class DatagramServer:
    """Takes datagrams until it is closed.

    Attributes:
        port: Where.
        messages: In the order in which they came.
    """

    def __init__(self, port: int = 0) -> None:
        self.messages: list[bytes] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with suppress(PermissionError):
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self._socket.bind((LOOPBACK, port))
        self._socket.settimeout(0.05)
        self.port = int(self._socket.getsockname()[1])
        self._open = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> "DatagramServer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take what is there, then go away."""
        self._open = False
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while True:
            try:
                self.messages.append(self._socket.recv(65_535))
            except TimeoutError:
                if not self._open:
                    return


class StreamServer:
    """Takes HEP over TCP or TLS until it is closed, one connection at a time.

    Args:
        port: Where; 0 for any.
        context: For TLS.
        slow: Seconds between two reads, of 4 kB each.
        resets: Bytes after which a connection is reset, without reading what is there.

    Attributes:
        port: Where.
        connections: How many there were.
    """

    def __init__(
        self,
        port: int = 0,
        context: ssl.SSLContext | None = None,
        slow: float = 0.0,
        resets: int = 0,
    ) -> None:
        self.connections = 0
        self.slow = slow
        self.resets = resets
        self._context = context
        self._streams: list[bytearray] = []
        self._listener = socket.create_server((LOOPBACK, port))
        self._listener.settimeout(0.02)
        self.port = int(self._listener.getsockname()[1])
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> "StreamServer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def messages(self) -> list[bytes]:
        """Whole messages, connection by connection."""
        return [message for stream in list(self._streams) for message in split(bytes(stream))]

    @property
    def received(self) -> int:
        """Bytes of all connections."""
        return sum(map(len, list(self._streams)))

    def close(self) -> None:
        """Go away, resetting the connection."""
        self._ended.set()
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            with suppress(TimeoutError, OSError):
                accepted, _ = self._listener.accept()
                self.connections += 1
                with suppress(OSError), accepted:
                    self._serve(accepted)

    def _serve(self, accepted: socket.socket) -> None:
        accepted.settimeout(5)
        if self._context is not None:
            accepted = self._context.wrap_socket(accepted, server_side=True)
        accepted.settimeout(0.02)
        stream = bytearray()
        self._streams.append(stream)
        with accepted:
            while not self._ended.is_set():
                if self.slow:
                    self._ended.wait(self.slow)
                try:
                    data = accepted.recv(4096 if self.slow else 65_536)
                except TimeoutError:
                    continue
                if not data:
                    return
                stream += data
                if self.resets and len(stream) >= self.resets:
                    break
            linger = struct.pack("ii", 1, 0)
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def serve(sender: Sender, until: Callable[[], bool], seconds: float = 20.0) -> float:
    """Give a sender its turns until something has come to pass.

    Returns:
        The longest turn in seconds of processor time of this thread, which a busy machine
        does not make longer.
    """
    deadline = time.monotonic() + seconds
    longest = 0.0
    while not until():
        assert time.monotonic() < deadline, f"it did not come to that; {sender.failure}"
        begin = time.thread_time()
        more = sender.turn(time.monotonic_ns())
        longest = max(longest, time.thread_time() - begin)
        if not more:
            time.sleep(0.001)
    return longest


@contextmanager
def closing(sender: Sender) -> Iterator[Sender]:
    """Close a sender at the end."""
    try:
        yield sender
    finally:
        sender.close()
