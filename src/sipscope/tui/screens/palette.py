"""Everything that can be done on a screen, found by words."""

from collections.abc import Hashable, Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from sipscope.tui.keys import PALETTE, Context, Key, bindings, written
from sipscope.tui.line_list import LineList, Span, fit
from sipscope.tui.widgets.key_line import KeyLine

_KEYS_WIDTH = 18
_PALETTE = "palette"


class ActionList(LineList):
    """Actions with their keys.

    Args:
        contexts: Where they are from.
    """

    def __init__(self, contexts: Sequence[Context]) -> None:
        super().__init__()
        self._all = [
            (context.title, key)
            for context in contexts
            for key in context.keys
            if key.id != _PALETTE
        ]
        self.rows = list(range(len(self._all)))

    def search(self, words: str) -> None:
        """Show the actions that have all words, in any order."""
        wanted = words.casefold().split()
        self.show(
            [
                place
                for place, (title, key) in enumerate(self._all)
                if all(word in f"{title} {key.words} {key.id}".casefold() for word in wanted)
            ]
        )
        self.move_to_index(0)
        self.refresh_all()

    def key_of(self, row: Hashable) -> Key:
        """Return the key of a row."""
        assert isinstance(row, int)
        return self._all[row][1]

    def render_row(self, row: Hashable, width: int) -> Iterable[Span | tuple[str, str]]:
        """Return keys, words and where they hold."""
        assert isinstance(row, int)
        title, key = self._all[row]
        keys = fit(" ".join(map(written, key.keys)), _KEYS_WIDTH)
        room = max(0, width - 2 - _KEYS_WIDTH - 1 - len(title))
        return [
            Span("  "),
            Span(keys, "progress"),
            Span(" "),
            Span(fit(key.words, room)),
            Span(title, "old"),
        ]

    def render_empty(self, width: int) -> Iterable[Span | tuple[str, str]]:
        """Return what stands in an empty list."""
        return [Span("  Nothing here has these words.")]


class PaletteScreen(ModalScreen[str | None]):
    """Lists the actions of the screen below; the result is the id of the one that was chosen.

    Args:
        contexts: The keys of that screen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(PALETTE, priority=True)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (PALETTE,)

    DEFAULT_CSS = """
    PaletteScreen {
        align: center bottom;
        background: $background 40%;
        & > Vertical { width: 100%; height: 70%; max-height: 24; background: $bar; }
        & ActionList { background: $bar; }
        & Input {
            height: 1;
            border: none;
            padding: 0 2 !important;
            background: $background;
            &:focus { border: none; }
        }
    }
    """

    def __init__(self, contexts: Sequence[Context]) -> None:
        super().__init__()
        self._list = ActionList(contexts)
        self._input = Input(compact=True, placeholder="what to do, in words")

    def compose(self) -> ComposeResult:
        """Lay the panel out."""
        with Vertical():
            yield self._input
            yield self._list
            yield KeyLine(PALETTE, last=None)

    def on_mount(self) -> None:
        """Let the person type."""
        self._input.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what has the words."""
        event.stop()
        self._list.search(event.value)

    def on_line_list_opened(self) -> None:
        """Do what was clicked twice."""
        self.action_run()

    def action_run(self) -> None:
        """Do what the cursor is on."""
        row = self._list.row
        self.dismiss(None if row is None else self._list.key_of(row).id)

    def action_choose(self, lines: int) -> None:
        """Move the cursor."""
        self._list.action_move(lines)

    def action_back(self) -> None:
        """Do nothing."""
        self.dismiss(None)
