"""JSON from the network: an object, or nothing, and numbers however they were written."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

MAX_OBJECT: Final = 65_536
MAX_ITEMS: Final = 256
MAX_DEPTH: Final = 8
MAX_TEXT: Final = 1_024

Figures = dict[str, float | str]
"""Plain values by name."""

_NUMBER = re.compile(r"-?[0-9]{1,20}")
_HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]{1,16}")


def json_object(payload: bytes) -> dict[str, Any] | None:
    """Return the object that `payload` is, None for anything else."""
    if len(payload) > MAX_OBJECT or payload.lstrip()[:1] != b"{":
        return None
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):  # no JSON, no UTF-8, too long a number, too deep
        return None
    return found if isinstance(found, dict) else None


def whole_number(value: object) -> int | None:
    """Return a number, also one that came as text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else None
    if isinstance(value, str):
        if _NUMBER.fullmatch(value):
            return int(value)
        if _HEXADECIMAL.fullmatch(value):
            return int(value, 16)
    return None


def flattened(found: dict[str, Any]) -> Figures:
    """Return the plain values of an object, those within others as `outer.inner`, bounded."""
    figures: Figures = {}
    for name, value in _values("", found, 0):
        if len(figures) >= MAX_ITEMS:
            break
        figures[_text(name)] = _text(value) if isinstance(value, str) else value
    return figures


def _text(value: str) -> str:
    """Return text that can be written: half a surrogate pair cannot."""
    return value[:MAX_TEXT].encode("utf-8", "replace").decode()


def _values(prefix: str, value: object, depth: int) -> Iterator[tuple[str, float | str]]:
    if isinstance(value, dict | list):
        if depth >= MAX_DEPTH:
            return
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in items:
            yield from _values(f"{prefix}.{name}" if prefix else str(name), inner, depth + 1)
    elif isinstance(value, str) or (isinstance(value, int | float) and math.isfinite(value)):
        yield prefix, value
