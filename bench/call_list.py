"""What the call list costs with very many dialogs that change all the time.

Figures are milliseconds of CPU of the thread of the screen, and seconds of wall clock.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import threading
import time
from typing import TYPE_CHECKING

from dialogs import EPOCH, INTERVAL, crowd, fill
from sipscope.capture.merge import FileSet
from sipscope.engine import Engine
from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.calls import CallsScreen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.pilot import Pilot

    from sipscope.calls.store import DialogStore

SIZE = (160, 48)
KEYS = ("down",) * 20 + ("pagedown",) * 10 + ("up",) * 10 + ("end", "home", "space", "z") * 5
COLUMNS = ("state", "method", "source", "duration", "from")
FILTERS = ("state = rejected", "busy", "from.user ~ 77", "")
CHANGES_PER_S, FEED_S = 200, 0.25


class Feed(threading.Thread):
    """Gives a store as many messages a second as a busy exchange: new dialogs and answers."""

    def __init__(self, store: DialogStore, number: int) -> None:
        super().__init__(daemon=True)
        self.store = store
        self.number = number
        self.ended = threading.Event()

    def run(self) -> None:
        each = round(CHANGES_PER_S * FEED_S / 2)
        while not self.ended.wait(FEED_S):
            fill(self.store, range(self.number, self.number + each))
            self.number += each


async def settle(pilot: Pilot[None], screen: CallsScreen) -> tuple[float, float, float]:
    """Wait for what was asked for.

    Returns:
        Seconds until a screenful is there, seconds until all is, the longest turn in ms.
    """
    begin = time.perf_counter()
    first, longest = 0.0, 0.0
    while True:
        cpu = time.thread_time()
        screen.refresh_calls()
        longest = max(longest, time.thread_time() - cpu)
        await pilot.pause(0.002)
        now = time.perf_counter() - begin
        if not first and (len(screen.view.ids) >= SIZE[1] or not screen.view.waiting):
            first = now
        if not screen.view.waiting:
            return first, now, 1000 * longest


async def keys_to_paint(pilot: Pilot[None], keys: Iterable[str]) -> list[float]:
    costs = []
    for key in keys:
        cpu = time.thread_time()
        await pilot.press(key)
        await pilot.pause()
        costs.append(1000 * (time.thread_time() - cpu))
    return sorted(costs)


def pace_ms() -> float:
    """Return what a fixed piece of work costs: how fast the machine is just now."""
    cpu, total = time.thread_time(), 0
    for number in range(200_000):
        total += number
    return 1000 * (time.thread_time() - cpu)


def resident_mb() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / 1e6


async def measure(store: DialogStore, count: int) -> None:
    engine = Engine(FileSet(()), (), store)
    app = SipscopeApp(engine)
    before = resident_mb()
    async with app.run_test(size=SIZE) as pilot:
        screen = app.screen_stack[0]
        assert isinstance(screen, CallsScreen)
        _, ready, longest = await settle(pilot, screen)
        print(f"first list        {ready:6.2f} s   longest turn {longest:5.1f} ms", flush=True)
        feed = Feed(store, count)
        feed.start()
        for column in (None, "state"):
            if column is not None:
                screen.view.arrange(column=column, descending=False)
                await settle(pilot, screen)
            costs = await keys_to_paint(pilot, KEYS)
            half, most = (costs[int(share * len(costs))] for share in (0.5, 0.95))
            print(
                f"key to paint      p50 {half:5.1f} p95 {most:5.1f} ms by {column or 'time'}"
                f"   (200,000 additions: {pace_ms():.1f} ms)",
                flush=True,
            )
        feed.ended.set()
        feed.join()
        for column in COLUMNS:
            cpu = time.thread_time()
            screen.view.arrange(column=column, descending=False)
            _, all_s, longest = await settle(pilot, screen)
            cpu = time.thread_time() - cpu
            print(
                f"sort {column:12} {all_s:6.2f} s ({cpu:.2f} CPU)   longest turn {longest:5.1f} ms",
                flush=True,
            )
        screen.view.arrange(column="time", descending=True)
        await settle(pilot, screen)
        for text in FILTERS:
            cpu = time.thread_time()
            screen.view.arrange(text=text)
            first, all_s, longest = await settle(pilot, screen)
            cpu = time.thread_time() - cpu
            print(
                f"filter {text or 'none':18} first screenful {first:5.2f} s, all {all_s:6.2f} s"
                f" ({cpu:.2f} CPU)   longest turn {longest:5.1f} ms",
                flush=True,
            )
        print(f"memory of the list {resident_mb() - before:.0f} MB, the interface included")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dialogs", type=int, default=200_000, help="how many (default 200,000)")
    options = parser.parse_args()
    begin = time.perf_counter()
    store = crowd(options.dialogs)
    gc.collect()
    gc.freeze()
    span = options.dialogs * INTERVAL / 1e9
    made = time.perf_counter() - begin
    print(
        f"{options.dialogs:,} dialogs of {span:.0f} s from {EPOCH} made in {made:.0f} s", flush=True
    )
    asyncio.run(measure(store, options.dialogs))


if __name__ == "__main__":
    main()
