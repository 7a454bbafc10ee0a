"""What stands over the lifelines."""

from sipscope.calls.ladder import lay_out
from sipscope.tui.widgets.host_names import HostNames
from sipscope.tui.widgets.ladder_rows import LadderRows
from tests.signalling import PBX, PHONE, answered_call, store_of
from tests.tui.stage import Stage


class Shown(Stage[LadderRows]):
    """Rows with names that are not on the screen."""

    def __init__(self) -> None:
        super().__init__(LadderRows())

    def on_mount(self) -> None:
        self.widget.show_ladder(lay_out(list(store_of(answered_call()).dialogs.values())))


async def test_addresses_stand_under_programs() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        names = HostNames(app.widget)
        names.show_agents(("Snom", None))
        await app.mount(names)
        await pilot.pause()
        lines = [names.render_line(y).text for y in (0, 1)]
        assert lines[0].split() == ["Snom"]
        assert lines[1].split() == ["time", "delta", f"{PHONE}:5060", f"{PBX}:5060"]


async def test_a_mark_is_told_over_the_times() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        names = HostNames(app.widget)
        names.show_agents((None, None))
        await app.mount(names)
        app.widget.set_mark(app.widget.ladder.rows[0].key)
        names.update()
        await pilot.pause()
        assert "to mark" in names.render_line(names.size.height - 1).text
