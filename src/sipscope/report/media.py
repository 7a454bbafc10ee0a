"""The media facts of dialogs and streams as the report has them."""

from typing import Any

from sipscope.calls.media_facts import Direction, InfoDigit, MediaFacts, StreamMedia
from sipscope.report.values import moment, rounded
from sipscope.rtpqos.dtmf import Digit

Object = dict[str, Any]


def dialog_media(facts: MediaFacts) -> Object:
    """Return the `media` object of a dialog."""
    fax = facts.fax
    return {
        "one_way": facts.one_way,
        "held": facts.held,
        "dscp_differs": facts.dscp_differs,
        "directions": [_direction(way) for way in facts.directions],
        "t38": fax is not None,
        "t38_accepted": None if fax is None else fax.accepted,
        "t38_packets": None if fax is None else fax.packets,
        "dtmf": [_info_digit(digit) for digit in facts.info_digits],
    }


def stream_media_fields(media: StreamMedia) -> Object:
    """Return what the media facts have to tell of a stream."""
    unnegotiated = media.unnegotiated
    return {
        "media": media.media,
        "srtp": media.srtp,
        "codecs": list(media.codecs),
        "negotiated_ptime_ms": media.negotiated_ptime_ms,
        "unnegotiated_payload_types": None if unnegotiated is None else list(unnegotiated),
        "comfort_noise": media.comfort_noise,
        "silence_suppression": media.silence_suppression,
        "dscp_changes": media.dscp_changes,
        "announced_source": None if media.announced is None else str(media.announced),
        "dtmf": media.dtmf,
        "dtmf_events": None if media.digits is None else [_digit(d) for d in media.digits],
    }


def _direction(way: Direction) -> Object:
    return {
        "from": str(way.sender),
        "to": str(way.receiver),
        "expected_s": rounded(way.expected_s),
        "streams": list(way.streams),
        "packets": way.packets,
        "dscp": list(way.dscp),
    }


def _digit(digit: Digit) -> Object:
    return {
        "digit": digit.digit,
        "time": moment(digit.time),
        "duration_ms": rounded(digit.duration_ms),
        "ended": digit.ended,
        "negotiated": digit.negotiated,
        "payload_type": digit.payload_type,
    }


def _info_digit(digit: InfoDigit) -> Object:
    return {
        "digit": digit.digit,
        "time": moment(digit.time),
        "duration_ms": digit.duration_ms,
        "source": str(digit.source),
        "message": digit.message,
        "status": digit.status,
    }
