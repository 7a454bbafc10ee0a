"""A filter ready to be asked: the tree of its text turned into functions."""

import difflib
from collections.abc import Callable

from sipscope.calls.filter import language
from sipscope.calls.filter.fields import FIELDS_BY_NAME, Field, find_field
from sipscope.calls.filter.language import Comparison, FilterExpressionError, Token, Tree, Words
from sipscope.calls.filter.operators import make_test
from sipscope.calls.filter.subject import Subject

Predicate = Callable[[Subject], bool]

_CALL_ID_WORD = 6
"""Words as long as this are looked for in the Call-ID too; short ones would be found in any."""


class Filter:
    """Tells which calls pass.

    Attributes:
        text: As typed.
        passing: Whether the passing of time alone can change what passes.
    """

    def __init__(self, text: str, predicate: Predicate | None, *, passing: bool) -> None:
        self.text = text
        self.passing = passing
        self._predicate = predicate

    def __bool__(self) -> bool:
        return self._predicate is not None

    def __call__(self, subject: Subject) -> bool:
        """Tell whether a call passes; every call passes an empty filter."""
        return self._predicate is None or self._predicate(subject)


def compile_filter(text: str) -> Filter:
    """Return the filter that a text means.

    Raises:
        FilterExpressionError: It means nothing; tells where and why.
    """
    tree = language.parse(text, lambda word: find_field(word) is not None)
    if tree is None:
        return Filter(text, None, passing=False)
    compiler = _Compiler()
    return Filter(text, compiler.predicate(tree), passing=compiler.passing)


class _Compiler:
    """Turns trees into predicates.

    Attributes:
        passing: Whether a field was used that changes with time alone.
    """

    def __init__(self) -> None:
        self.passing = False

    def predicate(self, tree: Tree) -> Predicate:
        if isinstance(tree, Words):
            return _words(tree.token)
        if isinstance(tree, Comparison):
            return self._comparison(tree)
        if isinstance(tree, language.Not):
            part = self.predicate(tree.part)
            return lambda subject: not part(subject)
        parts = [self.predicate(part) for part in tree.parts]
        if isinstance(tree, language.All):
            return lambda subject: all(part(subject) for part in parts)
        return lambda subject: any(part(subject) for part in parts)

    def _comparison(self, tree: Comparison) -> Predicate:
        field = _field(tree.field)
        self.passing = self.passing or field.passing
        values = field.values
        if not tree.operator:
            return lambda subject: any(
                value is not None and value is not False for value in values(subject)
            )
        negative = tree.operator.startswith("!")
        operator = tree.operator.removeprefix("!").replace("==", "=") or "="
        tests = [make_test(field, operator, token) for token in tree.values]

        def holds(subject: Subject) -> bool:
            return any(
                value is not None and any(test(value) for test in tests)
                for value in values(subject)
            )

        return (lambda subject: not holds(subject)) if negative else holds


def _words(token: Token) -> Predicate:
    wanted = token.text.lower()
    if len(wanted) < _CALL_ID_WORD:
        return lambda subject: subject.says(wanted)
    return lambda subject: wanted in subject.call_id or subject.says(wanted)


def _field(token: Token) -> Field:
    found = find_field(token.text.lower()) if token.kind == "word" else None
    if found is not None:
        return found
    close = difflib.get_close_matches(token.text.lower(), FIELDS_BY_NAME, 1, 0.6)
    remedy = f"Perhaps {close[0]} is meant" if close else "The help lists the fields"
    raise FilterExpressionError(f"There is no field {token.text}", remedy, token.start, token.end)
