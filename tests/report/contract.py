"""The JSON contract of the report, version 1, as data: every key with the type of its value."""

import re
from collections.abc import Callable

MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
ENDPOINT = re.compile(r"(?:[0-9.]+|\[[0-9a-f:.]+\]):[0-9]{1,5}")

INVITE_STATES = {
    *("setup", "ringing", "in-call", "completed", "cancelled", "busy", "declined"),
    *("no-answer", "unauthorized", "diverted", "rejected", "failed"),
}
REGISTER_STATES = {"registered", "unregistered", "unauthorized", "rejected", "failed"}
OTHER_STATES = {"completed", "rejected", "failed", "pending"}

Check = Callable[[object], bool]


def is_text(value: object) -> bool:
    return isinstance(value, str)


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_number(value: object) -> bool:
    return type(value) in (int, float)


def is_flag(value: object) -> bool:
    return isinstance(value, bool)


def is_moment(value: object) -> bool:
    return isinstance(value, str) and MOMENT.fullmatch(value) is not None


def is_endpoint(value: object) -> bool:
    return isinstance(value, str) and ENDPOINT.fullmatch(value) is not None


def is_ssrc(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("0x[0-9a-f]{8}", value) is not None


def one_of(*values: str) -> Check:
    return lambda value: value in values


def maybe(check: object) -> Check:
    return lambda value: value is None or not breaches(check, value)


def each(check: object) -> Check:
    return lambda value: isinstance(value, list) and not any(breaches(check, v) for v in value)


def by_name(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def is_burst(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_count, value))


PARTY = {name: maybe(is_text) for name in ("display", "user", "host", "tag")}

CAPTURE = {
    "sources": each(
        {
            "name": is_text,
            "kind": is_text,
            "packets": is_count,
            "bytes": is_count,
            "kernel_drops": maybe(is_count),
            "truncated_packets": is_count,
            "damaged": maybe(is_text),
        }
    ),
    "first": maybe(is_moment),
    "last": maybe(is_moment),
    **dict.fromkeys(
        ("sip_messages", "rtp_packets", "rtcp_packets", "malformed", "duplicates"), is_count
    ),
}

DIALOG = {
    "call_id": is_text,
    "method": is_text,
    "state": one_of(*INVITE_STATES, *REGISTER_STATES, *OTHER_STATES),
    "from": PARTY,
    "to": PARTY,
    "request_uri": maybe(is_text),
    "source": is_endpoint,
    "destination": is_endpoint,
    "transport": is_text,
    "encapsulation": each(is_text),
    "started": is_moment,
    **dict.fromkeys(("pdd_ms", "ring_ms", "setup_ms", "talk_s"), maybe(is_number)),
    "total_s": is_number,
    "messages": is_count,
    "retransmissions": is_count,
    "final_status": maybe(is_count),
    "reason": maybe(is_text),
    "user_agents": each(is_text),
    "codecs": each(is_text),
    "group": is_count,
    "streams": each(is_count),
    "mos": maybe(is_number),
    "findings": each(is_text),
}

INTERVAL = {
    "start": is_moment,
    "packets": is_count,
    "lost": is_count,
    "jitter_ms": maybe(is_number),
    "delta_max_ms": maybe(is_number),
    "mos": maybe(is_number),
}


def figures(*names: str) -> dict[str, Check]:
    return dict.fromkeys(names, maybe(is_number))


STREAM = {
    "id": is_count,
    "call_id": maybe(is_text),
    "ssrc": is_ssrc,
    "source": is_endpoint,
    "destination": is_endpoint,
    "codec": maybe(is_text),
    "payload_types": each(is_count),
    "clock_rate": maybe(is_count),
    "ptime_ms": maybe(is_number),
    "dscp": maybe(is_count),
    "srtp": maybe(is_flag),
    "first": is_moment,
    "duration_s": is_number,
    **dict.fromkeys(
        ("packets", "expected", "lost", "duplicates", "out_of_order", "restarts"), is_count
    ),
    "loss_percent": is_number,
    "delta_ms": figures("min", "mean", "max"),
    "jitter_ms": figures("mean", "max", "last"),
    **figures("skew_ms", "drift_ppm", "effective_hz", "longest_gap_ms", "burst_ratio"),
    "loss_bursts": each(is_burst),
    "discarded": maybe(is_count),
    **figures("r_factor", "mos", "mos_min"),
    "mos_band": maybe(one_of("nb", "wb", "fb")),
    "mos_grade": maybe(one_of("published", "estimate", "out-of-range")),
    "causes": each(is_text),
    "wireshark": maybe(
        {
            "expected": is_count,
            "lost": is_number,
            "loss_percent": is_number,
            "sequence_errors": is_count,
            "delta_ms": figures("min", "mean", "max"),
            "jitter_ms": figures("min", "mean", "max"),
            **figures("max_skew_ms", "drift_ms", "drift_percent"),
            "problem": is_flag,
        }
    ),
    "rtcp": maybe(lambda value: isinstance(value, dict)),
    "dtmf": maybe(is_text),
    "capture_loss_possible": is_flag,
    "intervals": each(INTERVAL),
}

REGISTRATION = {
    **dict.fromkeys(("aor", "contact", "user_agent"), maybe(is_text)),
    "source": is_endpoint,
    "state": one_of(*REGISTER_STATES),
    "expires_s": maybe(is_count),
    "first": is_moment,
    "last": is_moment,
    "attempts": is_count,
    "failures": is_count,
}

FINDING = {
    "code": is_text,
    "severity": is_text,
    "call_id": maybe(is_text),
    "title": is_text,
    "detail": is_text,
    "evidence": each({"message": maybe(is_count), "text": is_text}),
    "advice": is_text,
    "reference": maybe(is_text),
}

DOCUMENT = {
    "schema": lambda value: value == 1,
    "sipscope": is_text,
    "capture": CAPTURE,
    "dialogs": each(DIALOG),
    "streams": each(STREAM),
    "registrations": each(REGISTRATION),
    "findings": each(FINDING),
    "statistics": {name: by_name(is_count) for name in ("methods", "statuses", "states")},
}

LINES = {"dialog": DIALOG, "stream": STREAM, "registration": REGISTRATION, "finding": FINDING}


def breaches(expected: object, value: object, where: str = "") -> list[str]:
    """Return where a value is not as expected; further keys are allowed."""
    if not isinstance(expected, dict):
        assert callable(expected)
        return [] if expected(value) else [f"{where}: {value!r}"]
    if not isinstance(value, dict):
        return [f"{where}: no object"]
    missing = [f"{where}.{key} is missing" for key in expected if key not in value]
    wrong = [
        breach
        for key, check in expected.items()
        if key in value
        for breach in breaches(check, value[key], f"{where}.{key}")
    ]
    return missing + wrong


def states_of(method: str) -> set[str]:
    """Return the states that a dialog of a method may have."""
    return {"INVITE": INVITE_STATES, "REGISTER": REGISTER_STATES}.get(method, OTHER_STATES)
