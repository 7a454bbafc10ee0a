"""DTMF digits in the bodies of SIP INFO requests."""

import re
from typing import Final, NamedTuple

from sipscope.decode.telephone_event import DIGITS

_RELAY: Final = b"application/dtmf-relay"
_PLAIN: Final = b"application/dtmf"
_NORTEL: Final = b"application/vnd.nortelnetworks.digits"
_SIGNAL = re.compile(rb"(?:^|[\r\n])[ \t]*(?:signal|d)[ \t]*=[ \t]*([^\r\n \t]{1,5})", re.I)
_DURATION = re.compile(rb"(?:^|[\r\n])[ \t]*duration[ \t]*=[ \t]*([0-9]{1,6})", re.I)
_NUMBER = re.compile(rb"[0-9]{1,2}")
_FLASH: Final = b"FLASH"


class RelayedDigit(NamedTuple):
    """A digit that signalling carries.

    Attributes:
        digit: One of `DIGITS`.
        duration_ms: None where it is not said.
    """

    digit: str
    duration_ms: int | None


def relayed_digit(content_type: bytes | None, body: bytes) -> RelayedDigit | None:
    """Return the digit in the body of an INFO; None when there is none.

    Bodies are `application/dtmf-relay` with lines `Signal=5` and `Duration=160`, the same
    with `d=`, or `application/dtmf` with nothing but the digit. No RFC has them: they are
    read as PBXs do, 10 and above as the event codes of RFC 4733.

    Args:
        content_type: Value of the Content-Type header.
        body: Of the message.
    """
    kind = (content_type or b"").partition(b";")[0].strip().lower()
    if kind not in (_RELAY, _PLAIN, _NORTEL):
        return None
    found = _SIGNAL.search(body)
    digit = _digit(found[1] if found else body.strip() if kind == _PLAIN else b"")
    duration = _DURATION.search(body)
    return None if digit is None else RelayedDigit(digit, int(duration[1]) if duration else None)


def _digit(text: bytes) -> str | None:
    text = text.upper()
    if _NUMBER.fullmatch(text):
        code = int(text)
        return DIGITS[code] if code < len(DIGITS) else None
    if text == _FLASH:
        return "!"
    return text.decode("latin-1") if len(text) == 1 and text in DIGITS.encode() else None
