from textual.app import App, ComposeResult

from sipscope.calls.store import DialogStore
from sipscope.calls.view import CallView
from sipscope.tui.themes import VARIABLES
from sipscope.tui.widgets.call_list import CallList
from tests.signalling import add, answered_call, store_of
from tests.tui.frozen import NOW, busy_hour, refused, ringing


class Host(App[None]):
    def __init__(self, store: DialogStore) -> None:
        super().__init__()
        self.view = CallView(store)
        self.calls = CallList(self.view)
        self.calls.now = NOW
        self.asked: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.calls

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(VARIABLES)

    def on_mount(self) -> None:
        self.look()

    def look(self) -> None:
        self.view.update(NOW, budget_s=5.0)
        self.calls.show(self.view.ids)

    def on_call_list_sort_asked(self, event: CallList.SortAsked) -> None:
        self.asked.append(event.column)


def lines(host: Host) -> list[str]:
    calls = host.calls
    return [calls.render_line(y).text.rstrip() for y in range(calls.size.height)]


def colours(host: Host, y: int) -> dict[str, str]:
    """The words of a line and what they mean by their colour."""
    calls = host.calls
    names = {calls.style_of(name).color: name for name in ("failed", "doubtful", "progress", "old")}
    return {
        segment.text.strip(): names.get(segment.style.color, "") if segment.style else ""
        for segment in calls.render_line(y)
    }


async def test_the_line_of_a_call_has_all_columns_in_a_wide_terminal() -> None:
    host = Host(store_of(answered_call(media=100, lost=(10, 11, 12))))
    async with host.run_test(size=(160, 5)):
        words = lines(host)[1].split()
        assert words[:6] == ["▲", "22:13:20", "1001", "2002", "INVITE", "completed"]
        assert words[7:11] == ["192.0.2.21:5060", "198.51.100.5:5060", "0:12", "PCMA"]
        assert words[11] == "3.0"


async def test_titles_stand_over_their_columns() -> None:
    host = Host(store_of(answered_call(media=100)))
    async with host.run_test(size=(160, 5)):
        header, line = lines(host)[:2]
        assert header.index("From") == line.index("1001")
        assert header.index("Source") == line.index("192.0.2.21")
        assert header.index("Dur") + 3 == line.index("0:12") + 4


async def test_columns_do_not_move_when_values_change() -> None:
    store = store_of(ringing(0))
    host = Host(store)
    async with host.run_test(size=(80, 10)):
        before = lines(host)[1]
        add(store, busy_hour())
        host.look()
        assert before in lines(host)


async def test_signs_tell_what_colours_tell() -> None:
    sent = [
        *refused(0, 1, "488 Not Acceptable Here"),
        *refused(100, 2, "486 Busy Here"),
        *ringing(200),
    ]
    host = Host(store_of(sent))
    async with host.run_test(size=(80, 10)):
        assert [line[1] for line in lines(host)[1:4]] == [" ", "▲", "●"]
        assert colours(host, 2)["486 busy"] == "doubtful"
        assert colours(host, 3)["488 rejected"] == "failed"


async def test_marked_calls_have_a_mark() -> None:
    host = Host(store_of(busy_hour()))
    async with host.run_test(size=(80, 10)):
        host.calls.marked = {host.view.ids[1]}
        assert [line[0] for line in lines(host)[1:4]] == [" ", "*", " "]


async def test_the_sorted_column_has_the_arrow() -> None:
    host = Host(store_of(busy_hour()))
    async with host.run_test(size=(80, 10)):
        assert "Time↓" in lines(host)[0]
        for column, title in (("to", "To↑"), ("duration", "↑Dur"), ("loss", "↑Loss %")):
            host.view.arrange(column=column, descending=False)
            host.look()
            assert title in lines(host)[0]


async def test_a_click_on_a_title_asks_for_its_order() -> None:
    host = Host(store_of(busy_hour()))
    async with host.run_test(size=(80, 10)) as pilot:
        for title in ("From", "State"):
            await pilot.click(CallList, offset=(lines(host)[0].index(title), 0))
        await pilot.pause()
        assert host.asked == ["from", "state"]


async def test_a_call_that_was_forgotten_under_the_eye_leaves_what_was_known() -> None:
    store = store_of(busy_hour())
    host = Host(store)
    async with host.run_test(size=(80, 10)):
        before = lines(host)
        with store.lock:
            store.forget(list(store.dialogs))
        host.calls.refresh_all()
        assert lines(host) == before
