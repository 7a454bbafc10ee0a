"""Text in which changed words stand out."""

from sipscope.tui.line_list import Span
from sipscope.tui.widgets.changed_text import CHANGED, ChangedText
from tests.tui.stage import Stage


async def test_changed_words_are_told_by_more_than_their_colour() -> None:
    text = ChangedText()
    app = Stage(text)
    async with app.run_test(size=(20, 3)) as pilot:
        text.show(lambda width: [(Span("same "), Span("other", CHANGED))])
        await pilot.pause()
        underlined = [
            segment.text
            for segment in text.render_line(0)
            if segment.style and segment.style.underline
        ]
        assert underlined == ["other"]
