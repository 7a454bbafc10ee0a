"""How the rows of a ladder look: lifelines, arrows and labels in cells of the terminal."""

from collections.abc import Iterator, Sequence
from string import ascii_uppercase
from typing import NamedTuple

from rich.cells import cell_len, get_character_cell_size

from sipscope.calls.columns import loss_severity, mos_severity
from sipscope.calls.ladder import Column, EventRow, MessageRow, Row, StreamRow
from sipscope.calls.ladder_events import EventKind
from sipscope.calls.ladder_words import message_label
from sipscope.decode.text import display
from sipscope.rtpqos.figures import StreamFigures
from sipscope.tui.line_list import Span, fit
from sipscope.tui.widgets.message import KIND_STYLES
from sipscope.tui.widgets.wrapping import Line

LEAST_SPACING = 17
"""Cells between two lifelines for `INVITE (sdp)` and its arrow, or for most addresses."""

GOOD_SPACING = 36
"""Cells between two lifelines for most labels."""

MOST_SPACING = 48

_LABEL_ROOM = 4  # A cell of line at either end, and blanks between line and label.


class Lifelines(NamedTuple):
    """Where the lifelines stand.

    Attributes:
        names: Over each of them.
        cells: The cell of each, from the left end of the ladder.
        width: Cells of the whole ladder, which may be more than are seen.
    """

    names: tuple[str, ...]
    cells: tuple[int, ...]
    width: int

    @property
    def spacing(self) -> int:
        """Cells from one lifeline to the next."""
        return self.cells[1] - self.cells[0] if len(self.cells) > 1 else self.width


class Stroke(NamedTuple):
    """The characters of an arrow: at its start to the right and to the left, along, crossing."""

    right: str
    left: str
    along: str
    crossing: str


PLAIN = Stroke("├", "┤", "─", "┼")
AGAIN = Stroke("├", "┤", "┄", "┼")
MEDIA = Stroke("╞", "╡", "═", "╪")
BESIDE = Stroke("├", "┤", "┈", "┼")

LEGS = ("leg-a", "leg-b", "leg-c", "leg-d")
"""The styles of the legs of a call, around."""


def leg_letter(leg: int) -> str:
    """Return what a leg is called."""
    return ascii_uppercase[leg % 26]


class _Canvas:
    """One line of cells, each with a character and a style."""

    def __init__(self, lifelines: Lifelines) -> None:
        self._characters = [" "] * lifelines.width
        self._styles = [""] * lifelines.width
        for cell in lifelines.cells:
            self.put(cell, "│", "old")

    def put(self, cell: int, text: str, style: str) -> None:
        """Write `text`; what goes over the end is left out."""
        for character in text:
            size = get_character_cell_size(character)
            if size == 0 or cell < 0 or cell + size > len(self._characters):
                continue
            self._characters[cell : cell + size] = [character] + [""] * (size - 1)
            self._styles[cell : cell + size] = [style] * size
            cell += size

    def cross(self, start: int, stop: int, stroke: Stroke, style: str) -> None:
        """Draw a line from `start` to before `stop`, over the lifelines between."""
        for cell in range(start, stop):
            lifeline = self._characters[cell] == "│"
            self.put(cell, stroke.crossing if lifeline else stroke.along, style)

    def line(self) -> Line:
        """Return what was drawn."""
        return tuple(
            Span(character, style)
            for character, style in zip(self._characters, self._styles, strict=True)
            if character
        )


