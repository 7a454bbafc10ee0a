"""Saving calls to a capture file."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widgets import Input, Static

from sipscope.decode.text import display
from sipscope.errors import SaveError
from sipscope.tui.keys import EVERYWHERE, SAVE, Context, bindings
from sipscope.tui.line_list import Span, StyledLines, fit
from sipscope.tui.widgets.key_line import KeyLine

if TYPE_CHECKING:
    from sipscope.engine import Engine

_WORDS = {
    "marked": "the marked calls",
    "this": "the call under the cursor",
    "shown": "all calls that are shown",
    "all": "all calls",
}


class _Choices(StyledLines):
    """Which calls, one line a choice."""

    DEFAULT_CSS = "_Choices { width: 1fr; background: $bar; }"

    def __init__(self, choices: Sequence[tuple[str, int]]) -> None:
        super().__init__()
        self.choices = choices
        self.chosen = 0
        self.styles.height = len(choices)

    def render_line(self, y: int) -> Strip:
        """Return a choice: sign, words, how many."""
        words, count = self.choices[y]
        sign, style = ("● ", "strong") if y == self.chosen else ("○ ", "")
        return self.strip(
            [Span(sign + fit(words, 28), style), Span(fit(f"{count:,}", 10, right=True), style)]
        )


class SaveScreen(ModalScreen[str | None]):
    """Asks what to save and where; the result says what was saved, None for nothing.

    Args:
        engine: Writes the file.
        choices: Ids of dialogs by a key of `_WORDS`; those without any are not offered.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(SAVE, priority=True),
        Binding("tab,shift+tab", "which(1)", show=False, priority=True),
    ]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (SAVE, EVERYWHERE)

    DEFAULT_CSS = """
    SaveScreen {
        align: center bottom;
        background: $background 40%;
        & > Vertical {
            width: 100%;
            height: auto;
            max-height: 100%;
            background: $bar;
            padding: 1 0 0 0;
        }
        & _Choices, & Horizontal, & Static { padding: 0 2; }
        & Horizontal > * { padding: 0; }
        & Horizontal { height: 1; margin-top: 1; }
        & #save-label { width: 6; }
        & Input {
            width: 1fr;
            height: 1;
            border: none;
            padding: 0 1;
            background: $background;
            &:focus { border: none; }
        }
        & #save-rtp { height: 1; margin-top: 1; }
        & #save-note { height: auto; min-height: 1; margin-top: 1; color: $warning; }
    }
    """

    def __init__(self, engine: "Engine", choices: Mapping[str, Sequence[int]]) -> None:
        super().__init__()
        self._engine = engine
        offered = [(_WORDS[key], ids) for key, ids in choices.items() if ids]
        self._ids = [ids for _, ids in offered]
        self._choices = _Choices([(words, len(ids)) for words, ids in offered])
        self._path = Input(default_path(), compact=True, select_on_focus=False)
        self._rtp = True
        self._rtp_line = Static("", id="save-rtp", markup=False)
        self._note = Static("", id="save-note", markup=False)
        self._overwrite = ""
        self._writing = False

    def compose(self) -> ComposeResult:
        """Lay the panel out."""
        with Vertical():
            yield self._choices
            with Horizontal():
                yield Static("File", id="save-label", markup=False)
                yield self._path
            yield self._rtp_line
            yield self._note
            yield KeyLine(SAVE, last=None)

    def on_mount(self) -> None:
        """Let the person type the path."""
        self._path.focus()
        self._show_rtp()

    def action_which(self, step: int) -> None:
        """Choose other calls."""
        self._choices.chosen = (self._choices.chosen + step) % len(self._ids)
        self._choices.refresh()

    def action_rtp(self) -> None:
        """With or without RTP."""
        self._rtp = not self._rtp
        self._show_rtp()

    def action_back(self) -> None:
        """Save nothing."""
        if not self._writing:
            self.dismiss(None)

    def action_write(self) -> None:
        """Write the file; one that exists only when Enter is pressed once more."""
        path = os.path.expanduser(self._path.value.strip())
        if self._writing:
            return
        if not path:
            self._say("Type the name of a file.")
        elif os.path.lexists(path) and self._overwrite != path:
            self._overwrite = path
            self._say("This file exists. Enter once more overwrites it.")
        else:
            self._writing = True
            self._say("Saving…")
            self.run_worker(self._write(path), exit_on_error=False)

    def on_input_changed(self) -> None:
        """Take back what was said of another path."""
        self._overwrite = ""
        self._say("")

    async def _write(self, path: str) -> None:
        ids = self._ids[self._choices.chosen]
        try:
            packets = await asyncio.to_thread(
                self._engine.save, path, ids, rtp=self._rtp, overwrite=self._overwrite == path
            )
        except SaveError as error:
            self._writing = False
            self._overwrite = ""
            self._say(str(error))
            return
        calls = "1 call" if len(ids) == 1 else f"{len(ids):,} calls"
        self.dismiss(f"{packets:,} packets of {calls} saved in {display(path)}")

    def _show_rtp(self) -> None:
        sign = "●" if self._rtp else "○"
        self._rtp_line.update(Content(f"{sign} with RTP, where it was kept"))

    def _say(self, text: str) -> None:
        self._note.update(Content(display(text)))


def default_path() -> str:
    """Return a name that says when it was saved, in the current folder."""
    return time.strftime("sipscope-%Y%m%d-%H%M%S.pcap")
