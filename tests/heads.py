"""Heads of messages that stand one behind the other."""

from collections.abc import Sequence

import numpy as np

from sipscope.decode.sip import Head
from sipscope.decode.sip_heads import Heads, read_heads


def heads_of(raws: Sequence[bytes], between: bytes = b"") -> Heads:
    """The heads of messages one behind the other, and something between them."""
    length = np.array([len(raw) for raw in raws], np.int64)
    end = np.cumsum(length + len(between))
    begin = end - length
    return read_heads(b"".join(between + raw for raw in raws), begin, end)


def rows(raws: Sequence[bytes]) -> list[Head | None]:
    """The same, each for itself; junk between the messages changes nothing."""
    heads = heads_of(raws)
    assert heads_of(raws, b"\r\n\r\nVia: x\nTo") == heads
    fields = zip(*heads[: len(Head._fields)], strict=True)
    found: list[Head | None] = list(map(Head._make, fields))
    for index in heads.others:
        found[index] = None
    return found
