"""Which dialogs are legs of one call: a B2BUA gives each leg a Call-ID of its own.

Nothing is configured. What the devices say is certain: headers that name the other Call-ID,
or that carry one value through all legs. Without them, Call-IDs made of one another, one SDP
session, and the same numbers at the same time on one path make legs likely or possible.
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from sipscope.calls.dialog import Dialog, session_description
from sipscope.decode.address import Endpoint
from sipscope.decode.sip import SipMessage, address, parse

SAME_NUMBERS_NS = 5_000_000_000
SAME_CALLER_NS = 1_500_000_000
SAME_SESSION_NS = 30_000_000_000
"""How much later the other leg may start."""

MAX_LEGS = 32
MAX_ALIKE = 64
"""So many dialogs with one sign are looked at: a sign that hundreds share is none."""

_LEAST_NUMBER = 3
_LEAST_CORE = 8
_SIGNIFICANT = 9

_NAMING = {
    b"x-call-id": "X-Call-ID",
    b"x-callid": "X-CallID",
    b"x-cid": "X-CID",
    b"x-original-call-id": "X-Original-Call-ID",
    b"x-orig-call-id": "X-Orig-Call-ID",
    b"replaces": "Replaces",
    b"join": "Join",
    b"target-dialog": "Target-Dialog",
}
"""Headers whose value, up to a semicolon, is the Call-ID of another leg."""

_SHARED = {
    b"session-id": ("Session-ID", re.compile(rb"([0-9a-f]{32})", re.I)),
    b"p-charging-vector": ("P-Charging-Vector", re.compile(rb'icid-value="?([^";\s]+)', re.I)),
    b"cisco-guid": ("Cisco-Guid", re.compile(rb"([0-9-]{8,})")),
    b"x-broadworks-correlation-info": ("X-BroadWorks-Correlation-Info", re.compile(rb"(\S{4,})")),
    b"x-genesys-calluuid": ("X-Genesys-CallUUID", re.compile(rb"(\S{8,})")),
}
"""Headers that all legs of a call carry, and the part that is the same in them."""

_NO_SESSION = b"0" * 32
_DECORATION = re.compile(rb"(?:[_.-](?:b2b|leg)?[_-]?[0-9a-z]{1,2}|[_-]b2b\S*|;.*)\Z", re.I)
_ORIGIN = re.compile(rb"(?:\A|\n)o=(\S+ [0-9]+) \S+ (IN IP[46] \S+)")
_NOT_DIGITS = re.compile(r"[^0-9]+")


class Confidence(StrEnum):
    """How sure it is that two dialogs are legs of one call."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


class Link(NamedTuple):
    """Two legs of a call.

    Attributes:
        leg: Id of the dialog that was found.
        other: Id of the dialog that it belongs to.
        reason: Why, in words.
        confidence: How sure that is.
    """

    leg: int
    other: int
    reason: str
    confidence: Confidence


class _Signs(NamedTuple):
    """What a dialog can be known by.

    Attributes:
        dialog: Itself.
        named: Call-IDs that it names, with the header.
        shared: Header and value that all legs share.
        core: The Call-ID without what a B2BUA puts to it, empty when nothing much is left.
        sessions: Origin of its first SDP, and where that wants media.
        caller: Number of the caller, empty when that is no number.
        called: Numbers that were called.
    """

    dialog: Dialog
    named: tuple[tuple[bytes, str], ...]
    shared: tuple[tuple[str, bytes], ...]
    core: bytes
    sessions: tuple[bytes | Endpoint, ...]
    caller: str
    called: frozenset[str]


