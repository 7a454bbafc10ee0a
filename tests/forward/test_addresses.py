import socket
import threading
import time

import pytest

from sipscope.decode.address import Endpoint
from sipscope.errors import UsageError
from sipscope.forward.addresses import Addresses
from sipscope.forward.target import Target

HOMER = Target("udp", "homer.example")
Found = list[tuple[object, ...]]


class Names:
    """A name service that a test writes.

    Attributes:
        hosts: What it knows of every name; none is a failure.
        asked: How often it was asked.
    """

    def __init__(self, *hosts: str) -> None:
        self.hosts = list(hosts)
        self.asked = 0
        self.slow = threading.Event()
        self.slow.set()

    def getaddrinfo(self, host: str, port: int, **_: object) -> Found:
        self.asked += 1
        assert self.slow.wait(10)
        if not self.hosts:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if ":" in known else socket.AF_INET, 2, 17, "", (known, port))
            for known in self.hosts
        ]


def install(monkeypatch: pytest.MonkeyPatch, names: Names) -> Names:
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    return names


def test_an_address_is_its_own_name() -> None:
    addresses = Addresses(Target("udp", "127.0.0.1", 9061))
    assert addresses.next() == (socket.AF_INET, ("127.0.0.1", 9061))
    assert addresses.endpoints == {Endpoint(b"\x7f\0\0\1", 9061)}


def test_several_addresses_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Names("192.0.2.1", "2001:db8::1"))
    addresses = Addresses(HOMER)
    hosts = [addresses.next()[1][0] for _ in range(3)]
    assert hosts == ["192.0.2.1", "2001:db8::1", "192.0.2.1"]
    assert len(addresses.endpoints) == 2


def test_an_unknown_name_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Names())
    with pytest.raises(UsageError, match=r"The HEP server homer\.example is not known: Name or"):
        Addresses(HOMER)


def test_looking_again_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    names = install(monkeypatch, Names("192.0.2.1"))
    addresses = Addresses(HOMER)
    names.hosts = ["192.0.2.2"]
    names.slow.clear()
    begin = time.monotonic()
    for _ in range(100):
        addresses.refresh()
    assert time.monotonic() - begin < 1
    assert addresses.next()[1][0] == "192.0.2.1"
    names.slow.set()
    while addresses.next()[1][0] != "192.0.2.2":
        assert time.monotonic() - begin < 10
        time.sleep(0.001)
    assert names.asked == 2


def test_a_name_service_that_is_gone_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    names = install(monkeypatch, Names("192.0.2.1"))
    addresses = Addresses(HOMER)
    names.hosts = []
    addresses.refresh()
    begin = time.monotonic()
    while names.asked < 2:
        assert time.monotonic() - begin < 10
    assert addresses.next()[1][0] == "192.0.2.1"


def test_addresses_that_it_had_are_still_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    names = install(monkeypatch, Names("192.0.2.1"))
    addresses = Addresses(HOMER)
    names.hosts = ["192.0.2.2"]
    addresses.refresh()
    begin = time.monotonic()
    while len(addresses.endpoints) < 2:
        assert time.monotonic() - begin < 10
    assert Endpoint(bytes((192, 0, 2, 1)), 9060) in addresses.endpoints
