"""The line on top of every screen: what is captured, how fast, and whether anything was lost."""

from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from textual.geometry import Region
from textual.strip import Strip

from sipscope.decode.text import display
from sipscope.tui import REFRESH_S
from sipscope.tui.line_list import Span, StyledLines, changed_cells, fit
from sipscope.tui.visibility import is_seen

if TYPE_CHECKING:
    from sipscope.engine import Engine, SourceStatus, Status

_SOURCE_CELLS = 28
_NAMED_SOURCES = 2
_PART_GAP = 2
_GROUP_GAP = 3


class Part(NamedTuple):
    """A few words of the status line.

    Attributes:
        text: The words.
        importance: Parts with the greatest are left out first.
        style: See `line_list.STYLES`.
    """

    text: str
    importance: int
    style: str = ""


class StatusLine(StyledLines):
    """What the engine does, in one line.

    Args:
        engine: Whose status is shown.
    """

    DEFAULT_CSS = """
    StatusLine { height: 1; width: 1fr; background: $bar; color: $foreground; }
    """

    def __init__(self, engine: "Engine") -> None:
        super().__init__()
        self._engine = engine
        self._spans: list[Span] = []
        self._shown = Strip.blank(0)

    def on_mount(self) -> None:
        """Look at the engine from now on."""
        self.update()
        self.set_interval(REFRESH_S, self.update)

    def on_resize(self) -> None:
        """Fit the new width."""
        self.update()

    def update(self) -> None:
        """Show the engine's status as it is now."""
        if not self.size.width or not is_seen(self.screen):
            return
        failed = self._engine.failure is not None
        spans = status_spans(self._engine.status(), self.size.width, failed=failed)
        if spans != self._spans:
            self._spans = spans
            begin, end = changed_cells(self._shown, self.strip(spans))
            self.refresh(Region(begin, 0, end - begin, 1))

    def render_line(self, y: int) -> Strip:
        """Return the line."""
        self._shown = self.strip(self._spans)
        return self._shown


def status_spans(status: "Status", width: int, *, failed: bool = False) -> list[Span]:
    """Return the status line in `width` cells: the parts that fit, in three groups.

    Args:
        status: Of the engine.
        width: Of the terminal.
        failed: Whether the engine has stopped by an internal error.
    """
    groups = [
        _who(status),
        [
            Part(f"{status.dialogs:,} {'call' if status.dialogs == 1 else 'calls'}", 2),
            Part(f"{status.active:,} active", 5, "progress" if status.active else ""),
            Part(
                f"{status.problems:,} {'problem' if status.problems == 1 else 'problems'}",
                3,
                "failed" if status.problems else "",
            ),
        ],
        [*_progress(status), *_losses(status), *[Part("stopped", 0)] * failed],
    ]
    alarm = failed or bool(status.lost) or any(source.damaged for source in status.sources)
    while _width(groups) > width and sum(map(len, groups)) > 1:
        dropped = max((part for group in groups for part in group), key=lambda p: p.importance)
        groups = [[part for part in group if part is not dropped] for group in groups]
    spans = _laid_out([group for group in groups if group], width)
    return [Span(span.text, "alarm") for span in spans] if alarm else spans


def damages(status: "Status") -> str:
    """Return what is wrong with the sources in words, empty when nothing is."""
    return "  ".join(
        f"{source_name(source)}: {display(source.damaged)}"
        for source in status.sources
        if source.damaged
    )


def source_name(source: "SourceStatus") -> str:
    """Return the short name of a source, a file without its folder."""
    name = PurePath(source.name).name if source.kind == "file" else source.name
    return display(name or source.name)


def _who(status: "Status") -> list[Part]:
    sources = status.sources
    if all(source.kind == "replay" for source in sources):
        names = "demo"
    elif len(sources) <= _NAMED_SOURCES:
        names = ", ".join(source_name(source) for source in sources)
    else:
        names = f"{len(sources)} sources" if _live(status) else f"{len(sources)} files"
    if cell_len(names) > _SOURCE_CELLS:
        names = fit(names, _SOURCE_CELLS)
    who = [Part("sipscope", 9, "strong"), Part(names, 4, "strong")]
    if not _live(status):
        return who
    hours, seconds = divmod(int(status.elapsed_s), 3600)
    return [*who, Part(f"{hours:02}:{seconds // 60:02}:{seconds % 60:02}", 6)]


def _live(status: "Status") -> bool:
    return any(source.kind != "file" for source in status.sources)


def _progress(status: "Status") -> list[Part]:
    if _live(status):
        return [
            Part(f"{status.sip_rate:,.0f} SIP/s", 7),
            Part(f"{status.rtp_rate:,.0f} RTP/s", 8),
            Part(f"{status.lost:,} lost", 0),
        ]
    shares = [source.progress for source in status.sources if source.progress is not None]
    if status.finished or not shares:
        lost = [Part(f"{status.lost:,} lost", 0)] if status.lost else []
        return [Part(f"{status.packets:,} packets", 7), *lost]
    return [
        Part(f"reading {100 * sum(shares) / len(shares):.0f} %", 1, "progress"),
        Part(f"{status.packets:,} packets", 7),
        Part(f"{status.packet_rate:,.0f} packets/s", 8),
    ]


def _losses(status: "Status") -> list[Part]:
    """Return the parts that are there only when there is something to say."""
    truncated = sum(source.truncated_packets for source in status.sources)
    parts = []
    if any(source.damaged for source in status.sources):
        parts.append(Part("damaged", 0))
    if status.evicted:
        parts.append(Part(f"{status.evicted:,} evicted", 4, "doubtful"))
    if truncated:
        parts.append(Part(f"{truncated:,} cut short", 5, "doubtful"))
    if status.incomplete:
        parts.append(Part(f"{status.incomplete:,} incomplete", 5, "doubtful"))
    if status.malformed:
        parts.append(Part(f"{status.malformed:,} malformed", 6, "doubtful"))
    return parts


def _width(groups: list[list[Part]]) -> int:
    shown = [group for group in groups if group]
    words = sum(cell_len(part.text) for group in shown for part in group)
    gaps = sum(_PART_GAP * (len(group) - 1) for group in shown) + _GROUP_GAP * (len(shown) - 1)
    return words + gaps + 2


def _laid_out(groups: list[list[Part]], width: int) -> list[Span]:
    spare = max(0, width - _width(groups))
    spans = [Span(" ")]
    for place, group in enumerate(groups):
        if place:
            share = spare // (len(groups) - place)
            spare -= share
            spans.append(Span(" " * (_GROUP_GAP + share)))
        for number, part in enumerate(group):
            spans.append(Span(" " * _PART_GAP * bool(number)))
            spans.append(Span(part.text, part.style))
    used = sum(cell_len(span.text) for span in spans)
    return [*spans, Span(" " * max(0, width - used))]
