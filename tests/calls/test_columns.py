from dataclasses import replace

import pytest

from sipscope.calls.columns import (
    COLUMNS,
    Column,
    Severity,
    clock_text,
    duration_text,
    find_column,
    reason_text,
    search_text,
    severity,
    state_text,
)
from sipscope.calls.dialog import State
from sipscope.calls.dialog_table import Kind
from sipscope.calls.rows import CallRow
from sipscope.decode.address import Endpoint
from sipscope.rtpqos.streams import StreamTable
from tests.calls.filter.asking import answered, subject
from tests.calls.playbook import Playbook

PROXY = Endpoint(bytes((198, 51, 100, 5)), 5060)

ROW = CallRow(
    id=3,
    version=1,
    started=1_700_000_000_000_000_000,
    caller="1001",
    callee="+4930123456",
    method="INVITE",
    state=State.COMPLETED,
    messages=7,
    source="192.0.2.21:5060",
    destination="198.51.100.5:5060",
    duration_s=42.7,
    codec="PCMA",
    loss_percent=0.0,
    jitter_ms=1.25,
    mos=4.41,
    group=3,
    status=200,
    reason="OK",
    call_id="call-1",
)


def cell(column_id: str, row: CallRow = ROW) -> str:
    shown = answered()
    shown.__dict__["row"] = row
    return next(column.text(shown) for column in COLUMNS if column.id == column_id)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.0, "0:00"), (42.9, "0:42"), (190, "3:10"), (3790, "1:03:10")],
)
def test_durations_read_like_a_clock(seconds: float | None, text: str) -> None:
    assert duration_text(seconds) == text


def test_the_time_is_the_local_time_of_day() -> None:
    assert clock_text(ROW.started)[2::3] == "::"
    assert len(clock_text(ROW.started)) == 8


def test_figures_have_one_decimal() -> None:
    assert [cell(name) for name in ("loss", "jitter", "mos")] == ["0.0", "1.2", "4.4"]


@pytest.mark.parametrize("name", ["loss", "jitter", "mos", "duration", "codec"])
def test_unknown_is_an_empty_cell(name: str) -> None:
    unknown = replace(ROW, loss_percent=None, jitter_ms=None, mos=None, duration_s=None, codec="")
    assert cell(name, unknown) == ""


@pytest.mark.parametrize(
    ("state", "status", "text"),
    [
        (State.IN_CALL, 200, "in call"),
        (State.REJECTED, 488, "488 rejected"),
        (State.NO_ANSWER, 480, "480 no answer"),
        (State.NO_ANSWER, None, "no answer"),
        (State.COMPLETED, 200, "completed"),
    ],
)
def test_the_state_comes_with_the_code_that_explains_it(
    state: State, status: int | None, text: str
) -> None:
    assert state_text(replace(ROW, state=state, status=status)) == text


@pytest.mark.parametrize("state", list(State))
def test_every_state_fits_its_column(state: State) -> None:
    width = next(column.width for column in COLUMNS if column.id == "state")
    assert len(state_text(replace(ROW, state=state, status=480))) <= width


@pytest.mark.parametrize(
    ("state", "status", "text"),
    [
        (State.COMPLETED, 200, ""),
        (State.REJECTED, 488, "OK"),
        (State.FAILED, None, "no response"),
        (State.RINGING, None, ""),
    ],
)
def test_the_reason_is_told_where_something_went_no_further(
    state: State, status: int | None, text: str
) -> None:
    assert reason_text(replace(ROW, state=state, status=status)) == text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Severity.GOOD),
        ({"state": State.REJECTED}, Severity.FAILED),
        ({"state": State.BUSY}, Severity.DOUBTFUL),
        ({"state": State.IN_CALL}, Severity.PROGRESS),
        ({"state": State.CANCELLED}, Severity.OLD),
        ({"loss_percent": 0.9}, Severity.GOOD),
        ({"loss_percent": 1.0}, Severity.DOUBTFUL),
        ({"loss_percent": 5.0}, Severity.FAILED),
        ({"jitter_ms": 30.0}, Severity.DOUBTFUL),
        ({"jitter_ms": 150.0}, Severity.DOUBTFUL),
        ({"mos": 3.59}, Severity.DOUBTFUL),
        ({"mos": 3.09}, Severity.FAILED),
        ({"state": State.IN_CALL, "loss_percent": 2.0}, Severity.DOUBTFUL),
    ],
)
def test_the_worst_of_state_and_sound_decides(
    changes: dict[str, object], expected: Severity
) -> None:
    assert severity(replace(ROW, **changes)) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("index", "1"),
        ("date", "2023-11-14"),
        ("status", "200"),
        ("total", "0:14"),
        ("pdd", "0.1"),
        ("setup", "2.6"),
        ("call-id", "call-1"),
        ("transport", "UDP"),
        ("uri", "sip:2002@example.com"),
        ("user-agent", "Snom D785"),
        ("retransmissions", "0"),
        ("group", "1"),
        ("streams", "2"),
        ("r", "79.2"),
    ],
)
def test_other_columns_tell_more_of_a_call(column: str, text: str) -> None:
    subject = answered()
    found = find_column(column)
    assert found is not None
    assert found.text(subject) == text


@pytest.mark.parametrize("name", ["X-Account", "x-account", "X-ACCOUNT"])
def test_any_header_is_a_column(name: str) -> None:
    book = Playbook().invite().response(200, headers="X-Account: blue\r\n  sky\r\n")
    column = find_column(f"header.{name}")
    assert column is not None
    assert column.title.lower() == "x-account"
    assert column.text(subject(book.store)) == "blue sky"
    assert column.key(book.dialog, book.store.streams, book.now) == "blue sky"


def test_a_header_column_reads_compact_forms_but_not_the_body() -> None:
    book = Playbook().request("INVITE", headers="m: <sip:a@b>\r\n", body=b"\nSubject: no\r\n")
    shown = [find_column(f"header.{name}") for name in ("contact", "subject")]
    texts = [column.text(subject(book.store)) for column in shown if column is not None]
    assert texts == ["<sip:a@b>", ""]


@pytest.mark.parametrize("name", ["nonsense", "header.", "header.a b", "header.a:b", ""])
def test_what_can_be_no_column_is_none(name: str) -> None:
    assert find_column(name) is None


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.id)
def test_every_column_has_a_text_and_a_key_for_every_dialog(column: Column) -> None:
    asked = [answered(), subject(Playbook().invite().store), subject(Playbook().ringing().store)]
    for each in asked:
        assert each.dialog is not None
        assert column.text(each).isprintable()
        value = column.key(each.dialog, StreamTable(), 0)
        assert value is None or isinstance(value, (int, float)) == (column.kind is Kind.NUMBER)


@pytest.mark.parametrize("text", ["1001", "invite", "in call", "0:42", "pcma", "4.4", "200"])
def test_what_can_be_read_can_be_searched(text: str) -> None:
    assert text in search_text(replace(ROW, state=State.IN_CALL))
