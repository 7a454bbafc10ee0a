"""Text to read in which changed words stand out."""

from typing import ClassVar

from sipscope.tui.widgets.text_view import TextView

CHANGED = "changed"
"""The style of what differs."""


class ChangedText(TextView):
    """Text with changed words, told by more than their colour."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line--{CHANGED}"}

    DEFAULT_CSS = """
    ChangedText {
        & > .line--changed { color: $warning; text-style: bold underline; }
        &:ansi > .line--changed { text-style: bold underline; }
        &:nocolor > .line--changed { text-style: bold underline; }
    }
    """