class LegIndex:
    """Finds the legs of calls among some dialogs.

    Args:
        dialogs: Where to look, such as all those of some seconds.
    """

    def __init__(self, dialogs: Iterable[Dialog] = ()) -> None:
        self._signs: dict[int, _Signs] = {}
        self._by: dict[Hashable, list[int]] = defaultdict(list)
        for dialog in dialogs:
            self.add(dialog)

    def add(self, dialog: Dialog) -> None:
        """Take another dialog."""
        message = parse(dialog.messages[0].raw)
        if message is None or dialog.id in self._signs:
            return
        signs = _signs(dialog, message)
        self._signs[dialog.id] = signs
        for key in _keys(signs):
            self._by[key].append(dialog.id)

    def links(self, dialog_id: int) -> list[Link]:
        """Return the legs that belong to a dialog directly, the surest reason for each."""
        signs = self._signs.get(dialog_id)
        if signs is None:
            return []
        found: dict[int, Link] = {}
        for leg, reason, confidence in self._candidates(signs):
            if leg != dialog_id:
                found.setdefault(leg, Link(leg, dialog_id, reason, confidence))
        return list(found.values())

    def legs(self, dialog_id: int, least: Confidence = Confidence.POSSIBLE) -> list[Link]:
        """Return all legs of the call of a dialog: those that belong to it, and to them.

        Args:
            dialog_id: One leg.
            least: How sure it has to be.
        """
        order = list(Confidence)
        seen = {dialog_id}
        reached: list[Link] = []
        waiting = [dialog_id]
        while waiting and len(reached) < MAX_LEGS:
            for link in self.links(waiting.pop(0)):
                if link.leg not in seen and order.index(link.confidence) <= order.index(least):
                    seen.add(link.leg)
                    waiting.append(link.leg)
                    reached.append(link)
        return reached[:MAX_LEGS]

    def _candidates(self, signs: _Signs) -> Iterator[tuple[int, str, Confidence]]:
        """Return who may be a leg of the same call and why, the surest first."""
        for call_id, header in signs.named:
            for leg in self._alike("call-id", call_id):
                yield leg, f"{header} names it", Confidence.CERTAIN
        for leg in self._alike("named", signs.dialog.call_id):
            header = next(h for c, h in self._signs[leg].named if c == signs.dialog.call_id)
            yield leg, f"{header} of that leg names this one", Confidence.CERTAIN
        for header, value in signs.shared:
            for leg in self._alike(header, value):
                yield leg, f"same {header}", Confidence.CERTAIN
        yield from self._cores(signs)
        yield from self._sessions(signs)
        yield from self._numbers(signs)

    def _cores(self, signs: _Signs) -> Iterator[tuple[int, str, Confidence]]:
        """Return dialogs with a Call-ID like this one's: a mere counter, off the path, is none."""
        for leg in self._alike("core", signs.core) if signs.core else ():
            near = self._apart(signs, leg) <= SAME_NUMBERS_NS
            if near and _on_one_path(signs.dialog, self._signs[leg].dialog):
                yield leg, "Call-ID made of the other", Confidence.LIKELY

    def _sessions(self, signs: _Signs) -> Iterator[tuple[int, str, Confidence]]:
        for session in signs.sessions:
            for leg in self._alike("session", session):
                near = self._apart(signs, leg) <= SAME_SESSION_NS
                if near and _of_one_call(signs.dialog, self._signs[leg].dialog):
                    yield leg, "same SDP session", Confidence.LIKELY

    def _numbers(self, signs: _Signs) -> Iterator[tuple[int, str, Confidence]]:
        """Return dialogs of the same caller that begin at or come from where this one ends."""
        if not signs.caller:
            return
        for leg in self._alike("caller", signs.caller):
            other = self._signs[leg]
            apart = self._apart(signs, leg)
            if apart > SAME_NUMBERS_NS or not _on_one_path(signs.dialog, other.dialog):
                continue
            if signs.called & other.called:
                yield leg, f"same numbers, {apart / 1e9:.1f} s apart", Confidence.LIKELY
            elif apart <= SAME_CALLER_NS:
                yield leg, f"same caller, {apart / 1e9:.1f} s apart", Confidence.POSSIBLE

    def _alike(self, *key: Hashable) -> list[int]:
        found = self._by.get(key, [])
        return found if len(found) <= MAX_ALIKE else []

    def _apart(self, signs: _Signs, leg: int) -> int:
        return abs(self._signs[leg].dialog.started - signs.dialog.started)


def _keys(signs: _Signs) -> Iterator[tuple[Hashable, ...]]:
    yield "call-id", signs.dialog.call_id
    for call_id, _ in signs.named:
        yield "named", call_id
    yield from signs.shared
    if signs.core:
        yield "core", signs.core
    for session in signs.sessions:
        yield "session", session
    if signs.caller:
        yield "caller", signs.caller


def _signs(dialog: Dialog, message: SipMessage) -> _Signs:
    named: list[tuple[bytes, str]] = []
    shared: dict[tuple[str, bytes], None] = {}
    for header in message.headers:
        if header.key in _NAMING:
            call_id = header.value.partition(b";")[0].strip()
            if call_id != dialog.call_id:
                named.append((call_id, _NAMING[header.key]))
        elif header.key in _SHARED:
            name, pattern = _SHARED[header.key]
            values = (value.lower() for value in pattern.findall(header.value))
            shared.update({(name, value): None for value in values if value != _NO_SESSION})
    invites = dialog.method == "INVITE"
    return _Signs(
        dialog,
        tuple(named),
        tuple(shared),
        _core(dialog.call_id) if invites else b"",
        _sessions_of(dialog) if invites else (),
        _digits(dialog.caller.user) if invites else "",
        _called(dialog, message),
    )


def _core(call_id: bytes) -> bytes:
    """Return the part of a Call-ID that B2BUAs leave as it is, empty when that is short."""
    core = _DECORATION.sub(b"", call_id.partition(b"@")[0])
    return core if len(core) >= _LEAST_CORE else b""


def _sessions_of(dialog: Dialog) -> tuple[bytes | Endpoint, ...]:
    described = next((m for m in dialog.messages if m.sdp), None)
    if described is None:
        return ()
    found: list[bytes | Endpoint] = [
        media.endpoint
        for media in session_description(described.raw)
        if media.endpoint is not None and media.endpoint.port
    ]
    origin = _ORIGIN.search(described.raw)
    if origin is not None:
        found.append(b" ".join(origin.groups()))
    return tuple(found)


def _called(dialog: Dialog, message: SipMessage) -> frozenset[str]:
    users = [dialog.callee.user]
    if message.request_uri is not None:
        users.append(address(message.request_uri).user)
    return frozenset(number for user in users if (number := _digits(user)))


def _digits(user: str | None) -> str:
    """Return the end of a number, which prefixes for trunks and countries leave as it is."""
    digits = _NOT_DIGITS.sub("", user or "")
    return digits[-_SIGNIFICANT:] if len(digits) >= _LEAST_NUMBER else ""


def _of_one_call(one: Dialog, other: Dialog) -> bool:
    """Tell whether two dialogs can be legs: another host goes on before the first has ended."""
    first, second = sorted((one, other), key=lambda dialog: (dialog.started, dialog.id))
    return second.flow.source != first.flow.source and (
        first.ended is None or second.started <= first.ended
    )


def _on_one_path(one: Dialog, other: Dialog) -> bool:
    """Tell whether the later of two dialogs starts where the earlier one went to."""
    first, second = sorted((one, other), key=lambda dialog: (dialog.started, dialog.id))
    return (
        _of_one_call(one, other)
        and second.flow.source.address == first.flow.destination.address
        and second.flow.destination != first.flow.source
    )
