"""The dialogs that the screens of a call show, as they are in the store."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sipscope.calls.dialog import Dialog
from sipscope.calls.ladder import Ladder, MessageRow, lay_out
from sipscope.calls.ladder_events import events
from sipscope.calls.legs import Link
from sipscope.calls.media_facts import MediaFacts, StreamMedia, media_facts, stream_media
from sipscope.calls.negotiation import exchanges
from sipscope.calls.rows import call_row, stream_figures
from sipscope.calls.rtcp import rtcp_figures
from sipscope.decode.text import display
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.report_figures import RtcpFigures
from sipscope.tui.leg_search import LegSearch
from sipscope.tui.widgets.call_title import title_line
from sipscope.tui.widgets.leg_lines import Leg
from sipscope.tui.widgets.moments import date
from sipscope.tui.widgets.wrapping import Line

if TYPE_CHECKING:
    from sipscope.engine import Engine


_LEGS_S = 0.02
"""So long a person waits for legs before the first of them are shown."""


class Media(NamedTuple):
    """What is known of streams besides their figures.

    Attributes:
        calls: Of each dialog.
        streams: By id.
        rtcp: What RTCP says of a stream, by id; None where it says nothing.
    """

    calls: tuple[MediaFacts, ...]
    streams: Mapping[int, StreamMedia]
    rtcp: Mapping[int, RtcpFigures | None]


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
        self._shown: frozenset[int] = frozenset()
        self._search: LegSearch | None = None
        self._links: dict[int, Link] = {}
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
            concerned = ids is None or self._concerned(ids)
            if not concerned and not first:
                return False
            self._find()
        if ids is None and self.all_legs:
            self.show_legs(True)
        return True

    def show_legs(self, all_legs: bool) -> None:
        """Show the other legs of the same calls as well, or not."""
        self.all_legs = all_legs
        chosen = [dialog for dialog in self._dialogs if dialog.id in self._ids]
        self._search = LegSearch(self.engine.store, chosen) if all_legs else None
        self.find_legs(_LEGS_S)

    def find_legs(self, budget_s: float) -> bool:
        """Look for legs for so long; tell whether there is nothing more to look at."""
        done = self._search is None or self._search.go_on(budget_s)
        self._take_links()
        return done

    @property
    def legs(self) -> list[Leg]:
        """The dialogs that are shown, in the order of their letters, and why they are."""
        return [
            Leg(dialog.id, display(dialog.call_id), self._links.get(dialog.id))
            for dialog in self._dialogs
        ]

    def ladder(self, *, media: bool = True, merge: bool = True) -> Ladder:
        """Return them in one ladder.

        Args:
            media: Whether with streams, and what else happened beside messages.
            merge: Whether all ports of a host share a column.
        """
        store = self.engine.store
        with store.lock:
            if not media:
                return lay_out(self._dialogs, merge=merge)
            figures = {stream.id: stream for stream in self._figures()}
            found = events(store, self._dialogs, figures)
            return lay_out(self._dialogs, figures, found, merge=merge)

    def messages(self) -> list[MessageRow]:
        """Return their messages in the order of time."""
        return [row for row in self.ladder(media=False).rows if isinstance(row, MessageRow)]

    def figures(self) -> list[StreamFigures]:
        """Return the figures of their streams, in the order of the first packet."""
        with self.engine.store.lock:
            return sorted(self._figures(), key=lambda figures: figures.first)

    def media(self, figures: Sequence[StreamFigures]) -> Media:
        """Return what else is known of streams and of the calls that they belong to."""
        store = self.engine.store
        with store.lock:
            calls = tuple(
                media_facts(
                    dialog,
                    exchanges(dialog),
                    [stream for stream in figures if stream.id in dialog.streams],
                    store.events,
                    store.fax,
                )
                for dialog in self._dialogs
            )
            streams = {stream.id: stream for call in calls for stream in call.streams}
            alone = (stream for stream in figures if stream.id not in streams)
            streams |= {stream.id: stream_media(stream, (), store.events) for stream in alone}
            rtcp = {stream.id: rtcp_figures(store, stream) for stream in figures}
        return Media(calls, streams, rtcp)

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
        new = self._search is not None and self._search.take(ids)
        if new:
            self._take_links()
        return new or not ids.isdisjoint(self._shown)

    def _take_links(self) -> None:
        links = [] if self._search is None else self._search.links()
        self._links = {link.leg: link for link in links}
        with self.engine.store.lock:
            self._find()

    def _find(self) -> None:
        dialogs = self.engine.store.dialogs
        known = {dialog.id: dialog for dialog in self._dialogs}
        ids = sorted({*self._ids, *self._links}) if self._links else self._ids
        found = [dialogs.get(i) or known.get(i) for i in ids]
        self._dialogs = [dialog for dialog in found if dialog is not None]
        self._shown = frozenset(dialog.id for dialog in self._dialogs)
