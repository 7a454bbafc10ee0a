"""Settings from TOML files, then the environment: what comes later wins.

    /etc/sipscope.toml, then $SIPSCOPE_CONFIG or ~/.config/sipscope/settings.toml,
    then SIPSCOPE_LIST_SORT=mos and the like

What cannot be used is left out and told; a file that is no TOML is an error.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from sipscope.errors import SipscopeError
from sipscope.settings.model import SECTIONS, TABLES, Settings
from sipscope.settings.paths import settings_files

PREFIX = "SIPSCOPE_"
MAX_BYTES = 1 << 20

_INTEGER = re.compile(r"-?[0-9]{1,9}")
_NUMBER = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?")
_FLAGS = {"yes": True, "true": True, "1": True, "on": True}
_FLAGS |= {"no": False, "false": False, "0": False, "off": False}


Value = Any
"""As in TOML, or as a text."""

Kind = Any
"""The type of a setting."""


class SettingsError(SipscopeError):
    """A settings file that cannot be read."""

    exit_status = 2


class Loaded(NamedTuple):
    """Settings, and what was wrong with where they came from.

    Attributes:
        settings: What could be used, defaults for the rest.
        complaints: A sentence for each thing that was left out.
    """

    settings: Settings
    complaints: tuple[str, ...]


def load_settings(environment: Mapping[str, str] = os.environ) -> Loaded:
    """Read the settings files and the environment.

    Raises:
        SettingsError: A file is no TOML or cannot be read.
    """
    settings, complaints = Settings(), list[str]()
    for path in settings_files(environment):
        if path.is_file():
            settings, wrong = apply(settings, _read(path))
            complaints += [f"{path}: {complaint}" for complaint in wrong]
    settings, wrong = apply(settings, from_environment(environment))
    return Loaded(settings, (*complaints, *wrong))


def overridden(settings: Settings, table: Mapping[str, Mapping[str, Value]]) -> Settings:
    """Return settings with those of a command line; None and what is empty was not given."""
    changes = {}
    for section, values in table.items():
        given = {name: value for name, value in values.items() if value not in (None, "", ())}
        changes[section] = replace(getattr(settings, section), **given)
    return replace(settings, **changes)


def apply(settings: Settings, table: Mapping[str, Any]) -> tuple[Settings, list[str]]:
    """Return settings with those of a table, and a sentence for each that is not usable."""
    complaints, changes = list[str](), dict[str, Value]()
    for section, values in table.items():
        if section not in (*SECTIONS, *TABLES):
            complaints.append(f"there is no section {section}{_meant(section, SECTIONS + TABLES)}")
        elif not isinstance(values, Mapping):
            complaints.append(f"{section} is a section: write [{section}]")
        elif section in TABLES:
            kind = get_type_hints(Settings)[section]
            named, wrong = _mapping(values, kind, section)
            complaints += wrong
            changes[section] = {**getattr(settings, section), **named}
        else:
            changes[section], wrong = _section(getattr(settings, section), values, section)
            complaints += wrong
    return replace(settings, **changes), complaints


def from_environment(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the settings of variables such as `SIPSCOPE_LIST_SORT`, lists apart by commas."""
    table: dict[str, dict[str, Any]] = {}
    if not any(name.startswith(PREFIX) for name in environment):
        return table
    for section, name, kind in known_settings():
        text = environment.get(f"{PREFIX}{section}_{name}".upper())
        if text is not None:
            table.setdefault(section, {})[name] = from_text(text, kind)
    return table


def known_settings() -> Iterator[tuple[str, str, Kind]]:
    """Give section, name and type of every setting that is no table."""
    for section in SECTIONS:
        kinds = get_type_hints(type(getattr(Settings(), section)))
        yield from ((section, name, kind) for name, kind in kinds.items())


def from_text(text: str, kind: Kind) -> Value:
    """Return what a text means for a setting of a type; the text itself when it means nothing."""
    if kind is bool:
        return _FLAGS.get(text.lower(), text)
    if kind is int or get_args(kind)[:1] == (34,):
        return int(text) if _INTEGER.fullmatch(text) else text
    if kind is float:
        return float(text) if _NUMBER.fullmatch(text) else text
    if _origin(kind) is tuple:
        return [word.strip() for word in text.split(",") if word.strip()]
    if _origin(kind) is Mapping:
        pairs = (word.partition("=") for word in text.split(",") if word.strip())
        inner = get_args(kind)[1]
        return {name.strip(): from_text(value.strip(), inner) for name, _, value in pairs}
    return text


def to_text(value: Value) -> str:
    """Return a value as a person types it: what `from_text` reads."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={to_text(each)}" for name, each in value.items())
    return str(value)


def _read(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415  # most have no file

    try:
        with open(path, "rb") as file:
            return tomllib.loads(file.read(MAX_BYTES).decode())
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}", "Check its rights"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no TOML: {error}", "Mend that line") from None


def _section(part: Value, values: Mapping[str, Any], section: str) -> tuple[Value, list[str]]:
    kinds = get_type_hints(type(part))
    complaints, usable = list[str](), dict[str, Any]()
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in kinds:
            complaints.append(f"there is no {section}.{key}{_meant(name, tuple(kinds))}")
            continue
        try:
            usable[name] = _checked(value, kinds[name])
        except TypeError as error:
            complaints.append(f"{section}.{key} is {error}")
    assert {each.name for each in fields(part)} == kinds.keys()
    return replace(part, **usable), complaints


def _mapping(
    values: Mapping[str, Any], kind: Kind, section: str
) -> tuple[dict[str, Any], list[str]]:
    inner = get_args(kind)[1]
    complaints, usable = list[str](), dict[str, Any]()
    for name, value in _flat(values) if _origin(inner) is tuple else values.items():
        single = [value] if isinstance(value, str) and _origin(inner) is tuple else value
        try:
            usable[name] = _checked(single, inner)
        except TypeError as error:
            complaints.append(f"{section}.{name} is {error}")
    return usable, complaints


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Value]]:
    """Give names and values; a name with a dot that was not quoted came as a table."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def _checked(value: Value, kind: Kind) -> Value:
    """Return a value as its type wants it.

    Raises:
        TypeError: It is something else; says what it should be.
    """
    origin, parts = _origin(kind), get_args(kind)
    if origin is Literal:
        if value in parts and type(value) in {type(part) for part in parts}:
            return value
        raise TypeError(f"one of {', '.join(map(str, parts))}, not {value!r}")
    if origin is tuple:
        if isinstance(value, list | tuple) and all(isinstance(each, parts[0]) for each in value):
            return tuple(value)
        raise TypeError(f'a list such as ["a", "b"], not {value!r}')
    if origin is not None:
        if isinstance(value, Mapping):
            return {name: _checked(each, parts[1]) for name, each in value.items()}
        raise TypeError(f"a table, not {value!r}")
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
        raise TypeError(f"{words[kind]}, not {value!r}")
    return value


def _origin(kind: Kind) -> object:
    """Return `tuple`, `Literal` or a mapping for such types, None for a plain one."""
    return get_origin(kind)


def _meant(name: str, known: tuple[str, ...]) -> str:
    import difflib  # noqa: PLC0415

    close = difflib.get_close_matches(name, known, 1, 0.6)
    return f"; perhaps {close[0]} is meant" if close else ""
