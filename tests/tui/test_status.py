from dataclasses import replace

import pytest
from rich.cells import cell_len

from sipscope.engine import SourceStatus, Status
from sipscope.tui.line_list import Span
from sipscope.tui.status import damages, source_name, status_spans
from tests.tui.frozen import FILE, LIVE, NOW

QUIET = Status((LIVE,), NOW, 872.4, 9000, 92.0, 41.4, 8712.0, 1204, 87, 12, 0, 0, 0, False)


def text(status: Status, width: int = 120, *, failed: bool = False) -> str:
    return "".join(span.text for span in status_spans(status, width, failed=failed))


def of(*sources: SourceStatus) -> Status:
    return replace(QUIET, sources=sources)


def style_of(words: str, spans: list[Span]) -> str:
    return next(span.style for span in spans if span.text == words)


def test_a_live_capture_tells_source_time_calls_rates_and_losses() -> None:
    assert " ".join(text(QUIET).split()) == (
        "sipscope eth0 00:14:32 1,204 calls 87 active 12 problems 41 SIP/s 8,712 RTP/s 0 lost"
    )


@pytest.mark.parametrize("width", [10, 20, 40, 60, 80, 100, 160, 300])
def test_the_line_is_as_wide_as_the_terminal(width: int) -> None:
    assert cell_len(text(QUIET, width)) == width


def test_eighty_cells_keep_what_matters_most() -> None:
    shown = text(QUIET, 80)
    for words in ("eth0", "1,204 calls", "87 active", "12 problems", "0 lost"):
        assert words in shown


def test_losses_are_the_last_to_go() -> None:
    assert text(replace(QUIET, lost=3), 12).strip() == "3 lost"


def test_a_loss_turns_the_line_red() -> None:
    assert {span.style for span in status_spans(replace(QUIET, lost=1), 80)} == {"alarm"}


def test_without_a_loss_only_problems_are_red() -> None:
    spans = status_spans(QUIET, 120)
    assert style_of("12 problems", spans) == "failed"
    assert style_of("0 lost", spans) == ""


def test_a_damaged_source_turns_the_line_red_and_is_explained() -> None:
    status = of(replace(FILE, damaged="ends within a packet"))
    assert {span.style for span in status_spans(status, 80)} == {"alarm"}
    assert "damaged" in text(status, 80)
    assert damages(status) == "call.pcap: ends within a packet"


def test_an_engine_that_failed_turns_the_line_red() -> None:
    assert "stopped" in text(QUIET, 80, failed=True)


def test_a_file_being_read_tells_how_far() -> None:
    shown = text(of(replace(FILE, progress=0.43)))
    assert "reading 43 %" in shown
    assert "92 packets/s" in shown
    assert "lost" not in shown


def test_a_file_that_was_read_tells_its_packets() -> None:
    shown = text(replace(of(FILE), finished=True))
    assert "9,000 packets" in shown
    assert "reading" not in shown


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"evicted": 5}, "5 evicted"),
        ({"malformed": 7}, "7 malformed"),
        ({"incomplete": 2}, "2 incomplete"),
        ({"sources": (replace(LIVE, truncated_packets=9),)}, "9 cut short"),
        ({"dialogs": 1}, "1 call "),
        ({"problems": 1}, "1 problem "),
    ],
)
def test_what_is_not_whole_is_said(changes: dict[str, object], words: str) -> None:
    assert words in text(replace(QUIET, **changes))  # type: ignore[arg-type]


def test_what_is_zero_is_not_counted() -> None:
    for words in ("evicted", "malformed", "incomplete", "cut short", "damaged"):
        assert words not in text(QUIET)


def test_many_files_are_counted() -> None:
    assert "3 files" in text(of(FILE, FILE, FILE))


def test_a_file_is_named_without_its_folder() -> None:
    assert source_name(replace(FILE, name="/var/spool/calls/a.pcap")) == "a.pcap"


def test_a_name_cannot_command_the_terminal() -> None:
    assert "\x1b" not in text(of(replace(FILE, name="\x1b]0;x\x07.pcap")))
