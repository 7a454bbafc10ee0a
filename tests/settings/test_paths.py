from pathlib import Path

import pytest

from sipscope.capture.file import FileSource
from sipscope.settings import paths
from sipscope.settings.paths import demo_captures, settings_file, sngreprc_files, state_folder


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
    monkeypatch.setattr(paths, "_PACKAGE", tmp_path)
    assert demo_captures() == [installed]


def test_captures_that_are_missing_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "_PACKAGE", tmp_path / "src" / "sipscope")
    assert demo_captures() == []


@pytest.mark.parametrize(
    ("environment", "file", "state"),
    [
        (
            {"HOME": "/home/anna"},
            "/home/anna/.config/sipscope/settings.toml",
            "/home/anna/.local/state/sipscope",
        ),
        (
            {"HOME": "/home/anna", "XDG_CONFIG_HOME": "/etc/anna", "XDG_STATE_HOME": "/var/anna"},
            "/etc/anna/sipscope/settings.toml",
            "/var/anna/sipscope",
        ),
        (
            {"HOME": "/home/anna", "XDG_CONFIG_HOME": "relative", "XDG_STATE_HOME": ""},
            "/home/anna/.config/sipscope/settings.toml",
            "/home/anna/.local/state/sipscope",
        ),
        ({}, "/.config/sipscope/settings.toml", "/.local/state/sipscope"),
        ({"SIPSCOPE_CONFIG": "/x.toml"}, "/x.toml", "/.local/state/sipscope"),
    ],
)
def test_files_are_in_the_places_of_xdg(environment: dict[str, str], file: str, state: str) -> None:
    assert settings_file(environment) == Path(file)
    assert state_folder(environment) == Path(state)


def test_the_settings_of_sngrep_are_found(tmp_path: Path) -> None:
    own = tmp_path / ".sngreprc"
    assert own not in sngreprc_files({"HOME": str(tmp_path)})
    own.touch()
    assert sngreprc_files({"HOME": str(tmp_path)})[-1] == own
    assert sngreprc_files({"SNGREPRC": str(own)})[-1] == own
