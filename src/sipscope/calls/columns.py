"""The columns of the call list: what a cell says, how it sorts, how important it is.

A new column is one entry of `COLUMNS`; besides these, any SIP header is a column:
`header.NAME`.
"""

import re
import time
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sipscope.calls.column_keys import (
    Key,
    codec_key,
    encapsulation,
    endpoint_key,
    header_value,
    lowest_r,
    mos_key,
    reason_key,
    request_uri,
    user_agent,
    worst,
)
from sipscope.calls.dialog import Dialog, State
from sipscope.calls.dialog_table import Kind, Value
from sipscope.calls.rows import CallRow, party_names
from sipscope.decode.text import display

if TYPE_CHECKING:
    from sipscope.calls.filter.subject import Subject

HEADER_PREFIX = "header."
_HEADER_NAME = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,64}")


class Severity(StrEnum):
    """How a call has gone."""

    GOOD = "good"
    PROGRESS = "progress"
    DOUBTFUL = "doubtful"
    FAILED = "failed"
    OLD = "old"


class Column(NamedTuple):
    """One column.

    Attributes:
        id: Stable name.
        title: Over the column, with the unit.
        words: What it is.
        text: What a cell says, empty when unknown.
        key: How it sorts.
        width: Cells that it needs.
        most: Cells that it can use when there is room.
        importance: Of those that are there unless the person chooses: the columns with the
            smallest are shown first, as long as there is room.
        right: Whether it is aligned on the right, as numbers are.
        kind: Of its keys.
        fixed: Whether the first message alone decides it.
    """

    id: str
    title: str
    words: str
    text: "Callable[[Subject], str]"
    key: Key
    width: int
    most: int
    importance: int | None = None
    right: bool = False
    kind: Kind = Kind.TEXT
    fixed: bool = False


_CODED = frozenset({State.BUSY, State.DECLINED, State.NO_ANSWER, State.DIVERTED, State.REJECTED})
_DOUBTFUL = frozenset({State.BUSY, State.DECLINED, State.NO_ANSWER})
_OLD = frozenset({State.CANCELLED, State.DIVERTED, State.UNREGISTERED})

_STATE_RANK = {state: 1000 * rank for rank, state in enumerate(sorted(State))}
_LOSS_PERCENT = (1.0, 5.0)
_JITTER_MS = (30.0, 100.0)
_MOS = (3.6, 3.1)


def severity(row: CallRow) -> Severity:
    """Return how a call has gone: by its state, and by how it sounded."""
    heard = {loss_severity(row.loss_percent), mos_severity(row.mos)}
    if row.state.failed or Severity.FAILED in heard:
        return Severity.FAILED
    # A jitter buffer may have made up for jitter, however high.
    shaky = jitter_severity(row.jitter_ms) is not Severity.GOOD
    if row.state in _DOUBTFUL or Severity.DOUBTFUL in heard or shaky:
        return Severity.DOUBTFUL
    return state_severity(row.state)


def state_severity(state: State) -> Severity:
    """Return what a state alone says of a call."""
    if state.failed:
        return Severity.FAILED
    if state in _DOUBTFUL:
        return Severity.DOUBTFUL
    if state.active:
        return Severity.PROGRESS
    return Severity.OLD if state in _OLD else Severity.GOOD


def loss_severity(percent: float | None) -> Severity:
    """Return whether a loss is heard: doubtful from 1 %, bad from 5 %."""
    return _over(percent, _LOSS_PERCENT)


def jitter_severity(milliseconds: float | None) -> Severity:
    """Return whether a mean jitter is heard: doubtful from 30 ms, bad from 100 ms."""
    return _over(milliseconds, _JITTER_MS)


def mos_severity(mos: float | None) -> Severity:
    """Return whether a MOS is low: doubtful under 3.6, bad under 3.1."""
    if mos is None or mos >= _MOS[0]:
        return Severity.GOOD
    return Severity.DOUBTFUL if mos >= _MOS[1] else Severity.FAILED


