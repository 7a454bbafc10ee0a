"""What is noted of URIs and header values, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.sip_grammar import CHECKED_HEADERS, header_fault, request_uri_fault


@pytest.mark.parametrize(
    "uri",
    [
        b"sip:example.com",
        b"sips:1212@gateway.com",
        b"SIP:alice:secret@example.com:5061;transport=tcp;lr",
        b"sip:sip%3Auser%40example.com@example.com",
        b"sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it@example.com",
        b"sip:[2001:db8::10]:5070",
        b"sip:user@[2001:db8::192.0.2.1]",
        b"sip:user:pass@192.0.2.1:5060",
        b"tel:+1-201-555-0123;phone-context=a:b:c",
        b"urn:service:sos.fire",
    ],
)
def test_a_request_uri_without_fault(uri: bytes) -> None:
    assert request_uri_fault(uri) is None


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        (b"", "the Request-URI is no URI"),
        (b"bob@example.com", "the Request-URI is no URI"),
        (b"%sip:bob", "the Request-URI is no URI"),
        (b"sip:a b@example.com", "the Request-URI has white space in the URI"),
        (b"sip:a@example.com;\tlr", "the Request-URI has white space in the URI"),
        (b"<sip:bob@example.com>", "the Request-URI is in angle brackets"),
        (b"sip:bob@example.com?Route=%3Csip:x%3E", "the Request-URI carries headers"),
        (b"SIPS:example.com?a=b", "the Request-URI carries headers"),
        (b"sip:2001:db8::10", "the Request-URI has an IPv6 address without brackets"),
        (b"sip:a@2001:db8::10", "the Request-URI has an IPv6 address without brackets"),
        (b"nobodyKnows:what", "the Request-URI names a scheme other than sip, sips or tel"),
        (b"soap.beep://192.0.2.1", "the Request-URI names a scheme other than sip, sips or tel"),
    ],
)
def test_what_is_wrong_with_a_request_uri(uri: bytes, text: str) -> None:
    assert request_uri_fault(uri) == text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"from", b"<sip:a@b>;tag=1"),
        (b"from", b"sip:a@b;tag=1"),
        (b"from", b'"Bell, \\"Alexander\\"; <x>" <sip:a@b:5060;lr>;tag=1;x="a,,b"'),
        (b"from", b"A. N. Other<sip:a@b>;tag=1"),
        (b"to", b"<sip:a@b;x=;;y>"),
        (b"to", b"<tel:+12025550100>"),
        (b"contact", b"*"),
        (b"contact", b"<sip:a@b?Route=x>;expires=0"),
        (b"contact", b"<sip:a@b>, <sip:c@d>;q=0.5"),
        (b"contact", b"sip:a@[2001:db8::1]:5060;expires=60"),
        (b"via", b"SIP / 2.0 / UDP host;branch=z9hG4bK1;rport, SIP/2.0/TCP other"),
        (b"via", b"SIP/2.0/UDP host"),
        (b"date", b"Sat, 13 Nov 2010 23:29:00 GMT"),
        (b"max-forwards", b"0"),
        (b"max-forwards", b"00255"),
        (b"expires", b"4294967295"),
        (b"min-expires", b"60"),
        (b"retry-after", b"18000;duration=3600"),
        (b"retry-after", b"120 (I'm in a meeting)"),
    ],
)
def test_a_value_without_fault(key: bytes, value: bytes) -> None:
    assert header_fault(key, value) is None


OPEN_STRING = ("sip.quote", "has an open quoted string")
NEEDS_QUOTES = ("sip.display-name", "has a display name that needs quotes")
OPEN_BRACKET = ("sip.address", "has a < that is not closed")
QUESTION_MARK = ("sip.address", "has a URI with a question mark outside < >")
WHITE_SPACE = ("sip.address", "has white space in the URI")
BARE_IPV6 = ("sip.address", "has an IPv6 address without brackets")
SCHEME = ("sip.address", "names a scheme other than sip, sips or tel")
NO_URI = ("sip.address", "is no URI")
SEPARATOR = ("sip.parameter", "has a separator with nothing after it")
BRANCH = ("sip.branch", "has a branch that is nothing but z9hG4bK")
DATE = ("sip.date", "is not in the form of Sat, 13 Nov 2010 23:29:00 GMT")
UP_TO_255 = ("sip.number", "is not a number up to 255")
UP_TO_32_BITS = ("sip.number", "is not a number up to 4294967295")


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        (b"to", b'"open <sip:a@b>', OPEN_STRING),
        (b"to", b'"esc\\" <sip:a@b>', OPEN_STRING),
        (b"from", b'<sip:a@b>;x="y', OPEN_STRING),
        (b"from", b"Bell, A <sip:a@b>", NEEDS_QUOTES),
        (b"to", "Zoë <sip:a@b>".encode(), NEEDS_QUOTES),
        (b"contact", b'x "y" <sip:a@b>', NEEDS_QUOTES),
        (b"contact", b"<sip:a@b", OPEN_BRACKET),
        (b"contact", b"sip:a@b?Route=x", QUESTION_MARK),
        (b"to", b"< sip:a@b >", WHITE_SPACE),
        (b"to", b"<sip:a@2001:db8::1>", BARE_IPV6),
        (b"to", b"isbn:2983792873", SCHEME),
        (b"to", b"alice", NO_URI),
        (b"to", b"", NO_URI),
        (b"contact", b'"Joe" <sip:a@b>;;;;', SEPARATOR),
        (b"contact", b"<sip:a@b>;", SEPARATOR),
        (b"via", b"SIP/2.0/UDP 192.0.2.15;;,;,,", SEPARATOR),
        (b"via", b"SIP/2.0/UDP h;branch=z9hG4bK", BRANCH),
        (b"via", b"SIP/2.0/UDP h; Branch = z9hg4bk ;rport", BRANCH),
        (b"date", b"Fri, 01 Jan 2010 16:00:00 EST", DATE),
        (b"date", b"Fri, 1 Jan 2010 16:00:00 GMT", DATE),
        (b"max-forwards", b"256", UP_TO_255),
        (b"max-forwards", b"-1", UP_TO_255),
        (b"expires", b"4294967296", UP_TO_32_BITS),
        (b"expires", b"9" * 5000, UP_TO_32_BITS),
        (b"retry-after", b"1_0", UP_TO_32_BITS),
    ],
)
def test_what_is_wrong_with_a_value(key: bytes, value: bytes, fault: tuple[str, str]) -> None:
    code, text = fault
    assert header_fault(key, value) == (code, f"{key.decode().title()} {text}")


@given(
    st.sampled_from(CHECKED_HEADERS),
    st.lists(
        st.sampled_from([*b'"<>;,:=?@\\ \t\0[]-*', *b"a1\xff"]).map(lambda byte: bytes([byte]))
        | st.sampled_from([b"sip:", b"tag", b"branch=z9hG4bK", b"GMT", b"99999999999"])
    ).map(b"".join),
)
def test_any_value_is_judged_in_ascii(key: bytes, value: bytes) -> None:
    fault = header_fault(key, value)
    if fault is not None:
        code, text = fault
        assert code.startswith("sip.")
        assert text.isascii()
        assert text.isprintable()
