"""Names of addresses and comments on packets, as pcapng keeps them (draft-ietf-opsawg-pcapng)."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sipscope.decode.batch import Frame

NAME_RESOLUTION: Final = 4
MAX_TEXT: Final = 4_096
_COMMENT: Final = 1
_RECORDS: Final = {4: 1, 16: 2}  # by the length of the address
_END: Final = bytes(4)


@dataclass(frozen=True, slots=True)
class Annotations:
    """What a capture file tells beside its packets.

    Attributes:
        names: Of addresses in network order.
        comments: Of frames.
    """

    names: Mapping[bytes, str] = field(default_factory=dict)
    comments: Mapping[Frame, str] = field(default_factory=dict)


def name_records(names: Mapping[bytes, str]) -> bytes:
    """Return the body of a name resolution block."""
    records = b"".join(
        _tagged(_RECORDS[len(address)], address + _text(name) + b"\0")
        for address, name in names.items()
        if len(address) in _RECORDS
    )
    return records + _END


def comment_option(comment: str) -> bytes:
    """Return the options of a block: a comment and the end."""
    return _tagged(_COMMENT, _text(comment)) + _END


def _text(text: str) -> bytes:
    return text.replace("\0", "").encode("utf-8", "replace")[:MAX_TEXT]


def _tagged(kind: int, value: bytes) -> bytes:
    return struct.pack("<HH", kind, len(value)) + value + bytes(-len(value) % 4)
