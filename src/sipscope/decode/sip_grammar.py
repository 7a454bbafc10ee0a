"""What the grammar of RFC 3261 section 25 says of single URIs and header values.

Peers differ in what they let pass, so each of these is noted for the reader of a message and
none makes it malformed.
"""

import re
from collections.abc import Callable

Fault = tuple[str, str]
"""The code of a problem, and what is wrong in words."""

QUOTED = re.compile(rb'"(?:[^"\\]++|\\.)*+("?)', re.S)
"""A quoted string, with escapes; the group is empty when it does not end."""

_SCHEMES = (b"sip", b"sips", b"tel", b"urn", b"im", b"pres", b"mailto")
_SCHEME = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*+):")
_HOST_PORT = re.compile(rb"sips?:(?:[^@]*@)?([^;?]*)", re.I)
_TOKENS = re.compile(rb"[A-Za-z0-9.!%*_+`'~ \t-]*+")
# Nearly every From, To and Contact; told apart at once from those that are worth a closer look.
_ORDINARY_ADDRESS = re.compile(
    rb"""(?:"[^"\\]*+"|[A-Za-z0-9.!%*_+`'~ -]*+) *+"""
    rb"<(?:sips?|tel):[^\s<>?:\"]++(?::[0-9]++(?:;[^\s<>?:\"]++)?+)?+>"
    rb"(?:;[^\s;,=\"]++(?:=[^\s;,=\"]++)?+)*+"
)
_BRACKETED = re.compile(rb"<[^>]*>")
_EMPTY_PARAMETER = re.compile(rb"[;,][ \t]*+(?:[;,]|\Z)")
_EMPTY_BRANCH = re.compile(rb";[ \t]*branch[ \t]*=[ \t]*z9hG4bK[ \t]*(?:[;,]|\Z)", re.I)
_DATE = re.compile(
    rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} "
    rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} "
    rb"[0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
)
_NUMBER = re.compile(rb"0*([0-9]{1,10})[ \t]*(?:[;(].*)?", re.S)
_MOST = {b"max-forwards": 255}
_MOST_OTHERWISE = 2**32 - 1


def request_uri_fault(uri: bytes) -> str | None:
    """Return what is wrong with a Request-URI (RFC 3261 section 7.1 and 19.1.1)."""
    if uri.startswith(b"<"):
        return "the Request-URI is in angle brackets"
    if b"?" in uri.rpartition(b"@")[2] and _HOST_PORT.match(uri):
        return "the Request-URI carries headers"
    fault = _uri_fault(uri)
    return fault and f"the Request-URI {fault}"


def header_fault(key: bytes, value: bytes) -> Fault | None:
    """Return what is wrong with a value of one of `CHECKED_HEADERS`."""
    fault = _CHECKS[key](key, value)
    return fault and (fault[0], f"{key.decode().title()} {fault[1]}")


def _uri_fault(uri: bytes) -> str | None:
    if b" " in uri or b"\t" in uri:
        return "has white space in the URI"
    scheme = _SCHEME.match(uri)
    if scheme is None:
        return "is no URI"
    if scheme[1].lower() not in _SCHEMES:
        return "names a scheme other than sip, sips or tel"
    place = _HOST_PORT.match(uri)
    if place and not place[1].startswith(b"[") and place[1].count(b":") > 1:
        return "has an IPv6 address without brackets"
    return None


def _address(_: bytes, value: bytes) -> Fault | None:
    """Check a From, To or Contact (RFC 3261 section 20.10): the first one of several."""
    if _ORDINARY_ADDRESS.fullmatch(value):
        return None
    if b'"' in value:
        value = QUOTED.sub(rb'"\1', value)
        if value.count(b'"') % 2:
            return "sip.quote", "has an open quoted string"
    opening = value.find(b"<")
    if opening < 0:
        uri = value.partition(b";")[0].strip()
        if b"?" in uri:
            return "sip.address", "has a URI with a question mark outside < >"
    else:
        display = value[:opening].strip()
        if display != b'""' and not _TOKENS.fullmatch(display):
            return "sip.display-name", "has a display name that needs quotes"
        closing = value.find(b">", opening)
        if closing < 0:
            return "sip.address", "has a < that is not closed"
        uri = value[opening + 1 : closing]
    fault = None if uri == b"*" else _uri_fault(uri)
    return _parameters(value) if fault is None else ("sip.address", fault)


def _via(_: bytes, value: bytes) -> Fault | None:
    """Check a Via (RFC 3261 section 8.1.1.7)."""
    if _EMPTY_BRANCH.search(value):
        return "sip.branch", "has a branch that is nothing but z9hG4bK"
    return _parameters(value)


def _parameters(value: bytes) -> Fault | None:
    if _EMPTY_PARAMETER.search(value) and _EMPTY_PARAMETER.search(_BRACKETED.sub(b"<>", value)):
        return "sip.parameter", "has a separator with nothing after it"
    return None


def _date(_: bytes, value: bytes) -> Fault | None:
    """Check a Date (RFC 3261 section 20.17)."""
    if _DATE.fullmatch(value):
        return None
    return "sip.date", "is not in the form of Sat, 13 Nov 2010 23:29:00 GMT"


def _number(key: bytes, value: bytes) -> Fault | None:
    most = _MOST.get(key, _MOST_OTHERWISE)
    match = _NUMBER.fullmatch(value)
    if match and int(match[1]) <= most:
        return None
    return "sip.number", f"is not a number up to {most}"


_CHECKS: dict[bytes, Callable[[bytes, bytes], Fault | None]] = {
    b"from": _address,
    b"to": _address,
    b"contact": _address,
    b"via": _via,
    b"date": _date,
    b"max-forwards": _number,
    b"expires": _number,
    b"min-expires": _number,
    b"retry-after": _number,
}
CHECKED_HEADERS = tuple(_CHECKS)
"""Full lower-case names of the headers that `header_fault` knows."""
