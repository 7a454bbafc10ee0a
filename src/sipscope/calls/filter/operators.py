"""The operators of the display filter: how a value is compared with what is typed.

The help is made from `OPERATORS`; a new operator is one entry and what it does.
"""

import difflib
from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import NamedTuple

import re2

from sipscope.calls.filter.fields import Field, Kind, Value
from sipscope.calls.filter.language import FilterExpressionError, Token
from sipscope.calls.filter.literals import Range, between, duration, moment, number, peer
from sipscope.decode.address import Endpoint

Test = Callable[[Value], bool]

MAX_TEXT = 65_536
"""So much of a value is looked at by a pattern."""

_PATTERN_MEMORY = 1 << 20
_BOTH = ".."
_COMPARE = {"<": lt, "<=": le, ">": gt, ">=": ge}
_MEASURED = (Kind.NUMBER, Kind.DURATION, Kind.TIME)
_ALL_KINDS = tuple(kind for kind in Kind if kind is not Kind.FLAG)


class Operator(NamedTuple):
    """How to compare.

    Attributes:
        symbol: As typed.
        words: What it does.
        kinds: Of fields that it is for.
        example: A filter.
    """

    symbol: str
    words: str
    kinds: tuple[Kind, ...]
    example: str


OPERATORS: tuple[Operator, ...] = (
    Operator("=", "is, upper and lower case alike; * stands for anything", tuple(Kind), "to = 49*"),
    Operator("!=", "is not", tuple(Kind), "state != completed"),
    Operator("<", "less", _MEASURED, "mos < 3.5"),
    Operator("<=", "at most", _MEASURED, "pdd <= 200ms"),
    Operator(">", "more", _MEASURED, "duration > 2m"),
    Operator(">=", "at least", _MEASURED, "time >= 14:03"),
    Operator("~", "matches a regular expression (RE2)", _ALL_KINDS, 'from.user ~ "^49"'),
    Operator("!~", "does not match", _ALL_KINDS, "user-agent !~ asterisk"),
    Operator("in", "is one of, or within", tuple(Kind), "ip in 10.0.0.0/8"),
)

OPERATOR: dict[str, Operator] = {operator.symbol: operator for operator in OPERATORS}

LITERALS: tuple[tuple[Kind, str], ...] = (
    (Kind.TEXT, '"two words", in (busy, declined)'),
    (Kind.NUMBER, "3.5, 4xx, in 100..199"),
    (Kind.DURATION, "90, 90s, 200ms, 2m, 1:30, in 10s..20s"),
    (Kind.TIME, "14:03, 14:03:22, 2026-01-05, 2026-01-05T14:03, in 14:00..14:10"),
    (Kind.ADDRESS, "10.0.0.1, 10.0.0.0/8, 10.0.0.1:5060, 2001:db8::/32"),
    (Kind.FLAG, "yes, no; or the name alone"),
)
"""How values are written, for the help."""


def make_test(field: Field, operator: str, token: Token) -> Test:
    """Return what tells whether a value of the field compares so with what is typed.

    Args:
        field: Whose values.
        operator: A symbol of `OPERATORS` without negation: `=`, `<`, `<=`, `>`, `>=`, `~`, `in`.
        token: What is typed.

    Raises:
        FilterExpressionError: The operator is not for such fields, or the value is none.
    """
    if field.kind not in OPERATOR[operator].kinds:
        fitting = ", ".join(o.symbol for o in OPERATORS if field.kind in o.kinds)
        raise _error(token, f"{field.name} does not compare with {operator}", f"It takes {fitting}")
    if operator == "~":
        return _matches(token)
    made = _MAKERS[field.kind](field, operator, token)
    if made is None:
        forms = dict(LITERALS)[field.kind]
        raise _error(
            token, f"{token.text or 'Nothing'} is no {field.kind.value}", f"Write it like {forms}"
        )
    return made


def _error(token: Token, message: str, remedy: str) -> FilterExpressionError:
    return FilterExpressionError(message, remedy, token.start, token.end)


def _matches(token: Token) -> Test:
    pattern = _compiled(token, token.text)
    return lambda value: pattern.search(str(value)[:MAX_TEXT]) is not None


def _compiled(token: Token, text: str) -> "re2._Regexp[str]":
    # RE2 takes time in proportion to the text, whatever the pattern.
    options = re2.Options()
    options.case_sensitive = False
    options.dot_nl = True
    options.log_errors = False
    options.max_mem = _PATTERN_MEMORY
    try:
        return re2.compile(text, options)
    except re2.error as error:
        detail = error.args[0] if error.args else ""
        words = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
        raise _error(
            token, f"The pattern is wrong: {words}", "Put a \\ before signs that mean themselves"
        ) from error


def _text(field: Field, operator: str, token: Token) -> Test:
    del operator  # `=` and `in` are the same for one value
    wanted = token.text.casefold()
    if token.kind == "word" and "*" in wanted:
        glob = ".*".join(re2.escape(part) for part in token.text.split("*"))
        pattern = _compiled(token, f"^{glob}$")
        return lambda value: pattern.search(str(value)[:MAX_TEXT]) is not None
    if field.closed and wanted.replace(" ", "-") not in field.known:
        close = difflib.get_close_matches(wanted, field.known, 1, 0.5)
        remedy = (
            f"Perhaps {close[0]} is meant" if close else f"It is one of {', '.join(field.known)}"
        )
        raise _error(token, f"No {field.name} is called {token.text}", remedy)
    if field.closed:
        wanted = wanted.replace(" ", "-")
    return lambda value: str(value).casefold() == wanted


def _number(field: Field, operator: str, token: Token) -> Test | None:
    read = duration if field.kind is Kind.DURATION else number
    low, dots, high = token.text.partition(_BOTH)
    first = read(low)
    last = read(high) if dots else first
    if first is None or last is None or (dots and operator not in ("=", "in")):
        return None
    return _within(operator, Range(first.low, last.high))


def _within(operator: str, wanted: Range) -> Test:
    low, high = wanted
    if operator in ("=", "in"):
        return lambda value: isinstance(value, int | float) and low <= value <= high
    compare = _COMPARE[operator]
    bound = high if operator in ("<=", ">") else low
    return lambda value: isinstance(value, int | float) and compare(value, bound)


def _time(field: Field, operator: str, token: Token) -> Test | None:
    del field
    begin, dots, end = token.text.partition(_BOTH)
    low = moment(begin)
    high = moment(end) if dots else low
    if low is None or high is None or low.daily != high.daily:
        return None
    if operator in ("=", "in"):
        return lambda value: isinstance(value, int) and between(low, high, value)
    if dots:
        return None
    compare = _COMPARE[operator]
    bound = low.end - 1 if operator in ("<=", ">") else low.begin
    return lambda value: isinstance(value, int) and compare(low.place(value), bound)


def _address(field: Field, operator: str, token: Token) -> Test | None:
    del field, operator
    wanted = peer(token.text)
    if wanted is None:
        return None
    return lambda value: isinstance(value, Endpoint) and wanted.holds(*value)


def _flag(field: Field, operator: str, token: Token) -> Test | None:
    del field, operator
    wanted = {"yes": True, "true": True, "no": False, "false": False}.get(token.text.lower())
    return None if wanted is None else lambda value: value is wanted


_MAKERS: dict[Kind, Callable[[Field, str, Token], Test | None]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: _number,
    Kind.DURATION: _number,
    Kind.TIME: _time,
    Kind.ADDRESS: _address,
    Kind.FLAG: _flag,
}
