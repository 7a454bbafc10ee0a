"""Two messages beside each other."""

from collections.abc import Callable

import pytest

from sipscope.calls.comparison import Pair, compare
from sipscope.calls.ladder import MessageRow, lay_out
from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.compare import (
    CompareScreen,
    below_each_other,
    beside_each_other,
)
from sipscope.tui.widgets.call_title import CallTitle
from sipscope.tui.widgets.wrapping import line_text
from tests.signalling import answered_call, store_of
from tests.tui.frozen import engine_of

ROWS = [
    row
    for row in lay_out(list(store_of(answered_call()).dialogs.values())).rows
    if isinstance(row, MessageRow)
]


def pair_of(first: bytes, second: bytes) -> Pair:
    """The pair of two headers."""
    head = b"OPTIONS sip:a SIP/2.0\r\n"
    return compare(head + first + b"\r\n\r\n", head + second + b"\r\n\r\n")[1]


def beside(first: bytes, second: bytes, half: int = 20) -> list[str]:
    return [line_text(line).rstrip() for line in beside_each_other(pair_of(first, second), half)]


def below(first: bytes, second: bytes, width: int = 40) -> list[str]:
    return [line_text(line).rstrip() for line in below_each_other(pair_of(first, second), width)]


def test_a_sign_tells_whether_headers_are_the_same() -> None:
    assert beside(b"A: same", b"A: same", 8) == ["A: same  │ A: same"]
    assert beside(b"A: one", b"A: other", 8) == ["A: one   ≠ A: other"]


def test_a_header_that_one_side_lacks_leaves_a_gap() -> None:
    assert beside(b"A: 1", b"", 5) == ["A: 1  <"]
    assert beside(b"", b"A: 1", 5) == ["      > A: 1"]


def test_long_headers_are_folded_on_their_side() -> None:
    assert beside(b"A:bcdefgh", b"A:x", 5) == ["A:bcd ≠ A:x", "┊ efg │", "┊ h   │"]


def test_below_each_other_the_same_stands_once() -> None:
    assert below(b"A: same", b"A: same") == ["  A: same"]
    assert below(b"A: one", b"A: other") == ["< A: one", "> A: other"]
    assert below(b"A: one", b"") == ["< A: one"]
    assert below(b"A:bcdefgh", b"", 7) == ["< A:bcd", "  ┊ efg", "  ┊ h"]


def test_only_words_that_differ_have_a_style() -> None:
    (line,) = beside_each_other(pair_of(b"A: one two", b"A: one 2"), 20)
    styled = [(span.text, span.style) for span in line if span.style]
    assert styled == [("two", "changed"), (" ≠ ", "doubtful"), ("2", "changed")]


def test_blanks_between_words_that_differ_at_the_ends_have_no_style() -> None:
    (line,) = beside_each_other(pair_of(b"A: x", b"A: x y z"), 20)
    assert [span.text for span in line if span.style == "changed"] == ["y z"]


def test_hostile_text_is_shown_and_does_nothing() -> None:
    assert beside(b"A: \x1b[2J[/]", b"A: \xe2\x80\xae", 12) == ["A: ␛[2J[/]   ≠ A: \ufffd"]


class Opened(SipscopeApp):
    """The application with the INVITE and its answer compared."""

    def __init__(self) -> None:
        super().__init__(engine_of(answered_call()))

    async def on_ready(self) -> None:
        await self.push_screen(CompareScreen(self.engine, ROWS[0], ROWS[3]))


async def test_escape_goes_back() -> None:
    app = Opened()
    async with app.run_test(size=(80, 24)) as pilot:
        assert isinstance(app.screen, CompareScreen)
        await pilot.press("escape")
        assert not isinstance(app.screen, CompareScreen)


def shown(app: Opened) -> list[str]:
    screen = app.screen
    assert isinstance(screen, CompareScreen)
    text = screen.text
    return [text.render_line(y).text.rstrip(" ▐") for y in range(text.size.height)]


async def test_messages_stand_beside_each_other_where_there_is_room() -> None:
    app = Opened()
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.pause()
        lines = [line.split(" ≠ ") for line in shown(app) if " ≠ " in line]
        assert [part.strip() for part in lines[0]] == [
            "INVITE sip:2002@example.com SIP/2.0",
            "SIP/2.0 200 OK",
        ]


async def test_messages_stand_below_each_other_where_there_is_little_room() -> None:
    app = Opened()
    async with app.run_test(size=(80, 40)) as pilot:
        await pilot.pause()
        lines = shown(app)
        assert "< INVITE sip:2002@example.com SIP/2.0" in lines
        assert "> SIP/2.0 200 OK" in lines
        assert "  Call-ID: call-1" in lines


async def test_d_leaves_only_what_differs_and_space_changes_sides() -> None:
    app = Opened()
    async with app.run_test(size=(80, 40)) as pilot:
        await pilot.press("d")
        assert not any("Call-ID" in line for line in shown(app))
        await pilot.press("space")
        assert "< SIP/2.0 200 OK" in shown(app)
        await pilot.press("d")
        assert any("Call-ID" in line for line in shown(app))


async def test_the_title_tells_how_much_differs() -> None:
    app = Opened()
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.pause()
        assert "lines differ" in app.screen.query_one(CallTitle).render_line(0).text


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_the_comparison_looks_as_it_should(
    snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    assert snap_compare(Opened(), terminal_size=size)
