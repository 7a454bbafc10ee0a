"""All settings by section: name, value and meaning, one line each."""

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, get_args, get_type_hints

from sipscope.decode.text import display
from sipscope.settings.document import meaning_of_table
from sipscope.settings.loading import to_text
from sipscope.settings.model import SECTIONS, TABLES, Settings, words_of
from sipscope.tui.keys import all_contexts, written
from sipscope.tui.line_list import LineList, Span, fit

NEW = "…"
"""Stands for an entry of a table that is still to be named."""

AT_START = frozenset({"capture", "listen", "send"})
"""Sections that count when sipscope starts."""

SECRETS = frozenset({"key", "hep_key"})
"""Settings that are not to be read over a shoulder."""

_NAME = 24
_VALUE = 24

Value = Any
Kind = Any


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list.

    Attributes:
        section: Its section or table.
        name: Of the setting; empty in the heading of a section.
        kind: The type of its value.
        words: What it means.
    """

    section: str
    name: str
    kind: Kind
    words: str

    @property
    def choices(self) -> tuple[str, ...]:
        """What a text may be, empty when it may be anything."""
        words = get_args(self.kind)
        return words if words and all(isinstance(word, str) for word in words) else ()


class SettingsList(LineList):
    """The settings.

    Args:
        settings: As they are now; see `take`.
    """

    header_lines: ClassVar[int] = 1

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.unsaved: Collection[tuple[str, str]] = ()
        self.words = ""
        self._default = Settings()
        self._all: list[Row] = []

    def on_mount(self) -> None:
        """Show all of them."""
        self.take(self.settings, ())

    def take(self, settings: Settings, unsaved: Collection[tuple[str, str]]) -> None:
        """Show settings, and which of them are not saved; section and name of each."""
        self.settings, self.unsaved = settings, unsaved
        self._all = list(setting_rows(settings))
        self._strips.clear()
        self.search(self.words)

    def search(self, words: str) -> None:
        """Show only settings with these words, and the headings over them."""
        self.words = words
        wanted = words.casefold().split()
        rows: list[Row] = []
        for row in self._all:
            text = f"{row.section}.{row.name} {row.words}".casefold()
            if not row.name or all(word in text for word in wanted):
                rows.append(row)
        kept = [
            row
            for row, after in zip(rows, [*rows[1:], None], strict=True)
            if row.name or (after is not None and after.name)
        ]
        self.show(kept)
        if isinstance(self.row, Row) and not self.row.name:
            self.move_to_index(self.index + 1)

    def move_to_index(self, index: int) -> None:
        """Put the cursor on a setting: headings are passed over."""
        index = max(0, min(index, len(self.rows) - 1))
        step = 1 if index >= self.index else -1
        places = range(index, len(self.rows) if step > 0 else -1, step)
        others = range(index, -1 if step > 0 else len(self.rows), -step)
        found = next((n for n in (*places, *others) if n < len(self.rows) and self._setting(n)), 0)
        super().move_to_index(found)
        if self.top and self.top == self.index and not self._setting(self.top - 1):
            self.top -= 1  # the heading is seen with its first setting
            self.refresh_changed()

    def value_of(self, row: Row) -> Value:
        """Return the value of a row."""
        part = getattr(self.settings, row.section)
        if row.section not in TABLES:
            return getattr(part, row.name)
        if row.section == "keys" and row.name not in part:
            return _keys().get(row.name, ((), ""))[0]
        return part.get(row.name, "")

    def text_of(self, row: Row) -> str:
        """Return the value of a row as a person types it."""
        value = self.value_of(row)
        return ", ".join(map(written, value)) if row.section == "keys" else to_text(value)

    def is_default(self, row: Row) -> bool:
        """Whether a row has the value that it has without any settings."""
        if row.section in TABLES:
            return row.name not in getattr(self.settings, row.section)
        return bool(getattr(getattr(self._default, row.section), row.name) == self.value_of(row))

    def row_version(self, row: Hashable) -> Hashable:
        """Return what tells whether a line looks different."""
        if not isinstance(row, Row) or not row.name:
            return 0
        return to_text(self.value_of(row)), (row.section, row.name) in self.unsaved

    def render_header(self, width: int) -> Iterable[Span | tuple[str, str]]:
        """Return the titles."""
        titles = fit("  Setting", 2 + _NAME) + fit("Value", _VALUE) + "Meaning"
        return [Span(fit(titles, width), "old")]

    def render_row(self, row: Hashable, width: int) -> Iterable[Span | tuple[str, str]]:
        """Return the line of a setting or a section."""
        assert isinstance(row, Row)
        if not row.name:
            return [Span(row.section, "strong"), Span(f"  {row.words}", "old")]
        unsaved = (row.section, row.name) in self.unsaved
        style = "" if self.is_default(row) else "progress"
        return [
            Span("● " if unsaved else "  ", "doubtful"),
            Span(fit(display(row.name), _NAME - 1) + " "),
            Span(fit(display(self._seen_value(row)), _VALUE - 1) + " ", style),
            Span(fit(row.words, max(0, width - 2 - _NAME - _VALUE)), "old"),
        ]

    def render_empty(self, width: int) -> Iterable[Span | tuple[str, str]]:
        """Return what stands in an empty list."""
        return [Span(" No setting has these words. Esc shows all.")]

    def _seen_value(self, row: Row) -> str:
        text = self.text_of(row)
        return "•" * 8 if text and row.name in SECRETS else text

    def _setting(self, index: int) -> bool:
        row = self.rows[index]
        return isinstance(row, Row) and bool(row.name)


def setting_rows(settings: Settings) -> Iterable[Row]:
    """Give a heading for each section, and its settings after it."""
    for section in SECTIONS:
        part = getattr(settings, section)
        told = (type(part).__doc__ or "").strip()
        yield Row(section, "", None, told + "  From the next start on." * (section in AT_START))
        kinds = get_type_hints(type(part))
        for each in fields(part):
            yield Row(section, each.name, kinds[each.name], words_of(section, each.name))
    for table in TABLES:
        yield Row(table, "", None, meaning_of_table(table))
        yield from _table_rows(table, getattr(settings, table))


def _table_rows(table: str, values: Mapping[str, Value]) -> Iterable[Row]:
    if table == "keys":
        for action, (_, words) in _keys().items():
            yield Row(table, action, tuple[str, ...], words)
        return
    kind = Mapping[str, str] if table == "themes" else str
    for name in values:
        yield Row(table, name, kind, "")
    yield Row(table, NEW, kind, "add one: NAME = VALUE")


def _keys() -> dict[str, tuple[tuple[str, ...], str]]:
    return {key.id: (key.keys, key.words) for each in all_contexts() for key in each.keys}
