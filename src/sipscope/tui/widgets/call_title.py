"""Which call a screen shows and what has become of it, in one line."""

from textual.strip import Strip

from sipscope.calls.columns import (
    duration_text,
    loss_severity,
    mos_severity,
    state_severity,
    state_text,
)
from sipscope.calls.dialog import Dialog
from sipscope.calls.rows import CallRow
from sipscope.tui.line_list import Span, StyledLines, fit
from sipscope.tui.widgets.wrapping import Line, line_text

_NAME = 24


class CallTitle(StyledLines):
    """The line over a call."""

    DEFAULT_CSS = """
    CallTitle { height: 1; width: 1fr; background: $background; color: $foreground; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._left: Line = ()
        self._right = ""

    def show(self, left: Line, right: str = "") -> None:
        """Show spans on the left and, as far as there is room, words on the right."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return the line."""
        room = self.size.width - len(line_text(self._left)) - 2
        right = self._right if len(self._right) + 3 <= room else ""
        fill = Span(" " * max(0, room - len(right)))
        return self.strip([Span(" "), *self._left, fill, Span(right, "old")])


def title_line(dialog: Dialog, row: CallRow, legs: int, now: int) -> Line:
    """Return who called whom, the state, and the times and quality that are known."""
    caller, callee = (fit(name, min(len(name), _NAME)) or "?" for name in (row.caller, row.callee))
    names = callee if caller == callee else f"{caller} → {callee}"
    spans = [Span(names, "strong"), Span("   ")]
    if dialog.method != "INVITE":
        spans += (Span(row.method), Span("   "))
    spans.append(Span(state_text(row), state_severity(row.state)))
    if dialog.ring_ms is not None:
        spans.append(Span(f"   ring {dialog.ring_ms / 1000:.1f} s"))
    talk = dialog.duration_s(now)
    if talk is not None:
        spans.append(Span(f"   talk {duration_text(talk)}"))
    if row.loss_percent is not None:
        loss = Span(f"{row.loss_percent:.1f} %", loss_severity(row.loss_percent))
        spans += (Span("   loss "), loss)
    if row.mos is not None:
        spans += (Span("   MOS "), Span(f"{row.mos:.1f}", mos_severity(row.mos)))
    if legs > 1:
        spans.append(Span(f"   {legs} legs"))
    return tuple(spans)