def clock_text(nanoseconds: int) -> str:
    """Return the time of day, local, `14:03:22`."""
    return time.strftime("%H:%M:%S", time.localtime(nanoseconds // 1_000_000_000))


def date_text(nanoseconds: int) -> str:
    """Return the day, local, `2026-01-05`."""
    return time.strftime("%Y-%m-%d", time.localtime(nanoseconds // 1_000_000_000))


def duration_text(seconds: float | None) -> str:
    """Return a duration as `0:42` or `1:03:10`, empty when unknown."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def state_text(row: CallRow) -> str:
    """Return the state in words, with the status code where it tells more."""
    return state_words(row.state, row.status)


def state_words(state: State, status: int | None) -> str:
    """Return a state in words, with the status code where it tells more."""
    words = state.replace("-", " ")
    return f"{status} {words}" if status and state in _CODED else words


def reason_text(row: CallRow) -> str:
    """Return why a dialog went no further, empty when it did."""
    if row.status is None:
        return "no response" if row.state is State.FAILED else ""
    return row.reason if row.status >= 300 else ""


def decimal_text(value: float | None) -> str:
    """Return a figure with one decimal, empty when unknown."""
    return "" if value is None else f"{value:.1f}"


def _over(value: float | None, bounds: tuple[float, float]) -> Severity:
    if value is None or value < bounds[0]:
        return Severity.GOOD
    return Severity.DOUBTFUL if value < bounds[1] else Severity.FAILED


def _of_row(get: Callable[[CallRow], str]) -> "Callable[[Subject], str]":
    return lambda subject: "" if subject.row is None else get(subject.row)


def _of_dialog(get: Callable[[Dialog], object]) -> "Callable[[Subject], str]":
    def text(subject: "Subject") -> str:
        found = None if subject.dialog is None else get(subject.dialog)
        return "" if found is None else display(str(found))

    return text


def _number(
    name: str,
    title: str,
    words: str,
    text: "Callable[[Subject], str]",
    key: Key,
    width: int,
    importance: int | None = None,
) -> Column:
    """Return a column of figures, aligned on the right."""
    kind = Kind.NUMBER
    return Column(name, title, words, text, key, width, width, importance, right=True, kind=kind)


def _figure(
    name: str, title: str, words: str, get: Callable[[Dialog], float | None], width: int
) -> Column:
    """Return a column of a figure that the dialog itself has."""
    return _number(name, title, words, _of_dialog(get), lambda d, s, t: get(d), width)


def _span(
    name: str, title: str, words: str, get: Callable[[Dialog], float | None], width: int
) -> Column:
    """Return a column of ms, shown in s."""

    def text(subject: "Subject") -> str:
        found = None if subject.dialog is None else get(subject.dialog)
        return decimal_text(None if found is None else found / 1000)

    return _number(name, title, words, text, lambda d, s, t: get(d), width)


def _text(
    name: str,
    title: str,
    words: str,
    text: "Callable[[Subject], str]",
    get: Callable[[Dialog], Value],
    width: int,
    most: int,
    importance: int | None = None,
) -> Column:
    """Return a column of text that the first message decides."""
    return Column(
        name, title, words, text, lambda d, s, t: get(d), width, most, importance, fixed=True
    )


def _start(
    name: str,
    title: str,
    words: str,
    text: Callable[[int], str],
    width: int,
    importance: int | None = None,
) -> Column:
    """Return a column of when a dialog began; ids tell the order."""
    shown = _of_row(lambda row: text(row.started))
    kind = Kind.NUMBER
    return Column(
        name, title, words, shown, lambda d, s, t: d.id, width, width, importance, kind=kind
    )


COLUMNS: tuple[Column, ...] = (
    _figure("index", "#", "number since the start", lambda d: d.id, 7),
    _start("date", "Date", "day of the first message", date_text, 10),
    _start("time", "Time", "of the first message", clock_text, 8, 3),
    _text(
        "from",
        "From",
        "who calls",
        _of_row(lambda r: r.caller),
        lambda d: party_names(d)[0],
        10,
        22,
        0,
    ),
    _text(
        "to",
        "To",
        "who is called",
        _of_row(lambda r: r.callee),
        lambda d: party_names(d)[1],
        10,
        22,
        1,
    ),
    _text(
        "method",
        "Method",
        "of the first request",
        _of_row(lambda r: r.method),
        lambda d: d.method,
        9,
        9,
        6,
    ),
    Column(
        "state",
        "State",
        "what has become of it",
        _of_row(state_text),
        lambda d, s, t: _STATE_RANK[d.state] + (d.final_status or 0),
        13,
        13,
        2,
        kind=Kind.NUMBER,
    ),
    _number(
        "messages",
        "Msgs",
        "how many messages",
        _of_row(lambda r: str(r.messages)),
        lambda d, s, t: len(d.messages) + d.dropped,
        4,
        10,
    ),
    _text(
        "source",
        "Source",
        "who sent the first message",
        _of_row(lambda r: r.source),
        lambda d: endpoint_key(d.flow.source),
        18,
        30,
        11,
    ),
    _text(
        "destination",
        "Destination",
        "where the first message went",
        _of_row(lambda r: r.destination),
        lambda d: endpoint_key(d.flow.destination),
        18,
        30,
        12,
    ),
    _number(
        "duration",
        "Dur",
        "talk time, so far",
        _of_row(lambda r: duration_text(r.duration_s)),
        lambda d, s, t: d.duration_s(t),
        7,
        4,
    ),
    Column(
        "codec", "Codec", "in use, or negotiated", _of_row(lambda r: r.codec), codec_key, 9, 9, 8
    ),
    _number(
        "loss",
        "Loss %",
        "of the worst stream",
        _of_row(lambda r: decimal_text(r.loss_percent)),
        worst(lambda f: f.loss_percent, max),
        6,
        7,
    ),
    _number(
        "jitter",
        "Jit ms",
        "mean jitter of the worst stream",
        _of_row(lambda r: decimal_text(r.jitter_ms)),
        worst(lambda f: f.jitter_mean_ms, max),
        6,
        9,
    ),
    _number(
        "mos", "MOS", "of the worst stream", _of_row(lambda r: decimal_text(r.mos)), mos_key, 4, 5
    ),
    Column(
        "reason", "Reason", "why it went no further", _of_row(reason_text), reason_key, 19, 30, 13
    ),
    _figure("status", "Code", "status code of the final answer", lambda d: d.final_status, 4),
    _number(
        "total",
        "Total",
        "first to last message",
        _of_dialog(lambda d: duration_text(d.total_s)),
        lambda d, s, t: d.total_s,
        7,
    ),
    _span("pdd", "PDD s", "post-dial delay", lambda d: d.pdd_ms, 6),
    _span("ring", "Ring s", "how long it rang", lambda d: d.ring_ms, 6),
    _span("setup", "Setup s", "from the INVITE to the answer", lambda d: d.setup_ms, 7),
    _text(
        "call-id",
        "Call-ID",
        "the Call-ID",
        _of_row(lambda r: r.call_id),
        lambda d: d.call_id,
        20,
        40,
    ),
    _text(
        "transport",
        "Transp",
        "of the first message",
        _of_dialog(lambda d: d.flow.transport.upper()),
        lambda d: d.flow.transport,
        6,
        6,
    ),
    _text(
        "uri",
        "Request-URI",
        "of the first request",
        _of_dialog(request_uri),
        request_uri,
        20,
        40,
    ),
    Column(
        "user-agent",
        "User-Agent",
        "of the first request or answer",
        _of_dialog(user_agent),
        lambda d, s, t: user_agent(d),
        16,
        30,
    ),
    _figure("retransmissions", "Retr", "messages sent again", lambda d: d.retransmissions, 4),
    _figure("malformed", "Malf", "messages that break RFC 3261", lambda d: d.malformed, 4),
    _text(
        "encapsulation",
        "Encaps",
        "tunnels and mirrors, outermost first",
        _of_dialog(encapsulation),
        encapsulation,
        8,
        12,
    ),
    _figure("group", "Group", "number that all legs of a call share", lambda d: d.group, 7),
    _figure("streams", "RTP", "how many RTP streams", lambda d: len(d.streams), 4),
    _number(
        "r",
        "R",
        "R-factor of the worst stream",
        lambda s: decimal_text(lowest_r(s.figures)),
        worst(lambda f: f.r_factor, min),
        5,
    ),
)
"""In the order of the screen."""

COLUMN: dict[str, Column] = {column.id: column for column in COLUMNS}
"""By id."""

USUAL: tuple[Column, ...] = tuple(c for c in COLUMNS if c.importance is not None)
"""Those that are there unless the person chooses."""


def find_column(column_id: str) -> Column | None:
    """Return a column of the table, or that of a header: `header.NAME`; None for others."""
    known = COLUMN.get(column_id)
    if known is None and column_id.lower().startswith(HEADER_PREFIX):
        return header_column(column_id[len(HEADER_PREFIX) :])
    return known


@lru_cache(maxsize=64)
def header_column(name: str) -> Column | None:
    """Return the column of a SIP header; None for what cannot be the name of one."""
    if _HEADER_NAME.fullmatch(name) is None:
        return None
    title = "-".join(word[:1].upper() + word[1:] for word in name.split("-"))
    return Column(
        HEADER_PREFIX + name.lower(),
        title,
        f"the header {title}, of the first message that has it",
        lambda s: "" if s.dialog is None else header_value(s.dialog, name),
        lambda d, s, t: header_value(d, name),
        max(12, len(title) + 1),
        30,
    )


def search_text(row: CallRow) -> str:
    """Return all that can be read in the usual columns, lower case; status and reason too."""
    return " ".join(
        (
            *(clock_text(row.started), row.caller, row.callee, row.method, state_text(row)),
            *(str(row.messages), row.source, row.destination, duration_text(row.duration_s)),
            *(row.codec, decimal_text(row.loss_percent), decimal_text(row.jitter_ms)),
            *(decimal_text(row.mos), reason_text(row), row.state, str(row.status or "")),
            row.reason,
        )
    ).lower()
