"""What sources that listen on a socket have in common: addresses, senders, datagrams.

A datagram goes on as the packet that it was: with the IP and UDP header that the kernel took
off, made again from the addresses. So what came to a socket is recorded, shown and decoded
like what was captured on an interface.
"""

import errno
import re
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_network
from typing import Any, Final, NamedTuple

import numpy as np

from sipscope.decode.address import Endpoint, parse_address
from sipscope.decode.batch import PacketBatch
from sipscope.errors import SourceError, UsageError

LOOPBACK: Final = "127.0.0.1"
LINKTYPE_RAW: Final = 101
BUFFER_BYTES: Final = 32 << 20
"""The kernel's buffer of a socket for datagrams, which has to last while we are busy."""
STREAM_BUFFER_BYTES: Final = 1 << 20
"""The same of a connection, which has its sender wait when it is full."""

ANYBODY: Final = "any"
MOST_SENDERS: Final = 65_536  # whose permission is remembered
MOST_HEADERS: Final = 16_384  # by addresses and length
MOST_DATAGRAM: Final = 65_535  # bytes, with its headers

# Options of socket(7), ip(7) and ipv6(7) on Linux that the socket module does not name.
SO_RCVBUFFORCE: Final = 33
SO_TIMESTAMPNS: Final = 35
SO_RXQ_OVFL: Final = 40
IP_PKTINFO: Final = 8
IPV6_RECVPKTINFO: Final = 49
IPV6_PKTINFO: Final = 50

UDP: Final = 17
_IPV4_HEADER = 20
_UDP_HEADER = 8
_IPV4 = struct.Struct("!BBHHHBBH4s4sHHHH")
_IPV6 = struct.Struct("!IHBB16s16sHHHH")
_IPV4_MAPPED = bytes(10) + b"\xff\xff"
_PORT = re.compile("[0-9]{1,5}")


