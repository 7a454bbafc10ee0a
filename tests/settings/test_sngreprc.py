from typing import Any

import pytest

from sipscope.settings.loading import apply
from sipscope.settings.model import Settings
from sipscope.settings.sngreprc import COLUMNS, read_sngreprc


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("set capture.device eth0,eth1", {"capture": {"interfaces": ["eth0", "eth1"]}}),
        ("set capture.limit 50000 # many", {"capture": {"dialogs": 50000}}),
        ("set sip.calls on", {"list": {"filter": "method = INVITE"}}),
        ("set colormode callid", {"list": {"color_by": "group"}}),
        ("set cl.sortfield sipfrom", {"list": {"sort": "from"}}),
        ("set cl.sortorder desc", {"list": {"descending": True}}),
        ("set cf.sdpinfo first", {"ladder": {"sdp": "short"}}),
        ("set cf.splitcallid on", {"ladder": {"merge_ports": False}}),
        ("set cf.deltatime off", {"ladder": {"times": "clock"}}),
        ("set cf.media off", {"ladder": {"streams": False}}),
        ("set savepath /var/calls", {"save": {"folder": "/var/calls"}}),
        ("set exitprompt off", {"view": {"ask_before_quitting": False}}),
        ("alias 10.0.0.1:5060 my pbx", {"aliases": {"10.0.0.1:5060": "my pbx"}}),
        ("set eep.send on\nset eep.send.port 9061", {"send": {"hep": ["udp://127.0.0.1:9061"]}}),
        ("set eep.send.address 10.0.0.9", {}),
        ("set eep.listen on", {"listen": {"hep": ["udp:0.0.0.0:9060"]}}),
        (
            "set cl.column1 sipto\nset cl.column0 sipfrom\nset cl.column1.width 20",
            {"list": {"columns": ["from", "to"], "widths": {"to": 20}}},
        ),
        ("set cl.column0 sipfrom\nset cl.column1 sipfromuser", {"list": {"columns": ["from"]}}),
        ("# set sip.calls on\n\n", {}),
    ],
)
def test_what_sngrep_is_told_means_this_here(text: str, table: dict[str, Any]) -> None:
    imported = read_sngreprc(text)
    assert apply(Settings(), imported.table)[1] == []
    assert imported == (table, ())


@pytest.mark.parametrize(
    "line",
    ["set syntax.tag on", "bind up u", "set capture.limit many", "set cl.column0 nothing", "set x"],
)
def test_a_line_without_a_counterpart_is_told(line: str) -> None:
    assert read_sngreprc(line) == ({}, (line,))


def test_every_column_of_sngrep_has_a_counterpart() -> None:
    assert len(COLUMNS) == 20
