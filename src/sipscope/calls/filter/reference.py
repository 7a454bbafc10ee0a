"""The help of the filter language, made from its fields and operators."""

from typing import NamedTuple

from sipscope.calls.filter.fields import FIELDS, HEADER_PREFIX
from sipscope.calls.filter.operators import LITERALS, OPERATORS


class Entry(NamedTuple):
    """A line of the help.

    Attributes:
        term: What can be typed.
        words: What it means.
    """

    term: str
    words: str


class Chapter(NamedTuple):
    """Lines that belong together.

    Attributes:
        title: Over them.
        entries: In order.
    """

    title: str
    entries: tuple[Entry, ...]


def reference() -> tuple[Chapter, ...]:
    """Return everything that can be typed in a filter."""
    return (
        Chapter(
            "Filter",
            (
                Entry("1001 busy", "words in any column; all have to be there"),
                Entry('"two words"', "text with spaces or signs"),
                Entry("!options", "not this; also: not"),
                Entry("a and b or c", "and binds closer; group with ( )"),
                Entry("mos", "a field alone: it is known, or it is so"),
            ),
        ),
        Chapter(
            "Operators",
            tuple(Entry(each.symbol, f"{each.words}: {each.example}") for each in OPERATORS),
        ),
        Chapter("Values", tuple(Entry(kind.value, forms) for kind, forms in LITERALS)),
        Chapter(
            "Fields",
            (
                *(Entry(field.name, field.words) for field in FIELDS),
                Entry(f"{HEADER_PREFIX}NAME", "any SIP header, of any message"),
            ),
        ),
    )
