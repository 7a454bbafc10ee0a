"""How a dialog's state follows from its transactions (RFC 3261 sections 8, 13, 14, 15 and 17)."""

import re
from itertools import islice

from sipscope.calls.dialog import Dialog, Message, State
from sipscope.decode.address import Endpoint
from sipscope.decode.sip import address, parse

TRANSACTION_TIMEOUT_NS = 32_000_000_000
"""64 times T1: how long a request is repeated before it has failed (RFC 3261 section 17.1.1.2)."""

PROCEEDING_TIMEOUT_NS = 180_000_000_000
"""Timer C: how long a proxy waits for more after a provisional answer (section 16.6)."""

# Bound once: until Python 3.12 an enumeration looks up its members with a function call.
BUSY = State.BUSY
CANCELLED = State.CANCELLED
COMPLETED = State.COMPLETED
DECLINED = State.DECLINED
DIVERTED = State.DIVERTED
FAILED = State.FAILED
IN_CALL = State.IN_CALL
NO_ANSWER = State.NO_ANSWER
PENDING = State.PENDING
REGISTERED = State.REGISTERED
REJECTED = State.REJECTED
RINGING = State.RINGING
SETUP = State.SETUP
UNAUTHORIZED = State.UNAUTHORIZED
UNREGISTERED = State.UNREGISTERED

TRIES_THAT_SHOW_SILENCE = 4
WAITING = frozenset({SETUP, RINGING, PENDING})
"""States that end by themselves when nothing comes."""

_MOST_TRIES = 32  # to look back at: 7 or 11 of each transaction that a proxy has, by RFC 3261
_EXPIRES = re.compile(rb";[ \t]*expires[ \t]*=[ \t]*([0-9]{1,10})", re.I)
_QUOTED = re.compile(rb'"[^"]*"')
_ZERO = re.compile(rb"0+")
_BUSY_CODES = frozenset({486, 600})
_NO_ANSWER_CODES = frozenset({408, 480})
_CHALLENGES = frozenset({401, 407})
_REFUSABLE = frozenset({SETUP, RINGING, CANCELLED, FAILED})
_UNANSWERED = frozenset({SETUP, RINGING, FAILED})


def opening_state(method: str, *, in_dialog: bool) -> State:
    """Return the state of a dialog before its first message is taken into account."""
    if method == "INVITE":
        return IN_CALL if in_dialog else SETUP
    return COMPLETED if method == "ACK" else PENDING


def advance(dialog: Dialog, message: Message) -> None:
    """Take a message that was added to the dialog into its state and times."""
    if message.retransmission:
        if is_silent(dialog):
            dialog.state = FAILED
        return
    method, status = message.method, message.status
    if method == "ACK":
        return
    if dialog.method == "INVITE":
        if method == "INVITE":
            if status >= 300:
                _refuse(dialog, message)
            elif status >= 200:
                _answer(dialog, message)
            elif status:
                _proceed(dialog, message)
            else:
                _invite(dialog, message)
        elif not status:
            if method == "BYE":
                _bye(dialog, message)
            elif method == "CANCEL":
                _cancel(dialog, message)
    elif method == "INVITE":
        _find_call(dialog, message)
    elif method == dialog.method:
        if status >= 200:
            dialog.state = _answered_state(dialog, message)
            dialog.final = message
            dialog.ended = message.time
        elif not status:
            dialog.state = PENDING


def deadline(dialog: Dialog) -> int:
    """Return until when (ns) a dialog in one of the states `WAITING` may be silent."""
    proceeding = dialog.method == "INVITE" and (
        dialog.state is RINGING or dialog.messages[-1].status > 0
    )
    return dialog.last + (PROCEEDING_TIMEOUT_NS if proceeding else TRANSACTION_TIMEOUT_NS)


def is_silent(dialog: Dialog) -> bool:
    """Whether the last request was repeated so often that nobody will answer it.

    The same request on another flow is another branch, not another try.
    """
    if dialog.state not in WAITING:
        return False
    last = dialog.messages[-1]
    tries = 0
    for message in islice(reversed(dialog.messages), _MOST_TRIES):
        if message.status or message.method != dialog.method:
            break
        tries += message.flow == last.flow
    return tries >= TRIES_THAT_SHOW_SILENCE


def _answered_state(dialog: Dialog, message: Message) -> State:
    if message.method != "REGISTER":
        return COMPLETED if message.status < 300 else REJECTED
    if message.status in _CHALLENGES or _refuses_credentials(dialog, message):
        return UNAUTHORIZED
    if message.status >= 300:
        return REJECTED
    return UNREGISTERED if _removes_bindings(dialog, message) else REGISTERED


def _refuses_credentials(dialog: Dialog, message: Message) -> bool:
    """Whether this is a 403 to a request that followed a challenge (RFC 3261 section 22.1)."""
    earlier = dialog.final
    return message.status == 403 and earlier is not None and earlier.status in _CHALLENGES


