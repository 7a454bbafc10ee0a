"""The filters of former times, a line each in a file."""

import os
import tempfile
from pathlib import Path

MOST = 100


class FilterHistory:
    """Filters in the order in which they were used last.

    Args:
        path: The file; None to keep nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.filters: list[str] = self._read()

    def add(self, text: str) -> None:
        """Note that a filter was used; a file that cannot be written costs only the memory."""
        text = " ".join(text.split())
        if not text or self.filters[-1:] == [text]:
            return
        self.filters = [*(each for each in self.filters if each != text), text][-MOST:]
        if self._path is not None:
            try:
                self._write(self._path)
            except OSError:
                return

    def _read(self) -> list[str]:
        try:
            text = "" if self._path is None else self._path.read_text("utf-8", "replace")
        except OSError:
            return []
        return [line for line in text.split("\n") if line.isprintable() and line][-MOST:]

    def _write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.writelines(f"{each}\n" for each in self.filters)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
