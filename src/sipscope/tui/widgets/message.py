"""A SIP message as lines of text: what is on the wire, coloured, with what is wrong beside it."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from sipscope.calls.dialog import Message
from sipscope.calls.ladder_words import Kind, kind_of
from sipscope.decode.sip import COMPACT_NAMES, SipMessage, parse
from sipscope.decode.text import display
from sipscope.errors import Problem
from sipscope.tui.line_list import Span
from sipscope.tui.widgets.moments import clock, date
from sipscope.tui.widgets.text_view import Content
from sipscope.tui.widgets.wrapping import CONTINUATION, Line, wrap

_HEADER = re.compile(r"([^:\s]+)([ \t]*:)(.*)", re.S)
_IDENTITY = re.compile(r"(;[ \t]*(?:tag|branch)[ \t]*=[ \t]*)([^;,?\s>\"]+)", re.I)
_SDP = re.compile(r"([a-z]=)([^:]*)(.*)", re.S)

KIND_STYLES = {
    Kind.REQUEST: "strong",
    Kind.PROVISIONAL: "progress",
    Kind.SUCCESS: "good",
    Kind.NOTICE: "doubtful",
    Kind.FAILURE: "failed",
}
"""The style of each kind of message, wherever one is named."""


class Extent(NamedTuple):
    """Which bytes of a message a line on the screen shows; both 0 for a remark of ours."""

    start: int
    end: int


_REMARK = Extent(0, 0)


def message_content(message: Message, *, utc: bool = False) -> Content:
    """Return where and how a message came, and the message, for any width."""

    def lines(width: int) -> list[Line]:
        return [*envelope_lines(message, width, utc=utc), *message_lines(message.raw, width)]

    return lines


def envelope_lines(message: Message, width: int, *, utc: bool = False) -> list[Line]:
    """Return when, from where to where and how a message came, wrapped to `width` cells."""
    flow = message.flow
    way = f"{flow.source} → {flow.destination}"
    time = f"{date(message.time, utc=utc)} {clock(message.time, digits=6, utc=utc)}"
    parts = (
        f"{time} UTC" if utc else time,
        *((way,) if len(way) <= width else (str(flow.source), f"→ {flow.destination}")),
        f"{flow.transport.upper()}, {message.length:,} bytes",
        f"frame {message.number:,}",
    )
    texts = [""]
    for part in parts:
        joined = f"{texts[-1]}   {part}" if texts[-1] else part
        if len(joined) <= width or not texts[-1]:
            texts[-1] = joined
        else:
            texts.append(part)
    return [line for text in texts for line in wrap((Span(text, "old"),), width, CONTINUATION)]


def message_lines(raw: bytes, width: int) -> list[Line]:
    """Return a message line by line as it was sent, wrapped to `width` cells.

    Problems stand under the line that has them.
    """
    return [line for line, _ in placed_lines(raw, width)]


def placed_lines(raw: bytes, width: int) -> list[tuple[Line, Extent]]:
    """Return the same as `message_lines`, each line with the bytes that it shows a part of."""
    message = parse(raw)
    problems = [] if message is None else list(message.problems)
    lines: list[tuple[Line, Extent]] = []
    for start, end, line in _lines(raw, message):
        lines += ((part, Extent(start, end)) for part in wrap(line, width, CONTINUATION))
        while problems and (_place(problems[0], message) < end or end == len(raw)):
            text = Span(f"▲ {display(problems.pop(0).text)}", "doubtful")
            lines += ((part, _REMARK) for part in wrap((text,), width, CONTINUATION))
    return lines


def copyable(raw: bytes, start: int = 0, end: int | None = None) -> str:
    """Return a part of a message as text for the clipboard, which no terminal can misread.

    Lines end as the system's do and tabs stay; other control characters become visible.
    """
    lines = raw[start:end].replace(b"\r\n", b"\n").split(b"\n")
    return "\n".join("\t".join(map(display, line.split(b"\t"))) for line in lines)


def _place(problem: Problem, message: SipMessage | None) -> int:
    """Return the offset of a problem; what is missing in the headers is told at their end."""
    at_body = message is not None and problem.offset == message.body_offset
    return problem.offset - 1 if at_body else problem.offset


def _lines(raw: bytes, message: SipMessage | None) -> Iterator[tuple[int, int, Line]]:
    """Yield where each line begins, where the next one does, and the line."""
    body = len(raw) if message is None else message.body_offset
    start = len(raw) - len(raw.lstrip(b"\r\n"))
    first = start
    sdp = False
    while start < len(raw):
        newline = raw.find(b"\n", start)
        end = len(raw) if newline < 0 else newline + 1
        content = raw[start:end].removesuffix(b"\n").removesuffix(b"\r")
        text = display(content)
        if start == first:
            yield start, end, _start_line(text, message)
        elif start < body:
            yield start, end, _header_line(text)
        else:
            sdp = sdp or content == b"v=0"
            yield start, end, _sdp_line(text) if sdp else (Span(text),)
        start = end


def _start_line(text: str, message: SipMessage | None) -> Line:
    if message is None:
        return (Span(text),)
    return (Span(text, KIND_STYLES[kind_of(message.status)]),)


def _header_line(text: str) -> Line:
    match = _HEADER.fullmatch(text)
    if match is None or text[:1].isspace():
        return tuple(_identities(text))
    name, colon, value = match.groups()
    key = COMPACT_NAMES.get(name.lower().encode(), name.lower().encode())
    values = [Span(value, "identity")] if key == b"call-id" else _identities(value)
    return (Span(name, "name"), Span(colon, "name"), *values)


def _identities(value: str) -> Iterator[Span]:
    """Yield a header value with its tags and branches picked out."""
    at = 0
    for match in _IDENTITY.finditer(value):
        yield Span(value[at : match.start(2)])
        yield Span(match[2], "identity")
        at = match.end()
    yield Span(value[at:])


def _sdp_line(text: str) -> Line:
    match = _SDP.fullmatch(text)
    if match is None:
        return (Span(text),)
    kind, attribute, rest = match.groups()
    if kind == "a=":
        return (Span(kind, "name"), Span(attribute, "identity"), Span(rest))
    return (Span(kind, "name"), Span(attribute + rest, "strong" if kind in ("m=", "c=") else ""))