def place(columns: Sequence[Column], width: int, called: Sequence[str | None] = ()) -> Lifelines:
    """Place lifelines in `width` cells, or in more if they would be too close.

    Args:
        columns: What they stand for. Where there is no room for an address, the port is left
            out, and then the middle of the address.
        width: Cells of the terminal.
        called: Names to show for them, None for the address.
    """
    if not columns:
        return Lifelines((), (), width)
    gaps = max(1, len(columns) - 1)
    limit = max(LEAST_SPACING, width // len(columns)) - 1
    given = [*called, *[None] * (len(columns) - len(called))]

    def names(room: int) -> tuple[str, ...]:
        return tuple(
            _shortened(column, columns, room)
            if name is None
            else fit(name, min(cell_len(name), room))
            for column, name in zip(columns, given, strict=True)
        )

    first = names(limit)
    left, right = (cell_len(first[0]) + 1) // 2, cell_len(first[-1]) // 2 + 1
    spacing = max(LEAST_SPACING, min((width - left - right) // gaps, MOST_SPACING))
    cells = tuple(left + index * spacing for index in range(len(columns)))
    return Lifelines(names(min(limit, spacing - 1)), cells, max(width, cells[-1] + right))


def wanted_width(columns: Sequence[Column]) -> int:
    """Return in how many cells a ladder is good to read."""
    longest = max((len(column.name) for column in columns), default=0)
    spacing = max(GOOD_SPACING, min(longest + 2, MOST_SPACING))
    return longest + 2 + max(0, len(columns) - 1) * spacing


def least_width(columns: Sequence[Column]) -> int:
    """Return in how many cells all of a ladder is seen."""
    return len(columns) * LEAST_SPACING + 2


def _shortened(column: Column, columns: Sequence[Column], width: int) -> str:
    alone = sum(other.address == column.address for other in columns) == 1
    if len(column.name) <= width or not alone:
        return crop_middle(column.name, width)
    return crop_middle(column.host, width)


def crop_middle(text: str, width: int) -> str:
    """Return `text` in at most `width` cells; of an address, the end says more."""
    if len(text) <= width:
        return text
    tail = max(0, (width - 1) * 2 // 3)
    return text[: max(0, width - 1 - tail)] + "…" + text[len(text) - tail :]


def heading(lifelines: Lifelines, texts: Sequence[str], style: str) -> Line:
    """Return texts over the lifelines, centred as far as the next text and the edges let them."""
    canvas = _Canvas(Lifelines((), (), lifelines.width))
    half = (lifelines.spacing - 1) // 2
    for cell, text in zip(lifelines.cells, texts, strict=True):
        first, last = max(0, cell - half), min(lifelines.width - 1, cell + half)
        shown = fit(text, min(cell_len(text), last - first + 1))
        length = cell_len(shown)
        canvas.put(max(first, min(cell - length // 2, last - length + 1)), shown, style)
    return canvas.line()


def draw(row: Row, lifelines: Lifelines, *, legs: bool = False) -> Line:
    """Return the arrow of a row with its label.

    Args:
        row: Of the ladder.
        lifelines: Where they stand.
        legs: Whether lines are in the colours of their legs.
    """
    source, destination = lifelines.cells[row.source], lifelines.cells[row.destination]
    room = abs(source - destination) - 1 - _LABEL_ROOM
    leg = LEGS[row.leg % len(LEGS)] if legs else ""
    if isinstance(row, StreamRow):
        return _arrow(row, lifelines, MEDIA, leg or "media", _stream_label(row.figures, room))
    if isinstance(row, EventRow):
        return _event(row, lifelines, leg, room)
    style = "old" if row.message.retransmission else KIND_STYLES[row.kind]
    stroke = AGAIN if row.message.retransmission else PLAIN
    line_style = "" if style == "strong" else style
    label = Span(message_label(row.message, row.times, room if room > 0 else None), style)
    return _arrow(row, lifelines, stroke, leg or line_style, (label,))


def _event(row: EventRow, lifelines: Lifelines, leg: str, room: int) -> Line:
    """Return what happened beside messages: an arrow, or words at a lifeline."""
    event = row.event
    style = "doubtful" if event.doubtful else "media"
    if event.kind is EventKind.LOG:
        canvas = _Canvas(lifelines)
        start = lifelines.cells[row.source]
        text = event.labels[0]
        canvas.put(start, "┝ ", leg or "media")
        canvas.put(start + 2, fit(text, min(cell_len(text), lifelines.width - start - 2)), "old")
        return canvas.line()
    fitting = (label for label in event.labels if cell_len(label) <= room)
    label = next(fitting, event.labels[-1])
    return _arrow(row, lifelines, BESIDE, leg or "media", (Span(label, style),))


def draw_below(row: MessageRow, text: str, lifelines: Lifelines) -> Line:
    """Return a line that belongs to the row over it."""
    canvas = _Canvas(lifelines)
    start = min(lifelines.cells[row.source], lifelines.cells[row.destination]) + 2
    canvas.put(start, fit(text, min(cell_len(text), lifelines.width - start)), "old")
    return canvas.line()


def _arrow(row: Row, lifelines: Lifelines, stroke: Stroke, style: str, label: Line) -> Line:
    canvas = _Canvas(lifelines)
    source, destination = lifelines.cells[row.source], lifelines.cells[row.destination]
    left, right = sorted((source, destination))
    if source == destination:
        canvas.put(source, stroke.right + "◀", style)
        left, right = source + 1, lifelines.width
    else:
        canvas.cross(left + 1, right, stroke, style)
        canvas.put(source, stroke.right if source < destination else stroke.left, style)
        head = (right - 1, "▶") if source < destination else (left + 1, "◀")
        canvas.put(*head, style)
    room = max(1, right - left - 1 - _LABEL_ROOM)
    length = min(room, sum(cell_len(span.text) for span in label))
    start = left + 2 if source == destination else left + 1 + (right - left - 1 - length) // 2
    canvas.put(start - 1, " " * (length + 2), "")
    for span in _cut(label, length):
        canvas.put(start, span.text, span.style)
        start += cell_len(span.text)
    return canvas.line()


def _cut(label: Line, width: int) -> Iterator[Span]:
    for span in label:
        text = fit(span.text, min(width, cell_len(span.text)))
        width -= cell_len(text)
        yield Span(text, span.style)


def _stream_label(figures: StreamFigures, room: int) -> Line:
    """Return as much about a stream as there is room for, coloured by how it sounded."""
    codec = "RTP" if figures.codec is None else display(figures.codec)
    packets = Span(f" {figures.packets:,} pkt", "media")
    style = loss_severity(figures.loss_percent)
    loss = Span(f" {figures.loss_percent:.1f} %", style)
    jitter = "" if figures.jitter_mean_ms is None else f" {figures.jitter_mean_ms:.1f} ms"
    mos: Line = ()
    if figures.mos is not None:
        mos = Span(" MOS", "media"), Span(f" {figures.mos:.1f}", mos_severity(figures.mos))
    name, lost = Span(codec, "media"), (loss, Span(" lost", style))
    for label in (
        (name, packets, *lost, Span(jitter, "media"), *mos),
        (name, *lost, Span(jitter, "media"), *mos),
        (name, *lost, *mos),
        (name, loss, *mos),
        (name, loss),
    ):
        if sum(len(span.text) for span in label) <= room:
            return label
    return (Span(codec, style),)
