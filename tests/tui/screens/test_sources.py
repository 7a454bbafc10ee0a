from collections.abc import Callable
from dataclasses import replace

import pytest

from sipscope.decode.counts import NetworkCounts
from sipscope.decode.hep_senders import Agent, HepSender
from sipscope.decode.tzsp_senders import TzspSender
from sipscope.tui.app import SipscopeApp
from sipscope.tui.screens.calls import CallsScreen
from sipscope.tui.screens.sources import Facts, Server, SourcesScreen, sources_lines
from sipscope.tui.widgets.wrapping import Line, line_text
from tests.tui.frozen import FILE, LIVE, NOW, engine_of

ROUTER = bytes((192, 0, 2, 1))
QUIET = Facts(
    (LIVE, replace(FILE, progress=0.5)),
    ((92.0, 18_000.0), (0.0, 0.0)),
    NetworkCounts(),
    (("dialogs that made room", 0, "doubtful"),),
    (),
    (),
    (),
    (),
    NOW,
)
BAD = Facts(
    (replace(LIVE, kernel_drops=7), replace(FILE, damaged="ends within a packet")),
    QUIET.rates,
    NetworkCounts(truncated=3, tcp_gaps=2, malformed=1),
    (("dialogs that made room", 5, "doubtful"), ("not recorded", 9, "failed")),
    (("not allowed: tzsp:127.0.0.1:37008", 4),),
    (
        HepSender(
            ROUTER, (Agent(ROUTER, 2001, b"pbx\x1b[2J"),), 1234, 50, NOW, 3, (("wrong key", 6),)
        ),
    ),
    (TzspSender(ROUTER, 90_000, 812, NOW - 9, NOW - 5_000_000_000, 12, 1),),
    (Server("udp://homer:9060", "Connection refused", 100, 20, 8),),
    NOW,
)


def lines(facts: Facts, width: int = 110) -> list[Line]:
    return sources_lines(facts, width)


def text(facts: Facts, width: int = 110) -> str:
    return "\n".join(line_text(line) for line in lines(facts, width))


def style_of(words: str, facts: Facts) -> str:
    return next(s.style for line in lines(facts) for s in line if words in s.text)


def test_each_source_has_its_figures_in_a_line() -> None:
    row = next(line for line in text(QUIET).split("\n") if line.startswith("eth0"))
    assert row.split() == ["eth0", "interface", "9,000", "1.8", "92", "144", "0", "0"]


def test_how_far_a_file_is_and_what_is_wrong_with_it_stand_below() -> None:
    assert "50 % read" in text(QUIET)
    assert "ends within a packet" in text(BAD)


def test_what_was_lost_is_red_and_what_was_not_is_dim() -> None:
    assert style_of("      7", BAD) == "failed"
    assert style_of("      2", BAD) == "doubtful"
    assert style_of("lost in the kernel", QUIET) == "old"


def test_every_counter_is_told() -> None:
    shown = text(BAD)
    for words in ("lost in the kernel", "holes in TCP streams", "not recorded", "not allowed"):
        assert words in shown


def test_who_sends_hep_and_tzsp_is_told_with_what_was_rejected() -> None:
    shown = text(BAD)
    assert "6 rejected: wrong key" in shown
    assert "5 s" in shown
    assert "pbx␛[2J 2001" in shown
    assert "\x1b" not in shown


def test_where_hep_goes_is_told_with_why_not() -> None:
    row = next(line for line in text(BAD).split("\n") if line.startswith("udp://homer"))
    assert row.split("  ")[1].strip() == "Connection refused"
    assert row.split()[-3:] == ["100", "20", "8"]


@pytest.mark.parametrize("width", [40, 78, 110, 158])
def test_it_fits_the_terminal(width: int) -> None:
    assert max(map(len, text(BAD, width).split("\n"))) <= width


async def test_it_is_live_and_any_key_for_going_back_goes_back() -> None:
    async with SipscopeApp(engine_of()).run_test() as pilot:
        await pilot.press("I")
        await pilot.pause()
        screen = pilot.app.screen
        assert isinstance(screen, SourcesScreen)
        view = screen.query_one("TextView")
        assert "eth0" in view.render_line(2).text
        await pilot.press("q")
        await pilot.pause()
        assert isinstance(pilot.app.screen, CallsScreen)


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=lambda size: f"{size[0]}")
def test_it_looks_right(
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setattr("sipscope.tui.screens.sources._facts", lambda *_: BAD)
    assert snap_compare(SipscopeApp(engine_of()), terminal_size=size, press=["I"])
