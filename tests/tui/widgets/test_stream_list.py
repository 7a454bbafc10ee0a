"""The list of streams."""

from itertools import pairwise
from typing import Any

import pytest
from rich.cells import cell_len

from sipscope.calls.columns import Severity
from sipscope.calls.store import DialogStore
from sipscope.rtpqos.listing import ORDERS, StreamRow
from sipscope.tui.stream_view import StreamView
from sipscope.tui.widgets.stream_list import SORTED, StreamList, now_text, place, severity
from tests.packets import SECOND, START
from tests.signalling import MS, PBX, PHONE, Sent, add, answered_call, store_of, stream
from tests.tui.stage import Stage

END = START + 2652 * MS + 99 * 20 * MS
"""The last packet of a hundred from the phone."""


class Listed(Stage[StreamList]):
    """The streams of a store, as if live."""

    def __init__(self, store: DialogStore, now: int | None = END) -> None:
        view = StreamView(store)
        super().__init__(StreamList(view))
        self.widget.now = now
        self.asked: list[str] = []

    def look(self) -> None:
        self.widget.view.update()
        self.widget.show(self.widget.view.ids)
        self.widget.update()

    def lines(self) -> list[str]:
        size = self.widget.size
        return [self.widget.render_line(y).text.rstrip() for y in range(size.height)]

    def styled(self, y: int) -> dict[str, str]:
        """The words of a line and what they mean by their colour."""
        widget = self.widget
        names = {
            widget.style_of(name).color: name for name in ("failed", "doubtful", "good", "old")
        }
        return {
            segment.text.strip(): names.get(segment.style.color, "") if segment.style else ""
            for segment in widget.render_line(y)
        }

    def on_stream_list_sort_asked(self, event: StreamList.SortAsked) -> None:
        self.asked.append(event.column)


@pytest.fixture
def row() -> StreamRow:
    """50 packets/s without fault."""
    return StreamView(store_of(answered_call(media=100))).rows([1])[1].row


def words(lines: list[str]) -> list[str]:
    """Lines with single blanks."""
    return [" ".join(line.split()) for line in lines]


def lossy() -> list[Sent]:
    return answered_call(media=100, lost=range(10, 20))


async def test_the_line_of_a_stream_has_all_columns_in_a_wide_terminal() -> None:
    app = Listed(store_of(lossy()))
    async with app.run_test(size=(160, 5)):
        app.look()
        assert words(app.lines()[:3]) == [
            "Time Source Destination Call Codec Packets Loss % Jit ms Max Δ ms ↑MOS Now",
            f"● 22:13:22 {PBX}:18000 {PHONE}:40000 1001 → 2002 "
            "PCMA 90 10.0 0.0 220.0 2.94 lost 10 %",
            f"22:13:22 {PHONE}:40000 {PBX}:18000 1001 → 2002 PCMA 100 0.0 0.0 20.0 4.41 good",
        ]


async def test_in_eighty_cells_addresses_quality_and_now_are_left() -> None:
    app = Listed(store_of(lossy()))
    async with app.run_test(size=(80, 5)):
        app.look()
        header, *lines = app.lines()
        assert words([header]) == ["Source Destination Codec Loss % Jit ms ↑MOS Now"]
        assert all(cell_len(line) <= 80 for line in lines)


async def test_colours_tell_what_is_wrong() -> None:
    app = Listed(store_of(lossy()))
    async with app.run_test(size=(160, 5)):
        app.look()
        styled = app.styled(1)
        assert (styled["●"], styled["10.0"], styled["22:13:22"]) == ("failed", "failed", "old")
        assert app.styled(2)["good"] == "good"


async def test_a_stream_of_no_call_is_listed_without_one() -> None:
    app = Listed(store_of(stream((PHONE, 4000), (PBX, 5000), start=0, count=50)), None)
    async with app.run_test(size=(160, 5)):
        app.look()
        assert words(app.lines()[1:2]) == [
            f"22:13:20 {PHONE}:4000 {PBX}:5000 PCMA 50 0.0 0.0 20.0 4.41"
        ]


