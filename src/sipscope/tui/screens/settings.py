"""All settings, to be read, changed and saved."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from sipscope.decode.text import display
from sipscope.settings.editing import save_settings
from sipscope.settings.loading import SettingsError, apply, from_text
from sipscope.settings.model import TABLES, Settings
from sipscope.settings.paths import settings_file
from sipscope.tui.keys import EVERYWHERE, MOVEMENT, SETTINGS, Context, bindings
from sipscope.tui.line_list import LineList
from sipscope.tui.screens.question import Question
from sipscope.tui.status import StatusLine
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.notice_line import NoticeLine
from sipscope.tui.widgets.search_line import SearchLine
from sipscope.tui.widgets.settings_list import AT_START, NEW, Row, SettingsList

if TYPE_CHECKING:
    from sipscope.engine import Engine
    from sipscope.tui.app import SipscopeApp

Value = Any


class _Editor(Horizontal):
    """The line in which a value is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", show=False),
        Binding("tab,shift+tab,up,down", "nothing", show=False),
    ]

    DEFAULT_CSS = """
    _Editor {
        height: 1;
        display: none;
        background: $bar;
        & > #editor-name { width: auto; padding: 0 1; color: $marked; text-style: bold; }
        & > Input { width: 1fr; height: 1; border: none; padding: 0; background: $background; }
        & > Input:focus { border: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.name_line = Static("", id="editor-name", markup=False)
        self.input = Input(compact=True, select_on_focus=False)

    def action_nothing(self) -> None:
        """Stay in the line."""

    def action_cancel(self) -> None:
        """Leave the value as it was."""
        assert isinstance(self.screen, SettingsScreen)
        self.screen.stop_editing()

    def compose(self) -> ComposeResult:
        """Lay the line out."""
        yield self.name_line
        yield self.input


class SettingsScreen(Screen[None]):
    """The settings; what is changed counts at once where it can, and is saved on request.

    Args:
        engine: For the status line.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SETTINGS)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (SETTINGS, MOVEMENT, EVERYWHERE)

    DEFAULT_CSS = """
    SettingsScreen {
        & #settings-detail { height: 3; padding: 0 1; color: $old; background: $background; }
    }
    """

    app: "SipscopeApp"

    def __init__(self, engine: "Engine") -> None:
        super().__init__()
        self.engine = engine
        self.list = SettingsList(Settings())
        self._notice = NoticeLine()
        self._search = SearchLine()
        self._editor = _Editor()
        self._detail = Static("", id="settings-detail", markup=False)
        self._edited: Row | None = None

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield StatusLine(self.engine)
        yield self._notice
        yield self.list
        yield self._detail
        yield self._search
        yield self._editor
        yield KeyLine(SETTINGS)

    def on_mount(self) -> None:
        """Show the settings in effect."""
        self.list.focus()
        self.list.settings = self.app.settings
        self.call_after_refresh(self._show)
        if self.app.complaints:
            self._notice.say(display("  ".join(self.app.complaints)), "doubtful")

    def action_change(self) -> None:
        """Change the value under the cursor: in place, or by typing."""
        row = self.list.row
        if not isinstance(row, Row):
            return
        value = self.list.value_of(row)
        if isinstance(value, bool):
            self._set(row, not value)
        elif self._choices(row):
            self.action_choose(1)
        else:
            self._edit(row, "" if row.name == NEW else self.list.text_of(row))

    def action_choose(self, step: int) -> None:
        """Take the next of the possible values, or the one before."""
        row = self.list.row
        if not isinstance(row, Row):
            return
        value = self.list.value_of(row)
        choices = self._choices(row)
        if isinstance(value, bool):
            self._set(row, not value)
        elif choices:
            place = choices.index(value) if value in choices else -step
            self._set(row, choices[(place + step) % len(choices)])

    def action_default(self) -> None:
        """Go back to the default."""
        row = self.list.row
        if not isinstance(row, Row) or row.name == NEW:
            return
        settings = self.app.settings
        if row.section in TABLES:
            table = dict(getattr(settings, row.section))
            if table.pop(row.name, None) is not None:
                changes: dict[str, Any] = {row.section: table}
                self._take(row, replace(settings, **changes), None)
            return
        default = getattr(getattr(Settings(), row.section), row.name)
        changes = {row.section: replace(getattr(settings, row.section), **{row.name: default})}
        self._take(row, replace(settings, **changes), None)

    def action_save(self) -> None:
        """Write what was changed into the person's file; other lines stay as they are."""
        changes: dict[str, dict[str, Value]] = {}
        for (section, name), value in self.app.unsaved.items():
            changes.setdefault(section, {})[name] = value
        if not changes:
            self._notice.say("Nothing was changed")
            return
        path = settings_file()
        try:
            save_settings(path, changes)
        except SettingsError as error:
            self._notice.say(display(str(error)), "failed")
            return
        count = len(self.app.unsaved)
        self.app.unsaved.clear()
        self._show()
        said = "1 setting" if count == 1 else f"{count} settings"
        self._notice.say(f"{said} saved in {display(str(path))}", "good")

    def action_section(self, step: int) -> None:
        """Go to the first setting of the next section, or of the one before."""
        rows = [row for row in self.list.rows if isinstance(row, Row)]
        here = self.list.index
        heads = [place for place, row in enumerate(rows) if not row.name]
        if step > 0:
            target = next((place for place in heads if place > here), None)
        else:
            before = [place for place in heads if place < here - 1]
            target = before[-1] if before else None
        if target is not None:
            self.list.move_to_index(len(rows) - 1)  # so that the section is seen from its top
            self.list.move_to_index(target)
            self.list.move_to_index(target + 1)

    def action_search(self) -> None:
        """Type words to look for."""
        self._search.open()

    def action_back(self) -> None:
        """End the search; else go back, after a question when something was not saved."""
        if self.list.words:
            self.list.search("")
        elif self.app.unsaved:
            count = len(self.app.unsaved)
            said = "1 change is" if count == 1 else f"{count} changes are"
            question = Question(
                f"{said} not saved and will be gone when sipscope ends. Save now?", "Save", "Leave"
            )
            self.app.push_screen(question, self._asked_to_save)
        else:
            self.dismiss()

    def on_search_line_asked(self, event: SearchLine.Asked) -> None:
        """Show only what has the words."""
        self.list.focus()
        self.list.search(event.words or "")

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        """Tell all about the setting under the cursor."""
        self._tell(event.row)

    def on_line_list_opened(self) -> None:
        """Change what was clicked twice."""
        self.action_change()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take what was typed."""
        if event.input is not self._editor.input:
            return
        event.stop()
        row, self._edited = self._edited, None
        self._close_editor()
        if row is not None:
            self._take_text(row, event.value.strip())

    def stop_editing(self) -> None:
        """Leave the value as it was."""
        self._edited = None
        self._close_editor()

    def _choices(self, row: Row) -> tuple[str, ...]:
        if (row.section, row.name) == ("view", "theme"):
            return ("", *self.app.themes)
        return row.choices

    def _edit(self, row: Row, text: str) -> None:
        self._edited = row
        self._editor.name_line.update(Content(f"{row.section}.{row.name}"))
        self._editor.display = True
        self._editor.input.value = text
        self._editor.input.cursor_position = len(text)
        self._editor.input.focus()

    def _close_editor(self) -> None:
        self._editor.display = False
        self.list.focus()

    def _take_text(self, row: Row, text: str) -> None:
        if row.name == NEW:
            name, sign, text = (part.strip() for part in text.partition("="))
            if not sign or not name:
                self._notice.say("Type NAME = VALUE", "doubtful")
                return
            row = replace(row, name=name)
        self._set(row, from_text(text, row.kind))

    def _set(self, row: Row, value: Value) -> None:
        settings, complaints = apply(self.app.settings, {row.section: {row.name: value}})
        if complaints:
            self._notice.say(display(complaints[0]), "failed")
            return
        part = getattr(settings, row.section)
        taken = part[row.name] if row.section in TABLES else getattr(part, row.name)
        self._take(row, settings, taken)

    def _take(self, row: Row, settings: Settings, saved_as: Value) -> None:
        self.app.unsaved[row.section, row.name] = saved_as
        before = len(self.app.complaints)
        self.app.change_settings(settings)
        if len(self.app.complaints) > before:
            self._notice.say(display(self.app.complaints[-1]), "doubtful")
        elif row.section in AT_START:
            self._notice.say("It counts from the next start on, once it is saved (F2)")
        self._show()

    def _show(self) -> None:
        self.list.take(self.app.settings, set(self.app.unsaved))
        self._tell(self.list.row)

    def _tell(self, row: object) -> None:
        count = len(self.app.unsaved)
        unsaved = f"   {count} not saved" if count else ""
        head = f"{settings_file()}{unsaved}"
        if isinstance(row, Row) and row.name:
            choices = self._choices(row)
            may_be = f"  ({', '.join(each or 'empty' for each in choices)})" if choices else ""
            self._detail.update(
                Content(display(f"{row.section}.{row.name}: {row.words}{may_be}") + f"\n{head}")
            )

    def _asked_to_save(self, answer: bool | None) -> None:
        if answer:
            self.action_save()
        if not (answer and self.app.unsaved):
            self.dismiss()
