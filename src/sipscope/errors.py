"""The error family: what can go wrong for a person, and what was wrong in a message.

A `SipscopeError` is for the person at the terminal: one sentence, the remedy, an exit
status. A `Problem` is for the program: bad bytes from the network are data, never
exceptions.
"""

from typing import ClassVar, NamedTuple


class SipscopeError(Exception):
    """Something that the person has to know and can mend.

    Args:
        message: What is wrong, one sentence without a full stop at the end.
        remedy: What to do about it, one sentence.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}."


class UsageError(SipscopeError):
    """A command line that cannot be carried out as it stands."""

    exit_status = 2


class FilterError(UsageError):
    """A capture filter that libpcap does not take."""


class SourceError(SipscopeError):
    """A source of packets that cannot be opened."""


class SaveError(SipscopeError):
    """A file that cannot be written."""


class Problem(NamedTuple):
    """Something wrong in bytes from the network, kept beside what could be read.

    Attributes:
        code: Short stable name, such as `sip.content-length`.
        text: What is wrong, in the words of the field.
        offset: Where in the message or frame, in bytes.
    """

    code: str
    text: str
    offset: int
