"""What is known of one RTP stream beside its figures."""

from collections.abc import Mapping

from sipscope.decode.address import Flow
from sipscope.decode.rtp import PAYLOAD_TYPES, is_speech
from sipscope.decode.sdp import Format
from sipscope.rtpqos.codecs import Coding, coding_of

_WITHOUT_FORMAT = {1: 8, 2: 8}
"""Payload types that RFC 3551 reserves and Wireshark gives a clock."""


class Stream:
    """What is kept of a stream beside its row of columns.

    Attributes:
        main: The speech payload type with the most packets; None before the first packet.
        coding: The codec of that payload type; None when its quality is not known.
    """

    __slots__ = (
        "accepted",
        "coding",
        "flow",
        "formats",
        "gone",
        "id",
        "local",
        "main",
        "payload_types",
        "pinned",
        "ptime_ms",
        "row",
        "ssrc",
    )

    def __init__(self, number: int, flow: Flow, ssrc: int) -> None:
        self.id = number
        self.flow = flow
        self.ssrc = ssrc
        self.row = -1
        self.local = -1
        self.accepted = self.pinned = self.gone = False
        self.formats: Mapping[int, Format] = {}
        self.ptime_ms: int | None = None
        self.payload_types: dict[int, int] | None = None
        self.main: int | None = None
        self.coding: Coding | None = None

    def describe(self, formats: Mapping[int, Format], ptime_ms: int | None) -> None:
        """Take what signalling negotiated."""
        self.formats = formats
        self.ptime_ms = ptime_ms
        self._settle()

    def format(self, payload_type: int) -> Format | None:
        """Return what the payload type means; the static ones cannot be redefined."""
        return PAYLOAD_TYPES.get(payload_type) or self.formats.get(payload_type)

    def clock(self, payload_type: int) -> int:
        """Return the clock rate of a speech payload type, 0 for others and when unknown."""
        known = self.format(payload_type)
        if known is None or not is_speech(known.name) or not 0 < known.clock_rate < 1 << 31:
            return 0
        return known.clock_rate

    def wireshark_kilohertz(self, payload_type: int) -> int:
        """Return the clock that Wireshark uses, in whole kHz; 0 for events and when unknown."""
        known = self.format(payload_type)
        if payload_type in _WITHOUT_FORMAT:
            return _WITHOUT_FORMAT[payload_type]
        if known is None or known.name.lower().startswith("telephone-event"):
            return 0
        return known.clock_rate // 1000 if 0 < known.clock_rate < 1 << 31 else 0

    def may_be_speech(self, payload_type: int) -> bool:
        """Whether the payload type may be the stream's main one."""
        known = self.format(payload_type)
        return known is None or is_speech(known.name)

    @property
    def codec(self) -> Format | None:
        """What the main payload type means."""
        return None if self.main is None else self.format(self.main)

    @property
    def not_speech(self) -> tuple[str, ...]:
        """Names of the payload types that are no speech, in the order seen.

        In a stream whose codec is known, that may be one that is not known, too.
        """
        names = []
        for number in self.payload_types or {}:
            known = self.format(number)
            if known is not None and not is_speech(known.name):
                names.append(known.name)
            elif known is None and self.codec is not None:
                names.append(f"payload type {number}")
        return tuple(dict.fromkeys(names))

    def count(self, payload_type: int, packets: int) -> None:
        """Add to the packets of a payload type."""
        if self.payload_types is None:
            self.payload_types = {}
        self.payload_types[payload_type] = self.payload_types.get(payload_type, 0) + packets
        if payload_type != self.main:
            self._settle()

    def _settle(self) -> None:
        """Find the main payload type and its codec."""
        types = self.payload_types or {}
        speech = [number for number in types if self.may_be_speech(number)]
        self.main = max(speech or types, key=types.__getitem__, default=None)
        self.coding = coding_of(self.codec)
