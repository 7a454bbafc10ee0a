"""A line on standard error that tells how far the reading is, when that is a terminal."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import TextIO

from sipscope.capture.file import FileSource

_FIRST_S = 0.5
_EVERY_S = 0.2


class Progress:
    """Shows share, packets and rate; erases itself at the end."""

    def __init__(self, sources: Sequence[FileSource], stream: TextIO) -> None:
        self._sources = sources
        self._stream = stream
        self._terminal = stream.isatty()
        self._started = time.monotonic()
        self._next = self._started + _FIRST_S
        self._shown = False

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def show(self) -> None:
        """Bring the line up to date, a few times a second at most."""
        now = time.monotonic()
        if not self._terminal or now < self._next:
            return
        self._next = now + _EVERY_S
        self._shown = True
        packets = sum(source.packets for source in self._sources)
        size = sum(source.size or 0 for source in self._sources)
        read = sum((source.progress or 0.0) * (source.size or 0) for source in self._sources)
        share = f"{100 * read / size:3.0f} %   " if size else ""
        rate = packets / (now - self._started)
        self._stream.write(f"\r\x1b[K{share}{packets:,} packets   {rate:,.0f}/s")
        self._stream.flush()
