"""How fast the screen answers and how much it sends, in a pseudo-terminal as over SSH.

    python bench/screen.py                       # 20,000 dialogs, 200 of them changing a second
    python bench/screen.py --dialogs 1000000     # memory ceiling raised; takes some minutes

First the program itself reads a small file, for the CPU that the first picture takes. Then it
runs on a store that is made up here: bytes a second while dialogs change, CPU of the screen's
thread from a key to the picture, and for sorting and filtering all dialogs.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import pty
import random
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dialogs import INTERVAL, PBX, PHONES, fill, message
from sipscope.calls.incoming import MessageBatch
from sipscope.calls.store import DialogStore
from sipscope.decode.address import Flow
from sipscope.decode.sip_heads import read_heads

if TYPE_CHECKING:
    from sipscope.calls.incoming import Incoming
    from sipscope.decode.batch import Frame
    from sipscope.engine import Engine
    from sipscope.tui.app import SipscopeApp

ROOT = Path(__file__).resolve().parents[1]
SMALL = ROOT / "fixtures" / "pcaps" / "call-udp.pcap"
COLUMNS, LINES = 160, 48
KEYS = ("j", "k", "pagedown", "pageup", "end", "home", "j", "space", "k", "ctrl+d")
LIMITS = {"bytes_per_s": 15_000, "first_paint_cpu_s": 0.7, "key_p95_ms": 100}
SETTLED_S = 600.0

ANSWERS = (b"200 OK", b"486 Busy Here", b"180 Ringing", b"404 Not Found", b"183 Progress")


class Said:
    """A recording of what was said since the beginning."""

    def __init__(self) -> None:
        self._messages: list[bytes] = []

    def keep(self, message: bytes) -> int:
        """Keep a message; return where it stands."""
        self._messages.append(message)
        return len(self._messages) - 1

    def read(self, position: int, length: int) -> bytes:
        """Return the message that stands at a position."""
        return self._messages[position][:length]

    def frame(self, position: int) -> Frame | None:
        """There are no frames."""


class Traffic:
    """Changes the dialogs of a store, and adds some.

    Args:
        store: Made by `dialogs.fill`.
        count: Dialogs in it.
        started: When the first of them began, ns since the epoch.
    """

    def __init__(self, store: DialogStore, count: int, started: int) -> None:
        self._store = store
        self._count = count
        self._started = started
        self._said = Said()
        self._sequence = 1

    def grow(self, count: int) -> None:
        """Add dialogs."""
        fill(self._store, range(self._count, self._count + count), self._started)
        self._count += count

    def change(self, count: int, among: int) -> None:
        """Add a message to some of the newest dialogs."""
        first = max(0, self._count - among)
        numbers = random.sample(range(first, self._count), min(count, self._count - first))
        incoming = [self._message(number) for number in numbers]
        batch = MessageBatch.of(incoming)
        with self._store.lock:
            self._store.add(batch, read_heads(batch.text, batch.begin, batch.end))

    def _message(self, number: int) -> Incoming:
        self._sequence += 1
        raw = message(number, 0).replace(b"CSeq: 1 ", b"CSeq: %d " % self._sequence)
        if answer := random.choice((None, *ANSWERS)):
            raw = b"SIP/2.0 " + answer + raw[raw.index(b"\r\n") :]
        flow = Flow(PHONES[number % len(PHONES)], PBX)
        flow = flow.reverse if answer else flow
        return time.time_ns(), self._sequence, flow, raw, self._said, 0, self._said.keep(raw)


def show(options: argparse.Namespace) -> None:
    """Run the screen on made-up dialogs, and write what it measures, a JSON object a line."""
    import gc  # noqa: PLC0415

    from sipscope.capture.merge import FileSet  # noqa: PLC0415
    from sipscope.engine import Engine  # noqa: PLC0415

    sys.setswitchinterval(0.001)
    results = os.fdopen(options.results, "w", buffering=1)
    store = DialogStore(2 * options.dialogs + 100_000, 16 << 30)
    started = time.time_ns() - options.dialogs * INTERVAL
    fill(store, range(options.dialogs), started)
    traffic = Traffic(store, options.dialogs, started)
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)

    class Source:
        """Stands for an interface: a live source from which nothing comes."""

        name, kind, packets, bytes, truncated_packets = "eth0", "interface", 0, 0, 0
        damaged = None

        def read(self, now: int) -> None:
            """Nothing comes."""

        def close(self) -> None:
            """Nothing to close."""

    engine = Engine(FileSet(()), [Source()], store)
    engine.start()
    measured_app(engine, traffic, options, results).run_in_terminal()
    engine.stop()


def measured_app(
    engine: Engine, traffic: Traffic, options: argparse.Namespace, results: IO[str]
) -> SipscopeApp:
    """Return the application with a script that presses keys and measures."""
    from sipscope.tui.app import SipscopeApp  # noqa: PLC0415

    def tell(**facts: object) -> None:
        results.write(json.dumps(facts) + "\n")

    class Measured(SipscopeApp):
        def on_ready(self) -> None:
            self.run_worker(self.script(), exit_on_error=True)

        async def script(self) -> None:
            await self.settled()
            tell(phase="changes")
            await self.changes()
            tell(phase="keys")
            times = sorted([await self.press(key) for key in KEYS * options.rounds])
            tell(key_p50_ms=times[len(times) // 2], key_p95_ms=times[int(len(times) * 0.95)])
            tell(phase="sorting")
            for key in (">", ">", "z"):
                tell(**{f"sort {key}": await self.costs(key)})
            tell(phase="filtering")
            words = "19 rejected"
            await self.costs("slash")
            before, began = time.thread_time(), time.perf_counter()
            for letter in words:
                self.simulate_key("space" if letter == " " else letter)
                await asyncio.sleep(0.02)
            await self.settled()
            tell(filter=[time.thread_time() - before, time.perf_counter() - began])
            tell(phase="end")
            self.exit(return_code=0)

        async def changes(self) -> None:
            """Let dialogs change in a thread, as the engine does."""
            over = threading.Event()

            def run() -> None:
                while not over.wait(0.05):
                    traffic.change(max(1, options.changes // 20), options.among)
                    if options.new:
                        traffic.grow(max(1, options.new // 20))

            thread = threading.Thread(target=run)
            await asyncio.sleep(1)
            thread.start()
            await asyncio.sleep(1)
            before = time.thread_time()
            tell(phase="counted")
            await asyncio.sleep(options.seconds)
            tell(
                phase="counted out",
                ui_cpu_percent=100 * (time.thread_time() - before) / options.seconds,
            )
            over.set()
            thread.join()

        async def press(self, key: str) -> float:
            """Return the CPU of this thread from a key to the picture, ms."""
            painted = asyncio.Event()
            before = time.thread_time()
            self.simulate_key(key)
            await asyncio.sleep(0)
            self.screen.call_after_refresh(painted.set)
            await painted.wait()
            cost = (time.thread_time() - before) * 1000
            await asyncio.sleep(0.12)
            return cost

        async def costs(self, key: str) -> list[float]:
            """Return CPU and time until everything has been sorted or looked at, s."""
            before, began = time.thread_time(), time.perf_counter()
            self.simulate_key(key)
            await asyncio.sleep(0.05)
            await self.settled()
            return [time.thread_time() - before, time.perf_counter() - began]

        async def settled(self) -> None:
            """Wait until the list has nothing more to work at."""
            view = self.screen_stack[0].view  # type: ignore[attr-defined]
            until = time.monotonic() + SETTLED_S
            quiet = 0
            while quiet < 3 and time.monotonic() < until:
                quiet = 0 if view.waiting or view.progress is not None else quiet + 1
                await asyncio.sleep(0.02)

    return Measured(engine)


def terminal(
    command: list[str], environment: dict[str, str], passed: tuple[int, ...] = ()
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a command in a pseudo-terminal; return the process and our end."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    process = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        start_new_session=True,
        pass_fds=passed,
    )
    os.close(slave)
    return process, master


def environment(ssh: bool) -> dict[str, str]:
    """Return the environment of a terminal, with a connection over SSH or without."""
    values = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT / "src")}
    values.pop("SSH_CONNECTION", None)
    values.pop("PYTHONDONTWRITEBYTECODE", None)
    if ssh:
        values["SSH_CONNECTION"] = "192.0.2.9 50000 192.0.2.1 22"
    return values


def cpu_s(pid: int) -> float:
    """Return the CPU that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def first_paint(rounds: int, extra: dict[str, str]) -> float:
    """Return the least CPU up to the first picture of the program itself."""
    costs = []
    for _ in range(rounds):
        command = [sys.executable, "-m", "sipscope", "-r", str(SMALL)]
        process, master = terminal(command, environment(True) | extra)
        seen, until = b"", time.monotonic() + 30
        while b" call" not in seen and time.monotonic() < until:
            if select.select([master], (), (), 0.005)[0]:
                try:
                    seen += os.read(master, 65536)
                except OSError:
                    break
        costs.append(cpu_s(process.pid))
        _end(process, master)
    return min(costs)


