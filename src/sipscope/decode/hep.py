"""HEP versions 1, 2 and 3 (also EEP): what a capture agent tells of a packet that it saw.

Version 3 is the HEP3 network protocol specification of SIPCAPTURE, revision 37; 1 and 2 are
the structures of Kamailio's sipcapture. Where what agents send differs from these, it is
read as they mean it.
"""

import re
import struct
import zlib
from functools import lru_cache
from typing import Final, NamedTuple

from sipscope.decode.address import Endpoint
from sipscope.decode.sip_framing import BEGINNINGS, FramedMessage, looks_like_sip
from sipscope.errors import Problem

MAGICS: Final = (b"HEP3", b"EEP3")
GZIP: Final = b"\x1f\x8b"
MAX_MESSAGE: Final = 65_535
MAX_PAYLOAD: Final = 65_536
"""Bytes that a compressed payload may have."""
MAX_CHUNKS: Final = 256
TRANSPORTS: Final = {6: "tcp", 17: "udp", 22: "tls", 132: "sctp"}
"""By IP protocol; 22, which is IDP, is what Kamailio and FreeSWITCH send for TLS."""

SIP: Final = 1
RTP: Final = 4
RTCP: Final = 5
LOG: Final = 100

_HEADER = 6
_IPV4 = 2
_FAMILIES = {_IPV4: 4, 10: 16, 23: 16, 24: 16, 28: 16, 30: 16}
"""Bytes of an address by address family: that of IPv6 is another in every system."""

_PAYLOAD, _COMPRESSED, _AUTH_KEY, _CORRELATION_ID, _NODE = 15, 16, 14, 17, 19
_VLAN, _MOS, _R_FACTOR, _JITTER = 0x12, 0x20, 0x21, 0x23
_FIGURES = frozenset({_VLAN, _MOS, _R_FACTOR, _JITTER})
_FIXED_KINDS = {3: 4, 4: 4, 5: 16, 6: 16, 11: 1, 2: 1, 7: 2, 8: 2, 9: 4, 10: 4, 12: 4}
"""Bytes of the chunks that every message has or may have: addresses, protocol type, IP
protocol, ports, time, capture id."""
_DEFAULTS = (None, None, None, None, None, b"\x11", bytes(2), bytes(2), *(bytes(4),) * 3)
_SIZES = {
    kind: _HEADER + size
    for kind, size in {**_FIXED_KINDS, 1: 1, _VLAN: 2, _MOS: 2, _R_FACTOR: 2, _JITTER: 4}.items()
}
# All senders begin with these, in several orders; a pattern reads them in a third of the time.
_LEADING = re.compile(
    rb"(?s:\0\0\0(?:%b|\x01\0\x07.))*+"
    % rb"|".join(
        rb"\x%02x\0\x%02x(.{%d})" % (kind, _HEADER + size, size)
        for kind, size in _FIXED_KINDS.items()
    )
)
_CHUNK = struct.Struct("!HHH")
_NUMBERS = struct.Struct("!BBHHIII")
_OLD = struct.Struct("!BBBBHH")
_TIMES = struct.Struct("<IIH"), struct.Struct(">IIH")
_TIME_HEADER = 12
_MICROSECONDS = 1_000_000
_YEAR, _DAY = 31_536_000, 86_400  # s
_RAW_DEFLATE, _ZLIB_OR_GZIP = -15, 47  # as zlib counts window bits


