"""The ladder on the screen: host names that stay over rows that scroll."""

from textual.app import ComposeResult
from textual.containers import Vertical

from sipscope.calls.ladder import Ladder, MessageRow
from sipscope.calls.ladder_words import agents
from sipscope.tui.widgets.host_names import HostNames
from sipscope.tui.widgets.ladder_rows import LadderRows


class LadderView(Vertical):
    """Host names over the rows of a ladder."""

    DEFAULT_CSS = """
    LadderView { width: 1fr; height: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.rows = LadderRows()
        self._names = HostNames(self.rows)

    def compose(self) -> ComposeResult:
        """Put the names over the rows."""
        yield self._names
        yield self.rows

    def show_ladder(
        self,
        ladder: Ladder,
        whole: Ladder | None = None,
        names: tuple[str | None, ...] = (),
        *,
        legs: bool | None = None,
    ) -> None:
        """Show `ladder`; the cursor stays on its row.

        Args:
            ladder: The rows to show.
            whole: With the rows that are not shown, for the programs of the hosts.
            names: What to call the hosts, None for their address.
            legs: See `LadderRows.show_ladder`.
        """
        self.rows.show_ladder(ladder, names, legs=legs)
        rows = (ladder if whole is None else whole).rows
        sent = ((row.source, row.message) for row in rows if isinstance(row, MessageRow))
        self._names.show_agents(agents(sent, len(ladder.columns)))
        self._names.update()

    def on_ladder_rows_shifted(self) -> None:
        """Keep the names over the lifelines."""
        self._names.update()
