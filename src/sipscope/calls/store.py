"""The dialog store: every dialog that is known, bounded, with one writer.

The engine's thread writes under `lock`; a viewer takes the lock, asks what changed since
the version that it saw last, and reads only what it shows.
"""

import re
import threading
from collections import Counter, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from sipscope.calls.dialog import Dialog, KeptFrames, Message, State
from sipscope.calls.media import MediaTable, formats
from sipscope.calls.states import TRANSACTION_TIMEOUT_NS, advance, give_up, opening_state
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.batch import Recording
from sipscope.decode.sdp import media_endpoints
from sipscope.decode.sip import Head
from sipscope.rtpqos.streams import StreamTable

DUPLICATE_WINDOW_NS = 5_000_000
"""The same bytes on the same flow this soon after are one packet captured twice: T1 is 500 ms."""

MAX_DIALOG_MESSAGES = 4000
KEPT_FIRST_MESSAGES = 200
_RECENT_MESSAGES = 65_536
_CHANGE_LOG = 131_072
_MESSAGE_BYTES = 400
_DIALOG_BYTES = 1_200

_RELATIONS = re.compile(
    rb"\n(?:[Tt][Oo]?[ \t]*:[^\r\n]*;[ \t]*([Tt][Aa][Gg])[ \t]*="
    rb"|[Xx]-[Cc](?:all-)?(?:ID|id|Id)[ \t]*:[ \t]*([^\r\n]+))"
)

Incoming = tuple[int, int, Flow, bytes, Recording | KeptFrames, int, int]
"""A SIP message on its way into the store: time in ns, frame number, flow, its bytes,
where they can be found again, bytes of the frame before it, where it begins there."""


@dataclass(slots=True)
class Counters:
    """What the store has seen, for the honesty line.

    Attributes:
        messages: SIP messages, duplicates included.
        malformed: Messages that break RFC 3261 in what every message must have.
        duplicates: Messages that were captured twice.
        evicted: Dialogs that made room for others.
        methods: Requests by method, retransmissions included.
        statuses: Responses by status code.
    """

    messages: int = 0
    malformed: int = 0
    duplicates: int = 0
    evicted: int = 0
    methods: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)


