"""The heads of many SIP messages at once, on columns.

Nearly every message has each header once, on one line, under its full or compact name.
For those, line ends, header names, CSeq numbers, status codes and lengths are found with a
fixed number of numpy calls for thousands of messages. A message that is not so regular
leaves the columns for `sip.read_head`; the result is the same either way.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sipscope.decode.sip import MAX_HEADER_LENGTH, MAX_HEADERS, Head, read_head
from sipscope.decode.sip_framing import METHODS

SMALL_BATCH = 12
"""Up to so many messages, reading one by one costs less than the numpy calls."""

_VIA, _FROM, _TO, _CALL_ID, _CSEQ, _LENGTH, _EMPTY, _ODD, _OTHER = range(9)
"""What a line may be: a header that the store needs, the empty line after them, a line that
only `sip.read_head` reads right, or something else."""

_HEADERS = 6
_NAMES = (b"Via", b"From", b"To", b"Call-ID", b"CSeq", b"Content-")
_COMPACT_NAMES = (b"v", b"f", b"t", b"i", b"", b"l")

_LF, _CR, _SPACE, _TAB, _COLON, _HYPHEN = b"\n\r \t:-"
_PADDING = b"\n" + bytes(63)
"""Behind the last message, so that words can be read at and after its end."""

_ZERO = np.uint8(ord("0"))  # taken off an octet, all but the digits are over 9

_TAG = re.compile(rb";[ \t]*tag[ \t]*=", re.I)
_TO_TAG = re.compile(rb"\nTo?[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=", re.I)
_OTHER_LEG = re.compile(rb"\nX-C(?:all-)?ID[ \t]*:[ \t]*([^\r\n]+)", re.I)

_Numbers = NDArray[np.int64]
_Words = NDArray[np.uint64]
_Flags = NDArray[np.bool_]


def _words(texts: Sequence[bytes]) -> _Words:
    """Return texts of up to eight bytes as little-endian numbers."""
    return np.array([int.from_bytes(text, "little") for text in texts], np.uint64)


def _word_masks(texts: Sequence[bytes]) -> _Words:
    """Return what to keep of a word that is compared with a text, letters in upper case."""
    return _words([bytes(0xDF if chr(c).isalpha() else 0xFF for c in text) for text in texts])


def _line_kinds() -> NDArray[np.uint8]:
    """Return what a line may be by its first two bytes, as a little-endian number."""
    kinds = np.full((256, 256), _OTHER, np.uint8)  # second byte, first byte
    for kind, name in enumerate(_NAMES):
        for first in (name[0], name[0] | 0x20):
            kinds[[name[1] & 0xDF, name[1] | 0x20], first] = kind
    for kind, name in enumerate(_COMPACT_NAMES):
        for first in (*name, *name.upper()):
            kinds[_COLON, first] = kind
            kinds[[_SPACE, _TAB], first] = _ODD
    kinds[:, [_SPACE, _TAB]] = _ODD
    kinds[_LF, _CR] = _EMPTY
    return kinds.reshape(-1)


_LINE_KINDS = _line_kinds()
_NAME_LENGTHS = np.array([len(name) for name in (*_NAMES[:_LENGTH], b"Content-Length")])
_NAME_WORDS = _words([name.upper() for name in _NAMES])
_NAME_MASKS = _word_masks(_NAMES)
_LENGTH_WORD, _LENGTH_MASK = _words([b"LENGTH"])[0], _word_masks([b"LENGTH"])[0]

_LEG, _LEG_MASK = _words([b"X-C"])[0], _word_masks([b"X-C"])[0]

_INVITE = METHODS.index(b"INVITE")
_METHOD_NAMES = np.array([method.decode() for method in METHODS], object)
_METHOD_LENGTHS = np.array([len(method) for method in METHODS])
_METHOD_WORDS = _words([method[:8] for method in METHODS])
_METHOD_MASKS = _words([b"\xff" * min(len(method), 8) for method in METHODS])
_METHOD_NINTH = np.array([method[8] if len(method) > 8 else 0 for method in METHODS], np.uint8)
_CODES = _words([method[:3] for method in METHODS])
_MODULUS = next(n for n in range(1, 1000) if len(set((_CODES % n).tolist())) == len(METHODS))
_METHOD_BY_CODE = np.zeros(_MODULUS, np.int64)
_METHOD_BY_CODE[_CODES % _MODULUS] = range(len(METHODS))
"""Which method it may be, by the remainder of its first three letters: all differ."""

_STATUS_LINE, _VERSION, _SDP = _words([b"SIP/2.0 ", b" SIP/2.0", b"v=0"])


class Heads(NamedTuple):
    """The heads of many messages: one list a field of `Head`, with one entry a message.

    Attributes:
        others: Which of them do not begin like SIP; their entries mean nothing.
        within: Which of them are INVITEs within a dialog: To has a tag (section 12.2).
        legs: For INVITE and its answers, the Call-ID of the leg that a B2BUA made this one for.
    """

    method: list[str]
    status: list[int]
    cseq: list[int]
    call_id: list[bytes]
    body: list[int]
    sdp: list[bool]
    malformed: list[bool]
    others: list[int]
    within: set[int]
    legs: dict[int, bytes]

    @classmethod
    def empty(cls, count: int) -> "Heads":
        """Return room for heads."""
        zeros, falses = [0] * count, [False] * count
        columns = [""] * count, zeros, zeros[:], [b""] * count, zeros[:], falses, falses[:]
        return cls(*columns, others=[], within=set(), legs={})

    def put(self, index: int, raw: bytes, head: Head) -> None:
        """Set the entry of one message."""
        (
            self.method[index],
            self.status[index],
            self.cseq[index],
            self.call_id[index],
            self.body[index],
            self.sdp[index],
            self.malformed[index],
        ) = head
        self.within.discard(index)
        if head.method == "INVITE":
            if not head.status and _has_to_tag(raw, head.body):
                self.within.add(index)
            self.find_leg(index, raw, head.body)

    def find_leg(self, index: int, raw: bytes, body: int) -> None:
        """Note the other leg that a message names in its headers."""
        if raw.find(b"\nX-", 0, body) < 0 and raw.find(b"\nx-", 0, body) < 0:
            return
        found = _OTHER_LEG.search(raw, 0, body)
        if found is not None:
            self.legs[index] = found[1].strip()


_NO_HEAD = Head("", 0, -1, b"", 0, False, False)


@dataclass(frozen=True, slots=True)
class _Text:
    """All messages, one behind the other, readable at any position.

    Attributes:
        whole: The messages, maybe something between them, and some padding.
        octets: One entry a byte of it.
        words: The eight bytes from each position on, as a little-endian number.
        first: Where each message begins.
        end: Where each message ends.
    """

    whole: bytes
    octets: NDArray[np.uint8]
    words: _Words
    first: _Numbers
    end: _Numbers

    @classmethod
    def cut(cls, text: bytes, begin: _Numbers, end: _Numbers) -> "_Text":
        start, stop = int(begin[0]), int(end[-1])
        whole = b"".join((memoryview(text)[start:stop], _PADDING))
        words: _Words = np.ndarray((len(whole) - 7,), "<u8", whole, strides=(1,))
        return cls(whole, np.frombuffer(whole, np.uint8), words, begin - start, end - start)


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of all messages.

    Attributes:
        begin: Where each line begins.
        end: Where its LF is.
        message: Index of its message.
        kind: What it may be.
        first: Index of each message's first line.
        start_end: Where the LF of each message's start line is.
        empty: Index of the empty line that ends each message's headers, -1 without one.
        leg: Messages that have a line which may name another leg.
    """

    begin: _Numbers
    end: _Numbers
    message: _Numbers
    kind: NDArray[np.uint8]
    first: _Numbers
    start_end: _Numbers
    empty: _Numbers
    leg: _Numbers


