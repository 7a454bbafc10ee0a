"""When to report on which RTP stream: every period, when its call ends, and when it is gone."""

import heapq
from typing import NamedTuple

from sipscope.calls.store import DialogStore
from sipscope.decode.address import Endpoint, Flow
from sipscope.forward.rtp_report import (
    CALLER,
    Counted,
    Extent,
    Place,
    counted,
    final_report,
    party,
    period_rating,
    period_report,
    stray_correlation,
)
from sipscope.rtpqos.figures import StreamFigures

SILENCE_NS = 60_000_000_000
"""A stream without packets for so long has ended."""

TRAILING_NS = 1_000_000_000
"""How long packets may still come after the BYE."""

SEARCH_NS = 1_000_000_000
"""How often new streams are looked for."""

REPORTS_PER_TICK = 500
STREAMS_PER_LOCK = 16


class Report(NamedTuple):
    """One report, ready to be sent.

    Attributes:
        time: End of what it tells of, ns since the epoch.
        flow: Of the stream.
        payload: JSON.
        correlation: The Call-ID, or what stands for it.
        mos: None when it is not known.
    """

    time: int
    flow: Flow
    payload: bytes
    correlation: bytes
    mos: float | None


class _Followed:
    """What is kept of a stream between two reports."""

    __slots__ = ("before", "figures", "lowest", "place", "told")

    def __init__(self, figures: StreamFigures) -> None:
        self.before = Counted(figures.first, figures.first)
        self.place: Place | None = None
        self.lowest: float | None = None
        self.figures = figures
        self.told = False

    @property
    def news(self) -> bool:
        """Whether packets came since the last report."""
        return self.figures.packets > self.before.packets


class StreamReports:
    """Follows the streams of a store.

    Args:
        store: Whose streams; its lock is taken for a few streams at a time.
        period: Between two reports on a stream, ns.
    """

    def __init__(self, store: DialogStore, period: int) -> None:
        self._store = store
        self._period = period
        self._followed: dict[int, _Followed] = {}
        self._finished: set[int] = set()
        self._due: list[tuple[int, int]] = []
        self._next_search = 0
        self._sources: dict[tuple[bytes, int], int] = {}

    def tick(self, now: int) -> list[Report]:
        """Return the reports that are due at the capture time `now`, ns since the epoch."""
        if now >= self._next_search:
            self._next_search = now + SEARCH_NS
            self.search()
        reports: list[Report] = []
        for _ in range(0, REPORTS_PER_TICK, STREAMS_PER_LOCK):
            if not self._due or self._due[0][0] > now:
                break
            with self._store.lock:
                for _ in range(STREAMS_PER_LOCK):
                    if self._due and self._due[0][0] <= now:
                        due, number = heapq.heappop(self._due)
                        self._report(number, due, now, reports)
        return reports

    def finish(self, now: int) -> list[Report]:
        """Return the last reports on all streams; nothing more will come."""
        self.search()
        reports: list[Report] = []
        with self._store.lock:
            for number, followed in self._followed.items():
                self._look(number, followed)
                self._end(followed, now, reports)
        self._finished.update(self._followed)
        self._followed.clear()
        self._due.clear()
        return reports

    def search(self) -> None:
        """Begin to follow the streams that are new."""
        with self._store.lock:
            listed = self._store.streams.ids()
            self._finished.intersection_update(listed)
            for number in listed:
                if number not in self._followed and number not in self._finished:
                    figures = self._store.streams.figures(number)
                    self._followed[number] = _Followed(figures)
                    self._sources[figures.flow.source.address, figures.ssrc] = number
                    heapq.heappush(self._due, (figures.first + self._period, number))
        if len(self._sources) > 2 * len(listed) + 1000:
            there = set(listed)
            self._sources = {key: n for key, n in self._sources.items() if n in there}

    def find(self, source: Endpoint, ssrc: int) -> int | None:
        """Return the newest stream that a host sends under an SSRC."""
        return self._sources.get((source.address, ssrc))

    def _report(self, number: int, due: int, now: int, reports: list[Report]) -> None:
        """Report on one stream, and say when to look at it again."""
        followed = self._followed.get(number)
        if followed is None:
            return
        there = self._look(number, followed)
        dialog = self._store.owner(number)
        hung_up = dialog is not None and not dialog.state.active
        quiet = now - followed.figures.last
        if not there or (hung_up and quiet >= TRAILING_NS):
            self._end(followed, now, reports)
            del self._followed[number]
            self._finished.add(number)
            return
        again = due + self._period * (1 + (now - due) // self._period)
        if quiet >= SILENCE_NS:
            self._end(followed, now, reports)
            again = now + SILENCE_NS
        elif followed.news:
            followed.told = False
            self._add_period(followed, now, reports)
        heapq.heappush(self._due, (again, number))

    def _look(self, number: int, followed: _Followed) -> bool:
        """Bring the figures of a stream up to date; tell whether it is still there."""
        streams = self._store.streams
        if not streams.listed(number):
            return False
        followed.figures = figures = streams.figures(number)
        dialog = self._store.owner(number)
        place = followed.place
        if dialog is not None and (place is None or place.correlation != dialog.call_id):
            followed.place = Place(dialog.call_id, party(dialog, figures.flow))
        return True

    def _add_period(
        self, followed: _Followed, now: int, reports: list[Report], *, last: bool = False
    ) -> None:
        figures, place = followed.figures, _place(followed)
        r = period_rating(figures, followed.before)
        if r is not None:
            followed.lowest = r if followed.lowest is None else min(followed.lowest, r)
        extent: Extent = "HANGUP" if last else "PERIODIC"
        payload, mos = period_report(figures, followed.before, now, place, extent)
        reports.append(Report(now, figures.flow, payload, place.correlation, mos))
        followed.before = counted(figures, now, followed.before)

    def _end(self, followed: _Followed, now: int, reports: list[Report]) -> None:
        """Report on the rest of a stream and on the whole, unless that was told."""
        if followed.told and not followed.news:
            return
        followed.told = True
        figures, place = followed.figures, _place(followed)
        end = min(now, figures.last)
        if followed.news:
            self._add_period(followed, max(end, followed.before.time), reports, last=True)
        payload, mos = final_report(figures, end, place, followed.lowest)
        reports.append(Report(end, figures.flow, payload, place.correlation, mos))


def _place(followed: _Followed) -> Place:
    """Return where a stream stands; without signalling, where it can stand alone."""
    figures = followed.figures
    return followed.place or Place(stray_correlation(figures.ssrc, figures.flow), CALLER)
