"""Transport addresses and flows: who sends to whom."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

_IPV4_MAPPED = bytes(10) + b"\xff\xff"


class Endpoint(NamedTuple):
    """A transport address.

    Attributes:
        address: 4 bytes of IPv4 or 16 of IPv6, in network order.
        port: The UDP or TCP port.
    """

    address: bytes
    port: int

    @property
    def host(self) -> str:
        """The address in text, IPv6 without brackets."""
        return address_text(self.address)

    def __str__(self) -> str:
        host = address_text(self.address)
        return f"[{host}]:{self.port}" if len(self.address) == 16 else f"{host}:{self.port}"


class Flow(NamedTuple):
    """One direction between two endpoints.

    Attributes:
        source: Who sends.
        destination: Who receives.
        transport: `udp`, `tcp`, ... as in the SIP Via header, lower case.
        encapsulation: The tunnels and mirrors that the packets came in, outermost first.
    """

    source: Endpoint
    destination: Endpoint
    transport: str = "udp"
    encapsulation: tuple[str, ...] = ()

    @property
    def reverse(self) -> "Flow":
        """The other direction."""
        return Flow(self.destination, self.source, self.transport, self.encapsulation)


@lru_cache(maxsize=65536)
def address_text(address: bytes) -> str:
    """Return an IPv4 or IPv6 address in its canonical text form (RFC 5952)."""
    if len(address) == 4:
        return str(IPv4Address(address))
    if address.startswith(_IPV4_MAPPED):
        return f"::ffff:{IPv4Address(address[12:])}"
    return str(IPv6Address(address))


def parse_address(text: str) -> bytes | None:
    """Return the bytes of a numeric address, None for a host name or anything else.

    A scope id (`%eth0`) is refused: it comes from no SDP and may hold anything.
    """
    try:
        if ":" in text:
            return None if "%" in text else IPv6Address(text).packed
        return IPv4Address(text).packed
    except ValueError:
        return None
