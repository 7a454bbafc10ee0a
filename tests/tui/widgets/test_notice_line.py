import pytest
from textual.app import App, ComposeResult

from sipscope.tui.line_list import Span
from sipscope.tui.themes import VARIABLES
from sipscope.tui.widgets import notice_line
from sipscope.tui.widgets.notice_line import NoticeLine


class Host(App[None]):
    line = NoticeLine()

    def compose(self) -> ComposeResult:
        self.line = NoticeLine()
        yield self.line

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(VARIABLES)


def text(host: Host) -> str:
    return host.line.render_line(0).text


async def test_it_is_not_there_when_it_has_nothing_to_say() -> None:
    host = Host()
    async with host.run_test(size=(40, 3)):
        assert not host.line.display
        host.line.state([Span("paused")], "")
        assert host.line.display
        host.line.state([], "")
        assert not host.line.display


async def test_the_count_stands_on_the_right() -> None:
    host = Host()
    async with host.run_test(size=(40, 3)) as pilot:
        host.line.state([Span("filter: x")], "3 of 9")
        await pilot.pause()
        assert text(host) == " filter: x".ljust(33) + "3 of 9 "


async def test_what_is_too_long_is_cut_before_the_count() -> None:
    host = Host()
    async with host.run_test(size=(40, 3)) as pilot:
        host.line.state([Span("filter: " + "x" * 50)], "3 of 9")
        await pilot.pause()
        assert text(host) == " filter: " + "x" * 22 + "… 3 of 9 "


async def test_a_message_takes_the_place_of_the_rest_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notice_line, "_MESSAGE_S", 0.4)
    host = Host()
    async with host.run_test(size=(40, 3)) as pilot:
        host.line.state([Span("filter: x")], "3 of 9")
        host.line.say("Saved")
        await pilot.pause()
        assert text(host).strip() == "Saved"
        await pilot.pause(0.6)
        assert text(host).startswith(" filter: x")


async def test_a_later_message_has_its_full_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice_line, "_MESSAGE_S", 0.4)
    host = Host()
    async with host.run_test(size=(40, 3)) as pilot:
        host.line.say("First")
        await pilot.pause(0.3)
        host.line.say("Second")
        await pilot.pause(0.2)
        assert text(host).strip() == "Second"
