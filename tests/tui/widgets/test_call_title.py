"""The line over a call."""

import pytest

from sipscope.calls.rows import call_row
from sipscope.tui.line_list import Span
from sipscope.tui.widgets.call_title import CallTitle, title_line
from sipscope.tui.widgets.wrapping import Line, line_text
from tests.packets import SECOND, START
from tests.signalling import PBX, PHONE, Sent, answered_call, request, response, store_of
from tests.tui.stage import Stage


def title(sent: list[Sent], *, legs: int = 1, now: int = START) -> Line:
    store = store_of(sent)
    dialog = store.dialogs[1]
    return title_line(dialog, call_row(dialog, store.streams, now), legs, now)


def test_a_call_is_told_by_its_parties_state_and_times() -> None:
    assert line_text(title(answered_call())) == ("1001 → 2002   completed   ring 2.5 s   talk 0:12")


def test_loss_and_mos_are_told_when_there_are_streams() -> None:
    line = title(answered_call(media=100, lost=range(10, 20)))
    assert line_text(line).endswith("   loss 10.0 %   MOS 2.9")
    assert Span("10.0 %", "failed") in line
    assert line[-1] == Span("2.9", "failed")


def test_the_talk_of_a_call_in_progress_goes_on() -> None:
    line = title(answered_call()[:5], now=START + 63 * SECOND)
    assert line_text(line) == "1001 → 2002   in call   ring 2.5 s   talk 1:00"


def test_a_refused_call_tells_its_code() -> None:
    line = title(
        [
            Sent(0, request("INVITE"), PHONE, PBX),
            Sent(9, response("486 Busy Here"), PBX, PHONE),
        ]
    )
    assert line_text(line) == "1001 → 2002   486 busy"
    assert line[-1].style == "doubtful"


def test_another_dialog_than_a_call_tells_its_method() -> None:
    sent = [Sent(0, request("REGISTER", callee="1001"), PHONE, PBX)]
    assert line_text(title(sent)) == "1001   REGISTER   pending"


def test_legs_are_counted_when_there_are_several() -> None:
    assert line_text(title(answered_call(), legs=3)).endswith("   3 legs")


def test_a_long_name_is_cut() -> None:
    line = title([Sent(0, request("INVITE", user="1" * 200), PHONE, PBX)])
    assert line_text(line) == f"{'1' * 23}… → 2002   setup"


@pytest.mark.parametrize(
    ("width", "shown"),
    [(40, " 1001 → 2002   completed     2023-11-14 "), (30, " 1001 → 2002   completed      ")],
)
async def test_the_day_stands_on_the_right_where_there_is_room(width: int, shown: str) -> None:
    app = Stage(CallTitle())
    async with app.run_test(size=(width, 2)):
        app.widget.show((Span("1001 → 2002   completed"),), "2023-11-14")
        assert app.widget.render_line(0).text == shown
