"""The legs of a call: which dialog each letter stands for, and why it belongs to the call."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual.strip import Strip

from sipscope.calls.legs import Confidence, Link
from sipscope.decode.text import display
from sipscope.tui.line_list import Span, StyledLines, fit
from sipscope.tui.widgets.ladder_drawing import LEGS, crop_middle, leg_letter
from sipscope.tui.widgets.wrapping import Line

_MOST_LINES = 6
_TALL = 36
_CALL_ID = 40
_STYLES = {Confidence.CERTAIN: "good", Confidence.LIKELY: "", Confidence.POSSIBLE: "doubtful"}


class Leg(NamedTuple):
    """One leg.

    Attributes:
        dialog: Its id.
        call_id: Safe to show.
        link: Why it belongs to another one; None for what was chosen.
    """

    dialog: int
    call_id: str
    link: Link | None


class LegLines(StyledLines):
    """A line a leg where there is room, all in one line else; hidden when there is one."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line--{leg}" for leg in LEGS}

    DEFAULT_CSS = """
    LegLines {
        height: 1;
        width: 1fr;
        display: none;
        background: $background;
        color: $foreground;
        & > .line--leg-a { color: $primary; }
        & > .line--leg-b { color: $accent; }
        & > .line--leg-c { color: $secondary; }
        & > .line--leg-d { color: $foreground; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._legs: tuple[Leg, ...] = ()
        self._tall = False

    def show_legs(self, legs: Sequence[Leg], screen_height: int) -> None:
        """Show these, in the order of their letters."""
        tall = screen_height >= _TALL
        if (tuple(legs), tall) == (self._legs, self._tall):
            return
        self._legs, self._tall = tuple(legs), tall
        self.display = len(legs) > 1
        self.styles.height = min(len(legs), _MOST_LINES) if tall else 1
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return a leg, or all of them."""
        if not self._tall:
            return self.strip(self._together())
        hidden = len(self._legs) - _MOST_LINES
        if hidden > 0 and y == _MOST_LINES - 1:
            return self.strip((Span(f" and {hidden + 1} more legs", "old"),))
        return self.strip(self._alone(y) if y < len(self._legs) else ())

    def _alone(self, place: int) -> Line:
        leg = self._legs[place]
        call_id = fit(crop_middle(leg.call_id, _CALL_ID), self._widest)
        return (*self._letter(place), Span(f"{call_id}   ", "old"), *self._why(leg))

    def _together(self) -> Line:
        """Return how many legs there are, and why each belongs to another one."""
        spans = [Span(f" {len(self._legs)} legs", "strong")]
        for place, leg in enumerate(self._legs):
            if leg.link is not None:
                spans += (Span("  "), *self._letter(place), *self._why(leg))
        return tuple(spans)

    @property
    def _widest(self) -> int:
        return max(min(cell_len(leg.call_id), _CALL_ID) for leg in self._legs)

    def _letter(self, place: int) -> Line:
        return Span(" "), Span(leg_letter(place), f"{LEGS[place % len(LEGS)]} strong"), Span(" ")

    def _why(self, leg: Leg) -> Line:
        if leg.link is None:
            return (Span("the chosen one" if self._tall else "", "old"),)
        link = leg.link
        places = {other.dialog: place for place, other in enumerate(self._legs)}
        other = places.get(link.other)
        to = "" if other is None or len(self._legs) < 3 else f" {leg_letter(other)}:"
        words = f"{to} {display(link.reason)} ".lstrip() if self._tall else f"{link.reason} "
        return (Span(words), Span(f"({link.confidence.value})", _STYLES[link.confidence]))
