"""What the ends of a call say of its quality in SIP: in the BYE, or in a report of its own.

A voice quality report (RFC 6035) comes in a PUBLISH or NOTIFY with a Call-ID of its own and
names that of the call in its body. What it says is read when somebody looks.
"""

import re
from collections import OrderedDict
from typing import Final, NamedTuple

from sipscope.calls.dialog import Dialog, Message
from sipscope.decode.address import Flow
from sipscope.decode.rtp_stat import HEADERS, Statistics, parse_rtp_stat
from sipscope.decode.sip import header_end, parse
from sipscope.decode.vq_rtcpxr import VoiceQualityReport, parse_vq_rtcpxr

REPORTING: Final = frozenset({"PUBLISH", "NOTIFY"})
"""The methods that carry voice quality reports."""

MAX_CALLS: Final = 10_000
MAX_REPORTS: Final = 32
"""Of one call; when intervals make more, the first are forgotten."""

VOICE_QUALITY: Final = "vq-rtcpxr"

_TYPE = re.compile(rb"\n(?:Content-Type|c)[ \t]*:[ \t]*application/vq-rtcpxr(?![\w-])", re.I)
_CALL_ID = re.compile(rb"(?<![^\r\n])CallID[ \t]*:[ \t]*([^\s]{1,512})", re.I)
_STATISTICS = re.compile(rb"RTP-(?:Rx|Tx)?Stat", re.I)


class QualityReport(NamedTuple):
    """What one end says of a call.

    Attributes:
        time: When it was said, ns since the epoch.
        flow: From where to where.
        origin: `vq-rtcpxr`, or the name of the header in lower case.
        content: What it says.
    """

    time: int
    flow: Flow
    origin: str
    content: VoiceQualityReport | Statistics


class QualityReports:
    """Voice quality reports by the Call-ID of the call that they are about, bounded.

    Attributes:
        evicted: Reports that made room for others.
    """

    def __init__(self) -> None:
        self.evicted = 0
        self._by_call_id: OrderedDict[bytes, list[Message]] = OrderedDict()

    def note(self, message: Message, raw: bytes, body: int) -> bytes:
        """Keep a message if it carries a report.

        Args:
            message: A PUBLISH or NOTIFY.
            raw: Its bytes.
            body: Where its body begins.

        Returns:
            The Call-ID of the call, empty when there is none.
        """
        if _TYPE.search(raw, 0, body) is None:
            return b""
        found = _CALL_ID.search(raw, body)
        if found is None:
            return b""
        about = found[1]
        messages = self._by_call_id.setdefault(about, [])
        self._by_call_id.move_to_end(about)
        messages.append(message)
        if len(messages) > MAX_REPORTS:
            del messages[0]
            self.evicted += 1
        if len(self._by_call_id) > MAX_CALLS:
            self.evicted += len(self._by_call_id.popitem(last=False)[1])
        return about

    def of(self, dialog: Dialog) -> tuple[QualityReport, ...]:
        """Return what the ends of a dialog say of it, in the order of time."""
        reports = [
            QualityReport(message.time, message.flow, VOICE_QUALITY, content)
            for message in self._by_call_id.get(dialog.call_id, ())
            if (content := _voice_quality(message.raw)) is not None
        ]
        for message in dialog.messages:
            if message.method == "BYE" and not message.retransmission:
                reports += _statistics(message)
        return tuple(sorted(reports, key=_time))


def _voice_quality(raw: bytes) -> VoiceQualityReport | None:
    message = parse(raw)
    return None if message is None else parse_vq_rtcpxr(message.body)[0]


def _statistics(message: Message) -> list[QualityReport]:
    """Return what the headers of a BYE or of the answer to it tell."""
    raw = message.raw
    if _STATISTICS.search(raw, 0, header_end(raw)) is None:
        return []
    parsed = parse(raw)
    return [
        QualityReport(message.time, message.flow, header.key.decode(), content)
        for header in (parsed.headers if parsed else ())
        if header.key in HEADERS and (content := parse_rtp_stat(header.key, header.value))
    ]


def _time(report: QualityReport) -> int:
    return report.time
