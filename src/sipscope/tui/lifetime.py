"""How the terminal interface ends when someone else ends it.

A signal, or a terminal that vanishes, ends the program in two seconds: in good order if
Textual still can, else by force, with the capture stopped and the terminal put right.
"""

import asyncio
import os
import select
import signal
import sys
import termios
import threading
from collections.abc import Callable
from typing import Any

_PATIENCE_S = 1.5
_RESET = (
    b"\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[?7h"
)


class Lifetime:
    """Watches signals and the terminal while the interface runs.

    Args:
        end: Called in the event loop with the exit status.
        abandon: Called when the event loop does not answer: stops the capture.
    """

    def __init__(self, end: Callable[[int], None], abandon: Callable[[], None]) -> None:
        self._end = end
        self._abandon = abandon
        self._loop: asyncio.AbstractEventLoop | None = None
        self._former: dict[int, Any] = {}
        self._attributes: list[Any] | None = None
        self._over = threading.Event()

    def watch_terminal(self) -> None:
        """Note how the terminal is set before anything is changed, and see it vanish from now on.

        It may vanish while the interface is still starting.
        """
        try:
            self._attributes = termios.tcgetattr(sys.__stdin__.fileno())  # type: ignore[union-attr]
        except (termios.error, AttributeError, OSError, ValueError):
            self._attributes = None
            return
        threading.Thread(target=self._wait_for_hangup, name="terminal", daemon=True).start()

    def watch(self) -> None:
        """Heed signals; to be called in the event loop, in the main thread."""
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._former[number] = signal.signal(number, self._on_signal)

    def release(self) -> None:
        """Let signals do again what they did before."""
        self._over.set()
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: object) -> None:
        self._finish(128 + number)

    def _wait_for_hangup(self) -> None:
        """Wait for the terminal to hang up; a SIGHUP may be ignored (nohup)."""
        poll = select.poll()
        poll.register(sys.__stdin__.fileno(), 0)  # type: ignore[union-attr]
        poll.poll()
        self._finish(128 + signal.SIGHUP)

    def _finish(self, status: int) -> None:
        if self._over.is_set():
            return
        threading.Thread(
            target=self._insist, args=(status,), name="last-resort", daemon=True
        ).start()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end, status)

    def _insist(self, status: int) -> None:
        """End the process by force if it is still there: writing to a dead terminal blocks."""
        if self._over.wait(_PATIENCE_S):
            return
        stopping = threading.Thread(target=self._abandon, daemon=True)
        stopping.start()
        stopping.join(0.3)
        if self._attributes is not None:
            self._restore_terminal(self._attributes)
        os._exit(status)

    def _restore_terminal(self, attributes: list[Any]) -> None:
        try:
            os.set_blocking(2, False)
            os.write(2, _RESET)
            termios.tcsetattr(0, termios.TCSANOW, attributes)
        except (OSError, termios.error):
            pass
