"""Send to a HEP server that is down, slow or resets for minutes under load: is anything lost?

    python bench/outage.py --minutes 5

Takes root, iproute2 and tcpreplay; the traffic stays in network namespaces of its own. The
program under test runs in a pseudo-terminal of 160x48 cells, captures SIP and some RTP that
tcpreplay sends, and forwards them over TCP with a spool. The server is good for a while, then
bad, then good again. What it has in the end is compared with what tcpreplay sent; the engine's
turns and the time from a key to its picture with those before the server was bad.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import re
import select
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from hep_server import PORT, Came, identity, read_server
from live import BENCH, CAPTURED_END, SENDING_END, WORK, Terminal, namespace

KINDS = ("down", "slow", "resets")
START_S, BEFORE_S, AFTER_S = 8, 60, 30
DRAINED_S = 240.0
SIP_PER_CALL = 6.5  # at least, of `workload.py --sip-only`
RECORD = struct.Struct("<IIII")
HEADER = 24
UDP_END, ADDRESSES, PORTS = 42, slice(26, 34), slice(34, 38)
CURSOR = re.compile(rb"\x1b\[1;[0-9;]*m ([0-9]{4,})[ \xe2]")
"""Who calls, in the row that is bold: the cursor's."""

ROW_BYTES = 60  # at least as many as CURSOR finds
SHOWN_BYTES = 4_000
PATIENCE_S = 10.0
CLOCK_S = 0.02


def run_program(output: Path, arguments: list[str]) -> None:
    """Run the program with a watch on the engine's turns; tell of each second in a line of JSON."""
    from sipscope import cli  # noqa: PLC0415
    from sipscope.engine import Engine  # noqa: PLC0415
    from sipscope.forward.hep_sink import HepSink  # noqa: PLC0415

    told = output.open("w", buffering=1)
    turn = Engine._turn
    wall, cpu, begun = 0.0, 0.0, time.monotonic()

    def timed(engine: Engine, now: int) -> bool:
        nonlocal wall, cpu, begun
        at, at_cpu = time.monotonic(), time.thread_time()
        busy = turn(engine, now)
        end = time.monotonic()
        wall, cpu = max(wall, end - at), max(cpu, time.thread_time() - at_cpu)
        if end - begun >= 1:
            (sink,) = engine.sinks
            assert isinstance(sink, HepSink)
            (sender,) = sink.senders
            spool = sender.backlog.spool
            facts = {
                "begin": begun,
                "end": end,
                "turn_ms": 1000 * wall,
                "turn_cpu_ms": 1000 * cpu,
                "cpu_s": time.process_time(),
                "waiting": len(sender.backlog),
                "spooled": spool.size if spool else 0,
                "dropped": sender.backlog.dropped,
                "failures": sender.traffic.failures,
                "kernel_drops": sum(getattr(source, "kernel_drops", 0) for source in engine.live),
            }
            told.write(json.dumps(facts) + "\n")
            wall, cpu, begun = 0.0, 0.0, time.monotonic()
        return busy

    Engine._turn = timed  # type: ignore[method-assign, assignment]
    cli.main(arguments)


class Screen(Terminal):
    """A terminal that notices when the cursor has moved to another call.

    Attributes:
        shown: What came last.
    """

    def __init__(self) -> None:
        self.shown = self._cursor = b""
        self._painted = 0.0
        self._moved = threading.Event()
        super().__init__()

    def press(self, key: bytes) -> float:
        """Return the time from a key to the picture of the cursor elsewhere, ms."""
        self._moved.clear()
        began = time.monotonic()
        self.type(key)
        return 1000 * (self._painted - began if self._moved.wait(PATIENCE_S) else PATIENCE_S)

    def _read(self) -> None:
        while not self._ended.is_set():
            ready, _, _ = select.select([self.ours], [], [], 0.1)
            if not ready:
                continue
            data = os.read(self.ours, 65_536)
            self.octets += len(data)
            painted = time.monotonic()
            at = max(0, len(self.shown) - ROW_BYTES)
            self.shown += data
            for found in CURSOR.finditer(self.shown, at):
                if found[1] != self._cursor:
                    self._cursor, self._painted = found[1], painted
                    self._moved.set()
            self.shown = self.shown[-SHOWN_BYTES:]


