from collections.abc import Callable

import pytest
from textual.app import App

from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.question import Question
from sipscope.tui.themes import VARIABLES
from tests.tui.frozen import engine_of


class Host(App[None]):
    answer: bool | None = None

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(VARIABLES)

    def on_mount(self) -> None:
        self.push_screen(Question("87 calls are in progress. [/] Quit?", "Quit", "Stay"), self.take)

    def take(self, answer: bool | None) -> None:
        self.answer = answer


@pytest.mark.parametrize(
    ("key", "answer"),
    [("enter", True), ("y", True), ("escape", False), ("n", False), ("q", False)],
)
async def test_one_key_answers(key: str, answer: bool) -> None:
    host = Host()
    async with host.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        await pilot.pause()
        assert host.answer is answer


async def test_other_keys_do_not_answer() -> None:
    host = Host()
    async with host.run_test(size=(80, 24)) as pilot:
        await pilot.press("x", "space", "down")
        assert host.answer is None
        assert isinstance(host.screen, Question)


def test_it_looks_right(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(SipscopeApp(engine_of()), terminal_size=(80, 24), press=["q"])
