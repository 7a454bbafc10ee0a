"""What a session description means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.calls.sdp_words import Meaning, sdp_words

HEAD = b"v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
AUDIO = b"m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"


def words(*lines: str, head: bytes = HEAD, media: bytes = AUDIO) -> list[Meaning]:
    return list(sdp_words(head + media + b"".join(f"{line}\r\n".encode() for line in lines)))


def about(label: str, found: list[Meaning]) -> list[str]:
    """What is said under a label, and in the lines that go on with it."""
    texts: list[str] = []
    current = ""
    for meaning in found:
        current = meaning.label or current
        if current == label:
            texts.append(meaning.text)
    return texts


def doubts(found: list[Meaning]) -> list[str]:
    return [meaning.text for meaning in found if meaning.doubtful]


def test_a_plain_offer_in_words() -> None:
    assert sdp_words(HEAD + AUDIO + b"a=fmtp:101 0-16\r\na=ptime:20\r\n") == (
        Meaning("Session id", "1, version 2"),
        Meaning("Audio", "receives at 192.0.2.9:4000, a public address"),
        Meaning("Encryption", "none: plain RTP"),
        Meaning("Formats", "8 PCMA  8 kHz  G.711 A-law, 64 kbit/s"),
        Meaning("", "101 telephone-event  8 kHz  DTMF digits as events (RFC 4733)  (0-16)"),
        Meaning("Packet time", "wants 20 ms of audio in a packet"),
        Meaning("Direction", "sends and receives"),
    )


@pytest.mark.parametrize(
    ("host", "text", "doubtful"),
    [
        ("10.1.2.3", "a private address: not reachable from outside without NAT help", True),
        ("172.31.0.1", "a private address: not reachable from outside without NAT help", True),
        ("192.168.88.21", "a private address: not reachable from outside without NAT help", True),
        ("100.64.0.1", "an address behind the provider's NAT", True),
        ("169.254.1.1", "a link-local address", True),
        ("127.0.0.1", "this host itself", True),
        ("239.1.1.1", "a multicast group", False),
        ("203.0.113.7", "a public address", False),
    ],
)
def test_addresses_are_told_by_their_kind(host: str, text: str, doubtful: bool) -> None:
    found = words(head=HEAD.replace(b"192.0.2.9", host.encode()))
    assert about("Audio", found) == [f"receives at {host}:4000, {text}"]
    assert (found[1].label, found[1].doubtful) == ("Audio", doubtful)


def test_a_private_ipv6_address_is_told_too() -> None:
    head = HEAD.replace(b"IP4 192.0.2.9", b"IP6 fd00::1")
    assert "private" in about("Audio", words(head=head))[0]


def test_a_host_name_is_told() -> None:
    head = HEAD.replace(b"c=IN IP4 192.0.2.9", b"c=IN IP4 media.example")
    assert about("Audio", words(head=head)) == ["receives at media.example, a name, not an address"]


def test_a_media_without_any_address_is_told() -> None:
    head = HEAD.replace(b"c=IN IP4 192.0.2.9\r\n", b"")
    assert about("Audio", words(head=head)) == ["without an address to send it to"]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("a=sendonly", "only sends: has the other side on hold"),
        ("a=recvonly", "only receives"),
        ("a=inactive", "neither sends nor receives: on hold"),
    ],
)
def test_hold_is_told(line: str, text: str) -> None:
    assert doubts(words(line)) == [text]


def test_the_old_way_to_hold_is_told() -> None:
    found = words(head=HEAD.replace(b"c=IN IP4 192.0.2.9", b"c=IN IP4 0.0.0.0"))
    assert about("Audio", found) == ["receives at 0.0.0.0:4000: nowhere, an old way to say hold"]
    assert about("Direction", found) == ["neither sends nor receives: on hold"]


def test_refused_media_are_told_and_no_more_of_them() -> None:
    found = words(media=b"m=video 0 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n")
    assert found[1:] == [Meaning("Video", "refused, or ended: port 0", True)]


def test_codecs_are_named_with_rate_and_channels() -> None:
    found = words("a=rtpmap:111 opus/48000/2", media=b"m=audio 4000 RTP/AVP 111\r\n")
    assert about("Formats", found)[0] == "111 opus  48 kHz  2 channels  Opus, 6 to 510 kbit/s"


def test_a_dynamic_payload_type_without_a_name_is_told() -> None:
    found = words(media=b"m=audio 4000 RTP/AVP 8 97 101\r\na=rtpmap:101 telephone-event/8000\r\n")
    assert doubts(found) == ["97: no name given for a dynamic payload type"]


def test_audio_without_telephone_events_is_told() -> None:
    found = words(media=b"m=audio 4000 RTP/AVP 8\r\n")
    assert doubts(found) == ["no telephone-event: DTMF goes in the audio or by INFO"]


def test_keys_in_the_sdp_are_told_with_their_cipher_and_never_shown() -> None:
    key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
    found = words(key, media=AUDIO.replace(b"RTP/AVP", b"RTP/SAVP"))
    assert about("Encryption", found) == [
        "SRTP, keys in the SDP (SDES)",
        "ciphers AES_CM_128_HMAC_SHA1_80",
    ]
    assert "c2VjcmV0" not in str(found)


def test_dtls_is_told_with_who_begins() -> None:
    media = AUDIO.replace(b"RTP/AVP", b"UDP/TLS/RTP/SAVPF")
    found = words("a=fingerprint:sha-256 AA:BB", "a=setup:actpass", media=media)
    assert about("Encryption", found) == [
        "SRTP, keys by DTLS, with quick feedback (AVPF)",
        "certificate told by its sha-256 fingerprint, either side may begin",
    ]


def test_srtp_without_keys_is_doubtful() -> None:
    assert doubts(words(media=AUDIO.replace(b"AVP", b"SAVP"))) == ["SRTP, but without keys"]


def test_zrtp_may_encrypt() -> None:
    found = words("a=zrtp-hash:1.10 abc")
    assert about("Encryption", found) == ["RTP that may become encrypted, keys by ZRTP"]


def test_candidates_are_told_by_their_kind() -> None:
    found = words(
        "a=ice-ufrag:abcd",
        "a=candidate:1 1 udp 2130706431 10.0.0.1 4000 typ host",
        "a=candidate:2 2 udp 2130706431 10.0.0.1 4001 typ host",
        "a=candidate:3 1 udp 1694498815 203.0.113.9 4000 typ srflx raddr 10.0.0.1 rport 4000",
        "a=candidate:4 1 udp 1 198.51.100.9 5000 typ relay",
    )
    assert about("ICE", found) == [
        "the address is found by trying candidates",
        "10.0.0.1 of its own",
        "203.0.113.9 as a STUN server sees it",
        "198.51.100.9 of a TURN relay",
    ]


def test_ice_lite_is_told() -> None:
    found = words("a=ice-lite", "a=ice-ufrag:abcd")
    assert about("ICE", found)[0] == "lite: answers checks, makes none"


def test_where_rtcp_goes_is_told_when_it_is_not_the_next_port() -> None:
    assert about("RTCP", words("a=rtcp-mux")) == ["on the same port as RTP"]
    assert about("RTCP", words("a=rtcp:5001")) == ["at 192.0.2.9:5001"]
    assert about("RTCP", words()) == []


def test_fax_is_told() -> None:
    media = b"m=image 4000 udptl t38\r\na=T38MaxBitRate:14400\r\n"
    found = words("a=T38FaxUdpEC:t38UDPRedundancy", media=media)
    assert found[2:] == [
        Meaning("Fax", "fax by T.38, at most 14400 bit/s, errors mended by redundancy")
    ]


def test_bandwidth_is_told_in_one_unit() -> None:
    assert about("Bandwidth", words("b=AS:80")) == ["at most 80 kbit/s"]
    assert about("Bandwidth", words("b=TIAS:64000")) == ["at most 64 kbit/s"]


def test_sections_that_make_no_sense_are_passed_over() -> None:
    found = words("m=nonsense", "m=video 5000 RTP/AVP 34")
    assert [meaning.label for meaning in found if meaning.label in ("Audio", "Video")] == [
        "Audio",
        "Video",
    ]


def test_nothing_means_nothing() -> None:
    assert sdp_words(b"") == ()


@given(
    st.lists(
        st.sampled_from(
            [
                b"v=0",
                b"m=audio 1 RTP/AVP 0 8 96",
                b"m=image 99999 udptl t38",
                b"c=IN IP6 ::1",
                b"a=candidate:x",
                b"a=crypto:",
                b"a=rtpmap:96 \x1b[2J/8000/99",
                b"a=fmtp:96 \xff\x00",
                b"a=setup:\x07",
                b"b=AS:000000000",
                b"o= ",
                b"s=\xe2\x80\xae",
                b"a=group:BUNDLE",
                b"a=:",
                b"=",
            ]
        ),
        max_size=12,
    )
)
def test_any_lines_are_taken_and_nothing_raw_comes_out(lines: list[bytes]) -> None:
    for meaning in sdp_words(b"\r\n".join(lines)):
        text = meaning.label + meaning.text
        assert not any(ord(character) < 32 or character == "\u202e" for character in text)