@dataclass(frozen=True, slots=True)
class _Headers:
    """Where the headers are that the store needs.

    Attributes:
        value: Where the value begins, [header, message].
        end: Where the LF of its line is, [header, message].
        times: How often the message has the header, [header, message].
        odd: Messages with a header that only `sip.read_head` reads right.
    """

    value: _Numbers
    end: _Numbers
    times: _Numbers
    odd: _Numbers


def read_heads(text: bytes, begin: _Numbers, end: _Numbers) -> Heads:
    """Return the heads of messages.

    Args:
        text: Holds the messages one behind the other, and anything between them.
        begin: Where each message begins.
        end: Where each message ends.
    """
    count = len(begin)
    if count > SMALL_BATCH:
        heads, irregular = _on_columns(_Text.cut(text, begin, end))
    else:
        heads, irregular = Heads.empty(count), np.arange(count)
    for index in irregular.tolist():
        raw = text[begin.item(index) : end.item(index)]
        head = read_head(raw)
        if head is None:
            heads.others.append(index)
        heads.put(index, raw, head or _NO_HEAD)
    return heads


def _on_columns(text: _Text) -> tuple[Heads, _Numbers]:
    """Return the heads of all messages, and of which ones `sip.read_head` has to be asked."""
    lines = _lines(text)
    body = text.end.copy()
    complete = np.flatnonzero(lines.empty >= 0)
    body[complete] = lines.end[lines.empty[complete]] + 1
    headers = _headers(text, lines)
    times = headers.times
    method, status, regular = _start_lines(text, lines.start_end - 1)
    regular &= _within_limits(text, lines, body)
    regular &= (times[_VIA] > 0) & (times[_FROM : _CSEQ + 1] == 1).all(0) & (times[_LENGTH] < 2)
    regular[headers.odd] = False
    cseq, cseq_method, valid = _cseqs(text, headers.value[_CSEQ], headers.end[_CSEQ] - 1)
    regular &= valid & ((status > 0) | (method == cseq_method))
    regular &= _lengths_agree(text, headers, text.end - body)
    call_id, call_id_end = headers.value[_CALL_ID], headers.end[_CALL_ID] - 1
    regular &= text.octets[call_id_end - 1] > _SPACE
    sdp = (text.words[body] & 0xFFFFFF == _SDP) & (body + 3 <= text.end)
    regular &= sdp | (body == text.end) | (text.octets[body] > _HYPHEN)  # else maybe multipart
    places = zip(call_id.tolist(), call_id_end.tolist(), strict=True)
    heads = Heads(
        _METHOD_NAMES[cseq_method].tolist(),
        status.tolist(),
        cseq.tolist(),
        [text.whole[begin:end] for begin, end in places],
        (body - text.first).tolist(),
        sdp.tolist(),
        [False] * len(sdp),
        others=[],
        within=set(_within_dialog(text, headers, (cseq_method == _INVITE) & (status == 0))),
        legs={},
    )
    for index in dict.fromkeys(lines.leg.tolist()):
        if heads.method[index] == "INVITE":
            raw = text.whole[text.first[index] : text.end[index]]
            heads.find_leg(index, raw, heads.body[index])
    return heads, np.flatnonzero(~regular)


