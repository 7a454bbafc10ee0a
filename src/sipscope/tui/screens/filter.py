"""A filter made of fields, saved under a name, or taken from those of former times."""

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import Input, Static

from sipscope.calls.filter import FilterExpressionError, compile_filter
from sipscope.calls.filter.composing import METHODS, compose
from sipscope.decode.text import display
from sipscope.settings.editing import save_settings
from sipscope.settings.loading import SettingsError
from sipscope.settings.paths import NO_FILES_VARIABLE, settings_file, settings_files
from sipscope.tui.filter_history import FilterHistory
from sipscope.tui.keys import EVERYWHERE, FILTER, MOVEMENT, Context, bindings
from sipscope.tui.line_list import LineList, Span, StyledLines, fit
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.notice_line import NoticeLine

if TYPE_CHECKING:
    from sipscope.tui.app import SipscopeApp

FIELDS = (
    ("from", "From", "regular expression, as 1001 or ^49"),
    ("to", "To", ""),
    ("source", "Source", "address:port of the first message"),
    ("destination", "Destination", ""),
    ("message", "Payload", "in the text of any message"),
)
_METHODS_A_LINE = 4
_METHOD_WIDTH = 15


class Known(NamedTuple):
    """A filter that can be taken.

    Attributes:
        text: What it says.
        name: Under which it was saved; empty for one of former times.
    """

    text: str
    name: str


class MethodChoice(StyledLines, can_focus=True):
    """The methods, each shown or not.

    Attributes:
        chosen: Those that pass.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "The method before", show=False),
        Binding("right", "step(1)", "The next method", show=False),
        Binding("space", "toggle_method", "Show it, or not", show=False),
    ]

    DEFAULT_CSS = "MethodChoice { width: 1fr; height: 3; }"

    class Changed(Message):
        """Other methods are chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.chosen = set(METHODS)
        self._place = 0

    def render_line(self, y: int) -> Strip:
        """Return some of the methods."""
        begin = y * _METHODS_A_LINE
        spans: list[Span] = []
        for place, method in list(enumerate(METHODS))[begin : begin + _METHODS_A_LINE]:
            sign = "[x] " if method in self.chosen else "[ ] "
            here = self.has_focus and place == self._place
            spans.append(Span(fit(sign + method, _METHOD_WIDTH), "place" if here else ""))
        return self.strip(spans)

    def action_step(self, places: int) -> None:
        """Go to another method."""
        self._place = (self._place + places) % len(METHODS)
        self.refresh()

    def action_toggle_method(self) -> None:
        """Let the method pass, or not."""
        self.chosen ^= {METHODS[self._place]}
        self.refresh()
        self.post_message(self.Changed())

    def on_focus(self, event: events.Focus) -> None:
        """Show the place."""
        self.refresh()

    def on_blur(self, event: events.Blur) -> None:
        """Show no place."""
        self.refresh()


class KnownFilters(LineList):
    """Saved filters by name, then those of former times."""

    header_lines: ClassVar[int] = 1

    def render_row(self, row: Hashable, width: int) -> Iterable[Span]:
        """Return a filter with its name."""
        if isinstance(row, Known):
            yield Span(fit("  " + display(row.name), 15) + " ", "strong")
            yield Span(display(row.text), "" if row.name else "old")

    def render_header(self, width: int) -> Iterable[Span]:
        """Return the title."""
        return [Span(fit("  Saved as", 16) + "Filters, those of former times last", "old")]


