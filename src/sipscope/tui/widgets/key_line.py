"""The line of keys at the foot of every screen."""

from textual.strip import Strip

from sipscope.tui.keymap import remapped
from sipscope.tui.keys import HELP, Context, Key, footer, written
from sipscope.tui.line_list import Span, StyledLines


class KeyLine(StyledLines):
    """The most important keys of a screen, as many as fit, and the one for all others.

    Args:
        context: Whose keys.
        last: Always shown, None where letters are typed.
    """

    DEFAULT_CSS = """
    KeyLine { height: 1; width: 1fr; background: $bar; color: $old; }
    """

    def __init__(self, context: Context, *, last: Key | None = HELP) -> None:
        super().__init__()
        self.context = context
        self.last = last

    def render_line(self, y: int) -> Strip:
        """Return the line."""
        spans = [Span(" ")]
        context = self.context
        if changed := getattr(self.app, "user_keys", None):
            (context,) = remapped((context,), changed)
        for key in footer(context.keys, self.size.width - 1, self.last):
            spans += (Span(written(key.keys[0]), "strong"), Span(f" {key.footer}  "))
        return self.strip(spans)
