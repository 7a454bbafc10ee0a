"""SIP messages (RFC 3261), taken as real devices send them.

`parse` reads a whole message and notes what is wrong with it, with the offset. What the
store needs of every message, `read_head`, is read in bulk by `decode.sip_heads`.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from sipscope.decode.sip_grammar import CHECKED_HEADERS, QUOTED, header_fault, request_uri_fault
from sipscope.errors import Problem

MAX_HEADERS = 256
MAX_HEADER_LENGTH = 8192
_MAX_PROBLEMS = 64

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
        "sip.cseq",
        "sip.cseq-method",
    }
)
"""Problems that make a message malformed, because peers refuse it; the others are only noted."""

_NAMES = {
    b"via": "Via",
    b"from": "From",
    b"to": "To",
    b"call-id": "Call-ID",
    b"cseq": "CSeq",
    b"content-length": "Content-Length",
}
_NO_END = "the empty line after the headers is missing"
_ONLY_ONCE = (b"from", b"to", b"call-id", b"cseq", b"content-length")

_REQUEST_LINE = re.compile(
    rb"([!-9;-~]++)[ \t]++(?:(.*[^ \t])[ \t]++)?(SIP/[0-9]{1,3}\.[0-9]{1,3})[ \t]*+", re.I
)
_STATUS_LINE = re.compile(rb"(SIP/[0-9]{1,3}\.[0-9]{1,3})[ \t]++([0-9]++)([ \t]?)(.*)", re.I)
_BARE_LF = re.compile(rb"(?<!\r)\n")
_EMPTY_LINE = re.compile(rb"\n\r?\n")
# A name and a colon, if they are there; the rest of the line and of what continues it; its end.
_FIELD = re.compile(rb"(?:[ \t]*+([^:\s]++)[ \t]*+:[ \t]*+)?+([^\n]*+(?:\n[ \t][^\n]*+)*+)(\n?)")
_CSEQ = re.compile(rb"([0-9]++)[ \t]++([!-~]{1,64})")
_LENGTH = re.compile(rb"0*([0-9]{1,10})")
_TAG = re.compile(rb";[ \t]*tag[ \t]*=[ \t]*([^;,? \t>\"]+)", re.I)
_URI = re.compile(rb"([a-z][a-z0-9+.-]*):(?:([^@>\s]*)@)?([^;?>\s]*)", re.I)


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
        return _body(self.raw, self.body_offset, self.get(b"content-length"))

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


class _Reading(NamedTuple):
    """A message as far as `parse` and `read_head` go together."""

    method: str
    request_uri: bytes | None
    status: int
    reason: bytes | None
    version: bytes
    headers: list[Header]
    by_key: dict[bytes, list[Header]]
    body_offset: int
    cseq: int
    problems: list[Problem]


def read_head(raw: bytes) -> Head | None:
    """Return what the store needs of a message, None if it does not begin like SIP."""
    reading = _read(raw)
    if reading is None:
        return None
    call_id, length = (_first(reading.by_key, key) for key in (b"call-id", b"content-length"))
    return Head(
        reading.method,
        reading.status,
        reading.cseq,
        call_id.value if call_id else b"",
        reading.body_offset,
        _holds_sdp(_body(raw, reading.body_offset, length.value if length else None)),
        any(problem.code in HEAD_PROBLEMS for problem in reading.problems),
    )


def parse(raw: bytes) -> SipMessage | None:
    """Return the message in full, None if it does not begin like SIP (RFC 3261 section 7)."""
    reading = _read(raw)
    if reading is None:
        return None
    problems = reading.problems
    uri = reading.request_uri
    if uri is not None and (text := request_uri_fault(uri)):
        problems.append(Problem("sip.request-uri", text, raw.find(b" ", _begin(raw)) + 1))
    for key in CHECKED_HEADERS:
        for header in reading.by_key.get(key, ()):
            if fault := header_fault(key, header.value):
                problems.append(Problem(*fault, header.offset))
    problems.sort(key=lambda problem: problem.offset)
    return SipMessage(
        raw,
        reading.method,
        uri,
        reading.status,
        reading.reason,
        reading.version,
        tuple(reading.headers),
        reading.body_offset,
        tuple(problems),
    )


def address(value: bytes | None) -> Address:
    """Return the parts of a From, To or Contact value; what is broken is left out."""
    if value is None:
        return Address(None, None, None, None, None)
    quoted = QUOTED.match(value, len(value) - len(value.lstrip()))
    opening = value.find(b"<", quoted.end() if quoted and quoted[1] else 0)
    if opening >= 0:
        display = _unquote(value[:opening].strip())
        uri, _, parameters = value[opening + 1 :].partition(b">")
    else:
        display = None
        uri, semicolon, parameters = value.partition(b";")
        parameters = semicolon + parameters
    parts = _URI.match(uri.strip())
    scheme, user, host = parts.groups() if parts else (b"", None, None)
    if user is not None:
        user = user.partition(b":")[0]
    elif scheme.lower() in (b"tel", b"urn"):
        user, host = host, None
    tag = _TAG.search(QUOTED.sub(b"", parameters))
    return Address(
        _text(display),
        _text(uri.strip()),
        _text(user),
        _text(None if host is None else _without_port(host)),
        _text(tag[1] if tag else None),
    )


def content_length(value: bytes | None) -> int | None:
    """Return a Content-Length value, None when it is missing or no number of up to 10 digits."""
    match = None if value is None else _LENGTH.fullmatch(value)
    return None if match is None else int(match[1])


def header_end(raw: bytes) -> int:
    """Return where the headers end, the end of the message if they never do."""
    match = _EMPTY_LINE.search(raw, _begin(raw))
    return len(raw) if match is None else match.start()


def _begin(raw: bytes) -> int:
    """Return where the start line begins; line ends may come before it (RFC 3261 section 7.5)."""
    return len(raw) - len(raw.lstrip(b"\r\n"))


def _body(raw: bytes, offset: int, length: bytes | None) -> bytes:
    """Return the body, as long as the Content-Length says if it is there."""
    number = content_length(length)
    return raw[offset:] if number is None else raw[offset : offset + number]


def _holds_sdp(body: bytes) -> bool:
    return body.startswith(b"v=0") or (body.lstrip().startswith(b"--") and b"\nv=0" in body)


def _read(raw: bytes) -> _Reading | None:
    """Read the start line and the headers, and check what every message must have."""
    begin = _begin(raw)
    feed = raw.find(b"\n", begin)
    end = len(raw) if feed < 0 else feed
    line = raw[begin:end].removesuffix(b"\r")
    problems: list[Problem] = []
    method, uri, status, reason = "", None, 0, None
    if match := _STATUS_LINE.fullmatch(line):
        version, code, space, reason = match.groups()
        if len(code) != 3 or not b"100" <= code <= b"699":
            text = "status code is not 100 to 699"
            problems.append(Problem("sip.status", text, begin + match.start(2)))
        status = min(max(int(code[:9]), 1), 999)
        if reason and not space:
            text = "no space between status code and reason"
            problems.append(Problem("sip.start-line", text, begin + match.start(4)))
    elif match := _REQUEST_LINE.fullmatch(line):
        method, uri, version = match[1].decode("latin-1"), match[2] or b"", match[3]
        if len(line) != len(method) + len(uri) + len(version) + 2 or b"\t" in line:
            text = "more than one space between the parts of the request line"
            problems.append(Problem("sip.start-line", text, begin))
    else:
        return None
    if version.upper() != b"SIP/2.0":
        offset = begin + match.start(1 if uri is None else 3)
        problems.append(Problem("sip.version", "version is not SIP/2.0", offset))
    headers, body_offset = _headers(raw, end + 1, problems)
    if raw.count(b"\n", begin, body_offset) > raw.count(b"\r\n", begin, body_offset):
        bare = _BARE_LF.search(raw, begin)
        offset = begin if bare is None else bare.start()
        problems.append(Problem("sip.line-end", "a line ends with a bare LF", offset))
    by_key = _by_key(headers, body_offset, problems)
    _check_length(raw, body_offset, _first(by_key, b"content-length"), problems)
    cseq, cseq_method = _check_cseq(method, _first(by_key, b"cseq"), problems)
    return _Reading(
        *(method or cseq_method, uri, status, reason, version),
        *(headers, by_key, body_offset, cseq, problems),
    )


def _headers(raw: bytes, start: int, problems: list[Problem]) -> tuple[list[Header], int]:
    """Return the header fields from `start` on, and where the body begins."""
    headers: list[Header] = []
    size = len(raw)
    while start < size and (match := _FIELD.match(raw, start)):
        name, value, feed = match.groups()
        following = match.end()
        if name is None and feed and value in (b"\r", b""):
            return headers, following
        if name is None:
            if len(problems) < _MAX_PROBLEMS:
                problems.append(Problem("sip.header", "a line that is no header", start))
        elif len(headers) < MAX_HEADERS:
            if following - start > MAX_HEADER_LENGTH:
                problems.append(Problem("sip.header-length", "a header of over 8 KiB", start))
                value = raw[match.start(2) : start + MAX_HEADER_LENGTH]
            if b"\n" in value:
                value = b" ".join(part.strip() for part in value.split(b"\n"))
            headers.append(Header(name, value.strip(), start))
        else:
            return headers, _skip_headers(raw, start, problems)
        start = following
    problems.append(Problem("sip.truncated", _NO_END, size))
    return headers, size


def _skip_headers(raw: bytes, start: int, problems: list[Problem]) -> int:
    """Return where the body begins behind headers that are too many."""
    problems.append(Problem("sip.headers", f"more than {MAX_HEADERS} headers", start))
    match = _EMPTY_LINE.search(raw, start)
    if match is not None:
        return match.end()
    problems.append(Problem("sip.truncated", _NO_END, len(raw)))
    return len(raw)


def _by_key(
    headers: list[Header], body_offset: int, problems: list[Problem]
) -> dict[bytes, list[Header]]:
    """Return the headers by full lower-case name; check that each is there and only once."""
    by_key: dict[bytes, list[Header]] = {}
    for header in headers:
        by_key.setdefault(header.key, []).append(header)
    for key in MANDATORY:
        if key not in by_key:
            problems.append(Problem("sip.mandatory", f"{_NAMES[key]} is missing", body_offset))
        elif not by_key[key][0].value:
            text = f"{_NAMES[key]} is empty"
            problems.append(Problem("sip.mandatory", text, by_key[key][0].offset))
    for key in _ONLY_ONCE:
        if len(by_key.get(key, ())) > 1:
            text = f"{_NAMES[key]} is there more than once"
            problems.append(Problem("sip.repeated", text, by_key[key][1].offset))
    return by_key


def _first(by_key: dict[bytes, list[Header]], key: bytes) -> Header | None:
    return by_key[key][0] if key in by_key else None


def _check_length(
    raw: bytes, body_offset: int, header: Header | None, problems: list[Problem]
) -> None:
    if header is None:
        return
    length = content_length(header.value)
    there = len(raw) - body_offset
    if length is None:
        text = "Content-Length is no number of up to 10 digits"
        problems.append(Problem("sip.content-length", text, header.offset))
    elif length > there:
        text = f"Content-Length is {length}, but only {there} bytes are there"
        problems.append(Problem("sip.content-length", text, header.offset))
    elif length < there and raw[body_offset + length :].strip(b"\r\n\0"):
        text = f"{there - length} bytes follow the body"
        problems.append(Problem("sip.trailing", text, body_offset + length))


def _check_cseq(method: str, header: Header | None, problems: list[Problem]) -> tuple[int, str]:
    """Return number and method of the CSeq, -1 and empty where they cannot be read."""
    if header is None:
        return -1, ""
    match = _CSEQ.fullmatch(header.value)
    number = int(match[1]) if match and len(match[1]) <= 10 else -1
    name = match[2].decode("latin-1") if match else ""
    if not 0 <= number < 2**31:
        text = "CSeq is not a number below 2**31 and a method"
        problems.append(Problem("sip.cseq", text, header.offset))
    if method and name and name != method:
        text = "CSeq names another method than the request"
        problems.append(Problem("sip.cseq-method", text, header.offset))
    return number, name


def _unquote(display: bytes) -> bytes | None:
    quoted = QUOTED.fullmatch(display)
    if quoted and quoted[1]:
        display = re.sub(rb"\\(.)", rb"\1", display[1:-1], flags=re.S)
    return display or None


def _without_port(host: bytes) -> bytes:
    if host.startswith(b"["):
        return host[1:].partition(b"]")[0]
    return host if host.count(b":") > 1 else host.partition(b":")[0]


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
