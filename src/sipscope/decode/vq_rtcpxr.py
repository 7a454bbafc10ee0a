"""Voice quality reports in SIP bodies, `application/vq-rtcpxr` (RFC 6035).

Phones take liberties with the grammar: parameters run into each other (`JBM=20JBX=240`),
stand outside their line, or have a colon for the equals sign. So known names are looked for
wherever they are.
"""

import re
from typing import Final, Literal, NamedTuple

from sipscope.decode.address import Endpoint, parse_address
from sipscope.errors import Problem

MAX_BODY: Final = 65_536
MAX_TEXT: Final = 256

Kind = Literal["session", "interval", "alert"]
Metrics = dict[str, float | str]
"""Values by name, see `NAMES`; what a phone does not know is not in it."""


class Party(NamedTuple):
    """One end of the media, as the reporter knows it; None is unknown.

    Attributes:
        endpoint: Where its media come from.
        ssrc: Its synchronization source.
    """

    endpoint: Endpoint | None
    ssrc: int | None


class VoiceQualityReport(NamedTuple):
    """What a phone says of a call; None is not said.

    Attributes:
        kind: At the end of the session, of an interval, or because something got bad.
        detail: What follows in the first line, such as `CallTerm`, or what an alert is about.
        call_id: Call-ID of the call, which is not that of the message.
        dialog_id: Call-ID with the tags.
        local_id: Who reports.
        remote_id: The other one.
        originator_id: Who called.
        local_party: Media address of who reports.
        remote_party: Media address of the other one.
        local: What who reports measured of what it received.
        remote: What the other one told it.
    """

    kind: Kind
    detail: str | None
    call_id: str | None
    dialog_id: str | None
    local_id: str | None
    remote_id: str | None
    originator_id: str | None
    local_party: Party
    remote_party: Party
    local: Metrics
    remote: Metrics


_KINDS: Final[dict[bytes, Kind]] = {
    b"vqsessionreport": "session",
    b"vqintervalreport": "interval",
    b"vqalertreport": "alert",
}

_TEXTS: Final = {
    b"START": "start",
    b"STOP": "stop",
    b"PD": "codec",
    b"FMTP": "format_parameters",
    b"SSUP": "silence_suppression",
    b"RLQESTALG": "r_lq_algorithm",
    b"RCQESTALG": "r_cq_algorithm",
    b"MOSLQESTALG": "mos_lq_algorithm",
    b"MOSCQESTALG": "mos_cq_algorithm",
    b"EXTRIESTALG": "external_r_in_algorithm",
    b"EXTROUTESTALG": "external_r_out_algorithm",
    b"QOEESTALG": "algorithm",
}
_PLAIN: Final = (float("-inf"), float("inf"))
_LEVEL: Final = (-127.0, 126.0)
_R: Final = (0.0, 100.0)
_MOS: Final = (1.0, 5.0)
_NUMBERS: Final = {
    b"PT": ("payload_type", _PLAIN),
    b"SR": ("clock_rate", _PLAIN),
    b"FD": ("frame_ms", _PLAIN),
    b"FO": ("frame_octets", _PLAIN),
    b"FPP": ("frames_per_packet", _PLAIN),
    b"PPS": ("packets_per_second", _PLAIN),
    b"PLC": ("concealment", _PLAIN),
    b"JBA": ("buffer_adaptive", _PLAIN),
    b"JBR": ("buffer_rate", _PLAIN),
    b"JBN": ("buffer_nominal_ms", _PLAIN),
    b"JBM": ("buffer_maximum_ms", _PLAIN),
    b"JBX": ("buffer_limit_ms", _PLAIN),
    b"NLR": ("loss_percent", _PLAIN),
    b"JDR": ("discard_percent", _PLAIN),
    b"BLD": ("burst_loss_percent", _PLAIN),
    b"BD": ("burst_ms", _PLAIN),
    b"GLD": ("gap_loss_percent", _PLAIN),
    b"GD": ("gap_ms", _PLAIN),
    b"GMIN": ("gmin", _PLAIN),
    b"RTD": ("round_trip_ms", _PLAIN),
    b"ESD": ("end_system_ms", _PLAIN),
    b"OWD": ("one_way_ms", _PLAIN),
    b"SOWD": ("symmetric_one_way_ms", _PLAIN),
    b"IAJ": ("jitter_ms", _PLAIN),
    b"MAJ": ("mean_absolute_jitter_ms", _PLAIN),
    b"SL": ("signal_dbm", _LEVEL),
    b"NL": ("noise_dbm", _LEVEL),
    b"RERL": ("echo_return_loss_db", _LEVEL),
    b"RLQ": ("r_lq", _R),
    b"RCQ": ("r_cq", _R),
    b"EXTRI": ("external_r_in", _R),
    b"EXTRO": ("external_r_out", _R),
    b"MOSLQ": ("mos_lq", _MOS),
    b"MOSCQ": ("mos_cq", _MOS),
}
"""Parameter to name, and what it may be: 127 stands for what is not known."""