def _has_to_tag(message: bytes, body: int) -> bool:
    """Return whether the message is within a dialog (RFC 3261 section 12.2)."""
    start = message.find(b"\nTo:", 0, body)
    if start < 0:  # in compact or another spelling
        return _TO_TAG.search(message, 0, body) is not None
    return _TO_TAG.match(message, start, body) is not None


def _within_dialog(text: _Text, headers: _Headers, chosen: _Flags) -> Iterator[int]:
    """Tell which of the `chosen` messages have a tag in To."""
    rows = np.flatnonzero(chosen)
    begins, ends = headers.value[_TO, rows].tolist(), headers.end[_TO, rows].tolist()
    for index, begin, end in zip(rows.tolist(), begins, ends, strict=True):
        if text.whole.find(b";", begin, end) >= 0 and _TAG.search(text.whole, begin, end):
            yield index


def _lines(text: _Text) -> _Lines:
    """Find the lines of each message, and the empty one that ends its headers."""
    feeds = np.flatnonzero(text.octets == _LF)
    place = np.searchsorted(feeds, text.first)
    count = np.searchsorted(feeds, text.end) - place
    first = np.cumsum(count) - count
    message = np.repeat(np.arange(len(count)), count)
    end = feeds[np.arange(len(message)) + (place - first)[message]]  # none between messages
    begin = np.empty_like(end)
    begin[1:] = end[:-1] + 1
    some = count > 0
    begin[first[some]] = text.first[some]
    words = text.words[begin]
    kind = _LINE_KINDS[words & 0xFFFF]
    leg = message[words & _LEG_MASK == _LEG]
    empty = np.full(len(count), -1)
    found = np.flatnonzero(kind == _EMPTY)[::-1]  # the first one of a message is written last
    empty[message[found]] = found
    return _Lines(begin, end, message, kind, first, feeds[place], empty, leg)


def _within_limits(text: _Text, lines: _Lines, body: _Numbers) -> _Flags:
    """Whether each message's headers end, each on its own line that CR LF ends, within bounds."""
    within: _Flags = (lines.empty >= 0) & (body - text.first <= MAX_HEADER_LENGTH)
    within &= lines.empty - lines.first <= MAX_HEADERS
    odd = np.flatnonzero((lines.kind == _ODD) | (text.octets[lines.end - 1] != _CR))
    message = lines.message[odd]
    within[message[odd < lines.empty[message]]] = False
    return within


