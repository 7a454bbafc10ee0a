"""sngrep's settings as ours: what a `.sngreprc` says, for those who come from there."""

import re
from typing import Any, NamedTuple

Value = Any
Table = dict[str, dict[str, Value]]

COLUMNS = {
    "index": "index",
    "sipfrom": "from",
    "sipfromuser": "from",
    "sipto": "to",
    "siptouser": "to",
    "src": "source",
    "dst": "destination",
    "callid": "call-id",
    "xcallid": "header.x-call-id",
    "date": "date",
    "time": "time",
    "method": "method",
    "transport": "transport",
    "msgcnt": "messages",
    "state": "state",
    "convdur": "duration",
    "totaldur": "total",
    "reason": "reason",
    "warning": "header.warning",
    "contact": "header.contact",
}
"""sngrep's columns, and ours."""

CALLS_ONLY = "method = INVITE"
"""The display filter for what sngrep calls calls."""

_COLUMN = re.compile(r"cl\.column([0-9]{1,2})(\.width)?")
_FLAGS = {"on": True, "yes": True, "1": True, "off": False, "no": False, "0": False}
_SDP = {"off": "off", "first": "short", "full": "full", "compressed": "short"}
_COLORS = {"request": "method", "cseq": "method", "callid": "group"}

_FLAG_SETTINGS = {
    "exitprompt": ("view", "ask_before_quitting", False),
    "cl.autoscroll": ("list", "follow", False),
    "cf.forceraw": ("ladder", "preview", False),
    "cf.splitcallid": ("ladder", "merge_ports", True),
    "cf.deltatime": ("ladder", "times", False),
}
_WORD_SETTINGS = {
    "cl.sortfield": ("list", "sort", COLUMNS),
    "cf.sdpinfo": ("ladder", "sdp", _SDP),
    "colormode": ("list", "color_by", _COLORS),
}
_NUMBER_SETTINGS = {
    "capture.limit": ("capture", "dialogs"),
    "capture.buffer": ("capture", "buffer_mb"),
    "eep.send.id": ("send", "id"),
}
_TEXT_SETTINGS = {
    "savepath": ("save", "folder"),
    "eep.send.pass": ("send", "key"),
    "eep.listen.pass": ("listen", "hep_key"),
}


class Imported(NamedTuple):
    """What was taken over.

    Attributes:
        table: By section and name, as from TOML.
        left: Lines that have no counterpart here.
    """

    table: Table
    left: tuple[str, ...]


def read_sngreprc(text: str) -> Imported:
    """Return what a file of sngrep's settings means here."""
    reader = _Reader()
    for line in text.split("\n"):
        words = line.split("#", 1)[0].split(None, 2)
        if len(words) > 1 and not reader.take(words[0].lower(), words[1], "".join(words[2:])):
            reader.left.append(line.strip())
    return Imported(reader.finish(), tuple(reader.left))


class _Reader:
    """Takes one directive after another."""

    def __init__(self) -> None:
        self.left: list[str] = []
        self._table: Table = {}
        self._columns: dict[int, str] = {}
        self._widths: dict[int, int] = {}
        self._addresses: dict[str, str] = {}

    def take(self, directive: str, name: str, value: str) -> bool:
        """Take a line; tell whether it has a counterpart."""
        value = value.strip()
        if directive == "alias" and value:
            self._put("aliases", name, value)
            return True
        return directive == "set" and bool(value) and self._set(name, value)

    def finish(self) -> Table:
        """Return the table."""
        if self._columns:
            columns = [COLUMNS[self._columns[place]] for place in sorted(self._columns)]
            self._put("list", "columns", list(dict.fromkeys(columns)))
            widths = {
                COLUMNS[self._columns[place]]: width
                for place, width in self._widths.items()
                if place in self._columns
            }
            if widths:
                self._put("list", "widths", widths)
        self._finish_hep()
        return self._table

    def _set(self, name: str, value: str) -> bool:
        if found := _COLUMN.fullmatch(name):
            return self._column(int(found[1]), found[2] is not None, value)
        if name in _FLAG_SETTINGS and value in _FLAGS:
            section, ours, opposite = _FLAG_SETTINGS[name]
            flag = _FLAGS[value] is not opposite
            self._put(section, ours, ("previous" if flag else "clock") if ours == "times" else flag)
        elif name in _WORD_SETTINGS and value in _WORD_SETTINGS[name][2]:
            section, ours, meanings = _WORD_SETTINGS[name]
            self._put(section, ours, meanings[value])
        elif name in _NUMBER_SETTINGS and re.fullmatch("[0-9]{1,9}", value):
            self._put(*_NUMBER_SETTINGS[name], int(value))
        elif name in _TEXT_SETTINGS:
            self._put(*_TEXT_SETTINGS[name], value)
        else:
            return self._special(name, value)
        return True

    def _special(self, name: str, value: str) -> bool:
        if name == "capture.device":
            self._put("capture", "interfaces", [word for word in value.split(",") if word])
        elif name == "sip.calls" and value in _FLAGS:
            self._put("list", "filter", CALLS_ONLY if _FLAGS[value] else "")
        elif name == "cl.sortorder" and value in ("asc", "desc"):
            self._put("list", "descending", value == "desc")
        elif name == "cf.media" and value in ("off", "on", "active"):
            self._put("ladder", "streams", value != "off")
        elif name == "background" and value in ("dark", "default"):
            self._put("view", "theme", "dark" if value == "dark" else "")
        elif name in ("eep.send", "eep.listen") and value in _FLAGS:
            self._addresses[name] = "on" if _FLAGS[value] else ""
        elif re.fullmatch(r"eep\.(send|listen)\.(address|port)", name):
            self._addresses[name] = value
        else:
            return False
        return True

    def _column(self, place: int, width: bool, value: str) -> bool:
        if width and re.fullmatch("[0-9]{1,3}", value):
            self._widths[place] = int(value)
            return True
        if not width and value in COLUMNS:
            self._columns[place] = value
            return True
        return False

    def _finish_hep(self) -> None:
        at = self._addresses
        if at.get("eep.send"):
            host, port = at.get("eep.send.address", "127.0.0.1"), at.get("eep.send.port", "9060")
            self._put("send", "hep", [f"udp://{host}:{port}"])
        if at.get("eep.listen"):
            host, port = at.get("eep.listen.address", "0.0.0.0"), at.get("eep.listen.port", "9060")
            self._put("listen", "hep", [f"udp:{host}:{port}"])

    def _put(self, section: str, name: str, value: Value) -> None:
        self._table.setdefault(section, {})[name] = value
