"""Screens over each other."""

from textual.app import App
from textual.screen import ModalScreen, Screen

from sipscope.tui.visibility import is_seen


async def test_the_screen_on_top_is_seen_and_the_one_below_is_not() -> None:
    app: App[None] = App()
    async with app.run_test():
        below, top = app.screen, Screen[None]()
        await app.push_screen(top)
        assert is_seen(top)
        assert not is_seen(below)
        assert below.is_current  # which is why there is `is_seen`
        await app.pop_screen()
        assert is_seen(below)


async def test_a_screen_is_seen_behind_a_question() -> None:
    app: App[None] = App()
    async with app.run_test():
        screen: Screen[None] = Screen()
        await app.push_screen(screen)
        await app.push_screen(ModalScreen[None]())
        assert is_seen(screen)
        assert not is_seen(app.screen_stack[0])


async def test_a_screen_that_is_not_shown_is_not_seen() -> None:
    app: App[None] = App()
    async with app.run_test():
        assert app.screen_stack
        screen: Screen[None] = Screen()
        await app.push_screen(screen)
        await app.pop_screen()
        assert not is_seen(screen)
