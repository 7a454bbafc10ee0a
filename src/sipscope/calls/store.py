"""The dialog store: every dialog that is known, bounded, with one writer.

The engine's thread writes under `lock`; a viewer takes the lock, asks what changed since
the version that it saw last, and reads only what it shows.
"""

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import not_

from sipscope.calls.attachments import Attachment, AttachmentTable
from sipscope.calls.changes import ChangeLog
from sipscope.calls.dialog import Dialog, KeptFrames, Message, State
from sipscope.calls.fax import FaxPackets
from sipscope.calls.incoming import FRAME_BYTES, MESSAGE_BYTES, MessageBatch
from sipscope.calls.media import MediaTable, descriptions, formats
from sipscope.calls.quality_reports import REPORTING, QualityReports
from sipscope.calls.repetition import DUPLICATE, LOOK_BACK, NEW, RETRANSMISSION, repetition
from sipscope.calls.retention import Retention
from sipscope.calls.states import (
    TRANSACTION_TIMEOUT_NS,
    advance,
    deadline,
    is_silent,
    opening_state,
)
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.hep_senders import Agent
from sipscope.decode.sdp import media_endpoints
from sipscope.decode.sip_heads import Heads
from sipscope.rtpqos.dtmf import TelephoneEvents
from sipscope.rtpqos.reports import RtcpTable
from sipscope.rtpqos.streams import StreamTable

MAX_DIALOG_MESSAGES = 4000
KEPT_FIRST_MESSAGES = 200
MAX_UNREAD = 200_000
"""Messages whose SDP waits to be read until there is RTP: without any, it never has to be."""

MAX_METHODS = 64
"""Methods that are counted by name: a hostile sender has no end of them."""

