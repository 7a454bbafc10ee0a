from collections.abc import Hashable, Iterable
from typing import ClassVar

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.strip import Strip

from sipscope.tui.line_list import LineList, Span, changed_cells, fit


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [("abc", 5, "abc  "), ("abcdef", 5, "abcd…"), ("abcde", 5, "abcde"), ("abc", 0, "")],
)
def test_fit_fills_or_cuts(text: str, width: int, shown: str) -> None:
    assert fit(text, width) == shown


def test_fit_aligns_numbers_on_the_right() -> None:
    assert fit("4.4", 6, right=True) == "   4.4"


@pytest.mark.parametrize("text", ["王小明", "Jörg 🙂 Müller", "e\u0301e\u0301e\u0301"])
@pytest.mark.parametrize("width", [1, 4, 5, 30])
def test_fit_counts_cells_not_characters(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width


class Numbers(LineList):
    """Numbers in words of ten cells, formatted on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.versions: dict[Hashable, int] = {}
        self.formatted: list[Hashable] = []
        self.repainted: list[Region] = []

    def row_version(self, row: Hashable) -> int:
        return self.versions.get(row, 0)

    def render_row(self, row: Hashable, width: int) -> Iterable[Span]:
        self.formatted.append(row)
        return [Span(f"row {row}", "failed"), Span(f" v{self.row_version(row)}")]

    def render_empty(self, width: int) -> Iterable[Span]:
        return [Span("nothing here")]


class Titled(Numbers):
    header_lines: ClassVar[int] = 1

    def render_header(self, width: int) -> Iterable[Span]:
        return [Span("Title", "old")]


class Host(App[None]):
    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self.numbers = numbers
        self.moved: list[Hashable | None] = []
        self.opened: list[Hashable] = []
        self.clicked: list[int] = []

    def compose(self) -> ComposeResult:
        yield self.numbers

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict.fromkeys(("old", "rule", "bar", "cursor", "marked"), "#808080")

    def on_mount(self) -> None:
        self.numbers.focus()

    def on_line_list_moved(self, event: LineList.Moved) -> None:
        self.moved.append(event.row)

    def on_line_list_opened(self, event: LineList.Opened) -> None:
        self.opened.append(event.row)

    def on_line_list_header_clicked(self, event: LineList.HeaderClicked) -> None:
        self.clicked.append(event.x)


def lines(numbers: Numbers) -> list[str]:
    return [numbers.render_line(y).text.rstrip(" ▐") for y in range(numbers.size.height)]


async def test_only_rows_that_are_seen_are_formatted() -> None:
    numbers = Numbers()
    async with Host(numbers).run_test(size=(30, 5)) as pilot:
        numbers.show(range(1_000_000))
        await pilot.pause()
        assert set(numbers.formatted) == {0, 1, 2, 3, 4}


async def test_a_row_is_formatted_again_only_when_its_version_changes() -> None:
    numbers = Numbers()
    async with Host(numbers).run_test(size=(30, 5)) as pilot:
        numbers.show(range(5))
        await pilot.pause()
        numbers.formatted.clear()
        numbers.versions[3] = 1
        numbers.refresh_changed()
        await pilot.pause()
        assert numbers.formatted == [3]
        assert lines(numbers)[3] == "row 3 v1"


async def test_only_changed_lines_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = Numbers()
    async with Host(numbers).run_test(size=(30, 5)) as pilot:
        numbers.show(range(5))
        await pilot.pause()
        painted: list[Region] = []
        monkeypatch.setattr(numbers, "refresh", lambda *regions: painted.extend(regions))
        numbers.versions[2] = 1
        numbers.refresh_changed()
        assert painted == [Region(7, 2, 1, 1)]


async def test_nothing_is_painted_when_nothing_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = Numbers()
    async with Host(numbers).run_test(size=(30, 5)) as pilot:
        numbers.show([1, 2, 3])
        await pilot.pause()
        painted: list[Region] = []
        monkeypatch.setattr(numbers, "refresh", lambda *regions: painted.extend(regions))
        numbers.show([1, 2, 3])
        numbers.refresh_changed()
        assert painted == []


async def test_the_cursor_stays_on_its_row_when_rows_come_before_it() -> None:
    numbers = Numbers()
    async with Host(numbers).run_test(size=(30, 5)):
        numbers.show([10, 11, 12])
        numbers.move_to(11)
        numbers.show([7, 8, 9, 10, 11, 12])
        assert numbers.row == 11
        assert numbers.index == 4


async def test_at_the_top_new_rows_are_seen() -> None:
    numbers = Numbers()
    async with Host(numbers).run_test(size=(30, 5)):
        numbers.show([3, 2, 1])
        numbers.show([4, 3, 2, 1])
        assert lines(numbers)[:2] == ["row 4 v0", "row 3 v0"]


async def test_below_the_top_the_row_of_the_cursor_keeps_its_line() -> None:
    numbers = Numbers()
    async with Host(numbers).run_test(size=(30, 5)):
        numbers.show(list(range(100, 0, -1)))
        numbers.move_to(50)
        before = lines(numbers)
        numbers.show(list(range(120, 0, -1)))
        assert lines(numbers) == before


async def test_a_row_that_goes_leaves_the_cursor_to_the_one_in_its_place() -> None:
    numbers = Numbers()
    async with Host(numbers).run_test(size=(30, 5)):
        numbers.show([1, 2, 3])
        numbers.move_to(2)
        numbers.show([1, 3])
        assert numbers.row == 3


async def test_the_last_row_that_goes_leaves_the_cursor_on_the_one_before() -> None:
    numbers = Numbers()
    async with Host(numbers).run_test(size=(30, 5)):
        numbers.show([1, 2, 3])
        numbers.move_to(3)
        numbers.show([1, 2])
        assert numbers.row == 2


async def test_an_empty_list_has_no_row_and_says_why() -> None:
    numbers = Numbers()
    async with Host(numbers).run_test(size=(30, 5)) as pilot:
        await pilot.press("down", "pagedown", "end", "up", "home")
        assert numbers.row is None
        assert lines(numbers) == ["nothing here", "", "", "", ""]


@pytest.mark.parametrize(
    ("keys", "row"),
    [
        ("j", 1),
        ("down,down,k", 1),
        ("pagedown", 10),
        ("ctrl+f,ctrl+b", 0),
        ("ctrl+d", 5),
        ("ctrl+d,ctrl+u", 0),
        ("G", 99),
        ("end,g", 0),
        ("ctrl+e,ctrl+a", 0),
    ],
)
async def test_keys_move_the_cursor(keys: str, row: int) -> None:
    numbers = Numbers()
    async with Host(numbers).run_test(size=(30, 10)) as pilot:
        numbers.show(range(100))
        await pilot.press(*keys.split(","))
        assert numbers.row == row
        assert row in numbers.visible_rows


async def test_moves_are_told_with_the_row() -> None:
    numbers = Numbers()
    host = Host(numbers)
    async with host.run_test(size=(30, 5)) as pilot:
        numbers.show([7, 8])
        await pilot.press("down", "down")
        await pilot.pause()
        assert host.moved == [7, 8]


async def test_a_click_moves_the_cursor_and_a_second_one_opens() -> None:
    numbers = Titled()
    host = Host(numbers)
    async with host.run_test(size=(30, 5)) as pilot:
        numbers.show([7, 8, 9])
        await pilot.click(Titled, offset=(3, 2), times=2)
        await pilot.pause()
        assert numbers.row == 8
        assert host.opened == [8]


async def test_a_click_on_the_header_tells_its_column() -> None:
    numbers = Titled()
    host = Host(numbers)
    async with host.run_test(size=(30, 5)) as pilot:
        numbers.show([7, 8, 9])
        await pilot.click(Titled, offset=(12, 0))
        await pilot.pause()
        assert host.clicked == [12]
        assert numbers.row == 7


async def test_the_wheel_moves_the_cursor() -> None:
    numbers = Numbers()
    async with Host(numbers).run_test(size=(30, 5)):
        numbers.show(range(100))
        numbers.action_move(3)
        assert numbers.row == 3


async def test_the_header_stays_while_rows_scroll() -> None:
    numbers = Titled()
    async with Host(numbers).run_test(size=(30, 4)) as pilot:
        numbers.show(range(10))
        await pilot.press("end")
        assert lines(numbers) == ["Title", "row 7 v0", "row 8 v0", "row 9 v0"]


async def test_the_thumb_shows_where_the_list_stands() -> None:
    numbers = Numbers()
    async with Host(numbers).run_test(size=(30, 5)) as pilot:
        numbers.show(range(10))
        await pilot.press("end")
        thumbs = [numbers.render_line(y).text.endswith("▐") for y in range(5)]
        assert thumbs == [False, False, False, True, True]


async def test_every_line_is_as_wide_as_the_list() -> None:
    numbers = Numbers()
    async with Host(numbers).run_test(size=(8, 5)):
        numbers.show([1, 2_000_000_000])
        assert [numbers.render_line(y).cell_length for y in range(5)] == [8] * 5


async def test_a_smaller_terminal_keeps_the_cursor_in_sight() -> None:
    numbers = Numbers()
    async with Host(numbers).run_test(size=(30, 20)) as pilot:
        numbers.show(range(50))
        numbers.move_to(18)
        await pilot.resize_terminal(30, 5)
        await pilot.pause()
        assert 18 in numbers.visible_rows


async def test_a_span_may_have_several_styles() -> None:
    numbers = Numbers()
    async with Host(numbers).run_test(size=(30, 5)):
        segment = next(iter(numbers.strip([Span("x", "failed place")])))
        assert segment.style is not None
        assert segment.style.color == numbers.style_of("failed").color
        assert segment.style.bgcolor == numbers.style_of("place").bgcolor


PLAIN, RED, BACK = Style(color="white"), Style(color="red"), Style(bgcolor="red")


@pytest.mark.parametrize(
    ("old", "new", "cells"),
    [
        ([("abc", PLAIN)], [("abc", PLAIN)], (3, 3)),
        ([("abcdef", PLAIN)], [("abXdef", PLAIN)], (2, 3)),
        ([("ab", RED), ("12 ok", PLAIN)], [("ab", RED), ("13 ok", PLAIN)], (3, 4)),
        ([("ab", RED), ("cd", PLAIN)], [("ab", PLAIN), ("cd", PLAIN)], (0, 2)),
        ([("  ", RED), ("cd", PLAIN)], [("  ", PLAIN), ("ce", PLAIN)], (3, 4)),
        ([("  ", BACK), ("cd", PLAIN)], [("  ", PLAIN), ("cd", PLAIN)], (0, 2)),
        ([("日本", PLAIN)], [("日米", PLAIN)], (0, 4)),
        ([("aaa", PLAIN)], [("aa", PLAIN), ("a", RED)], (2, 3)),
        ([("abc", PLAIN)], [("abcd", PLAIN)], (0, 4)),
    ],
)
def test_only_cells_that_look_different_are_painted(
    old: list[tuple[str, Style]], new: list[tuple[str, Style]], cells: tuple[int, int]
) -> None:
    lines = [Strip([Segment(text, style) for text, style in line]) for line in (old, new)]
    begin, end = changed_cells(*lines)
    assert (begin, end) == cells or (begin == end and cells[0] == cells[1])
