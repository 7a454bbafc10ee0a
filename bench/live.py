"""Capture a busy PBX live from a veth pair with the screen running, and check every figure.

    python bench/live.py --pps 100000 --seconds 30

Takes root, iproute2 and tcpreplay; the traffic stays in a network namespace of its own. The
program under test runs in a pseudo-terminal of 160x48 cells, as over SSH; tcpreplay sends a
capture of `workload.py` into the other end of the cable. Afterwards the streams that were
seen live are compared with what the file holds.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import resource
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sipscope.engine import Engine

BENCH = Path(__file__).resolve().parent
WORK = BENCH / "workloads"
CAPTURED_END, SENDING_END = "captured", "sending"
COLUMNS, LINES = 160, 48
CALLS = 1_000
PACKETS_PER_CALL = 100  # a second, both directions
EXACT = ("packets", "expected", "lost", "duplicates", "out_of_order", "restarts")
"""Figures that do not depend on when tcpreplay sent a packet."""


def watch(interface: str, output: Path) -> None:
    """Run the program on an interface as the command line does; write what it saw at its end."""
    sys.setswitchinterval(0.001)
    from sipscope.calls.store import DialogStore  # noqa: PLC0415
    from sipscope.capture.interface import InterfaceSource  # noqa: PLC0415
    from sipscope.capture.merge import FileSet  # noqa: PLC0415
    from sipscope.engine import Engine  # noqa: PLC0415

    engine = Engine(FileSet(()), [InterfaceSource(interface)], DialogStore())
    engine.start()
    from sipscope.tui.app import run  # noqa: PLC0415

    run(engine)
    engine.stop()
    engine.store.touch(engine.store.streams.flush())
    status = engine.status()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seen = {
        "packets": status.packets,
        "kernel_drops": status.lost,
        "dialogs": status.dialogs,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
        "streams": stream_counts(engine),
    }
    output.write_text(json.dumps(seen))


def stream_counts(engine: Engine) -> dict[str, list[int]]:
    """Return the exact figures of every stream by SSRC and addresses."""
    streams = engine.store.streams
    return {
        f"{figures.ssrc:08x} {figures.flow.source} {figures.flow.destination}": [
            getattr(figures, name) for name in EXACT
        ]
        for figures in map(streams.figures, streams.ids())
    }


def read_file(path: Path) -> dict[str, list[int]]:
    """Return the exact figures of every stream of a capture file."""
    from sipscope.calls.store import DialogStore  # noqa: PLC0415
    from sipscope.capture.file import FileSource  # noqa: PLC0415
    from sipscope.capture.merge import FileSet  # noqa: PLC0415
    from sipscope.engine import Engine  # noqa: PLC0415

    engine = Engine(FileSet([FileSource(str(path))]), [], DialogStore())
    engine.run()
    return stream_counts(engine)


@contextmanager
def namespace(name: str) -> Iterator[list[str]]:
    """Make a namespace with a cable; give the words that run a command in it."""
    here = ["ip", "netns", "exec", name]
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        cable = ["type", "veth", "peer", "name", CAPTURED_END]
        subprocess.run([*here, "ip", "link", "add", SENDING_END, *cable], check=True)
        for interface in (CAPTURED_END, SENDING_END):
            up = ["ip", "link", "set", interface, "addrgenmode", "none", "up"]
            subprocess.run([*here, *up], check=True)
        yield here
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


class Terminal:
    """A pseudo-terminal whose output is read and counted."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.octets = 0
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def type(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def close(self) -> None:
        self._ended.set()
        self._reader.join()
        os.close(self.ours)

    def _read(self) -> None:
        while not self._ended.is_set():
            ready, _, _ = select.select([self.ours], [], [], 0.1)
            if ready:
                self.octets += len(os.read(self.ours, 65_536))


def measure(capture: Path, pps: int) -> dict[str, Any]:
    """Send the capture at a rate while the program watches; return what it saw."""
    output = WORK / "live.json"
    output.unlink(missing_ok=True)
    environment = dict(os.environ, TERM="xterm-256color", COLORTERM="truecolor")
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with namespace(f"sipscope-bench-{os.getpid()}") as here:
        terminal = Terminal()
        program = [*here, sys.executable, __file__, "--watch", CAPTURED_END, str(output)]
        watching = subprocess.Popen(
            program,
            stdin=terminal.theirs,
            stdout=terminal.theirs,
            stderr=terminal.theirs,
            env=environment,
            start_new_session=True,
        )
        time.sleep(3)
        before = terminal.octets
        began = time.monotonic()
        replay = ["tcpreplay", "-q", "-K", "-i", SENDING_END, f"--pps={pps}", str(capture)]
        sent = subprocess.run([*here, *replay], capture_output=True, text=True, check=True)
        took = time.monotonic() - began
        time.sleep(2)
        painted = terminal.octets - before
        terminal.type(b"q")
        time.sleep(0.5)
        terminal.type(b"y")
        watching.wait(timeout=60)
        terminal.close()
        if not output.exists():
            sys.exit("The program ended early")
    seen: dict[str, Any] = json.loads(output.read_text())
    seen["painted"], seen["took_s"] = painted, took
    seen["sent"] = next((line for line in sent.stdout.splitlines() if "Rated" in line), "")
    return seen


def tell(capture: Path, pps: int, seen: dict[str, Any]) -> bool:
    """Print what was seen beside what there was; return whether all of it is right."""
    there = read_file(capture)
    wrong = [key for key, counts in there.items() if seen["streams"].get(key) != counts]
    extra = seen["streams"].keys() - there.keys()
    print(f"sent             {seen['sent'].strip()}, wanted {pps:,} packets/s")
    print(
        f"captured         {seen['packets']:,} packets, {seen['kernel_drops']:,} lost by the kernel"
    )
    print(f"dialogs          {seen['dialogs']:,}")
    print(f"streams          {len(there):,} in the file, {len(there) - len(wrong):,} the same live")
    print(f"CPU              {seen['cpu_s']:.1f} s, peak {seen['peak_mb']:.0f} MB")
    print(f"painted          {seen['painted'] / 1000 / max(seen['took_s'], 1):.1f} kB/s")
    for key in wrong[:5]:
        print(
            f"  {key}: {dict(zip(EXACT, there[key], strict=True))}, live {seen['streams'].get(key)}"
        )
    return not seen["kernel_drops"] and not wrong and not extra


def main() -> None:
    parser = argparse.ArgumentParser(description="Live capture with the screen running.")
    parser.add_argument("--watch", nargs=2, metavar=("INTERFACE", "OUTPUT"), help=argparse.SUPPRESS)
    parser.add_argument("--pps", type=int, default=100_000, help="packets a second (100000)")
    parser.add_argument("--seconds", type=int, default=30, help="how long (30)")
    parser.add_argument("--check", action="store_true", help="exit status 1 when one is lost")
    options = parser.parse_args()
    if options.watch:
        watch(options.watch[0], Path(options.watch[1]))
        return
    calls = CALLS * max(1, round(options.pps / (CALLS * PACKETS_PER_CALL)))
    capture = WORK / f"live-{calls}-{options.seconds}s.pcap"
    WORK.mkdir(exist_ok=True)
    if not capture.exists():
        writer = [sys.executable, str(BENCH / "workload.py"), "--rtp", "--calls", str(calls)]
        subprocess.run([*writer, "--seconds", str(options.seconds), str(capture)], check=True)
    right = tell(capture, options.pps, measure(capture, options.pps))
    sys.exit(options.check and not right)


if __name__ == "__main__":
    main()
