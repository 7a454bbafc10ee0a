"""Traffic in figures: ASR, ACD, PDD, calls over time, top talkers and user agents.

Only dialogs that changed are looked at, for a limited time at once. A dialog that has ended
is counted for good, also when the store forgets it.
"""

from collections import Counter, defaultdict
from itertools import islice
from time import monotonic
from typing import NamedTuple

from sipscope.calls.dialog import Dialog, State
from sipscope.calls.store import DialogStore

MINUTE_NS = 60_000_000_000
MAX_MINUTES = 1_440
MAX_NAMES = 4_096
"""Of sources, destinations and user agents: a hostile sender has no end of them."""

_SLICE = 64
_BINS_MS = tuple(round(100 * 1.25**n) for n in range(32))
"""Upper bounds of the histogram of post-dial delays: 100 ms to 100 s."""


class Minute(NamedTuple):
    """What happened in a minute.

    Attributes:
        start: ns since the epoch.
        attempts: Calls that began.
        answered: Calls that were answered.
        concurrent: Most calls that were talking at one time, as minutes tell.
        failed: Calls that ended with an error.
    """

    start: int
    attempts: int
    answered: int
    concurrent: int
    failed: int


class Figures(NamedTuple):
    """The traffic so far.

    Attributes:
        attempts: Calls that began with an INVITE.
        answered: Those that were answered.
        ended: Those that have ended, answered or not.
        talking: Calls in progress.
        asr_percent: Answer-seizure ratio: answered of those that have an outcome (ITU-T E.411).
        ner_percent: Network effectiveness ratio: answered, busy, no answer or cancelled by the
            user, of the same (ITU-T E.425).
        acd_s: Average call duration, of those that have ended (ITU-T E.437).
        pdd_ms: Mean post-dial delay.
        pdd_95_ms: 95 % have a shorter one, to a quarter.
        calls_per_second: That began in the newest whole minute.
        minutes: The course, oldest first.
        sources: Dialogs by the address that began them.
        destinations: Dialogs by the address that they went to.
        agents: Dialogs by user agent.
    """

    attempts: int
    answered: int
    ended: int
    talking: int
    asr_percent: float | None
    ner_percent: float | None
    acd_s: float | None
    pdd_ms: float | None
    pdd_95_ms: float | None
    calls_per_second: float
    minutes: tuple[Minute, ...]
    sources: Counter[str]
    destinations: Counter[str]
    agents: Counter[str]


class _Share(NamedTuple):
    """What a call has been counted as."""

    answered: int | None
    ended: int | None
    state: State
    pdd_ms: float | None


_NOT_YET = _Share(None, None, State.SETUP, None)
_BY_THE_USER = frozenset({State.BUSY, State.NO_ANSWER, State.CANCELLED, State.DECLINED})


