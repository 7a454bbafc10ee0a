"""What the SDP of a message means, as lines in place of the message."""

from sipscope.calls.dialog import Message
from sipscope.calls.ladder_words import message_label
from sipscope.calls.sdp_words import Meaning, sdp_words
from sipscope.decode.sdp import find_sdp
from sipscope.decode.sip import parse
from sipscope.tui.line_list import Span
from sipscope.tui.widgets.text_view import Content
from sipscope.tui.widgets.wrapping import Line, wrap

_LABEL = 14
_ROOMY = 60
_NOTHING = Span("")


def sdp_content(message: Message) -> Content:
    """Return what the SDP of a message says, for any width; that there is none if so."""
    parsed = parse(message.raw)
    meanings = () if parsed is None else sdp_words(find_sdp(parsed.body))
    title = f"The SDP of {message_label(message)} in words"

    def lines(width: int) -> list[Line]:
        if not meanings:
            return list(wrap((Span("This message has no SDP.", "old"),), width, _NOTHING))
        head = list(wrap((Span(title, "strong"),), width, _NOTHING))
        return [*head, (), *(line for meaning in meanings for line in _lines(meaning, width))]

    return lines


def _lines(meaning: Meaning, width: int) -> list[Line]:
    """Return a meaning beside its label, or where there is little room, below it."""
    sign = Span("● " if meaning.doubtful else "  ", "doubtful")
    text = Span(meaning.text, "doubtful" if meaning.doubtful else "")
    if width < _ROOMY:
        label = [(Span(meaning.label, "name"),)] if meaning.label else []
        first, *rest = wrap((text,), max(10, width - 2), _NOTHING)
        return [*label, (sign, *first), *((Span("  "), *line) for line in rest)]
    first, *rest = wrap((text,), width - _LABEL - 2, _NOTHING)
    indent = Span(" " * (_LABEL + 2))
    label_span = Span(meaning.label.ljust(_LABEL), "name")
    return [(label_span, sign, *first), *((indent, *line) for line in rest)]