class HepMessage(NamedTuple):
    """One HEP message.

    Attributes:
        version: 1, 2 or 3.
        source: Who sent the packet that the message is about.
        destination: To whom.
        transport: `udp`, `tcp`, `tls` or `sctp`.
        time: When the agent saw it, in ns since the epoch; 0 when it does not say.
        type: What the payload is, such as `SIP`.
        capture_id: The agent's number, 0 when it gives none.
        node: The agent's name, empty when it gives none.
        auth_key: As sent, in plain text.
        correlation_id: The Call-ID that the payload belongs to, empty when it gives none.
        payload: Uncompressed.
        position: Where the payload lies in the message, -1 when it was compressed.
        mos: Mean opinion score.
        r_factor: Of the E-model.
        jitter: In the sender's units.
        vlan: VLAN id of the packet.
    """

    version: int
    source: Endpoint
    destination: Endpoint
    transport: str
    time: int
    type: int
    capture_id: int
    node: bytes
    auth_key: bytes
    correlation_id: bytes
    payload: bytes
    position: int
    mos: float | None = None
    r_factor: float | None = None
    jitter: int | None = None
    vlan: int | None = None


def looks_like_hep(data: bytes) -> bool:
    """Tell whether a datagram begins like HEP of any version.

    Versions 1 and 2, which have no magic, and compressed messages are looked into.
    """
    if data[:4] in MAGICS:
        return True
    if data[:2] == GZIP:
        return _begins_compressed(data)
    return data[:1] in (b"\1", b"\2") and isinstance(_parse_old(data, 0), HepMessage)


def parse_hep(data: bytes, now: int = 0) -> HepMessage | Problem:
    """Read one HEP message; bytes behind it are passed over.

    Args:
        data: A datagram, or what `HepFramer` cut out of a stream.
        now: When it came, in ns since the epoch, to tell the byte order of version 2's time.

    Returns:
        The message, or why it is none and where.
    """
    if data[:4] in MAGICS:
        return _parse3(data)
    if data[:2] == GZIP:
        unpacked = _inflate(data, MAX_MESSAGE, 0)
        if isinstance(unpacked, Problem):
            return unpacked
        message = _parse3(unpacked) if unpacked[:4] in MAGICS else _NOT_HEP
        return message if isinstance(message, Problem) else message._replace(position=-1)
    return _parse_old(data, now)


_NOT_HEP = Problem("hep.magic", "neither a HEP magic nor version 1 or 2", 0)


def _parse3(data: bytes) -> HepMessage | Problem:
    """Read HEP3: a header of 6 bytes and chunks of vendor, type, length and body."""
    if len(data) < _HEADER:
        return Problem("hep.truncated", f"{len(data)} bytes are no header", len(data))
    total = data[4] << 8 | data[5]
    if total > len(data):
        return Problem("hep.truncated", f"{len(data)} of {total} bytes", len(data))
    leading = _LEADING.match(data, _HEADER, max(total, _HEADER))
    assert leading is not None  # it matches nothing, too
    chunks: dict[int, bytes] = {}
    offset, last, position = leading.end(), total - _HEADER, -1
    header, sizes = _CHUNK.unpack_from, _SIZES
    for _ in range(MAX_CHUNKS):
        if offset > last:
            break
        vendor, kind, length = header(data, offset)
        end = offset + length
        if length < _HEADER or end > total:
            return Problem("hep.chunk-length", f"chunk {kind} of {length} bytes", offset)
        if not vendor:
            if sizes.get(kind, length) != length:
                return Problem("hep.chunk-size", f"chunk {kind} of {length} bytes", offset)
            if kind == _PAYLOAD:
                position = offset + _HEADER
            chunks[kind] = data[offset + _HEADER : end]
        offset = end
    if offset <= last:
        return Problem("hep.chunks", f"more than {MAX_CHUNKS} chunks", offset)
    if offset != total:
        return Problem("hep.chunk-length", f"{total - offset} bytes are no chunk", offset)
    fixed = leading.groups()
    if None in fixed[4:] or not _FIXED_KINDS.keys().isdisjoint(chunks):
        fixed = _complete(fixed, chunks)
    return _message(fixed, chunks, position, total)


def _complete(
    fixed: tuple[bytes | None, ...], chunks: dict[int, bytes]
) -> tuple[bytes | None, ...]:
    """Put chunks of fixed size that came late into place, and what those left out stand for."""
    return tuple(
        chunks.get(kind, found or default)
        for kind, found, default in zip(_FIXED_KINDS, fixed, _DEFAULTS, strict=True)
    )


