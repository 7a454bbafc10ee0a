"""Names of addresses out of DNS: only when a person asks, in threads that nothing waits for."""

import socket
import threading
from collections.abc import Callable, Iterable

from sipscope.calls.names import MAX_NAME
from sipscope.decode.address import address_text
from sipscope.decode.text import display

MAX_ASKED = 64
"""Addresses that are asked for at once."""

_THREADS = 4

LookUp = Callable[[str], str]
"""Returns the name of an address, or raises OSError."""


def _of_system(address: str) -> str:
    return socket.gethostbyaddr(address)[0]


class ReverseNames:
    """Names that were found, and the threads that look for them.

    Args:
        look_up: Asks DNS.

    Attributes:
        names: By address, safe to show.
    """

    def __init__(self, look_up: LookUp = _of_system) -> None:
        self.names: dict[bytes, str] = {}
        self._look_up = look_up
        self._lock = threading.Lock()
        self._asked: set[bytes] = set()
        self._waiting: list[bytes] = []
        self._running = 0
        self._answered = 0

    @property
    def pending(self) -> int:
        """How many answers are not there yet."""
        return len(self._asked) - self._answered

    def ask(self, addresses: Iterable[bytes]) -> int:
        """Look for names of addresses that were not asked for before; return how many."""
        with self._lock:
            new = [address for address in dict.fromkeys(addresses) if address not in self._asked]
            new = new[:MAX_ASKED]
            self._asked.update(new)
            self._waiting += new
            start = min(_THREADS, len(self._waiting)) - self._running
            self._running += max(0, start)
        for _ in range(start):
            threading.Thread(target=self._work, name="reverse DNS", daemon=True).start()
        return len(new)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                address = self._waiting.pop(0)
            try:
                name = self._look_up(address_text(address))
            except (OSError, UnicodeError):
                name = ""
            with self._lock:
                self._answered += 1
                if name:
                    self.names[address] = display(name)[:MAX_NAME]
