"""`sipscope report`: read capture files to the end, then print what is in them."""

import gc
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING

from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.capture.merge import FileSet
from sipscope.decode.text import display
from sipscope.engine import Engine
from sipscope.errors import SourceError
from sipscope.report.document import Document
from sipscope.report.progress import Progress
from sipscope.report.summary import print_summary

if TYPE_CHECKING:
    from sipscope.calls.filter import Filter

MAX_DIALOGS = 5_000_000
MAX_BYTES = 8 << 30
MAX_STREAMS = 1_000_000
FOUND = 3
"""Exit status when `--fail-if` matched."""


def report_files(
    paths: Sequence[str],
    form: str,
    expression: str,
    wanted: "Filter | None" = None,
    failing: "Filter | None" = None,
) -> int:
    """Analyze capture files and print a report on standard output.

    Args:
        paths: The files, `-` for standard input.
        form: `summary`, `json` or `ndjson`.
        expression: Capture filter, empty for none.
        wanted: Limits the dialogs of the report.
        failing: What must not be among them.

    Returns:
        The exit status: 1 when a file could not be read or was damaged, else 3 when
        something passes `failing`.
    """
    # The records of a report live to its end and hold no cycles: nothing to collect.
    gc.disable()
    capture_filter = None
    if expression:
        from sipscope.capture.filter import CaptureFilter  # noqa: PLC0415

        capture_filter = CaptureFilter(expression)
    sources, failures = _open(paths)
    # The summary does not show what Wireshark would.
    store = DialogStore(MAX_DIALOGS, MAX_BYTES, MAX_STREAMS, every_figure=form != "summary")
    engine = Engine(FileSet(sources), (), store, capture_filter=capture_filter)
    with Progress(sources, sys.stderr) as progress:
        engine.run(progress.show)
    failed = _select(engine, wanted, failing)
    if isinstance(sys.stdout, TextIOWrapper):  # signs that a terminal of 1990 does not have
        sys.stdout.reconfigure(errors="replace")
    document = Document(engine, failures)
    if form == "summary" and sources:
        print_summary(document, sys.stdout)
    elif form != "summary":
        document.write(sys.stdout, lines=form == "ndjson")
    engine.stop()
    sys.stdout.flush()
    damages = [f"{source.name} is {source.damaged}" for source in sources if source.damaged]
    for complaint in [*map(str, failures), *damages]:
        print(f"sipscope: {display(complaint)}", file=sys.stderr)
    if failures or damages:
        return 1
    return FOUND if failed else 0


def _select(engine: Engine, wanted: "Filter | None", failing: "Filter | None") -> bool:
    """Leave what is wanted; tell whether something among it is a reason to fail."""
    if not wanted and not failing:
        return False
    from sipscope.report.selection import any_passes, limit  # noqa: PLC0415

    if wanted:
        limit(engine.store, wanted, engine.now())
    return any_passes(engine.store, failing, engine.now()) if failing else False


def _open(paths: Sequence[str]) -> tuple[list[FileSource], list[SourceError]]:
    sources: list[FileSource] = []
    failures: list[SourceError] = []
    for path in paths:
        try:
            sources.append(FileSource(path, source=len(sources)))
        except SourceError as error:
            failures.append(error)
    return sources, failures
