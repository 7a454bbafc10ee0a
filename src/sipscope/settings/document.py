"""Settings as a file to be edited: each with what it means, those at their default commented."""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any, get_args, get_origin, get_type_hints

import tomlkit

from sipscope.settings.model import SECTIONS, TABLES, Settings, words_of

Value = Any

Action = tuple[str, tuple[str, ...], str]
"""Its id, its keys, what it does."""

_EXAMPLES = {
    "themes": '[themes.mine]\n#base = "dark"\n#failed = "#ff5f5f"\n#background = "#000000"',
    "aliases": '#"192.0.2.10" = "pbx"\n#"10.1.0.0/16" = "branch"',
    "filters": '#bad = "mos < 3.5 or state = rejected"',
}


def settings_document(settings: Settings, path: str, actions: Iterable[Action] = ()) -> str:
    """Return all settings as TOML.

    Args:
        settings: In effect.
        path: Where the person's own are kept.
        actions: For the section of keys.
    """
    lines = [f"# Settings of sipscope. Yours are in {path}"]
    lines.append("# What is commented out is at its default.")
    default = Settings()
    for section in SECTIONS:
        part, usual = getattr(settings, section), getattr(default, section)
        lines += ["", f"[{section}]"]
        kinds = get_type_hints(type(part))
        for each in fields(part):
            value = getattr(part, each.name)
            sign = "#" if value == getattr(usual, each.name) else ""
            lines.append(f"# {_meaning(section, each.name, kinds[each.name])}")
            lines.append(f"{sign}{each.name} = {toml(value)}")
    for name in TABLES:
        lines += ["", *_table(name, getattr(settings, name), tuple(actions))]
    return "\n".join([*lines, ""])


def toml(value: Value) -> str:
    """Return a value as TOML writes it, in one line."""
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        table.update(value)
        return table.as_string()
    return tomlkit.item(list(value) if isinstance(value, tuple) else value).as_string()


def meaning_of_table(name: str) -> str:
    """Return what a table of the settings means."""
    return next(str(f.metadata["words"]) for f in fields(Settings) if f.name == name)


def _meaning(section: str, name: str, kind: object) -> str:
    words = words_of(section, name)
    if get_origin(kind) is not None and all(isinstance(part, str) for part in get_args(kind)):
        return f"{words} ({', '.join(get_args(kind))})"
    return words


def _table(name: str, table: Value, actions: tuple[Action, ...]) -> Iterator[str]:
    yield f"# {meaning_of_table(name)}"
    yield f"[{name}]"
    if name == "themes":
        for theme, colours in table.items():
            yield f"[themes.{toml(theme)}]"
            yield from (f"{colour} = {toml(value)}" for colour, value in colours.items())
    else:
        yield from (f"{toml(key)} = {toml(value)}" for key, value in table.items())
    if name == "keys":
        for action, keys, words in actions:
            if action not in table:
                yield f"#{toml(action)} = {toml(keys)}  # {words}"
    elif not table:
        yield from ("#" * (not line.startswith("#")) + line for line in _EXAMPLES[name].split("\n"))
