import gc
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipscope.calls.filter import compile_filter
from sipscope.errors import FilterError
from sipscope.report.command import report_files
from tests.report.contract import DOCUMENT, breaches
from tests.report.reading import CAPTURES, capture
from tests.signalling import answered_call

CALL = str(CAPTURES / "busy-486.pcap")


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """A report switches the garbage collector off, and the process ends after it."""
    yield
    gc.enable()


def test_a_file_that_was_read_is_a_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_files([CALL], "json", "") == 0
    printed = capsys.readouterr()
    assert breaches(DOCUMENT, json.loads(printed.out)) == []
    assert printed.err == ""


def test_lines_are_objects(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_files([CALL], "ndjson", "") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["state"] == "busy"


def test_the_summary_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_files([CALL], "summary", "") == 0
    assert "486 Busy Here" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["json", "ndjson", "summary"])
def test_a_damaged_file_is_reported_as_far_as_it_goes(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = capture(tmp_path / "cut.pcap", answered_call())
    path.write_bytes(path.read_bytes()[:-10])
    assert report_files([str(path)], form, "") == 1
    printed = capsys.readouterr()
    assert "call-1" in printed.out or "completed" in printed.out
    assert printed.err.startswith(f"sipscope: {path} is cut off in the middle of packet 7")
    assert printed.err.count("\n") == 1


def test_a_file_that_is_not_there_does_not_stop_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert report_files(["/nowhere.pcap", CALL], "json", "") == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["dialogs"][0]["state"] == "busy"
    assert printed.err == "sipscope: There is no file /nowhere.pcap. Check its name.\n"


def test_without_any_file_that_can_be_read_json_is_still_a_document(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert report_files(["/nowhere.pcap"], "json", "") == 1
    report = json.loads(capsys.readouterr().out)
    assert breaches(DOCUMENT, report) == []
    assert report["capture"]["sources"] == []


def test_without_any_file_that_can_be_read_there_is_no_summary(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert report_files(["/nowhere.pcap"], "summary", "") == 1
    assert capsys.readouterr().out == ""


def test_a_hostile_file_name_does_not_reach_the_terminal_raw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report_files([str(tmp_path / "\x1b[2J")], "summary", "") == 1
    assert capsys.readouterr().err.strip("\n").isprintable()


def test_a_capture_filter_chooses_packets(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_files([CALL], "json", "host 192.0.2.99") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["dialogs"] == []
    assert report["capture"]["sources"][0]["packets"] == 7


def test_a_wrong_filter_is_told_before_anything_is_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(FilterError):
        report_files([CALL], "json", "no such thing")
    assert capsys.readouterr().out == ""


def test_signs_that_the_terminal_does_not_know_are_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, "ascii"))
    assert report_files([str(CAPTURES / "call-udp.pcap")], "summary", "") == 0
    assert b" ? " in raw.getvalue()


@pytest.mark.parametrize(
    ("wanted", "failing", "status", "dialogs"),
    [
        ("state = busy", "", 0, 1),
        ("state = completed", "", 0, 0),
        ("", "state = busy", 3, 1),
        ("", "mos < 3.5", 0, 1),
        ("state = completed", "state = busy", 0, 0),
    ],
)
def test_filters_limit_the_report_and_decide_on_the_exit_status(
    wanted: str,
    failing: str,
    status: int,
    dialogs: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    limits, reasons = compile_filter(wanted), compile_filter(failing)
    assert report_files([CALL], "ndjson", "", limits, reasons) == status
    assert capsys.readouterr().out.count('"type": "dialog"') == dialogs
