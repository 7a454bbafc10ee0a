import ctypes
import errno
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Callable

import pytest

from sipscope.forward import connection as module
from sipscope.forward.connection import (
    CAUTIOUS_BYTES,
    CHUNK_BYTES,
    CONNECT_NS,
    GRACE_NS,
    REFUSAL_NS,
    Connection,
    DatagramConnection,
    StreamConnection,
)
from tests.forward.servers import LOOPBACK, DatagramServer, StreamServer, free_port
from tests.forward.test_spool import messages

SECOND = 1_000_000_000
SO_ATTACH_FILTER = 26


def poll_until(connection: Connection, condition: Callable[[], bool], now: int = 0) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        connection.poll(now)
        time.sleep(0.001)


def stream_to(port: int, now: int = 0) -> StreamConnection:
    return StreamConnection((LOOPBACK, port), socket.AF_INET, now)


def make_deaf(accepted: socket.socket) -> None:
    """Let a socket get nothing more, so that its kernel answers nothing: a filter `ret #0`."""
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
    program = struct.pack("HP", 1, ctypes.addressof(instruction))
    accepted.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


class TestDatagrams:
    def test_are_held_until_they_cannot_be_refused_any_more(self) -> None:
        with DatagramServer() as server:
            connection = DatagramConnection((LOOPBACK, server.port), socket.AF_INET)
            connection.send(deque(messages(1)), 0)
            assert connection.held() == messages(1)
            assert not connection.settled()
            connection.poll(REFUSAL_NS - 1)
            assert not connection.ready
            connection.poll(REFUSAL_NS)
            assert connection.ready
            assert connection.settled()
            assert not connection.held()
            connection.close()

    def test_after_the_first_wait_for_its_reception(self) -> None:
        with DatagramServer() as server:
            connection = DatagramConnection((LOOPBACK, server.port), socket.AF_INET)
            queue = deque(messages(5))
            assert len(connection.send(queue, 0)) == 1
            assert connection.send(queue, 1) == []
            connection.poll(REFUSAL_NS)
            assert len(connection.send(queue, REFUSAL_NS)) == 4
            connection.close()

    def test_that_are_refused_end_the_connection(self) -> None:
        connection = DatagramConnection((LOOPBACK, free_port()), socket.AF_INET)
        connection.send(deque(messages(1)), 0)
        with pytest.raises(ConnectionRefusedError):
            poll_until(connection, lambda: False)
        assert connection.held() == messages(1)
        connection.close()

    def test_to_nowhere_are_not_sent(self) -> None:
        with pytest.raises(OSError, match=r"unreachable|Invalid|denied"):
            DatagramConnection(("255.255.255.255", 9), socket.AF_INET)


class TestStreams:
    def test_are_held_until_the_server_had_time_to_read(self) -> None:
        with StreamServer() as server:
            connection = stream_to(server.port)
            poll_until(connection, lambda: connection.ready)
            queue = deque(messages(100))
            assert connection.send(queue, 0) == messages(100)
            poll_until(connection, connection.settled)
            assert connection.held() == messages(100)
            connection.poll(GRACE_NS)
            assert not connection.held()
            connection.close()

    def test_to_a_server_that_does_not_read_are_held(self) -> None:
        with StreamServer(slow=60) as server:
            connection = stream_to(server.port)
            poll_until(connection, lambda: connection.ready)
            queue = deque(messages(200_000))
            for _ in range(100):
                connection.send(queue, 0)
                time.sleep(0.002)
            connection.poll(2 * GRACE_NS)
            assert queue
            assert connection.held()
            assert not connection.settled()
            assert connection.wants_write(False)
            connection.close()

    def test_to_a_server_that_does_not_read_go_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "UNANSWERED_NS", 200_000_000)
        with StreamServer(slow=60) as server:
            connection = stream_to(server.port)
            poll_until(connection, lambda: connection.ready)
            queue = deque(messages(200_000))
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                connection.send(queue, 0)
                connection.poll(SECOND)
                time.sleep(0.01)
            assert connection.held()
            with socket.socket(fileno=os.dup(connection.fileno())) as same:
                assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0
            connection.close()

    def test_to_a_server_that_is_gone_are_broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "UNANSWERED_NS", 100_000_000)
        with socket.create_server((LOOPBACK, 0)) as listener:
            connection = stream_to(listener.getsockname()[1])
            poll_until(connection, lambda: connection.ready)
            with listener.accept()[0] as accepted:
                make_deaf(accepted)
                connection.send(deque(messages(3)), 0)
                with pytest.raises(TimeoutError, match="no answer for 30 s"):
                    poll_until(connection, lambda: False, now=SECOND)
            assert connection.held() == messages(3)
            connection.close()

    def test_that_the_server_ends_are_broken(self) -> None:
        with StreamServer(resets=50) as server:
            connection = stream_to(server.port)
            poll_until(connection, lambda: connection.ready)
            connection.send(deque(messages(3)), 0)
            with pytest.raises(ConnectionResetError):
                poll_until(connection, lambda: False)
            assert connection.held() == messages(3)
            connection.close()

    def test_that_nobody_takes_are_broken(self) -> None:
        connection = stream_to(free_port())
        with pytest.raises(ConnectionRefusedError):
            poll_until(connection, lambda: connection.ready)
        connection.close()

    def test_that_nobody_answers_are_given_up(self) -> None:
        with socket.create_server((LOOPBACK, 0), backlog=0) as listener:
            port = listener.getsockname()[1]
            fillers = [stream_to(port) for _ in range(4)]
            connection = stream_to(port, now=5 * SECOND)
            connection.poll(5 * SECOND + CONNECT_NS)
            with pytest.raises(OSError, match="no answer within 10 s") as given_up:
                connection.poll(5 * SECOND + CONNECT_NS + 1)
            assert given_up.value.errno == errno.ETIMEDOUT
            for one in (connection, *fillers):
                one.close()

    def test_send_nothing_before_there_is_a_connection(self) -> None:
        with StreamServer() as server:
            connection = stream_to(server.port)
            queue = deque(messages(3))
            assert connection.send(queue, 0) == []
            assert len(queue) == 3
            connection.close()

    def test_after_a_break_begin_with_little(self) -> None:
        with StreamServer() as server:
            connection = StreamConnection((LOOPBACK, server.port), socket.AF_INET, 0, cautious=True)
            poll_until(connection, lambda: connection.ready)
            queue = deque(messages(20_000))
            sent = connection.send(queue, 0)
            assert 100 * len(sent) <= CAUTIOUS_BYTES + CHUNK_BYTES
            poll_until(connection, connection.settled)
            assert not connection.send(queue, 1)
            assert not connection.wants_write(True)
            connection.poll(GRACE_NS)
            assert connection.wants_write(True)
            assert len(connection.send(queue, GRACE_NS)) > len(sent)
            connection.close()
