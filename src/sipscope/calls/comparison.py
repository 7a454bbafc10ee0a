"""Two SIP messages header by header: what stands against what, and which words differ."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Final, NamedTuple

from sipscope.decode.sip import COMPACT_NAMES, header_end
from sipscope.decode.text import display

MAX_LINES: Final = 2_000
"""Of each message, that are compared."""

_MOST_TOKENS = 400
_STACKED = frozenset({b"via", b"record-route", b"route", b"history-info"})
"""Headers that each hop puts on top: the lowest ones are the same."""

_TOKEN = re.compile(r"[^\s;,=<>@:\"/]+|\s+|.", re.S)
_NUMBERED = re.compile(rb"a=(?:rtpmap|fmtp|rtcp-fb|crypto|extmap|candidate):[^ ]+")
_NAMED = re.compile(rb"[a-z]=[^: ]*")


class Word(NamedTuple):
    """A piece of a line.

    Attributes:
        text: Safe to show.
        changed: Whether the other message has something else there.
    """

    text: str
    changed: bool


Words = tuple[Word, ...]


class Pair(NamedTuple):
    """A line of one message and what stands against it in the other; None where nothing does."""

    first: Words | None
    second: Words | None

    @property
    def same(self) -> bool:
        """Whether both are the same, but for the spelling of a header's name."""
        both = self.first is not None and self.second is not None
        return both and not any(
            word.changed for word in (*(self.first or ()), *(self.second or ()))
        )


class _Line(NamedTuple):
    """A line, and what makes it stand against another one."""

    key: bytes
    name: bytes
    value: bytes


def compare(first: bytes, second: bytes) -> list[Pair]:
    """Return two messages line by line.

    Headers stand against those of the same name wherever they are, compact names against
    long ones; lines of the body against those in the same order.
    """
    one, other = _split(first), _split(second)
    pairs = [_paired(one[0], other[0])]
    pairs += [_paired(*both) for both in _headers(one[1], other[1])]
    if one[2] or other[2]:
        pairs.append(Pair((), ()))
        pairs += [_paired(*both) for both in _in_order(one[2], other[2])]
    return pairs


def _split(raw: bytes) -> tuple[_Line, list[_Line], list[_Line]]:
    """Return start line, headers and body."""
    start = len(raw) - len(raw.lstrip(b"\r\n"))
    end = max(start, header_end(raw))
    head, body = _lines(raw[start:end]), _lines(raw[end:])
    headers: list[_Line] = []
    for line in head[1:]:
        name, colon, value = line.partition(b":")
        if line[:1] in (b" ", b"\t") and headers:
            before = headers[-1]
            headers[-1] = _Line(before.key, before.name, before.value + b" " + line.strip())
        elif line:
            key = name.strip().lower()
            headers.append(_Line(COMPACT_NAMES.get(key, key), name + colon, value))
    first = head[0] if head else b""
    while body and not body[0]:
        del body[0]
    return _Line(b"", b"", first), headers, [_Line(_body_key(line), b"", line) for line in body]


def _lines(raw: bytes) -> list[bytes]:
    lines = [line.removesuffix(b"\r") for line in raw.split(b"\n")[:MAX_LINES]]
    return lines[:-1] if not lines[-1] else lines


def _body_key(line: bytes) -> bytes:
    """Return the part of a line of SDP that tells what it is about; any other line itself."""
    found = _NUMBERED.match(line) or _NAMED.match(line)
    return line if found is None else found[0] if line[:1] in b"am" else found[0][:1]


def _headers(
    first: Sequence[_Line], second: Sequence[_Line]
) -> Iterator[tuple[_Line | None, _Line | None]]:
    """Yield headers with those of the same name, in the order of the first message."""
    keys = list(dict.fromkeys(line.key for line in first))
    before: bytes | None = None
    for line in second:
        if line.key not in keys:
            keys.insert(0 if before is None else keys.index(before) + 1, line.key)
        before = line.key
    for key in keys:
        lefts = [line for line in first if line.key == key]
        rights = [line for line in second if line.key == key]
        yield from _same_name(lefts, rights, from_below=key in _STACKED)


def _same_name(
    lefts: Sequence[_Line], rights: Sequence[_Line], *, from_below: bool
) -> Iterator[tuple[_Line | None, _Line | None]]:
    values = [line.value.strip() for line in lefts], [line.value.strip() for line in rights]
    matcher = SequenceMatcher(None, *values, autojunk=False)
    for _, left, left_end, right, right_end in matcher.get_opcodes():
        some, others = list(lefts[left:left_end]), list(rights[right:right_end])
        if from_below:
            pairs = list(zip_longest(reversed(some), reversed(others)))
            yield from reversed(pairs)
        else:
            yield from zip_longest(some, others)


def _in_order(
    first: Sequence[_Line], second: Sequence[_Line]
) -> Iterator[tuple[_Line | None, _Line | None]]:
    keys = [line.key for line in first], [line.key for line in second]
    matcher = SequenceMatcher(None, *keys, autojunk=False)
    for tag, left, left_end, right, right_end in matcher.get_opcodes():
        some, others = first[left:left_end], second[right:right_end]
        if tag == "equal":
            yield from zip(some, others, strict=True)
        else:
            yield from ((line, None) for line in some)
            yield from ((None, line) for line in others)


def _paired(first: _Line | None, second: _Line | None) -> Pair:
    if first is None or second is None:
        only = first or second
        words = None if only is None else (Word(display(only.name + only.value), True),)
        return Pair(words if second is None else None, words if first is None else None)
    left, right = display(first.value), display(second.value)
    marked = _marked(left, right)
    return Pair(
        (Word(display(first.name), False), *marked[0]),
        (Word(display(second.name), False), *marked[1]),
    )


def _marked(left: str, right: str) -> tuple[Words, Words]:
    """Return two lines with the words that differ; blanks around them do not count."""
    if left.strip() == right.strip():
        return (Word(left, False),), (Word(right, False),)
    some, others = _TOKEN.findall(left), _TOKEN.findall(right)
    head = 0
    while head < min(len(some), len(others)) and some[head] == others[head]:
        head += 1
    tail = 0
    while tail < min(len(some), len(others)) - head and some[-1 - tail] == others[-1 - tail]:
        tail += 1
    inner = some[head : len(some) - tail], others[head : len(others) - tail]
    opcodes = [("replace", 0, len(inner[0]), 0, len(inner[1]))]
    if max(map(len, inner)) <= _MOST_TOKENS:
        opcodes = list(SequenceMatcher(None, *inner, autojunk=False).get_opcodes())
    sides: list[list[Word]] = [[Word("".join(some[:head]), False)] for _ in range(2)]
    for tag, *places in opcodes:
        for side, (begin, end) in enumerate((places[:2], places[2:])):
            sides[side].append(Word("".join(inner[side][begin:end]), tag != "equal"))
    rest = "".join(some[len(some) - tail :])
    first, second = (tuple(w for w in (*side, Word(rest, False)) if w.text) for side in sides)
    return first, second
