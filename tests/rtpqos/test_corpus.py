"""Every RTP stream of the public captures has the figures that tshark 4.0 prints."""

import csv
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.capture.merge import FileSet
from sipscope.engine import Engine
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.packets import PROBATION

PROJECT = Path(__file__).parents[2]
CORPUS = PROJECT.parent / "shared" / "corpus"
EXCEPTIONS = PROJECT / "docs" / "rtp-corpus.md"
AT_ONCE = 2

_ROW = re.compile(
    r"^ *[0-9.]+ +[0-9.]+ +(\S+) +([0-9]+) +(\S+) +([0-9]+) 0x([0-9A-F]{8}) +.*?"
    r" ([0-9]+) +(-?[0-9]+) \((-?[0-9.]+)%\)((?: +-?[0-9]+\.[0-9]{3}){6}) +(X?)\s*",
)

Key = tuple[str, str, str, str, str]
"""Addresses and ports of both ends, and SSRC."""


class Line(NamedTuple):
    """What is printed of a stream.

    `counts` are packets, lost, and whether there is a problem; `figures` the lost percent,
    and least, mean and greatest delta and jitter.
    """

    counts: tuple[int, int, bool]
    figures: tuple[float, ...]


Lines = dict[Key, Line]

HALF_DIGITS = 0.05, *[0.0005] * 6


def tshark_version() -> str:
    if shutil.which("tshark") is None:
        return ""
    done = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"TShark \(Wireshark\) ([0-9]+\.[0-9]+)\.", done.stdout)
    return found[1] if found else ""


needs_peers = pytest.mark.skipif(
    not CORPUS.is_dir() or tshark_version() != "4.0",
    reason="needs the corpus of public captures and tshark 4.0",
)


@cache
def manifest() -> dict[str, bool]:
    """The captures with RTP for tshark, and whether its heuristic is needed for it."""
    if not CORPUS.is_dir():
        return {}
    with (CORPUS / "MANIFEST.tsv").open() as file:
        return {
            row["path"]: row["rtp_streams"] == "0"
            for row in csv.DictReader(file, delimiter="\t")
            if re.fullmatch("[1-9][0-9]*", row["rtp_streams"])
            or re.fullmatch("[1-9][0-9]*", row["rtp_streams_heuristic"])
        }


def tshark_lines(path: str) -> Lines:
    """What tshark prints of the streams of a capture."""
    heuristic = ["--enable-heuristic", "rtp_udp"] if manifest()[path] else []
    done = subprocess.run(
        ["tshark", "-n", "-r", str(CORPUS / path), *heuristic, "-q", "-z", "rtp,streams"],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
    )
    lines: Lines = {}
    for text in done.stdout.split("\n"):
        row = _ROW.fullmatch(text)
        if row is not None:
            *key, packets, lost, percent, times, problem = row.groups()
            # Of two lines with the same ends the first is the newer one.
            lines.setdefault(
                (key[0], key[1], key[2], key[3], key[4]),
                Line(
                    (int(packets), int(lost), problem == "X"),
                    (float(percent), *map(float, times.split())),
                ),
            )
    return lines


def our_lines(path: str) -> Lines:
    engine = Engine(FileSet([FileSource(str(CORPUS / path))]), (), DialogStore())
    engine.run()
    streams = engine.store.streams
    figures = [streams.figures(stream_id) for stream_id in streams.ids()]
    engine.stop()
    return {key_of(one): line_of(one) for one in figures}


def key_of(figures: StreamFigures) -> Key:
    source, destination = figures.flow.source, figures.flow.destination
    return (
        source.host,
        str(source.port),
        destination.host,
        str(destination.port),
        f"{figures.ssrc:08X}",
    )


def line_of(figures: StreamFigures) -> Line:
    shown = figures.wireshark
    assert shown is not None
    return Line(
        (figures.packets, shown.lost, shown.problem),
        (
            shown.loss_percent,
            *(shown.delta_min_ms, shown.delta_mean_ms, shown.delta_max_ms),
            *(shown.jitter_min_ms, shown.jitter_mean_ms, shown.jitter_max_ms),
        ),
    )


def agrees(printed: Line, ours: Line) -> bool:
    """Whether our figures are those printed; what lies between two digits may be either."""
    return printed.counts == ours.counts and all(
        abs(theirs - mine) <= half + 1e-6
        for theirs, mine, half in zip(printed.figures, ours.figures, HALF_DIGITS, strict=True)
    )


def exceptions() -> dict[str, tuple[int, int]]:
    """How many streams of each capture in the table are not listed, and how many differ."""
    row = re.compile(r"^\| (\S+) \| ([0-9]+) \| ([0-9]+) \| .{10,} \|$", re.M)
    text = EXCEPTIONS.read_text()
    return {path: (int(missing), int(other)) for path, missing, other in row.findall(text)}


@pytest.fixture(scope="module")
def printed() -> dict[str, Lines]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(manifest(), pool.map(tshark_lines, manifest()), strict=True))


@needs_peers
@pytest.mark.timeout(300)
def test_every_stream_of_tshark_has_its_figures_but_for_the_documented_exceptions(
    printed: dict[str, Lines],
) -> None:
    found: dict[str, tuple[int, int]] = {}
    for path, lines in printed.items():
        ours = our_lines(path)
        missing = [line.counts[0] for key, line in lines.items() if key not in ours]
        assert max(missing, default=0) < PROBATION, path
        other = sum(key in ours and not agrees(line, ours[key]) for key, line in lines.items())
        if missing or other:
            found[path] = len(missing), other
    assert found == exceptions()
    assert sum(map(len, printed.values())) - sum(map(sum, found.values())) > 200


@needs_peers
def test_every_documented_exception_is_in_the_manifest() -> None:
    assert exceptions().keys() <= manifest().keys()
