import pytest

from sipscope.settings.loading import known_settings
from sipscope.settings.model import CallList, Send, Settings
from sipscope.tui.keys import all_contexts
from sipscope.tui.widgets.settings_list import NEW, Row, SettingsList, setting_rows
from tests.tui.stage import Stage


def named(settings: Settings, section: str, name: str) -> Row:
    return next(r for r in setting_rows(settings) if (r.section, r.name) == (section, name))


def text(settings: SettingsList, row: Row) -> str:
    return "".join(span[0] for span in settings.render_row(row, 120))


def test_every_setting_has_a_line() -> None:
    rows = {(row.section, row.name) for row in setting_rows(Settings())}
    assert {(section, name) for section, name, _ in known_settings()} <= rows
    assert {("keys", key.id) for each in all_contexts() for key in each.keys} <= rows
    assert {("aliases", NEW), ("filters", NEW), ("themes", NEW)} <= rows


def test_a_line_tells_name_value_and_meaning() -> None:
    settings = Settings(list=CallList(columns=("time", "mos")))
    shown = text(SettingsList(settings), named(settings, "list", "columns"))
    assert shown.split("  ")[1:3] == ["columns", ""]
    assert "time, mos" in shown
    assert "which columns, in order" in shown


def test_keys_are_written_as_on_the_screen() -> None:
    row = named(Settings(), "keys", "calls.clear")
    assert SettingsList(Settings()).text_of(row) == "F5, ^L"


def test_secrets_are_not_shown() -> None:
    settings = Settings(send=Send(key="secret"))
    shown = text(SettingsList(settings), named(settings, "send", "key"))
    assert "secret" not in shown
    assert "••••" in shown


def test_a_name_cannot_command_the_terminal() -> None:
    settings = Settings(aliases={"\x1b[2J": "\x1b]0;x\x07"})
    assert "\x1b" not in text(SettingsList(settings), named(settings, "aliases", "\x1b[2J"))


@pytest.mark.parametrize(("words", "names"), [("mouse", ["mouse"]), ("hz 4", ["refresh_hz"])])
async def test_a_search_leaves_what_has_the_words(words: str, names: list[str]) -> None:
    async with Stage(SettingsList(Settings())).run_test() as pilot:
        settings = pilot.app.query_one(SettingsList)
        settings.search(words)
        rows = [row for row in settings.rows if isinstance(row, Row)]
        assert [row.name for row in rows if row.name] == names
        assert isinstance(settings.row, Row)
        assert settings.row.name == names[0]


async def test_the_cursor_passes_over_headings() -> None:
    async with Stage(SettingsList(Settings())).run_test() as pilot:
        settings = pilot.app.query_one(SettingsList)
        for _ in range(8):
            await pilot.press("down")
            assert isinstance(settings.row, Row)
            assert settings.row.name
        await pilot.press("home")
        assert isinstance(settings.row, Row)
        assert settings.row.name == "theme"
        assert settings.top == 0
