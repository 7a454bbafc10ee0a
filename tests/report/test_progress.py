import io

import pytest

from sipscope.capture.file import FileSource
from sipscope.report.progress import Progress
from tests.report.reading import CAPTURES


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in s; tests set its only entry."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def source() -> FileSource:
    return FileSource(str(CAPTURES / "call-udp.pcap"))


def test_a_long_reading_is_told_and_the_line_erased(clock: list[float], source: FileSource) -> None:
    terminal = Terminal()
    while source.read() is not None:
        pass
    with Progress([source], terminal) as line:
        clock[0] += 2
        line.show()
        assert terminal.getvalue() == "\r\x1b[K100 %   1,211 packets   606/s"
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_short_reading_is_not_worth_a_word(clock: list[float], source: FileSource) -> None:
    terminal = Terminal()
    with Progress([source], terminal) as line:
        clock[0] += 0.4
        line.show()
    assert terminal.getvalue() == ""


def test_the_line_changes_a_few_times_a_second(clock: list[float], source: FileSource) -> None:
    terminal = Terminal()
    with Progress([source], terminal) as line:
        for _ in range(200):
            clock[0] += 0.01
            line.show()
    assert 5 <= terminal.getvalue().count("packets") <= 10


def test_nothing_is_told_to_what_is_no_terminal(clock: list[float], source: FileSource) -> None:
    log = io.StringIO()
    with Progress([source], log) as line:
        clock[0] += 10
        line.show()
    assert log.getvalue() == ""
