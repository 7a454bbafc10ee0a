"""The heads of many SIP messages at once, on columns.

Nearly every message has each header once, on one line, under its full or compact name.
For those, line ends, header names, CSeq numbers, status codes and lengths are found with a
fixed number of numpy calls for thousands of messages. A message that is not so regular
leaves the columns for `sip.read_head`; the result is the same either way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sipscope.decode.sip import MAX_HEADER_LENGTH, MAX_HEADERS, Head, read_head

METHODS = (
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "PRACK",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "INFO",
    "REFER",
    "MESSAGE",
    "UPDATE",
)
SMALL_BATCH = 24
"""Up to so many messages, reading one by one costs less than the numpy calls."""

_LF, _CR, _SPACE, _TAB = 10, 13, 32, 9
_Positions = NDArray[np.int64]
_Flags = NDArray[np.bool_]


class _Pattern:
    """A short text that is looked for at many positions, letters in either case."""

    def __init__(self, text: bytes, *, exact: bool = False) -> None:
        folded = text if exact else text.upper()
        mask = bytes(0xFF if exact or not byte.isalpha() else 0xDF for byte in _chars(text))
        self.value = np.uint64(int.from_bytes(folded, "little"))
        self.mask = np.uint64(int.from_bytes(mask, "little"))

    def match(self, words: NDArray[np.uint64]) -> _Flags:
        """Return which words begin with the text."""
        flags: _Flags = (words & self.mask) == self.value
        return flags


def _chars(text: bytes) -> list[bytes]:
    return [text[index : index + 1] for index in range(len(text))]


_HEADERS = {
    "via": (b"Via:", b"v:"),
    "from": (b"From:", b"f:"),
    "to": (b"To:", b"t:"),
    "call-id": (b"Call-ID:", b"i:"),
    "cseq": (b"CSeq:",),
}
_PATTERNS = {name: [_Pattern(text) for text in texts] for name, texts in _HEADERS.items()}
_LENGTH = (_Pattern(b"Content-"), _Pattern(b"Length:"), _Pattern(b"l:"))
_EMPTY_LINE = _Pattern(b"\r\n", exact=True)
_SIP = _Pattern(b"SIP/2.0 ", exact=True)
_SIP_LAST = _Pattern(b" SIP/2.0", exact=True)
_SDP = _Pattern(b"v=0", exact=True)


@dataclass(frozen=True, slots=True)
class _Text:
    """All messages one after the other, readable at any position.

    Attributes:
        octets: One entry a byte, padded so that a word can be read at the last one.
        words: The eight bytes from each position on, as a little-endian number.
        first: Where each message begins.
        end: Where each message ends.
    """

    octets: NDArray[np.uint8]
    words: NDArray[np.uint64]
    first: _Positions
    end: _Positions

    @classmethod
    def join(cls, raws: Sequence[bytes]) -> "_Text":
        lengths = np.fromiter(map(len, raws), np.int64, len(raws))
        text = b"".join((*raws, b"\n", bytes(31)))
        end = np.cumsum(lengths)
        words: NDArray[np.uint64] = np.ndarray((len(text) - 7,), "<u8", text, strides=(1,))
        return cls(np.frombuffer(text, np.uint8), words, end - lengths, end)


@dataclass(frozen=True, slots=True)
class _Lines:
    """The header lines of all messages, without their start lines.

    Attributes:
        first: Where each line begins.
        end: Where its CR is.
        message: Index of its message.
        start_line_end: Where the CR of each message's start line is.
        body: Where each message's body begins.
        regular: Messages with an empty line, every line ended by CRLF, none folded.
    """

    first: _Positions
    end: _Positions
    message: _Positions
    start_line_end: _Positions
    body: _Positions
    regular: _Flags


def read_heads(raws: Sequence[bytes]) -> list[Head | None]:
    """Return the head of each message, None for what does not begin like SIP."""
    if len(raws) <= SMALL_BATCH:
        return [read_head(raw) for raw in raws]
    text = _Text.join(raws)
    lines = _header_lines(text)
    regular = lines.regular
    found = {}
    for name, patterns in _PATTERNS.items():
        found[name], times = _find(text, lines, patterns)
        regular &= times > 0 if name == "via" else times == 1
    method, status, valid = _start_lines(text, lines)
    regular &= valid
    cseq, cseq_method, valid = _cseqs(text, _value(text, lines, found["cseq"], b"CSeq:"))
    regular &= valid & ((status > 0) | (method == cseq_method))
    regular &= _lengths_agree(text, lines)
    start, stop, valid = _call_ids(text, lines, found["call-id"])
    regular &= valid
    sdp = _SDP.match(text.words[lines.body]) & (lines.body + 3 <= text.end)
    regular &= sdp | (lines.body >= text.end) | (text.octets[lines.body] > ord("-"))
    columns = zip(
        raws,
        regular.tolist(),
        cseq_method.tolist(),
        status.tolist(),
        cseq.tolist(),
        (start - text.first).tolist(),
        (stop - text.first).tolist(),
        (lines.body - text.first).tolist(),
        sdp.tolist(),
        strict=True,
    )
    return [
        tuple.__new__(Head, (METHODS[name], code, number, raw[begin:finish], body, with_sdp, False))
        if plain
        else read_head(raw)
        for raw, plain, name, code, number, begin, finish, body, with_sdp in columns
    ]


def _header_lines(text: _Text) -> _Lines:
    """Find every header line, up to each message's first empty line."""
    count = len(text.first)
    feeds = np.flatnonzero(text.octets == _LF)
    start_feed = np.searchsorted(feeds, text.first)
    owner = np.repeat(np.arange(count), np.diff(start_feed, append=len(feeds) - 1))
    begin = feeds[:-1] + 1
    carriage = text.octets[feeds - 1] == _CR
    blanks = np.flatnonzero(_EMPTY_LINE.match(text.words[begin]) & (begin + 2 <= text.end[owner]))
    messages, at = np.unique(owner[blanks], return_index=True)
    blank = np.full(count, -1, np.int64)
    blank[messages] = blanks[at]
    in_head = np.arange(len(owner)) < blank[owner]
    first_byte = text.octets[begin]
    odd = in_head & ((first_byte == _SPACE) | (first_byte == _TAB) | ~carriage[1:])
    odd |= (np.arange(len(owner)) == start_feed[owner]) & ~carriage[:-1]
    body = np.where(blank < 0, text.end, begin[blank] + 2)
    lines = np.flatnonzero(in_head)
    message = owner[lines]
    regular = (blank >= 0) & (np.bincount(owner[odd], minlength=count) == 0)
    regular &= (text.octets[text.first] > _SPACE) & (body - text.first < MAX_HEADER_LENGTH)
    regular &= np.bincount(message, minlength=count) < MAX_HEADERS
    return _Lines(begin[lines], feeds[lines + 1] - 1, message, feeds[start_feed] - 1, body, regular)


