"""Host names over the rows of a ladder."""

from sipscope.calls.ladder import lay_out
from sipscope.tui.widgets.host_names import HostNames
from sipscope.tui.widgets.ladder import LadderView
from tests.signalling import PBX, PHONE, Sent, answered_call, request, store_of
from tests.tui.stage import Stage


class Shown(Stage[LadderView]):
    """A ladder on the whole screen."""

    def __init__(self, sent: list[Sent]) -> None:
        super().__init__(LadderView())
        self.ladder = lay_out(list(store_of(sent).dialogs.values()))

    def on_mount(self) -> None:
        self.widget.rows.focus()
        self.widget.show_ladder(self.ladder)


async def test_names_stay_when_rows_scroll() -> None:
    app = Shown([Sent(n * 100, request("OPTIONS", cseq=n), PHONE, PBX) for n in range(1, 60)])
    async with app.run_test(size=(80, 10)) as pilot:
        names = app.query_one(HostNames)
        before = names.render_line(0).text
        await pilot.press("end")
        assert app.widget.rows.top > 0
        assert names.render_line(0).text == before
        assert names.region.y == 0


async def test_names_have_one_line_when_no_program_is_known() -> None:
    app = Shown([Sent(0, request("OPTIONS"), PHONE, PBX)])
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        assert app.query_one(HostNames).size.height == 1
        app.widget.show_ladder(lay_out(list(store_of(answered_call()).dialogs.values())))
        await pilot.pause()
        assert app.query_one(HostNames).size.height == 2


async def test_names_move_with_their_lifelines() -> None:
    chain = [
        Sent(n, request("INVITE", call_id=f"leg-{n}"), f"192.0.2.{n}", f"192.0.2.{n + 1}")
        for n in range(1, 7)
    ]
    app = Shown(chain)
    async with app.run_test(size=(80, 10)) as pilot:
        names = app.query_one(HostNames)
        assert "◂" not in names.render_line(0).text
        app.widget.rows.pan(1)
        await pilot.pause()
        assert "◂" in names.render_line(0).text
        cell = app.widget.rows.lifelines.cells[2] - app.widget.rows.left
        at = app.widget.rows.times_width + cell
        assert "3" in names.render_line(0).text[at : at + 8]
