import pytest

from sipscope.calls.store import DialogStore
from sipscope.calls.view import CallView
from sipscope.tui.places import PlaceError, find_place
from tests.signalling import store_of
from tests.tui.frozen import NOW, busy_hour


def view(store: DialogStore | None = None) -> CallView:
    made = CallView(store_of(busy_hour()) if store is None else store)
    while made.waiting:
        made.update(NOW)
    return made


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("#3", 3),
        (" 3 ", 3),
        ("22:13:20", 1),
        ("22:13:36", 2),
        ("23:00", 8),
        ("00:00", 1),
        ("2023-11-14", 1),
        ("2023-11-14T22:13:40", 6),
        ("2024-01-01", 8),
    ],
)
def test_a_place_is_a_number_or_the_first_call_at_a_time(text: str, found: int) -> None:
    assert find_place(text, view(), 1, NOW) == found


@pytest.mark.parametrize("text", ["#99", "noon", "", "25:00", "\uff11\uff12"])
def test_what_is_no_place_is_told(text: str) -> None:
    with pytest.raises(PlaceError):
        find_place(text, view(), 1, NOW)


def test_an_empty_list_has_no_places() -> None:
    with pytest.raises(PlaceError, match="empty"):
        find_place("14:03", view(DialogStore()), None, NOW)
