"""The display filter: one language for the screens, the command line and the report.

    state = rejected and from.user ~ "^49" and mos < 3.5

`compile_filter` reads it, `fields.FIELDS` has what can be asked, `operators.OPERATORS` how.
"""

from sipscope.calls.filter.expression import Filter, compile_filter
from sipscope.calls.filter.language import FilterExpressionError
from sipscope.calls.filter.subject import Subject

__all__ = ["Filter", "FilterExpressionError", "Subject", "compile_filter"]
