"""Words that are looked for in lines of text, also where a line was broken within them."""

import re
from collections.abc import Iterator, Sequence

from sipscope.tui.widgets.text_view import Content
from sipscope.tui.widgets.wrapping import CONTINUATION, Line, line_text, restyle

Piece = tuple[int, int, int]
"""Line, first and end character of a match in it."""


def pattern_of(words: str) -> re.Pattern[str]:
    """Return what finds `words`, upper and lower case alike."""
    return re.compile(re.escape(words), re.I)


def matches(lines: Sequence[Line], pattern: re.Pattern[str]) -> Iterator[list[Piece]]:
    """Yield each match, in pieces where a line was broken within it."""
    text = ""
    parts: list[tuple[int, int, int, int]] = []
    for place, line in enumerate(lines):
        broken = bool(line) and line[0] == CONTINUATION
        shift = len(CONTINUATION.text) if broken else 0
        text += "" if broken else "\n"
        content = line_text(line)[shift:]
        parts.append((len(text), len(text) + len(content), place, shift))
        text += content
    first = 0
    for match in pattern.finditer(text):
        while parts[first][1] <= match.start():
            first += 1
        pieces: list[Piece] = []
        for begin, end, place, shift in parts[first:]:
            if begin >= match.end():
                break
            start, stop = max(begin, match.start()), min(end, match.end())
            pieces.append((place, start - begin + shift, stop - begin + shift))
        yield pieces


def highlighted(lines: Sequence[Line], found: Sequence[list[Piece]], at: int | None) -> list[Line]:
    """Return lines with all matches picked out, that with the number `at` more than others."""
    shown = list(lines)
    for number, pieces in enumerate(found):
        for place, start, end in pieces:
            style = "found" if number == at else "marked"
            shown[place] = restyle(shown[place], start, end, style)
    return shown


def finding(content: Content, words: str) -> Content:
    """Return content with all places of `words` picked out."""
    if not words:
        return content

    def lines(width: int) -> list[Line]:
        plain = content(width)
        return highlighted(plain, list(matches(plain, pattern_of(words))), None)

    return lines
