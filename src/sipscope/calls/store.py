"""The dialog store: every dialog that is known, bounded, with one writer.

The engine's thread writes under `lock`; a viewer takes the lock, asks what changed since
the version that it saw last, and reads only what it shows.
"""

import re
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from sipscope.calls.attachments import Attachment, AttachmentTable
from sipscope.calls.changes import ChangeLog
from sipscope.calls.dialog import Dialog, KeptFrames, Message, State
from sipscope.calls.fax import FaxPackets
from sipscope.calls.media import MediaTable, descriptions, formats
from sipscope.calls.quality_reports import REPORTING, QualityReports
from sipscope.calls.repetition import DUPLICATE, RecentMessages
from sipscope.calls.retention import Retention
from sipscope.calls.states import (
    TRANSACTION_TIMEOUT_NS,
    advance,
    deadline,
    is_silent,
    opening_state,
)
from sipscope.decode.address import Endpoint, Flow
from sipscope.decode.batch import Recording
from sipscope.decode.hep_senders import Agent
from sipscope.decode.sdp import media_endpoints
from sipscope.decode.sip import Head
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
_MESSAGE_BYTES = 300
_FRAME_BYTES = 400
_DIALOG_BYTES = 2_000

_TO_TAG = re.compile(rb"\nTo?[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=", re.I)
_OTHER_LEG = re.compile(rb"\nX-C(?:all-)?ID[ \t]*:[ \t]*([^\r\n]+)", re.I)

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

    def count(self, heads: Sequence[Head | None]) -> None:
        """Count messages."""
        messages = [head for head in heads if head is not None]
        self.messages += len(messages)
        self.malformed += sum([head.malformed for head in messages])
        self.methods.update([head.method for head in messages if not head.status])
        self.statuses.update([head.status for head in messages if head.status])
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
        as_wireshark: Whether to compute the figures that Wireshark shows, too.

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
        *,
        as_wireshark: bool = True,
    ) -> None:
        self.lock = threading.RLock()
        self.capacity = capacity
        self.memory = memory
        self.dialogs: dict[int, Dialog] = {}
        self.streams = StreamTable(stream_capacity, self._lose_stream, as_wireshark=as_wireshark)
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
        self._recent = RecentMessages()
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

    def add(self, incoming: Sequence[Incoming], heads: Sequence[Head | None]) -> list[int]:
        """Take messages in the order of capture; a head of None is no SIP message.

        Returns:
            Of each message whether it is NEW, a RETRANSMISSION or a DUPLICATE.
        """
        by_call_id, log = self._by_call_id, self._log.ids
        new, unread = tuple.__new__, self._unread
        kept = 0
        kinds = self._recent.classify(incoming)
        for (time, number, flow, raw, origin, header, start), head, seen in zip(
            incoming, heads, kinds, strict=True
        ):
            if head is None:
                continue
            if seen == DUPLICATE:
                self.counters.duplicates += 1
                continue
            kept += _MESSAGE_BYTES
            method, status, cseq, call_id, body, sdp, malformed = head
            dialog = by_call_id.get(call_id) or self._open(head, flow, raw, time)
            size, again = len(raw), seen > 0
            message = new(
                Message,
                (time, number, flow, method, status, cseq, again, sdp, origin, header, start, size),
            )
            dialog.messages.append(message)
            dialog.version += 1
            log.append(dialog.id)
            state = dialog.state
            if seen:
                dialog.retransmissions += 1
                if is_silent(dialog):
                    dialog.state = State.FAILED
            else:
                if method != "ACK":
                    advance(dialog, message)
                if sdp:
                    if dialog.streams or self._strays:
                        self._expect_media(dialog, raw, body)
                    else:
                        unread.append((dialog, message, body))
                if method in REPORTING and not status:
                    self._note_quality(message, raw, body)
            if dialog.state is not state:
                self._change_state(dialog, state, time)
            if malformed:
                dialog.malformed += 1
            if origin.__class__ is KeptFrames:
                kept += _FRAME_BYTES + size
            if dialog.version > MAX_DIALOG_MESSAGES:
                self._thin(dialog)
        if len(unread) > MAX_UNREAD:
            self._read_descriptions()
        self.kept_bytes += kept
        self.counters.count(heads)
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

    def _open(self, head: Head, flow: Flow, raw: bytes, time: int) -> Dialog:
        method, call_id = head.method, head.call_id
        in_dialog, parent = False, b""
        if method == "INVITE":
            in_dialog = not head.status and _has_to_tag(raw, head.body)
            parent = _other_leg(raw, head.body)
        dialog_id = self._next_id
        self._next_id += 1
        dialog = Dialog(dialog_id, call_id, method, flow, dialog_id)
        dialog.in_dialog = in_dialog
        dialog.state = state = opening_state(method, in_dialog=in_dialog)
        if parent and (leg := self._by_call_id.get(parent)):
            dialog.group = leg.group
        self.dialogs[dialog_id] = self._by_call_id[call_id] = dialog
        self.kept_bytes += _DIALOG_BYTES
        self.states[state] += 1
        self._retention.enter(dialog_id, state, time + TRANSACTION_TIMEOUT_NS)
        return dialog

    def _note_quality(self, message: Message, raw: bytes, body: int) -> None:
        """Keep a voice quality report for the call that it is about."""
        about = self.quality.note(message, raw, body)
        call = self._by_call_id.get(about) if about else None
        if call is not None:
            self._changed(call)

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

    def _change_state(self, dialog: Dialog, before: State, time: int) -> None:
        """Keep count of the states, and of what waits and what may make room."""
        after = dialog.state
        self.states[before] -= 1
        self.states[after] += 1
        self._retention.move(dialog.id, before, after, time + TRANSACTION_TIMEOUT_NS)

    def _fail(self, dialog: Dialog) -> None:
        before, dialog.state = dialog.state, State.FAILED
        self._change_state(dialog, before, dialog.last)
        self._changed(dialog)

    def _changed(self, dialog: Dialog) -> None:
        dialog.version += 1
        self._log.ids.append(dialog.id)

    def _thin(self, dialog: Dialog) -> None:
        """Drop the middle of a dialog that never ends, such as years of keep-alives."""
        if len(dialog.messages) < MAX_DIALOG_MESSAGES:
            return
        dropped = slice(KEPT_FIRST_MESSAGES, MAX_DIALOG_MESSAGES // 2)
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


def _has_to_tag(message: bytes, body: int) -> bool:
    """Return whether the message is within a dialog (RFC 3261 section 12.2)."""
    start = message.find(b"\nTo:", 0, body)
    if start < 0:  # in compact or another spelling
        return _TO_TAG.search(message, 0, body) is not None
    return _TO_TAG.match(message, start, body) is not None


def _other_leg(message: bytes, body: int) -> bytes:
    """Return the Call-ID of the leg that a B2BUA made this one for; empty without one."""
    if message.find(b"\nX-", 0, body) < 0 and message.find(b"\nx-", 0, body) < 0:
        return b""
    found = _OTHER_LEG.search(message, 0, body)
    return b"" if found is None else found[1].strip()


def _kept(message: Message) -> int:
    """Return roughly how much memory a message takes."""
    if message.origin.__class__ is not KeptFrames:
        return _MESSAGE_BYTES
    return _MESSAGE_BYTES + _FRAME_BYTES + message.length
