"""SIP messages (RFC 3261), taken as real devices send them.

`parse` reads a whole message and notes what is wrong with it, with the offset. What the
store needs of every message, `read_head`, is read in bulk by `decode.sip_heads`.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from sipscope.errors import Problem

MAX_HEADERS = 256
MAX_HEADER_LENGTH = 8192
MAX_MESSAGE_LENGTH = 65536

COMPACT_NAMES = {
    b"a": b"accept-contact",
    b"b": b"referred-by",
    b"c": b"content-type",
    b"d": b"request-disposition",
    b"e": b"content-encoding",
    b"f": b"from",
    b"i": b"call-id",
    b"j": b"reject-contact",
    b"k": b"supported",
    b"l": b"content-length",
    b"m": b"contact",
    b"o": b"event",
    b"r": b"refer-to",
    b"s": b"subject",
    b"t": b"to",
    b"u": b"allow-events",
    b"v": b"via",
    b"x": b"session-expires",
    b"y": b"identity",
}
"""Compact header forms (RFC 3261 section 7.3.3 and the IANA registry)."""

MANDATORY = (b"via", b"from", b"to", b"call-id", b"cseq")
"""Headers that every message must have (RFC 3261 section 8.1.1; Max-Forwards is often left out)."""

HEAD_PROBLEMS = frozenset(
    {
        "sip.status",
        "sip.version",
        "sip.mandatory",
        "sip.repeated",
        "sip.headers",
        "sip.truncated",
        "sip.content-length",
        "sip.trailing",
        "sip.cseq",
        "sip.cseq-method",
    }
)
"""Problems that make a message malformed; the others are only noted."""

_REQUEST_LINE = re.compile(rb"([!-9;-~]+)[ \t]+(.*?)[ \t]+(SIP/[0-9]{1,3}\.[0-9]{1,3})[ \t]*", re.I)
_STATUS_LINE = re.compile(rb"(SIP/[0-9]{1,3}\.[0-9]{1,3})[ \t]+([0-9]{1,10})(?:[ \t](.*))?", re.I)
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_HEADER = re.compile(rb"[ \t]*([^:\s]*)[ \t]*:[ \t]*")
_CSEQ = re.compile(rb"[ \t]*([0-9]{1,10})[ \t]+([!-~]{1,64})[ \t]*")
_TAG = re.compile(rb";[ \t]*tag[ \t]*=[ \t]*([^;,? \t>\"]+)", re.I)
_URI = re.compile(rb"([a-z][a-z0-9+.-]*):(?:([^@>\s]*)@)?([^;?>\s]*)", re.I)
_DIGITS = re.compile(rb"[0-9]{1,10}")


class Header(NamedTuple):
    """One header field.

    Attributes:
        name: As received.
        value: Unfolded, without the white space around it.
        offset: Where the field begins in the message.
    """

    name: bytes
    value: bytes
    offset: int

    @property
    def key(self) -> bytes:
        """The full name in lower case, compact forms expanded."""
        name = self.name.lower()
        return COMPACT_NAMES.get(name, name)


class Head(NamedTuple):
    """What the store needs of every message.

    Attributes:
        method: The request's method, or the CSeq's method of a response.
        status: Status code, 0 for a request.
        cseq: The CSeq number, -1 when it is missing or broken.
        call_id: Empty when it is missing.
        body: Where the body begins.
        sdp: Whether the body holds SDP.
        malformed: Whether it breaks RFC 3261 in what every message must have.
    """

    method: str
    status: int
    cseq: int
    call_id: bytes
    body: int
    sdp: bool
    malformed: bool


@dataclass(frozen=True, slots=True)
class SipMessage:
    """A message in full.

    Attributes:
        raw: The bytes as captured.
        method: Of the request; of the CSeq for a response; empty when unknown.
        request_uri: None for a response.
        status: 0 for a request.
        reason: Reason phrase, None for a request.
        version: As received, such as `SIP/2.0`.
        headers: In the order received.
        body_offset: Where the body begins in `raw`.
        problems: What is wrong, by offset.
    """

    raw: bytes
    method: str
    request_uri: bytes | None
    status: int
    reason: bytes | None
    version: bytes
    headers: tuple[Header, ...]
    body_offset: int
    problems: tuple[Problem, ...]

    @property
    def body(self) -> bytes:
        """What follows the empty line, as long as Content-Length says if it is there."""
        length = content_length(self.get(b"content-length"))
        end = len(self.raw) if length is None else self.body_offset + length
        return self.raw[self.body_offset : end]

    def get(self, key: bytes) -> bytes | None:
        """Return the value of the first header of that full lower-case name."""
        for header in self.headers:
            if header.key == key:
                return header.value
        return None

    def get_all(self, key: bytes) -> list[bytes]:
        """Return the values of every header of that full lower-case name."""
        return [header.value for header in self.headers if header.key == key]


class Address(NamedTuple):
    """A From, To or Contact value (RFC 3261 section 20.10), every part optional."""

    display: str | None
    uri: str | None
    user: str | None
    host: str | None
    tag: str | None


def read_head(raw: bytes) -> Head | None:
    """Return what the store needs of a message, None if it does not begin like SIP."""
    message = parse(raw)
    if message is None:
        return None
    sequence = _CSEQ.fullmatch(message.get(b"cseq") or b"")
    return Head(
        message.method,
        message.status,
        int(sequence[1]) if sequence else -1,
        message.get(b"call-id") or b"",
        message.body_offset,
        _holds_sdp(message.body),
        any(problem.code in HEAD_PROBLEMS for problem in message.problems),
    )


def parse(raw: bytes) -> SipMessage | None:
    """Return the message in full, None if it does not begin like SIP (RFC 3261 section 7)."""
    problems: list[Problem] = []
    start = len(raw) - len(raw.lstrip(b"\r\n"))
    line_end, next_line = _line(raw, start)
    first = raw[start:line_end]
    method, uri, status, reason, version = "", None, 0, None, b""
    if match := _STATUS_LINE.fullmatch(first):
        version, code, reason = match[1], match[2], match[3] or b""
        status = int(code)
        if not 100 <= status <= 699:
            problems.append(Problem("sip.status", "status code is not 100 to 699", start + 8))
            status = min(max(status, 1), 999)
    elif match := _REQUEST_LINE.fullmatch(first):
        method, uri, version = match[1].decode("latin-1"), match[2], match[3]
        problems += _request_line_problems(first, uri, start)
    else:
        return None
    if version.upper() != b"SIP/2.0":
        problems.append(Problem("sip.version", "version is not SIP/2.0", raw.find(version, start)))
    headers, body_offset = _headers(raw, next_line, problems)
    message = SipMessage(raw, method, uri, status, reason, version, tuple(headers), body_offset, ())
    method = _check(message, problems)
    problems.sort(key=lambda problem: problem.offset)
    return SipMessage(
        raw, method, uri, status, reason, version, message.headers, body_offset, tuple(problems)
    )


def address(value: bytes | None) -> Address:
    """Return the parts of a From, To or Contact value; what is broken is left out."""
    if value is None:
        return Address(None, None, None, None, None)
    opening = _opening_bracket(value)
    if opening >= 0:
        closing = value.find(b">", opening)
        closing = len(value) if closing < 0 else closing
        uri, display, rest = value[opening + 1 : closing], value[:opening], value[closing:]
    else:
        uri, display, rest = value.partition(b";")[0], b"", value
    parts = _URI.match(uri.strip())
    tag = _TAG.search(rest)
    user = parts[2] if parts else None
    host = parts[3] if parts else None
    if parts and user is None and parts[1].lower() in (b"tel", b"urn"):
        user, host = host, None
    return Address(
        _text(_unquote(display.strip())),
        _text(uri.strip()),
        _text(None if user is None else user.partition(b":")[0]),
        _text(None if host is None else _without_port(host)),
        _text(tag[1] if tag else None),
    )


def content_length(value: bytes | None) -> int | None:
    """Return a Content-Length value, None when it is missing or no number."""
    return int(value) if value is not None and _DIGITS.fullmatch(value) else None


def header_end(raw: bytes) -> int:
    """Return where the headers end, the end of the message if they never do."""
    match = _EMPTY_LINE.search(raw)
    return len(raw) if match is None else match.start()


def _holds_sdp(body: bytes) -> bool:
    return body.startswith(b"v=0") or (body.lstrip().startswith(b"--") and b"\nv=0" in body)


def _line(raw: bytes, start: int) -> tuple[int, int]:
    """Return where a line ends and the next begins; bare LF ends a line too."""
    newline = raw.find(b"\n", start)
    if newline < 0:
        return len(raw), len(raw)
    return (newline - 1 if raw[start:newline].endswith(b"\r") else newline), newline + 1


def _request_line_problems(line: bytes, uri: bytes, start: int) -> list[Problem]:
    if b"  " in line or b"\t" in line or line.endswith(b" "):
        return [Problem("sip.start-line", "more than one space in the request line", start)]
    if b" " in uri or uri.startswith(b"<") or not uri:
        return [Problem("sip.request-uri", "the Request-URI is no URI", start + line.find(b" "))]
    return []


def _headers(raw: bytes, start: int, problems: list[Problem]) -> tuple[list[Header], int]:
    """Return the header fields from `start` on, and where the body begins."""
    headers: list[Header] = []
    bare = False
    while start < len(raw):
        end, following = _line(raw, start)
        if end == start:
            return headers, following
        if following - end == 1 and not bare:
            bare = True
            problems.append(Problem("sip.line-end", "a line ends with a bare LF", end))
        while raw[following : following + 1] in (b" ", b"\t"):
            end, following = _line(raw, following)
        field = raw[start : min(end, start + MAX_HEADER_LENGTH)]
        if end - start > MAX_HEADER_LENGTH:
            problems.append(Problem("sip.header-length", "a header of over 8 KiB", start))
        match = _HEADER.match(field)
        if match is None or not match[1]:
            problems.append(Problem("sip.header", "a line that is no header", start))
        elif len(headers) < MAX_HEADERS:
            value = field[match.end() :]
            if b"\n" in value:
                value = b" ".join(part.strip() for part in value.split(b"\n"))
            headers.append(Header(match[1], value.strip(), start))
        start = following
    problems.append(Problem("sip.truncated", "the empty line after the headers is missing", start))
    return headers, len(raw)


def _check(message: SipMessage, problems: list[Problem]) -> str:
    """Note what is wrong with the headers; return the method, of the CSeq for a response."""
    present: dict[bytes, Header] = {}
    counts: dict[bytes, int] = {}
    for header in message.headers:
        present.setdefault(header.key, header)
        counts[header.key] = counts.get(header.key, 0) + 1
    for key in MANDATORY:
        if key not in present:
            text = f"{key.decode().title().replace('Id', 'ID').replace('Cseq', 'CSeq')} is missing"
            problems.append(Problem("sip.mandatory", text, message.body_offset))
    for key in (b"from", b"to", b"call-id", b"cseq", b"content-length"):
        if counts.get(key, 0) > 1:
            text = f"{present[key].name.decode('latin-1')} is there more than once"
            problems.append(Problem("sip.repeated", text, present[key].offset))
    if len(message.headers) >= MAX_HEADERS:
        problems.append(Problem("sip.headers", "more than 256 headers", message.body_offset))
    _check_length(message, present.get(b"content-length"), problems)
    for key in (b"from", b"to", b"contact"):
        if key in present and present[key].value.count(b'"') % 2:
            text = f"{key.decode().title()} has an open quoted string"
            problems.append(Problem("sip.quote", text, present[key].offset))
    return _check_cseq(message, present.get(b"cseq"), problems)


def _check_length(message: SipMessage, header: Header | None, problems: list[Problem]) -> None:
    if header is None:
        return
    length = content_length(header.value)
    there = len(message.raw) - message.body_offset
    if length is None:
        problems.append(Problem("sip.content-length", "Content-Length is no number", header.offset))
    elif length > there:
        text = f"Content-Length is {length}, but only {there} bytes are there"
        problems.append(Problem("sip.content-length", text, header.offset))
    elif length < there and message.raw[message.body_offset + length :].strip(b"\r\n\0"):
        text = f"{there - length} bytes follow the body"
        problems.append(Problem("sip.trailing", text, message.body_offset + length))


def _check_cseq(message: SipMessage, header: Header | None, problems: list[Problem]) -> str:
    sequence = _CSEQ.fullmatch(header.value) if header else None
    if header is None:
        return message.method
    if sequence is None or int(sequence[1]) >= 2**31:
        problems.append(
            Problem("sip.cseq", "CSeq is not a number below 2**31 and a method", header.offset)
        )
    name = "" if sequence is None else sequence[2].decode("latin-1")
    if not message.status and name and name != message.method:
        problems.append(
            Problem("sip.cseq-method", "CSeq names another method than the request", header.offset)
        )
    return message.method or name


def _opening_bracket(value: bytes) -> int:
    """Return where `<` opens the URI, after a quoted display name; -1 without one."""
    start = len(value) - len(value.lstrip())
    if value[start : start + 1] == b'"':
        position = start + 1
        while position < len(value) and value[position] != 0x22:
            position += 2 if value[position] == 0x5C else 1
        return value.find(b"<", position)
    return value.find(b"<")


def _unquote(display: bytes) -> bytes | None:
    if len(display) >= 2 and display.startswith(b'"') and display.endswith(b'"'):
        display = re.sub(rb"\\(.)", rb"\1", display[1:-1], flags=re.S)
    return display or None


def _without_port(host: bytes) -> bytes:
    if host.startswith(b"["):
        return host[1 : host.find(b"]")] if b"]" in host else host[1:]
    return host.partition(b":")[0]


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
