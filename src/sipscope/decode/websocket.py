"""SIP over WebSocket (RFC 7118): frames of a TCP stream put together into messages (RFC 6455)."""

import re
import struct
import zlib
from typing import Final, NamedTuple

from sipscope.decode.sip_framing import FramedMessage, looks_like_sip
from sipscope.errors import Problem

MAX_MESSAGE: Final = 64 << 10
MAX_HANDSHAKE: Final = 8 << 10
HANDSHAKES: Final = (b"GET ", b"HTTP/1.1 101")
"""How the two directions of a connection begin."""

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_UPGRADE = re.compile(rb"\nUpgrade[ \t]*:[ \t]*websocket", re.I)
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PONG = 0, 1, 2, 8, 10
_FIN, _COMPRESSED, _RESERVED, _OPCODE = 0x80, 0x40, 0x30, 0x0F
_MASKED, _LENGTH = 0x80, 0x7F
_SYNC: Final = b"\x00\x00\xff\xff"  # what a compressed message ends with (RFC 7692 section 7.2.2)
_ENOUGH: Final = 64


class Frame(NamedTuple):
    """The header of a frame.

    Attributes:
        final: Whether the message ends with it.
        compressed: Whether the message is compressed (RFC 7692).
        opcode: What it is.
        header: Bytes of the header.
        length: Bytes of the payload.
        mask: Four bytes, empty when the payload is as it is.
    """

    final: bool
    compressed: bool
    opcode: int
    header: int
    length: int
    mask: bytes


def read_frame(data: bytes | bytearray, start: int = 0) -> Frame | Problem | None:
    """Return the header of the frame that begins at `start`.

    None when there is not all of it yet; a problem when it is none (RFC 6455 section 5.2).
    """
    if len(data) < start + 2:
        return None
    first, second = data[start], data[start + 1]
    opcode, length, header = first & _OPCODE, second & _LENGTH, 2
    control = opcode >= _CLOSE
    if first & _RESERVED or _BINARY < opcode < _CLOSE or opcode > _PONG:
        return Problem("websocket.opcode", "no frame of WebSocket begins here", start)
    if control and (not first & _FIN or length > 125):
        return Problem("websocket.control", "a control frame is too long", start)
    extended = {126: ">H", 127: ">Q"}.get(length)
    if extended is not None:
        header += struct.calcsize(extended)
        if len(data) < start + header:
            return None
        (length,) = struct.unpack_from(extended, data, start + 2)
    mask = b""
    if second & _MASKED:
        mask = bytes(data[start + header : start + header + 4])
        header += 4
    if len(data) < start + header:
        return None
    if length > MAX_MESSAGE:
        return Problem("websocket.length", f"a frame of {length} bytes is no SIP", start)
    compressed = bool(first & _COMPRESSED) and not control
    return Frame(bool(first & _FIN), compressed, opcode, header, length, mask)


def unmask(payload: bytes, mask: bytes) -> bytes:
    """Return a payload as the sender meant it (RFC 6455 section 5.3)."""
    if not mask or not payload:
        return payload
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    plain = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return plain.to_bytes(len(payload), "big")


def begins_with_sip(data: bytes) -> bool:
    """Tell whether a frame begins here that holds the beginning of a SIP message."""
    frame = read_frame(data[:_ENOUGH])
    if not isinstance(frame, Frame) or frame.opcode not in (_TEXT, _BINARY) or frame.compressed:
        return False
    payload = data[frame.header : min(frame.header + frame.length, _ENOUGH)]
    return looks_like_sip(unmask(payload, frame.mask))


