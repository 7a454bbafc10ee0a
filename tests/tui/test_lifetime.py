import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from sipscope.tui import lifetime as lifetime_module
from sipscope.tui.lifetime import Lifetime


@pytest.fixture
def ended() -> list[int]:
    return []


@pytest.fixture
def lifetime(ended: list[int]) -> Iterator[Lifetime]:
    watched = Lifetime(ended.append, lambda: None)
    yield watched
    watched.release()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_signal_asks_for_the_end_with_its_status(
    lifetime: Lifetime, ended: list[int], number: int
) -> None:
    lifetime.watch()
    os.kill(os.getpid(), number)
    await asyncio.sleep(0.05)
    assert ended == [128 + number]


async def test_a_signal_that_is_ignored_stays_ignored(lifetime: Lifetime, ended: list[int]) -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        lifetime.watch()
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0.05)
        assert ended == []
    finally:
        lifetime.release()
        signal.signal(signal.SIGHUP, former)


async def test_afterwards_signals_do_what_they_did_before(lifetime: Lifetime) -> None:
    before = signal.getsignal(signal.SIGTERM)
    lifetime.watch()
    lifetime.release()
    assert signal.getsignal(signal.SIGTERM) == before


async def test_force_is_used_when_nobody_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = threading.Event()
    statuses: list[int] = []
    abandoned = threading.Event()

    def leave(status: int) -> None:
        statuses.append(status)
        gone.set()

    monkeypatch.setattr(lifetime_module, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(os, "_exit", leave)
    stubborn = Lifetime(lambda status: None, abandoned.set)
    stubborn.watch()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.to_thread(gone.wait, 5)
    stubborn.release()
    assert statuses == [143]
    assert abandoned.is_set()


async def test_no_force_is_used_when_it_ended_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    statuses: list[int] = []
    monkeypatch.setattr(lifetime_module, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(os, "_exit", statuses.append)
    prompt = Lifetime(lambda status: None, lambda: None)
    prompt.watch()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.02)
    prompt.release()
    await asyncio.sleep(0.3)
    assert statuses == []


def test_a_terminal_that_vanishes_during_the_start_ends_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = threading.Event()
    statuses: list[int] = []

    def leave(status: int) -> None:
        statuses.append(status)
        gone.set()

    ours, theirs = os.openpty()
    monkeypatch.setattr(lifetime_module, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(os, "_exit", leave)
    with os.fdopen(theirs, "rb", buffering=0) as terminal:
        monkeypatch.setattr(sys, "__stdin__", terminal)
        starting = Lifetime(lambda status: None, lambda: None)
        starting.watch_terminal()
        os.close(ours)
        gone.wait(5)
        starting.release()
    assert statuses == [128 + signal.SIGHUP]