NAMES: Final = frozenset(_TEXTS.values()) | {name for name, _ in _NUMBERS.values()}
"""The names in `Metrics`; percent, ms, dBm0 and dB as they say."""

_IDENTITIES: Final = (
    *(b"callid", b"dialogid", b"localid", b"remoteid", b"origid"),
    *(b"localaddr", b"remoteaddr", b"localgroup", b"remotegroup", b"localmac", b"remotemac"),
)
_SECTIONS: Final = (
    *(b"localmetrics", b"remotemetrics", b"timestamps", b"sessiondesc", b"jitterbuffer"),
    *(b"packetloss", b"burstgaploss", b"delay", b"signal", b"qualityest"),
)

_LINE = re.compile(rb"[^\r\n]+")
_FIELD = re.compile(rb"[ \t]*([A-Za-z]{2,32})[ \t]*:[ \t]*(.*)", re.S)
_NUMBER = rb"[ \t]*(-?[0-9]{1,10}(?:\.[0-9]{1,6})?)"
_PARAMETER = re.compile(
    rb"(?<![A-Za-z])(?:(%b)[=:]%b|(%b)=[ \t]*(\"[^\"]{0,256}\"|[^\s;]{1,256}))"
    % (
        b"|".join(sorted(_NUMBERS, reverse=True)),  # the longer before what it begins with
        _NUMBER,
        b"|".join(sorted(_TEXTS, reverse=True)),
    ),
    re.I,
)
_HOST = re.compile(rb"(?<![A-Za-z])IP[=:][ \t]*\[?([0-9A-Fa-f.:]{2,45}?)\]?(?=PORT|[\s;]|\Z)")
_PORT = re.compile(rb"PORT[=:][ \t]*([0-9]{1,5})(?![0-9])")
_SSRC = re.compile(rb"SSRC[=:][ \t]*(0[xX])?([0-9A-Fa-f]{1,10})")
_DECIMAL = re.compile(rb"[0-9]+")


def parse_vq_rtcpxr(body: bytes) -> tuple[VoiceQualityReport | None, list[Problem]]:
    """Return the report in a body; None when it is none at all.

    What is before `RemoteMetrics:` is of who reports. Problems are at the offset of their
    line.
    """
    problems: list[Problem] = []
    lines = [(match.start(), match[0]) for match in _LINE.finditer(body, 0, MAX_BODY)]
    first = _FIELD.match(lines[0][1]) if lines else None
    name = first[1] if first else lines[0][1].strip() if lines else b""
    kind = _KINDS.get(name.lower())
    if kind is None:
        return None, [Problem("vq.kind", "the first line names no voice quality report", 0)]
    fields: dict[bytes, bytes] = {}
    local, remote = Metrics(), Metrics()
    metrics = local
    for offset, line in lines[1:]:
        field = _FIELD.fullmatch(line)
        key = field[1].lower() if field else b""
        if key in _IDENTITIES and field:
            fields.setdefault(key, field[2].strip())
            continue
        if key == b"remotemetrics":
            metrics = remote
        elif key == b"localmetrics":
            metrics = local
        found = _read_metrics(line, metrics)
        if not found and key not in _SECTIONS:
            problems.append(Problem("vq.line", "a line without anything known", offset))
    report = VoiceQualityReport(
        kind=kind,
        detail=_text(first[2].strip()) if first else None,
        call_id=_text(fields.get(b"callid")),
        dialog_id=_text(fields.get(b"dialogid")),
        local_id=_text(fields.get(b"localid")),
        remote_id=_text(fields.get(b"remoteid")),
        originator_id=_text(fields.get(b"origid")),
        local_party=_party(fields.get(b"localaddr", b"")),
        remote_party=_party(fields.get(b"remoteaddr", b"")),
        local=local,
        remote=remote,
    )
    return report, problems


def _read_metrics(line: bytes, metrics: Metrics) -> bool:
    """Take the parameters of a line; tell whether there are any."""
    found = False
    for match in _PARAMETER.finditer(line):
        found = True
        number, value, text, words = match.groups()
        if number:
            name, (least, most) = _NUMBERS[number.upper()]
            amount = float(value) if b"." in value else int(value)
            if least <= amount <= most:
                metrics.setdefault(name, amount)
        else:
            metrics.setdefault(_TEXTS[text.upper()], _text(words.strip(b'"')) or "")
    return found


def _party(value: bytes) -> Party:
    """Return the parts of a LocalAddr or RemoteAddr."""
    host, port, ssrc = _HOST.search(value), _PORT.search(value), _SSRC.search(value)
    address = parse_address((host[1] if host else value).decode("latin-1").strip())
    endpoint = None
    if address is not None:
        endpoint = Endpoint(address, min(int(port[1]), 65535) if port else 0)
    source = None
    if ssrc:
        decimal = not ssrc[1] and _DECIMAL.fullmatch(ssrc[2])
        source = int(ssrc[2], 10 if decimal else 16)
    return Party(endpoint, source if source is not None and source < 1 << 32 else None)


def _text(value: bytes | None) -> str | None:
    return value[:MAX_TEXT].decode("utf-8", "replace") if value else None
