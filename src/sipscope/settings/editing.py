"""Saving settings into the person's file: comments, order and all other lines stay."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sipscope.settings.loading import SettingsError
from sipscope.settings.replacement import replace_file


def save_settings(path: Path, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Write settings into a file, which is made when it is not there.

    Args:
        path: The settings file; a symbolic link is followed, its target replaced at once.
        changes: Section, name and value; a value of None takes the line out.

    Raises:
        SettingsError: The file is no TOML or cannot be written; it is as it was.
    """
    import tomlkit  # noqa: PLC0415  # it takes long to load, and is seldom needed
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415

    try:
        target = path.resolve()
        document = tomlkit.parse(target.read_text() if target.exists() else "")
        for section, values in changes.items():
            table = document.setdefault(section, tomlkit.table())
            for name, value in values.items():
                key = next((k for k in table if k.replace("-", "_") == name), name)
                if value is None:
                    table.pop(key, None)
                else:
                    table[key] = list(value) if isinstance(value, tuple) else value
        replace_file(target, tomlkit.dumps(document))
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written: {error.strerror}", "Check its rights, and the disk"
        ) from None
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no TOML: {error}", "Mend that line") from None
