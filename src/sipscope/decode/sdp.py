"""Session descriptions (RFC 4566, RFC 8866): where media go, and in which format."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from sipscope.decode.address import Endpoint, parse_address

MAX_MEDIA = 64

_HOST = rb"(?i:IN +IP[46]) +([^\s/]{1,64})"
_PORT = rb"([0-9]{1,5})(?:/[0-9]+)?"
_BEGIN = re.compile(rb"(?<![^\n])v=0")
_SECTION = re.compile(rb"(?<![^\n])(?=m=)")
_CONNECTION = re.compile(rb"(?<![^\n])c=%b" % _HOST)
_MEDIA = re.compile(rb"m=([!-~]+) +%b +([!-~]+) *([^\n]*)" % _PORT)
_WHERE = re.compile(rb"\n(?:c=%b|m=(?:[!-~]+ +%b +([!-~]+))?)" % (_HOST, _PORT))
_RTPMAP = re.compile(rb"\na=rtpmap:([0-9]{1,3}) +([^/\s]+)/0*([1-9][0-9]{0,6})")
_RTCP = re.compile(rb"\na=rtcp:([0-9]{1,5})(?: +%b)?" % _HOST)
_PTIME = re.compile(rb"\na=ptime:([0-9]{1,4})")
_KEYING = re.compile(rb"\na=(crypto|fingerprint|zrtp-hash):")
_DIRECTION = re.compile(rb"\na=(sendrecv|sendonly|recvonly|inactive)[ \t]*(?![^\n])")
_PAYLOAD_TYPE = re.compile(rb"[0-9]{1,3}")
_KEY_EXCHANGES = {b"crypto": "sdes", b"fingerprint": "dtls", b"zrtp-hash": "zrtp"}


class Format(NamedTuple):
    """A payload format: encoding name and clock rate, as in `a=rtpmap`."""

    name: str
    clock_rate: int


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """One `m=` section.

    Attributes:
        kind: `audio`, `video`, `image`, ...
        endpoint: Where its media are to be sent; None for a host name or a missing address.
        rtcp: Where its RTCP is to be sent, by default the port after.
        profile: `RTP/AVP`, `RTP/SAVP`, `udptl`, ...
        payload_types: In the order of preference.
        formats: Payload type to format, for those with an `a=rtpmap`.
        ptime_ms: `a=ptime`, None without one.
        direction: `sendrecv`, `sendonly`, `recvonly` or `inactive`.
        keying: How keys are agreed, of `sdes` (RFC 4568), `dtls` (RFC 5763) and `zrtp`
            (RFC 6189), in that order.
    """

    kind: str
    endpoint: Endpoint | None
    rtcp: Endpoint | None
    profile: str
    payload_types: tuple[int, ...]
    formats: dict[int, Format]
    ptime_ms: int | None
    direction: str
    keying: tuple[str, ...] = ()

    @property
    def rtp(self) -> bool:
        """Whether RTP is expected at `endpoint`: a port of 0 refuses the media."""
        return "RTP/" in self.profile and self.endpoint is not None and self.endpoint.port > 0

    @property
    def udptl(self) -> bool:
        """Whether fax in UDPTL packets (ITU-T T.38) is expected at `endpoint`."""
        return (
            self.kind == "image"
            and "udptl" in self.profile.lower()
            and self.endpoint is not None
            and self.endpoint.port > 0
        )

    @property
    def secure(self) -> bool | None:
        """Whether the RTP is to be encrypted; None when ZRTP decides it within the media."""
        if "SAVP" in self.profile or "sdes" in self.keying or "dtls" in self.keying:
            return True
        return None if self.keying else False


def find_sdp(body: bytes) -> bytes:
    """Return the session description in a body, also in a multipart one; empty without one."""
    begin, end = _extent(body, 0)
    return body[begin:end]


def media_endpoints(message: bytes, body: int) -> list[Endpoint]:
    """Return where RTP is to be sent, of each `m=` section of the SDP from `body` on.

    The quick way for every message that carries SDP, to the same end as `parse_sdp`: one
    pass, nothing kept.
    """
    session = b""
    sections: list[tuple[bytes, int]] = []
    for host, port, profile in _WHERE.findall(message, *_extent(message, body)):
        if not host:
            sections.append((b"", int(port) if b"RTP/" in profile else 0))
        elif not sections:
            session = session or host
        elif not sections[-1][0]:
            sections[-1] = host, sections[-1][1]
    endpoints = []
    for host, port in sections[:MAX_MEDIA]:
        address = _address(host or session)
        if address is not None and 0 < port < 65536:
            endpoints.append(Endpoint(address, port))
    return endpoints


def parse_sdp(sdp: bytes) -> list[MediaDescription]:
    """Return the media descriptions in order; lines that make no sense are passed over."""
    return list(_parsed(sdp))


@lru_cache(maxsize=128)  # every proxy sends the same on, and one look at a call reads it twice
def _parsed(sdp: bytes) -> tuple[MediaDescription, ...]:
    descriptions: list[MediaDescription] = []
    session, *sections = _SECTION.split(sdp.replace(b"\r\n", b"\n"), MAX_MEDIA + 1)
    session_host = _host(session)
    direction = _direction(session, "sendrecv")
    keying = set(_KEYING.findall(session))
    for section in sections[:MAX_MEDIA]:
        match = _MEDIA.match(section)
        if match is None or int(match[2]) > 65535:
            continue
        address, port = _address(_host(section) or session_host), int(match[2])
        endpoint = None if address is None else Endpoint(address, port)
        ptime = _PTIME.search(section)
        descriptions.append(
            MediaDescription(
                match[1].decode("latin-1").lower(),
                endpoint,
                _rtcp(section, endpoint),
                match[3].decode("latin-1"),
                tuple(int(token) for token in match[4].split() if _PAYLOAD_TYPE.fullmatch(token)),
                _formats(section),
                int(ptime[1]) if ptime else None,
                _direction(section, direction) if address is None or any(address) else "inactive",
                _key_exchanges(keying.union(_KEYING.findall(section))),
            )
        )
    return tuple(descriptions)


def _extent(text: bytes, start: int) -> tuple[int, int]:
    """Return where the session description in a body begins and ends."""
    if text.startswith(b"v=0", start):
        return start, len(text)
    match = _BEGIN.search(text, start)
    if match is None:
        return len(text), len(text)
    multipart = text[start : match.start()].lstrip().startswith(b"--")
    boundary = text.find(b"\n--", match.end()) if multipart else -1
    return match.start(), len(text) if boundary < 0 else boundary + 1


@lru_cache(maxsize=65536)
def _address(host: bytes) -> bytes | None:
    return parse_address(host.decode("latin-1"))


def _host(section: bytes) -> bytes:
    """Return the host of the first `c=` line, empty without one."""
    match = _CONNECTION.search(section)
    return match[1] if match else b""


def _rtcp(section: bytes, endpoint: Endpoint | None) -> Endpoint | None:
    if endpoint is None or not endpoint.port:
        return None
    match = _RTCP.search(section)
    if match is None:
        return Endpoint(endpoint.address, min(endpoint.port + 1, 65535))
    host = _address(match[2]) if match[2] else None
    return Endpoint(host or endpoint.address, min(int(match[1]), 65535))


def _formats(section: bytes) -> dict[int, Format]:
    return {
        int(match[1]): Format(match[2].decode("latin-1"), int(match[3]))
        for match in _RTPMAP.finditer(section)
    }


def _key_exchanges(names: set[bytes]) -> tuple[str, ...]:
    return tuple(text for name, text in _KEY_EXCHANGES.items() if name in names)


def _direction(section: bytes, default: str) -> str:
    match = _DIRECTION.search(section)
    return match[1].decode() if match else default