def _removes_bindings(dialog: Dialog, answer: Message) -> bool:
    """Whether the REGISTER that is answered took its contacts away (RFC 3261 section 10.2.2)."""
    for message in reversed(dialog.messages):
        if message.cseq == answer.cseq and not message.status:
            request = parse(message.raw)
            if request is None:
                return False
            contacts = _QUOTED.sub(b"", b",".join(request.get_all(b"contact")))
            seconds = _EXPIRES.findall(contacts)
            if len(seconds) < max(1, contacts.count(b"<")):
                seconds.append(request.get(b"expires") or b"")
            return all(map(_ZERO.fullmatch, seconds))
    return False


def _find_call(dialog: Dialog, message: Message) -> None:
    """Take a dialog whose capture began within a call, with ACK or UPDATE, for that call."""
    parsed = parse(message.raw)
    dialog.in_dialog = (
        parsed is not None and not message.status and address(parsed.get(b"to")).tag is not None
    )
    dialog.method = "INVITE"
    dialog.state = opening_state("INVITE", in_dialog=dialog.in_dialog)
    dialog.final = dialog.ended = None
    advance(dialog, message)


def _invite(dialog: Dialog, message: Message) -> None:
    if dialog.invited is None:
        dialog.invited = message.time
    state = dialog.state
    if state is SETUP or state is RINGING or dialog.answered is not None or dialog.in_dialog:
        return
    if _tries_again(dialog, message):
        dialog.state = SETUP
        dialog.ended = dialog.cancelled = None
        if dialog.rang is None:
            dialog.proceeded = None


def _tries_again(dialog: Dialog, message: Message) -> bool:
    """Whether this is a new attempt, with credentials or other headers (section 8.1.3.5)."""
    if dialog.final is None:
        return dialog.state is FAILED
    return dialog.state in (UNAUTHORIZED, DIVERTED) or message.cseq > dialog.final.cseq


def _proceed(dialog: Dialog, message: Message) -> None:
    state = dialog.state
    if state not in _UNANSWERED:
        return
    if message.status == 100:
        if state is FAILED:
            dialog.state = SETUP
        return
    dialog.state = RINGING
    if dialog.rang is None and _to_caller(dialog, message):
        if dialog.proceeded is None:
            dialog.proceeded = message.time
        if message.status in (180, 183):
            dialog.rang = message.time


def _answer(dialog: Dialog, message: Message) -> None:
    if dialog.state is COMPLETED:
        return
    if dialog.proceeded is None:
        dialog.proceeded = message.time
    if dialog.answered is None and not dialog.in_dialog:
        dialog.answered = message.time
    dialog.final = message
    dialog.ended = None
    dialog.state = IN_CALL


def _refuse(dialog: Dialog, message: Message) -> None:
    """Take a final answer from 300 on; that to a re-INVITE leaves the call as it is."""
    if dialog.state not in _REFUSABLE or not _to_caller(dialog, message):
        return
    state = _refused_state(dialog, message)
    if dialog.proceeded is None and message.status not in _CHALLENGES:
        dialog.proceeded = message.time
    dialog.state = state
    dialog.final = message
    dialog.ended = message.time


def _refused_state(dialog: Dialog, message: Message) -> State:
    status = message.status
    if dialog.cancelled is not None:
        return CANCELLED
    if status in _CHALLENGES or _refuses_credentials(dialog, message):
        return UNAUTHORIZED
    if status < 400:
        return DIVERTED
    if status in _BUSY_CODES:
        return BUSY
    if status == 603:
        return DECLINED
    if status == 487:
        return CANCELLED if dialog.rang is None else NO_ANSWER
    if status in _NO_ANSWER_CODES:
        silent = status == 408 and dialog.rang is None
        return FAILED if silent else NO_ANSWER
    return REJECTED


def _cancel(dialog: Dialog, message: Message) -> None:
    if dialog.state in (SETUP, RINGING) and _from_caller(dialog, message):
        dialog.state = CANCELLED
        dialog.cancelled = dialog.ended = message.time


def _bye(dialog: Dialog, message: Message) -> None:
    if dialog.state is IN_CALL:
        dialog.state = COMPLETED
        dialog.ended = message.time
    elif dialog.state in (SETUP, RINGING):
        dialog.state = CANCELLED
        dialog.cancelled = dialog.ended = message.time


def _to_caller(dialog: Dialog, message: Message) -> bool:
    """Whether an answer goes to who sent the first INVITE, not to a proxy on the way."""
    return _is_caller(dialog, message.flow.destination)


def _from_caller(dialog: Dialog, message: Message) -> bool:
    """Whether a request comes from who sent the first INVITE, not from a proxy on the way."""
    return _is_caller(dialog, message.flow.source)


def _is_caller(dialog: Dialog, endpoint: Endpoint) -> bool:
    """Whether that is the caller's address; its port too where caller and callee share a host."""
    caller, callee = dialog.flow.source, dialog.flow.destination
    if dialog.messages[0].status:
        caller, callee = callee, caller
    return endpoint == caller or endpoint.address == caller.address != callee.address
