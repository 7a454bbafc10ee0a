from textual.pilot import Pilot

from sipscope.tui.widgets.option import Option
from tests.tui.stage import Stage


def line(pilot: Pilot[None]) -> str:
    return pilot.app.query_one(Option).render_line(0).text.rstrip()


async def test_space_and_the_arrows_go_through_the_choices() -> None:
    async with Stage(Option("Form", ["a", "b", "c"])).run_test() as pilot:
        assert line(pilot) == "Form    ● a   ○ b   ○ c"
        await pilot.press("space")
        assert line(pilot) == "Form    ○ a   ● b   ○ c"
        await pilot.press("left", "left")
        assert line(pilot) == "Form    ○ a   ○ b   ● c"


async def test_what_cannot_be_chosen_says_why() -> None:
    async with Stage(Option("RTP", ["with", "without"])).run_test() as pilot:
        option = pilot.app.query_one(Option)
        option.allow("there is none")
        option.action_step(1)
        assert option.chosen == 0
        assert line(pilot) == "RTP     there is none"
        option.allow()
        option.action_step(1)
        assert option.chosen == 1


async def test_a_click_takes_the_next_choice() -> None:
    async with Stage(Option("Form", ["a", "b"])).run_test() as pilot:
        await pilot.click(Option)
        assert line(pilot) == "Form    ○ a   ● b"
