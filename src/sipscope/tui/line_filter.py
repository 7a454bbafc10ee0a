"""The last gate before the terminal: no control character gets past it.

Text from the network is made safe where it is shaped for the screen (`decode.text`). Textual
itself passes escape sequences on, so every painted line goes through here as well.
"""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from sipscope.decode.text import VISIBLE


class ControlFilter(LineFilter):
    """Makes control characters, bidirectional overrides and hyperlinks inert."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return `segments` with nothing in them that a terminal would act on."""
        return [_inert(segment) for segment in segments]


def _inert(segment: Segment) -> Segment:
    text, style, _ = segment
    if style is not None and style.link:
        style = style.update_link(None)
    if text.isascii() and text.isprintable():
        return Segment(text, style)
    return Segment(text.translate(VISIBLE), style)
