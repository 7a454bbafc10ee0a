"""An application with one widget, in our colours."""

from typing import Generic, TypeVar

from textual.app import App, ComposeResult
from textual.widget import Widget

from sipscope.tui.themes import DARK, VARIABLES

Shown = TypeVar("Shown", bound=Widget)


class Stage(App[None], Generic[Shown]):
    """Shows one widget on the whole screen."""

    def __init__(self, widget: Shown) -> None:
        super().__init__()
        self.widget = widget
        self.register_theme(DARK)
        self.theme = DARK.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(VARIABLES)

    def compose(self) -> ComposeResult:
        yield self.widget

    def on_mount(self) -> None:
        self.widget.focus()
