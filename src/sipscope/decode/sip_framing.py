"""SIP messages in a stream of bytes (RFC 3261 section 18.3), and what looks like one."""

import re
from typing import Final, NamedTuple

from sipscope.errors import Problem

MAX_START_LINE: Final = 8_192
MAX_HEADER: Final = 65_536
MAX_BODY: Final = 65_536

METHODS: Final = (
    b"INVITE",
    b"ACK",
    b"BYE",
    b"CANCEL",
    b"OPTIONS",
    b"REGISTER",
    b"PRACK",
    b"SUBSCRIBE",
    b"NOTIFY",
    b"PUBLISH",
    b"INFO",
    b"REFER",
    b"MESSAGE",
    b"UPDATE",
)
"""The methods of RFC 3261 and its extensions; other tokens are methods too."""

BEGINNINGS: Final = (b"SIP/2.0 ", *(method + b" " for method in METHODS))
"""How nearly every SIP message begins."""

_TOKEN = rb"[A-Za-z0-9.!%*_+`'~-]{1,64}"
_KNOWN = rb"(?:" + rb"|".join(METHODS) + rb")"
_VERSION = rb"SIP/[0-9]{1,3}\.[0-9]{1,3}"
_STATUS = _VERSION + rb"[ \t]{1,16}[0-9]{3}"
_LINE = rb"[^\r\n]{1,%d}" % (MAX_START_LINE - 128)
_WORD = rb"[^\s]{1,%d}" % (MAX_START_LINE - 128)
_REQUEST = _TOKEN + rb"[ \t]" + _LINE + rb"[ \t]" + _VERSION + rb"[ \t]{0,16}"

_MESSAGE = re.compile(
    rb"[\r\n]*+(?:%b|%b(?:\r?\n|\Z)|%b (?:sips?|tel|urn):[^\r\n]*\Z)" % (_STATUS, _REQUEST, _KNOWN)
)
# In the middle of a line, where the message before was cut off, only what is certain.
_START = re.compile(
    rb"(?:%b[^\r\n]{0,%d}|(?<![^\n])%b|%b %b %b[ \t]{0,16})\r?\n"
    % (_STATUS, MAX_START_LINE - 128, _REQUEST, _KNOWN, _WORD, _VERSION)
)
_HEADER_END = re.compile(rb"\n\r?\n")
_CONTENT_LENGTH = re.compile(
    rb"\n(?:content-length|l)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE
)
_NUMBER = re.compile(rb"0*([0-9]{1,9})")


def looks_like_sip(payload: bytes) -> bool:
    """Tell whether a datagram begins with the start line of a SIP message.

    Any method and any version of SIP will do, so that broken messages are shown too (RFC
    4475); line ends before it, which keep connections alive, are passed over. Of a request
    that was cut short in its first line a known method and a URI are enough.
    """
    return _MESSAGE.match(payload) is not None


class FramedMessage(NamedTuple):
    """A SIP message out of a stream.

    Attributes:
        payload: The message, or what there is of it.
        start: Where it begins in the stream, in bytes.
        problems: Why it may not be whole.
        until: Where it ends in the stream, where that is not as many bytes later.
    """

    payload: bytes
    start: int
    problems: tuple[Problem, ...]
    until: int = 0

    @property
    def end(self) -> int:
        """Where it ends in the stream, in bytes."""
        return self.until or self.start + len(self.payload)


