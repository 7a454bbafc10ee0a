"""Figures for Prometheus (text format 0.0.4) over HTTP, for one reader at a time."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final, Literal, NamedTuple

from sipscope.decode.text import display
from sipscope.errors import SourceError, UsageError

PREFIX: Final = "sipscope_"
MAX_REQUEST: Final = 8 << 10
MAX_LABEL: Final = 100
DEADLINE_S: Final = 2.0

_LISTEN = re.compile(r"(?:(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]\s]+):)?(?P<port>[0-9]{1,5})")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

Labels = Mapping[str, str]


class Metric(NamedTuple):
    """One figure with all its labels.

    Attributes:
        name: Without the prefix.
        kind: As Prometheus calls it.
        help: What it counts, one line.
        samples: Labels and value.
    """

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    samples: Iterable[tuple[Labels, float]]


def exposition(metrics: Iterable[Metric]) -> bytes:
    """Return metrics in the text format; whatever is in labels stays in them."""
    lines: list[str] = []
    for metric in metrics:
        name = PREFIX + metric.name
        lines.append(f"# HELP {name} {metric.help}")
        lines.append(f"# TYPE {name} {metric.kind}")
        lines += [f"{name}{_labels(labels)} {value:.15g}" for labels, value in metric.samples]
    return "\n".join([*lines, ""]).encode()


def parse_listen(text: str) -> tuple[str, int]:
    """Return host and port of `[ADDRESS:]PORT`; the host is loopback unless it is named.

    Raises:
        UsageError: It is neither.
    """
    found = _LISTEN.fullmatch(text)
    if found is None or not 0 < int(found["port"]) < 1 << 16:
        raise UsageError(f"--metrics {text} is no port", "Write 9096, or an address: 0.0.0.0:9096")
    return (found["host"] or "127.0.0.1").strip("[]"), int(found["port"])


class MetricsServer:
    """Answers `GET /metrics` in a thread of its own.

    Args:
        host: Address to listen at.
        port: 0 for any.
        collect: Returns the figures; called in that thread.

    Attributes:
        port: Where it listens.

    Raises:
        SourceError: The port cannot be had.
    """

    def __init__(self, host: str, port: int, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._listener = socket.create_server((host, port), family=family, backlog=8)
        except OSError as error:
            raise SourceError(
                f"--metrics cannot listen at {host} port {port}: {error.strerror}",
                "Choose another port, or an address of this machine",
            ) from error
        self.port = int(self._listener.getsockname()[1])
        self._listener.settimeout(0.2)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._ended.set()
        self._thread.join(DEADLINE_S + 0.5)
        self._listener.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            with suppress(OSError):
                client, _ = self._listener.accept()
                with client:
                    client.settimeout(DEADLINE_S)
                    client.sendall(self._answer(_first_line(client)))
                    client.shutdown(socket.SHUT_WR)

    def _answer(self, line: bytes) -> bytes:
        method, _, rest = line.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if method != b"GET":
            return _response("405 Method Not Allowed", b"GET alone\n")
        if path != b"/metrics":
            return _response("404 Not Found", b"See /metrics\n")
        return _response("200 OK", exposition(self._collect()))


def _first_line(client: socket.socket) -> bytes:
    """Read a request to the end of its head; return its first line."""
    request = b""
    deadline = time.monotonic() + DEADLINE_S
    while b"\r\n\r\n" not in request and len(request) < MAX_REQUEST:
        client.settimeout(max(deadline - time.monotonic(), 0.001))
        data = client.recv(MAX_REQUEST)
        if not data:
            break
        request += data
    return request.partition(b"\r\n")[0]


def _response(status: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    """Return a label's value: bounded, without control characters, quoted for the format."""
    return display(value[:MAX_LABEL]).translate(_ESCAPES)
