import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path

import pyte
import pytest

from sipscope.settings.model import Settings, View
from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.calls import CallsScreen
from tests.tui.frozen import engine_of

POINTER_SHAPE = b"\x1b]22;default\x07"
"""What Textual itself sends when another screen comes under the mouse."""

SECRET = "sip:secret@example.com"

HOSTILE_PROGRAM = """
import sys
from sipscope.tui.app import run
from tests.signalling import PBX, PHONE, Sent, request
from tests.tui.frozen import engine_of, FILE
names = [
    "\\x1b]52;c;aGFja2Vk\\x07", "\\x1b]0;owned\\x07", "\\x1bPq\\x1b\\\\", "\\x1bc", "\\x9b2J",
    "\\x9d0;owned\\x9c", "\\u202e1001", "\\u2066x", "[/]", "[link=x]", "\\x1b[31mred", "a\\x08b",
]
sent = [
    Sent(n, request("INVITE", call_id=name, user=name, callee=name, agent=name), PHONE, PBX)
    for n, name in enumerate(names)
]
sys.exit(run(engine_of(sent, *([] if "--live" in sys.argv else [FILE]))))
"""

QUIET_PROGRAM = """
import sys
from sipscope.tui.app import run
from tests.tui.frozen import engine_of, FILE
sys.exit(run(engine_of(None, FILE)))
"""


class Terminal:
    """A program on a pseudo-terminal; what it sends, and the screen that comes of it."""

    def __init__(self, program: str, **environment: str) -> None:
        self.master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)
        self.received = b""
        settings = {"TERM": "xterm-256color", "TZ": "UTC", "LANG": "C.UTF-8", **environment}
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "PYTHONPATH": os.getcwd(), **settings},
            start_new_session=True,
        )

    def wait_for(self, text: str, seconds: float = 20.0) -> None:
        """Read until `text` is on the screen."""
        until = time.monotonic() + seconds
        while text not in "\n".join(self.screen.display):
            assert time.monotonic() < until, "\n".join(self.screen.display)
            self.read(0.1)

    def read(self, seconds: float) -> None:
        """Read what comes within `seconds`."""
        if select.select([self.master], (), (), seconds)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self.received += data
            self._stream.feed(data)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def finish(self, seconds: float = 10.0) -> int:
        """Read until the program ends; return its exit status."""
        until = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < until, "\n".join(self.screen.display)
            self.read(0.05)
        while select.select([self.master], (), (), 0.1)[0]:
            self.read(0.1)
        return self.process.returncode


@contextmanager
def terminal(program: str, **environment: str) -> Iterator[Terminal]:
    running = Terminal(program, **environment)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()
        for descriptor in (running.master, running.slave):
            try:
                os.close(descriptor)
            except OSError:
                continue


def test_nothing_from_the_network_reaches_the_terminal_raw() -> None:
    with terminal(HOSTILE_PROGRAM) as shown:
        shown.wait_for("12 calls")
        for keys in (" ", "j", "i", "q", "r", "\x1b", "\r", "\x1b", "/", "a", "\r", "?", "q", "s"):
            shown.press(keys)
            for _ in range(4):
                shown.read(0.1)
        shown.press("\x03")
        assert shown.finish() == 0
    received = shown.received.replace(POINTER_SHAPE, b"")
    for forbidden in (b"\x1b]", b"\x1bP", b"\x1bc", b"\x07", b"\x08", b"\x1b[31m", b"\x1b_"):
        assert forbidden not in received
    text = received.decode("utf-8")
    assert not any(0x80 <= ord(c) < 0xA0 or c in "\u202e\u2066" for c in text)


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)],
)
def test_a_signal_ends_it_with_the_terminal_put_right(number: int, status: int) -> None:
    with terminal(QUIET_PROGRAM) as shown:
        shown.wait_for("8 calls")
        began = time.monotonic()
        shown.process.send_signal(number)
        assert shown.finish() == status
        assert time.monotonic() - began < 4
        assert termios.tcgetattr(shown.slave) == shown.before
    assert shown.received.rfind(b"\x1b[?1049l") > shown.received.rfind(b"\x1b[?1049h")
    assert shown.received.rfind(b"\x1b[?25h") > shown.received.rfind(b"\x1b[?25l")


def test_q_ends_it_with_status_0_and_the_terminal_put_right() -> None:
    with terminal(QUIET_PROGRAM) as shown:
        shown.wait_for("8 calls")
        shown.press("q")
        assert shown.finish() == 0
        assert termios.tcgetattr(shown.slave) == shown.before


def test_a_terminal_that_vanishes_ends_it_even_if_hangups_are_ignored() -> None:
    program = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + QUIET_PROGRAM
    with terminal(program) as shown:
        shown.wait_for("8 calls")
        os.close(shown.slave)
        os.close(shown.master)
        assert shown.process.wait(timeout=6) == 129


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "linux"}, {"TERM": "dumb"}])
def test_plain_terminals_are_served(environment: dict[str, str]) -> None:
    with terminal(QUIET_PROGRAM, **environment) as shown:
        shown.wait_for("8 calls")
        shown.press("q")
        assert shown.finish() == 0


def test_no_color_means_no_colour_codes() -> None:
    with terminal(QUIET_PROGRAM, NO_COLOR="1") as shown:
        shown.wait_for("8 calls")
        shown.press("q")
        shown.finish()
    assert b"38;" not in shown.received
    assert b"48;" not in shown.received


