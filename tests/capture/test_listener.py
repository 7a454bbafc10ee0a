import socket
from ipaddress import ip_address

import pytest

from sipscope.capture.listener import (
    LINKTYPE_RAW,
    AllowList,
    Received,
    endpoint,
    listening_socket,
    outer_headers,
    packet_batch,
    parse_listen,
)
from sipscope.decode.address import Endpoint
from sipscope.decode.network import NetworkDecoder
from sipscope.errors import SourceError, UsageError
from tests.packets import START, ipv4, udp

AGENT = Endpoint(ip_address("192.0.2.1").packed, 40000)
OURS = Endpoint(ip_address("198.51.100.9").packed, 9060)
AGENT6 = Endpoint(ip_address("2001:db8::1").packed, 40000)
OURS6 = Endpoint(ip_address("2001:db8::9").packed, 9060)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", ("127.0.0.1", 9060)),
        ("9070", ("127.0.0.1", 9070)),
        (":9070", ("127.0.0.1", 9070)),
        ("0", ("127.0.0.1", 0)),
        ("localhost:9070", ("127.0.0.1", 9070)),
        ("192.0.2.9", ("192.0.2.9", 9060)),
        ("192.0.2.9:9070", ("192.0.2.9", 9070)),
        ("0.0.0.0:9070", ("0.0.0.0", 9070)),
        ("2001:db8::9", ("2001:db8::9", 9060)),
        ("[2001:db8::9]", ("2001:db8::9", 9060)),
        ("[2001:db8::9]:9070", ("2001:db8::9", 9070)),
        ("[::]:9070", ("::", 9070)),
    ],
)
def test_where_to_listen_is_read(text: str, where: tuple[str, int]) -> None:
    assert parse_listen(text, 9060) == where


@pytest.mark.parametrize(
    "text",
    [
        "65536",
        "+5",
        "1_0",
        "٣",
        "9060 ",
        "pbx.example.com:9060",
        "192.0.2.9:",
        "192.0.2.9:http",
        "[2001:db8::9]x",
        "[2001:db8::9",
        "192.0.2.9:1:2",
        "[]:9060",
        "fe80::1%eth0",
    ],
)
def test_what_is_no_address_to_listen_on_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no address to listen on"):
        parse_listen(text, 9060)


def test_without_a_default_the_port_has_to_be_given() -> None:
    assert parse_listen("192.0.2.9:9070", None) == ("192.0.2.9", 9070)
    with pytest.raises(UsageError):
        parse_listen("192.0.2.9", None)


def allowed(networks: list[str], address: str) -> bool:
    return AllowList(networks).allows(ip_address(address).packed)


@pytest.mark.parametrize(
    ("networks", "address", "answer"),
    [
        ([], "192.0.2.1", True),
        (["any"], "192.0.2.1", True),
        (["192.0.2.0/24"], "192.0.2.200", True),
        (["192.0.2.0/24"], "192.0.3.1", False),
        (["192.0.2.77/24"], "192.0.2.1", True),
        (["192.0.2.1"], "192.0.2.1", True),
        (["192.0.2.1"], "192.0.2.2", False),
        (["0.0.0.0/0"], "203.0.113.1", True),
        (["0.0.0.0/0"], "2001:db8::1", False),
        (["::/0"], "192.0.2.1", False),
        (["192.0.2.1", "2001:db8::/32"], "2001:db8:1::1", True),
        (["2001:db8::/32"], "2001:db9::1", False),
    ],
)
def test_senders_are_let_in_by_network(networks: list[str], address: str, answer: bool) -> None:
    assert allowed(networks, address) is answer


def test_who_is_refused_is_counted() -> None:
    allow = AllowList(["192.0.2.0/24"])
    for _ in range(3):
        assert not allow.allows(b"\xcb\0\x71\1")
    assert allow.allows(b"\xc0\0\2\1")
    assert allow.refused == 3


