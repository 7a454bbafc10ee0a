import re

import pytest

from sipscope.settings.loading import known_settings
from sipscope.settings.model import SECTIONS, TABLES
from sipscope.settings.sngreprc import COLUMNS
from sipscope.tui import keys
from sipscope.tui.keymap import key_named
from sipscope.tui.keys import (
    CALLS,
    EVERYWHERE,
    HELP,
    MOVEMENT,
    Context,
    all_contexts,
    bindings,
    footer,
    written,
)
from tests.commands import ROOT

CONTEXTS = [value for value in vars(keys).values() if isinstance(value, Context)]


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: context.title)
def test_no_key_means_two_things_at_once(context: Context) -> None:
    bound = [key for entry in context.keys for key in entry.keys]
    assert len(bound) == len(set(bound))


def test_ids_are_unique_over_all_contexts() -> None:
    ids = [key.id for context in CONTEXTS for key in context.keys]
    assert len(ids) == len(set(ids))


def test_the_keys_of_the_call_list_leave_movement_alone() -> None:
    moving = {key for entry in MOVEMENT.keys for key in entry.keys}
    assert not moving & {key for entry in CALLS.keys for key in entry.keys}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("ctrl+l", "^L"),
        ("f10", "F10"),
        ("f", "f"),
        ("enter", "Enter"),
        ("G", "G"),
        ("pageup", "PgUp"),
    ],
)
def test_keys_are_written_as_people_write_them(key: str, text: str) -> None:
    assert written(key) == text


def test_bindings_carry_every_key_and_its_id() -> None:
    made = [(binding.id, binding.key) for binding in bindings(EVERYWHERE)]
    assert made[0] == ("help", "?,f1,h,H")
    assert ("quit-now", "ctrl+c") in made
    assert len(made) == len(EVERYWHERE.keys)


def width_of(entries: list[keys.Key]) -> int:
    return sum(len(f"{written(key.keys[0])} {key.footer}  ") for key in entries)


@pytest.mark.parametrize("width", [20, 40, 79, 159])
def test_the_line_of_keys_fits(width: int) -> None:
    assert width_of(footer(CALLS.keys, width)) <= width


def test_the_most_important_keys_come_first_and_the_help_last() -> None:
    shown = footer(CALLS.keys, 79)
    assert [key.footer for key in shown[:4]] == ["Call", "Mark", "Filter", "Save"]
    assert shown[-1] is HELP


def test_the_help_is_there_however_narrow_the_line() -> None:
    assert footer(CALLS.keys, 3) == [HELP]


SNGREP = (ROOT / "docs" / "sngrep.md").read_text()

SNGREP_KEYS = {
    "Everywhere": "F1 h H ? Esc q Q o O F8 p a c C K ^Z ^C",
    "Call list": "↑ k ↓ j PgUp ^B PgDn ^F ^U ^D Home ^A End ^E Enter x F4 r R F6 Space ^W / F3 Tab "
    "f F F7 t T F10 s S F2 i F5 ^L F9 A < > z",
    "Call flow": "Enter Space ^W d F2 D m F3 M s x F4 r R F6 t 9 0 T w S F5 F9",
    "Raw messages, and two messages": "s S F2 c C a Esc q Q",
    "Save, filter, settings, columns": "Tab Space ↑ ↓ Enter + -",
}
"""All keys of sngrep 1.8, by screen."""

SNGREP_SETTINGS = [
    "background",
    "colormode",
    "syntax",
    "syntax.tag",
    "syntax.branch",
    "hintkeyalt",
    "exitprompt",
    "capture.limit",
    "capture.device",
    "capture.outfile",
    "capture.buffer",
    "capture.keyfile",
    "capture.tlsserver",
    "capture.eep",
    "capture.rtp",
    "capture.rotate",
    "capture.storage",
    "sip.noincomplete",
    "sip.xcid",
    "sip.calls",
    "savepath",
    "savepatheditable",
    "displayalias",
    "aliasport",
    "cl.scrollstep",
    "cl.colorattr",
    "cl.autoscroll",
    "cl.sortfield",
    "cl.sortorder",
    "cl.column",
    "cl.column.width",
    "cf.forceraw",
    "cf.rawminwidth",
    "cf.rawfixedwidth",
    "cf.splitcallid",
    "cf.highlight",
    "cf.scrollstep",
    "cf.localhighlight",
    "cf.sdpinfo",
    "cf.media",
    "cf.onlymedia",
    "cf.deltatime",
    "cr.scrollstep",
    "cr.nonascii",
    "filter.payload",
    "filter.methods",
    "telephone_event",
    "eep.send",
    "eep.send.version",
    "eep.send.address",
    "eep.send.port",
    "eep.send.pass",
    "eep.send.id",
    "eep.listen",
    "eep.listen.version",
    "eep.listen.address",
    "eep.listen.port",
    "eep.listen.pass",
    "eep.listen.uuid",
    "alias",
    "bind",
    "unbind",
]

SNGREP_OPTIONS = [
    "-h",
    "-V",
    "-d",
    "-I",
    "-O",
    "-T",
    "-B",
    "-c",
    "-r",
    "-t",
    "-l",
    "-R",
    "-i",
    "-v",
    "-N",
    "-q",
    "-D",
    "-f",
    "-F",
    "-k",
    "-H",
    "-L",
    "-E",
    "-p",
    "-W",
]


@pytest.mark.parametrize("title", SNGREP_KEYS)
def test_every_key_of_sngrep_has_its_counterpart_in_the_page(title: str) -> None:
    told = {key for row in re.findall(r"(?m)^\| ([^|]*) \|", _tables(title)) for key in row.split()}
    assert told >= set(SNGREP_KEYS[title].split())


def test_the_keys_in_the_page_are_those_of_the_table() -> None:
    known = {key.id: key for context in all_contexts() for key in context.keys}
    rows = re.findall(r"(?m)^\|[^|]*\|[^|]*\| `([a-z.-]+)` \| ([^|]+) \|$", SNGREP)
    assert len(rows) > 60
    for action, names in rows:
        for name in names.split():
            assert key_named(name) in known[action].keys, f"{action} {name}"


def test_every_column_setting_and_option_of_sngrep_is_in_the_page() -> None:
    columns = dict(re.findall(r"(?m)^\| ([a-z]+) \| `([a-z.-]+)` \|$", _tables("Columns")))
    assert columns == COLUMNS
    first = re.findall(r"(?m)^\| ([^|]+) \|", _tables("Settings"))
    told = {name for cell in first for name in cell.split(", ")}
    assert told >= set(SNGREP_SETTINGS)
    options = re.findall(r"(?m)^\| ([^|]+) \|", _tables("Options"))
    assert {word for cell in options for word in cell.split()} >= set(SNGREP_OPTIONS)


def test_the_settings_that_the_page_names_exist() -> None:
    ours = {f"{section}.{name}" for section, name, _ in known_settings()} | set(TABLES)
    named = re.findall(r"`([a-z]+(?:\.[a-z_]+)?)`", _tables("Settings"))
    sections = [name for name in named if name.partition(".")[0] in (*SECTIONS, *TABLES)]
    assert len(sections) > 20
    assert set(sections) <= ours


def _tables(title: str) -> str:
    found = re.search(rf"(?ms)^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", SNGREP)
    assert found is not None
    return found[1]
