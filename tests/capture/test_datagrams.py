import socket
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from sipscope.capture import datagrams
from sipscope.capture.datagrams import Arrivals, BulkSocket
from sipscope.capture.listener import outer_headers
from sipscope.decode.address import Endpoint
from sipscope.errors import SourceError

LOOPBACK = bytes([127, 0, 0, 1])
LOOPBACK_6 = bytes(15) + b"\x01"


@pytest.fixture
def opened() -> Iterator[Callable[..., BulkSocket]]:
    """Opens sockets that are closed again."""
    sockets: list[BulkSocket] = []

    def listen(host: str = "127.0.0.1") -> BulkSocket:
        sockets.append(BulkSocket(host, 0))
        return sockets[-1]

    yield listen
    for bulk in sockets:
        bulk.close()


def send(bulk: BulkSocket, *payloads: bytes, to: str = "127.0.0.1") -> Endpoint:
    """Send datagrams; return from where."""
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.connect((to, bulk.address.port))
        for payload in payloads:
            sender.send(payload)
        host, port, *_ = sender.getsockname()
        return Endpoint(socket.inet_pton(family, host), port)


def received(bulk: BulkSocket) -> Arrivals:
    arrivals = bulk.receive(7)
    assert arrivals is not None
    return arrivals


def frames(bulk: BulkSocket, arrivals: Arrivals, port: int | None = None) -> list[bytes]:
    own = bulk.address.port if port is None else port
    batch = bulk.packet_batch(arrivals, port=own, source=3, number=11)
    assert (batch.link_type, batch.source, batch.number) == (101, 3, 11)
    assert batch.wire is batch.captured
    return [batch.frame(index).data for index in range(len(batch))]


def test_datagrams_come_as_the_packets_that_they_were(opened: Callable[..., BulkSocket]) -> None:
    bulk = opened()
    payloads = [b"", b"x", bytes(range(256)) * 5, b"\xff" * 65_000]
    sender = send(bulk, *payloads)
    arrivals = received(bulk)
    assert arrivals.length.tolist() == [0, 1, 1280, 65_000]
    assert frames(bulk, arrivals) == [
        outer_headers(sender, bulk.address, len(payload)) + payload for payload in payloads
    ]


def test_ipv6_has_its_own_header(opened: Callable[..., BulkSocket]) -> None:
    bulk = opened("::1")
    sender = send(bulk, b"six", to="::1")
    assert sender.address == LOOPBACK_6
    assert frames(bulk, received(bulk)) == [outer_headers(sender, bulk.address, 3) + b"six"]


@pytest.mark.parametrize(
    ("host", "ways"),
    [("0.0.0.0", ["127.0.0.1", "127.0.0.7"]), ("::", ["127.0.0.7", "::1", "127.0.0.1"])],
)
def test_on_all_addresses_the_one_that_each_datagram_came_to_is_told(
    opened: Callable[..., BulkSocket], host: str, ways: list[str]
) -> None:
    bulk = opened(host)
    expected = []
    for number, to in enumerate(ways):
        sender = send(bulk, b"%d" % number, to=to)
        family = socket.AF_INET6 if ":" in to else socket.AF_INET
        own = Endpoint(socket.inet_pton(family, to), bulk.address.port)
        expected.append(outer_headers(sender, own, 1) + b"%d" % number)
    assert frames(bulk, received(bulk)) == expected


def test_the_time_is_that_of_arrival_not_of_reading(opened: Callable[..., BulkSocket]) -> None:
    bulk = opened()
    deadline = time.monotonic() + 5
    while True:
        before = time.time_ns()
        send(bulk, b"early")
        after = time.time_ns()
        time.sleep(0.02)
        if before - 1_000_000 <= int(received(bulk).time[0]) <= after + 1_000_000:
            break
        # The kernel begins to take times a moment after it was asked to.
        assert time.monotonic() < deadline


def test_thousands_come_at_once_in_their_order(opened: Callable[..., BulkSocket]) -> None:
    bulk = opened()
    count = datagrams.MOST_DATAGRAMS + 1_500
    send(bulk, *(b"%05d" % number for number in range(count)))
    found: list[bytes] = []
    sizes = []
    while (arrivals := bulk.receive(7)) is not None:
        sizes.append(len(arrivals.slot))
        found += [frame[28:] for frame in frames(bulk, arrivals)]
    assert found == [b"%05d" % number for number in range(count)]
    assert sizes == [datagrams.MOST_DATAGRAMS, 1_500]


def test_some_can_be_left_out_and_the_port_can_be_another(
    opened: Callable[..., BulkSocket],
) -> None:
    bulk = opened()
    sender = send(bulk, b"one", b"two", b"three")
    arrivals = received(bulk)
    chosen = arrivals.where(np.array([True, False, True]))
    assert bulk.octets(chosen, 3).tobytes() == b"onethr"
    own = Endpoint(LOOPBACK, 37008)
    assert frames(bulk, chosen, 37008) == [
        outer_headers(sender, own, len(payload)) + payload for payload in (b"one", b"three")
    ]


def test_what_the_kernel_had_no_room_for_is_counted(opened: Callable[..., BulkSocket]) -> None:
    bulk = opened()
    assert bulk.drops == 0
    bulk._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20_000)
    send(bulk, *[bytes(1000)] * 500)
    first = received(bulk)
    send(bulk, b"told with the next one")
    received(bulk)
    assert bulk.drops == 500 - len(first.slot) > 0


def test_when_nothing_waits_it_returns_at_once(opened: Callable[..., BulkSocket]) -> None:
    bulk = opened()
    begun = time.monotonic()
    assert bulk.receive(7) is None
    assert time.monotonic() - begun < 0.1
    assert bulk.fileno() >= 0


def test_a_port_that_is_taken_is_refused_with_a_remedy(opened: Callable[..., BulkSocket]) -> None:
    taken = opened().address.port
    with pytest.raises(SourceError, match=f"Something else listens on 127.0.0.1:{taken}"):
        BulkSocket("127.0.0.1", taken)