class SipFramer:
    """Cuts a stream of bytes into SIP messages, however the stream was split on its way.

    Line ends between messages (RFC 5626 section 3.5.1) are passed over, and so is anything
    else until the next start line. A message without a usable Content-Length ends where the
    next one begins in the bytes fed together with its header's end, or where those bytes end.

    Attributes:
        position: Where the bytes that are held begin in the stream.
        discarded: Bytes passed over, other than line ends.
    """

    transport: Final = "tcp"

    __slots__ = (
        "_buffer",
        "_checked",
        "_end",
        "_inside",
        "_lost",
        "discarded",
        "position",
    )

    def __init__(self) -> None:
        self.position = 0
        self.discarded = 0
        self._buffer = bytearray()
        self._inside = False  # behind a start line
        self._end = 0  # of the message whose header is complete
        self._checked = 0  # how far the search for the next thing has come
        self._lost: tuple[Problem, ...] = ()

    @property
    def held(self) -> int:
        """Bytes that are held back."""
        return len(self._buffer)

    @property
    def junk(self) -> int:
        """Bytes that belong to no message, as far as can be told yet."""
        return self.discarded + (0 if self._inside else len(self._buffer))

    def feed(self, data: bytes) -> list[FramedMessage]:
        """Take the next bytes of the stream; return the messages that they complete."""
        self._buffer += data
        messages: list[FramedMessage] = []
        while (self._inside or self._find_start()) and (message := self._complete()):
            messages.append(message)
        return messages

    def gap(self, length: int) -> list[FramedMessage]:
        """Go on after `length` missing bytes; return the message that they cut off, if any."""
        text = f"{length} bytes of the stream are missing"
        messages = self.give_up("tcp.gap", f"{text} here")
        self.position += length
        self._lost = (Problem("tcp.gap", f"{text} before this message", 0),)
        return messages

    def give_up(self, code: str, text: str) -> list[FramedMessage]:
        """Wait no longer for the rest of a message; return what there is of it, if any."""
        size = len(self._buffer)
        if self._inside and size:
            return [self._take(size, Problem(code, text, size))]
        self._discard(size)
        self._checked = 0
        return []

    def finish(self) -> list[FramedMessage]:
        """Take note that the stream has ended; return the message that it cut off, if any."""
        return self.give_up("sip.incomplete", "the stream ends before the message does")

    def _find_start(self) -> bool:
        """Discard what comes before the next start line; tell whether there is one."""
        buffer = self._buffer
        line_end = buffer.rfind(b"\n", self._checked) + 1
        # The pattern is slow where there is nothing to find.
        if buffer.find(b"SIP/", 0, line_end) >= 0:
            match = _START.search(buffer, 0, line_end)
            if match:
                self._discard(match.start())
                self._inside, self._checked = True, 0
                return True
        # What begins within a line that is cut here is too long for a start line.
        self._discard(max(line_end, len(buffer) - MAX_START_LINE))
        self._checked = len(buffer)
        return False

    def _complete(self) -> FramedMessage | None:
        """Return the message at the beginning of the buffer once it is complete."""
        buffer = self._buffer
        if self._end:
            return self._take(self._end) if len(buffer) >= self._end else None
        match = _HEADER_END.search(buffer, self._checked, MAX_HEADER)
        if match is None:
            self._checked = max(0, len(buffer) - 2)
            if len(buffer) < MAX_HEADER:
                return None
            text = f"the header is longer than {MAX_HEADER} bytes"
            return self._take(MAX_HEADER, Problem("sip.too-long", text, MAX_HEADER))
        length = _content_length(buffer, match.end())
        if isinstance(length, Problem):
            return self._take(self._end_without_length(match.end()), length)
        self._end = match.end() + length
        return self._complete()

    def _end_without_length(self, header_end: int) -> int:
        """Find the end of a message whose header does not tell it."""
        buffer = self._buffer
        if match := _START.search(buffer, header_end):
            return match.start()
        last_line = buffer.rfind(b"\n") + 1
        tail = bytes(buffer[last_line:])
        begun = tail.startswith(BEGINNINGS) or any(line.startswith(tail) for line in BEGINNINGS)
        return last_line if begun else len(buffer)

    def _take(self, size: int, *problems: Problem) -> FramedMessage:
        """Remove a message from the beginning of the buffer."""
        payload = bytes(self._buffer[:size])
        message = FramedMessage(payload, self.position, self._lost + problems)
        del self._buffer[:size]
        self.position += size
        self._inside, self._end, self._checked, self._lost = False, 0, 0, ()
        return message

    def _discard(self, size: int) -> None:
        """Remove bytes that belong to no message from the beginning of the buffer."""
        if size > 0:
            self.discarded += len(self._buffer[:size].translate(None, b"\r\n"))
            del self._buffer[:size]
            self.position += size


def _content_length(buffer: bytearray, header_end: int) -> int | Problem:
    """Return the Content-Length of a header, or why there is none to go by."""
    match = _CONTENT_LENGTH.search(buffer, 0, header_end)
    if match is None:
        return Problem("sip.content-length", "no Content-Length in a stream", header_end)
    number = _NUMBER.fullmatch(match[1].strip(b" \t\r\n"))
    if number is None:
        return Problem("sip.content-length", "Content-Length is not a number", match.start(1))
    length = int(number[1])
    if length > MAX_BODY:
        text = f"Content-Length {length} is more than {MAX_BODY} bytes"
        return Problem("sip.content-length", text, match.start(1))
    return length
