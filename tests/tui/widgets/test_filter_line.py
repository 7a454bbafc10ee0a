from textual.app import App, ComposeResult
from textual.widgets import Input

from sipscope.tui.themes import VARIABLES
from sipscope.tui.widgets.filter_line import FilterLine


class Host(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.line = FilterLine()
        self.typed: list[str] = []
        self.closed = 0

    def compose(self) -> ComposeResult:
        yield self.line

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(VARIABLES)

    def on_filter_line_typed(self, event: FilterLine.Typed) -> None:
        self.typed.append(event.text)

    def on_filter_line_closed(self) -> None:
        self.closed += 1


async def test_it_is_hidden_until_it_is_opened() -> None:
    host = Host()
    async with host.run_test(size=(40, 3)):
        assert not host.line.display
        host.line.open("")
        assert host.line.display


async def test_every_key_is_told() -> None:
    host = Host()
    async with host.run_test(size=(40, 3)) as pilot:
        host.line.open("")
        await pilot.press("a", "b", "backspace")
        assert host.typed == ["a", "ab", "a"]


async def test_typing_goes_on_from_the_former_text_which_is_no_news() -> None:
    host = Host()
    async with host.run_test(size=(40, 3)) as pilot:
        host.line.open("old")
        await pilot.press("x")
        assert host.typed == ["oldx"]


async def test_enter_and_arrows_close_and_keep_the_text() -> None:
    for key in ("enter", "tab", "down", "up", "pagedown"):
        host = Host()
        async with host.run_test(size=(40, 3)) as pilot:
            host.line.open("")
            await pilot.press("a", key)
            await pilot.pause()
            assert (host.typed, host.closed, host.line.display) == (["a"], 1, False)


async def test_escape_clears_and_closes() -> None:
    host = Host()
    async with host.run_test(size=(40, 3)) as pilot:
        host.line.open("old")
        await pilot.press("escape")
        await pilot.pause()
        assert (host.typed, host.closed) == ([""], 1)
        assert host.query_one(Input).value == ""
