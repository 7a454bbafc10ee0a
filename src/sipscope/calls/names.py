"""Names that people give to addresses and networks."""

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Final

from sipscope.calls.ladder import Column
from sipscope.decode.address import Endpoint, parse_address
from sipscope.decode.text import display

MAX_NAME: Final = 64

_WITH_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):([0-9]{1,5})")


class AddressNames:
    """Names by address, address with port, or network.

    A name for address and port goes before one for the address, and that before one for a
    network; of several networks the smallest counts.

    Args:
        aliases: `192.0.2.1`, `192.0.2.1:5060`, `[2001:db8::1]:5060` or `192.0.2.0/24` to name.

    Attributes:
        unusable: Keys that are none of these.
    """

    def __init__(self, aliases: Mapping[str, str]) -> None:
        self.unusable: tuple[str, ...] = ()
        self._endpoints: dict[Endpoint, str] = {}
        self._networks: dict[tuple[int, int, int], str] = {}
        for key, name in aliases.items():
            self._take(key.strip(), display(name)[:MAX_NAME])
        lengths = {(octets, bits) for octets, bits, _ in self._networks}
        self._lengths = sorted(lengths, key=lambda length: -length[1])

    def name(self, endpoint: Endpoint) -> str | None:
        """Return the name of a transport address, None without one; safe to show."""
        return self._endpoints.get(endpoint) or self.host_name(endpoint.address)

    def host_name(self, address: bytes) -> str | None:
        """Return the name of an address, whatever the port."""
        number, total = int.from_bytes(address), 8 * len(address)
        for octets, bits in self._lengths:
            if octets == len(address):
                key = octets, bits, number >> (total - bits)
                if key in self._networks:
                    return self._networks[key]
        return None

    def column_name(self, column: Column) -> str | None:
        """Return the name of a column of the ladder: of its only port, or of its host."""
        if len(column.ports) == 1:
            return self.name(Endpoint(column.address, column.ports[0]))
        return self.host_name(column.address)

    def _take(self, key: str, name: str) -> None:
        with_port = _WITH_PORT.fullmatch(key)
        if with_port is not None:
            address = parse_address(with_port[1] or with_port[2])
            if address is not None and int(with_port[3]) <= 65535:
                self._endpoints[Endpoint(address, int(with_port[3]))] = name
                return
        try:
            network = ip_network(key.strip("[]"), strict=False)
        except ValueError:
            self.unusable += (key,)
            return
        packed, bits = network.network_address.packed, network.prefixlen
        number = int.from_bytes(packed) >> (8 * len(packed) - bits)
        self._networks[len(packed), bits, number] = name


def column_names(
    columns: Iterable[Column], names: AddressNames, found: Mapping[bytes, str]
) -> tuple[str | None, ...]:
    """Return what to call each column of a ladder, None for those without a name.

    Ports tell columns of one host apart; a name that several have is given with them.

    Args:
        columns: Of the ladder.
        names: Given by people.
        found: Names by address that were looked up, safe to show.
    """
    shown = list(columns)
    hosts = [column.address for column in shown]
    called = [names.column_name(column) or found.get(column.address) for column in shown]
    return tuple(
        f"{name}:{column.ports[0]}"
        if name and column.ports and hosts.count(column.address) > 1 and called.count(name) > 1
        else name
        for column, name in zip(shown, called, strict=True)
    )
