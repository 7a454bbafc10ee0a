"""Two messages header by header."""

from sipscope.calls.comparison import Pair, compare

Sides = tuple[str | None, str | None]


def sides(first: bytes, second: bytes) -> list[Sides]:
    """Each pair as text, with what is changed in brackets."""
    return [(side(pair, 0), side(pair, 1)) for pair in compare(first, second)]


def side(pair: Pair, which: int) -> str | None:
    words = pair[which]
    if words is None:
        return None
    return "".join(f"[{word.text}]" if word.changed else word.text for word in words)


def with_headers(*headers: str, body: str = "") -> bytes:
    return "\r\n".join(("OPTIONS sip:a SIP/2.0", *headers, "", body)).encode()


def headers(first: bytes, second: bytes) -> list[Sides]:
    return sides(first, second)[1:]


def test_only_words_that_differ_are_marked() -> None:
    first = with_headers("From: <sip:anna@example.com>;tag=a1", "CSeq: 1 INVITE")
    second = with_headers("From: <sip:bert@example.com>;tag=a1", "CSeq: 2 INVITE")
    assert headers(first, second) == [
        ("From: <sip:[anna]@example.com>;tag=a1", "From: <sip:[bert]@example.com>;tag=a1"),
        ("CSeq: [1] INVITE", "CSeq: [2] INVITE"),
    ]


def test_headers_stand_against_their_name_wherever_they_are() -> None:
    first = with_headers("To: b", "From: a", "Contact: c")
    second = with_headers("From: a", "Contact: c", "To: b")
    assert headers(first, second) == [
        ("To: b", "To: b"),
        ("From: a", "From: a"),
        ("Contact: c", "Contact: c"),
    ]
    assert all(pair.same for pair in compare(first, second))


def test_compact_names_and_case_are_the_same_name() -> None:
    first, second = with_headers("Call-ID: x", "VIA: y"), with_headers("i:x", "v: y")
    assert headers(first, second) == [("Call-ID: x", "i:x"), ("VIA: y", "v: y")]
    assert all(pair.same for pair in compare(first, second))


def test_a_header_that_one_message_lacks_stands_alone() -> None:
    first = with_headers("From: a", "Server: s", "To: b")
    second = with_headers("From: a", "Contact: c", "To: b")
    assert headers(first, second) == [
        ("From: a", "From: a"),
        (None, "[Contact: c]"),
        ("[Server: s]", None),
        ("To: b", "To: b"),
    ]


def test_the_via_of_a_proxy_stands_over_the_others() -> None:
    first = with_headers("Via: phone;branch=1", "Via: old")
    second = with_headers("Via: proxy;branch=2", "Via: phone;received=9;branch=1", "Via: old")
    assert headers(first, second) == [
        (None, "[Via: proxy;branch=2]"),
        ("Via: phone;branch=1", "Via: phone;[received=9;]branch=1"),
        ("Via: old", "Via: old"),
    ]


def test_a_folded_header_is_one() -> None:
    first = with_headers("Subject: one", "  two")
    assert headers(first, with_headers("Subject: one two")) == [
        ("Subject: one two", "Subject: one two")
    ]


def test_lines_of_a_body_stand_against_those_about_the_same() -> None:
    body = "v=0\r\nm=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=ptime:20\r\n"
    first = with_headers(body=body)
    second = with_headers(body="v=0\r\nm=audio 5000 RTP/AVP 0\r\na=sendonly\r\na=ptime:30\r\n")
    assert headers(first, second) == [
        ("", ""),
        ("v=0", "v=0"),
        ("m=audio [4000] RTP/AVP [8]", "m=audio [5000] RTP/AVP [0]"),
        ("[a=rtpmap:8 PCMA/8000]", None),
        (None, "[a=sendonly]"),
        ("a=ptime:[20]", "a=ptime:[30]"),
    ]


def test_a_body_that_only_one_has() -> None:
    assert headers(with_headers(body="hello"), with_headers()) == [("", ""), ("[hello]", None)]


def test_start_lines_always_stand_against_each_other() -> None:
    (pair,) = sides(b"SIP/2.0 180 Ringing\r\n\r\n", b"SIP/2.0 183 Session Progress\r\n\r\n")
    assert pair == ("SIP/2.0 [180] [Ringing]", "SIP/2.0 [183] [Session Progress]")


def test_line_ends_of_any_kind_are_no_difference() -> None:
    first = with_headers("From: a", body="v=0\r\ns=-\r\n")
    assert all(pair.same for pair in compare(first, first.replace(b"\r\n", b"\n")))


def test_hostile_bytes_are_shown_and_do_nothing() -> None:
    found = sides(b"\x1b[2J\r\n\xff: \x00\r\n\r\n", b"")
    assert "␛" in str(found[0][0])
    assert not any(ord(c) < 32 for pair in found for text in pair if text for c in text)


def test_endless_lines_take_no_endless_time() -> None:
    first = with_headers("X: " + " ".join(f"a{n}" for n in range(2000)))
    second = with_headers("X: " + " ".join(f"b{n}" for n in range(2000)))
    assert not compare(first, second)[1].same


def test_nothing_against_nothing_is_the_same() -> None:
    assert [pair.same for pair in compare(b"", b"")] == [True]
