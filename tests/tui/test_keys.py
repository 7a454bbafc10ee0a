import pytest

from sipscope.tui import keys
from sipscope.tui.keys import CALLS, EVERYWHERE, HELP, MOVEMENT, Context, bindings, footer, written

CONTEXTS = [value for value in vars(keys).values() if isinstance(value, Context)]


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: context.title)
def test_no_key_means_two_things_at_once(context: Context) -> None:
    bound = [key for entry in context.keys for key in entry.keys]
    assert len(bound) == len(set(bound))


def test_ids_are_unique_over_all_contexts() -> None:
    ids = [key.id for context in CONTEXTS for key in context.keys]
    assert len(ids) == len(set(ids))


def test_the_keys_of_the_call_list_leave_movement_alone() -> None:
    moving = {key for entry in MOVEMENT.keys for key in entry.keys}
    assert not moving & {key for entry in CALLS.keys for key in entry.keys}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("ctrl+l", "^L"),
        ("f10", "F10"),
        ("f", "f"),
        ("enter", "Enter"),
        ("G", "G"),
        ("pageup", "PgUp"),
    ],
)
def test_keys_are_written_as_people_write_them(key: str, text: str) -> None:
    assert written(key) == text


def test_bindings_carry_every_key_and_its_id() -> None:
    made = bindings(EVERYWHERE)
    assert [(b.id, b.key) for b in made] == [("help", "?,f1,h,H"), ("quit-now", "ctrl+c")]


def width_of(entries: list[keys.Key]) -> int:
    return sum(len(f"{written(key.keys[0])} {key.footer}  ") for key in entries)


@pytest.mark.parametrize("width", [20, 40, 79, 159])
def test_the_line_of_keys_fits(width: int) -> None:
    assert width_of(footer(CALLS.keys, width)) <= width


def test_the_most_important_keys_come_first_and_the_help_last() -> None:
    shown = footer(CALLS.keys, 79)
    assert [key.footer for key in shown[:4]] == ["Call", "Mark", "Filter", "Save"]
    assert shown[-1] is HELP


def test_the_help_is_there_however_narrow_the_line() -> None:
    assert footer(CALLS.keys, 3) == [HELP]
