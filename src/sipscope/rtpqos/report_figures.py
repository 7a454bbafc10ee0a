"""What RTCP says of one stream, as the report and the screens take it."""

from dataclasses import dataclass
from typing import NamedTuple

from sipscope.decode.rtcp_xr import StatisticsSummary, VoipMetrics


class RoundTrip(NamedTuple):
    """The time from the capture point to one side and back, in ms.

    A report that asks passes the capture point, and later the answer to it; the time
    between, less the delay that the answer says it had, is the way there and back.

    Attributes:
        last_ms: The newest sample.
        least_ms: The shortest.
        mean_ms: Of all.
        most_ms: The longest.
        samples: How many there were.
    """

    last_ms: float
    least_ms: float
    mean_ms: float
    most_ms: float
    samples: int


@dataclass(frozen=True, slots=True)
class RtcpFigures:
    """What the two sides of a stream say of it; None is unknown.

    Attributes:
        encrypted: RTCP packets of its sender that cannot be read (SRTCP).
        reports: Report blocks about it.
        first: Time of the first of them, ns since the epoch.
        last: Time of the newest.
        reporter: SSRC of who receives it.
        fraction_lost_percent: Lost in the newest report's interval.
        worst_fraction_lost_percent: The highest of any report.
        cumulative_lost: Packets lost since its beginning, by the newest report; negative
            when duplicates came.
        highest_sequence: Extended highest sequence number received.
        jitter_ms: Interarrival jitter of the newest report.
        worst_jitter_ms: The highest of any report.
        receiver_echo: From here to the receiver and back, by LSR and DLSR.
        sender_echo: From here to the sender and back, by its answers to the receiver.
        receiver_dlrr: From here to the receiver and back, by DLRR.
        sender_dlrr: From here to the sender and back, by DLRR.
        sender_reports: Sender reports of it.
        sent_packets: By the newest of them, since its beginning.
        sent_octets: The same, of payload.
        cname: Canonical name of the sender, as it came.
        goodbye: When the sender said that it leaves, ns since the epoch.
        goodbye_reason: And why, as it came.
        voip: The newest VoIP metrics of the receiver (RFC 3611 section 4.7).
        summary: Its newest statistics summary (RFC 3611 section 4.6).
    """

    encrypted: int
    reports: int
    first: int | None
    last: int | None
    reporter: int | None
    fraction_lost_percent: float | None
    worst_fraction_lost_percent: float | None
    cumulative_lost: int | None
    highest_sequence: int | None
    jitter_ms: float | None
    worst_jitter_ms: float | None
    receiver_echo: RoundTrip | None
    sender_echo: RoundTrip | None
    receiver_dlrr: RoundTrip | None
    sender_dlrr: RoundTrip | None
    sender_reports: int
    sent_packets: int | None
    sent_octets: int | None
    cname: bytes | None
    goodbye: int | None
    goodbye_reason: bytes
    voip: VoipMetrics | None
    summary: StatisticsSummary | None

    @property
    def receiver_rtt(self) -> RoundTrip | None:
        """From here to the receiver and back."""
        return self.receiver_echo or self.receiver_dlrr

    @property
    def sender_rtt(self) -> RoundTrip | None:
        """From here to the sender and back."""
        return self.sender_echo or self.sender_dlrr

    @property
    def round_trip_ms(self) -> float | None:
        """Mean time between the two sides and back: both halves, else what the receiver says."""
        if self.receiver_rtt and self.sender_rtt:
            return self.receiver_rtt.mean_ms + self.sender_rtt.mean_ms
        return None if self.voip is None else self.voip.round_trip_ms
