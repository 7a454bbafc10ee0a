"""The application: screens, keys and colours around a running engine."""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.console import RenderableType
from textual.app import App
from textual.binding import BindingType
from textual.filter import LineFilter, Monochrome, NoColor
from textual.screen import Screen

from sipscope.decode.text import display
from sipscope.tui.keys import EVERYWHERE, bindings
from sipscope.tui.lifetime import Lifetime
from sipscope.tui.line_filter import ControlFilter
from sipscope.tui.screens.calls import CallsScreen
from sipscope.tui.screens.help import HelpScreen
from sipscope.tui.themes import ANSI, THEMES, VARIABLES, choose

if TYPE_CHECKING:
    from sipscope.engine import Engine

LOG_VARIABLE = "SIPSCOPE_LOG"
"""Environment variable with the file for the traceback of an internal error."""


class SipscopeApp(App[None]):
    """The terminal interface.

    Args:
        engine: Started already; its store is shown.
        theme: A key of `themes.THEMES`, None to choose by the terminal.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(EVERYWHERE)]
    ENABLE_COMMAND_PALETTE = False
    TITLE = "sipscope"

    def __init__(self, engine: "Engine", theme: str | None = None) -> None:
        super().__init__()
        self.engine = engine
        self.crash: Exception | None = None
        self._gate = ControlFilter()
        self._plain = NoColor()
        self._lifetime = Lifetime(self._end, engine.stop)
        for known in THEMES.values():
            self.register_theme(known)
        self.theme = (ANSI if self.no_color and theme is None else choose(theme)).name

    def get_default_screen(self) -> Screen[None]:
        """Return the call list."""
        return CallsScreen(self.engine)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return our variables for themes that lack them."""
        return dict(VARIABLES)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return Textual's filters and the gate for control characters.

        Where NO_COLOR is set, there are no colours, and no greys in their place.
        """
        filters = super().get_line_filters()
        return [
            *(self._plain if isinstance(each, Monochrome) else each for each in filters),
            self._gate,
        ]

    def on_mount(self) -> None:
        """Watch for signals and for the end of the terminal."""
        if not self.is_headless:
            self._lifetime.watch()

    def on_unmount(self) -> None:
        """Leave signals as they were."""
        self._lifetime.release()

    def action_help(self) -> None:
        """Show the keys of the screen."""
        contexts = getattr(self.screen, "CONTEXTS", ())
        if contexts:
            self.push_screen(HelpScreen(contexts))

    def action_quit_now(self) -> None:
        """Quit without a question."""
        self.exit(return_code=0)

    def panic(self, *renderables: RenderableType) -> None:
        """End with an error; what Textual would print may hold data from the network."""
        self._return_code = 1
        self._close_messages_no_wait()

    def run_in_terminal(self) -> int:
        """Run until the person quits; return the exit status."""
        self._lifetime.remember_terminal()
        self.run()
        if self.crash is not None:
            print(_last_words(self.crash), file=sys.stderr)
            return 1
        return self.return_code or 0

    def _handle_exception(self, error: Exception) -> None:
        self.crash = self.crash or error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End; Textual's own version prints local variables, and with them what calls say."""
        self._close_messages_no_wait()

    def _end(self, status: int) -> None:
        self.exit(return_code=status)


def run(engine: "Engine", *, theme: str | None = None) -> int:
    """Show what `engine` captures until the person quits.

    Args:
        engine: Started already; the caller stops it.
        theme: `dark`, `light` or `ansi`; None to choose by the terminal.

    Returns:
        The exit status: 0, 1 after an internal error, 128 + n after signal n.

    Raises:
        UsageError: There is no such theme.
    """
    return SipscopeApp(engine, theme).run_in_terminal()


def _last_words(error: Exception) -> str:
    """Return one line about an internal error, without its message: that may hold data.

    The traceback, without local variables, goes to a file if the person has asked for it.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    line = f"sipscope: internal error, {type(error).__name__} at {where}."
    path = os.environ.get(LOG_VARIABLE)
    if not path:
        return f"{line} Set {LOG_VARIABLE}=FILE to keep the details."
    details = "".join(traceback.format_exception(error))
    try:
        with open(path, "a", encoding="utf-8") as log:
            log.writelines(f"{display(text)}\n" for text in details.split("\n"))
    except OSError:
        return f"{line} The details could not be written to {display(path)}."
    return f"{line} The details are in {display(path)}."
