from io import StringIO
from pathlib import Path

import pytest

from sipscope.settings.importing import import_from_sngrep
from sipscope.settings.loading import SettingsError, load_settings


@pytest.fixture
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIPSCOPE_CONFIG", str(tmp_path / "own.toml"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SNGREPRC", raising=False)
    return tmp_path / "own.toml"


def test_what_has_a_counterpart_is_written_and_the_rest_is_told(
    own_file: Path, tmp_path: Path
) -> None:
    own_file.write_text('# mine\n[view]\ntheme = "light"\n')
    (tmp_path / "rc").write_text("set capture.limit 5000\nset syntax.tag on\nalias 10.0.0.1 pbx\n")
    told = StringIO()
    assert import_from_sngrep(str(tmp_path / "rc"), told) == 0
    settings, wrong = load_settings({"SIPSCOPE_CONFIG": str(own_file)})
    assert (settings.capture.dialogs, settings.aliases) == (5000, {"10.0.0.1": "pbx"})
    assert (settings.view.theme, wrong) == ("light", ())
    assert own_file.read_text().startswith("# mine\n")
    assert told.getvalue().split("\n") == [
        "capture.dialogs = 5000",
        "aliases.10.0.0.1 = 'pbx'",
        "no counterpart: set syntax.tag on",
        f"2 settings written to {own_file}, 1 lines left",
        "",
    ]


def test_the_file_of_the_person_is_found(own_file: Path, tmp_path: Path) -> None:
    (tmp_path / ".sngreprc").write_text("set capture.limit 7\n")
    import_from_sngrep("", StringIO())
    assert "dialogs = 7" in own_file.read_text()


def test_without_such_a_file_it_is_said_what_to_do(own_file: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        import_from_sngrep(str(tmp_path / "none"), StringIO())
    assert not own_file.exists()


def test_a_hostile_line_cannot_command_the_terminal(own_file: Path, tmp_path: Path) -> None:
    (tmp_path / "rc").write_text("set x \x1b]0;owned\x07\n")
    told = StringIO()
    import_from_sngrep(str(tmp_path / "rc"), told)
    assert "\x1b" not in told.getvalue()
    assert not own_file.exists()