class TrafficStatistics:
    """Counts the calls of a store.

    Args:
        store: Where they are; its lock is held for some dialogs at a time.
    """

    def __init__(self, store: DialogStore) -> None:
        self._store = store
        self._seen = 0
        self._newest = 0
        self._waiting: dict[int, None] = {}
        self._open: dict[int, _Share] = {}
        self._attempts = self._answered = self._ended = self._by_user = 0
        self._talk_ns = self._talks = 0
        self._pdd_sum, self._pdd_bins = 0.0, [0] * (len(_BINS_MS) + 1)
        self._began: defaultdict[int, int] = defaultdict(int)
        self._changes: defaultdict[int, int] = defaultdict(int)
        self._picked_up: defaultdict[int, int] = defaultdict(int)
        self._failures: defaultdict[int, int] = defaultdict(int)
        self._sources: Counter[str] = Counter()
        self._destinations: Counter[str] = Counter()
        self._agents: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """Dialogs that are still to be looked at."""
        return len(self._waiting)

    def update(self, budget_s: float = 0.02) -> None:
        """Take what changed in the store, for `budget_s` at most."""
        with self._store.lock:
            self._seen, changed = self._store.changes(self._seen)
            if changed is None:
                changed = set(self._store.dialogs)
        self._waiting.update(dict.fromkeys(sorted(changed)))
        until = monotonic() + budget_s
        while self._waiting and monotonic() < until:
            some = list(islice(self._waiting, _SLICE))
            with self._store.lock:
                for dialog_id in some:
                    del self._waiting[dialog_id]
                    dialog = self._store.dialogs.get(dialog_id)
                    if dialog is not None:
                        self._take(dialog)

    def figures(self) -> Figures:
        """Return the traffic so far."""
        minutes = self._minutes()
        measured = sum(self._pdd_bins)
        whole = minutes[-2] if len(minutes) > 1 else minutes[-1] if minutes else None
        return Figures(
            self._attempts,
            self._answered,
            self._ended,
            sum(share.state is State.IN_CALL for share in self._open.values()),
            _percent(self._answered, self._outcomes),
            _percent(self._answered + self._by_user, self._outcomes),
            self._talk_ns / self._talks / 1e9 if self._talks else None,
            self._pdd_sum / measured if measured else None,
            self._percentile(0.95),
            whole.attempts / 60 if whole else 0.0,
            minutes,
            self._sources,
            self._destinations,
            self._agents,
        )

    @property
    def _outcomes(self) -> int:
        """Calls that were answered or have ended without."""
        talking = sum(share.answered is not None for share in self._open.values())
        return self._ended + talking

    def _take(self, dialog: Dialog) -> None:
        """Count what is new of a dialog."""
        known = self._open.get(dialog.id)
        if known is None:
            if dialog.id <= self._newest:
                return  # counted for good
            self._newest = dialog.id
            self._name(dialog)
            if dialog.method != "INVITE" or dialog.in_dialog:
                return
            self._attempts += 1
            self._began[_minute(dialog.started)] += 1
        share = _Share(dialog.answered, dialog.ended, dialog.state, dialog.pdd_ms)
        self._count(dialog, known or _NOT_YET, share)
        if dialog.state.active:
            self._open[dialog.id] = share
        else:
            self._open.pop(dialog.id, None)

    def _count(self, dialog: Dialog, before: _Share, now: _Share) -> None:
        if now.answered is not None and before.answered is None:
            self._answered += 1
            self._picked_up[_minute(now.answered)] += 1
            self._changes[_minute(now.answered)] += 1
        if now.pdd_ms is not None and before.pdd_ms is None:
            self._pdd_sum += now.pdd_ms
            self._pdd_bins[_bin(now.pdd_ms)] += 1
        if now.state.active:
            return
        self._ended += 1
        end = dialog.last if now.ended is None else now.ended
        if now.answered is not None:
            self._talk_ns += max(0, end - now.answered)
            self._talks += 1
            self._changes[_minute(end) + 1] -= 1
        self._by_user += now.answered is None and now.state in _BY_THE_USER
        self._failures[_minute(end)] += now.state.failed

    def _name(self, dialog: Dialog) -> None:
        """Count who is talking."""
        _add(self._sources, dialog.flow.source.host)
        _add(self._destinations, dialog.flow.destination.host)
        for agent in dialog.user_agents:
            _add(self._agents, agent)

    def _minutes(self) -> tuple[Minute, ...]:
        """Return the course, as many minutes as are kept."""
        if not self._began:
            return ()
        first, last = min(self._began), max([*self._began, *self._picked_up, *self._failures])
        first = max(first, last - MAX_MINUTES + 1)
        talking = sum(change for minute, change in self._changes.items() if minute < first)
        course = []
        for minute in range(first, last + 1):
            talking += self._changes.get(minute, 0)
            course.append(
                Minute(
                    minute * MINUTE_NS,
                    self._began.get(minute, 0),
                    self._picked_up.get(minute, 0),
                    talking,
                    self._failures.get(minute, 0),
                )
            )
        return tuple(course)

    def _percentile(self, share: float) -> float | None:
        wanted = share * sum(self._pdd_bins)
        for bound, count in zip((*_BINS_MS, float("inf")), self._pdd_bins, strict=True):
            wanted -= count
            if wanted <= 0 and count:
                return None if bound == float("inf") else float(bound)
        return None


def _add(counts: Counter[str], name: str) -> None:
    if name in counts or len(counts) < MAX_NAMES:
        counts[name] += 1


def _bin(pdd_ms: float) -> int:
    return next((n for n, bound in enumerate(_BINS_MS) if pdd_ms <= bound), len(_BINS_MS))


def _minute(time: int) -> int:
    return time // MINUTE_NS


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
