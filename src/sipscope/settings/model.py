"""Which settings there are: a dataclass a section, a field a setting.

A new setting is one field. Its type says what it may be: a flag, a number, a text, one word of
several, a list of words, or a table of names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

WORDS = "words"

THEMES = ("dark", "light", "ansi", "contrast")
"""Those that sipscope brings along."""

Value = Any
"""Of the type that the field says."""


def setting(default: Value, words: str) -> Value:
    """Return a field with what it means, for the documentation and the settings screen."""
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata={WORDS: words})
    return field(default=default, metadata={WORDS: words})


@dataclass(frozen=True, slots=True)
class View:
    """The screen as a whole."""

    theme: str = setting("", "dark, light, ansi, contrast or one of your own; empty: by terminal")
    refresh_hz: float = setting(0.0, "repaints a second; 0: 4, over SSH 2")
    mouse: bool = setting(True, "whether the mouse works")
    ask_before_quitting: bool = setting(True, "whether to ask while live calls are in progress")


@dataclass(frozen=True, slots=True)
class CallList:
    """The call list."""

    columns: tuple[str, ...] = setting((), "which columns, in order; empty: as many as fit")
    widths: Mapping[str, int] = setting({}, "cells of columns that are to have a fixed width")
    sort: str = setting("time", "the column to sort by")
    descending: bool = setting(True, "whether the greatest come first")
    follow: bool = setting(False, "whether the cursor stays on the newest call")
    fold: tuple[str, ...] = setting(
        (), "methods whose dialogs are folded away: OPTIONS, REGISTER, SUBSCRIBE"
    )
    color_by: Literal["state", "group", "problem", "method"] = setting(
        "state", "what the colour of a call means"
    )
    filter: str = setting("", "the display filter to begin with")


@dataclass(frozen=True, slots=True)
class Ladder:
    """The ladder of a call."""

    times: Literal["clock", "start", "previous"] = setting(
        "clock", "time of day, since the first message, or since the one before"
    )
    utc: bool = setting(False, "whether times of day are in UTC")
    sdp: Literal["off", "short", "full"] = setting("short", "how much of the SDP is shown")
    streams: bool = setting(True, "whether RTP streams are rows")
    preview: bool = setting(True, "whether the message is shown beside the ladder")
    preview_percent: int = setting(40, "share of the width that the message has")
    merge_ports: bool = setting(True, "whether one address is one column, whatever its ports")
    fold_retransmissions: bool = setting(False, "whether messages sent again are folded")
    legs: bool = setting(False, "whether all legs of a call are shown at once")


@dataclass(frozen=True, slots=True)
class Capture:
    """What is captured, and what is kept of it."""

    interfaces: tuple[str, ...] = setting(
        (), "where to listen without -i; empty: any, unless it listens for TZSP or HEP"
    )
    filter: str = setting("", "capture filter, as for tcpdump")
    buffer_mb: int = setting(32, "the kernel's buffer of each interface")
    dialogs: int = setting(200_000, "how many dialogs are kept")
    memory_mb: int = setting(384, "how much memory messages may take")
    streams: int = setting(10_000, "how many RTP streams are kept")


@dataclass(frozen=True, slots=True)
class Quality:
    """The figures of RTP streams."""

    interval_s: int = setting(10, "seconds of the interval that the worst MOS is of")


@dataclass(frozen=True, slots=True)
class Listen:
    """TZSP and HEP that others send here."""

    tzsp: tuple[str, ...] = setting((), "[ADDRESS:]PORT to take TZSP at")
    hep: tuple[str, ...] = setting((), "[udp|tcp|tls:][ADDRESS:]PORT to take HEP at")
    allow: tuple[str, ...] = setting((), "networks that may send; empty: all")
    hep_key: str = setting("", "authentication key that HEP messages must carry")
    certificate: str = setting("", "PEM file with the certificate for HEP over TLS")
    private_key: str = setting("", "PEM file with the private key of that certificate")


@dataclass(frozen=True, slots=True)
class Send:
    """HEP to a server."""

    hep: tuple[str, ...] = setting((), "URLs: udp://homer:9060, tcp://..., tls://...")
    id: int = setting(2001, "capture agent id")
    node: str = setting("", "capture agent name; empty: none")
    key: str = setting("", "authentication key")
    rtp_type: Literal[34, 35] = setting(35, "protocol type of RTP reports; 35 for HOMER 7 and 11")
    interval_s: float = setting(10.0, "seconds between two reports on a stream")
    spool: str = setting("", "folder for what an absent server has missed; empty: none")
    spool_mb: int = setting(100, "how much the spool of each server may hold")


@dataclass(frozen=True, slots=True)
class Save:
    """Saving calls."""

    folder: str = setting("", "where files go; empty: where sipscope was started")
    form: Literal["pcap", "pcapng", "text"] = setting("pcap", "what is written")
    rtp: bool = setting(True, "whether RTP is saved with the calls, where it was kept")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set."""

    view: View = field(default_factory=View)
    list: CallList = field(default_factory=CallList)
    ladder: Ladder = field(default_factory=Ladder)
    capture: Capture = field(default_factory=Capture)
    quality: Quality = field(default_factory=Quality)
    listen: Listen = field(default_factory=Listen)
    send: Send = field(default_factory=Send)
    save: Save = field(default_factory=Save)
    keys: Mapping[str, tuple[str, ...]] = setting({}, "keys of actions, see the help")
    themes: Mapping[str, Mapping[str, str]] = setting({}, "themes of your own: colours by name")
    aliases: Mapping[str, str] = setting({}, "names of addresses and networks")
    filters: Mapping[str, str] = setting({}, "display filters by name")


SECTIONS: tuple[str, ...] = (
    "view",
    "list",
    "ladder",
    "capture",
    "quality",
    "listen",
    "send",
    "save",
)
TABLES: tuple[str, ...] = ("keys", "themes", "aliases", "filters")


def words_of(section: str, name: str) -> str:
    """Return what a setting means."""
    kind = type(getattr(Settings(), section))
    return next(str(each.metadata[WORDS]) for each in fields(kind) if each.name == name)
