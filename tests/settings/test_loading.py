from pathlib import Path
from typing import Any

import pytest

from sipscope.settings import paths
from sipscope.settings.loading import (
    SettingsError,
    apply,
    from_environment,
    from_text,
    known_settings,
    load_settings,
    overridden,
    to_text,
)
from sipscope.settings.model import CallList, Capture, Settings


@pytest.fixture(autouse=True)
def system_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "SYSTEM_FILE", tmp_path / "system.toml")
    return tmp_path / "system.toml"


def own_file(tmp_path: Path, text: str) -> dict[str, str]:
    """An environment in which the person has this file."""
    path = tmp_path / "own.toml"
    path.write_text(text)
    return {"SIPSCOPE_CONFIG": str(path), "HOME": str(tmp_path)}


def complaints(table: dict[str, Any]) -> list[str]:
    settings, wrong = apply(Settings(), table)
    assert settings == Settings()
    return wrong


def test_without_files_everything_is_at_its_default(tmp_path: Path) -> None:
    assert load_settings({"HOME": str(tmp_path)}) == (Settings(), ())


def test_what_comes_later_wins(tmp_path: Path, system_file: Path) -> None:
    system_file.write_text('[list]\nsort = "from"\nfollow = true\n[save]\nrtp = false\n')
    environment = own_file(tmp_path, '[list]\nsort = "mos"\n[capture]\ndialogs = 5\n')
    settings, wrong = load_settings(environment | {"SIPSCOPE_CAPTURE_DIALOGS": "7"})
    assert (settings.list.sort, settings.list.follow, settings.save.rtp) == ("mos", True, False)
    assert settings.capture.dialogs == 7
    assert not wrong


def test_every_kind_of_setting_is_read(tmp_path: Path) -> None:
    text = """
    [view]
    refresh-hz = 2
    mouse = false
    [list]
    columns = ["time", "header.x-account"]
    widths = { from = 20 }
    [send]
    rtp_type = 34
    [keys]
    "calls.open" = ["enter", "o"]
    "calls.save" = "w"
    [aliases]
    "10.0.0.0/8" = "lan"
    [themes.mine]
    failed = "#ff0000"
    [filters]
    bad = "mos < 3.5"
    """
    settings, wrong = load_settings(own_file(tmp_path, text))
    assert not wrong
    assert settings.view.refresh_hz == 2.0
    assert not settings.view.mouse
    assert settings.list.columns == ("time", "header.x-account")
    assert settings.list.widths == {"from": 20}
    assert settings.send.rtp_type == 34
    assert settings.keys == {"calls.open": ("enter", "o"), "calls.save": ("w",)}
    assert settings.aliases == {"10.0.0.0/8": "lan"}
    assert settings.themes == {"mine": {"failed": "#ff0000"}}
    assert settings.filters == {"bad": "mos < 3.5"}


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"lists": {}}, "there is no section lists; perhaps list is meant"),
        ({"list": 1}, "list is a section: write [list]"),
        ({"list": {"short": "x"}}, "there is no list.short; perhaps sort is meant"),
        ({"list": {"follow": "yes"}}, "list.follow is true or false, not 'yes'"),
        ({"list": {"columns": "time"}}, 'list.columns is a list such as ["a", "b"], not \'time\''),
        ({"list": {"widths": {"a": "b"}}}, "list.widths is a whole number, not 'b'"),
        ({"ladder": {"sdp": "all"}}, "ladder.sdp is one of off, short, full, not 'all'"),
        ({"capture": {"dialogs": True}}, "capture.dialogs is a whole number, not True"),
        ({"send": {"rtp_type": True}}, "send.rtp_type is one of 34, 35, not True"),
        ({"view": {"refresh_hz": "x"}}, "view.refresh_hz is a number, not 'x'"),
        ({"view": {"theme": 1}}, "view.theme is a text, not 1"),
        ({"aliases": {"10.0.0.1": 1}}, "aliases.10.0.0.1 is a text, not 1"),
        ({"themes": {"mine": 1}}, "themes.mine is a table, not 1"),
    ],
)
def test_what_cannot_be_used_is_left_out_and_told(table: dict[str, Any], complaint: str) -> None:
    assert complaints(table) == [complaint]


def test_a_complaint_names_the_file(tmp_path: Path) -> None:
    environment = own_file(tmp_path, "[list]\nfollow = 3\nsort = 'mos'\n")
    settings, wrong = load_settings(environment)
    assert settings.list.sort == "mos"
    assert wrong == (f"{tmp_path}/own.toml: list.follow is true or false, not 3",)


def test_variables_have_the_names_of_settings() -> None:
    assert from_environment(
        {
            "SIPSCOPE_LIST_COLUMNS": "time, from,,mos",
            "SIPSCOPE_LIST_FOLLOW": "yes",
            "SIPSCOPE_VIEW_REFRESH_HZ": "1.5",
            "SIPSCOPE_CAPTURE_DIALOGS": "1_0",
            "SIPSCOPE_SEND_RTP_TYPE": "34",
            "SIPSCOPE_LADDER_SDP": "full",
            "SIPSCOPE_OTHER": "x",
        }
    ) == {
        "list": {"columns": ["time", "from", "mos"], "follow": True},
        "view": {"refresh_hz": 1.5},
        "capture": {"dialogs": "1_0"},
        "send": {"rtp_type": 34},
        "ladder": {"sdp": "full"},
    }


@pytest.mark.parametrize("text", ["[list", "a = ", "\udc80"])
def test_a_file_that_is_no_toml_is_an_error(tmp_path: Path, text: str) -> None:
    environment = own_file(tmp_path, "")
    (tmp_path / "own.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsError, match=r"own\.toml is no TOML"):
        load_settings(environment)


def test_a_command_line_overrides_where_it_says_something() -> None:
    before = Settings(capture=Capture(("eth0",), "udp", 16), list=CallList(sort="mos"))
    table = {"capture": {"interfaces": (), "filter": "", "buffer_mb": None, "dialogs": 9}}
    after = overridden(before, table)
    assert after.capture == Capture(("eth0",), "udp", 16, 9)
    assert after.list == before.list


def test_names_of_actions_need_no_quotes(tmp_path: Path) -> None:
    settings, wrong = load_settings(own_file(tmp_path, '[keys]\ncalls.save = "w"\n'))
    assert (settings.keys, wrong) == ({"calls.save": ("w",)}, ())


def test_files_can_be_left_alone(tmp_path: Path) -> None:
    environment = own_file(tmp_path, "[list]\nfollow = true\n") | {"SIPSCOPE_NO_CONFIG": "1"}
    assert load_settings(environment).settings == Settings()


def test_every_setting_can_be_typed_as_it_is_shown() -> None:
    settings = Settings(list=CallList(columns=("a", "b"), widths={"from": 20, "to": 9}))
    for section, name, kind in known_settings():
        value = getattr(getattr(settings, section), name)
        read, wrong = apply(settings, {section: {name: from_text(to_text(value), kind)}})
        assert (read, wrong) == (settings, [])
