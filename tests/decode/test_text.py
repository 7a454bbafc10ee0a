"""Text from the network on its way to a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.text import VISIBLE, display

BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
MARKS = "\u061c\u200e\u200f"


@pytest.mark.parametrize("code", range(0x20))
def test_control_characters_become_their_pictures(code: int) -> None:
    assert display(f"a{chr(code)}b") == f"a{chr(0x2400 + code)}b"
    assert display(bytes([code])) == chr(0x2400 + code)


def test_delete_becomes_its_picture() -> None:
    assert display("\x7f") == display(b"\x7f") == "\u2421"


@pytest.mark.parametrize("code", range(0x80, 0xA0))
def test_c1_controls_are_replaced(code: int) -> None:
    assert display(chr(code)) == display(chr(code).encode()) == "\ufffd"


@pytest.mark.parametrize(
    "character",
    [*"\u202a\u202b\u202c\u202d\u202e", *"\u2066\u2067\u2068\u2069", *MARKS, "\u2028", "\u2029"],
)
def test_bidirectional_controls_and_line_breaks_are_replaced(character: str) -> None:
    assert display(f"a{character}b") == "a\ufffdb"


@pytest.mark.parametrize("code", [0xD800, 0xDBFF, 0xDC00, 0xDC80, 0xDFFF])
def test_surrogates_are_replaced(code: int) -> None:
    assert display(chr(code)) == "\ufffd"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xff", "\ufffd"),
        (b"a\xc3", "a\ufffd"),
        (b"\xc0\x9b", "\ufffd\ufffd"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        (b"\x9b31m", "\ufffd31m"),
        (b"\xc2\x9b31m", "\ufffd31m"),
    ],
)
def test_bytes_that_are_not_utf_8_are_replaced(data: bytes, text: str) -> None:
    assert display(data) == text


@pytest.mark.parametrize(
    ("attack", "text"),
    [
        (b"\x1b]52;c;cm0gLXJm\x07", "␛]52;c;cm0gLXJm␇"),
        (b"\x1b]0;title\x1b\\", "␛]0;title␛\\"),
        (b"\x1b[2J\x1b[1;1H", "␛[2J␛[1;1H"),
        (b"\x1bP1$q\x1b\\", "␛P1$q␛\\"),
        (b"a\r\nb\tc\x08", "a␍␊b␉c␈"),
    ],
)
def test_terminal_escapes_are_inert(attack: bytes, text: str) -> None:
    assert display(attack) == text


@pytest.mark.parametrize("text", ["", "plain [/] text", "Zoë", "Прага", "東京", "👩‍👧", "ש"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert display(text) == display(text.encode()) == text


def harmless(text: str) -> bool:
    return not any(
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
        or unicodedata.bidirectional(character) in BIDIRECTIONAL
        or character in MARKS
        for character in text
    )


def test_of_all_characters_none_is_left_that_a_terminal_acts_on() -> None:
    everything = "".join(map(chr, range(0x110000)))
    assert harmless(display(everything))
    assert not harmless(everything)
    assert len(display(everything)) == len(everything)


@given(st.text(st.characters()) | st.binary())
def test_whatever_comes_nothing_is_left_that_a_terminal_acts_on(value: str | bytes) -> None:
    text = display(value)
    assert harmless(text)
    assert display(text) == text
    text.encode()


def test_only_harmless_characters_replace_others() -> None:
    assert all(harmless(replacement) for replacement in VISIBLE.values())
    assert not any(code in VISIBLE for code in range(0x20, 0x7F))
