"""What stands over the lifelines of a ladder and stays there: programs, names, addresses."""

from collections.abc import Hashable

from textual.strip import Strip

from sipscope.tui.line_list import Span, StyledLines
from sipscope.tui.widgets.ladder_drawing import heading
from sipscope.tui.widgets.ladder_rows import LadderRows
from sipscope.tui.widgets.wrapping import skip


class HostNames(StyledLines):
    """The program of each host, and its name or address.

    Args:
        rows: Under them.
    """

    DEFAULT_CSS = """
    HostNames { height: 2; width: 1fr; background: $background; color: $foreground; }
    """

    def __init__(self, rows: LadderRows) -> None:
        super().__init__()
        self._rows = rows
        self._agents: tuple[str | None, ...] = ()
        self._shown: Hashable = None

    def show_agents(self, programs: tuple[str | None, ...]) -> None:
        """Name the programs of the hosts, None for unknown."""
        if programs != self._agents:
            self._agents = programs
            self.refresh()
        self.styles.height = 2 if any(programs) else 1

    def update(self) -> None:
        """Follow the rows."""
        rows = self._rows
        marked = rows.marked_row is not None
        shown = rows.lifelines, rows.left, marked, rows.times, rows.times_width
        if shown != self._shown:
            self._shown = shown
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return the line of the programs or that of the addresses."""
        rows = self._rows
        lifelines = rows.lifelines
        if y == self.size.height - 1:
            room = rows.times_width - 1
            times = rows.times_heading.ljust(room)[:room]
            gutter = Span(times + ("◂" if rows.left else " "), "old")
            line = heading(lifelines, lifelines.names, "strong")
        else:
            gutter = Span(" " * rows.times_width)
            line = heading(lifelines, [agent or "" for agent in self._agents], "old")
        strip = self.strip([gutter, *skip(line, rows.left)])
        if lifelines.width - rows.left <= rows.room:
            return strip
        more = self.strip([Span(" ▸", "marked")]).crop(0, 2)
        return Strip.join([strip.crop(0, self.size.width - 2), more])
