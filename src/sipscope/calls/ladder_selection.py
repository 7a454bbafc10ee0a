"""Which rows of a ladder are shown: kinds of them, one transaction, retransmissions folded."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sipscope.calls.dialog import Message
from sipscope.calls.ladder import EventRow, Ladder, MessageRow, Row, StreamRow
from sipscope.decode.text import display

_BRANCH = re.compile(rb"\n(?:Via|v)[ \t]*:[^\r\n,]*;[ \t]*branch[ \t]*=[ \t]*([^\s;,]+)", re.I)
_OF_INVITE = frozenset({"INVITE", "ACK", "CANCEL"})


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows are shown.

    Attributes:
        messages: Whether messages are.
        media: Whether streams, and what happened beside messages, are.
        sdp_only: Whether of the messages only those with SDP are.
        folded: Whether a message that was sent again is one row.
        transaction: A message of the only transaction that is shown.
    """

    messages: bool = True
    media: bool = True
    sdp_only: bool = False
    folded: bool = False
    transaction: MessageRow | None = None


def select(ladder: Ladder, selection: Selection) -> Ladder:
    """Return a ladder with the rows that are shown, and with all columns."""
    rows: Sequence[Row] = ladder.rows
    if selection.transaction is not None:
        rows = transaction(rows, selection.transaction)
    rows = [row for row in rows if _is_shown(row, selection)]
    return Ladder(ladder.columns, tuple(fold(rows) if selection.folded else rows))


def fold(rows: Iterable[Row]) -> list[Row]:
    """Return rows with each retransmission counted in the message that it repeats."""
    folded: list[Row] = []
    places: dict[tuple[object, ...], int] = {}
    for row in rows:
        if isinstance(row, MessageRow):
            message = row.message
            same = row.dialog, message.flow[:2], message.method, message.status, message.cseq
            place = places.get(same)
            if message.retransmission and place is not None:
                first = folded[place]
                assert isinstance(first, MessageRow)
                folded[place] = replace(first, times=first.times + 1)
                continue
            places[same] = len(folded)
        folded.append(row)
    return folded


def transaction(rows: Iterable[Row], of: MessageRow) -> list[Row]:
    """Return the messages of the transaction that a message belongs to (RFC 3261 section 17).

    Those have its branch and CSeq. An ACK to a 2xx has a branch of its own, and so has one
    without the magic cookie: they belong to the transaction between the same hosts.
    """
    branch, ends = branch_of(of.message), _ends(of.message)
    number, method = of.message.cseq, _family(of.message)
    found: list[Row] = []
    for row in rows:
        if not isinstance(row, MessageRow) or row.dialog != of.dialog:
            continue
        message = row.message
        if (message.cseq, _family(message)) != (number, method):
            continue
        same = branch_of(message) == branch
        beside = "ACK" in (message.method, of.message.method) and _ends(message) == ends
        if same or beside:
            found.append(row)
    return found


def branch_of(message: Message) -> bytes:
    """Return the branch of a message's topmost Via, empty without one."""
    found = _BRANCH.search(message.raw)
    return b"" if found is None else found[1]


def transaction_name(of: MessageRow) -> str:
    """Return method and number of a message's transaction, safe to show."""
    number = f" {of.message.cseq}" if of.message.cseq >= 0 else ""
    return f"{display(_family(of.message))}{number}"


def _is_shown(row: Row, selection: Selection) -> bool:
    if isinstance(row, StreamRow | EventRow):
        return selection.media
    return selection.messages and (row.message.sdp or not selection.sdp_only)


def _family(message: Message) -> str:
    return "INVITE" if message.method in _OF_INVITE else message.method


def _ends(message: Message) -> frozenset[object]:
    return frozenset(message.flow[:2])