def _message(
    fixed: tuple[bytes | None, ...], chunks: dict[int, bytes], position: int, total: int
) -> HepMessage | Problem:
    """Put together what the chunks say; those of fixed size have that size."""
    ipv4_source, ipv4_destination, ipv6_source, ipv6_destination, *numbers = fixed
    source, destination = ipv4_source, ipv4_destination
    if source is None or destination is None:
        source, destination = ipv6_source, ipv6_destination
    if source is None or destination is None:
        return Problem("hep.address", "no source and destination address", total)
    if numbers[0] is None:
        return Problem("hep.type", "no protocol type", total)
    payload = chunks.get(_PAYLOAD)
    if payload is None:
        if _COMPRESSED not in chunks:
            return Problem("hep.payload", "no payload", total)
        unpacked = _inflate(chunks[_COMPRESSED], MAX_PAYLOAD, total)
        if isinstance(unpacked, Problem):
            return unpacked
        payload = unpacked
    kind, protocol, source_port, destination_port, seconds, microseconds, capture_id = (
        _NUMBERS.unpack(b"".join(numbers))  # type: ignore[arg-type]
    )
    get = chunks.get
    message: HepMessage = tuple.__new__(  # a third of the time
        HepMessage,
        (
            3,
            _endpoint(source, source_port),
            _endpoint(destination, destination_port),
            TRANSPORTS.get(protocol, "udp"),
            seconds * 1_000_000_000 + microseconds * 1000,
            kind,
            capture_id,
            get(_NODE, b""),
            get(_AUTH_KEY, b""),
            get(_CORRELATION_ID, b""),
            payload,
            position,
            None,
            None,
            None,
            None,
        ),
    )
    return message if _FIGURES.isdisjoint(chunks) else _with_figures(message, chunks)


def _with_figures(message: HepMessage, chunks: dict[int, bytes]) -> HepMessage:
    return message._replace(
        mos=_hundredths(chunks.get(_MOS), 5),
        r_factor=_hundredths(chunks.get(_R_FACTOR), 120),
        jitter=_number(chunks.get(_JITTER)),
        vlan=_number(chunks.get(_VLAN)),
    )


@lru_cache(maxsize=65_536)
def _endpoint(address: bytes, port: int) -> Endpoint:
    """Return an endpoint; one object for each, since they come again and again."""
    return Endpoint(address, port)


def _number(body: bytes | None) -> int | None:
    return None if body is None else int.from_bytes(body, "big")


def _hundredths(body: bytes | None, highest: int) -> float | None:
    """Return a figure that is sent times 100; what is low enough to be plain is taken as such."""
    number = _number(body)
    return None if number is None else number / 100 if number > highest else float(number)


def _begins_compressed(data: bytes) -> bool:
    try:
        return zlib.decompressobj(_ZLIB_OR_GZIP).decompress(data[:512], 4) in MAGICS
    except zlib.error:
        return False


def _inflate(data: bytes, most: int, offset: int) -> bytes | Problem:
    """Unpack zlib, gzip or raw deflate into `most` bytes at most."""
    for window in (_ZLIB_OR_GZIP, _RAW_DEFLATE):
        unpacker = zlib.decompressobj(window)
        try:
            unpacked = unpacker.decompress(data, most + 1)
        except zlib.error:
            continue
        if len(unpacked) > most:
            return Problem("hep.too-large", f"more than {most} bytes compressed", offset)
        if unpacker.eof:
            return unpacked
    return Problem("hep.compression", "neither zlib nor gzip nor deflate", offset)


