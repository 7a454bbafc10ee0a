"""Text that scrolls."""

from collections.abc import Sequence

from textual.events import MouseScrollDown
from textual.strip import Strip

from sipscope.tui.line_list import Span
from sipscope.tui.widgets.text_view import TextView
from sipscope.tui.widgets.wrapping import Line
from tests.tui.stage import Stage


def numbered(count: int) -> Sequence[Line]:
    return [(Span(f"line {number}"),) for number in range(count)]


class Reader(Stage[TextView]):
    """A text of a hundred lines."""

    def __init__(self) -> None:
        super().__init__(TextView())
        self.widget.show(lambda width: numbered(100))

    def shown(self) -> list[str]:
        return [self.widget.render_line(y).text for y in range(self.widget.size.height)]


async def test_the_first_lines_are_shown_with_a_scroll_bar() -> None:
    app = Reader()
    async with app.run_test(size=(12, 4)):
        assert app.shown() == ["line 0    ▐", "line 1     ", "line 2     ", "line 3     "]


async def test_keys_scroll_and_stop_at_the_ends() -> None:
    app = Reader()
    async with app.run_test(size=(12, 4)) as pilot:
        tops = []
        for key in ("down", "pagedown", "ctrl+d", "up", "end", "down", "pageup", "home", "up"):
            await pilot.press(key)
            tops.append(app.widget.top)
        assert tops == [1, 4, 6, 5, 96, 96, 93, 0, 0]


async def test_the_content_is_made_for_the_width() -> None:
    app = Reader()
    async with app.run_test(size=(12, 4)) as pilot:
        app.widget.show(lambda width: [(Span("x" * width),)])
        assert app.shown()[0] == "x" * 10 + " "
        await pilot.resize_terminal(20, 4)
        assert app.shown()[0] == "x" * 18 + " "


async def test_other_content_begins_at_its_top_unless_the_place_is_kept() -> None:
    app = Reader()
    async with app.run_test(size=(12, 4)) as pilot:
        await pilot.press("end")
        app.widget.show(lambda width: numbered(50), keep_place=True)
        assert app.widget.top == 46
        app.widget.show(lambda width: numbered(50))
        assert app.widget.top == 0


async def test_short_text_does_not_scroll() -> None:
    app = Reader()
    async with app.run_test(size=(12, 4)) as pilot:
        app.widget.show(lambda width: numbered(3))
        await pilot.press("end")
        assert app.widget.top == 0
        assert app.shown() == ["line 0     ", "line 1     ", "line 2     ", " " * 11]


async def test_the_mouse_wheel_scrolls() -> None:
    app = Reader()
    async with app.run_test(size=(12, 4)) as pilot:
        await pilot._post_mouse_events([MouseScrollDown], app.widget)
        assert app.widget.top == 3


class Painted(TextView):
    """Remembers which lines were painted."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []

    def render_line(self, y: int) -> Strip:
        self.lines.append(y)
        return super().render_line(y)


async def test_only_lines_that_are_different_are_painted() -> None:
    text = Painted()
    app = Stage(text)
    async with app.run_test(size=(12, 4)) as pilot:
        text.show(lambda width: numbered(3))
        await pilot.pause()
        text.lines.clear()
        text.show(lambda width: [*numbered(2), (Span("other"),)], keep_place=True)
        await pilot.pause()
        assert text.lines == [2]


async def test_all_lines_are_painted_when_the_view_moves() -> None:
    text = Painted()
    app = Stage(text)
    async with app.run_test(size=(12, 4)) as pilot:
        text.show(lambda width: numbered(20))
        text.scroll_to_line(5)
        await pilot.pause()
        text.lines.clear()
        text.show(lambda width: numbered(20))
        await pilot.pause()
        assert set(text.lines) == {0, 1, 2, 3}