def _find(
    text: _Text, lines: _Lines, patterns: Sequence[_Pattern]
) -> tuple[_Positions, _Positions]:
    """Return each message's first line that begins with a pattern (or line 0), and how many do."""
    words = text.words[lines.first]
    match = patterns[0].match(words)
    for pattern in patterns[1:]:
        match |= pattern.match(words)
    return _first(lines, np.flatnonzero(match), len(text.first))


def _first(lines: _Lines, at: _Positions, count: int) -> tuple[_Positions, _Positions]:
    owner = lines.message[at]
    first = np.zeros(count, np.int64)
    first[owner[::-1]] = at[::-1]
    return first, np.bincount(owner, minlength=count)


def _value(text: _Text, lines: _Lines, line: _Positions, name: bytes) -> _Positions:
    """Return where the value begins, one space after the colon passed over."""
    begin = _line_first(lines, line) + len(name)
    return begin + (text.octets[begin] == _SPACE)


def _line_first(lines: _Lines, line: _Positions) -> _Positions:
    first: _Positions = lines.first[line] if len(lines.first) else np.zeros(len(line), np.int64)
    return first


def _tokens(text: _Text, at: _Positions, terminator: int) -> _Positions:
    """Return the index of the method at each position, -1 for none."""
    words = text.words[at]
    index = np.full(len(at), -1, np.int64)
    for number, method in enumerate(METHODS):
        name = method.encode() + bytes([terminator])
        match = _Pattern(name[:8], exact=True).match(words)
        for position in range(8, len(name)):
            match &= text.octets[at + position] == name[position]
        index[match] = number
    return index


