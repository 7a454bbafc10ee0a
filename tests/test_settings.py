from pathlib import Path

import pytest

from sipscope import settings
from sipscope.capture.file import FileSource
from sipscope.settings import demo_captures


def test_the_demo_has_captures_that_can_be_read() -> None:
    captures = demo_captures()
    assert len(captures) >= 8
    for path in captures:
        assert FileSource(str(path)).read() is not None


def test_installed_captures_go_before_those_of_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo").mkdir()
    installed = tmp_path / "demo" / "cancel.pcap"
    installed.touch()
    monkeypatch.setattr(settings, "_PACKAGE", tmp_path)
    assert demo_captures() == [installed]


def test_captures_that_are_missing_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "_PACKAGE", tmp_path / "src" / "sipscope")
    assert demo_captures() == []