async def test_figures_follow_within_a_second() -> None:
    call = answered_call(media=200)
    store = store_of(packet for packet in call if packet.at < 4000)
    app = Listed(store)
    async with app.run_test(size=(160, 5)):
        app.look()
        before = [line.split()[7] for line in app.lines()[1:3]]
        add(store, [packet for packet in call if packet.at >= 4000])
        app.widget.update()
        turn = [line.split()[7] for line in app.lines()[1:3]]
        for _ in range(3):
            app.widget.update()
        after = [line.split()[7] for line in app.lines()[1:3]]
        assert before == ["68", "68"]
        assert sorted(turn) != ["200", "200"]
        assert after == ["200", "200"]


async def test_a_stream_that_is_gone_leaves_an_empty_line_until_the_next_order() -> None:
    store = store_of(answered_call(media=100))
    app = Listed(store)
    async with app.run_test(size=(160, 5)):
        app.look()
        store.forget([1])
        for _ in range(4):
            app.widget.update()
        app.widget.view.arrange(descending=True)
        app.look()
        assert app.lines()[1] == ""


async def test_a_click_on_a_title_asks_for_its_order() -> None:
    app = Listed(store_of(lossy()))
    async with app.run_test(size=(80, 5)) as pilot:
        for x in (3, 60, 72):  # the last is over what cannot be sorted by
            await pilot.click(StreamList, offset=(x, 0))
        assert app.asked == ["source", "jitter"]


async def test_an_empty_list_says_why() -> None:
    app = Listed(store_of([]))
    app.widget.empty = "Waiting for RTP."
    async with app.run_test(size=(80, 5)):
        assert app.lines()[1] == "  Waiting for RTP."


@pytest.mark.parametrize("width", [20, 40, 79, 100, 119, 159, 300])
def test_columns_fit_and_do_not_touch(width: int) -> None:
    placed = place(width)
    assert placed[-1][1] + placed[-1][2] <= width
    assert all(start + cells < after for (_, start, cells), (_, after, _) in pairwise(placed))


def test_every_order_has_its_column() -> None:
    assert {column.id for column in SORTED} == set(ORDERS)


@pytest.mark.parametrize(
    ("lost", "packets", "text"),
    [(0, 50, "good"), (1, 500, "lost  <1 %"), (3, 47, "lost   6 %"), (49, 0, "lost 100 %")],
)
def test_the_newest_second_in_words(row: StreamRow, lost: int, packets: int, text: str) -> None:
    assert now_text(row._replace(now_lost=lost, now_packets=packets), row.last) == text


def test_a_second_that_sounded_badly_without_loss_tells_its_mos(row: StreamRow) -> None:
    assert now_text(row._replace(now_mos=2.345), row.last) == "MOS   2.35"


def test_packets_that_came_late_make_no_loss_below_zero(row: StreamRow) -> None:
    assert now_text(row._replace(now_lost=-2), row.last) == "good"


def test_a_stream_that_has_ended_has_no_now(row: StreamRow) -> None:
    assert now_text(row, row.last + 3 * SECOND - 1) == "good"
    assert now_text(row, row.last + 3 * SECOND) == ""
    assert now_text(row, None) == ""
    assert now_text(row._replace(now_packets=None, now_lost=None), row.last) == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Severity.GOOD),
        ({"loss_percent": 1.0}, Severity.DOUBTFUL),
        ({"mos": 3.5}, Severity.DOUBTFUL),
        ({"jitter_ms": 150.0}, Severity.DOUBTFUL),
        ({"loss_percent": 1.0, "mos": 3.0}, Severity.FAILED),
        ({"loss_percent": 5.0}, Severity.FAILED),
    ],
)
def test_loss_and_mos_make_a_stream_bad_and_jitter_doubtful(
    row: StreamRow, changes: dict[str, Any], expected: Severity
) -> None:
    assert severity(row._replace(**changes)) is expected
