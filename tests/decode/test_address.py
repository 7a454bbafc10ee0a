"""Transport addresses: bytes, text and back."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipscope.decode.address import Endpoint, Flow, address_text, parse_address

PHONE = Endpoint(bytes([192, 0, 2, 21]), 5060)
PBX = Endpoint(bytes.fromhex("20010db8000000000000000000000005"), 5061)


def test_an_endpoint_in_text() -> None:
    assert str(PHONE) == "192.0.2.21:5060"
    assert str(PBX) == "[2001:db8::5]:5061"
    assert (PHONE.host, PBX.host) == ("192.0.2.21", "2001:db8::5")


def test_endpoints_are_compared_by_address_and_port() -> None:
    assert Endpoint(PHONE.address, 5060) == PHONE
    assert Endpoint(PHONE.address, 5061) != PHONE
    assert len({PHONE, Endpoint(PHONE.address, 5060), PBX}) == 2


def test_the_other_direction_of_a_flow() -> None:
    flow = Flow(PHONE, PBX, "tls")
    assert flow.reverse == Flow(PBX, PHONE, "tls")
    assert flow.reverse.reverse == flow
    tunnelled = flow._replace(encapsulation=("tzsp", "gre"))
    assert tunnelled.reverse == Flow(PBX, PHONE, "tls", ("tzsp", "gre"))
    assert Flow(PHONE, PBX).transport == "udp"


@pytest.mark.parametrize(
    "text",
    ["0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1", "::ffff:192.0.2.1"],
)
def test_numeric_addresses(text: str) -> None:
    address = parse_address(text)
    assert address == ip_address(text).packed


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("2001:0db8::0001", "2001:db8::1"),
        ("2001:db8::192.0.2.1", "2001:db8::c000:201"),
        ("::ffff:c000:201", "::ffff:192.0.2.1"),
    ],
)
def test_ipv6_is_shown_in_its_canonical_form(text: str, canonical: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert address_text(address) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "pbx.example.com",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.01",
        "192.0.2.1 ",
        "192.0.2.1\n",
        "1_9.0.2.1",
        "+1.0.2.1",
        "\u0661.2.3.4",
        "\u00b9.2.3.4",
        "3221225985",
        "192.0.2.1/24",
        "[2001:db8::1]",
        "2001:db8:::1",
        "fe80::1%eth0",
        "fe80::1%\x1b[31m",
        "1" * 4096,
        ":" * 4096,
    ],
)
def test_what_is_no_numeric_address(text: str) -> None:
    assert parse_address(text) is None


@given(st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16))
def test_every_address_survives_the_way_to_text_and_back(address: bytes) -> None:
    assert parse_address(address_text(address)) == address


@given(st.text())
def test_any_text_is_an_address_or_none(text: str) -> None:
    address = parse_address(text)
    assert address is None or len(address) in (4, 16)
