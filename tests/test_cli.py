"""The command line from outside: output, standard error and exit statuses."""

import json
import shlex
import signal
import subprocess
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from sipscope import __version__, cli
from sipscope.settings.model import Capture, Listen, Send, Settings
from tests.commands import CAPTURES, SIPSCOPE, environment, execute, run
from tests.report.contract import DOCUMENT, breaches

CALL = str(CAPTURES / "busy-486.pcap")


def test_a_summary_is_what_a_report_prints() -> None:
    done = run("report", CALL)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"486 Busy Here" in done.stdout


def test_json_is_one_document_and_nothing_else() -> None:
    done = run("report", "--json", CALL)
    assert (done.returncode, done.stderr) == (0, b"")
    assert breaches(DOCUMENT, json.loads(done.stdout)) == []


def test_ndjson_is_an_object_a_line() -> None:
    done = run("report", "--ndjson", str(CAPTURES / "call-udp.pcap"))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["type"] for line in lines] == ["dialog", "stream", "stream"]


def test_standard_input_is_a_file_called_dash() -> None:
    done = run("report", "--json", "-", input_bytes=Path(CALL).read_bytes())
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert report["capture"]["sources"][0]["name"] == "standard input"
    assert report["dialogs"][0]["state"] == "busy"


def test_a_capture_filter_is_an_option() -> None:
    done = run("report", "--json", "--bpf", "udp port 9", CALL)
    assert json.loads(done.stdout)["dialogs"] == []


def test_a_damaged_file_is_status_1_with_what_was_read(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(Path(CALL).read_bytes()[:-5])
    done = run("report", "--json", str(cut))
    assert done.returncode == 1
    assert json.loads(done.stdout)["dialogs"][0]["call_id"] == "busy-486-1@192.168.88.21"
    assert b"cut off in the middle of" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["report"], "Missing argument 'FILE...'. See sipscope --help."),
        (["report", "--no-such-option", CALL], "No such option: --no-such-option"),
        (["report", "--json", "--ndjson", CALL], "--json and --ndjson exclude each other"),
        (["report", "--bpf", "no such thing", CALL], "'no such thing' is not understood"),
        (["--demo", "-r", CALL], "--demo brings its own captures"),
        (["-w", "x.pcap", "-r", CALL], "-w records live packets"),
        (["--demo", "--hep", "9060"], "--demo brings its own captures"),
        (["--allow", "192.0.2.0/24"], "Nothing listens for what these options limit"),
        (["-r", CALL], "The screen needs a terminal"),
        (["-f", "/nowhere.toml", "-r", CALL], "There is no file /nowhere.toml"),
        (["settings", "rc"], "rc is not read. Add --import-sngreprc."),
    ],
)
def test_a_wrong_command_line_is_status_2_and_one_line(
    arguments: list[str], complaint: str
) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert complaint in done.stderr.decode()
    assert done.stderr.startswith(b"sipscope: ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_printed(option: str) -> None:
    done = run(option)
    assert (done.returncode, done.stdout.decode()) == (0, f"sipscope {__version__}\n")


@pytest.mark.parametrize("arguments", [["--help"], ["report", "--help"], ["view", "--help"]])
def test_help_is_no_error(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 0
    assert b"Usage: sipscope" in done.stdout


@pytest.mark.parametrize("form", ["", "--json", "--ndjson"])
def test_a_reader_that_has_enough_is_no_error(form: str) -> None:
    command = shlex.join([*SIPSCOPE, "report", *form.split(), str(CAPTURES / "call-udp.pcap")])
    done = execute(["bash", "-c", f"{command} | true; exit ${{PIPESTATUS[0]}}"])
    assert (done.returncode, done.stderr) == (0, b"")


def test_interrupting_is_status_130_without_a_traceback(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*SIPSCOPE, "report", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdin is not None
    process.stdin.write(Path(CALL).read_bytes())
    process.stdin.flush()
    waits_in = Path(f"/proc/{process.pid}/wchan")
    deadline = time.monotonic() + 5
    while "pipe" not in waits_in.read_text() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert out == b""


def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(text)
    monkeypatch.setenv("SIPSCOPE_CONFIG", str(path))
    return path


def test_settings_are_printed_as_toml_that_means_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own_settings(tmp_path, monkeypatch, '[list]\nsort = "mos"\n')
    done = run("settings")
    assert (done.returncode, done.stderr) == (0, b"")
    assert tomllib.loads(done.stdout.decode())["list"] == {"sort": "mos"}
    assert str(path) in done.stdout.decode()


def test_sngreps_settings_are_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = own_settings(tmp_path, monkeypatch, "")
    (tmp_path / "rc").write_text("set capture.limit 5\nset syntax on\n")
    done = run("settings", "--import-sngreprc", str(tmp_path / "rc"))
    assert done.returncode == 0
    assert b"no counterpart: set syntax on" in done.stdout
    assert tomllib.loads(path.read_text()) == {"capture": {"dialogs": 5}}


def test_what_is_wrong_with_the_settings_is_told_and_the_report_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own_settings(tmp_path, monkeypatch, "[list]\nsorrt = 1\n")
    done = run("report", "--json", CALL)
    assert done.returncode == 0
    assert json.loads(done.stdout)["dialogs"]
    complaint = f"sipscope: {path}: there is no list.sorrt; perhaps sort is meant\n"
    assert done.stderr.decode() == complaint


def test_settings_that_are_no_toml_are_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_settings(tmp_path, monkeypatch, "[list\n")
    done = run("report", CALL)
    assert done.returncode == 2
    assert b"is no TOML" in done.stderr


def test_the_agent_sends_where_the_settings_say_only_what_is_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_settings(tmp_path, monkeypatch, '[send]\nhep = ["udp://127.0.0.1:9"]\n')
    done = run("agent", "-r", CALL)
    assert done.returncode == 2
    assert b"An agent has to send somewhere" in done.stderr


def resolved(settings: Settings, files: bool = False, **given: dict[str, Any]) -> Settings:
    """Return the settings of a run with what a command line gives."""
    table: dict[str, dict[str, Any]] = {
        "capture": {"interfaces": ()},
        "listen": {"hep": (), "tzsp": ()},
        "send": {"hep": ()},
    }
    for section, values in given.items():
        table[section] |= values
    return cli._overridden(settings, table, files=files)


CHOSEN = Settings(
    capture=Capture(("eth0",), dialogs=7),
    listen=Listen(tzsp=("37008",)),
    send=Send(hep=("udp://homer:9060",)),
)


def test_without_a_source_the_settings_say_where_to_listen() -> None:
    assert resolved(CHOSEN) == CHOSEN
    assert resolved(Settings()).capture.interfaces == ("any",)
    listening = Settings(listen=Listen(hep=("9060",)))
    assert resolved(listening).capture.interfaces == ()


def test_a_source_of_the_command_line_goes_in_place_of_all_in_the_settings() -> None:
    read = resolved(CHOSEN, files=True)
    assert (read.capture.interfaces, read.listen.tzsp, read.send.hep) == ((), (), ())
    assert read.capture.dialogs == 7
    live = resolved(CHOSEN, capture={"interfaces": ("eth1",), "dialogs": 9})
    assert (live.capture.interfaces, live.capture.dialogs) == (("eth1",), 9)
    assert live.listen.tzsp == ()
    assert live.send == CHOSEN.send


def test_files_are_sent_only_when_the_command_line_says_so() -> None:
    sent = resolved(CHOSEN, files=True, send={"hep": ("udp://other:9060",)})
    assert sent.send.hep == ("udp://other:9060",)
