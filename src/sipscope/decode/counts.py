"""What was captured but not read, counted by reason."""

from dataclasses import dataclass


@dataclass(slots=True)
class NetworkCounts:
    """Counters of the way from packets to SIP and RTP; they only grow.

    Attributes:
        truncated: Packets of which the capture holds fewer bytes than were on the wire.
        not_ip: Packets that carry neither IPv4 nor IPv6, or an unknown link type.
        other_protocol: IP packets with neither UDP nor TCP.
        malformed: Packets, whole in the capture, whose headers contradict each other or
            do not fit.
        encapsulation_too_deep: Packets with more headers inside each other than are read.
        fragments_incomplete: Fragmented packets of which a part never came.
        fragments_evicted: Fragmented packets given up because there were too many.
        fragments_overlapping: Fragmented packets dropped because their parts contradict
            each other.
        duplicates: Datagrams that were captured once more.
        tcp_gaps: Holes in TCP streams that were never filled.
        tcp_evicted: TCP streams given up because there were too many, or one held too much.
    """

    truncated: int = 0
    not_ip: int = 0
    other_protocol: int = 0
    malformed: int = 0
    encapsulation_too_deep: int = 0
    fragments_incomplete: int = 0
    fragments_evicted: int = 0
    fragments_overlapping: int = 0
    duplicates: int = 0
    tcp_gaps: int = 0
    tcp_evicted: int = 0
