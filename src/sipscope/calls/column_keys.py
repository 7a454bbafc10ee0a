"""What columns of the call list sort by, straight from the dialogs."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from sipscope.calls.dialog import Dialog, State
from sipscope.calls.dialog_table import Value
from sipscope.calls.rows import lowest_mos, stream_figures
from sipscope.decode.address import Endpoint
from sipscope.decode.sip import COMPACT_NAMES, header_end
from sipscope.decode.text import display
from sipscope.rtpqos.figures import StreamFigures
from sipscope.rtpqos.streams import StreamTable

Key = Callable[[Dialog, StreamTable, int], Value]
"""How a dialog sorts at a time in ns; None is unknown and comes last."""

_READ_MESSAGES = 20
"""So many messages are searched for a header."""


def header_value(dialog: Dialog, name: str) -> str:
    """Return the value of a header of the first message that has it, empty when none has."""
    for message in dialog.messages[:_READ_MESSAGES]:
        if found := header_values(message.raw, name):
            return display(found[0])
    return ""


def header_values(raw: bytes, name: str) -> list[str]:
    """Return the values of a header of a message, compact forms and folded lines included."""
    found = _header_pattern(name).findall(raw, 0, header_end(raw) + 1)
    return [
        b" ".join(line.strip() for line in value.split(b"\n")).strip().decode("utf-8", "replace")
        for value in found
    ]


@lru_cache(maxsize=64)
def _header_pattern(name: str) -> "re.Pattern[bytes]":
    key = name.lower().encode()
    key = COMPACT_NAMES.get(key, key)
    names = [key, *(short for short, full in COMPACT_NAMES.items() if full == key)]
    spelled = b"|".join(map(re.escape, names))
    return re.compile(rb"\n(?:%s)[ \t]*:([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)" % spelled, re.IGNORECASE)


def worst(
    get: Callable[[StreamFigures], float | None], pick: Callable[[list[float]], float]
) -> Key:
    """Return the key of a figure of the worst stream."""

    def key(dialog: Dialog, streams: StreamTable, now: int) -> Value:
        if not dialog.streams:
            return None
        found = [get(figures) for figures in stream_figures(dialog, streams)]
        known = [value for value in found if value is not None]
        return pick(known) if known else None

    return key


def mos_key(dialog: Dialog, streams: StreamTable, now: int) -> Value:
    """Return the MOS of the worst stream."""
    return lowest_mos(stream_figures(dialog, streams)) if dialog.streams else None


def codec_key(dialog: Dialog, streams: StreamTable, now: int) -> Value:
    """Return the codecs in use, or negotiated."""
    figures = stream_figures(dialog, streams) if dialog.streams else []
    names = dict.fromkeys(stream.codec for stream in figures if stream.codec)
    return " ".join(names or dialog.codecs)


@lru_cache(maxsize=16_384)
def endpoint_key(endpoint: Endpoint) -> bytes:
    """Return a key after which 10.0.0.9 sorts before 10.0.0.10, and IPv4 before IPv6."""
    address, port = endpoint
    return bytes((len(address),)) + address + port.to_bytes(2, "big")


def reason_key(dialog: Dialog, streams: StreamTable, now: int) -> Value:
    """Return why a dialog went no further, empty when it did."""
    status = dialog.final_status
    if status is None:
        return "no response" if dialog.state is State.FAILED else ""
    return dialog.reason if status >= 300 else ""


def request_uri(dialog: Dialog) -> str:
    """Return the request URI of the first message, empty when that is a response."""
    line = dialog.messages[0].raw.lstrip(b"\r\n").partition(b"\n")[0].split()
    return display(line[1]) if len(line) == 3 and not line[0].startswith(b"SIP/") else ""


def user_agent(dialog: Dialog) -> str:
    """Return the product of the first request or answer that names one."""
    return next(iter(dialog.user_agents), "")


def encapsulation(dialog: Dialog) -> str:
    """Return the tunnels and mirrors of the first message, outermost first."""
    return " ".join(dialog.flow.encapsulation)


def lowest_r(figures: Iterable[StreamFigures]) -> float | None:
    """Return the R-factor of the worst stream."""
    found = (each.r_factor for each in figures)
    return min((value for value in found if value is not None), default=None)
