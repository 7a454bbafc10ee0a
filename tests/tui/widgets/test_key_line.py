import pytest
from textual.app import App, ComposeResult

from sipscope.tui.keys import CALLS, SAVE
from sipscope.tui.themes import VARIABLES
from sipscope.tui.widgets.key_line import KeyLine


class Host(App[None]):
    def __init__(self, line: KeyLine) -> None:
        super().__init__()
        self.line = line

    def compose(self) -> ComposeResult:
        yield self.line

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(VARIABLES)


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (80, "Enter Call  Space Mark  / Filter  F2 Save  x Legs  r Raw  m Media  ? Keys"),
        (40, "Enter Call  Space Mark  ? Keys"),
    ],
)
async def test_as_many_keys_are_shown_as_fit(width: int, text: str) -> None:
    host = Host(KeyLine(CALLS))
    async with host.run_test(size=(width, 3)):
        assert host.line.render_line(0).text.strip() == text


async def test_where_letters_are_typed_no_letter_is_offered_for_help() -> None:
    host = Host(KeyLine(SAVE, last=None))
    async with host.run_test(size=(80, 3)):
        assert "?" not in host.line.render_line(0).text
