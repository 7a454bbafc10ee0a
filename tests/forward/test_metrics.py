import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from sipscope.errors import SourceError, UsageError
from sipscope.forward.metrics import (
    DEADLINE_S,
    Metric,
    MetricsServer,
    exposition,
    parse_listen,
)

PACKETS = Metric("packets_total", "counter", "Packets by source", [({"source": "eth0"}, 12)])


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    answering = MetricsServer("127.0.0.1", 0, lambda: [PACKETS])
    yield answering
    answering.close()


def ask(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(request)
        answer = b""
        while data := client.recv(65_536):
            answer += data
        return answer


def test_the_text_format_has_help_type_and_samples() -> None:
    assert exposition([PACKETS]).decode() == (
        "# HELP sipscope_packets_total Packets by source\n"
        "# TYPE sipscope_packets_total counter\n"
        'sipscope_packets_total{source="eth0"} 12\n'
    )


def test_a_figure_without_labels_has_no_braces() -> None:
    text = exposition([Metric("streams", "gauge", "Streams", [({}, 0.5)])]).decode()
    assert text.endswith("\nsipscope_streams 0.5\n")


def test_large_counters_are_exact() -> None:
    text = exposition([Metric("x", "counter", "X", [({}, 123_456_789_012_345)])]).decode()
    assert text.endswith(" 123456789012345\n")


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ('a"b', r"a\"b"),
        ("a\\b", r"a\\b"),
        ("a\nb", "a\u240ab"),
        ("\x1b[2J", "\u241b[2J"),
        ("x" * 500, "x" * 100),
    ],
)
def test_labels_hold_whatever_comes(value: str, label: str) -> None:
    text = exposition([Metric("x", "counter", "X", [({"v": value}, 1)])]).decode()
    assert text.split("\n")[2] == f'sipscope_x{{v="{label}"}} 1'


def test_every_line_is_one_of_the_format() -> None:
    hostile = ["}", '"} 1\nevil 2', "\r\n", "\u2028", "\\"]
    text = exposition([Metric("x", "counter", "X", [({"v": v}, 1) for v in hostile])]).decode()
    sample = re.compile(r'sipscope_x\{v="(?:[^"\\\n]|\\[\\"n])*"\} 1')
    assert all(sample.fullmatch(line) for line in text.split("\n")[2:-1])


def test_figures_are_read_over_http(server: MetricsServer) -> None:
    url = f"http://127.0.0.1:{server.port}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.read() == exposition([PACKETS])


def test_other_paths_are_not_there(server: MetricsServer) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/", timeout=10)


def test_nothing_can_be_written(server: MetricsServer) -> None:
    answer = ask(server.port, b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405 ")


def test_a_reader_that_says_nothing_is_not_waited_for_long(server: MetricsServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)):
        begin = time.monotonic()
        answer = ask(server.port, b"GET /metrics HTTP/1.1\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert time.monotonic() - begin < DEADLINE_S + 2


def test_a_request_without_end_is_read_only_so_far(server: MetricsServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"GET /" + b"a" * 8200)
        assert client.recv(100).startswith(b"HTTP/1.1 404 ")


def test_a_port_in_use_is_told(server: MetricsServer) -> None:
    with pytest.raises(SourceError, match=r"cannot listen at 127\.0\.0\.1 port"):
        MetricsServer("127.0.0.1", server.port, list)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("9096", ("127.0.0.1", 9096)),
        ("0.0.0.0:9096", ("0.0.0.0", 9096)),
        ("[::1]:9096", ("::1", 9096)),
        ("localhost:1", ("localhost", 1)),
    ],
)
def test_only_this_machine_can_ask_unless_told_otherwise(text: str, where: tuple[str, int]) -> None:
    assert parse_listen(text) == where


@pytest.mark.parametrize("text", ["", "0", "65536", "x", ":9096", "a:b:9096", "1_0", "9096 "])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no port"):
        parse_listen(text)
