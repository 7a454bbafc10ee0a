from collections import Counter
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from sipscope.calls.names import AddressNames
from sipscope.calls.statistics import Figures, Minute, TrafficStatistics
from sipscope.settings.model import Settings
from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.statistics import Counts, StatisticsScreen, statistics_lines
from sipscope.tui.widgets.wrapping import line_text
from tests.signalling import add
from tests.tui.frozen import engine_of, refused

MINUTE = 60_000_000_000
START = 28_333_333 * MINUTE
COUNTS = Counts(
    {"INVITE": 3, "\x1b[2J": 1},
    {100: 2, 180: 1, 200: 4, 488: 1, 777: 0},
    {"in call": 1, "completed": 3},
)
NOTHING = TrafficStatistics(engine_of([]).store).figures()
FIGURES = Figures(
    1204,
    750,
    1100,
    87,
    62.3,
    88.0,
    130.4,
    1240.0,
    3050.0,
    4.2,
    tuple(Minute(START + n * MINUTE, 10 * n, 5 * n, 7 * n, n % 2) for n in range(5)),
    Counter({"192.0.2.1": 900, "10.1.2.3": 300, "x\x1b[2J": 4}),
    Counter({"192.0.2.2": 1204}),
    Counter({f"agent {n}": 20 - n for n in range(14)}),
)


def text(width: int = 78, figures: Figures = FIGURES, waiting: int = 0) -> list[str]:
    names = AddressNames({"10.1.0.0/16": "branch"})
    lines = statistics_lines(figures, COUNTS, width, names=names, waiting=waiting)
    return [line_text(line) for line in lines]


@pytest.mark.parametrize(
    "words",
    [
        "Calls             1,204",
        "ASR              62.3 %",
        "NER              88.0 %",
        "ACD                2:10",
        "PDD mean       1,240 ms",
        "PDD of 95 %    3,050 ms",
        "calls/s            4.20",
    ],
)
def test_the_figures_come_first(words: str) -> None:
    assert words in "\n".join(text()[:6])


def test_what_is_unknown_is_left_empty() -> None:
    assert any(
        line.startswith("Calls") and "ASR                     " in line
        for line in text(figures=NOTHING)
    )


def test_the_course_is_drawn_with_its_highest_value_and_its_times() -> None:
    shown = text()
    top = next(n for n, line in enumerate(shown) if line.startswith("Calls per minute"))
    assert "now 40" in shown[top]
    assert shown[top + 1].split()[0] == "40"
    assert shown[top + 3][8:].count("█") == 24
    assert any(line.split() == ["22:13", "22:17"] for line in shown)


def test_a_long_course_fits() -> None:
    long = FIGURES._replace(
        minutes=tuple(Minute(START + n * MINUTE, n % 7, 0, 1, 0) for n in range(1440))
    )
    assert max(map(len, text(figures=long))) <= 78


def test_counts_come_with_their_share() -> None:
    assert any("INVITE" in line and "3  75.0 %" in line for line in text(30))


def test_status_classes_are_summed() -> None:
    assert any("1xx progress" in line and "3  37.5 %" in line for line in text(30))


def test_the_most_frequent_comes_first() -> None:
    codes = [line.split()[0] for line in text(30) if line[:3].isdigit() and "%" in line]
    assert [code for code in codes if len(code) == 3] == ["200", "100", "180", "488", "777"]


def test_top_talkers_have_the_names_that_people_gave() -> None:
    assert any("branch" in line for line in text())
    assert any("192.0.2.1" in line and "900  74.8 %" in line for line in text())


def test_of_many_names_the_rest_is_summed() -> None:
    assert any("2 others" in line for line in text())


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


def test_it_tells_how_much_is_still_to_be_counted() -> None:
    assert "counting, 5,000 dialogs to go" in text(waiting=5000)


async def test_the_counts_are_live() -> None:
    engine = engine_of()
    app = SipscopeApp(engine)
    async with app.run_test(size=(80, 60)) as pilot:
        await pilot.press("i")
        await pilot.pause()
        assert shown(pilot).count("503") == 1
        add(engine.store, refused(26_000, 9, "606 Not Acceptable"))
        screen = app.screen
        assert isinstance(screen, StatisticsScreen)
        screen.count()
        await pilot.pause()
        assert "606" in shown(pilot)


async def test_what_was_counted_still_counts_when_the_calls_are_gone() -> None:
    engine = engine_of()
    app = SipscopeApp(engine, Settings())
    async with app.run_test(size=(80, 60)) as pilot:
        await pilot.press("i")
        await pilot.pause()
        before = shown(pilot).split("\n")[1]
        await pilot.press("q")
        engine.clear()
        await pilot.press("i")
        await pilot.pause()
        assert shown(pilot).split("\n")[1] == before


def shown(pilot: Pilot[None]) -> str:
    view = pilot.app.screen.query_one("TextView")
    return "\n".join(view.render_line(y).text for y in range(view.size.height))


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=lambda size: f"{size[0]}")
def test_it_looks_right(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    assert snap_compare(SipscopeApp(engine_of()), terminal_size=size, press=["i"])
