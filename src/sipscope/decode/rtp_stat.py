"""Statistics that an end of a call puts into the headers of its BYE or of the answer.

No standard has them. `X-RTP-Stat` (AVM, AudioCodes, baresip, Obihai, Patton), `P-RTP-Stat`
(Cisco gateways) and `X-Siemens-RTP-Stats` share most of their names, which are of two
letters; `RTP-RxStat` and `RTP-TxStat` (Cisco and Snom phones) have words.
"""

import re
from itertools import zip_longest
from typing import Final

MAX_VALUE: Final = 4096
MAX_TEXT: Final = 64

Statistics = dict[str, float | str]
"""Values by name, see `NAMES`; what the header does not tell is not in it."""

_Names = dict[str, tuple[str, ...]]

_EACH_WAY: Final[_Names] = {
    "PS": ("packets_sent",),
    "PR": ("packets_received",),
    "ES": ("expected_sent",),
    "ER": ("expected_received",),
    "OS": ("octets_sent",),
    "OR": ("octets_received",),
    "PL": ("lost_received", "lost_sent"),
    "PD": ("discarded_received", "discarded_sent"),
    "JI": ("jitter_received", "jitter_sent"),
    "DL": ("round_trip_ms", "round_trip_min_ms", "round_trip_max_ms"),
    "LA": ("latency_ms",),
    "CS": ("setup_ms",),
    "CD": ("duration_s",),
    "DU": ("duration_s",),
    "MOS": ("mos",),
}
_RECEIVED: Final[_Names] = {
    "DUR": ("duration_s",),
    "PKT": ("packets_received",),
    "OCT": ("octets_received",),
    "LATEPKT": ("late_received",),
    "LOSTPKT": ("lost_received",),
    "AVGJIT": ("jitter_received",),
    "RX_PKTS": ("packets_received",),
    "TOTAL_RX_PKTS": ("packets_received",),
    "RX_PKTS_LOST": ("lost_received",),
}
_SENT: Final[_Names] = {
    "DUR": ("duration_s",),
    "PKT": ("packets_sent",),
    "OCT": ("octets_sent",),
    "TX_PKTS": ("packets_sent",),
    "TOTAL_TX_PKTS": ("packets_sent",),
}
_TEXTS: Final = {"EN": "encoder", "DE": "decoder", "EX": "reporter"}

HEADERS: Final[dict[bytes, _Names]] = {
    b"x-rtp-stat": _EACH_WAY,
    b"x-rtp-stats": _EACH_WAY,
    b"x-rtp-statistics": _EACH_WAY,
    b"p-rtp-stat": _EACH_WAY,
    b"x-siemens-rtp-stats": _EACH_WAY,
    b"x-siemens-rtp-stats-list": _EACH_WAY,
    b"rtp-rxstat": _RECEIVED,
    b"rtp-txstat": _SENT,
}
"""Lower-case name of a header to what its numbers are called here."""

NAMES: Final = frozenset(
    name for names in (_EACH_WAY, _RECEIVED, _SENT) for each in names.values() for name in each
) | frozenset(_TEXTS.values())
"""The names in `Statistics`; packets, octets, ms and s as they say.

Jitter is in ms by the documents of all makers; some, such as baresip, send timestamp units.
"""

_NAME = re.compile(rb"(?:\A|(?<=[;,\s]))([A-Za-z_]{2,16})[ \t]?=")
_NUMBER = re.compile(rb"-?[0-9]{1,12}(?:\.[0-9]{1,6})?")


def parse_rtp_stat(name: bytes, value: bytes) -> Statistics:
    """Return what a header tells; nothing when the header is not one of `HEADERS`.

    "Received" is what who sends the header received. Parameters that are unknown or are no
    number are passed over.

    Args:
        name: Of the header, in lower case.
        value: Of the header.
    """
    numbers = HEADERS.get(name)
    statistics = Statistics()
    if numbers is None:
        return statistics
    value = value[:MAX_VALUE]
    names = list(_NAME.finditer(value))
    for match, following in zip_longest(names, names[1:]):
        end = following.start() if following else len(value)
        # A comma separates parameters, or several numbers of one; a semicolon only the former.
        words = value[match.end() : end].partition(b";")[0].strip(b" \t\r\n,")
        key = match[1].decode("ascii").upper()
        if words and key in _TEXTS:
            statistics.setdefault(_TEXTS[key], words[:MAX_TEXT].decode("utf-8", "replace"))
        for target, number in zip(numbers.get(key, ()), words.split(b","), strict=False):
            if _NUMBER.fullmatch(number.strip()):
                statistics.setdefault(target, float(number) if b"." in number else int(number))
    return statistics
