"""Where columns stand on a screen of some width."""

from functools import lru_cache
from typing import NamedTuple

from sipscope.calls.columns import USUAL, Column, find_column


class Placed(NamedTuple):
    """A column on the screen.

    Attributes:
        column: Which.
        start: Its first cell.
        width: Its cells.
    """

    column: Column
    start: int
    width: int


@lru_cache(maxsize=64)
def place(
    width: int,
    gutter: int,
    chosen: tuple[str, ...] = (),
    widths: tuple[tuple[str, int], ...] = (),
    skip: int = 0,
) -> tuple[Placed, ...]:
    """Return the columns that fit `width` cells, after `gutter` cells, one cell apart.

    What room remains is shared by those that can use it. Values decide nothing, so that
    columns never jump.

    Args:
        width: Of the screen.
        gutter: Cells before the first column.
        chosen: Ids of columns in the order of the person; without any, the most important
            ones are shown, and the others are on their right.
        widths: Cells of columns whose width is fixed.
        skip: How many columns are left of the screen.
    """
    fixed = {name: max(1, cells) for name, cells in widths}
    columns = _arranged(width - gutter + 1, chosen, fixed)[skip:]
    room = width - gutter + 1
    shown: list[Column] = []
    cells: list[int] = []
    for column in columns:
        need = fixed.get(column.id, column.width)
        if not shown and (chosen or skip):
            need = max(0, min(need, room - 1))
        if not need or need + 1 > room:
            break
        shown.append(column)
        cells.append(need)
        room -= need + 1
    while room > 0 and shown:
        want = [
            0 if column.id in fixed else column.most - taken
            for column, taken in zip(shown, cells, strict=True)
        ]
        if max(want) <= 0:
            break
        cells[want.index(max(want))] += 1
        room -= 1
    placed = []
    start = gutter
    for column, taken in zip(shown, cells, strict=True):
        placed.append(Placed(column, start, taken))
        start += taken + 1
    return tuple(placed)


def _arranged(room: int, chosen: tuple[str, ...], fixed: dict[str, int]) -> list[Column]:
    """Return all columns from left to right, those off the screen too."""
    if chosen:
        return [column for name in chosen if (column := find_column(name)) is not None]
    fitting: set[str] = set()
    for column in sorted(USUAL, key=lambda column: column.importance or 0):
        need = fixed.get(column.id, column.width) + 1
        if need > room:
            break
        fitting.add(column.id)
        room -= need
    return sorted(USUAL, key=lambda column: column.id not in fitting)
