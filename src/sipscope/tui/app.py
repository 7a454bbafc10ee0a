"""The application: screens, keys and colours around a running engine."""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.console import RenderableType
from textual.app import App
from textual.binding import BindingType
from textual.filter import LineFilter, Monochrome, NoColor
from textual.screen import Screen

from sipscope.decode.text import display
from sipscope.errors import UsageError
from sipscope.settings.model import Settings
from sipscope.tui.keymap import as_textual, keymap, remapped
from sipscope.tui.keys import EVERYWHERE, Context, bindings
from sipscope.tui.lifetime import Lifetime
from sipscope.tui.line_filter import ControlFilter
from sipscope.tui.screens.calls import CallsScreen
from sipscope.tui.themes import ANSI, THEMES, VARIABLES, choose, own_theme
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.notice_line import NoticeLine

if TYPE_CHECKING:
    from sipscope.calls.statistics import TrafficStatistics
    from sipscope.engine import Engine

LOG_VARIABLE = "SIPSCOPE_LOG"
"""Environment variable with the file for the traceback of an internal error."""


class SipscopeApp(App[None]):
    """The terminal interface.

    Args:
        engine: Started already; its store is shown.
        settings: In effect; the screens take theirs from here.
        complaints: What was wrong with them, to be told on the first screen.

    Attributes:
        settings: As they are now.
        themes: By the name that a person types, their own included.
        user_keys: Keys that differ from the table, by the id of the action.
        complaints: All that was wrong with the settings.
        unsaved: What was changed by section and name; None goes back to the default.
        traffic: What the statistics counted when they were last shown.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(EVERYWHERE)]
    ENABLE_COMMAND_PALETTE = False
    TITLE = "sipscope"

    def __init__(
        self,
        engine: "Engine",
        settings: Settings = Settings(),  # noqa: B008  # it is frozen
        complaints: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.engine = engine
        self.settings = settings
        self.themes = dict(THEMES)
        self.traffic: TrafficStatistics | None = None
        self.crash: Exception | None = None
        self.complaints = list(complaints)
        self.unsaved: dict[tuple[str, str], Any] = {}
        self._gate = ControlFilter()
        self._plain = NoColor()
        self._lifetime = Lifetime(self._end, engine.stop)
        self._take_themes()
        mapped = keymap(settings.keys)
        self.user_keys = mapped.keys
        self.complaints += mapped.complaints

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
        if self.user_keys:
            self.set_keymap(as_textual(self.user_keys))
        if not self.is_headless:
            self._lifetime.watch()
        if self.complaints:
            self.call_after_refresh(self._complain)

    def on_unmount(self) -> None:
        """Leave signals as they were."""
        self._lifetime.release()

    def action_help(self) -> None:
        """Show the keys of the screen, and the filter language."""
        from sipscope.tui.screens.help import HelpScreen  # noqa: PLC0415  # seldom needed

        if contexts := self._contexts():
            self.push_screen(HelpScreen(remapped(contexts, self.user_keys)))

    def action_palette(self) -> None:
        """Find what can be done here by words."""
        from sipscope.tui.screens.palette import PaletteScreen  # noqa: PLC0415

        if contexts := self._contexts():
            self.push_screen(PaletteScreen(remapped(contexts, self.user_keys)), self._chosen)

    def action_settings(self) -> None:
        """Show and change the settings."""
        from sipscope.tui.screens.settings import SettingsScreen  # noqa: PLC0415

        if not isinstance(self.screen, SettingsScreen):
            self.push_screen(SettingsScreen(self.engine))

    def action_sources(self) -> None:
        """Show the sources, and what was lost or not read."""
        from sipscope.tui.screens.sources import SourcesScreen  # noqa: PLC0415

        if not isinstance(self.screen, SourcesScreen):
            self.push_screen(SourcesScreen(self.engine))

    def change_settings(self, settings: Settings) -> None:
        """Take other settings: colours and keys change at once, screens are told.

        A screen that has a method `settings_changed` is told by it.
        """
        self.settings = settings
        mapped = keymap(settings.keys)
        self.user_keys = mapped.keys
        self.complaints += [told for told in mapped.complaints if told not in self.complaints]
        self.set_keymap(as_textual(self.user_keys))
        self._take_themes()
        for screen in self.screen_stack:
            getattr(screen, "settings_changed", lambda: None)()
            for line in screen.query(KeyLine):
                line.refresh()

    def action_quit_now(self) -> None:
        """Quit without a question."""
        self.exit(return_code=0)

    def panic(self, *renderables: RenderableType) -> None:
        """End with an error; what Textual would print may hold data from the network."""
        self._return_code = 1
        self._close_messages_no_wait()

    def run_in_terminal(self) -> int:
        """Run until the person quits; return the exit status."""
        self._lifetime.watch_terminal()
        self.run(mouse=self.settings.view.mouse)
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

    def _take_themes(self) -> None:
        """Register all themes and take the one that was chosen."""
        for name, colours in self.settings.themes.items():
            theme, complaints = own_theme(name, colours)
            self.themes[name] = theme
            self.complaints += complaints
        for known in self.themes.values():
            self.register_theme(known)
        name = self.settings.view.theme
        try:
            theme = choose(name, themes=self.themes)
        except UsageError as error:
            self.complaints.append(str(error))
            theme = choose(None)
        self.theme = (ANSI if self.no_color and not name else theme).name

    def _contexts(self) -> tuple[Context, ...]:
        """Return the keys of the screen that is seen."""
        contexts: tuple[Context, ...] = getattr(self.screen, "CONTEXTS", ())
        return contexts

    def _chosen(self, action: str | None) -> None:
        """Do what was chosen in the palette, once that is gone."""
        if action is not None:
            self.call_later(self.do, action)

    async def do(self, action: str) -> None:
        """Do what a key of the screen that is seen does.

        Args:
            action: The id of the key in the table.
        """
        for active in self.screen.active_bindings.values():
            if active.binding.id == action and active.enabled:
                await self.run_action(active.binding.action, active.node)
                return

    def _complain(self) -> None:
        """Tell on the first screen what was wrong with the settings."""
        lines = list(self.screen.query(NoticeLine))
        if lines:
            more = len(self.complaints) - 1
            rest = f"  (and {more} more, see the settings: F8)" if more else ""
            lines[0].say(f"settings: {display(self.complaints[0])}{rest}", "doubtful")

    def _end(self, status: int) -> None:
        self.exit(return_code=status)


def run(
    engine: "Engine",
    settings: Settings = Settings(),  # noqa: B008  # it is frozen
    complaints: Sequence[str] = (),
) -> int:
    """Show what `engine` captures until the person quits.

    Args:
        engine: Started already; the caller stops it.
        settings: In effect.
        complaints: What was wrong with them.

    Returns:
        The exit status: 0, 1 after an internal error, 128 + n after signal n.
    """
    return SipscopeApp(engine, settings, complaints).run_in_terminal()


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
