"""Session descriptions (RFC 4566, RFC 8866): where media go, and in which format."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from sipscope.decode.address import Endpoint, parse_address

MAX_MEDIA = 64
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")

_CONNECTION = re.compile(rb"c=IN[ ]+IP[46][ ]+([^\s/]+)", re.I)
_MEDIA = re.compile(rb"m=([!-~]+)[ ]+([0-9]{1,5})(?:/[0-9]+)?[ ]+([!-~]+)[ ]*([^\r\n]*)")
_RTPMAP = re.compile(rb"a=rtpmap:([0-9]{1,3})[ ]+([^/\s]+)/([0-9]{1,7})(?:/([0-9]{1,2}))?")
_RTCP = re.compile(rb"a=rtcp:([0-9]{1,5})(?:[ ]+IN[ ]+IP[46][ ]+([^\s/]+))?")
_PTIME = re.compile(rb"a=ptime:([0-9]{1,4})")
_WHERE = re.compile(rb"\n(?:c=IN IP[46] ([^\s/]+)|m=[!-~]+ ([0-9]{1,5})(?:/[0-9]+)? ([!-~]+))")
_MULTIPART_SDP = re.compile(rb"(?:^|\n)v=0\r?\n")


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
        direction: One of `DIRECTIONS`.
    """

    kind: str
    endpoint: Endpoint | None
    rtcp: Endpoint | None
    profile: str
    payload_types: tuple[int, ...]
    formats: dict[int, Format]
    ptime_ms: int | None
    direction: str

    @property
    def rtp(self) -> bool:
        """Whether RTP is expected at `endpoint`: a port of 0 refuses the media."""
        return "RTP/" in self.profile and self.endpoint is not None and self.endpoint.port > 0


def find_sdp(body: bytes) -> bytes:
    """Return the session description in a body, also in a multipart one; empty without one."""
    if body.startswith(b"v=0"):
        return body
    match = _MULTIPART_SDP.search(body)
    return body[match.start() :].lstrip(b"\n") if match else b""


def media_endpoints(message: bytes, body: int) -> list[Endpoint]:
    """Return where RTP is to be sent, of each `m=` section of the SDP from `body` on.

    The quick way for every message that carries SDP: one pass, nothing kept.
    """
    session: bytes | None = None
    sections: list[tuple[bytes | None, int]] = []
    for host, port, profile in _WHERE.findall(message, body):
        if not host:
            sections.append((session, int(port) if b"RTP/" in profile else 0))
        elif sections:
            sections[-1] = _address(host), sections[-1][1]
        else:
            session = _address(host)
    return [
        Endpoint(address, port)
        for address, port in sections[:MAX_MEDIA]
        if address is not None and 0 < port < 65536
    ]


def parse_sdp(sdp: bytes) -> list[MediaDescription]:
    """Return the media descriptions in order; lines that make no sense are passed over."""
    descriptions: list[MediaDescription] = []
    session, *sections = re.split(rb"(?:^|\n)(?=m=)", sdp.replace(b"\r\n", b"\n"))
    address = _connection(session)
    direction = _direction(session, "sendrecv")
    for section in sections[:MAX_MEDIA]:
        match = _MEDIA.match(section)
        if match is None or int(match[2]) > 65535:
            continue
        host, port = _connection(section) or address, int(match[2])
        endpoint = None if host is None else Endpoint(host, port)
        types = tuple(
            int(token) for token in match[4].split() if re.fullmatch(rb"[0-9]{1,3}", token)
        )
        ptime = _PTIME.search(section)
        descriptions.append(
            MediaDescription(
                match[1].decode("latin-1").lower(),
                endpoint,
                _rtcp(section, endpoint),
                match[3].decode("latin-1"),
                types,
                _formats(section),
                int(ptime[1]) if ptime else None,
                "inactive" if host == bytes(4) else _direction(section, direction),
            )
        )
    return descriptions


_ADDRESSES: dict[bytes, bytes | None] = {}
_MAX_ADDRESSES = 65_536


def _address(host: bytes) -> bytes | None:
    if host not in _ADDRESSES:
        if len(_ADDRESSES) >= _MAX_ADDRESSES:
            _ADDRESSES.clear()
        _ADDRESSES[host] = parse_address(host.decode("latin-1"))
    return _ADDRESSES[host]


def _connection(section: bytes) -> bytes | None:
    match = _CONNECTION.search(section)
    return parse_address(match[1].decode("latin-1")) if match else None


def _rtcp(section: bytes, endpoint: Endpoint | None) -> Endpoint | None:
    if endpoint is None or not endpoint.port:
        return None
    match = _RTCP.search(section)
    if match is None:
        return Endpoint(endpoint.address, min(endpoint.port + 1, 65535))
    host = parse_address(match[2].decode("latin-1")) if match[2] else None
    return Endpoint(host or endpoint.address, min(int(match[1]), 65535))


def _formats(section: bytes) -> dict[int, Format]:
    return {
        int(match[1]): Format(match[2].decode("latin-1"), int(match[3]))
        for match in _RTPMAP.finditer(section)
    }


def _direction(section: bytes, default: str) -> str:
    for direction in DIRECTIONS:
        if f"\na={direction}".encode() in section:
            return direction
    return default
