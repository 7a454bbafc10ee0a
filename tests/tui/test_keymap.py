import pytest

from sipscope.tui.keymap import as_textual, key_named, keymap, remapped
from sipscope.tui.keys import CALLS, all_contexts, written


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("x", "x"),
        ("/", "/"),
        ("F2", "f2"),
        ("^L", "ctrl+l"),
        ("Ctrl-L", "ctrl+l"),
        ("ctrl+l", "ctrl+l"),
        ("Space", "space"),
        ("Esc", "escape"),
        ("PgDn", "pagedown"),
        ("Shift+Tab", "shift+tab"),
        ("hyper+up", None),
        ("f13", None),
        ("foo", None),
        ("", None),
        ("\x1b", None),
    ],
)
def test_keys_are_read_as_people_write_them(text: str, key: str | None) -> None:
    assert key_named(text) == key


def test_every_key_of_the_table_can_be_written_by_a_person() -> None:
    for context in all_contexts():
        for entry in context.keys:
            assert [key_named(written(key)) for key in entry.keys] == list(entry.keys)


def test_an_action_gets_the_keys_of_a_person() -> None:
    mapped = keymap({"calls.pause": ("F11", "§")})
    assert (mapped.keys, mapped.complaints) == ({"calls.pause": ("f11", "§")}, ())
    (calls,) = remapped([CALLS], mapped.keys)
    assert next(key.keys for key in calls.keys if key.id == "calls.pause") == ("f11", "§")
    assert as_textual(mapped.keys) == {"calls.pause": "f11,§"}


def test_an_action_that_loses_a_key_is_told_and_keeps_the_others() -> None:
    mapped = keymap({"calls.pause": ("x",)})
    assert mapped.keys == {"calls.pause": ("x",), "calls.legs": ("f4",)}
    assert mapped.complaints == ("keys.calls.pause: x was calls.legs, which has f4 left",)


def test_an_action_may_be_left_without_a_key() -> None:
    mapped = keymap({"calls.pause": ()})
    assert mapped.keys == {"calls.pause": ()}
    assert as_textual(mapped.keys) == {"calls.pause": "unbound"}
    (calls,) = remapped([CALLS], mapped.keys)
    assert "calls.pause" not in [key.id for key in calls.keys]


def test_a_key_of_the_list_can_be_taken_from_its_movement() -> None:
    mapped = keymap({"calls.pause": ("k",)})
    assert mapped.keys["up"] == ("up",)


def test_two_wishes_for_one_key_are_told() -> None:
    mapped = keymap({"calls.pause": ("F11",), "calls.follow": ("F11",)})
    assert mapped.keys == {"calls.pause": ("f11",), "calls.follow": ()}
    assert mapped.complaints == ("keys.calls.follow: f11 is taken by calls.pause",)


def test_screens_do_not_take_keys_from_each_other() -> None:
    assert keymap({"media.wireshark": ("x",)}).complaints == ()


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ({"calls.paus": ("x",)}, "keys: there is no calls.paus; perhaps calls.pause is meant"),
        ({"qqq": ("x",)}, "keys: there is no qqq"),
        ({"calls.pause": ("foo",)}, "keys.calls.pause: there is no key 'foo'"),
    ],
)
def test_what_cannot_be_used_is_left_out_and_told(
    wanted: dict[str, tuple[str, ...]], complaint: str
) -> None:
    assert keymap(wanted) == ({}, (complaint,))
