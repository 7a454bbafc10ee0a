"""Session descriptions: where media go, in which format, and the quick way to the same ends."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.address import Endpoint, parse_address
from sipscope.decode.sdp import (
    MAX_MEDIA,
    Format,
    MediaDescription,
    find_sdp,
    media_endpoints,
    parse_sdp,
)

OFFER = (
    b"v=0\r\n"
    b"o=- 1 1 IN IP4 192.0.2.21\r\n"
    b"s=-\r\n"
    b"c=IN IP4 192.0.2.21\r\n"
    b"t=0 0\r\n"
    b"m=audio 40000 RTP/AVP 8 0 101\r\n"
    b"a=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-16\r\n"
    b"a=ptime:20\r\n"
    b"a=sendrecv\r\n"
)
PHONE = bytes([192, 0, 2, 21])
HEAD = b"INVITE sip:b@example.com SIP/2.0\r\nCall-ID: 1\r\n\r\n"


def endpoint(host: str, port: int) -> Endpoint:
    address = parse_address(host)
    assert address is not None
    return Endpoint(address, port)


def only(sdp: bytes) -> MediaDescription:
    (media,) = parse_sdp(sdp)
    return media


def session(*lines: bytes) -> bytes:
    return b"".join(line + b"\r\n" for line in (b"v=0", *lines))


def test_an_offer() -> None:
    assert parse_sdp(OFFER) == [
        MediaDescription(
            kind="audio",
            endpoint=Endpoint(PHONE, 40000),
            rtcp=Endpoint(PHONE, 40001),
            profile="RTP/AVP",
            payload_types=(8, 0, 101),
            formats={8: Format("PCMA", 8000), 101: Format("telephone-event", 8000)},
            ptime_ms=20,
            direction="sendrecv",
        )
    ]


def test_lines_that_end_with_a_bare_line_feed() -> None:
    assert parse_sdp(OFFER.replace(b"\r\n", b"\n")) == parse_sdp(OFFER)


def test_nothing_to_describe() -> None:
    assert parse_sdp(b"") == []
    assert parse_sdp(session(b"s=-", b"c=IN IP4 192.0.2.1")) == []


class TestConnection:
    def test_of_the_section_goes_before_that_of_the_session(self) -> None:
        sdp = session(
            *(b"c=IN IP4 192.0.2.1", b"m=audio 4000 RTP/AVP 0", b"c=IN IP6 2001:db8::1"),
            *(b"m=video 4002 RTP/AVP 31",),
        )
        assert [media.endpoint for media in parse_sdp(sdp)] == [
            endpoint("2001:db8::1", 4000),
            endpoint("192.0.2.1", 4002),
        ]

    def test_multicast_with_time_to_live(self) -> None:
        sdp = session(b"c=IN IP4 224.2.36.42/127/3", b"m=audio 4000/2 RTP/AVP 0")
        assert only(sdp).endpoint == endpoint("224.2.36.42", 4000)

    def test_the_first_of_several(self) -> None:
        sdp = session(b"m=audio 4000 RTP/AVP 0", b"c=IN IP4 192.0.2.1", b"c=IN IP4 192.0.2.2")
        assert only(sdp).endpoint == endpoint("192.0.2.1", 4000)

    @pytest.mark.parametrize(
        "line",
        [
            b"c=IN IP4 pbx.example.com",
            b"c=IN IP4 192.0.2.256",
            b"c=IN IP4 192.0.2.1\x1b[2J",
            b"c=IN IP6 fe80::1%eth0",
            b"c=IN IP4 " + b"1" * 4096,
            b"c=ATM NSAP 47.0091",
            b"i=c=IN IP4 192.0.2.9",
        ],
    )
    def test_that_names_no_numeric_address(self, line: bytes) -> None:
        assert only(session(line, b"m=audio 4000 RTP/AVP 0")).endpoint is None
        assert media_endpoints(session(line, b"m=audio 4000 RTP/AVP 0"), 0) == []

    def test_a_host_name_in_the_section_hides_the_address_of_the_session(self) -> None:
        sdp = session(b"c=IN IP4 192.0.2.1", b"m=audio 4000 RTP/AVP 0", b"c=IN IP4 pbx.example")
        assert only(sdp).endpoint is None


class TestMedia:
    def test_several_sections(self) -> None:
        sdp = session(
            *(b"c=IN IP4 192.0.2.1", b"m=audio 4000 RTP/AVP 0", b"a=sendonly"),
            *(b"m=image 4002 udptl t38", b"m=Video 4004 UDP/TLS/RTP/SAVPF 96"),
        )
        media = parse_sdp(sdp)
        assert [each.kind for each in media] == ["audio", "image", "video"]
        assert [each.rtp for each in media] == [True, False, True]
        assert [each.direction for each in media] == ["sendonly", "sendrecv", "sendrecv"]
        assert media[1].payload_types == ()

    def test_a_port_of_0_refuses_the_media(self) -> None:
        media = only(session(b"c=IN IP4 192.0.2.1", b"m=audio 0 RTP/AVP 0"))
        assert (media.endpoint, media.rtcp, media.rtp) == (endpoint("192.0.2.1", 0), None, False)

    @pytest.mark.parametrize(
        "line",
        [
            b"m=",
            b"m=audio",
            b"m=audio 65536 RTP/AVP 0",
            b"m=audio 123456 RTP/AVP 0",
            b"m=audio -1 RTP/AVP 0",
            b"m=audio 4_0 RTP/AVP 0",
            b"m=audio \xd9\xa3\xd9\xa3 RTP/AVP 0",
            b"m=audio 4000",
            b"m=" + b"a" * 60000,
        ],
    )
    def test_a_section_that_makes_no_sense_is_passed_over_with_its_lines(self, line: bytes) -> None:
        sdp = session(
            *(b"m=audio 4000 RTP/AVP 0", b"c=IN IP4 192.0.2.1", line, b"c=IN IP4 192.0.2.2"),
            *(b"m=audio 4002 RTP/AVP 0", b"c=IN IP4 192.0.2.3"),
        )
        expected = [endpoint("192.0.2.1", 4000), endpoint("192.0.2.3", 4002)]
        assert [media.endpoint for media in parse_sdp(sdp)] == expected
        assert media_endpoints(sdp, 0) == expected

    def test_only_so_many_sections_are_read(self) -> None:
        sdp = session(b"c=IN IP4 192.0.2.1", *[b"m=audio 4000 RTP/AVP 0"] * 1000)
        assert len(parse_sdp(sdp)) == len(media_endpoints(sdp, 0)) == MAX_MEDIA == 64

    def test_payload_types_are_plain_digits(self) -> None:
        media = only(session(b"m=audio 4000 RTP/AVP 8 1_0 +5 \xd9\xa3 9999 a 101"))
        assert media.payload_types == (8, 101)


class TestAttributes:
    @pytest.mark.parametrize(
        ("line", "formats"),
        [
            (b"a=rtpmap:9 G722/8000", {9: Format("G722", 8000)}),
            (b"a=rtpmap:111 opus/48000/2", {111: Format("opus", 48000)}),
            (b"a=rtpmap:9 G722/0", {}),
            (b"a=rtpmap:9 G722/1_0", {9: Format("G722", 1)}),
            (b"a=rtpmap:9 G722", {}),
            (b"a=rtpmap:x G722/8000", {}),
            (b"b=a=rtpmap:9 G722/8000", {}),
        ],
    )
    def test_formats(self, line: bytes, formats: dict[int, Format]) -> None:
        assert only(session(b"m=audio 4000 RTP/AVP 9", line)).formats == formats

    @pytest.mark.parametrize(
        ("line", "ptime"),
        [
            (b"a=ptime:30", 30),
            (b"a=maxptime:60", None),
            (b"a=ptime:x", None),
            (b"b=a=ptime:9", None),
        ],
    )
    def test_packet_time(self, line: bytes, ptime: int | None) -> None:
        assert only(session(b"m=audio 4000 RTP/AVP 0", line)).ptime_ms == ptime

    @pytest.mark.parametrize(
        ("line", "rtcp"),
        [
            (b"a=rtcp:53020", endpoint("192.0.2.1", 53020)),
            (b"a=rtcp:53020 IN IP4 198.51.100.4", endpoint("198.51.100.4", 53020)),
            (b"a=rtcp:53020 IN IP6 2001:db8::4", endpoint("2001:db8::4", 53020)),
            (b"a=rtcp:53020 IN IP4 pbx.example.com", endpoint("192.0.2.1", 53020)),
            (b"a=rtcp:99999", endpoint("192.0.2.1", 65535)),
            (b"a=rtcp-mux", endpoint("192.0.2.1", 4001)),
        ],
    )
    def test_where_rtcp_goes(self, line: bytes, rtcp: Endpoint) -> None:
        assert only(session(b"c=IN IP4 192.0.2.1", b"m=audio 4000 RTP/AVP 0", line)).rtcp == rtcp

    def test_rtcp_has_no_port_above_the_last(self) -> None:
        media = only(session(b"c=IN IP4 192.0.2.1", b"m=audio 65535 RTP/AVP 0"))
        assert media.rtcp == endpoint("192.0.2.1", 65535)

    @pytest.mark.parametrize("direction", ["sendrecv", "sendonly", "recvonly", "inactive"])
    def test_direction_of_the_section_and_of_the_session(self, direction: str) -> None:
        line = b"a=" + direction.encode()
        assert only(session(b"m=audio 4000 RTP/AVP 0", line)).direction == direction
        assert only(session(line, b"m=audio 4000 RTP/AVP 0")).direction == direction
        both = session(b"a=recvonly", b"m=audio 4000 RTP/AVP 0", line)
        assert only(both).direction == direction

    @pytest.mark.parametrize("line", [b"a=sendonlyx", b"a= sendonly", b"b=a=sendonly"])
    def test_what_is_no_direction(self, line: bytes) -> None:
        assert only(session(b"m=audio 4000 RTP/AVP 0", line)).direction == "sendrecv"

    @pytest.mark.parametrize("line", [b"c=IN IP4 0.0.0.0", b"c=IN IP6 ::"])
    def test_no_address_means_on_hold(self, line: bytes) -> None:
        assert only(session(line, b"m=audio 4000 RTP/AVP 0")).direction == "inactive"


class TestFinding:
    def test_a_body_that_is_sdp(self) -> None:
        assert find_sdp(OFFER) == OFFER

    @pytest.mark.parametrize("end", [b"\r\n", b"\n"])
    def test_a_part_of_a_multipart_body(self, end: bytes) -> None:
        offer = OFFER.replace(b"\r\n", end)
        lines = [b"--b", b"Content-Type: application/sdp", b"", offer + b"--b"]
        isup = [b"Content-Type: application/ISUP", b"", b"\x01\x00m=audio 9 RTP/AVP 0", b"--b--"]
        body = end.join([*lines, *isup])
        assert find_sdp(body) == offer
        assert media_endpoints(HEAD + body, len(HEAD)) == [Endpoint(PHONE, 40000)]

    @pytest.mark.parametrize("body", [b"", b"\r\n", b"Signal=5\r\n", b"xv=0\r\n", b"--b\r\n--b--"])
    def test_a_body_without_sdp(self, body: bytes) -> None:
        assert find_sdp(body) == b""
        assert media_endpoints(HEAD + body, len(HEAD)) == []

    def test_the_headers_are_not_the_body(self) -> None:
        head = HEAD.replace(b"Call-ID", b"m=audio 9 RTP/AVP 0\r\nc=IN IP4 192.0.2.9\r\nCall-ID")
        assert media_endpoints(head + OFFER, len(head)) == [Endpoint(PHONE, 40000)]


LINES = st.sampled_from(
    [
        b"v=0",
        b"s=-",
        b"c=IN IP4 192.0.2.1",
        b"c=in ip4  192.0.2.2/127",
        b"c=IN IP6 2001:db8::1",
        b"c=IN IP4 pbx.example.com",
        b"c=IN IP4 0.0.0.0",
        b"c=IN IP4",
        b"c=IN IP4 " + b"1" * 70,
        b" c=IN IP4 192.0.2.3",
        b"xc=IN IP4 192.0.2.4",
        b"m=audio 4000 RTP/AVP 0",
        b"m=audio  4002/2  RTP/SAVP 8 0",
        b"m=video 4004 UDP/TLS/RTP/SAVPF 96",
        b"m=image 4006 udptl t38",
        b"m=audio 0 RTP/AVP 0",
        b"m=audio 65536 RTP/AVP 0",
        b"m=audio 4008 RTP/AVP",
        b"m=audio 4010",
        b"m=",
        b"M=audio 4012 RTP/AVP 0",
        b" m=audio 4014 RTP/AVP 0",
        b"a=sendonly",
        b"",
        b"\x00\xff",
        b"--b",
    ]
)


@given(st.lists(st.tuples(LINES, st.sampled_from([b"\r\n", b"\r\n", b"\n", b"\r", b""]))))
def test_the_quick_way_finds_the_endpoints_that_parsing_finds(
    lines: list[tuple[bytes, bytes]],
) -> None:
    body = b"v=0\r\n" + b"".join(line + end for line, end in lines)
    expected = [media.endpoint for media in parse_sdp(find_sdp(body)) if media.rtp]
    assert media_endpoints(HEAD + body, len(HEAD)) == expected
    assert media_endpoints(HEAD + body, len(HEAD) - 2) == expected


def test_fifty_thousand_mutated_descriptions() -> None:
    generator = random.Random(4566)
    for _ in range(50_000):
        body = bytearray(OFFER)
        for _ in range(generator.randrange(1, 5)):
            start = generator.randrange(5, len(body) + 1)
            part = body[start : start + generator.randrange(40)]
            body[start : start + generator.randrange(3)] = generator.choice(
                (b"", part, part.swapcase(), bytes([generator.randrange(256)]), b"\r\nm=", b"\nc=")
            )
        sdp = bytes(body)
        expected = [media.endpoint for media in parse_sdp(find_sdp(sdp)) if media.rtp]
        assert media_endpoints(HEAD + sdp, len(HEAD)) == expected


@given(st.binary(max_size=300))
def test_any_bytes_can_be_parsed(data: bytes) -> None:
    assert len(parse_sdp(data)) <= MAX_MEDIA
    assert len(media_endpoints(b"\nv=0\n" + data, 1)) <= MAX_MEDIA


@pytest.mark.parametrize(
    "piece",
    [
        b"m=",
        b"\nm=a 1 RTP/A ",
        b"c=IN IP4 ",
        b"\nc=IN IP4 1",
        b" ",
        b"\n",
        b"\na=rtpmap:1 a/",
        b"1",
    ],
)
def test_time_grows_with_the_length_only(piece: bytes) -> None:
    def seconds() -> float:
        sdp = OFFER + piece * (60_000 // len(piece))
        began = time.process_time()
        parse_sdp(sdp)
        media_endpoints(sdp, 0)
        return time.process_time() - began

    assert min(seconds() for _ in range(3)) < 0.15


class TestSecurity:
    @pytest.mark.parametrize(
        ("profile", "attribute", "keying", "secure"),
        [
            (b"RTP/AVP", b"a=mid:1", (), False),
            (b"RTP/SAVP", b"a=mid:1", (), True),
            (b"UDP/TLS/RTP/SAVPF", b"a=fingerprint:sha-256 AB:CD", ("dtls",), True),
            (b"RTP/AVP", b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x", ("sdes",), True),
            (b"RTP/AVP", b"a=zrtp-hash:1.10 fe30", ("zrtp",), None),
            (b"RTP/AVP", b"a=cryptography:1", (), False),
        ],
    )
    def test_by_profile_and_keys(
        self, profile: bytes, attribute: bytes, keying: tuple[str, ...], secure: bool | None
    ) -> None:
        sdp = session(b"c=IN IP4 192.0.2.1", b"m=audio 4000 %b 0" % profile, attribute)
        assert (only(sdp).keying, only(sdp).secure) == (keying, secure)

    def test_a_fingerprint_of_the_session_holds_for_every_section(self) -> None:
        sdp = session(
            *(b"c=IN IP4 192.0.2.1", b"a=fingerprint:sha-256 AB"),
            *(b"m=audio 4000 UDP/TLS/RTP/SAVPF 0", b"a=crypto:1 x", b"m=video 4002 RTP/AVP 31"),
        )
        assert [media.keying for media in parse_sdp(sdp)] == [("sdes", "dtls"), ("dtls",)]


@pytest.mark.parametrize(
    ("line", "udptl"),
    [
        (b"m=image 4000 udptl t38", True),
        (b"m=image 4000 UDPTL t38", True),
        (b"m=image 0 udptl t38", False),
        (b"m=image 4000 tcptl t38", False),
        (b"m=audio 4000 RTP/AVP 0", False),
    ],
)
def test_fax_over_udptl(line: bytes, udptl: bool) -> None:
    assert only(session(b"c=IN IP4 192.0.2.1", line)).udptl is udptl
