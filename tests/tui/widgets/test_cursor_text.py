"""Text with a cursor."""

from sipscope.tui.line_list import Span
from sipscope.tui.widgets.cursor_text import CursorText
from tests.tui.stage import Stage


class Reader(Stage[CursorText]):
    """Thirty lines on the whole screen."""

    def __init__(self, lines: int = 30) -> None:
        super().__init__(CursorText())
        self.widget.show(lambda width: [(Span(f"line {n}"),) for n in range(lines)])


async def test_the_cursor_moves_and_the_text_scrolls_when_it_has_to() -> None:
    app = Reader()
    async with app.run_test(size=(20, 10)) as pilot:
        text = app.widget
        for _ in range(9):
            await pilot.press("down")
        assert (text.cursor, text.top) == (9, 0)
        await pilot.press("down")
        assert (text.cursor, text.top) == (10, 1)
        await pilot.press("end")
        assert (text.cursor, text.top) == (29, 20)
        await pilot.press("pageup")
        assert (text.cursor, text.top) == (20, 11)
        await pilot.press("home")
        assert (text.cursor, text.top) == (0, 0)


async def test_the_line_under_the_cursor_looks_different() -> None:
    app = Reader()
    async with app.run_test(size=(20, 10)) as pilot:
        await pilot.press("down")
        backgrounds = [
            {segment.style.bgcolor for segment in app.widget.render_line(y) if segment.style}
            for y in range(3)
        ]
        assert backgrounds[0] == backgrounds[2] != backgrounds[1]


async def test_lines_from_the_mark_to_the_cursor_are_taken() -> None:
    app = Reader()
    async with app.run_test(size=(20, 10)) as pilot:
        text = app.widget
        await pilot.press("down", "down")
        assert list(text.taken) == [2]
        text.set_mark(True)
        await pilot.press("down", "down")
        assert list(text.taken) == [2, 3, 4]
        await pilot.press("home")
        assert list(text.taken) == [0, 1, 2]
        text.set_mark(False)
        assert list(text.taken) == [0]


async def test_other_text_begins_at_its_first_line() -> None:
    app = Reader()
    async with app.run_test(size=(20, 10)) as pilot:
        await pilot.press("end")
        app.widget.set_mark(True)
        app.widget.show(lambda width: [(Span("other"),)])
        assert (app.widget.cursor, app.widget.mark) == (0, None)


async def test_no_text_has_no_lines_to_take() -> None:
    app = Reader(0)
    async with app.run_test(size=(20, 10)) as pilot:
        await pilot.press("down", "end", "pagedown")
        assert list(app.widget.taken) == []
        assert app.widget.render_line(0).text.strip() == ""
