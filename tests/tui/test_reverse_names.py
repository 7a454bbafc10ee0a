"""Names out of DNS, when a person asks."""

import threading
import time

import pytest

from sipscope.tui.reverse_names import MAX_ASKED, ReverseNames

HOSTS = [bytes([192, 0, 2, n]) for n in range(100)]


def wait_for(names: ReverseNames) -> None:
    until = time.monotonic() + 5
    while names.pending and time.monotonic() < until:
        time.sleep(0.005)
    assert not names.pending


def test_names_are_looked_up_for_what_was_asked_and_nothing_else() -> None:
    asked: list[str] = []

    def look_up(address: str) -> str:
        asked.append(address)
        return f"host-{address}"

    names = ReverseNames(look_up)
    assert not names.names
    assert names.ask([HOSTS[1], HOSTS[2], HOSTS[1]]) == 2
    wait_for(names)
    assert sorted(asked) == ["192.0.2.1", "192.0.2.2"]
    assert names.names == {HOSTS[1]: "host-192.0.2.1", HOSTS[2]: "host-192.0.2.2"}


def test_nothing_is_asked_twice_and_never_more_than_a_few() -> None:
    names = ReverseNames(lambda address: "x")
    assert names.ask(HOSTS) == MAX_ASKED
    wait_for(names)
    assert names.ask(HOSTS[:MAX_ASKED]) == 0
    assert names.ask(HOSTS) == len(HOSTS) - MAX_ASKED
    wait_for(names)


@pytest.mark.parametrize("error", [OSError("no name"), UnicodeError("no text")])
def test_an_address_without_a_name_stays_without(error: Exception) -> None:
    def look_up(address: str) -> str:
        raise error

    names = ReverseNames(look_up)
    names.ask(HOSTS[:3])
    wait_for(names)
    assert names.names == {}


def test_hostile_names_become_harmless() -> None:
    names = ReverseNames(lambda address: "\x1b[2J" + "x" * 300)
    names.ask(HOSTS[:1])
    wait_for(names)
    (name,) = names.names.values()
    assert name == "␛[2J" + "x" * 60


def test_nobody_waits_for_an_answer() -> None:
    held = threading.Event()

    def look_up(address: str) -> str:
        held.wait(5)
        return "late"

    names = ReverseNames(look_up)
    begun = time.monotonic()
    names.ask(HOSTS[:20])
    assert time.monotonic() - begun < 1
    assert names.pending == 20
    threads = [thread for thread in threading.enumerate() if thread.name == "reverse DNS"]
    assert 0 < len(threads) <= 4
    assert all(thread.daemon for thread in threads)
    held.set()
    wait_for(names)
