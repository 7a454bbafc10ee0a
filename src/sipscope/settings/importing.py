"""`sipscope settings --import-sngreprc`: sngrep's settings into ours."""

import os
from pathlib import Path
from typing import TextIO

from sipscope.decode.text import display
from sipscope.settings.editing import save_settings
from sipscope.settings.loading import SettingsError
from sipscope.settings.paths import settings_file, sngreprc_files
from sipscope.settings.sngreprc import read_sngreprc

MAX_BYTES = 1 << 20


def import_from_sngrep(file: str, stream: TextIO) -> int:
    """Write what sngrep's settings mean into the person's settings file, and tell of it.

    Args:
        file: A settings file of sngrep; empty for those that it reads.
        stream: Gets a line for each setting, and for each line without a counterpart.

    Returns:
        The exit status.

    Raises:
        SettingsError: There is none, or it cannot be read, or ours cannot be written.
    """
    paths = [Path(os.path.expanduser(file))] if file else sngreprc_files()
    if not paths:
        raise SettingsError("sngrep has no settings here", "Name its file: --import-sngreprc FILE")
    imported = read_sngreprc("\n".join(map(_text, paths)))
    target = settings_file()
    if imported.table:
        save_settings(target, imported.table)
    for section, values in imported.table.items():
        for name, value in values.items():
            stream.write(f"{section}.{display(f'{name} = {value!r}')}\n")
    for line in imported.left:
        stream.write(f"no counterpart: {display(line)}\n")
    count = sum(map(len, imported.table.values()))
    stream.write(f"{count} settings written to {target}, {len(imported.left)} lines left\n")
    return 0


def _text(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}", "Name another file"
        ) from None
