"""The addresses of a server's name, looked up without making anybody wait."""

import socket
import threading
from contextlib import suppress
from typing import Final

from sipscope.decode.address import Endpoint
from sipscope.errors import UsageError
from sipscope.forward.target import Target

Address = tuple[socket.AddressFamily, tuple[str, int]]

FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)


class Addresses:
    """Where a server is, in turn.

    Args:
        target: The server; its name is looked up at once.

    Attributes:
        endpoints: All transport addresses that were found so far.

    Raises:
        UsageError: The name is not known.
    """

    def __init__(self, target: Target) -> None:
        self.endpoints: set[Endpoint] = set()
        self._target = target
        self._next = 0
        self._lookup: threading.Thread | None = None
        try:
            self._found = self._look_up()
        except OSError as error:
            raise UsageError(
                f"The HEP server {target.host} is not known: {error.strerror}",
                "Write its name right, or its address",
            ) from error

    def next(self) -> Address:
        """Return the address to try now: another one each time when there are several."""
        found = self._found
        self._next += 1
        return found[(self._next - 1) % len(found)]

    def refresh(self) -> None:
        """Look the name up again, in a thread: it may have moved."""
        if self._lookup is None or not self._lookup.is_alive():
            self._lookup = threading.Thread(target=self._try, name="hep-lookup", daemon=True)
            self._lookup.start()

    def _try(self) -> None:
        with suppress(OSError):  # what was found before may still be right
            self._found = self._look_up()

    def _look_up(self) -> list[Address]:
        target = self._target
        kind = socket.SOCK_DGRAM if target.transport == "udp" else socket.SOCK_STREAM
        found: list[Address] = []
        for family, _, _, _, address in socket.getaddrinfo(target.host, target.port, type=kind):
            if family in FAMILIES:
                host = str(address[0])
                found.append((family, (host, target.port)))
                packed = socket.inet_pton(family, host.partition("%")[0])
                self.endpoints.add(Endpoint(packed, target.port))
        if not found:
            raise OSError(socket.EAI_NONAME, "no address of IPv4 or IPv6")
        return found