class WebSocketFramer:
    """Cuts one direction of a WebSocket connection into SIP messages.

    The handshake may be missing, when the capture began later. Compression that keeps its
    dictionary from message to message is followed from the handshake on.

    Attributes:
        position: Where the bytes that are held begin in the stream.
        discarded: Bytes passed over that are no frames.
    """

    transport: Final = "ws"

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self.discarded = 0
        self._buffer = bytearray()
        self._upgraded = False
        self._message = bytearray()
        self._started: int | None = None
        self._compressed = False
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._lost: tuple[Problem, ...] = ()

    @property
    def held(self) -> int:
        """Bytes that are held back."""
        return len(self._buffer) + len(self._message)

    @property
    def junk(self) -> int:
        """Bytes that belong to no message, as far as can be told yet."""
        return self.discarded + (0 if self._upgraded else len(self._buffer))

    def feed(self, data: bytes) -> list[FramedMessage]:
        """Take the next bytes of the stream; return the messages that they complete."""
        self._buffer += data
        messages: list[FramedMessage] = []
        if not self._upgraded and not self._upgrade():
            return messages
        while isinstance(frame := read_frame(self._buffer), Frame):
            if len(self._buffer) < frame.header + frame.length:
                return messages
            messages += self._take(frame)
        if frame is not None:
            self._discard(len(self._buffer))
        return messages

    def gap(self, length: int) -> list[FramedMessage]:
        """Go on after `length` missing bytes: frames are found again where one holds SIP."""
        text = f"{length} bytes of the stream are missing"
        messages = self.give_up("tcp.gap", f"{text} here")
        self.position += length
        self._lost = (Problem("tcp.gap", f"{text} before this message", 0),)
        self._upgraded = False
        return messages

    def give_up(self, code: str, text: str) -> list[FramedMessage]:
        """Wait no longer for the rest of a message; return what there is of it, if any."""
        frame = read_frame(self._buffer) if self._upgraded else None
        started, payload = self._started, bytes(self._message)
        if isinstance(frame, Frame) and frame.opcode < _CLOSE and not frame.compressed:
            started = self.position if started is None else started
            payload += unmask(bytes(self._buffer[frame.header :]), frame.mask)
        self._discard(len(self._buffer))
        self._message.clear()
        self._started = None
        if started is None or self._compressed or not looks_like_sip(payload):
            return []
        problem = Problem(code, text, len(payload))
        return [FramedMessage(payload, started, (problem,), self.position)]

    def finish(self) -> list[FramedMessage]:
        """Take note that the stream has ended; return the message that it cut off, if any."""
        return self.give_up("sip.incomplete", "the stream ends before the message does")

    def _upgrade(self) -> bool:
        """Pass over the handshake, or find that frames are there already."""
        buffer = self._buffer
        if begins_with_sip(bytes(buffer[:_ENOUGH])):
            self._upgraded = True
        elif buffer.startswith(HANDSHAKES):
            end = _HEADER_END.search(buffer, 0, MAX_HANDSHAKE)
            if end is None:
                if len(buffer) > MAX_HANDSHAKE:
                    self._discard(len(buffer))
                return False
            self._upgraded = _UPGRADE.search(buffer, 0, end.end()) is not None
            if self._upgraded:
                self._remove(end.end())
            else:
                self._discard(len(buffer))
        elif not any(each.startswith(buffer) for each in HANDSHAKES):
            self._discard(len(buffer))
        return self._upgraded

    def _take(self, frame: Frame) -> list[FramedMessage]:
        """Remove a whole frame from the buffer; return the message that ends with it."""
        start = self.position
        payload = bytes(self._buffer[frame.header : frame.header + frame.length])
        self._remove(frame.header + frame.length)
        if frame.opcode >= _CLOSE:
            return []
        if frame.opcode != _CONTINUATION or self._started is None:
            self._message.clear()
            self._started, self._compressed = start, frame.compressed
        self._message += unmask(payload, frame.mask)
        if len(self._message) > MAX_MESSAGE:
            return self.give_up("sip.too-long", f"the message has over {MAX_MESSAGE} bytes")
        if not frame.final:
            return []
        started, self._started = self._started, None
        whole = self._inflated() if self._compressed else bytes(self._message)
        self._message.clear()
        if not looks_like_sip(whole):  # keep-alives of line ends, or another protocol
            return []
        lost, self._lost = self._lost, ()
        return [FramedMessage(whole, started, lost, self.position)]

    def _inflated(self) -> bytes:
        """Return the message without its compression, empty when that cannot be undone."""
        try:
            return self._inflate.decompress(bytes(self._message) + _SYNC, MAX_MESSAGE)
        except zlib.error:
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            return b""

    def _remove(self, size: int) -> None:
        del self._buffer[:size]
        self.position += size

    def _discard(self, size: int) -> None:
        self.discarded += size
        self._remove(size)
