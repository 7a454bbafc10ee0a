"""Every public capture gives the counts of the manifest, or a documented reason why not."""

import csv
import io
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.capture.merge import FileSet
from sipscope.engine import Engine
from sipscope.errors import SourceError
from sipscope.report.document import Document

PROJECT = Path(__file__).parents[1]
CORPUS = PROJECT.parent / "shared" / "corpus"
EXCEPTIONS = PROJECT / "docs" / "corpus.md"
MOST_SECONDS = 10

pytestmark = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the corpus of public captures is not there"
)

Counts = tuple[int, int, int]
"""SIP messages, Call-IDs, RTP streams of dialogs."""


def report(path: Path) -> dict[str, Any]:
    engine = Engine(FileSet([FileSource(str(path))]), (), DialogStore())
    engine.run()
    text = io.StringIO()
    Document(engine).write(text, lines=False)
    engine.stop()
    document: dict[str, Any] = json.loads(text.getvalue())
    return document


def counts(document: dict[str, Any]) -> Counts:
    return (
        document["capture"]["sip_messages"],
        len({dialog["call_id"] for dialog in document["dialogs"]}),
        sum(stream["call_id"] is not None for stream in document["streams"]),
    )


def manifest() -> dict[str, Counts]:
    with (CORPUS / "MANIFEST.tsv").open() as file:
        return {
            row["path"]: (
                number(row["sip_msgs"]),
                number(row["call_ids"]),
                number(row["rtp_streams"]),
            )
            for row in csv.DictReader(file, delimiter="\t")
            if row["path"] != "path"
        }


def number(cell: str) -> int:
    return int(cell) if re.fullmatch("[0-9]+", cell) else 0


def exceptions() -> dict[str, tuple[Counts, Counts]]:
    """Return what the manifest and what sipscope says, for each capture of the table."""
    row = re.compile(r"^\| (\S+) \| (\d+)/(\d+)/(\d+) \| (\d+)/(\d+)/(\d+) \| .{10,} \|$", re.M)
    return {
        path: ((int(a), int(b), int(c)), (int(d), int(e), int(f)))
        for path, a, b, c, d, e, f in row.findall(EXCEPTIONS.read_text())
    }


def folders() -> list[str]:
    return (
        sorted(path.name for path in CORPUS.iterdir() if path.is_dir()) if CORPUS.is_dir() else []
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("folder", [name for name in folders() if name != "torture"])
def test_counts_equal_the_manifest_but_for_the_documented_exceptions(folder: str) -> None:
    documented = exceptions()
    different: dict[str, tuple[Counts, Counts]] = {}
    for path, expected in manifest().items():
        if not path.startswith(f"{folder}/"):
            continue
        began = time.process_time()
        try:
            found = counts(report(CORPUS / path))
        except SourceError:
            found = (0, 0, 0)
        assert time.process_time() - began < MOST_SECONDS, path
        if found != expected:
            different[path] = (expected, found)
    assert different == {
        path: both for path, both in documented.items() if path.startswith(f"{folder}/")
    }


def test_every_documented_exception_is_in_the_manifest() -> None:
    assert len(exceptions()) >= 10
    assert exceptions().keys() <= manifest().keys()
