"""Two messages beside each other."""

from collections.abc import Callable

import pytest

from sipscope.calls.ladder import MessageRow, lay_out
from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.compare import CompareScreen, compared
from sipscope.tui.widgets.wrapping import line_text
from tests.signalling import answered_call, store_of
from tests.tui.frozen import engine_of

ROWS = [
    row
    for row in lay_out(list(store_of(answered_call()).dialogs.values())).rows
    if isinstance(row, MessageRow)
]


def sides(first: bytes, second: bytes, half: int = 20) -> list[str]:
    return [line_text(line).rstrip() for line in compared(first, second, half)]


def test_lines_that_are_the_same_stand_beside_each_other() -> None:
    assert sides(b"a\r\nsame", b"b\r\nsame", 6) == ["a      ≠ b", "same   │ same"]


def test_a_line_that_one_side_lacks_leaves_a_gap() -> None:
    assert sides(b"a\r\nb\r\nc", b"a\r\nc", 3) == ["a   │ a", "b   <", "c   │ c"]
    assert sides(b"a\r\nc", b"a\r\nb\r\nc", 3) == ["a   │ a", "    > b", "c   │ c"]


def test_long_lines_are_folded_on_their_side() -> None:
    assert sides(b"abcdefgh", b"x", 4) == ["abcd ≠ x", "┊ ef │", "┊ gh │"]


def test_only_lines_that_differ_have_a_style() -> None:
    different, same = compared(b"a\nsame", b"b\nsame", 10)
    assert {span.style for span in different if span.text.strip()} == {"doubtful"}
    assert {span.style for span in same} == {"", "rule"}


def test_hostile_text_is_shown_and_does_nothing() -> None:
    assert sides(b"\x1b[2J[/]", b"\xe2\x80\xae", 10) == ["␛[2J[/]    ≠ \ufffd"]


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


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_the_comparison_looks_as_it_should(
    snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    assert snap_compare(Opened(), terminal_size=size)