def _start_lines(text: _Text, lines: _Lines) -> tuple[_Positions, _Positions, _Flags]:
    """Return method index of requests, status of responses (else 0), and who is regular."""
    response = _SIP.match(text.words[text.first])
    code, digits = _decimal(text, text.first + len(b"SIP/2.0 "), 3)
    status = np.where(response, code, 0)
    space = text.octets[text.first + 11] == _SPACE
    valid = response & (digits == 3) & space & (status >= 100) & (status <= 699)
    valid &= lines.start_line_end >= text.first + 12
    method = _tokens(text, text.first, _SPACE)
    version = lines.start_line_end - 8
    lengths = np.array([len(name) for name in METHODS])[method]
    valid |= (
        ~response
        & (method >= 0)
        & (version > text.first + lengths + 1)
        & _SIP_LAST.match(text.words[np.maximum(version, 0)])
    )
    return method, status, valid


def _cseqs(text: _Text, at: _Positions) -> tuple[_Positions, _Positions, _Flags]:
    """Return CSeq number, method index, and whether both are there."""
    number, digits = _decimal(text, at, 10)
    space = text.octets[at + digits] == _SPACE
    method = _tokens(text, at + digits + 1, _CR)
    return number, method, (digits > 0) & space & (number < 2**31) & (method >= 0)


def _decimal(text: _Text, at: _Positions, width: int) -> tuple[_Positions, _Positions]:
    """Return the decimal number at each position and how many digits it has, up to `width`."""
    number = np.zeros(len(at), np.int64)
    digits = np.zeros(len(at), np.int64)
    more = np.ones(len(at), np.bool_)
    for position in range(width):
        value = text.octets[np.minimum(at + position, len(text.octets) - 1)].astype(np.int64) - 48
        more &= (value >= 0) & (value <= 9)
        number = np.where(more, number * 10 + value, number)
        digits += more
        if not more.any():
            break
    return number, digits


def _lengths_agree(text: _Text, lines: _Lines) -> _Flags:
    """Whether each Content-Length, where there is one, is what follows the head."""
    words = text.words[lines.first]
    content, length, compact = _LENGTH
    match = content.match(words)
    full = np.flatnonzero(match)
    match[full] = length.match(text.words[lines.first[full] + 8])
    long = match.copy()
    match |= compact.match(words)
    line, times = _first(lines, np.flatnonzero(match), len(text.first))
    if not len(lines.first):
        return times == 0
    at = lines.first[line] + np.where(long[line], len(b"Content-Length:"), len(b"l:"))
    at += text.octets[at] == _SPACE
    number, digits = _decimal(text, at, 6)
    plain = (digits > 0) & (digits < 6) & (at + digits == lines.end[line])
    agrees: _Flags = (times == 0) | (times == 1) & plain & (number == text.end - lines.body)
    return agrees


def _call_ids(
    text: _Text, lines: _Lines, line: _Positions
) -> tuple[_Positions, _Positions, _Flags]:
    """Return where each Call-ID begins and ends, and whether no white space is around it."""
    if not len(lines.first):
        return line, line, np.zeros(len(line), np.bool_)
    begin = lines.first[line]
    compact = text.octets[begin + 1] == ord(":")
    begin = begin + np.where(compact, len(b"i:"), len(b"Call-ID:"))
    begin += text.octets[begin] == _SPACE
    end = lines.end[line]
    valid: _Flags = (end > begin) & (text.octets[begin] > _SPACE)
    valid &= text.octets[end - 1] > _SPACE
    return begin, end, valid
