"""One line of a dialog in which something is chosen: with a sign, or one of several words."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from sipscope.tui.line_list import Span, StyledLines, fit

_LABEL = 8


class Option(StyledLines, can_focus=True):
    """A choice among words in one line; Space and the arrows go through them.

    Args:
        label: Before the choices.
        choices: The words.
        chosen: Index of the one to begin with.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,right,l", "step(1)", show=False),
        Binding("left", "step(-1)", show=False),
    ]

    DEFAULT_CSS = """
    Option { height: 1; width: 1fr; background: $bar; &:focus { background: $cursor; } }
    """

    class Changed(Message):
        """Something else was chosen."""

        def __init__(self, option: "Option") -> None:
            super().__init__()
            self.option = option

    def __init__(self, label: str, choices: Sequence[str], chosen: int = 0) -> None:
        super().__init__()
        self.label = label
        self.choices = tuple(choices)
        self.chosen = chosen
        self.reason = ""

    def allow(self, reason: str = "") -> None:
        """Let it be chosen, or say why not."""
        self.reason = reason
        self.can_focus = not reason
        self.refresh()

    def choose(self, chosen: int) -> None:
        """Choose one of them."""
        if chosen != self.chosen and not self.reason:
            self.chosen = chosen
            self.refresh()
            self.post_message(self.Changed(self))

    def action_step(self, step: int) -> None:
        """Choose the next one, or the one before, around."""
        self.choose((self.chosen + step) % len(self.choices))

    def on_click(self, event: events.Click) -> None:
        """Choose the next one."""
        event.stop()
        self.action_step(1)

    def render_line(self, y: int) -> Strip:
        """Return the line: label, and the choices with a sign at the chosen one."""
        spans = [Span(fit(self.label, _LABEL), "old")]
        if self.reason:
            return self.strip([*spans, Span(self.reason, "old")])
        for place, words in enumerate(self.choices):
            chosen = place == self.chosen
            spans.append(Span(("● " if chosen else "○ ") + words, "strong" if chosen else ""))
            spans.append(Span("   "))
        return self.strip(spans)
