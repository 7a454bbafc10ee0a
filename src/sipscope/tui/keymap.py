"""A person's keys in place of those of the table, and what is wrong with them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sipscope.tui.keys import EVERYWHERE, MOVEMENT, Context, Key, all_contexts

UNBOUND = "unbound"
"""Stands for no key at all: Textual takes an empty text for the key of the table."""

_NAMED = {
    "pgup": "pageup",
    "pgdn": "pagedown",
    "pagedn": "pagedown",
    "esc": "escape",
    "return": "enter",
    "del": "delete",
    "ins": "insert",
    "↑": "up",
    "↓": "down",
    "←": "left",
    "→": "right",
}
_NAMES = frozenset(
    {
        *("enter", "space", "escape", "tab", "up", "down", "left", "right"),
        *("pageup", "pagedown", "home", "end", "insert", "delete", "backspace"),
        *(f"f{number}" for number in range(1, 13)),
    }
)
_MODIFIERS = frozenset({"shift", "ctrl", "alt"})
_CONTROL = re.compile(r"(?:\^|ctrl[+-]|c-)([a-z])", re.IGNORECASE)


class Keymap(NamedTuple):
    """Keys of actions that differ from the table.

    Attributes:
        keys: By the id of the action.
        complaints: A sentence for each that cannot be used, or takes the key of another.
    """

    keys: Mapping[str, tuple[str, ...]]
    complaints: tuple[str, ...]


def key_named(text: str) -> str | None:
    """Return Textual's name of a key as people write it: F2, ^L, Ctrl-L, Space, x."""
    if text in _NAMED:
        return _NAMED[text]
    if len(text) == 1 and text.isprintable():
        return "space" if text == " " else text
    if control := _CONTROL.fullmatch(text):
        return f"ctrl+{control[1].lower()}"
    modifier, plus, rest = text.lower().rpartition("+")
    name = _NAMED.get(rest, rest)
    if name not in _NAMES or (plus and modifier not in _MODIFIERS):
        return None
    return modifier + plus + name


def keymap(wanted: Mapping[str, Sequence[str]]) -> Keymap:
    """Return the keys of a person.

    A key means one thing on a screen: an action that has it in the table loses it.

    Args:
        wanted: Keys by the id of an action.
    """
    known = {key.id: key for context in all_contexts() for key in context.keys}
    chosen: dict[str, tuple[str, ...]] = {}
    complaints: list[str] = []
    for action, texts in wanted.items():
        if action not in known:
            import difflib  # noqa: PLC0415  # seldom needed

            close = difflib.get_close_matches(action, known, 1, 0.6)
            meant = f"; perhaps {close[0]} is meant" if close else ""
            complaints.append(f"keys: there is no {action}{meant}")
            continue
        keys = [(text, key_named(text)) for text in texts]
        complaints += [f"keys.{action}: there is no key {text!r}" for text, key in keys if not key]
        usable = tuple(dict.fromkeys(key for _, key in keys if key))
        if usable or not texts:
            chosen[action] = usable
    complaints += _free(chosen, known)
    return Keymap(chosen, tuple(complaints))


def remapped(contexts: Iterable[Context], keys: Mapping[str, tuple[str, ...]]) -> list[Context]:
    """Return contexts with the keys of a person, without actions that have none."""
    return [
        context._replace(
            keys=tuple(
                key._replace(keys=keys.get(key.id, key.keys))
                for key in context.keys
                if keys.get(key.id, key.keys)
            )
        )
        for context in contexts
    ]


def as_textual(keys: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return the keys in the form that Textual's `App.set_keymap` takes."""
    return {action: ",".join(names) or UNBOUND for action, names in keys.items()}


def _free(chosen: dict[str, tuple[str, ...]], known: Mapping[str, Key]) -> list[str]:
    """Take from other actions the keys that were chosen; return what is to be told of it."""
    complaints: list[str] = []
    asked = dict(chosen)
    for action, keys in asked.items():
        for other in _beside(action):
            for key in keys:
                if key not in chosen.get(other, known[other].keys) or other == action:
                    continue
                if other in asked and list(asked).index(other) < list(asked).index(action):
                    complaints.append(f"keys.{action}: {key} is taken by {other}")
                    chosen[action] = tuple(k for k in chosen[action] if k != key)
                elif other not in asked:
                    left = chosen.get(other, known[other].keys)
                    chosen[other] = tuple(k for k in left if k != key)
                    rest = ", ".join(chosen[other]) or "no key"
                    complaints.append(f"keys.{action}: {key} was {other}, which has {rest} left")
    return complaints


def _beside(action: str) -> list[str]:
    """Return the actions that are there at the same time as one."""
    contexts = [
        context
        for context in all_contexts()
        if any(key.id == action for key in context.keys) or context in (EVERYWHERE, MOVEMENT)
    ]
    if any(key.id == action for context in (EVERYWHERE, MOVEMENT) for key in context.keys):
        contexts = list(all_contexts())
    return [key.id for context in contexts for key in context.keys]
