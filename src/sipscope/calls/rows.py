"""A dialog as one row: what the call list and the summary show of it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sipscope.calls.dialog import Dialog, Party, State
from sipscope.decode.sip import address, parse
from sipscope.decode.text import display
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.streams import StreamTable

_PLAIN_PARTY = (
    rb"[ \t]*+:[ \t]*+(?:\"([A-Za-z0-9 ._-]++)\"[ \t]*+|([A-Za-z0-9]++)[ \t]++)?+"
    rb"<sips?:([A-Za-z0-9+*#._-]++)@([A-Za-z0-9.-]++)(?::[0-9]++)?+>(?:;tag=([A-Za-z0-9._-]++))?+\r"
)
"""What follows the name of a From or To header that needs no parser; its groups are display
name, in quotes or not, user, host and tag."""

_USER = 3

_FROM, _TO = (re.compile(b"\n" + name + _PLAIN_PARTY) for name in (b"From", b"To"))


@dataclass(frozen=True, slots=True)
class CallRow:
    """One dialog, safe to show: every text has passed `display`.

    Attributes:
        id: The dialog's.
        version: The dialog's, so that a painted row can be told from a changed one.
        started: Time of the first message in ns since the epoch.
        caller: User of the From header, its host when there is none.
        callee: User of the To header, its host when there is none.
        method: Of the dialog.
        state: Of the dialog.
        messages: How many there were.
        source: `ip:port` of the first message.
        destination: `ip:port` of the first message.
        duration_s: Talk time, growing while the call lasts; None when nobody answered.
        codec: Encoding names, empty when unknown.
        loss_percent: Of its worst stream, None without streams.
        jitter_ms: Mean jitter of its worst stream, None when unknown.
        mos: Of its worst stream, None when unknown.
        group: Shared by all legs of one call.
        status: Final status code, None without one.
        reason: Reason phrase of the final answer, empty without one.
        call_id: Of the dialog.
    """

    id: int
    version: int
    started: int
    caller: str
    callee: str
    method: str
    state: State
    messages: int
    source: str
    destination: str
    duration_s: float | None
    codec: str
    loss_percent: float | None
    jitter_ms: float | None
    mos: float | None
    group: int
    status: int | None
    reason: str
    call_id: str


def call_row(dialog: Dialog, streams: StreamTable, now: int) -> CallRow:
    """Return the row of a dialog at the time `now` (ns)."""
    figures = stream_figures(dialog, streams)
    jitters = [stream.jitter_mean_ms for stream in figures if stream.jitter_mean_ms is not None]
    names = dict.fromkeys(stream.codec for stream in figures if stream.codec)
    return CallRow(
        dialog.id,
        dialog.version,
        dialog.started,
        *party_names(dialog),
        display(dialog.method),
        dialog.state,
        len(dialog.messages) + dialog.dropped,
        str(dialog.flow.source),
        str(dialog.flow.destination),
        dialog.duration_s(now),
        display(" ".join(names or dialog.codecs)),
        max((stream.loss_percent or 0.0 for stream in figures), default=None),
        max(jitters, default=None),
        lowest_mos(figures),
        dialog.group,
        dialog.final_status,
        display(dialog.reason or ""),
        display(dialog.call_id),
    )


def stream_figures(dialog: Dialog, streams: StreamTable) -> list[StreamFigures]:
    """Return the figures of a dialog's streams that have any."""
    listed = streams.listed
    return [streams.figures(stream_id) for stream_id in dialog.streams if listed(stream_id)]


def lowest_mos(figures: Iterable[StreamFigures]) -> float | None:
    """Return the MOS of the worst stream by R, which compares across bands; None without one."""
    rated = [(stream.r_factor, stream.mos) for stream in figures if stream.r_factor is not None]
    return min(rated)[1] if rated else None


def party_name(party: Party) -> str:
    """Return who a party is in a few words: user, display name or host."""
    return display(party.user or party.display or party.host or "")


def party_names(dialog: Dialog) -> tuple[str, str]:
    """Return who calls whom, see `party_name`."""
    raw = dialog.messages[0].raw
    plain = _FROM.search(raw), _TO.search(raw)
    if plain[0] is not None and plain[1] is not None:
        return plain[0][_USER].decode("ascii"), plain[1][_USER].decode("ascii")
    caller, callee = parties(dialog)
    return party_name(caller), party_name(callee)


def parties(dialog: Dialog) -> tuple[Party, Party]:
    """Return From and To of the first message; nothing of them is kept in the dialog."""
    raw = dialog.messages[0].raw
    plain = _FROM.search(raw), _TO.search(raw)
    if plain[0] is not None and plain[1] is not None:
        return _plain(plain[0]), _plain(plain[1])
    message = parse(raw)
    caller, callee = (
        Party(each.display, each.user, each.host, each.tag)
        for each in (
            address(None if message is None else message.get(key)) for key in (b"from", b"to")
        )
    )
    return caller, callee


def _plain(found: "re.Match[bytes]") -> Party:
    quoted, token, user, host, tag = (
        None if part is None else part.decode("ascii") for part in found.groups()
    )
    return Party(quoted or token, user, host, tag)
