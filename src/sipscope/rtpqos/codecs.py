"""What a codec costs: equipment impairment factor and robustness against loss (ITU-T G.113).

G.113 does not have every codec, and some of its values hold for one mode that neither a
header nor a name tells. What is taken by analogy, or for a mode that is only likely, is
marked as an estimate.
"""

from typing import NamedTuple

from sipscope.decode.sdp import Format
from sipscope.rtpqos.emodel import Band


class Coding(NamedTuple):
    """A codec in the E-model.

    Attributes:
        band: On whose scale.
        ie: Equipment impairment factor.
        bpl: Packet-loss robustness factor.
        published: Whether G.113 has `ie`.
        loss_published: Whether it has `bpl` too.
    """

    band: Band
    ie: float
    bpl: float
    published: bool
    loss_published: bool


G711_WITHOUT_CONCEALMENT = Coding("nb", 0, 4.3, True, True)
"""Of a receiver that plays silence for what is lost."""

_G711 = Coding("nb", 0, 25.1, True, True)
_WITHOUT_BPL = 10.0
"""Where G.113 gives no Bpl in narrowband: that of GSM-EFR, in the middle of the others."""

_CODINGS = {
    ("pcmu", 8000): _G711,
    ("pcma", 8000): _G711,
    ("g729", 8000): Coding("nb", 10, 19.0, True, True),
    # At 6.3 kbit/s with silence suppression, the only one with both values.
    ("g723", 8000): Coding("nb", 15, 16.1, True, True),
    ("gsm-efr", 8000): Coding("nb", 5, 10.0, True, True),
    ("gsm", 8000): Coding("nb", 20, _WITHOUT_BPL, False, False),
    ("gsm-hr-08", 8000): Coding("nb", 23, _WITHOUT_BPL, False, False),
    ("g726-40", 8000): Coding("nb", 2, _WITHOUT_BPL, True, False),
    ("g726-32", 8000): Coding("nb", 7, _WITHOUT_BPL, True, False),
    ("g726-24", 8000): Coding("nb", 25, _WITHOUT_BPL, True, False),
    ("g726-16", 8000): Coding("nb", 50, _WITHOUT_BPL, True, False),
    ("g728", 8000): Coding("nb", 7, _WITHOUT_BPL, True, False),
    # At 12.2 kbit/s, where it is GSM-EFR.
    ("amr", 8000): Coding("nb", 5, 10.0, False, False),
    ("ilbc", 8000): Coding("nb", 11, 32.0, False, False),
    ("speex", 8000): Coding("nb", 11, 19.0, False, False),
    # At 64 kbit/s; its clock is 8000 Hz by an old mistake (RFC 3551 section 4.5.2).
    ("g722", 8000): Coding("wb", 13, 4.6, False, False),
    ("g7221", 16000): Coding("wb", 13, 4.6, False, False),
    # At 12.65 kbit/s; G.113 has 1 to 41 for the others.
    ("amr-wb", 16000): Coding("wb", 13, 4.3, False, False),
    # At 13.2 kbit/s and super-wideband; G.113 has 7.2 to 22.7 for the others.
    ("evs", 16000): Coding("fb", 17.1, 11.7, False, False),
    # G.113 has nothing; that of EVS at 48 kbit/s.
    ("opus", 48000): Coding("fb", 10.2, 9.6, False, False),
}


def coding_of(known: Format | None) -> Coding | None:
    """Return the codec of a payload format, None when nothing is known of its quality.

    G.711 is taken to conceal losses (its appendix I), as nearly all receivers do.
    """
    return None if known is None else _CODINGS.get((known.name.lower(), known.clock_rate))