def test_a_storm_of_resizes_is_survived() -> None:
    with terminal(QUIET_PROGRAM) as shown:
        shown.wait_for("8 calls")
        for step in range(200):
            size = struct.pack("HHHH", 5 + step * 13 % 95, 20 + step * 37 % 280, 0, 0)
            ioctl(shown.slave, termios.TIOCSWINSZ, size)
            shown.process.send_signal(signal.SIGWINCH)
            shown.read(0.01)
        ioctl(shown.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        shown.process.send_signal(signal.SIGWINCH)
        shown.press("q")
        assert shown.finish() == 0


def crash(self: CallsScreen) -> None:
    raise KeyError(SECRET)


CRASHING_PROGRAM = (
    """
from sipscope.tui.screens.calls import CallsScreen
def crash(self):
    password = "sip:secret@example.com"
    raise KeyError(password)
CallsScreen.action_reverse = crash
"""
    + QUIET_PROGRAM
)


def test_an_internal_error_tells_no_secrets() -> None:
    with terminal(CRASHING_PROGRAM) as shown:
        shown.wait_for("8 calls")
        shown.press("z")
        assert shown.finish() == 1
    last = shown.received.rpartition(b"\x1b[?1049l")[2].decode()
    assert "internal error, KeyError" in last
    assert "secret" not in last
    assert "Traceback" not in last


def test_the_details_of_an_internal_error_go_to_a_file_on_demand(tmp_path: Path) -> None:
    log = tmp_path / "error.log"
    with terminal(CRASHING_PROGRAM, SIPSCOPE_LOG=str(log)) as shown:
        shown.wait_for("8 calls")
        shown.press("z")
        assert shown.finish() == 1
    assert "KeyError" in log.read_text()
    assert "in crash" in log.read_text()


async def test_an_error_in_a_tick_ends_the_app_with_status_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = SipscopeApp(engine_of())
    monkeypatch.setattr(CallsScreen, "action_reverse", crash)
    with pytest.raises(KeyError):  # noqa: PT012
        async with app.run_test() as pilot:
            await pilot.press("z")
            await pilot.pause()
    assert app.return_code == 1
    assert isinstance(app.crash, KeyError)


async def test_what_is_wrong_with_the_settings_is_told_on_the_first_screen() -> None:
    settings = Settings(
        view=View(theme="pink"),
        keys={"calls.paus": ("x",)},
        themes={"mine": {"failed": "reddish"}},
    )
    app = SipscopeApp(engine_of(), settings, ["there is no list.short"])
    async with app.run_test(size=(160, 24)) as pilot:
        await pilot.pause()
        await pilot.pause()
        told = app.screen.query_one("NoticeLine").render_line(0).text
        assert "there is no list.short  (and 3 more" in told
        assert app.theme == "sipscope-dark"


async def test_a_theme_of_a_person_is_used() -> None:
    settings = Settings(view=View(theme="mine"), themes={"mine": {"failed": "#aa0000"}})
    async with SipscopeApp(engine_of(), settings).run_test() as pilot:
        assert pilot.app.theme == "sipscope-mine"
        assert pilot.app.current_theme.error == "#aa0000"


async def test_the_keys_of_a_person_are_used_and_shown() -> None:
    settings = Settings(keys={"calls.open": ("F11",)})
    async with SipscopeApp(engine_of(), settings).run_test() as pilot:
        await pilot.pause(0.3)
        assert "F11 Call" in pilot.app.screen.query_one("KeyLine").render_line(0).text
        await pilot.press("f11")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, CallsScreen)


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 0.25),
        ({"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}, 0.5),
        ({"SIPSCOPE_VIEW_REFRESH_HZ": "0.0", "SSH_CONNECTION": "x"}, 0.5),
        ({"SIPSCOPE_VIEW_REFRESH_HZ": "10"}, 0.1),
        ({"SIPSCOPE_VIEW_REFRESH_HZ": "1000"}, 0.05),
        ({"SIPSCOPE_VIEW_REFRESH_HZ": "x"}, 0.25),
    ],
)
def test_news_come_twice_a_second_over_ssh_or_as_often_as_is_set(
    environment: dict[str, str], seconds: float
) -> None:
    plain = {key: value for key, value in os.environ.items() if key != "SSH_CONNECTION"}
    done = subprocess.run(
        [sys.executable, "-c", "import sipscope.tui; print(sipscope.tui.REFRESH_S)"],
        env=plain | environment,
        capture_output=True,
        check=True,
    )
    assert float(done.stdout) == seconds


def state_of(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def test_it_is_suspended_and_comes_back() -> None:
    with terminal(QUIET_PROGRAM) as shown:
        shown.wait_for("8 calls")
        raw = termios.tcgetattr(shown.slave)
        shown.press("\x1a")
        until = time.monotonic() + 10
        while state_of(shown.process.pid) != "T" and time.monotonic() < until:
            shown.read(0.05)
        assert state_of(shown.process.pid) == "T"
        assert termios.tcgetattr(shown.slave) != raw
        assert b"\x1b[?1049l" in shown.received
        shown.received = b""
        shown.process.send_signal(signal.SIGCONT)
        while b"8 calls" not in shown.received and time.monotonic() < until:
            shown.read(0.05)
        assert b"\x1b[?1049h" in shown.received
        shown.press("q")
        assert shown.finish() == 0
        assert termios.tcgetattr(shown.slave) == shown.before