def _end(process: subprocess.Popen[bytes], master: int) -> None:
    process.send_signal(signal.SIGTERM)
    until = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < until:
        if select.select([master], (), (), 0.05)[0]:
            try:
                os.read(master, 65536)
            except OSError:
                break
    process.kill()
    process.wait()
    os.close(master)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the screen on made-up dialogs; return what it measured, and the bytes it sent."""
    read_end, write_end = os.pipe()
    command = [sys.executable, str(Path(__file__).resolve()), "--results", str(write_end)]
    for name in ("dialogs", "changes", "among", "new", "seconds", "rounds"):
        command += [f"--{name}", str(getattr(options, name))]
    process, master = terminal(command, environment(options.ssh), (write_end,))
    os.close(write_end)
    facts: dict[str, Any] = {}
    phase, sent, pending, last = "", 0, b"", b""
    while True:
        ready = select.select([master, read_end], (), (), 1.0)[0]
        if master in ready:
            try:
                data = os.read(master, 1 << 20)
            except OSError:
                break
            sent += len(data) if phase == "counted" else 0
            last = (last + data)[-2000:]
            if options.keep:
                with open(options.keep, "ab") as file:
                    file.write(data if phase == "counted" else b"")
        if read_end in ready:
            data = os.read(read_end, 65536)
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                told = json.loads(line)
                phase = told.pop("phase", phase)
                facts.update(told)
        if process.poll() is not None and not ready:
            break
    os.close(master)
    os.close(read_end)
    if process.wait():
        sys.exit(last.decode("utf-8", "replace"))
    facts["bytes_per_s"] = sent / options.seconds
    return facts


def main() -> int:
    """Measure and print; the exit status is 1 when a limit was passed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dialogs", type=int, default=20_000)
    parser.add_argument("--changes", type=int, default=200, help="dialogs that change a second")
    parser.add_argument("--among", type=int, default=200, help="so many of the newest")
    parser.add_argument("--new", type=int, default=0, help="dialogs that begin a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--local", dest="ssh", action="store_false", help="not as over SSH")
    parser.add_argument("--keep", help="file for what was sent while it was counted")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--results", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.results is not None:
        show(options)
        return 0
    facts = {
        "first_paint_cpu_s": first_paint(3, {"SIPSCOPE_NO_CONFIG": "1"}),
        **measure(options),
    }
    passed = {name: facts.get(name, 1e9) <= limit for name, limit in LIMITS.items()}
    if options.json:
        print(json.dumps({**facts, "limits": LIMITS, "kept": passed}))
    else:
        for name, value in facts.items():
            shown = [round(v, 3) for v in value] if isinstance(value, list) else round(value, 3)
            limit = f"   limit {LIMITS[name]}" if name in LIMITS else ""
            print(f"{name:20} {shown}{limit}")
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
