from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.statistics import StatisticsScreen, statistics_lines
from tests.signalling import add
from tests.tui.frozen import engine_of, refused

METHODS = {"INVITE": 3, "\x1b[2J": 1}
STATUSES = {100: 2, 180: 1, 200: 4, 488: 1, 777: 0}
STATES = {"in call": 1, "completed": 3}


def text(width: int = 78) -> list[str]:
    lines = statistics_lines(METHODS, STATUSES, STATES, width)
    return ["".join(span.text for span in line) for line in lines]


def test_counts_come_with_their_share() -> None:
    assert any("INVITE" in line and "3  75.0 %" in line for line in text(30))


def test_status_classes_are_summed() -> None:
    assert any("1xx progress" in line and "3  37.5 %" in line for line in text(30))


def test_the_most_frequent_comes_first() -> None:
    codes = [line.split()[0] for line in text(30) if line.strip()[:3].isdigit()]
    assert codes == ["200", "100", "180", "488", "777"]


def test_names_from_the_network_are_harmless() -> None:
    assert "␛[2J" in "\n".join(text())
    assert "\x1b" not in "\n".join(text())


@pytest.mark.parametrize("width", [78, 118, 158])
def test_three_tables_stand_side_by_side(width: int) -> None:
    titles = next(line for line in text(width) if "Requests" in line)
    assert "Responses" in titles
    assert "Calls and others" in titles
    assert max(map(len, text(width))) <= width


def test_a_narrow_terminal_has_them_one_below_the_other() -> None:
    assert max(map(len, text(39))) <= 39


def test_nothing_seen_is_no_division_by_zero() -> None:
    assert "Requests" in "".join(s.text for line in statistics_lines({}, {}, {}, 78) for s in line)


async def test_the_counts_are_live() -> None:
    engine = engine_of()
    app = SipscopeApp(engine)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("i")
        await pilot.pause()
        assert shown(pilot).count("503") == 1
        add(engine.store, refused(26_000, 9, "606 Not Acceptable"))
        screen = app.screen
        assert isinstance(screen, StatisticsScreen)
        screen.count()
        await pilot.pause()
        assert "606" in shown(pilot)


def shown(pilot: Pilot[None]) -> str:
    view = pilot.app.screen.query_one("TextView")
    return "\n".join(view.render_line(y).text for y in range(view.size.height))


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=lambda size: f"{size[0]}")
def test_it_looks_right(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    assert snap_compare(SipscopeApp(engine_of()), terminal_size=size, press=["i"])
