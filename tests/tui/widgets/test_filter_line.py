from textual.app import App, ComposeResult
from textual.widgets import Input

from sipscope.calls.filter import FilterExpressionError, compile_filter
from sipscope.calls.filter.completion import complete
from sipscope.tui.filter_history import FilterHistory
from sipscope.tui.themes import VARIABLES
from sipscope.tui.widgets.filter_line import FilterLine, Proposals


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


async def test_before_anything_is_typed_a_hint_stands_there() -> None:
    host = Host()
    host.line = FilterLine("codec or address")
    async with host.run_test(size=(40, 3)):
        assert host.query_one(Input).placeholder == "codec or address"


class Completing(Host):
    """A line with completion and history."""

    def __init__(self, *filters: str) -> None:
        super().__init__()
        history = FilterHistory(None)
        for text in filters:
            history.add(text)
        self.line = FilterLine("", complete, history)

    def on_filter_line_typed(self, event: FilterLine.Typed) -> None:
        try:
            compile_filter(event.text)
        except FilterExpressionError as error:
            self.line.complain(error)
        else:
            self.line.complain(None)


async def typed(host: Host, *keys: str) -> str:
    async with host.run_test(size=(80, 10)) as pilot:
        host.line.open("")
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        return host.line.text


async def test_tab_takes_the_first_proposal_and_down_goes_to_others() -> None:
    assert await typed(Completing(), *"stat", "tab") == "state "
    assert await typed(Completing(), *"stat", "down", "down", "enter") == "status "


async def test_operators_and_values_are_proposed_too() -> None:
    assert await typed(Completing(), *"state ", "tab", "r", "tab") == "state = ringing "


async def test_up_brings_back_filters_of_former_times_and_down_newer_ones() -> None:
    filters = ("busy", "mos < 3")
    assert await typed(Completing(*filters), "up") == "mos < 3"
    assert await typed(Completing(*filters), "up", "up", "up") == "busy"
    assert await typed(Completing(*filters), "up", "up", "down") == "mos < 3"


async def test_an_unfinished_filter_is_no_error_until_enter() -> None:
    host = Completing()
    async with host.run_test(size=(80, 10)) as pilot:
        host.line.open("")
        shown = host.line.query_one(Proposals)
        await pilot.press(*"state =")
        await pilot.pause()
        assert shown.error is None
        await pilot.press("enter")
        await pilot.pause()
        assert shown.error is not None
        assert host.line.display


async def test_a_wrong_filter_is_told_with_the_remedy() -> None:
    host = Completing()
    async with host.run_test(size=(80, 10)) as pilot:
        host.line.open("")
        await pilot.press(*"state = bussy x")
        await pilot.pause()
        line = host.line.query_one(Proposals).render_line(0)
        assert line.text.strip() == "No state is called bussy. Perhaps busy is meant."
