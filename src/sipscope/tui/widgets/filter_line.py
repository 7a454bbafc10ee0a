"""The line in which a filter is typed, with what can come next and what is wrong below it."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.highlighter import Highlighter
from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Input, Static

from sipscope.calls.filter import FilterExpressionError
from sipscope.calls.filter.completion import Completion
from sipscope.decode.text import display
from sipscope.tui.filter_history import FilterHistory
from sipscope.tui.line_list import Span, StyledLines, fit

MOST_PROPOSALS = 6


class _WrongPlace(Highlighter):
    """Underlines the place where a filter goes wrong."""

    def __init__(self) -> None:
        self.error: FilterExpressionError | None = None

    def highlight(self, text: Text) -> None:
        """Mark the place."""
        if self.error is not None:
            text.stylize(Style(underline=True, bold=True), self.error.start, self.error.end)


class Proposals(StyledLines):
    """What can be typed next, and what is wrong with what is typed.

    Attributes:
        found: Ways to go on.
        chosen: Which one the person is on, -1 for none.
        error: What is wrong, None for nothing.
    """

    DEFAULT_CSS = """
    Proposals { height: auto; width: 1fr; display: none; background: $bar; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: Sequence[Completion] = ()
        self.chosen = -1
        self.error: FilterExpressionError | None = None

    def show(self, found: Sequence[Completion], error: FilterExpressionError | None) -> None:
        """Take what there is to say."""
        self.found, self.error = found[:MOST_PROPOSALS], error
        self.chosen = -1
        lines = len(self.found) + (error is not None)
        self.display = lines > 0
        self.styles.height = lines
        self.refresh()

    def choose(self, place: int) -> None:
        """Go to one of them, -1 for none."""
        self.chosen = place
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return the error, or one way to go on."""
        if self.error is not None:
            if y == 0:
                return self.strip([Span("   "), Span(display(str(self.error)), "doubtful")])
            y -= 1
        if y >= len(self.found):
            return self.strip(())
        each = self.found[y]
        spans = [Span("   "), Span(fit(each.text, 18), "strong"), Span(f" {each.words}", "old")]
        return self.strip(spans, cursor=y == self.chosen)


class FilterLine(Vertical):
    """An input that tells what is typed, key by key; hidden until it is opened.

    Args:
        hint: What stands there before anything is typed.
        complete: Tells how what is typed can go on.
        history: Filters of former times.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "Clear the filter", show=False),
        Binding("tab", "complete", "Take what is proposed", show=False),
        Binding("down", "next", "The next proposal, or to the list", show=False),
        Binding("up", "previous", "The filter before", show=False),
        Binding("pagedown,pageup", "close", "To the list", show=False),
    ]

    DEFAULT_CSS = """
    FilterLine {
        height: auto;
        display: none;
        background: $background;
        & > Horizontal { height: 1; }
        & #filter-sign { width: 3; color: $marked; text-style: bold; }
        & Input { width: 1fr; height: 1; border: none; padding: 0; background: $bar; }
        & Input:focus { border: none; }
        & #filter-count { width: auto; padding: 0 1; color: $old; }
    }
    """

    class Typed(Message):
        """The text is another one."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Closed(Message):
        """The person is done."""

    def __init__(
        self,
        hint: str = "words in any column, !word leaves out",
        complete: Callable[[str], Sequence[Completion]] | None = None,
        history: FilterHistory | None = None,
    ) -> None:
        super().__init__()
        self._wrong = _WrongPlace()
        self._input = Input(compact=True, placeholder=hint, highlighter=self._wrong)
        self._count = Static("", id="filter-count", markup=False)
        self._proposals = Proposals()
        self._complete = complete
        self._history = history
        self._counted = ""
        self._past = -1
        self._error: FilterExpressionError | None = None

    def compose(self) -> ComposeResult:
        """Lay the line out."""
        with Horizontal():
            yield Static(" / ", id="filter-sign", markup=False)
            yield self._input
            yield self._count
        yield self._proposals

    @property
    def text(self) -> str:
        """What is typed."""
        return self._input.value

    def open(self, text: str) -> None:
        """Let the person type, starting from `text`."""
        self.display = True
        self._past = -1
        self._put(text, tell=False)
        self.complain(None)
        self._input.focus()

    def count(self, text: str) -> None:
        """Show how many rows pass."""
        if text != self._counted:
            self._counted = text
            self._count.update(Content(text))

    def complain(self, error: FilterExpressionError | None) -> None:
        """Show what is wrong with what is typed, and how it can go on."""
        value = self._input.value
        self._error = error
        unfinished = error is not None and error.start >= len(value.rstrip())
        self._wrong.error = None if unfinished else error
        self._input.refresh()
        found = self._complete(value) if self._complete is not None and value.strip() else ()
        if len(found) == 1 and found[0].text == value[found[0].start :]:
            found = ()
        self._proposals.show(found, None if unfinished and found else error)

    def action_clear(self) -> None:
        """Clear the filter and go."""
        self._put("")
        self._leave()

    def action_complete(self) -> None:
        """Take the proposal; without one, go to the list."""
        if self._proposals.found:
            self._take(max(0, self._proposals.chosen))
        else:
            self.action_close()

    def action_next(self) -> None:
        """Go to the next proposal, to a newer filter, or to the list."""
        shown = self._proposals
        if self._past >= 0:
            self._remember(self._past - 1)
        elif shown.found:
            shown.choose(min(shown.chosen + 1, len(shown.found) - 1))
        else:
            self.action_close()

    def action_previous(self) -> None:
        """Go to the proposal before, to an older filter, or to the list."""
        if self._proposals.chosen >= 0:
            self._proposals.choose(self._proposals.chosen - 1)
        elif self._history is not None:
            self._remember(self._past + 1)
        else:
            self.action_close()

    def action_close(self) -> None:
        """Go, and let the filter be; what is no filter has to be mended or cleared first."""
        if self._error is None:
            self._leave()
        else:
            self._proposals.show((), self._error)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell what has been typed."""
        event.stop()
        self.post_message(self.Typed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the proposal that the person is on; else go to the list."""
        event.stop()
        if self._proposals.chosen >= 0:
            self._take(self._proposals.chosen)
        else:
            self.action_close()

    def _leave(self) -> None:
        if self._history is not None:
            self._history.add(self._input.value)
        self.display = False
        self.post_message(self.Closed())

    def _take(self, place: int) -> None:
        """Put a proposal in the place of what it completes."""
        proposal = self._proposals.found[place]
        self._past = -1
        self._put(f"{self._input.value[: proposal.start]}{proposal.text} ")

    def _remember(self, past: int) -> None:
        """Show a filter of former times: 0 is the last one, -1 none."""
        filters = self._history.filters if self._history is not None else ()
        if past < len(filters):
            self._past = past
            self._put(filters[-1 - past] if past >= 0 else "")

    def _put(self, text: str, *, tell: bool = True) -> None:
        if tell:
            self._input.value = text
        else:
            with self._input.prevent(Input.Changed):
                self._input.value = text
        self._input.cursor_position = len(text)
