"""The real program in a real terminal: a failed call is found, understood and saved."""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import CAPTURES, SIPSCOPE, environment

MISSING = [tool for tool in ("tmux", "tshark") if shutil.which(tool) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

PATIENCE_S = 30.0
FAILED = CAPTURES / "codec-rejected-488.pcap"


class Terminal:
    """A tmux session of 100x30 cells with sipscope in it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._tmux = ["tmux", "-L", f"sipscope-{os.getpid()}", "-f", "/dev/null"]
        command = " ".join(map(shlex.quote, [*SIPSCOPE, *arguments]))
        self._run(
            "new-session", "-d", "-s", "s", "-x", "100", "-y", "30", "-c", str(folder), command
        )

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names for them."""
        self._run("send-keys", "-t", "s", *keys)

    def type(self, text: str) -> None:
        """Type a text."""
        self._run("send-keys", "-t", "s", "-l", text)

    def screen(self) -> str:
        """What can be seen."""
        return self._run("capture-pane", "-p", "-t", "s")

    def until(self, *texts: str) -> str:
        """Wait for texts to be on the screen; return the screen."""
        end = time.monotonic() + PATIENCE_S
        while not all(text in (seen := self.screen()) for text in texts):
            assert time.monotonic() < end, f"{texts} not in\n{seen}"
            time.sleep(0.2)
        return seen

    def back_to(self, text: str) -> None:
        """Press Escape until a text is on the screen: it ends a search before it leaves."""
        end = time.monotonic() + PATIENCE_S
        while text not in self.screen():
            assert time.monotonic() < end, f"{text} not in\n{self.screen()}"
            self.press("Escape")
            time.sleep(1)

    def ended(self) -> bool:
        """Whether the program has ended, and the session with it."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            there = subprocess.run(
                [*self._tmux, "has-session", "-t", "s"], capture_output=True, check=False
            )
            if there.returncode:
                return True
            time.sleep(0.2)
        return False

    def close(self) -> None:
        """End the session."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            [*self._tmux, *words], capture_output=True, text=True, check=True, env=environment()
        )
        return done.stdout


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    others = [CAPTURES / name for name in ("call-udp.pcap", "busy-486.pcap", "call-b2bua.pcap")]
    files = [word for path in (*others, FAILED) for word in ("-r", str(path))]
    opened = Terminal(tmp_path, "-F", *files)
    yield opened
    opened.close()


def sip_of(path: Path) -> list[str]:
    """What tshark says of the SIP messages in a capture."""
    fields = (
        "frame.time_epoch",
        "ip.src",
        "ip.dst",
        "sip.Method",
        "sip.Status-Code",
        "sip.Call-ID",
    )
    command = ["tshark", "-r", str(path), "-Y", "sip", "-T", "fields"]
    command += [word for name in fields for word in ("-e", name)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    return done.stdout.split("\n")


def test_a_failed_call_is_found_read_and_saved(terminal: Terminal, tmp_path: Path) -> None:
    terminal.until("5 calls", "486 busy")
    terminal.press("/")
    terminal.type("state = rejected and response = 488")
    terminal.until("1 of 5", "488 rejected")
    terminal.press("Enter")
    terminal.until("filter: state")
    terminal.press("x")
    terminal.until("INVITE", "488 Not", "ACK")
    terminal.press("/")
    terminal.type("not acceptable")
    terminal.press("Enter")
    terminal.until("SIP/2.0 488")
    terminal.press("Enter")
    assert "488 Not Acceptable Here" in terminal.until("message 3 of 4", "only PCMA and PCMU")
    terminal.back_to("delta")
    terminal.press("F2")
    terminal.until("File")
    time.sleep(0.5)  # the panel is there before its line takes keys
    terminal.press("C-u")
    terminal.type("ticket.pcap")
    terminal.until("File    ticket.pcap")
    terminal.press("Enter")
    end = time.monotonic() + PATIENCE_S
    while not (tmp_path / "ticket.pcap").exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert sip_of(tmp_path / "ticket.pcap") == sip_of(FAILED)
    terminal.back_to("Method")
    terminal.press("q")
    assert terminal.ended()
