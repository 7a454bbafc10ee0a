"""A real interface: what the engine captures live is what it reads from the file."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.commands import CAPTURES, ROOT, environment
from tests.report.reading import as_json, read

MISSING = [tool for tool in ("ip", "tcpreplay") if shutil.which(tool) is None]

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces take root"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]

CAPTURED_END, SENDING_END = "captured", "sending"


class Namespace(NamedTuple):
    """A network namespace with a virtual cable between two interfaces."""

    name: str

    def command(self, *words: str) -> list[str]:
        """Return a command that runs in here."""
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, *words: str) -> None:
        """Run a command in here."""
        subprocess.run(self.command(*words), check=True, capture_output=True, timeout=60)


class Captured(NamedTuple):
    """What a capture has come to."""

    packets: int
    drops: int
    report: dict[str, Any]


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    here = Namespace(f"sipscope-{os.getpid()}")
    made = subprocess.run(
        ["ip", "netns", "add", here.name], capture_output=True, timeout=20, check=False
    )
    if made.returncode:
        pytest.skip(f"no network namespaces here: {made.stderr.decode().strip()}")
    try:
        cable = ("type", "veth", "peer", "name", CAPTURED_END)
        here.run("ip", "link", "add", SENDING_END, *cable)
        for interface in (CAPTURED_END, SENDING_END):
            # Without an address of its own the interface sends nothing by itself.
            here.run("ip", "link", "set", interface, "addrgenmode", "none", "up")
        yield here
    finally:
        subprocess.run(["ip", "netns", "delete", here.name], check=True, timeout=20)


def capture_while_replaying(
    namespace: Namespace, captures: Sequence[Path], *options: str, capture_filter: str = ""
) -> Captured:
    """Capture at one end what tcpreplay sends into the other."""
    program = (sys.executable, "-m", "tests.live.capture", CAPTURED_END)
    process = subprocess.Popen(
        namespace.command(*program, *([capture_filter] if capture_filter else [])),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        cwd=ROOT,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for path in captures:
            namespace.run("tcpreplay", "-q", "-i", SENDING_END, *options, str(path))
        time.sleep(0.5)
        printed, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    counts, _, document = printed.partition("\n")
    packets, drops = map(int, counts.split())
    return Captured(packets, drops, json.loads(document))


def facts(report: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Return what does not depend on when the packets came."""
    of_dialogs = ("call_id", "method", "state", "messages", "retransmissions", "codecs", "from")
    of_streams = ("call_id", "source", "destination", "ssrc", "packets", "expected", "lost")
    return (
        [[dialog[name] for name in of_dialogs] for dialog in report["dialogs"]],
        sorted([stream[name] for name in of_streams] for stream in report["streams"]),
    )


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (["call-udp.pcap", "busy-486.pcap"], ["-x", "10"]),
        (["call-loss.pcap"], ["-x", "10"]),
        (["call-ipv6.pcap", "call-tcp.pcap", "invite-fragmented.pcap"], ["-x", "10"]),
        (["call-b2bua.pcap"], ["--pps", "2000"]),
    ],
    ids=" ".join,
)
def test_a_live_capture_tells_what_the_file_tells(
    namespace: Namespace, names: list[str], options: list[str]
) -> None:
    paths = [CAPTURES / name for name in names]
    captured = capture_while_replaying(namespace, paths, *options)
    assert captured.drops == 0
    dialogs, streams = facts(captured.report)
    expected = [facts(as_json(read(path))) for path in paths]
    assert dialogs == [dialog for of_file, _ in expected for dialog in of_file]
    assert streams == sorted(stream for _, of_file in expected for stream in of_file)


def test_a_capture_filter_keeps_the_rest_out(namespace: Namespace) -> None:
    captured = capture_while_replaying(
        namespace, [CAPTURES / "call-udp.pcap"], "--pps", "2000", capture_filter="udp port 5060"
    )
    assert captured.packets == 7
    assert captured.report["streams"] == []
    assert captured.report["dialogs"][0]["state"] == "completed"
