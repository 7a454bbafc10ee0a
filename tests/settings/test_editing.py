import os
import stat
from pathlib import Path

import pytest

from sipscope.settings.editing import save_settings
from sipscope.settings.loading import SettingsError, load_settings

WRITTEN = """\
# mine
[list]
sort = "from"   # by who calls
follow = true

# colours
[themes.mine]
failed = "#ff0000"
"""


def test_only_the_lines_of_what_changed_are_others(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(WRITTEN)
    save_settings(path, {"list": {"sort": "mos"}})
    assert path.read_text() == WRITTEN.replace('"from"', '"mos"')


def test_a_setting_that_was_not_there_is_added_and_none_takes_it_out(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(WRITTEN)
    save_settings(path, {"list": {"columns": ("time", "mos")}, "save": {"rtp": True}})
    settings, wrong = load_settings({"SIPSCOPE_CONFIG": str(path)})
    assert (settings.list.columns, settings.save.rtp, wrong) == (("time", "mos"), True, ())
    save_settings(path, {"list": {"follow": None, "columns": None}})
    settings, _ = load_settings({"SIPSCOPE_CONFIG": str(path)})
    assert (settings.list.columns, settings.list.follow) == ((), False)
    assert "# by who calls" in path.read_text()


def test_a_name_written_with_dashes_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[view]\nrefresh-hz = 2.0\n")
    save_settings(path, {"view": {"refresh_hz": 4.0}})
    assert path.read_text() == "[view]\nrefresh-hz = 4.0\n"


def test_a_new_file_is_for_its_owner_alone_an_old_one_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "settings.toml"
    save_settings(path, {"send": {"key": "secret"}})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    os.chmod(path, 0o640)
    save_settings(path, {"send": {"key": "other"}})
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [each.name for each in path.parent.iterdir()] == ["settings.toml"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "dotfiles.toml", tmp_path / "settings.toml"
    target.write_text(WRITTEN)
    link.symlink_to(target)
    save_settings(link, {"list": {"sort": "mos"}})
    assert link.is_symlink()
    assert '"mos"' in target.read_text()


def test_a_file_that_is_no_toml_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[list")
    with pytest.raises(SettingsError, match="is no TOML"):
        save_settings(path, {"list": {"sort": "mos"}})
    assert path.read_text() == "[list"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be written"):
        save_settings(tmp_path / "file" / "settings.toml", {"list": {"sort": "mos"}})
