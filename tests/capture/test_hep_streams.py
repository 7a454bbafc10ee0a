import select
import socket
import struct
import time
from collections.abc import Iterator

import pytest

from sipscope.capture.hep_streams import IDLE, MOST_CONNECTIONS, PATIENCE, StreamServer
from sipscope.capture.listener import AllowList, Received
from sipscope.decode.hep_senders import SenderTable
from tests.hep_messages import hep3
from tests.packets import SECOND, START


class Server:
    """A server and its agents, in one thread."""

    def __init__(self, *allowed: str) -> None:
        self.allow = AllowList(allowed)
        self.senders = SenderTable()
        self.server = StreamServer("127.0.0.1", 0, self.allow, self.senders, None)
        self.agents: list[socket.socket] = []

    def connect(self) -> socket.socket:
        agent = socket.create_connection((self.server.address.host, self.server.address.port))
        agent.settimeout(2)
        self.agents.append(agent)
        return agent

    def receive(self, count: int = 1, now: int = START) -> list[Received]:
        """Take messages until there are so many."""
        received: list[Received] = []
        end = time.monotonic() + 5
        while len(received) < count:
            assert time.monotonic() < end, f"{len(received)} of {count}"
            received += self.server.receive(now, 1_000)
        return received

    def settle(self, connections: int, now: int = START) -> None:
        """Let the server see who connected and who left."""
        end = time.monotonic() + 5
        while len(self.server) != connections:
            assert time.monotonic() < end, f"{len(self.server)} instead of {connections}"
            assert self.server.receive(now, 1_000) == []

    def reasons(self) -> dict[str, int]:
        return {reason: n for sender in self.senders.senders() for reason, n in sender.rejected}

    def close(self) -> None:
        for agent in self.agents:
            agent.close()
        self.server.close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def test_a_connection_brings_messages_with_its_addresses(server: Server) -> None:
    agent = server.connect()
    agent.sendall(hep3() + hep3(call_id=b"c"))
    received = server.receive(2)
    assert [message.payload for message in received] == [hep3(), hep3(call_id=b"c")]
    assert {message.destination for message in received} == {server.server.address}
    assert {str(message.source) for message in received} == {f"127.0.0.1:{agent.getsockname()[1]}"}
    assert {message.time for message in received} == {START}


def test_a_message_may_come_byte_by_byte(server: Server) -> None:
    agent = server.connect()
    data = hep3()
    for number in range(len(data) - 1):
        agent.sendall(data[number : number + 1])
        assert server.server.receive(START, 10) == []
    agent.sendall(data[-1:])
    assert [message.payload for message in server.receive()] == [data]


def test_a_slow_sender_does_not_stop_the_others(server: Server) -> None:
    slow, fast = server.connect(), server.connect()
    slow.sendall(hep3()[:100])
    for _ in range(50):
        fast.sendall(hep3(b"fast", 100))
    received = server.receive(50)
    assert all(b"fast" in message.payload for message in received)
    slow.sendall(hep3()[100:])
    assert [message.payload for message in server.receive()] == [hep3()]


def test_no_sender_has_more_than_its_turn(server: Server) -> None:
    greedy, modest = server.connect(), server.connect()
    server.settle(2)
    greedy.setblocking(False)
    message = hep3(b"x" * 60_000, 100)
    try:
        while True:
            greedy.send(message * 20)
    except BlockingIOError:
        pass
    modest.sendall(hep3(b"modest", 100))
    first = server.receive(2)
    assert sum(len(received.payload) for received in first) < 1_000_000
    assert any(b"modest" in received.payload for received in first)


@pytest.mark.parametrize(
    "junk", [b"OPTIONS sip:a SIP/2.0\r\n", b"HEP3\0\x05", b"\x16\x03\x01\0\xa5\1"]
)
def test_a_stream_that_is_no_hep_is_closed_and_counted(server: Server, junk: bytes) -> None:
    agent = server.connect()
    agent.sendall(hep3())
    server.receive()
    agent.sendall(junk)
    server.settle(0)
    assert server.reasons() == {"hep.magic": 1}
    assert agent.recv(1) == b""


def test_a_message_that_does_not_get_on_ends_its_connection(server: Server) -> None:
    agent = server.connect()
    agent.sendall(hep3()[:50])
    server.settle(1)
    server.server.receive(START, 10)
    agent.sendall(hep3()[50:60])
    server.settle(1, START + PATIENCE)
    server.settle(0, START + PATIENCE + 2 * SECOND)
    assert server.reasons() == {"hep.timeout": 1}


def test_an_agent_may_be_quiet_but_not_for_ever(server: Server) -> None:
    agent = server.connect()
    agent.sendall(hep3())
    server.receive()
    server.settle(1, START + 1000 * SECOND)
    server.settle(0, START + IDLE + 2 * SECOND)
    assert server.reasons() == {}


def test_an_agent_that_leaves_is_forgotten(server: Server) -> None:
    first, second = server.connect(), server.connect()
    server.settle(2)
    first.close()
    second.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    second.close()  # with a reset
    server.settle(0)


def test_connections_are_bounded(server: Server) -> None:
    agents = [server.connect() for _ in range(MOST_CONNECTIONS)]
    server.settle(MOST_CONNECTIONS)
    late = server.connect()
    end = time.monotonic() + 5
    while not server.reasons() and time.monotonic() < end:
        server.server.receive(START, 10)
    assert server.reasons() == {"hep.connections": 1}
    assert late.recv(1) == b""
    agents[0].close()
    server.settle(MOST_CONNECTIONS - 1)
    server.connect().sendall(hep3())
    assert len(server.receive()) == 1


def test_only_the_senders_that_are_allowed_may_connect() -> None:
    server = Server("192.0.2.0/24")
    agent = server.connect()
    end = time.monotonic() + 5
    while not server.allow.refused and time.monotonic() < end:
        server.server.receive(START, 10)
    assert (server.allow.refused, len(server.server)) == (1, 0)
    assert agent.recv(1) == b""
    server.close()


def test_one_descriptor_tells_of_all_connections(server: Server) -> None:
    def told() -> bool:
        return bool(select.select([server.server.fileno()], [], [], 0.2)[0])

    agent = server.connect()
    assert told()
    server.settle(1)
    assert not told()
    agent.sendall(hep3())
    assert told()
    server.receive()
    assert not told()
