"""Compare the cost of sipscope and its peers on the same capture files, in one run.

    python bench/compare.py

CPU time is user plus system time of the process, memory its peak resident size, both from
`wait4(2)`. Runs are interleaved, so that a drift of the machine's speed hits all alike.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

SIPSCOPE = (sys.executable, "-m", "sipscope", "report", "{capture}")
BENCH = Path(__file__).resolve().parent
WORK = BENCH / "workloads"
WRITERS = [BENCH / name for name in ("workload.py", "signalling.py", "media.py")]


@dataclass(frozen=True, slots=True)
class Workload:
    """A capture file that `workload.py` writes."""

    kind: str  # rtp or sip
    calls: int
    seconds: int = 18

    @property
    def path(self) -> Path:
        media = f"-{self.seconds}s" if self.kind == "rtp" else ""
        return WORK / f"{self.kind}-{self.calls}{media}.pcap"

    def write(self) -> None:
        """Write the file, unless it is there and younger than what writes it."""
        newest = max(writer.stat().st_mtime for writer in WRITERS)
        if self.path.exists() and self.path.stat().st_mtime > newest:
            return
        options = (
            ["--rtp", "--seconds", str(self.seconds)] if self.kind == "rtp" else ["--sip-only"]
        )
        part = self.path.with_suffix(".part")
        writer = (sys.executable, str(WRITERS[0]), "--calls", str(self.calls), *options, str(part))
        subprocess.run(writer, check=True)
        part.rename(self.path)


def commands(statistic: str) -> dict[str, tuple[str, ...]]:
    """The command of each tool; tshark is asked for one of its statistics."""
    return {
        "sipscope": SIPSCOPE,
        # sngrep keeps 20,000 dialogs unless told otherwise and drops the packets of further ones;
        # the limit leaves room for all, so that it does the whole work.
        "sngrep": ("sngrep", "-N", "-q", "-l", "{limit}", "-I", "{capture}"),
        "tshark": ("tshark", "-r", "{capture}", "-q", "-z", statistic),
        "tcpdump": ("tcpdump", "-r", "{capture}", "-w", "/dev/null"),
    }


TOOLS = dict.fromkeys(("rtp", "sip"), commands("rtp,streams"))
TITLES = {"rtp": "RTP", "sip": "SIP only"}
FULL = {"rtp": Workload("rtp", 500), "sip": Workload("sip", 50_000)}
QUICK = {"rtp": Workload("rtp", 10, seconds=4), "sip": Workload("sip", 300)}


def own_size() -> float:
    """Peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@dataclass(slots=True)
