"""The grammar of the display filter: text in, a tree out, errors with their place.

    expression = term *( "or" term )
    term       = factor *( ["and"] factor )
    factor     = ( "not" | "!" ) factor | "(" expression ")" | comparison | words
    comparison = field [ operator value | ["not"] "in" set ]
    set        = "(" value *( "," value ) ")" | value
    value      = word | quoted | value ".." value

A word that is no field is looked for in the text of the row.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from sipscope.errors import UsageError

MAX_LENGTH = 4_096
MAX_DEPTH = 64

_TOKEN = re.compile(
    r'(?P<space>\s+)|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<open>")'
    r"|(?P<operator>&&|\|\||!=|!~|<=|>=|==|[=<>~(),!])"
    r'|(?P<word>(?:(?!&&|\|\|)[^\s"=<>~(),!])+)'
)
_COMPARISONS = frozenset({"=", "==", "!=", "<", "<=", ">", ">=", "~", "!~"})
_SPELLINGS = {"==": "=", "&&": "and", "||": "or", "!": "not"}
_ESCAPE = re.compile(r"\\(.)", re.S)


class FilterExpressionError(UsageError):
    """A display filter that says nothing.

    Attributes:
        start: Where in the text it goes wrong.
        end: Where that ends.
    """

    def __init__(self, message: str, remedy: str, start: int, end: int) -> None:
        super().__init__(message, remedy)
        self.start = start
        self.end = end


class Token(NamedTuple):
    """A piece of the text.

    Attributes:
        kind: `word`, `quoted`, `operator` or `end`.
        text: As written; of a quoted one what is inside.
        start: Where it begins.
        end: Where it ends.
    """

    kind: str
    text: str
    start: int
    end: int


class Words(NamedTuple):
    """Text to be found in the row."""

    token: Token


class Comparison(NamedTuple):
    """A field, and what its values have to be like.

    Attributes:
        field: Its name.
        operator: As in `operators.OPERATORS`; empty when the field only has to be known.
        values: What it is compared with; several for `in`.
    """

    field: Token
    operator: str
    values: tuple[Token, ...]


class Not(NamedTuple):
    """The opposite."""

    part: "Tree"


class All(NamedTuple):
    """Every part holds."""

    parts: tuple["Tree", ...]


class Any(NamedTuple):
    """At least one part holds."""

    parts: tuple["Tree", ...]


Tree = Words | Comparison | Not | All | Any


def tokens(text: str) -> list[Token]:
    """Return the pieces of a filter, the last one of kind `end`.

    Raises:
        FilterExpressionError: A quote is not closed, or the text is too long.
    """
    if len(text) > MAX_LENGTH:
        raise FilterExpressionError(
            "The filter is too long", f"Use up to {MAX_LENGTH:,} characters", MAX_LENGTH, len(text)
        )
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        kind, piece = match.lastgroup or "", match[0]
        if kind == "open":
            raise FilterExpressionError(
                "A quote is not closed", 'Close it with "', match.start(), len(text)
            )
        if kind == "quoted":
            piece = _ESCAPE.sub(_unescape, piece[1:-1])
        elif kind == "operator":
            piece = _SPELLINGS.get(piece, piece)
        if kind != "space":
            found.append(Token(kind, piece, match.start(), match.end()))
    found.append(Token("end", "", len(text), len(text)))
    return found


def parse(text: str, is_field: Callable[[str], bool]) -> Tree | None:
    """Return the tree of a filter, None when it is empty.

    Args:
        text: As typed.
        is_field: Whether a word, in lower case, is the name of a field.

    Raises:
        FilterExpressionError: It does not follow the grammar.
    """
    return _Parser(tokens(text), is_field).parse()


def _unescape(match: re.Match[str]) -> str:
    # Only the quote and the backslash itself are escaped: patterns have backslashes of their own.
    return match[1] if match[1] in '"\\' else match[0]


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, pieces: list[Token], is_field: Callable[[str], bool]) -> None:
        self._tokens = pieces
        self._place = 0
        self._depth = 0
        self._is_field = is_field

    def parse(self) -> Tree | None:
        if self._next.kind == "end":
            return None
        tree = self._any()
        if self._next.kind != "end":
            raise self._error(self._next, f"{self._next.text} does not belong here")
        return tree

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._next
        self._place += 1
        return token

    def _says(self, *texts: str) -> bool:
        token = self._next
        return token.kind in ("word", "operator") and token.text.lower() in texts

    def _any(self) -> Tree:
        parts = [self._all()]
        while self._says("or"):
            self._take()
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _all(self) -> Tree:
        parts = [self._factor()]
        while self._next.kind != "end" and not self._says("or", ")"):
            if self._says("and"):
                self._take()
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _factor(self) -> Tree:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(self._next, "The filter is nested too deeply")
        try:
            if self._says("not"):
                self._take()
                return Not(self._factor())
            if self._says("("):
                return self._group()
            return self._comparison()
        finally:
            self._depth -= 1

    def _group(self) -> Tree:
        opening = self._take()
        tree = self._any()
        if not self._says(")"):
            raise self._error(opening, "A parenthesis is not closed", "Close it with )")
        self._take()
        return tree

    def _comparison(self) -> Tree:
        token = self._take()
        if token.kind == "end":
            raise self._error(token, "Something is missing at the end")
        if token.kind == "operator" or self._is_word(token, "and", "or", "in"):
            raise self._error(token, f"There is no field before {token.text}")
        compared = self._next.kind == "operator" and self._next.text in _COMPARISONS
        known = token.kind == "word" and self._is_field(token.text.lower())
        if not known and (token.kind == "quoted" or not (compared or self._is_set())):
            return Words(token)
        if compared:
            operator = _SPELLINGS.get(self._next.text, self._next.text)
            self._take()
            return Comparison(token, operator, (self._value(),))
        if self._is_set():
            negative = self._says("not")
            if negative:
                self._take()
            self._take()
            chosen = Comparison(token, "in", self._set())
            return Not(chosen) if negative else chosen
        return Comparison(token, "", ())

    def _is_set(self) -> bool:
        if self._says("not"):
            following = self._tokens[min(self._place + 1, len(self._tokens) - 1)]
            return self._is_word(following, "in")
        return self._says("in")

    def _set(self) -> tuple[Token, ...]:
        if not self._says("("):
            return (self._value(),)
        opening = self._take()
        values = [self._value()]
        while self._says(","):
            self._take()
            values.append(self._value())
        if not self._says(")"):
            raise self._error(opening, "A set is not closed", "Close it with )")
        self._take()
        return tuple(values)

    def _value(self) -> Token:
        token = self._take()
        if token.kind == "end":
            raise self._error(token, "A value is missing at the end")
        if token.kind == "operator":
            raise self._error(token, f"There is no value before {token.text}")
        return token

    @staticmethod
    def _is_word(token: Token, *texts: str) -> bool:
        return token.kind == "word" and token.text.lower() in texts

    @staticmethod
    def _error(
        token: Token, message: str, remedy: str = "Write it like: state = rejected and mos < 3.5"
    ) -> FilterExpressionError:
        return FilterExpressionError(message, remedy, token.start, token.end)