def _headers(text: _Text, lines: _Lines) -> _Headers:
    """Find the headers that the store needs."""
    line = np.flatnonzero(lines.kind < _HEADERS)
    message = lines.message[line]
    in_head = line < lines.empty[message]
    line, message = line[in_head], message[in_head]
    kind, begin = lines.kind[line].astype(np.int64), lines.begin[line]
    compact = text.octets[begin + 1] == _COLON
    named = text.words[begin] & _NAME_MASKS[kind] == _NAME_WORDS[kind]
    content = np.flatnonzero(named & (kind == _LENGTH))
    named[content] = text.words[begin[content] + 8] & _LENGTH_MASK == _LENGTH_WORD
    named |= compact
    colon = begin + np.where(compact, 1, _NAME_LENGTHS[kind])
    after = text.octets[colon]
    value = colon + 1
    value += text.octets[value] == _SPACE
    odd = named & ((after == _SPACE) | (after == _TAB))
    named &= after == _COLON
    odd |= named & (text.octets[value] <= _SPACE)
    cell = (kind * len(text.first) + message)[named]
    shape = _HEADERS, len(text.first)
    values, ends = np.zeros((2, _HEADERS * len(text.first)), np.int64)
    values[cell], ends[cell] = value[named], lines.end[line[named]]
    times = np.bincount(cell, minlength=len(values))
    return _Headers(values.reshape(shape), ends.reshape(shape), times.reshape(shape), message[odd])


def _start_lines(text: _Text, end: _Numbers) -> tuple[_Numbers, _Numbers, _Flags]:
    """Return method index of requests, status of responses (else 0), and who is regular."""
    response = text.words[text.first] == _STATUS_LINE
    hundreds, tens, ones = (text.octets[text.first + at] - _ZERO for at in (8, 9, 10))
    regular = response & (hundreds - np.uint8(1) < 6) & (tens < 10) & (ones < 10)
    reason = text.first + 12
    regular &= (text.octets[reason - 1] == _SPACE) & (end >= reason)
    method, known = _methods(text, text.first)
    uri = text.first + _METHOD_LENGTHS[method] + 1
    version = np.maximum(end - 8, 0)
    known &= ~response & (text.octets[uri - 1] == _SPACE) & (version > uri)
    regular |= known & (text.words[version] == _VERSION)
    code = hundreds.astype(np.int64) * 100 + tens * np.uint8(10) + ones
    return method, np.where(response, code, 0), regular


def _cseqs(text: _Text, at: _Numbers, end: _Numbers) -> tuple[_Numbers, _Numbers, _Flags]:
    """Return CSeq number, method index, and whether both are there and nothing else."""
    number, digits = _decimal(text, at, 10)
    space = at + digits
    method, known = _methods(text, space + 1)
    known &= (digits > 0) & (number < 2**31) & (text.octets[space] == _SPACE)
    known &= space + 1 + _METHOD_LENGTHS[method] == end
    return number, method, known


def _methods(text: _Text, at: _Numbers) -> tuple[_Numbers, _Flags]:
    """Return the index of the method that begins at each position, and whether one does."""
    words = text.words[at]
    method = _METHOD_BY_CODE[(words & 0xFFFFFF) % _MODULUS]
    known = words & _METHOD_MASKS[method] == _METHOD_WORDS[method]
    long = np.flatnonzero(_METHOD_NINTH[method])
    known[long] &= text.octets[at[long] + 8] == _METHOD_NINTH[method[long]]
    return method, known


def _lengths_agree(text: _Text, headers: _Headers, body: _Numbers) -> _Flags:
    """Whether each Content-Length, where there is one, is what follows the headers."""
    at = headers.value[_LENGTH]
    number, digits = _decimal(text, at, 6)
    whole = (digits > 0) & (at + digits == headers.end[_LENGTH] - 1)
    agree: _Flags = (headers.times[_LENGTH] == 0) | (whole & (number == body))
    return agree


def _decimal(text: _Text, at: _Numbers, width: int) -> tuple[_Numbers, _Numbers]:
    """Return the decimal number at each position and how many digits it has, up to `width`."""
    number = np.zeros(len(at), np.int64)
    digits = np.zeros(len(at), np.int64)
    more = np.ones(len(at), np.bool_)
    for position in range(width):
        value = text.octets[at + position] - _ZERO
        more &= value < 10
        if not more.any():
            break
        number = np.where(more, number * 10 + value, number)
        digits += more
    return number, digits
