"""What capture agents say of dialogs beside SIP: RTCP, quality reports, logs; and who they are.

An agent names the dialog by its Call-ID. Its records may come before the dialog or long after
it, so those of Call-IDs that are not known yet wait, and go first when there is no room.
"""

from collections import OrderedDict
from typing import Final, Literal, NamedTuple

from sipscope.calls.dialog import Dialog
from sipscope.decode.address import Flow
from sipscope.decode.hep_senders import Agent
from sipscope.decode.json_object import Figures, flattened, json_object
from sipscope.decode.text import display
from sipscope.decode.vq_rtcpxr import parse_vq_rtcpxr

MAX_BYTES: Final = 32 << 20
MAX_WAITING: Final = 10_000
"""Call-IDs of which no dialog is known."""
MAX_RECORDS: Final = 500
"""Of one dialog; when reports make more, the first are forgotten."""
MAX_AGENTS: Final = 8
MAX_TEXT: Final = 4_096
_RECORD_BYTES = 400  # of the objects around a payload

Kind = Literal["rtcp", "rtp-report", "rtcp-report", "vq-rtcpxr", "log", "other"]


class Attachment(NamedTuple):
    """What an agent says of a dialog.

    Attributes:
        time: When, by the agent's clock, ns since the epoch.
        kind: What it is.
        type: The same as HEP's protocol type.
        agent: Who says it.
        flow: From where to where the media or the message went.
        payload: As it came.
        mos: Mean opinion score, if the agent gave one beside the payload.
        r_factor: The same of the E-model's R.
        jitter: The same of jitter, in the agent's units.
    """

    time: int
    kind: Kind
    type: int
    agent: Agent
    flow: Flow
    payload: bytes
    mos: float | None = None
    r_factor: float | None = None
    jitter: int | None = None

    @property
    def text(self) -> str:
        """The payload in one line, safe to show."""
        return display(self.payload[:MAX_TEXT])

    @property
    def figures(self) -> Figures:
        """What a report says, by its own names; nothing of what is no report."""
        if self.kind == "vq-rtcpxr":
            report, _ = parse_vq_rtcpxr(vq_body(self.payload))
            sides = {} if report is None else {"local": report.local, "remote": report.remote}
            return {f"{side}.{name}": v for side, m in sides.items() for name, v in m.items()}
        found = json_object(self.payload)
        return {} if found is None else flattened(found)


class _Records:
    """The attachments of one Call-ID, and the memory that they take."""

    __slots__ = ("attachments", "size")

    def __init__(self) -> None:
        self.attachments: list[Attachment] = []
        self.size = 0


class AttachmentTable:
    """Attachments and agents by Call-ID, bounded.

    Attributes:
        evicted: Attachments that made room for others.
        nameless: Attachments that named no Call-ID and so cannot be found again.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, max_waiting: int = MAX_WAITING) -> None:
        self.evicted = 0
        self.nameless = 0
        self._max_bytes = max_bytes
        self._max_waiting = max_waiting
        self._bytes = 0
        # Both in order of their first attachment.
        self._known: OrderedDict[bytes, _Records] = OrderedDict()
        self._waiting: OrderedDict[bytes, _Records] = OrderedDict()
        self._agents: dict[bytes, tuple[Agent, ...]] = {}

    def of(self, dialog: Dialog) -> tuple[Attachment, ...]:
        """Return what agents say of a dialog, in the order in which it came."""
        records = self._known.get(dialog.call_id) or self._waiting.get(dialog.call_id)
        return () if records is None else tuple(records.attachments)

    def agents(self, dialog: Dialog) -> tuple[Agent, ...]:
        """Return who told of a dialog, in the order in which they first did."""
        told = self._agents.get(dialog.call_id, ())
        said = (attachment.agent for attachment in self.of(dialog))
        return tuple(dict.fromkeys((*told, *said)))[:MAX_AGENTS]

    def told(self, call_id: bytes, agent: Agent) -> None:
        """Note that an agent told of a message of a dialog, which is known with that."""
        agents = self._agents.get(call_id)
        if agents is None:
            self._agents[call_id] = (agent,)
            if call_id in self._waiting:
                self._known[call_id] = self._waiting.pop(call_id)
        elif agent not in agents and len(agents) < MAX_AGENTS:
            self._agents[call_id] = (*agents, agent)

    def add(self, call_id: bytes, attachment: Attachment, *, known: bool) -> None:
        """Keep an attachment.

        Args:
            call_id: Of the dialog that it is about; without one it is only counted.
            attachment: What is said.
            known: Whether there is such a dialog.
        """
        if not call_id:
            self.nameless += 1
            return
        if known and call_id in self._waiting:
            self._known[call_id] = self._waiting.pop(call_id)
        table = self._known if known or call_id in self._known else self._waiting
        records = table.get(call_id)
        if records is None:
            records = table[call_id] = _Records()
        records.attachments.append(attachment)
        self._resize(records, _size(attachment))
        if len(records.attachments) > MAX_RECORDS:
            self._resize(records, -_size(records.attachments.pop(0)))
            self.evicted += 1
        while self._bytes > self._max_bytes or len(self._waiting) > self._max_waiting:
            _, oldest = (self._waiting or self._known).popitem(last=False)
            self.evicted += len(oldest.attachments)
            self._bytes -= oldest.size

    def forget(self, call_id: bytes) -> None:
        """Drop what belongs to a dialog that is dropped."""
        self._agents.pop(call_id, None)
        for table in (self._known, self._waiting):
            records = table.pop(call_id, None)
            if records is not None:
                self._bytes -= records.size

    def _resize(self, records: _Records, size: int) -> None:
        records.size += size
        self._bytes += size


def _size(attachment: Attachment) -> int:
    return _RECORD_BYTES + len(attachment.payload)


def vq_body(payload: bytes) -> bytes:
    """Return the voice quality report in a payload: that of a SIP message, or the payload."""
    start = payload.find(b"VQ")
    _, _, body = payload.partition(b"\r\n\r\n")
    return body if body[:2] == b"VQ" else payload[start:] if start > 0 else payload
