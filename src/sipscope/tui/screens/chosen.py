"""The dialogs that the screens of a call show, as they are in the store."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sipscope.calls.dialog import Dialog
from sipscope.calls.ladder import Ladder, MessageRow, lay_out
from sipscope.calls.rows import call_row, stream_figures
from sipscope.rtpqos.figures import StreamFigures
from sipscope.tui.widgets.call_title import title_line
from sipscope.tui.widgets.moments import date
from sipscope.tui.widgets.wrapping import Line

if TYPE_CHECKING:
    from sipscope.engine import Engine


class ChosenDialogs:
    """Some dialogs, live; what was shown stays when the store has forgotten them.

    Args:
        engine: Whose store they are in.
        ids: In the order in which they are shown.

    Attributes:
        all_legs: Whether the other legs of the same calls are shown as well.
    """

    def __init__(self, engine: "Engine", ids: Iterable[int]) -> None:
        self.engine = engine
        self.all_legs = False
        self._ids = tuple(ids)
        self._seen = -1
        self._dialogs: list[Dialog] = []
        self._find()

    @property
    def ids(self) -> list[int]:
        """The dialogs that are shown."""
        return [dialog.id for dialog in self._dialogs]

    def changed(self) -> bool:
        """Tell whether anything is new since the last call."""
        store = self.engine.store
        with store.lock:
            first = self._seen < 0
            self._seen, ids = store.changes(max(0, self._seen))
            if not first and ids is not None and not self._concerned(ids):
                return False
            self._find()
        return True

    def show_legs(self, all_legs: bool) -> None:
        """Show the other legs of the same calls as well, or not."""
        self.all_legs = all_legs
        with self.engine.store.lock:
            self._find()

    def ladder(self, *, streams: bool = True) -> Ladder:
        """Return them in one ladder, with the streams or without."""
        with self.engine.store.lock:
            figures = {stream.id: stream for stream in self._figures()} if streams else {}
            return lay_out(self._dialogs, figures)

    def messages(self) -> list[MessageRow]:
        """Return their messages in the order of time."""
        return [row for row in self.ladder(streams=False).rows if isinstance(row, MessageRow)]

    def figures(self) -> list[StreamFigures]:
        """Return the figures of their streams, in the order of the first packet."""
        with self.engine.store.lock:
            return sorted(self._figures(), key=lambda figures: figures.first)

    def title(self, now: int) -> tuple[Line, str]:
        """Return the line over them, and the day.

        Args:
            now: The time of the capture in ns, for calls in progress.
        """
        if not self._dialogs:
            return (), ""
        with self.engine.store.lock:
            first = self._dialogs[0]
            row = call_row(first, self.engine.store.streams, now)
            return title_line(first, row, len(self._dialogs), now), date(first.started)

    def _figures(self) -> Iterable[StreamFigures]:
        found: dict[int, StreamFigures] = {}
        for dialog in self._dialogs:
            for figures in stream_figures(dialog, self.engine.store.streams):
                found[figures.id] = figures
        return found.values()

    def _concerned(self, ids: set[int]) -> bool:
        if not ids.isdisjoint(self._ids):
            return True
        if not self.all_legs:
            return False
        groups = {dialog.group for dialog in self._dialogs}
        known = self.engine.store.dialogs
        return any(known[changed].group in groups for changed in ids if changed in known)

    def _find(self) -> None:
        dialogs = self.engine.store.dialogs
        known = {dialog.id: dialog for dialog in self._dialogs}
        found = [dialogs.get(i) or known.get(i) for i in self._ids]
        chosen = [dialog for dialog in found if dialog is not None]
        if self.all_legs:
            groups = {dialog.group for dialog in chosen}
            legs = [dialog for dialog in dialogs.values() if dialog.group in groups]
            chosen = sorted({*chosen, *legs}, key=lambda dialog: dialog.id)
        self._dialogs = chosen
