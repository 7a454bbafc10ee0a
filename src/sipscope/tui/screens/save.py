"""Saving calls to a file, while the capture goes on."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.suggester import Suggester
from textual.widgets import Input, Static

from sipscope.calls.rows import party_name
from sipscope.decode.text import display
from sipscope.errors import SaveError
from sipscope.export.saving import Course, proposed_name
from sipscope.settings.model import Settings
from sipscope.tui.keys import EVERYWHERE, SAVE, Context, bindings
from sipscope.tui.leg_search import LegSearch
from sipscope.tui.line_list import Span, StyledLines, fit
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.option import Option

if TYPE_CHECKING:
    from sipscope.engine import Engine

_WORDS = {
    "marked": "the marked calls",
    "this": "the call under the cursor",
    "shown": "all calls that are shown",
    "all": "all calls",
}
_FORMS = {
    "pcap": ".pcap",
    "pcapng": ".pcapng",
    "text": ".txt",
}
_FORM_WORDS = ("pcap", "pcapng, with names and comments", "text")
_LEGS_S = 0.02
_LEGS_LONGEST_S = 10.0
_PROGRESS_S = 0.25
_MOST_ENTRIES = 10_000
NO_RTP = "RTP was not kept: record with -w FILE to have it"
TEXT_HAS_NONE = "a text holds none"


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


class FolderSuggester(Suggester):
    """Completes the folder that is being typed; the right arrow takes it."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """Return the path with the first folder that begins so."""
        return await asyncio.to_thread(completed_folder, value)


class SaveScreen(ModalScreen[str | None]):
    """Asks what to save and where; the result says what was saved, None for nothing.

    Args:
        engine: Writes the file.
        choices: Ids of dialogs by a key of `_WORDS`; those without any are not offered.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SAVE, priority=True)]

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
        & _Choices, & Horizontal, & Static, & Option { padding: 0 2; }
        & Horizontal > * { padding: 0; }
        & Horizontal { height: 1; margin: 1 0; }
        & #save-label { width: 8; color: $old; }
        & Input {
            width: 1fr;
            height: 1;
            border: none;
            padding: 0 1;
            background: $background;
            &:focus { border: none; }
        }
        & #save-note { height: auto; min-height: 1; margin-top: 1; color: $warning; }
    }
    """

    def __init__(self, engine: "Engine", choices: Mapping[str, Sequence[int]]) -> None:
        super().__init__()
        self._engine = engine
        offered = [(_WORDS[key], ids) for key, ids in choices.items() if ids]
        self._ids = [ids for _, ids in offered]
        self._choices = _Choices([(words, len(ids)) for words, ids in offered])
        self._path = Input(compact=True, select_on_focus=False, suggester=FolderSuggester())
        self._form = Option("Form", _FORM_WORDS)
        self._rtp = Option("RTP", ("with", "without"))
        self._legs = Option("Legs", ("as chosen", "with all legs of these calls"))
        self._note = Static("", id="save-note", markup=False)
        self._folder = ""
        self._proposed = ""
        self._overwrite = ""
        self._course: Course | None = None

    def compose(self) -> ComposeResult:
        """Lay the panel out."""
        with Vertical():
            yield self._choices
            with Horizontal():
                yield Static("File", id="save-label", markup=False)
                yield self._path
            yield self._form
            yield self._rtp
            yield self._legs
            yield self._note
            yield KeyLine(SAVE, last=None)

    def on_mount(self) -> None:
        """Begin with what the settings say, and let the person type the path."""
        save = self._settings.save
        self._folder = save.folder
        self._form.chosen = list(_FORMS).index(save.form)
        self._rtp.chosen = 0 if save.rtp else 1
        self._allow_rtp()
        self._propose()
        self._path.focus()
        self.set_interval(_PROGRESS_S, self._tell_progress)

    def on_unmount(self) -> None:
        """Leave no half a file behind."""
        if self._course is not None:
            self._course.cancelled = True

    def action_which(self, step: int) -> None:
        """Choose other calls."""
        self._choices.chosen = (self._choices.chosen + step) % len(self._ids)
        self._choices.refresh()
        self._propose()

    def action_rtp(self) -> None:
        """With or without RTP."""
        self._rtp.action_step(1)

    def action_form(self) -> None:
        """Take another form."""
        self._form.action_step(1)

    def action_legs(self) -> None:
        """With all legs, or as chosen."""
        self._legs.action_step(1)

    def action_other_field(self, step: int) -> None:
        """Go to the next field, or the one before."""
        (self.focus_next if step > 0 else self.focus_previous)()

    def action_back(self) -> None:
        """Save nothing; end a save that is going on."""
        if self._course is not None:
            self._course.cancelled = True
        else:
            self.dismiss(None)

    def action_write(self) -> None:
        """Write the file; one that exists only when Enter is pressed once more."""
        path = os.path.expanduser(self._path.value.strip())
        if self._course is not None:
            return
        if not path:
            self._say("Type the name of a file.")
        elif os.path.isdir(path):
            self._say("This is a folder. Type the name of a file in it.")
        elif os.path.lexists(path) and self._overwrite != path:
            self._overwrite = path
            self._say("This file exists. Enter once more overwrites it.")
        else:
            self._course = Course()
            self._say("Saving…  Esc cancels")
            self.run_worker(self._write(path, self._course), exit_on_error=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take back what was said of another path; the form follows the name."""
        event.stop()
        self._overwrite = ""
        self._say("")
        name = event.value.strip().lower().removesuffix(".gz")
        for place, ending in enumerate(_FORMS.values()):
            if name.endswith(ending):
                self._form.choose(place)

    def on_option_changed(self, event: Option.Changed) -> None:
        """Let the name follow the form."""
        event.stop()
        if event.option is self._form:
            self._allow_rtp()
            self._path.value = with_ending(self._path.value, self._ending)

    @property
    def _settings(self) -> Settings:
        settings: Settings = getattr(self.app, "settings", Settings())
        return settings

    @property
    def _ending(self) -> str:
        return list(_FORMS.values())[self._form.chosen]

    def _allow_rtp(self) -> None:
        if self._ending == _FORMS["text"]:
            self._rtp.allow(TEXT_HAS_NONE)
        else:
            self._rtp.allow("" if self._engine.recordings else NO_RTP)

    def _propose(self) -> None:
        """Put a name in place, unless the person typed one."""
        if self._path.value != self._proposed:
            return
        ids = self._ids[self._choices.chosen]
        name = self._name_of_call(ids[0]) if len(ids) == 1 else default_name()
        self._proposed = os.path.join(self._folder, name + self._ending)
        self._path.value = self._proposed
        self._path.cursor_position = len(self._proposed)

    def _name_of_call(self, dialog_id: int) -> str:
        with self._engine.store.lock:
            dialog = self._engine.store.dialogs.get(dialog_id)
            if dialog is None:
                return default_name()
            caller, callee = party_name(dialog.caller), party_name(dialog.callee)
            began = time.strftime("%Y%m%d-%H%M%S", time.localtime(dialog.started // 10**9))
        return proposed_name(caller, callee, began)

    async def _write(self, path: str, course: Course) -> None:
        ids = self._ids[self._choices.chosen]
        try:
            packets = await asyncio.to_thread(self._save, path, ids, course)
        except SaveError as error:
            self._course = None
            self._overwrite = ""
            self._say(str(error))
            return
        calls = "1 call" if len(ids) == 1 else f"{len(ids):,} calls"
        kind = "messages" if self._ending == _FORMS["text"] else "packets"
        self.dismiss(f"{packets:,} {kind} of {calls} saved in {display(path)}")

    def _save(self, path: str, ids: Sequence[int], course: Course) -> int:
        """Save, in a thread of its own."""
        form = list(_FORMS)[self._form.chosen]
        return self._engine.save(
            path,
            self._with_legs(ids, course) if self._legs.chosen else ids,
            rtp=self._rtp.chosen == 0 and not self._rtp.reason,
            overwrite=self._overwrite == path,
            form=form,
            aliases=self._settings.aliases,
            course=course,
        )

    def _with_legs(self, ids: Sequence[int], course: Course) -> list[int]:
        store = self._engine.store
        with store.lock:
            dialogs = [store.dialogs[i] for i in ids if i in store.dialogs]
        search = LegSearch(store, dialogs)
        until = time.monotonic() + _LEGS_LONGEST_S
        while not search.go_on(_LEGS_S) and time.monotonic() < until:
            course.at(0.0)
        return list(dict.fromkeys([*ids, *(link.leg for link in search.links())]))

    def _tell_progress(self) -> None:
        if self._course is not None and self._course.share:
            self._say(f"Saving… {100 * self._course.share:.0f} %  Esc cancels")

    def _say(self, text: str) -> None:
        self._note.update(Content(display(text)))


def default_name() -> str:
    """Return a name that says when it was saved."""
    return time.strftime("sipscope-%Y%m%d-%H%M%S")


def with_ending(path: str, ending: str) -> str:
    """Return a path with another ending in place of that of a form."""
    packed = path[-3:] if path.lower().endswith(".gz") and ending != _FORMS["text"] else ""
    bare = path[:-3] if path.lower().endswith(".gz") else path
    for known in _FORMS.values():
        if bare.lower().endswith(known):
            return bare[: -len(known)] + ending + packed
    return path


def completed_folder(path: str) -> str | None:
    """Return a path with the first folder that begins as its last part, None without one."""
    folder, begun = os.path.split(path)
    if not begun:
        return None
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:
            names = [
                entry.name
                for _, entry in zip(range(_MOST_ENTRIES), entries, strict=False)
                if entry.name.startswith(begun) and entry.is_dir()
            ]
    except OSError:
        return None
    return os.path.join(folder, min(names)) + "/" if names else None