def parse_listen(text: str, default_port: int | None) -> tuple[str, int]:
    """Read where to listen: `PORT`, `ADDRESS:PORT`, `[IPV6]:PORT`, or `ADDRESS` alone.

    Returns:
        The numeric address, loopback when none was given, and the port; 0 is any free one.

    Raises:
        UsageError: It is none of these, or has no port and there is no default.
    """
    host, port = text, ""
    if _PORT.fullmatch(text):
        host, port = "", text
    elif text.startswith("[") and "]" in text:
        host, _, port = text[1:].partition("]")
        if port and not port.startswith(":"):
            host = ""  # refused below
        port = port[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if host == "localhost" or (not host and not text.startswith("[")):
        host = LOOPBACK
    number = default_port if not port and text[-1:] != ":" else _port(port)
    if number is None or parse_address(host) is None:
        raise UsageError(
            f"{text!r} is no address to listen on",
            "Give a port, or a numeric address and a port: 192.0.2.9:9060 or [2001:db8::9]:9060",
        )
    return host, number


def _port(text: str) -> int | None:
    return int(text) if _PORT.fullmatch(text) and int(text) < 65_536 else None


class AllowList:
    """Who may send to a listener, by CIDR; without any network everybody may.

    Attributes:
        anybody: Whether nobody is refused.
        refused: Datagrams and connections of others so far.
    """

    def __init__(self, networks: Sequence[str] = ()) -> None:
        """Read the networks.

        Args:
            networks: Such as `192.0.2.0/24`, `2001:db8::/32` or one address; `any` for all.

        Raises:
            UsageError: One is no network.
        """
        self.refused = 0
        self._networks: list[tuple[int, int, int]] = []  # bytes of an address, mask, network
        self._known: dict[bytes, bool] = {}
        self.anybody = not networks or ANYBODY in networks
        for text in networks:
            if text == ANYBODY:
                continue
            try:
                network = ip_network(text, strict=False)
            except ValueError as error:
                raise UsageError(
                    f"{text!r} is no network to allow",
                    "Give an address or a CIDR: 192.0.2.1 or 192.0.2.0/24",
                ) from error
            self._networks.append(
                (
                    len(network.network_address.packed),
                    int(network.netmask),
                    int(network.network_address),
                )
            )

    def allows(self, address: bytes) -> bool:
        """Tell whether 4 bytes of IPv4 or 16 of IPv6 may send, and count it if not."""
        if self.anybody:
            return True
        allowed = self._known.get(address)
        if allowed is None:
            allowed = self._look_up(address)
        if not allowed:
            self.refused += 1
        return allowed

    def _look_up(self, address: bytes) -> bool:
        number, size = int.from_bytes(address, "big"), len(address)
        allowed = any(
            size == length and number & mask == network for length, mask, network in self._networks
        )
        if len(self._known) >= MOST_SENDERS:
            self._known.clear()
        self._known[address] = allowed
        return allowed


@lru_cache(maxsize=MOST_HEADERS)
def outer_headers(source: Endpoint, destination: Endpoint, payload_length: int) -> bytes:
    """Return the IP and UDP header of a datagram between endpoints of one IP version.

    There is no UDP checksum. What is too long for a datagram has length 0, as packets have
    that the network card will split.
    """
    length = payload_length + _UDP_HEADER
    ports = source.port, destination.port
    if len(source.address) == 4:
        total = length + _IPV4_HEADER
        if total > MOST_DATAGRAM:
            total = length = 0
        checksum = _partial_sum(source.address + destination.address) + total
        checksum = ~((checksum & 0xFFFF) + (checksum >> 16)) & 0xFFFF
        return _IPV4.pack(
            *(0x45, 0, total, 0, 0x4000, 64, UDP, checksum),
            *(source.address, destination.address, *ports, length, 0),
        )
    if length > MOST_DATAGRAM:
        length = 0
    addresses = source.address, destination.address
    return _IPV6.pack(6 << 28, length, UDP, 64, *addresses, *ports, length, 0)


@lru_cache(maxsize=MOST_SENDERS)
def _partial_sum(addresses: bytes) -> int:
    """Return the sum (RFC 1071) of what is the same in every IPv4 header between two hosts."""
    total: int = sum(struct.unpack("!4H", addresses)) + 0x4500 + 0x4000 + (64 << 8 | UDP)
    return (total & 0xFFFF) + (total >> 16)


class Received(NamedTuple):
    """What somebody sent to a listener.

    Attributes:
        time: When it came, in ns since the epoch.
        source: Who sent it.
        destination: To which of our addresses.
        payload: Without IP and UDP header.
    """

    time: int
    source: Endpoint
    destination: Endpoint
    payload: bytes


def packet_batch(received: Sequence[Received], *, source: int, number: int) -> PacketBatch:
    """Return datagrams as packets, each with the IP and UDP header that it came with.

    Args:
        received: At least one.
        source: Index of the source in the engine's list.
        number: Frame number of the first.
    """
    pieces: list[bytes] = []
    for _, sender, receiver, payload in received:
        pieces += outer_headers(sender, receiver, len(payload)), payload
    sizes = np.fromiter(map(len, pieces), np.int64, len(pieces)).reshape(-1, 2).sum(axis=1)
    return PacketBatch(
        buffer=b"".join(pieces),
        offset=np.cumsum(sizes) - sizes,
        captured=sizes,
        wire=sizes,
        time=np.array([datagram.time for datagram in received], np.int64),
        link_type=LINKTYPE_RAW,
        source=source,
        number=number,
    )


def listening_socket(kind: socket.SocketKind, host: str, port: int) -> socket.socket:
    """Return a bound socket that does not block, with a large buffer.

    Raises:
        SourceError: The port is taken, or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        opened = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    except OSError as error:  # there is no IPv6 here
        raise _cannot_listen(host, port, error) from error
    try:
        if kind == socket.SOCK_STREAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _enlarge(opened, STREAM_BUFFER_BYTES if kind == socket.SOCK_STREAM else BUFFER_BYTES)
        opened.bind((host, port))
    except OSError as error:
        opened.close()
        raise _cannot_listen(host, port, error) from error
    return opened


def _enlarge(opened: socket.socket, size: int) -> None:
    """Give a socket a large buffer: as large as root may have it, else as the system allows."""
    for option in (SO_RCVBUFFORCE, socket.SO_RCVBUF):
        with suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, option, size)
            return


def _cannot_listen(host: str, port: int, error: OSError) -> SourceError:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return SourceError(
            f"Something else listens on {where}",
            f"Choose another port, or see what it is: ss -lntup 'sport = :{port}'",
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return SourceError(
            f"{host} is not an address of this machine",
            "Give one that is (ip address), or 0.0.0.0 for all of them",
        )
    if error.errno == errno.EACCES:
        return SourceError(
            f"Listening on port {port} takes the right to do so",
            "Choose a port from 1024 on, or run sipscope with sudo",
        )
    return SourceError(f"Nobody can listen on {where}", f"The system says: {error.strerror}")


@lru_cache(maxsize=MOST_SENDERS)
def endpoint(name: tuple[Any, ...]) -> Endpoint:
    """Return the endpoint that a socket address tells, IPv4 also where it came over IPv6."""
    host = str(name[0]).partition("%")[0]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return Endpoint(_unmapped(socket.inet_pton(family, host)), int(name[1]))


def _unmapped(address: bytes) -> bytes:
    return address[12:] if address.startswith(_IPV4_MAPPED) else address
