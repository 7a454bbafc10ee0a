"""Lines of spans broken to the width of a pane."""

from collections.abc import Iterable, Iterator

from rich.cells import cell_len, get_character_cell_size

from sipscope.tui.line_list import Span

Line = tuple[Span, ...]

CONTINUATION = Span("┊ ", "rule")
"""Before the parts of a line that is too long; blanks alone would look like a folded header."""

_BREAKS = frozenset(" ;,&>@=")
_NEAR_THE_END = 0.6


def line_text(line: Iterable[Span]) -> str:
    """Return the text of a line without its styles."""
    return "".join(span.text for span in line)


def wrap(line: Line, width: int, continuation: Span) -> Iterator[Line]:
    """Break a line into parts of at most `width` cells, after a separator where one is near.

    Args:
        line: Of any length.
        width: Cells of the terminal.
        continuation: Put before every part but the first.
    """
    text = line_text(line)
    start, room = 0, max(1, width)
    ends: list[int] = []
    while (end := _break(text, start, room)) < len(text):
        ends.append(end)
        start, room = end, max(1, width - cell_len(continuation.text))
    parts = _split(line, ends)
    yield next(parts)
    for part in parts:
        yield (continuation, *part)


def _break(text: str, start: int, room: int) -> int:
    """Return where the part that begins at `start` ends."""
    used, end = 0, start
    while end < len(text):
        used += get_character_cell_size(text[end])
        if used > room:
            break
        end += 1
    else:
        return len(text)
    for position in range(end, start + int((end - start) * _NEAR_THE_END), -1):
        if text[position - 1] in _BREAKS:
            return position
    return max(end, start + 1)


def _split(line: Line, ends: Iterable[int]) -> Iterator[Line]:
    """Cut a line at the given places, in ascending order."""
    begins, at = [], 0
    for span in line:
        begins.append(at)
        at += len(span.text)
    start = 0
    for end in (*ends, at):
        yield tuple(
            Span(span.text[max(0, start - begin) : end - begin], span.style)
            for begin, span in zip(begins, line, strict=True)
            if begin < end and begin + len(span.text) > start
        )
        start = end


def skip(line: Iterable[Span], cells: int) -> Iterator[Span]:
    """Leave out the first `cells` cells of a line; half a wide character becomes a blank."""
    for span in line:
        length = cell_len(span.text)
        if cells <= 0:
            yield span
        elif cells < length:
            kept = span.text
            left = cells
            while left > 0:
                left -= get_character_cell_size(kept[0])
                kept = kept[1:]
            yield Span(" " * -left + kept, span.style)
        cells -= length


def restyle(line: Line, start: int, end: int, style: str) -> Line:
    """Give the characters from `start` to before `end` another style."""
    before, within, after = _split(line, (start, end))
    return (*before, Span(line_text(within), style), *after)