class DialogStore:
    """All dialogs by id, in the order of their start.

    Args:
        capacity: How many dialogs are kept at most.
        memory: How many bytes of messages are kept at most, roughly.
        stream_capacity: How many RTP streams are kept at most.
    """

    def __init__(
        self,
        capacity: int = 200_000,
        memory: int = 384 << 20,
        stream_capacity: int = 10_000,
    ) -> None:
        self.lock = threading.RLock()
        self.capacity = capacity
        self.memory = memory
        self.dialogs: dict[int, Dialog] = {}
        self.streams = StreamTable(stream_capacity, on_evict=self._lose_stream)
        self.counters = Counters()
        self.pinned: set[int] = set()
        self.kept_bytes = 0
        self.states: Counter[State] = Counter()
        self._by_call_id: dict[bytes, Dialog] = {}
        self._media = MediaTable()
        self._order: deque[int] = deque()
        self._finished: deque[int] = deque()
        self._waiting: deque[tuple[int, Dialog]] = deque()
        self._owners: dict[int, Dialog] = {}
        self._strays: dict[Endpoint, list[int]] = {}
        self._recent: dict[int, int] = {}
        self._earlier: dict[int, int] = {}
        self._log: list[int] = []
        self._log_base = 0
        self._next_id = 1

    @property
    def version(self) -> int:
        """Counts the changes."""
        return self._log_base + len(self._log)

    def changes(self, since: int) -> tuple[int, set[int] | None]:
        """Return the version now and the dialogs that changed after version `since`.

        None instead of the ids means that the log does not reach back so far.
        """
        if since < self._log_base:
            return self.version, None
        return self.version, set(self._log[since - self._log_base :])

    def add(self, incoming: Iterable[Incoming], heads: Sequence[Head | None]) -> None:
        """Take messages in the order of capture; a head of None is no SIP message."""
        recent, earlier, log = self._recent, self._earlier, self._log
        for (time, number, flow, raw, origin, header, start), head in zip(
            incoming, heads, strict=True
        ):
            if head is None:
                continue
            method, status, cseq, call_id, body, sdp, malformed = head
            digest = hash(raw) ^ id(flow)
            seen = recent.setdefault(digest, time)
            if seen is time:
                seen = earlier.get(digest, 0)
            else:
                recent[digest] = time
            if seen and -DUPLICATE_WINDOW_NS < time - seen < DUPLICATE_WINDOW_NS:
                self.counters.duplicates += 1
                continue
            dialog = self._by_call_id.get(call_id)
            if dialog is None:
                dialog = self._open(head, flow, raw, time)
            fields = (
                *(time, number, flow, method, status, cseq),
                *(seen > 0, sdp, origin, header, start, len(raw)),
            )
            message = tuple.__new__(Message, fields)
            dialog.messages.append(message)
            dialog.version += 1
            log.append(dialog.id)
            state = dialog.state
            if seen:
                dialog.retransmissions += 1
                give_up(dialog, time)
            else:
                advance(dialog, message)
                if sdp:
                    self._expect_media(dialog, raw, body)
            if dialog.state is not state:
                self._change_state(dialog, state)
            if malformed:
                dialog.malformed += 1
            if origin.__class__ is KeptFrames:
                self.kept_bytes += len(raw)
            if dialog.version > MAX_DIALOG_MESSAGES:
                self._thin(dialog)
        self._count(heads)
        self._tidy()

    def owner(self, stream_id: int) -> Dialog | None:
        """Return the dialog that a stream belongs to."""
        return self._owners.get(stream_id)

    def attach(self, stream_ids: Iterable[int]) -> None:
        """Find the dialogs of streams that are new."""
        for stream_id in stream_ids:
            flow = self.streams.flow(stream_id)
            if flow is None:
                continue
            dialog = self._media.owner(flow)
            if dialog is not None:
                self._attach(dialog, stream_id)
            else:
                for endpoint in flow[:2]:
                    self._strays.setdefault(endpoint, []).append(stream_id)

    def touch(self, stream_ids: Iterable[int]) -> None:
        """Note that the figures of streams changed, and with them their dialogs."""
        for dialog in {owner for i in stream_ids if (owner := self._owners.get(i)) is not None}:
            self._changed(dialog)
        self._trim_log()

    def tick(self, now: int) -> None:
        """Let the time pass: requests that nobody answered have failed."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= now:
            _, dialog = waiting.popleft()
            self._give_up(dialog, now)
            if dialog.state in (State.SETUP, State.PENDING) and dialog.id in self.dialogs:
                waiting.append((dialog.last + TRANSACTION_TIMEOUT_NS, dialog))

    def finish(self, now: int) -> None:
        """Take it that nothing more comes: what was never answered has failed by its tries."""
        self.tick(now)
        for _, dialog in self._waiting:
            self._give_up(dialog, now)

    @property
    def active(self) -> int:
        """Dialogs from which more is expected."""
        return sum(count for state, count in self.states.items() if state.active)

    @property
    def problems(self) -> int:
        """Dialogs that went wrong."""
        return sum(count for state, count in self.states.items() if state.failed)

    def forget(self, ids: Collection[int]) -> None:
        """Drop dialogs and what belongs to them."""
        for dialog_id in ids:
            dialog = self.dialogs.pop(dialog_id, None)
            if dialog is None:
                continue
            if self._by_call_id.get(dialog.call_id) is dialog:
                del self._by_call_id[dialog.call_id]
            self._media.forget(dialog)
            for stream_id in dialog.streams:
                self._owners.pop(stream_id, None)
                self.streams.remove(stream_id)
            self.states[dialog.state] -= 1
            self.pinned.discard(dialog_id)
            self.kept_bytes -= _DIALOG_BYTES + sum(map(_kept, dialog.messages))
            self._log.append(dialog_id)
        self._trim_log()

    def _open(self, head: Head, flow: Flow, raw: bytes, time: int) -> Dialog:
        method, call_id = head.method, head.call_id
        to_tag, parent = _relations(raw, head.body) if method == "INVITE" else (False, b"")
        in_dialog = to_tag and not head.status
        dialog_id = self._next_id
        self._next_id += 1
        dialog = Dialog(dialog_id, call_id, method, flow, dialog_id)
        dialog.in_dialog = in_dialog
        dialog.state = opening_state(method, in_dialog=in_dialog)
        if leg := self._by_call_id.get(parent):
            dialog.group = leg.group
        self.dialogs[dialog_id] = self._by_call_id[call_id] = dialog
        self._order.append(dialog_id)
        self.kept_bytes += _DIALOG_BYTES
        self.states[dialog.state] += 1
        if dialog.state.active:
            self._waiting.append((time + TRANSACTION_TIMEOUT_NS, dialog))
        else:
            self._finished.append(dialog_id)
        return dialog

    def _expect_media(self, dialog: Dialog, raw: bytes, body: int) -> None:
        """Note where the dialog's SDP wants RTP, and take the streams that are there already."""
        known = len(dialog.streams)
        for endpoint in media_endpoints(raw, body - 2):
            if self._media.expect(dialog, endpoint) and endpoint in self._strays:
                for stream_id in self._strays.pop(endpoint):
                    if stream_id not in self._owners:
                        self._attach(dialog, stream_id)
        for stream_id in dialog.streams[:known]:
            self._describe(dialog, stream_id)

    def _attach(self, dialog: Dialog, stream_id: int) -> None:
        dialog.streams.append(stream_id)
        self._owners[stream_id] = dialog
        self._describe(dialog, stream_id)
        self._changed(dialog)

    def _lose_stream(self, stream_id: int) -> None:
        """Take note that the stream table made room for another stream."""
        dialog = self._owners.pop(stream_id, None)
        if dialog is not None:
            dialog.streams.remove(stream_id)
            self._changed(dialog)

    def _describe(self, dialog: Dialog, stream_id: int) -> None:
        flow = self.streams.flow(stream_id)
        if flow is not None:
            known, ptime = formats(dialog, flow)
            self.streams.describe(stream_id, known, ptime)

    def _count(self, heads: Sequence[Head | None]) -> None:
        counters = self.counters
        self.kept_bytes += _MESSAGE_BYTES * len(heads)
        messages = [head for head in heads if head is not None]
        counters.messages += len(messages)
        counters.malformed += sum(head.malformed for head in messages)
        counters.methods.update(head.method for head in messages if not head.status)
        counters.statuses.update(head.status for head in messages if head.status)

    def _change_state(self, dialog: Dialog, before: State) -> None:
        """Keep count of the states, and see to it that dialogs that wait are looked at again."""
        self.states[before] -= 1
        self.states[dialog.state] += 1
        if before.active and not dialog.state.active:
            self._finished.append(dialog.id)
        if dialog.state in (State.SETUP, State.PENDING):
            self._waiting.append((dialog.last + TRANSACTION_TIMEOUT_NS, dialog))

    def _give_up(self, dialog: Dialog, now: int) -> None:
        before = dialog.state
        if give_up(dialog, now):
            self._change_state(dialog, before)
            self._changed(dialog)

    def _changed(self, dialog: Dialog) -> None:
        dialog.version += 1
        self._log.append(dialog.id)

    def _thin(self, dialog: Dialog) -> None:
        """Drop the middle of a dialog that never ends, such as years of keep-alives."""
        if len(dialog.messages) < MAX_DIALOG_MESSAGES:
            return
        dropped = slice(KEPT_FIRST_MESSAGES, MAX_DIALOG_MESSAGES // 2)
        self.kept_bytes -= sum(map(_kept, dialog.messages[dropped]))
        dialog.dropped += dropped.stop - dropped.start
        del dialog.messages[dropped]

    def _tidy(self) -> None:
        if len(self._recent) > _RECENT_MESSAGES:
            self._earlier, self._recent = self._recent, {}
        while len(self.dialogs) > self.capacity or self.kept_bytes > self.memory:
            victim = self._victim()
            if victim is None:
                break
            self.counters.evicted += 1
            self.forget((victim,))
        self._trim_log()

    def _victim(self) -> int | None:
        """Return which dialog makes room: finished before active, oldest first, never pinned."""
        for queue in (self._finished, self._order):
            for _ in range(len(queue)):
                dialog_id = queue.popleft()
                dialog = self.dialogs.get(dialog_id)
                if dialog is None:
                    continue
                if dialog_id in self.pinned:
                    queue.append(dialog_id)
                elif queue is self._order or not dialog.state.active:
                    return dialog_id
        return None

    def _trim_log(self) -> None:
        excess = len(self._log) - _CHANGE_LOG
        if excess > 0:
            excess += _CHANGE_LOG // 2
            del self._log[:excess]
            self._log_base += excess


def _relations(message: bytes, body: int) -> tuple[bool, bytes]:
    """Return whether To has a tag (RFC 3261 section 12.2), and the Call-ID of another leg."""
    to_tag, parent = False, b""
    for tag, call_id in _RELATIONS.findall(message, 0, body):
        to_tag = to_tag or bool(tag)
        parent = parent or call_id.strip()
    return to_tag, parent


def _kept(message: Message) -> int:
    """Return roughly how much memory a message takes."""
    return _MESSAGE_BYTES + (message.length if isinstance(message.origin, KeptFrames) else 0)
