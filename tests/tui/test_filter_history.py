from pathlib import Path

from sipscope.tui.filter_history import MOST, FilterHistory


def test_filters_are_remembered_in_a_file_the_last_one_last(tmp_path: Path) -> None:
    path = tmp_path / "state" / "filters"
    history = FilterHistory(path)
    for text in ("busy", "mos < 3", " busy ", ""):
        history.add(text)
    assert FilterHistory(path).filters == ["mos < 3", "busy"]


def test_only_so_many_are_kept(tmp_path: Path) -> None:
    history = FilterHistory(tmp_path / "filters")
    for number in range(MOST + 5):
        history.add(str(number))
    assert history.filters == [str(number) for number in range(5, MOST + 5)]


def test_a_file_that_cannot_be_written_costs_only_the_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    history = FilterHistory(tmp_path / "file" / "filters")
    history.add("busy")
    assert history.filters == ["busy"]


def test_what_cannot_be_shown_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "filters").write_bytes(b"busy\nevil\x1b[2J\n\xff\n")
    assert FilterHistory(tmp_path / "filters").filters == ["busy", "\ufffd"]


def test_without_a_file_nothing_is_read() -> None:
    history = FilterHistory(None)
    history.add("busy")
    assert history.filters == ["busy"]
