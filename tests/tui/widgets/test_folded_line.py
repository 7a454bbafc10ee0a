import pytest

from sipscope.tui.widgets.folded_line import FoldedLine
from tests.tui.stage import Stage


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"OPTIONS": 311}, "⋯ 311 OPTIONS folded (-)"),
        ({"OPTIONS": 1311, "REGISTER": 40}, "⋯ 1,311 OPTIONS and 40 REGISTER folded (-)"),
        ({"A": 1, "B": 2, "C": 3}, "⋯ 1 A, 2 B and 3 C folded (-)"),
        ({}, "⋯ nothing folded (-)"),
    ],
)
async def test_it_counts_what_is_folded(counts: dict[str, int], words: str) -> None:
    line = FoldedLine("-")
    async with Stage(line).run_test(size=(60, 3)) as pilot:
        line.tell(counts, folds=True)
        await pilot.pause()
        assert line.display
        assert line.render_line(0).text.strip() == words


async def test_it_is_gone_when_nothing_is_to_be_folded() -> None:
    line = FoldedLine("-")
    async with Stage(line).run_test(size=(60, 3)):
        line.tell({}, folds=False)
        assert not line.display