class FilterScreen(Screen[str | None]):
    """Lets the person make or choose a filter; the result is its text.

    Args:
        text: The filter in effect.
        history: Filters of former times.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(FILTER)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (FILTER, MOVEMENT, EVERYWHERE)

    DEFAULT_CSS = """
    FilterScreen {
        & Horizontal { height: auto; }
        & .filter-label { width: 16; padding: 0 2; color: $old; }
        & Input { width: 1fr; height: 1; border: none; padding: 0; background: $bar; }
        & Input:focus { border: none; background: $cursor; }
        & KnownFilters { margin-top: 1; }
        & #filter-wrong { height: 1; padding: 0 2 0 16; color: $warning; }
    }
    """

    app: "SipscopeApp"

    def __init__(self, text: str, history: FilterHistory) -> None:
        super().__init__()
        self._history = history
        self._fields = {name: Input(compact=True, placeholder=hint) for name, _, hint in FIELDS}
        self._methods = MethodChoice()
        self._expression = Input(text, compact=True, placeholder="the filter itself")
        self._saved_as = Input(compact=True, placeholder="to save it under (F2)")
        self._wrong = Static("", id="filter-wrong", markup=False)
        self._notice = NoticeLine()
        self.known = KnownFilters()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self._notice
        for name, title, _ in FIELDS:
            with Horizontal():
                yield Static(title, classes="filter-label")
                yield self._fields[name]
        with Horizontal():
            yield Static("Methods", classes="filter-label")
            yield self._methods
        with Horizontal():
            yield Static("Filter", classes="filter-label")
            yield self._expression
        yield self._wrong
        with Horizontal():
            yield Static("Name", classes="filter-label")
            yield self._saved_as
        yield self.known
        yield KeyLine(FILTER, last=None)

    def on_mount(self) -> None:
        """Begin with the first field."""
        self._notice.state([Span("Filter by fields", "strong")], "")
        self._fields["from"].focus()
        self._list()

    def action_apply(self) -> None:
        """Filter by what is there, or by the known filter under the cursor."""
        row = self.known.row
        if self.known.has_focus and isinstance(row, Known):
            self._expression.value = row.text
        if self._check() is None:
            self.dismiss(self._expression.value)

    def action_next(self) -> None:
        """Go to the next field."""
        self.focus_next()

    def action_previous(self) -> None:
        """Go to the field before."""
        self.focus_previous()

    def action_toggle_method(self) -> None:
        """Let a method pass, or not."""
        self._methods.action_toggle_method()

    def action_clear(self) -> None:
        """Clear all fields."""
        for field in self._fields.values():
            field.value = ""
        self._methods.chosen = set(METHODS)
        self._methods.refresh()
        self._expression.value = ""

    def action_save(self) -> None:
        """Keep the filter in the settings under its name."""
        name, text = self._saved_as.value.strip(), self._expression.value.strip()
        if self._check() is not None:
            return
        if not name or not text:
            self._notice.say("Type a filter and a name for it", "doubtful")
            (self._saved_as if text else self._expression).focus()
            return
        if self._keep(name, text):
            self._notice.say(f"Saved as {display(name)}", "good")

    def action_forget(self) -> None:
        """Take the saved filter under the cursor out of the settings."""
        row = self.known.row
        if isinstance(row, Known) and row.name and self._keep(row.name, None):
            self._notice.say(f"{display(row.name)} is forgotten")

    def action_back(self) -> None:
        """Leave the filter as it was."""
        self.dismiss(None)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Make the filter of the fields, and check what is typed as one."""
        event.stop()
        if event.input in self._fields.values() and (event.value or self._made()):
            self._expression.value = self._made()
        self._check()

    def on_method_choice_changed(self) -> None:
        """Make the filter of the fields."""
        self._expression.value = self._made()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Save when a name was typed, else filter."""
        event.stop()
        if event.input is self._saved_as and event.value.strip():
            self.action_save()
        else:
            self.action_apply()

    def on_line_list_opened(self) -> None:
        """Take the filter that was clicked twice."""
        self.action_apply()

    def _made(self) -> str:
        return compose(
            {name: field.value for name, field in self._fields.items()}, self._methods.chosen
        )

    def _check(self) -> FilterExpressionError | None:
        """Tell what is wrong with the filter."""
        try:
            compile_filter(self._expression.value)
        except FilterExpressionError as error:
            self._wrong.update(Content(display(str(error))))
            return error
        self._wrong.update(Content(""))
        return None

    def _list(self) -> None:
        saved = [Known(text, name) for name, text in self.app.settings.filters.items()]
        former = [Known(text, "") for text in reversed(self._history.filters)]
        self.known.show((*saved, *former))

    def _keep(self, name: str, text: str | None) -> bool:
        """Write a saved filter, or take it out; tell whether that was done."""
        if not settings_files():
            self._notice.say(f"{NO_FILES_VARIABLE} is set: nothing is saved", "doubtful")
            return False
        try:
            save_settings(settings_file(), {"filters": {name: text}})
        except SettingsError as error:
            self._notice.say(display(str(error)), "failed")
            return False
        filters: dict[str, Any] = dict(self.app.settings.filters)
        filters.pop(name, None)
        if text is not None:
            filters[name] = text
        self.app.settings = replace(self.app.settings, filters=filters)
        self._list()
        return True
