"""The torture messages of RFC 4475 and RFC 5118: shown in full, with what is wrong with them."""

import csv
from functools import cache
from pathlib import Path

import pytest

from sipscope.decode.sdp import find_sdp, media_endpoints, parse_sdp
from sipscope.decode.sip import SipMessage, address, parse, read_head
from sipscope.decode.sip_framing import METHODS
from sipscope.decode.sip_heads import SMALL_BATCH
from tests.heads import rows

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"

PROBLEMS = {
    # RFC 4475 section 3.1.1: valid. What follows the first message of a datagram is passed over.
    "dblreq": {"sip.trailing"},
    # Section 3.1.2: invalid.
    "badinv01": {"sip.parameter"},
    "clerr": {"sip.content-length"},
    "ncl": {"sip.content-length"},
    "scalar02": {"sip.cseq", "sip.number"},
    "scalarlg": {"sip.cseq", "sip.number"},
    "quotbal": {"sip.quote"},
    "ltgtruri": {"sip.request-uri"},
    "lwsruri": {"sip.request-uri"},
    "lwsstart": {"sip.start-line"},
    "trws": {"sip.start-line"},
    "escruri": {"sip.request-uri"},
    "baddate": {"sip.date"},
    "regbadct": {"sip.address"},
    "badaspec": {"sip.address"},
    "baddn": {"sip.display-name"},
    "badvers": {"sip.version"},
    "mismatch01": {"sip.cseq-method"},
    "mismatch02": {"sip.cseq-method"},
    "bigcode": {"sip.status"},
    # Sections 3.2 and 3.3: what only a transaction or an application refuses.
    "badbranch": {"sip.branch"},
    "insuf": {"sip.mandatory"},
    "unkscm": {"sip.request-uri"},
    "novelsc": {"sip.request-uri"},
    "unksm2": {"sip.address"},
    "multi01": {"sip.repeated"},
    "mcl01": {"sip.repeated", "sip.trailing"},
    # RFC 5118. Three bodies are some line ends longer than their Content-Length.
    "ipv6-bad": {"sip.request-uri"},
    "ipv6-in-sdp": {"sip.trailing"},
    "mult-ip-in-sdp": {"sip.trailing"},
    "ipv4-mapped-ipv6": {"sip.trailing"},
}
"""Codes of what is noted; nothing is noted of the other messages."""

MALFORMED = {
    *("clerr", "ncl", "scalar02", "scalarlg", "badvers", "mismatch01", "mismatch02", "bigcode"),
    *("insuf", "multi01", "mcl01"),
}

UNUSUAL_METHODS = {
    "intmeth": "!interesting-Method0123456789_*+`.%indeed'~",
    "esc02": "RE%47IST%45R",
    "mismatch02": "NEWMETHOD",
}

PARTIES = {
    "wsinv": ('J Rosenberg \\"', "jdrosen", "example.com"),
    "esc01": (None, "I%20have%20spaces", "example.net"),
    "escnull": (None, "null-%00-null", "example.com"),
    "lwsdisp": ("caller", "caller", "example.com"),
    "semiuri": (None, "caller", "example.org"),
    "baddn": ("Bell, Alexander", "a.g.bell", "example.com"),
    "badaspec": ("Bell, Alexander", "a.g.bell", "example.com"),
    "inv2543": (None, "+13035551111", "ift.client.example.net"),
    "unksm2": (None, None, "//www.example.com"),
}


@cache
def torture() -> dict[str, bytes]:
    """The messages by name."""
    index = CORPUS / "torture" / "INDEX.tsv"
    if not index.is_file():
        return {}
    with index.open(newline="", encoding="utf-8") as lines:
        return {
            row["test_name"]: (CORPUS / row["file"]).read_bytes()
            for row in csv.DictReader(lines, delimiter="\t")
            if row["rfc"].startswith("RFC")
        }


@pytest.fixture
def messages() -> dict[str, bytes]:
    if not torture():
        pytest.skip("the shared corpus is not here")
    assert len(torture()) == 49 + 12
    return torture()


def read(raw: bytes) -> SipMessage:
    message = parse(raw)
    assert message is not None
    return message


def test_every_message_is_sip_and_keeps_its_bytes(messages: dict[str, bytes]) -> None:
    assert [name for name, raw in messages.items() if read(raw).raw != raw] == []


def test_what_is_noted_of_each_message(messages: dict[str, bytes]) -> None:
    noted = {
        name: {problem.code for problem in read(raw).problems} for name, raw in messages.items()
    }
    assert {name: codes for name, codes in noted.items() if codes} == PROBLEMS


def test_each_problem_lies_within_its_message(messages: dict[str, bytes]) -> None:
    for raw in messages.values():
        offsets = [problem.offset for problem in read(raw).problems]
        assert offsets == sorted(offsets)
        assert all(0 <= offset <= len(raw) for offset in offsets)


def test_which_messages_peers_refuse(messages: dict[str, bytes]) -> None:
    heads = {name: read_head(raw) for name, raw in messages.items()}
    assert {name for name, head in heads.items() if head and head.malformed} == MALFORMED


def test_each_message_has_its_method_and_call_id(messages: dict[str, bytes]) -> None:
    for name, raw in messages.items():
        head = read_head(raw)
        assert head is not None
        assert UNUSUAL_METHODS.get(name, head.method) == head.method
        assert name in UNUSUAL_METHODS or head.method.encode() in METHODS
        assert (head.call_id == b"") == (name == "insuf")


def test_who_calls(messages: dict[str, bytes]) -> None:
    found = {name: address(read(messages[name]).get(b"from")) for name in PARTIES}
    parties = {name: (party.display, party.user, party.host) for name, party in found.items()}
    assert parties == PARTIES


def test_heads_in_bulk_are_the_same(messages: dict[str, bytes]) -> None:
    raws = [*messages.values()]
    assert len(raws) > SMALL_BATCH
    assert rows(raws) == [read_head(raw) for raw in raws]


def test_session_descriptions_of_ipv6(messages: dict[str, bytes]) -> None:
    hosts = {
        name: [str(endpoint) for endpoint in media_endpoints(raw, read(raw).body_offset)]
        for name, raw in messages.items()
        if name in ("ipv6-in-sdp", "mult-ip-in-sdp", "ipv4-mapped-ipv6")
    }
    assert hosts == {
        "ipv6-in-sdp": ["[2001:db8::20]:6000", "[2001:db8::20]:6024"],
        "mult-ip-in-sdp": ["192.0.2.1:22334", "[2001:db8::1]:6024"],
        "ipv4-mapped-ipv6": ["[::ffff:192.0.2.2]:6000", "[::ffff:192.0.2.2]:6024"],
    }


def test_both_ways_to_the_media_of_each_message_agree(messages: dict[str, bytes]) -> None:
    for raw in messages.values():
        start = read(raw).body_offset
        described = parse_sdp(find_sdp(raw[start:]))
        expected = [media.endpoint for media in described if media.rtp]
        assert media_endpoints(raw, start) == expected
