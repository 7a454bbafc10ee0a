from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from sipscope.tui.line_filter import ControlFilter

BLACK = Color(0, 0, 0)


def shown(text: str) -> str:
    return "".join(segment.text for segment in ControlFilter().apply([Segment(text)], BLACK))


def test_plain_text_passes_unchanged() -> None:
    assert shown("INVITE sip:1001@example.com") == "INVITE sip:1001@example.com"


def test_text_of_other_scripts_passes_unchanged() -> None:
    assert shown("Jürgen 王 Ω →") == "Jürgen 王 Ω →"


def test_an_escape_sequence_becomes_visible_characters() -> None:
    assert shown("\x1b]52;c;aGk=\x07") == "␛]52;c;aGk=␇"


def test_c1_controls_and_delete_are_replaced() -> None:
    assert shown("a\x9b31m\x7f") == "a\ufffd31m␡"


def test_bidirectional_overrides_are_replaced() -> None:
    assert shown("\u202e1001\u2066") == "\ufffd1001\ufffd"


def test_every_control_character_is_gone() -> None:
    every = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in shown(every))


def test_hyperlinks_are_dropped_and_colours_kept() -> None:
    style = Style(color="red", link="http://example.com/\x1b]0;x")
    (segment,) = ControlFilter().apply([Segment("x", style)], BLACK)
    assert segment.style is not None
    assert segment.style.link is None
    assert segment.style.color == style.color


def test_a_control_segment_loses_its_control_codes() -> None:
    (segment,) = ControlFilter().apply([Segment("\x1b[2J", None, [(1,)])], BLACK)  # type: ignore[list-item]
    assert segment.control is None
    assert segment.text == "␛[2J"