OTHER_METHODS = "other"
_DIALOG_BYTES = 2_000


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

    def count(self, heads: Heads) -> None:
        """Count messages."""
        self.messages += len(heads.status) - len(heads.others)
        self.malformed += sum(heads.malformed)
        requests = Counter(compress(heads.method, map(not_, heads.status)))
        answers = Counter(heads.status)
        del requests[""], answers[0]
        self.methods.update(requests)
        self.statuses.update(answers)
        if len(self.methods) > MAX_METHODS:
            common = Counter(dict(self.methods.most_common(MAX_METHODS // 2)))
            common[OTHER_METHODS] += self.methods.total() - common.total()
            self.methods = common


class DialogStore:
    """All dialogs by id, in the order of their start.

    Args:
        capacity: How many dialogs are kept at most.
        memory: How many bytes of messages are kept at most, roughly.
        stream_capacity: How many RTP streams are kept at most.
        interval_s: Length of the parts of a stream that the worst MOS is of.
        every_figure: Whether to compute what a summary does not show, too.

    Attributes:
        lock: To be held while reading or writing.
        dialogs: By id.
        streams: The RTP streams.
        events: The telephone events in them.
        rtcp: What RTCP says of them.
        fax: Fax packets by flow.
        quality: What SIP messages say of the quality of calls.
        attachments: What capture agents say of dialogs beside SIP, and who they are.
        counters: What came by.
        pinned: Ids of dialogs that never make room, see `pin`.
        kept_bytes: Memory that dialogs and messages take, roughly.
        states: How many dialogs are in each state.
    """

    def __init__(
        self,
        capacity: int = 200_000,
        memory: int = 384 << 20,
        stream_capacity: int = 10_000,
        interval_s: float = 10.0,
        *,
        every_figure: bool = True,
    ) -> None:
        self.lock = threading.RLock()
        self.capacity = capacity
        self.memory = memory
        self.dialogs: dict[int, Dialog] = {}
        self.streams = StreamTable(
            stream_capacity, self._lose_stream, interval_s=interval_s, every_figure=every_figure
        )
        self.events = TelephoneEvents(10 * stream_capacity)
        self.rtcp = RtcpTable()
        self.fax = FaxPackets(stream_capacity)
        self.quality = QualityReports()
        self.attachments = AttachmentTable()
        self.counters = Counters()
        self.pinned: set[int] = set()
        self.kept_bytes = 0
        self.states = dict.fromkeys(State, 0)
        self._by_call_id: dict[bytes, Dialog] = {}
        self._media = MediaTable()
        self._retention = Retention()
        self._log = ChangeLog()
        self._owners: dict[int, Dialog] = {}
        self._strays: dict[Endpoint, dict[int, Flow]] = {}
        self._stray_flows: dict[int, Flow] = {}
        self._unread: list[tuple[Dialog, Message, int]] = []
        self._next_id = 1

    @property
    def version(self) -> int:
        """Counts the changes."""
        return self._log.version

    def changes(self, since: int) -> tuple[int, set[int] | None]:
        """Return the version now and the dialogs that changed after version `since`.

        None instead of the ids means that the log does not reach back so far.
        """
        return self._log.version, self._log.since(since)

    def add(self, batch: MessageBatch, heads: Heads) -> list[int]:
        """Take messages in the order of capture, dialog by dialog.

        Args:
            batch: The messages.
            heads: Their heads; what has none is no SIP message and left out.

        Returns:
            Of each message whether it is NEW, a RETRANSMISSION or a DUPLICATE.
        """
        self.counters.count(heads)
        messages, lengths = batch.messages(heads), batch.lengths
        looks = list(map(hash, zip(heads.method, heads.status, heads.cseq, lengths, strict=True)))
        self.kept_bytes += batch.kept_bytes - sum(_kept(messages[i]) for i in heads.others)
        kinds = [NEW] * len(messages)
        by_call_id, changed = self._by_call_id, self._log.ids
        described: list[tuple[int, Dialog]] = []
        for call_id, run in _runs(heads).items():
            dialog, before = by_call_id.get(call_id), None
            if dialog is None:
                dialog = self._open(batch, heads, run[0])
            else:
                before = dialog.state
            known, added = dialog.looks, dialog.messages
            for index in run:
                message, look = messages[index], looks[index]
                if look in known:
                    kind = kinds[index] = repetition(dialog, message, batch.raw(index))
                    if kind == DUPLICATE:
                        self.counters.duplicates += 1
                        self.kept_bytes -= _kept(message)
                        continue
                    if kind == RETRANSMISSION:
                        message = message._replace(retransmission=True)
                        dialog.retransmissions += 1
                added.append(message)
                known.append(look)
                advance(dialog, message)
                if message.sdp and not message.retransmission:
                    described.append((index, dialog))
            dialog.version += len(run)
            changed.append(dialog.id)
            if dialog.state is not before:
                self._settle(dialog, before, message.time)
            if len(known) > 2 * LOOK_BACK:
                del known[:-LOOK_BACK]
            if len(added) >= MAX_DIALOG_MESSAGES:
                self._thin(dialog)
        for index in compress(range(len(messages)), heads.malformed):
            by_call_id[heads.call_id[index]].malformed += 1
        if not REPORTING.isdisjoint(heads.method):
            self._note_quality(batch, heads, messages, kinds)
        described.sort()
        self._take_descriptions(
            [(dialog, messages[index], heads.body[index]) for index, dialog in described]
        )
        self._make_room()
        self._log.trim()
        return kinds

    def owner(self, stream_id: int) -> Dialog | None:
        """Return the dialog that a stream belongs to."""
        return self._owners.get(stream_id)

    def expecting(self, flow: Flow, time: int) -> Dialog | None:
        """Return the dialog whose SDP asked for media along a flow that began at `time` (ns)."""
        self._read_descriptions()
        return self._media.owner(flow, time)

    def attach(self, stream_ids: Iterable[int], times: Iterable[int]) -> None:
        """Find the dialogs of streams that are new.

        Args:
            stream_ids: As from `StreamTable.add`.
            times: Of each stream's first packet, in ns.
        """
        self._read_descriptions()
        for stream_id, time in zip(stream_ids, times, strict=True):
            flow = self.streams.flow(stream_id)
            if flow is None:
                continue
            dialog = self._media.owner(flow, time)
            if dialog is not None:
                self._attach(dialog, [stream_id])
            else:
                self._stray_flows[stream_id] = flow
                for endpoint in flow[:2]:
                    self._strays.setdefault(endpoint, {})[stream_id] = flow

    def told(self, call_id: bytes, agent: Agent) -> None:
        """Note that a capture agent told of a message of a dialog."""
        if call_id in self._by_call_id:
            self.attachments.told(call_id, agent)

    def report(self, call_id: bytes, attachment: Attachment) -> None:
        """Keep what a capture agent says of a dialog, known or not yet."""
        dialog = self._by_call_id.get(call_id)
        self.attachments.add(call_id, attachment, known=dialog is not None)
        if dialog is not None:
            self._changed(dialog)

    def touch(self, stream_ids: Iterable[int]) -> None:
        """Note that the figures of streams changed, and with them their dialogs."""
        for dialog in {owner for i in stream_ids if (owner := self._owners.get(i)) is not None}:
            self._changed(dialog)
        self._log.trim()

    def tick(self, now: int) -> None:
        """Let the time pass: requests that nobody answered have failed.

        Args:
            now: In ns since the epoch, as the times of messages.
        """
        for dialog_id in self._retention.due(now):
            dialog = self.dialogs[dialog_id]
            due = deadline(dialog)
            if due > now:
                self._retention.look_again(dialog_id, min(due, now + TRANSACTION_TIMEOUT_NS))
            else:
                self._fail(dialog)

    def finish(self, now: int) -> None:
        """Take it that nothing more comes: what has waited too long or tried in vain has failed."""
        for dialog_id in self._retention.waiting():
            dialog = self.dialogs[dialog_id]
            if deadline(dialog) <= now or is_silent(dialog):
                self._fail(dialog)

    @property
    def active(self) -> int:
        """Dialogs from which more is expected."""
        return sum(count for state, count in self.states.items() if state.active)

    @property
    def problems(self) -> int:
        """Dialogs that went wrong."""
        return sum(count for state, count in self.states.items() if state.failed)

    def pin(self, dialog_id: int, pinned: bool = True) -> None:
        """Keep a dialog and its streams whatever comes, or no longer."""
        dialog = self.dialogs.get(dialog_id)
        if dialog is None:
            return
        (self.pinned.add if pinned else self.pinned.discard)(dialog_id)
        for stream_id in dialog.streams:
            self.streams.pin(stream_id, pinned)

    def forget(self, ids: Collection[int]) -> None:
        """Drop dialogs and what belongs to them."""
        for dialog_id in ids:
            dialog = self.dialogs.pop(dialog_id, None)
            if dialog is None:
                continue
            del self._by_call_id[dialog.call_id]
            self.attachments.forget(dialog.call_id)
            self._media.forget(dialog)
            self._retention.leave(dialog_id, dialog.state)
            for stream_id in dialog.streams:
                del self._owners[stream_id]
                self.streams.remove(stream_id)
            self.states[dialog.state] -= 1
            self.pinned.discard(dialog_id)
            self.kept_bytes -= _DIALOG_BYTES + sum(map(_kept, dialog.messages))
            self._log.ids.append(dialog_id)
        self._log.trim()

    def _open(self, batch: MessageBatch, heads: Heads, index: int) -> Dialog:
        """Make the dialog of a message that is the first with its Call-ID."""
        method, call_id = heads.method[index], heads.call_id[index]
        in_dialog = index in heads.within
        dialog_id = self._next_id
        self._next_id += 1
        dialog = Dialog(dialog_id, call_id, method, batch.flow[index], dialog_id)
        dialog.in_dialog = in_dialog
        dialog.state = opening_state(method, in_dialog=in_dialog)
        if index in heads.legs and (leg := self._by_call_id.get(heads.legs[index])):
            dialog.group = leg.group
        self.dialogs[dialog_id] = self._by_call_id[call_id] = dialog
        self.kept_bytes += _DIALOG_BYTES
        return dialog

    def _note_quality(
        self, batch: MessageBatch, heads: Heads, messages: Sequence[Message], kinds: Sequence[int]
    ) -> None:
        """Keep voice quality reports for the calls that they are about."""
        for index, method in enumerate(heads.method):
            if method not in REPORTING or heads.status[index] or kinds[index] != NEW:
                continue
            about = self.quality.note(messages[index], batch.raw(index), heads.body[index])
            call = self._by_call_id.get(about) if about else None
            if call is not None:
                self._changed(call)

    def _take_descriptions(self, described: Sequence[tuple[Dialog, Message, int]]) -> None:
        """Take the messages with SDP, which is read as soon as there is RTP to place."""
        self._unread += described
        if (
            self._strays
            or len(self._unread) > MAX_UNREAD
            or any(dialog.streams for dialog, _, _ in described)
        ):
            self._read_descriptions()

    def _expect_media(self, dialog: Dialog, raw: bytes, body: int) -> None:
        """Note where the dialog's SDP wants RTP, and take the streams that are there already."""
        if dialog.streams:
            self._describe(dialog, dialog.streams)
        strays = self._strays
        for endpoint in media_endpoints(raw, body):
            if self._media.expect(dialog, endpoint) and strays and endpoint in strays:
                self._attach(dialog, list(strays[endpoint]))

    def _read_descriptions(self) -> None:
        """Read the SDP that was left for when there is RTP to place."""
        unread, self._unread = self._unread, []
        for dialog, message, body in unread:
            if dialog.id in self.dialogs:
                self._expect_media(dialog, message.raw, body)

    def _attach(self, dialog: Dialog, stream_ids: Sequence[int]) -> None:
        for stream_id in stream_ids:
            self._claim(stream_id)
            dialog.streams.append(stream_id)
            self._owners[stream_id] = dialog
            if dialog.id in self.pinned:
                self.streams.pin(stream_id)
        self._describe(dialog, stream_ids)
        self._changed(dialog)

    def _claim(self, stream_id: int) -> None:
        """Take a stream out of those that no dialog has."""
        flow = self._stray_flows.pop(stream_id, None)
        for endpoint in flow[:2] if flow is not None else ():
            strays = self._strays.get(endpoint, {})
            strays.pop(stream_id, None)
            if not strays:
                self._strays.pop(endpoint, None)

    def _lose_stream(self, stream_id: int) -> None:
        """Take note that the stream table made room for another stream."""
        self._claim(stream_id)
        dialog = self._owners.pop(stream_id, None)
        if dialog is not None:
            dialog.streams.remove(stream_id)
            self._changed(dialog)

    def _describe(self, dialog: Dialog, stream_ids: Sequence[int]) -> None:
        """Tell the stream table what the dialog's SDP says of streams."""
        described = descriptions(dialog)
        for stream_id in stream_ids:
            flow = self.streams.flow(stream_id)
            if flow is not None:
                self.streams.describe(stream_id, *formats(described, flow))

    def _settle(self, dialog: Dialog, before: State | None, time: int) -> None:
        """Keep count of the states, and of what waits and what may make room.

        Args:
            dialog: In a state that is new.
            before: Its state before that, None for a dialog that is new itself.
            time: When that was.
        """
        state, due = dialog.state, time + TRANSACTION_TIMEOUT_NS
        self.states[state] += 1
        if before is None:
            self._retention.enter(dialog.id, state, due)
        else:
            self.states[before] -= 1
            self._retention.move(dialog.id, before, state, due)

    def _fail(self, dialog: Dialog) -> None:
        before, dialog.state = dialog.state, State.FAILED
        self._settle(dialog, before, dialog.last)
        self._changed(dialog)

    def _changed(self, dialog: Dialog) -> None:
        dialog.version += 1
        self._log.ids.append(dialog.id)

    def _thin(self, dialog: Dialog) -> None:
        """Drop the middle of a dialog that never ends, such as years of keep-alives."""
        dropped = slice(KEPT_FIRST_MESSAGES, MAX_DIALOG_MESSAGES // 2)
        while len(dialog.messages) >= MAX_DIALOG_MESSAGES:
            self.kept_bytes -= sum(map(_kept, dialog.messages[dropped]))
            dialog.dropped += dropped.stop - dropped.start
            del dialog.messages[dropped]

    def _make_room(self) -> None:
        while len(self.dialogs) > self.capacity or self.kept_bytes > self.memory:
            victim = self._retention.victim(self.pinned)
            if victim is None:
                break
            self.counters.evicted += 1
            self.forget((victim,))


def _runs(heads: Heads) -> dict[bytes, list[int]]:
    """Return which messages belong to each Call-ID, in the order of the first ones."""
    runs: dict[bytes, list[int]] = {}
    places: Iterable[tuple[int, bytes]] = enumerate(heads.call_id)
    if heads.others:
        left_out = set(heads.others)
        places = [place for place in places if place[0] not in left_out]
    for index, call_id in places:
        if call_id in runs:
            runs[call_id].append(index)
        else:
            runs[call_id] = [index]
    return runs


def _kept(message: Message) -> int:
    """Return roughly how much memory a message takes."""
    frames = message.origin.__class__ is KeptFrames
    return MESSAGE_BYTES + (FRAME_BYTES + message.length if frames else 0)
