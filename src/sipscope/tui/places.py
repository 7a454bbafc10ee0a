"""Where in the call list a person wants to be: a time, or a number."""

import re
import time
from collections.abc import Hashable

from sipscope.calls.filter.literals import moment
from sipscope.calls.view import CallView
from sipscope.errors import UsageError

_NUMBER = re.compile(r"#?([0-9]{1,15})")


class PlaceError(UsageError):
    """There is no such place."""


def find_place(text: str, view: CallView, row: Hashable | None, now: int) -> int:
    """Return the call to go to.

    Args:
        text: `14:03`, `14:03:22`, `2026-01-05`, `2026-01-05T14:03`, `1203` or `#1203`.
        view: The list.
        row: The call under the cursor; a time of day is one of its day.
        now: The time of the capture in ns.

    Raises:
        PlaceError: The text is no place, or nothing is there.
    """
    text = text.strip()
    if number := _NUMBER.fullmatch(text):
        wanted = int(number[1])
        if wanted not in view.ids:
            raise PlaceError(f"#{wanted} is not in the list", "The filter may hide it")
        return wanted
    found = moment(text)
    if found is None:
        raise PlaceError(f"{text} is no place", "Type a time as 14:03, or a number as #1203")
    begin = found.begin
    if found.daily:
        call = view.row(row, now) if isinstance(row, int) else None
        begin = _on_day(now if call is None else call.started, begin)
    place = view.at_time(begin)
    if place is None:
        raise PlaceError("The list is empty", "There is nowhere to go")
    return place


def _on_day(nanoseconds: int, seconds: int) -> int:
    """Return the time `seconds` after the local midnight of a day."""
    day = time.localtime(nanoseconds // 1_000_000_000)
    clock = (seconds // 3600, seconds // 60 % 60, seconds % 60)
    parts = (day.tm_year, day.tm_mon, day.tm_mday, *clock, 0, 0, -1)
    return int(time.mktime(parts)) * 1_000_000_000
