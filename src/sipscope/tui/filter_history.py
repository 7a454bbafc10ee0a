"""The filters of former times, a line each in a file."""

from pathlib import Path

from sipscope.settings.replacement import replace_file

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
                replace_file(self._path, "".join(f"{each}\n" for each in self.filters))
            except OSError:
                return

    def _read(self) -> list[str]:
        try:
            text = "" if self._path is None else self._path.read_text("utf-8", "replace")
        except OSError:
            return []
        return [line for line in text.split("\n") if line.isprintable() and line][-MOST:]
