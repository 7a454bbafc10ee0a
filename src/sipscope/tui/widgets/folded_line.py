"""The line under the call list that counts what is folded away."""

from collections.abc import Mapping

from textual.strip import Strip

from sipscope.tui.line_list import Span, StyledLines


class FoldedLine(StyledLines):
    """A line that is there only when something is folded.

    Args:
        key: That unfolds, as it is written.
    """

    DEFAULT_CSS = """
    FoldedLine { height: 1; width: 1fr; display: none; background: $background; }
    """

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key
        self._counts: dict[str, int] = {}

    def tell(self, counts: Mapping[str, int], *, folds: bool) -> None:
        """Say how many dialogs of which method are folded.

        Args:
            counts: By method.
            folds: Whether anything is to be folded.
        """
        if self.display != folds or dict(counts) != self._counts:
            self._counts = dict(counts)
            self.display = folds
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return the line."""
        found = [f"{count:,} {method}" for method, count in self._counts.items()]
        *most, last = found or ["nothing"]
        words = f"{', '.join(most)} and {last}" if most else last
        return self.strip([Span(f"   ⋯ {words} folded ({self._key})", "old")])