@pytest.mark.parametrize("text", ["", "pbx", "192.0.2.0/33", "192.0.2", "2001:db8::/129"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no network"):
        AllowList([text])


def checksum(header: bytes) -> int:
    """The sum of RFC 1071 over a header with its checksum: 0xFFFF when that is right."""
    total = sum(int.from_bytes(header[at : at + 2], "big") for at in range(0, len(header), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.parametrize("length", [0, 1, 700, 40_000, 65_507])
def test_the_headers_over_ipv4_are_those_of_the_datagram(length: int) -> None:
    headers = outer_headers(AGENT, OURS, length)
    expected = bytearray(ipv4(udp(bytes(length), 40000, 9060), "192.0.2.1", "198.51.100.9"))
    expected[4:8] = b"\0\0\x40\0"  # no identification, not to be fragmented
    assert len(headers) == 28
    assert headers[:10] + headers[12:] == bytes(expected[:10] + expected[12:28])
    assert checksum(headers[:20]) == 0xFFFF


def test_the_headers_over_ipv6_are_those_of_the_datagram() -> None:
    headers = outer_headers(AGENT6, OURS6, 700)
    assert len(headers) == 48
    assert headers[:8] == bytes.fromhex("60000000 02c4 11 40")
    assert headers[8:40] == AGENT6.address + OURS6.address
    assert headers[40:] == bytes.fromhex("9c40 2364 02c4 0000")


@pytest.mark.parametrize(("source", "destination"), [(AGENT, OURS), (AGENT6, OURS6)])
@pytest.mark.parametrize("length", [1, 700, 65_507, 65_508, 65_535])
def test_a_packet_is_decoded_as_the_datagram_that_it_was(
    source: Endpoint, destination: Endpoint, length: int
) -> None:
    payload = b"x" * length
    batch = packet_batch([Received(START, source, destination, payload)], source=3, number=7)
    assert (batch.link_type, batch.source, batch.number) == (LINKTYPE_RAW, 3, 7)
    datagrams = NetworkDecoder().decode(batch).datagrams
    assert len(datagrams) == 1
    begin = int(datagrams.start[0])
    assert batch.buffer[begin : begin + int(datagrams.length[0])] == payload
    assert datagrams.flows[0][:3] == (source, destination, "udp")


def test_packets_keep_their_order_and_times() -> None:
    received = [Received(START + n, AGENT, OURS, bytes([n]) * n) for n in range(5)]
    batch = packet_batch(received, source=0, number=1)
    assert batch.time.tolist() == [START + n for n in range(5)]
    assert [batch.frame(n).data[28:] for n in range(5)] == [bytes([n]) * n for n in range(5)]
    assert batch.captured.tolist() == batch.wire.tolist() == [28 + n for n in range(5)]


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_that_is_taken_is_told_with_the_remedy(kind: socket.SocketKind) -> None:
    with listening_socket(kind, "127.0.0.1", 0) as first:
        if kind == socket.SOCK_STREAM:
            first.listen()
        with pytest.raises(SourceError, match="Something else listens on") as caught:
            listening_socket(kind, "127.0.0.1", first.getsockname()[1])
    assert "ss -lntup" in caught.value.remedy


def test_an_address_of_others_is_told_with_the_remedy() -> None:
    with pytest.raises(SourceError, match="is not an address of this machine") as caught:
        listening_socket(socket.SOCK_DGRAM, "192.0.2.1", 9060)
    assert "0.0.0.0" in caught.value.remedy


def test_a_listening_socket_does_not_block() -> None:
    with listening_socket(socket.SOCK_DGRAM, "127.0.0.1", 0) as opened:
        assert opened.gettimeout() == 0
        with pytest.raises(BlockingIOError):
            opened.recv(1)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (("192.0.2.1", 5060), "192.0.2.1:5060"),
        (("2001:db8::1", 5060, 0, 0), "[2001:db8::1]:5060"),
        (("::ffff:192.0.2.1", 5060, 0, 0), "192.0.2.1:5060"),
        (("fe80::1%eth0", 5060, 0, 2), "[fe80::1]:5060"),
    ],
)
def test_a_socket_address_is_an_endpoint(name: tuple[object, ...], text: str) -> None:
    assert str(endpoint(name)) == text
