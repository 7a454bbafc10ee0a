"""How a dialog's state follows from its transactions (RFC 3261 sections 8, 13, 14, 15 and 17)."""

import re
from collections.abc import Callable

from sipscope.calls.dialog import Dialog, Message, State
from sipscope.decode.sip import parse

TRANSACTION_TIMEOUT_NS = 32_000_000_000
"""64 times T1: how long a request is repeated before it has failed (RFC 3261 section 17.1.1.2)."""

TRIES_THAT_SHOW_SILENCE = 4

_EXPIRES = re.compile(rb";[ \t]*expires[ \t]*=[ \t]*([0-9]{1,10})", re.I)
_BUSY = frozenset({486, 600})
_NO_ANSWER = frozenset({408, 480})
_CHALLENGES = frozenset({401, 407})
_REFUSABLE = frozenset({State.SETUP, State.RINGING, State.CANCELLED, State.FAILED})


def opening_state(method: str, *, in_dialog: bool) -> State:
    """Return the state of a dialog before its first message is taken into account."""
    if method == "INVITE":
        return State.IN_CALL if in_dialog else State.SETUP
    return State.COMPLETED if method == "ACK" else State.PENDING


def advance(dialog: Dialog, message: Message) -> None:
    """Take the next message, not a retransmission, into the dialog's state and times."""
    if dialog.method == "INVITE":
        handler = _CALL.get(message.method)
        if handler is not None:
            handler(dialog, message)
    elif message.method == dialog.method:
        if message.status >= 200:
            dialog.final = message
            dialog.ended = message.time
            dialog.state = _answered_state(dialog, message)
        elif not message.status and not dialog.state.active and dialog.method != "ACK":
            dialog.state = State.PENDING


def give_up(dialog: Dialog, now: int) -> bool:
    """Turn a dialog whose request was never answered into a failed one; tell whether it was.

    A request has failed when the transaction timed out, or when it was repeated so often
    without any answer that silence is beyond doubt.
    """
    if dialog.state not in (State.SETUP, State.PENDING):
        return False
    tries = 0
    for message in reversed(dialog.messages):
        if message.method == dialog.method:
            if message.status:
                break
            tries += 1
    silent = tries == len(dialog.messages) >= TRIES_THAT_SHOW_SILENCE
    if tries and (silent or now - dialog.last >= TRANSACTION_TIMEOUT_NS):
        dialog.state = State.FAILED
        return True
    return False


def _answered_state(dialog: Dialog, message: Message) -> State:
    if message.method != "REGISTER":
        return State.COMPLETED if message.status < 300 else State.REJECTED
    if message.status in _CHALLENGES:
        return State.UNAUTHORIZED
    if message.status >= 300:
        return State.REJECTED
    return State.UNREGISTERED if _removes_bindings(dialog, message) else State.REGISTERED


def _removes_bindings(dialog: Dialog, answer: Message) -> bool:
    """Whether the REGISTER that is answered took its contacts away (RFC 3261 section 10.2.2)."""
    for message in reversed(dialog.messages):
        if message.cseq == answer.cseq and not message.status:
            request = parse(message.raw)
            if request is None:
                return False
            contact = request.get(b"contact") or b""
            expires = _EXPIRES.search(contact)
            seconds = expires[1] if expires else request.get(b"expires")
            return seconds is not None and seconds.strip(b"0") == b""
    return False


def _invite(dialog: Dialog, message: Message) -> None:
    status = message.status
    if not status:
        if dialog.invited is None:
            dialog.invited = message.time
        if dialog.answered is None and dialog.state in (State.UNAUTHORIZED, State.DIVERTED):
            dialog.state = State.SETUP
    elif status < 200:
        _proceed(dialog, message)
    elif status < 300:
        if dialog.state is State.COMPLETED:
            return
        if dialog.proceeded is None:
            dialog.proceeded = message.time
        if dialog.answered is None and not dialog.in_dialog:
            dialog.answered = message.time
        dialog.final = message
        dialog.ended = None
        dialog.state = State.IN_CALL
    elif dialog.state in _REFUSABLE and _to_caller(dialog, message):
        _refuse(dialog, message)


def _proceed(dialog: Dialog, message: Message) -> None:
    if message.status == 100 or dialog.state not in (State.SETUP, State.RINGING, State.FAILED):
        return
    if dialog.proceeded is None:
        dialog.proceeded = message.time
    if message.status in (180, 183) and dialog.rang is None:
        dialog.rang = message.time
    dialog.state = State.RINGING


def _refuse(dialog: Dialog, message: Message) -> None:
    """Take a final answer from 300 on to the caller's INVITE."""
    status = message.status
    dialog.final = message
    dialog.ended = message.time
    if dialog.proceeded is None and status not in _CHALLENGES:
        dialog.proceeded = message.time
    if dialog.cancelled is not None:
        dialog.state = State.CANCELLED
    elif status in _CHALLENGES:
        dialog.state = State.UNAUTHORIZED
    elif status < 400:
        dialog.state = State.DIVERTED
    elif status in _BUSY:
        dialog.state = State.BUSY
    elif status == 603:
        dialog.state = State.DECLINED
    elif status == 487:
        dialog.state = State.CANCELLED if dialog.rang is None else State.NO_ANSWER
    elif status in _NO_ANSWER:
        silent = status == 408 and dialog.rang is None
        dialog.state = State.FAILED if silent else State.NO_ANSWER
    else:
        dialog.state = State.REJECTED


def _to_caller(dialog: Dialog, message: Message) -> bool:
    """Whether an answer goes to who sent the first INVITE, not to a proxy on the way."""
    first = dialog.messages[0]
    caller = first.flow.destination if first.status else first.flow.source
    return message.flow.destination.address == caller.address


def _cancel(dialog: Dialog, message: Message) -> None:
    if not message.status and dialog.state in (State.SETUP, State.RINGING):
        dialog.cancelled = message.time
        dialog.state = State.CANCELLED


def _bye(dialog: Dialog, message: Message) -> None:
    if message.status:
        return
    if dialog.state is State.IN_CALL:
        dialog.state = State.COMPLETED
        dialog.ended = message.time
    elif dialog.state in (State.SETUP, State.RINGING):
        dialog.state = State.CANCELLED
        dialog.ended = message.time


_CALL: dict[str, Callable[[Dialog, Message], None]] = {
    "INVITE": _invite,
    "CANCEL": _cancel,
    "BYE": _bye,
}
