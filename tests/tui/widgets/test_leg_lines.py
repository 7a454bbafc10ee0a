"""Which legs a call has, and why."""

from sipscope.calls.legs import Confidence, Link
from sipscope.tui.widgets.leg_lines import Leg, LegLines
from tests.tui.stage import Stage

CHOSEN = Leg(1, "call-1@phone", None)
SURE = Leg(2, "b2b-call-1", Link(2, 1, "X-Call-ID of that leg names this one", Confidence.CERTAIN))
MAYBE = Leg(3, "other", Link(3, 2, "same caller, 0.4 s apart", Confidence.POSSIBLE))
LOW, HIGH = 24, 48


class Shown(Stage[LegLines]):
    """Legs on top of the screen."""

    def __init__(self) -> None:
        super().__init__(LegLines())

    def lines(self) -> list[str]:
        return [self.widget.render_line(y).text.rstrip() for y in range(self.widget.size.height)]


async def test_each_leg_has_a_line_with_its_reason_where_there_is_room() -> None:
    app = Shown()
    async with app.run_test(size=(100, HIGH)) as pilot:
        app.widget.show_legs([CHOSEN, SURE, MAYBE], HIGH)
        await pilot.pause()
        assert app.lines() == [
            " A call-1@phone   the chosen one",
            " B b2b-call-1     A: X-Call-ID of that leg names this one (certain)",
            " C other          B: same caller, 0.4 s apart (possible)",
        ]


async def test_reasons_stand_in_one_line_where_there_is_little_room() -> None:
    app = Shown()
    async with app.run_test(size=(100, LOW)) as pilot:
        app.widget.show_legs([CHOSEN, SURE], LOW)
        await pilot.pause()
        assert app.lines() == [" 2 legs   B X-Call-ID of that leg names this one (certain)"]


async def test_how_sure_it_is_has_a_colour_and_a_word() -> None:
    app = Shown()
    async with app.run_test(size=(100, HIGH)) as pilot:
        app.widget.show_legs([CHOSEN, SURE, MAYBE], HIGH)
        await pilot.pause()
        styles = {span.text: span.style for leg in (1, 2) for span in app.widget._alone(leg)}
        assert (styles["(certain)"], styles["(possible)"]) == ("good", "doubtful")


async def test_a_single_dialog_has_no_line() -> None:
    app = Shown()
    async with app.run_test(size=(100, HIGH)) as pilot:
        app.widget.show_legs([CHOSEN, SURE], HIGH)
        app.widget.show_legs([CHOSEN], HIGH)
        await pilot.pause()
        assert not app.widget.display


async def test_many_legs_leave_the_screen_to_the_ladder() -> None:
    app = Shown()
    legs = [CHOSEN, *(SURE._replace(dialog=n) for n in range(2, 33))]
    async with app.run_test(size=(100, HIGH)) as pilot:
        app.widget.show_legs(legs, HIGH)
        await pilot.pause()
        assert len(app.lines()) == 6
        assert app.lines()[-1] == " and 27 more legs"


async def test_a_long_call_id_is_cut_in_the_middle() -> None:
    app = Shown()
    async with app.run_test(size=(60, HIGH)) as pilot:
        app.widget.show_legs([Leg(1, "x" * 200, None), MAYBE], HIGH)
        await pilot.pause()
        assert app.lines()[0].startswith(" A xxxxx")
        assert app.lines()[0].endswith("the chosen one")