class Runs:
    """The measured runs of one tool on one workload."""

    tool: str
    calls: int
    version: str | None = None
    installed: bool = True
    failure: str | None = None
    cpu_s: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)

    @property
    def cpu(self) -> float | None:
        return median(self.cpu_s) if self.cpu_s and not self.failure else None

    @property
    def peak(self) -> float | None:
        """Peak memory in MB, None if it is too small to be told.

        A child starts as a copy of this process, whose size then counts as the child's.
        """
        highest = median(self.peak_mb) if self.peak_mb and not self.failure else 0.0
        return highest if highest > own_size() else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What all tools cost on one workload, and sipscope on twice the work."""

    kind: str
    rounds: int
    tools: list[Runs]  # sipscope first
    twice: Runs

    @property
    def runs(self) -> list[Runs]:
        return [*self.tools, self.twice]


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure has to reach. `value` is None where it could not be measured."""

    name: str
    value: float | None
    bar: float
    at_least: bool = True
    goal: float | None = None

    @property
    def passed(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def __str__(self) -> str:
        word = {None: "not measured", True: "pass", False: "FAIL"}[self.passed]
        value = "-" if self.value is None else f"{self.value:.1f}"
        goal = f", goal {self.goal:g}" if self.goal is not None else ""
        sign = ">=" if self.at_least else "<="
        return f"  {word:<13} {self.name:<48} {value:>7}   (bar {sign} {self.bar:g}{goal})"


def environment() -> dict[str, str]:
    """Plain settings: an empty home, so that nobody's own configuration counts.

    Nor does a PYTHONDONTWRITEBYTECODE, with which every start compiles all modules again.
    """
    home = WORK / "home"
    home.mkdir(parents=True, exist_ok=True)
    hidden = {
        name for name in os.environ if name.startswith(("XDG_", "SNGREP", "WIRESHARK", "PYTHON"))
    }
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return kept | {"HOME": str(home), "LC_ALL": "C.UTF-8"}


def find_version(command: tuple[str, ...]) -> str | None:
    program = command[: command.index("report")] if "report" in command else command[:1]
    told = subprocess.run(
        (*program, "--version"), capture_output=True, text=True, check=False, env=environment()
    )
    found = re.search(r"[0-9]+(?:\.[0-9]+)+", told.stdout)
    return found[0] if found and told.returncode == 0 else None


def measure(runs: Runs, command: tuple[str, ...], capture: Path) -> None:
    """Run the command once on the capture and add what it cost."""
    limit = runs.calls + runs.calls // 5
    arguments = [word.format(capture=capture, limit=limit) for word in command]
    messages = WORK / "stderr.txt"
    with messages.open("wb") as stderr:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=environment(),
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        lines = messages.read_text(errors="replace").strip().split("\n")
        runs.failure = f"failed with {process.returncode}: {lines[-1][:80]}"
    runs.cpu_s.append(usage.ru_utime + usage.ru_stime)
    runs.peak_mb.append(usage.ru_maxrss / 1024)


def compare(kind: str, workload: Workload, rounds: int) -> Comparison:
    """Write the workload and twice the workload, and measure every tool in every round."""
    double = Workload(kind, 2 * workload.calls, workload.seconds)
    tools = [Runs(tool, workload.calls) for tool in TOOLS[kind]]
    for runs in tools:
        command = TOOLS[kind][runs.tool]
        runs.installed = shutil.which(command[0]) is not None
        runs.version = find_version(command) if runs.installed else None
    twice = Runs("sipscope", double.calls, tools[0].version)
    workload.write()
    double.write()
    for number in range(rounds):
        for runs in (*tools, twice):
            if runs.installed and not runs.failure:
                tell(f"{kind}, round {number + 1} of {rounds}: {runs.tool}, {runs.calls} calls")
                capture = double.path if runs is twice else workload.path
                measure(runs, TOOLS[kind][runs.tool], capture)
    return Comparison(kind, rounds, tools, twice)


def tell(progress: str) -> None:
    sys.stderr.write(f"{progress}\n")


def ratio(value: float | None, reference: float | None) -> float | None:
    return value / reference if value is not None and reference else None


def judge(comparison: Comparison) -> Iterator[Bar]:
    cpu = {runs.tool: runs.cpu for runs in comparison.tools}
    own = cpu["sipscope"]
    sngrep, tshark = ratio(cpu["sngrep"], own), ratio(cpu["tshark"], own)
    title = TITLES[comparison.kind]
    if comparison.kind == "rtp":
        yield Bar(f"{title}: CPU of sngrep / sipscope", sngrep, 12, goal=20)
        yield Bar(f"{title}: CPU of tshark / sipscope", tshark, 5, goal=8)
    else:
        yield Bar(f"{title}: CPU of sngrep / sipscope", sngrep, 3)
        yield Bar(f"{title}: CPU of tshark / sipscope", tshark, 3)
        peak = comparison.tools[0].peak
        yield Bar(f"{title}: peak memory of sipscope, MB", peak, 300, at_least=False)
    twice = ratio(comparison.twice.cpu, own)
    yield Bar(f"{title}: CPU of sipscope, twice the work / once", twice, 2.2, at_least=False)


def table(comparison: Comparison) -> Iterator[str]:
    reference = comparison.tools[0]
    title, rounds = TITLES[comparison.kind], comparison.rounds
    yield f"{title}, {reference.calls:,} calls, median of {rounds} round{'s' * (rounds > 1)}"
    yield f"  {'':<30} {'CPU s':>8} {'from-to':>15} {'ratio':>7} {'peak MB':>9} {'ratio':>7}"
    for runs in comparison.runs:
        name = f"{runs.tool} {runs.version or ''}".strip()
        name += f", {runs.calls:,} calls" if runs is comparison.twice else ""
        if not runs.installed:
            yield f"  {name:<30} not installed"
        elif runs.failure:
            yield f"  {name:<30} {runs.failure}"
        else:
            between = f"{min(runs.cpu_s):.2f}-{max(runs.cpu_s):.2f}"
            cpu, peak = ratio(runs.cpu, reference.cpu), ratio(runs.peak, reference.peak)
            yield (
                f"  {name:<30} {runs.cpu:>8.2f} {between:>15} {show(cpu, digits=2):>7} "
                f"{show(runs.peak, f'<{own_size():.0f}'):>9} {show(peak, digits=2):>7}"
            )


def to_json(comparisons: list[Comparison], bars: list[Bar]) -> str:
    document = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}",
        "python": platform.python_version(),
        "workloads": [
            {
                "kind": comparison.kind,
                "rounds": comparison.rounds,
                "runs": [
                    asdict(runs) | {"median_cpu_s": runs.cpu, "median_peak_mb": runs.peak}
                    for runs in comparison.runs
                ],
            }
            for comparison in comparisons
        ],
        "bars": [asdict(bar) | {"passed": bar.passed} for bar in bars],
    }
    return json.dumps(document, indent=2)


def show(value: float | None, unknown: str = "-", digits: int = 1) -> str:
    return unknown if value is None else f"{value:.{digits}f}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare the cost of sipscope and its peers.")
    parser.add_argument("--rounds", type=int, help="runs of each tool (default 5; 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="small files; nothing is judged")
    parser.add_argument("--only", choices=("rtp", "sip"), help="one kind of workload")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 if a bar is missed")
    options = parser.parse_args()
    rounds = options.rounds or (1 if options.quick else 5)
    kinds = [options.only] if options.only else ["rtp", "sip"]
    WORK.mkdir(exist_ok=True)

    workloads = QUICK if options.quick else FULL
    comparisons = [compare(kind, workloads[kind], rounds) for kind in kinds]
    # A small file measures how long a program takes to start: no bar applies.
    judged = [] if options.quick else comparisons
    bars = [bar for comparison in judged for bar in judge(comparison)]
    if options.json:
        print(to_json(comparisons, bars))
    else:
        for comparison in comparisons:
            print("\n".join(table(comparison)), end="\n\n")
        print("\n".join(map(str, bars)) or "Nothing is judged with --quick.")
    failed = any(runs.failure for comparison in comparisons for runs in comparison.runs)
    missed = options.check and any(bar.passed is False for bar in bars)
    return 1 if failed or missed else 0


if __name__ == "__main__":
    sys.exit(main())
