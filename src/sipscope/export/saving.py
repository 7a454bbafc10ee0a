"""Files that are whole or not there."""

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from sipscope.errors import SaveError

_ID = re.compile("[0-9]{1,10}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")
_LONGEST_PART = 24


class Course:
    """How far a save has come; another thread may look at it, and cancel it.

    Attributes:
        share: Of the work that is done, 0 to 1.
        cancelled: Set to end it.
    """

    def __init__(self) -> None:
        self.share = 0.0
        self.cancelled = False

    def at(self, share: float) -> None:
        """Take note of how far it has come.

        Raises:
            SaveError: It was cancelled.
        """
        self.share = max(self.share, min(share, 1.0))
        if self.cancelled:
            raise SaveError("The save was cancelled", "Nothing was left behind")


def proposed_name(*words: str | None) -> str:
    """Return words as a file name that is safe in every shell, without an ending.

    Args:
        words: Such as the caller and a time; what is None or empty is left out.
    """
    parts = (_UNSAFE.sub("_", word or "")[:_LONGEST_PART].strip("._-") for word in words)
    return "-".join(part for part in parts if part) or "calls"


@contextmanager
def saving(path: str, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Open a file that appears under its name when all of it is on the disk.

    Until then it is called `path`.part. What goes wrong while it is written removes it, and
    leaves a file that was there before as it was.

    Raises:
        SaveError: The file exists and `overwrite` is not set, or it cannot be written.
    """
    if os.path.isdir(path):
        raise SaveError(f"{path} is a directory", "Name a file in it")
    if os.path.lexists(path) and not overwrite:
        raise file_exists(path)
    part = f"{path}.part"
    try:
        descriptor = create(part)
    except FileExistsError as error:
        raise SaveError(
            f"{part} is there from another save", f"If none is running: rm {shlex.quote(part)}"
        ) from error
    except OSError as error:
        raise cannot_save(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        os.rename(part, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(part)
        if isinstance(error, OSError):
            raise cannot_save(path, error) from error
        raise
    _synchronise_directory(path)


def create(path: str) -> int:
    """Create a file for its owner alone, and return its descriptor.

    Under sudo the owner is who called sudo.

    Raises:
        OSError: It exists, be it as a symbolic link, or it cannot be created.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    user, group = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if os.geteuid() == 0 and _ID.fullmatch(user) and _ID.fullmatch(group):
        with suppress(OSError):
            os.fchown(descriptor, int(user), int(group))
    return descriptor


def file_exists(path: str) -> SaveError:
    """Return what to tell about a file that is not to be overwritten."""
    return SaveError(f"{path} exists already", "Choose another name, or overwrite it")


def cannot_save(path: str, error: OSError) -> SaveError:
    """Return what to tell about a file that cannot be written."""
    directory = os.path.dirname(path) or "."
    if isinstance(error, FileNotFoundError):
        return SaveError(f"There is no directory {directory}", "Make it, or choose another")
    if isinstance(error, PermissionError):
        return SaveError(f"{path} may not be written", "Choose a directory of your own")
    return SaveError(
        f"{path} cannot be written: {error.strerror}", f"See df {shlex.quote(directory)}"
    )


def _synchronise_directory(path: str) -> None:
    """Bring the new name to the disk, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