def _parse_old(data: bytes, now: int) -> HepMessage | Problem:
    """Read HEP1 or HEP2, a structure and the SIP message behind it.

    The length in its second byte means something else to every sender and is not used.
    """
    if len(data) < _OLD.size:
        return _NOT_HEP
    version, _, family, protocol, source_port, destination_port = _OLD.unpack_from(data)
    size = _FAMILIES.get(family)
    if version not in (1, 2) or size is None:
        return _NOT_HEP
    middle = _OLD.size + size
    position = middle + size
    time = capture_id = 0
    if version == 2:
        if len(data) < position + _TIME_HEADER:
            return Problem("hep.truncated", "the time header is cut off", len(data))
        time, capture_id = _old_time(data, position, now)
        position += _TIME_HEADER
        # Some leave away the two bytes of padding that the structure ends with.
        if not data.startswith(BEGINNINGS, position) and looks_like_sip(data[position - 2 :]):
            position -= 2
    if not looks_like_sip(data[position:]):
        return Problem("hep.payload", "no SIP message in version 1 or 2", min(position, len(data)))
    return HepMessage(
        version,
        _endpoint(data[_OLD.size : middle], source_port),
        _endpoint(data[middle : middle + size], destination_port),
        TRANSPORTS.get(protocol, "udp"),
        time,
        SIP,
        capture_id,
        b"",
        b"",
        b"",
        data[position:],
        position,
    )


def _old_time(data: bytes, offset: int, now: int) -> tuple[int, int]:
    """Return time in ns and capture id of HEP2: little-endian unless only the other fits."""
    little, big = (order.unpack_from(data, offset) for order in _TIMES)
    today = now // 1_000_000_000
    odd = abs(little[0] - today) > _YEAR or little[1] >= _MICROSECONDS
    if odd and abs(big[0] - today) <= _DAY and big[1] < _MICROSECONDS:
        little = big
    seconds, microseconds, capture_id = little
    return seconds * 1_000_000_000 + microseconds * 1000, capture_id


class HepFramer:
    """Cuts a stream into HEP3 messages, which follow each other without anything between.

    Attributes:
        position: Where the bytes that are held begin in the stream.
        junk: Bytes that belonged to no message.
        lost: Whether something else than a HEP3 message came: where the next one begins,
            nobody can tell.
    """

    transport: Final = "tcp"

    __slots__ = ("_buffer", "_wanted", "junk", "lost", "position")

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self.junk = 0
        self.lost = False
        self._buffer = bytearray()
        self._wanted = _HEADER  # bytes without which there is nothing to find

    @property
    def held(self) -> int:
        """Bytes of a message that is not complete."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[FramedMessage]:
        """Take the next bytes of the stream; return the messages that they complete."""
        self._buffer += data
        messages: list[FramedMessage] = []
        if len(self._buffer) < self._wanted:
            return messages
        stream = bytes(self._buffer)
        offset, size = 0, len(stream)
        self._wanted = _HEADER
        while not self.lost and size - offset >= _HEADER:
            total = stream[offset + 4] << 8 | stream[offset + 5]
            if stream[offset : offset + 4] not in MAGICS or total < _HEADER:
                self.lost = True
            elif total > size - offset:
                self._wanted = total
                break
            else:
                payload = stream[offset : offset + total]
                messages.append(FramedMessage(payload, self.position + offset, ()))
                offset += total
        if self.lost:
            self.junk += size - offset
            offset = size
        del self._buffer[:offset]
        self.position += offset
        return messages

    def gap(self, length: int) -> list[FramedMessage]:
        """Go on after `length` missing bytes, in which a message may have begun."""
        self.give_up("tcp.gap", f"{length} bytes of the stream are missing")
        self.position += length
        return []

    def give_up(self, code: str, text: str) -> list[FramedMessage]:
        """Wait no longer for the rest of a message; a part of one is of no use."""
        self.lost = True
        self.junk += len(self._buffer)
        self.position += len(self._buffer)
        self._buffer.clear()
        return []

    def finish(self) -> list[FramedMessage]:
        """Take note that the stream has ended."""
        return self.give_up("hep.truncated", "the stream ends before the message does")