class Clock(threading.Thread):
    """Does nothing but sleep, and notes when it woke late: what the machine itself costs.

    Attributes:
        late: When, and by how many ms.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.late: list[tuple[float, float]] = []

    def run(self) -> None:
        while True:
            due = time.monotonic() + CLOCK_S
            time.sleep(CLOCK_S)
            self.late.append((due, 1000 * (time.monotonic() - due)))


def records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Give time in us and frame of each record of a capture that `workload.py` wrote."""
    data = path.read_bytes()
    offset = HEADER
    while offset < len(data):
        seconds, micros, captured, _ = RECORD.unpack_from(data, offset)
        offset += RECORD.size + captured
        yield seconds * 1_000_000 + micros, data[offset - captured : offset]


def write_load(capture: Path, rate: int, calls: int, seconds: int) -> None:
    """Write `rate` SIP messages a second, and `calls` calls with RTP that last all the time."""
    workload = [sys.executable, str(BENCH / "workload.py")]
    with tempfile.TemporaryDirectory() as name:
        signalling, media = Path(name) / "sip.pcap", Path(name) / "rtp.pcap"
        count = round(rate * seconds / SIP_PER_CALL) + 1
        subprocess.run([*workload, "--sip-only", f"--calls={count}", str(signalling)], check=True)
        with_media = ["--rtp", "--seed=2", f"--calls={calls}", f"--seconds={seconds - 10}"]
        subprocess.run([*workload, *with_media, str(media)], check=True)
        begin = next(time for time, _ in records(signalling))
        frames = islice((frame for _, frame in records(signalling)), rate * seconds)
        steady = ((begin + n * 1_000_000 // rate, frame) for n, frame in enumerate(frames))
        with capture.open("wb") as output:
            output.write(signalling.read_bytes()[:HEADER])
            for at, frame in heapq.merge(steady, records(media), key=lambda record: record[0]):
                output.write(RECORD.pack(*divmod(at, 1_000_000), len(frame), len(frame)) + frame)


def read_load(capture: Path) -> tuple[list[tuple[bytes, bytes]], Counter[int]]:
    """Return the SIP messages of a capture as `identity` gives, and RTP packets by SSRC."""
    messages, packets = [], Counter[int]()
    for _, frame in records(capture):
        payload = frame[UDP_END:]
        if payload[0] & 0xC0 == 0x80:
            packets[int.from_bytes(payload[8:12], "big")] += 1
        else:
            messages.append(identity(frame[ADDRESSES] + frame[PORTS], payload))
    return messages, packets


@contextmanager
def server(here: list[str], directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a server in a namespace; it ends with its standard input."""
    directory.mkdir()
    command = [*here, sys.executable, str(BENCH / "hep_server.py"), str(directory)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=60)


@contextmanager
def program(here: list[str], directory: Path, spool_mib: int) -> Iterator[Screen]:
    """Run the program on a screen; quit it at the end."""
    # The oldest first: what is on the screen then stays there, and the cursor's row is told apart.
    settings = directory / "settings.toml"
    settings.write_text("[list]\ndescending = false\n")
    terminal = Screen()
    options = ["-i", CAPTURED_END, "--hep-send", f"tcp://127.0.0.1:{PORT}"]
    options += ["--spool", str(directory / "spool"), "--spool-size", str(spool_mib)]
    options += ["--config", str(settings)]
    process = subprocess.Popen(
        [*here, sys.executable, __file__, "--watch", str(directory / "turns"), *options],
        stdin=terminal.theirs,
        stdout=terminal.theirs,
        stderr=terminal.theirs,
        env=dict(os.environ, TERM="xterm-256color", COLORTERM="truecolor"),
        start_new_session=True,
    )
    try:
        turns = directory / "turns"
        while not (turns.exists() and turns.stat().st_size):
            time.sleep(0.1)
            if process.poll() is not None:
                sys.exit("The program ended early: " + terminal.shown.decode(errors="replace"))
        yield terminal
        terminal.type(b"q")
        time.sleep(1)
        if process.poll() is None:
            terminal.type(b"y")
        process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()
        terminal.close()


def seconds_of(directory: Path) -> list[dict[str, float]]:
    """Return what the program told of its seconds so far."""
    lines = (directory / "turns").read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def measure(kind: str, capture: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run the program while the server is bad in one way; return what was seen."""
    clock = Clock()
    clock.start()
    keys: dict[str, list[float]] = {"before": [], "during": []}
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with (
            namespace(f"sipscope-{kind}-{os.getpid()}") as here,
            server(here, directory / "came") as serving,
        ):
            subprocess.run([*here, "ip", "link", "set", "lo", "up"], check=True)
            assert serving.stdin is not None
            with program(here, directory, options.spool_size) as screen:
                pace = ["-K", "--timer=nano", f"--pps={options.pps:.3f}"]
                replay = ["tcpreplay", "-q", *pace, "-i", SENDING_END, str(capture)]
                sending = subprocess.Popen([*here, *replay], stdout=subprocess.DEVNULL)
                time.sleep(START_S)
                spans = {}
                for phase, mode, length in (
                    ("before", "good", BEFORE_S - START_S),
                    ("during", kind, round(60 * options.minutes)),
                ):
                    print(mode, file=serving.stdin, flush=True)
                    begin = time.monotonic()
                    while (now := time.monotonic()) < begin + length:
                        keys[phase].append(screen.press(b"jk"[len(keys[phase]) % 2 :][:1]))
                        time.sleep(max(0.0, now + 1 - time.monotonic()))
                    spans[phase] = begin, time.monotonic()
                print("good", file=serving.stdin, flush=True)
                sending.wait(timeout=600)
                time.sleep(3)
                drained_by = time.monotonic() + DRAINED_S
                while seconds_of(directory)[-1]["waiting"] and time.monotonic() < drained_by:
                    time.sleep(1)
                time.sleep(2)
        came = read_server(directory / "came")
        return summary(seconds_of(directory), spans, keys, clock, came)


def summary(
    seconds: Sequence[dict[str, float]],
    spans: dict[str, tuple[float, float]],
    keys: dict[str, list[float]],
    clock: Clock,
    came: Came,
) -> dict[str, Any]:
    """Return figures of a run, those of each phase by its name."""
    seen: dict[str, Any] = {
        "came": came,
        "spooled": max(second["spooled"] for second in seconds),
        "dropped": seconds[-1]["dropped"],
        "kernel_drops": seconds[-1]["kernel_drops"],
        "failures": seconds[-1]["failures"],
    }
    for phase, (begin, end) in spans.items():
        within = [s for s in seconds if begin <= s["begin"] and s["end"] <= end]
        times = sorted(keys[phase])
        cpu = within[-1]["cpu_s"] - within[0]["cpu_s"]
        seen[phase] = {
            "turn": max(second["turn_ms"] for second in within),
            "turn_cpu": max(second["turn_cpu_ms"] for second in within),
            "cpu": 100 * cpu / (within[-1]["end"] - within[0]["end"]),
            "late": max(late for at, late in clock.late if begin <= at <= end),
            "keys": [times[round(share * (len(times) - 1))] for share in (0.5, 0.95, 1)],
        }
    return seen


def dialogs_of(messages: Sequence[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
    dialogs: dict[bytes, list[bytes]] = {}
    for call_id, digest in messages:
        dialogs.setdefault(call_id, []).append(digest)
    return dialogs


def tell(capture: Path, runs: dict[str, dict[str, Any]]) -> bool:
    """Print what came beside what was sent; return whether all of it did, and in order."""
    sent, packets = read_load(capture)
    dialogs = dialogs_of(sent)
    right = True
    rows: list[tuple[str, ...]] = [("", *runs)]
    columns = []
    for seen in runs.values():
        came: Came = seen["came"]
        missing = (Counter(sent) - Counter(came.messages)).total()
        foreign = (Counter(came.messages) - Counter(sent)).total()
        there = dialogs_of(came.messages)
        disordered = sum(there.get(call_id) != digests for call_id, digests in dialogs.items())
        unreported = sum(came.packets[ssrc] != count for ssrc, count in packets.items())
        right &= not (missing or foreign or disordered or came.backward or unreported)
        figures = {
            "SIP messages sent": f"{len(sent):,}",
            "came, distinct": f"{len(came.messages):,}",
            "missing": f"{missing:,}",
            "came, never sent": f"{foreign:,}",
            "came again": f"{came.again:,}",
            f"dialogs out of order, of {len(dialogs):,}": f"{disordered:,}",
            "out of order in a connection": f"{came.backward:,}",
            f"streams not told exactly, of {len(packets):,}": f"{unreported:,}",
            "connections": f"{came.connections:,}",
            "failures": f"{seen['failures']:,.0f}",
            "most in the spool, MiB": f"{seen['spooled'] / (1 << 20):.1f}",
            "dropped by the spool": f"{seen['dropped']:,.0f}",
            "dropped by the kernel": f"{seen['kernel_drops']:,.0f}",
        }
        for phase in ("before", "during"):
            of = seen[phase]
            figures[f"longest turn {phase}, ms (its CPU)"] = (
                f"{of['turn']:.0f} ({of['turn_cpu']:.0f})"
            )
        for phase in ("before", "during"):
            p50, p95, most = seen[phase]["keys"]
            figures[f"key to picture {phase}, ms: p50 p95 max"] = f"{p50:.0f} {p95:.0f} {most:.0f}"
        for phase in ("before", "during"):
            figures[f"CPU {phase}, % of a core"] = f"{seen[phase]['cpu']:.0f}"
        for phase in ("before", "during"):
            figures[f"machine late at most {phase}, ms"] = f"{seen[phase]['late']:.0f}"
        columns.append(figures)
    rows += [(name, *(figures[name] for figures in columns)) for name in columns[0]]
    for name, *values in rows:
        print(f"{name:40}" + "".join(f"{value:>16}" for value in values))
    return right


def main() -> None:
    if sys.argv[1:2] == ["--watch"]:
        run_program(Path(sys.argv[2]), sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=5, help="that the server is bad (5)")
    parser.add_argument("--only", choices=KINDS, action="append", help="one kind of bad server")
    parser.add_argument("--together", action="store_true", help="all kinds at one time")
    parser.add_argument("--rate", type=int, default=300, help="SIP messages a second (300)")
    parser.add_argument("--calls", type=int, default=4, help="calls with RTP (4)")
    parser.add_argument("--spool-size", type=int, default=100, help="MiB (100)")
    parser.add_argument("--check", action="store_true", help="exit status 1 when one is missing")
    options = parser.parse_args()
    kinds = options.only or KINDS
    seconds = BEFORE_S + round(60 * options.minutes) + AFTER_S
    capture = WORK / f"outage-{options.rate}-{options.calls}-{seconds}s.pcap"
    WORK.mkdir(exist_ok=True)
    if not capture.exists():
        write_load(capture, options.rate, options.calls, seconds)
    options.pps = sum(1 for _ in records(capture)) / seconds
    with ThreadPoolExecutor(len(kinds) if options.together else 1) as pool:
        seen = pool.map(lambda kind: measure(kind, capture, options), kinds)
        right = tell(capture, dict(zip(kinds, seen, strict=True)))
    sys.exit(options.check and not right)


if __name__ == "__main__":
    main()
