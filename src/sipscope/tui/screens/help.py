"""The keys of a screen, the filter language, and what the signs mean."""

from collections.abc import Sequence
from functools import partial
from itertools import zip_longest
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from sipscope.calls.filter.reference import Chapter, reference
from sipscope.tui.keys import EVERYWHERE, HELP_SCREEN, MOVEMENT, Context, bindings, written
from sipscope.tui.line_list import Span, fit
from sipscope.tui.widgets.key_line import KeyLine
from sipscope.tui.widgets.notice_line import NoticeLine
from sipscope.tui.widgets.search_line import SearchLine
from sipscope.tui.widgets.text_view import TextView
from sipscope.tui.widgets.wrapping import Line, line_text, restyle, wrap

_COLUMN_GAP = 3
_TERM_WIDTH = 20

_SIGNS: tuple[Line, ...] = (
    (Span("Signs", "strong"),),
    (Span("●", "failed"), Span(" failed, or hardly heard")),
    (Span("▲", "doubtful"), Span(" refused, or poor to hear")),
    (Span("*", "marked"), Span(" marked")),
    (Span("Empty is unknown, 0 is zero", "old"),),
)


class HelpText(TextView):
    """The help, in which one can search.

    Args:
        contexts: The keys, the screen's own first.
    """

    def __init__(self, contexts: Sequence[Context]) -> None:
        super().__init__()
        self.words = ""
        self._contexts = contexts
        self._at = -1

    def on_mount(self) -> None:
        """Show the help."""
        self.show(partial(help_lines, self._contexts))

    def search(self, words: str) -> None:
        """Pick out some words, upper and lower case alike; nothing for an empty text."""
        self.words, self._at = words.casefold(), -1
        self.reflow()

    def find_next(self, direction: int) -> bool:
        """Go to the next line with the words, or the one before, around; False without any."""
        found = [n for n in range(self.line_count) if self._has(n)]
        if not self.words or not found:
            return False
        start = self._at if self._at >= 0 else self.top - 1
        after = [
            n for n in (found if direction > 0 else found[::-1]) if (n - start) * direction > 0
        ]
        self._at = after[0] if after else found[0 if direction > 0 else -1]
        self.scroll_to_line(self._at - self.size.height // 3)
        self.reflow()
        return True

    def line(self, index: int) -> Line:
        """Return one of the lines, with the words picked out."""
        line = super().line(index)
        if self.words and self._has(index):
            text = line_text(line).casefold()
            begin = text.find(self.words)
            style = "found" if index == self._at else "marked"
            line = restyle(line, begin, begin + len(self.words), style)
        return line

    def _has(self, index: int) -> bool:
        return self.words in line_text(super().line(index)).casefold()


class HelpScreen(Screen[None]):
    """Shows keys and the filter language; any key for going back goes back.

    Args:
        contexts: The keys, the screen's own first.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(HELP_SCREEN)]

    CONTEXTS: ClassVar[tuple[Context, ...]] = (HELP_SCREEN, MOVEMENT, EVERYWHERE)

    def __init__(self, contexts: Sequence[Context]) -> None:
        super().__init__()
        self._text = HelpText(contexts)
        self._notice = NoticeLine()
        self._search = SearchLine()

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield self._notice
        yield self._text
        yield self._search
        yield KeyLine(HELP_SCREEN, last=None)

    def on_mount(self) -> None:
        """Let the person read."""
        self._text.focus()

    def action_back(self) -> None:
        """End the search; without one, go back."""
        if self._text.words:
            self._text.search("")
        else:
            self.dismiss()

    def action_search(self) -> None:
        """Type what to look for."""
        self._search.open()

    def action_search_next(self, direction: int) -> None:
        """Go to the next place with the words, or the one before."""
        if not self._text.words:
            self._search.open()
        elif not self._text.find_next(direction):
            self._notice.say("These words are not in the help")

    def on_search_line_asked(self, event: SearchLine.Asked) -> None:
        """Go to the first place."""
        self._text.focus()
        if event.words:
            self._text.search(event.words)
            self.action_search_next(1)


def help_lines(contexts: Sequence[Context], width: int) -> list[Line]:
    """Return the help: two columns if `width` allows, the first context on the left."""
    left = _section(contexts[0])
    right: list[Line] = []
    for context in contexts[1:]:
        right += [*_section(context), ()]
    right += _SIGNS
    left_width = max(map(_width, left)) + _COLUMN_GAP
    if left_width + max(map(_width, right)) > width:
        under = [*left, (), *right]
        lines = [part for line in under for part in wrap(line, width, Span("    "))]
    else:
        lines = [
            (*line, Span(" " * (left_width - _width(line))), *other)
            for line, other in zip_longest(left, right, fillvalue=())
        ]
    for chapter in reference():
        lines += [(), *_chapter(chapter, width)]
    return lines


def _section(context: Context) -> list[Line]:
    names = [" ".join(map(written, key.keys)) for key in context.keys]
    keys_width = max(map(len, names), default=0) + 1
    return [
        (Span(context.title, "strong"),),
        *(
            (Span(fit(name, keys_width), "progress"), Span(key.words))
            for name, key in zip(names, context.keys, strict=True)
        ),
    ]


def _chapter(chapter: Chapter, width: int) -> list[Line]:
    """Return a part of the filter language, its words wrapped beside its terms."""
    term = min(_TERM_WIDTH, width // 3)
    lines: list[Line] = [(Span(chapter.title, "strong"),)]
    for entry in chapter.entries:
        pieces = wrap((Span(entry.words),), max(8, width - term - 1), Span(""))
        for number, piece in enumerate(pieces):
            name = entry.term if not number else ""
            lines.append((Span(fit(name, term) + " ", "progress"), *piece))
    return lines


def _width(line: Line) -> int:
    return sum(cell_len(span.text) for span in line)
