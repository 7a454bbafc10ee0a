"""What can be typed next in a filter."""

from typing import NamedTuple

from sipscope.calls.filter.fields import FIELDS, Field, Kind, find_field
from sipscope.calls.filter.language import FilterExpressionError, Token, tokens
from sipscope.calls.filter.operators import OPERATOR, OPERATORS

MOST = 20


class Completion(NamedTuple):
    """A way to go on.

    Attributes:
        text: What stands there then, instead of what is there from `start` on.
        words: What it means.
        start: Where in the filter it begins.
    """

    text: str
    words: str
    start: int


def complete(text: str) -> list[Completion]:
    """Return how a filter can go on at its end: fields, operators, known values."""
    try:
        pieces = tokens(text)[:-1]
    except FilterExpressionError:
        return []
    unfinished = pieces[-1] if pieces and pieces[-1].end == len(text) else None
    if unfinished is not None and unfinished.kind == "word":
        typed, before = unfinished, pieces[:-1]
    else:
        typed, before = Token("word", "", len(text), len(text)), pieces
    asked = _asked(before)
    if asked is not None:
        return _values(asked, typed)
    if before and before[-1].kind == "word" and (field := find_field(before[-1].text.lower())):
        return _operators(field, typed)
    return _fields(typed)


def _asked(before: list[Token]) -> Field | None:
    """Return the field whose value stands next: after an operator, or within a set."""
    if before and before[-1].text == ",":
        while before and before[-1].text != "(":
            before = before[:-1]
    if before and before[-1].text == "(":
        before = before[:-1]
    if len(before) < 2 or before[-1].text.lower() not in OPERATOR:
        return None
    negated = before[-2].text.lower() == "not" and len(before) > 2
    return find_field(before[-3 if negated else -2].text.lower())


def _fields(typed: Token) -> list[Completion]:
    prefix = typed.text.lower()
    starting = [field for field in FIELDS if field.name.startswith(prefix)]
    holding = [f for f in FIELDS if prefix and prefix in f.name and f not in starting]
    return [Completion(f.name, f.words, typed.start) for f in (*starting, *holding)][:MOST]


def _operators(field: Field, typed: Token) -> list[Completion]:
    if typed.text:
        return []
    fitting = [each for each in OPERATORS if field.kind in each.kinds]
    return [Completion(each.symbol, each.words, typed.start) for each in fitting]


def _values(field: Field, typed: Token) -> list[Completion]:
    known = ("yes", "no") if field.kind is Kind.FLAG else field.known
    prefix = typed.text.lower()
    return [
        Completion(value, field.name, typed.start)
        for value in known
        if value.lower().startswith(prefix)
    ][:MOST]
