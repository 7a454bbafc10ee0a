"""The line in which one types what to look for."""

from sipscope.tui.widgets.search_line import SearchLine
from tests.tui.stage import Stage


class Searcher(Stage[SearchLine]):
    """Keeps what was asked for."""

    def __init__(self) -> None:
        super().__init__(SearchLine())
        self.asked: list[str | None] = []

    def on_search_line_asked(self, event: SearchLine.Asked) -> None:
        self.asked.append(event.words)


async def test_it_is_there_only_while_one_types() -> None:
    app = Searcher()
    async with app.run_test() as pilot:
        assert not app.widget.display
        app.widget.open()
        assert app.widget.display
        await pilot.press("enter")
        assert not app.widget.display


async def test_enter_asks_for_what_was_typed() -> None:
    app = Searcher()
    async with app.run_test() as pilot:
        app.widget.open()
        await pilot.press("a", "[", "/", "]", "enter")
        assert app.asked == ["a[/]"]


async def test_escape_asks_for_nothing() -> None:
    app = Searcher()
    async with app.run_test() as pilot:
        app.widget.open()
        await pilot.press("a", "escape")
        assert app.asked == [None]


async def test_each_time_one_types_from_the_beginning() -> None:
    app = Searcher()
    async with app.run_test() as pilot:
        for _ in range(2):
            app.widget.open()
            await pilot.press("x", "enter")
        assert app.asked == ["x", "x"]
