import pytest

from sipscope.errors import UsageError
from sipscope.forward.target import Target, parse_target


def test_a_url_names_transport_host_and_port() -> None:
    assert parse_target("tcp://homer.example:9061") == Target("tcp", "homer.example", 9061)


def test_the_port_is_9060_unless_it_is_named() -> None:
    assert parse_target("udp://192.0.2.9").port == 9060


def test_an_ipv6_address_stands_in_brackets() -> None:
    target = parse_target("udp://[2001:db8::9]:9060")
    assert target.host == "2001:db8::9"
    assert str(target) == "udp://[2001:db8::9]:9060"


def test_options_tell_who_is_sending() -> None:
    target = parse_target("udp://homer?id=77&key=a%26b&node=pbx-1")
    assert (target.capture_id, target.key, target.node) == (77, b"a&b", b"pbx-1")


def test_options_of_the_url_go_before_those_for_all() -> None:
    target = parse_target("udp://homer?id=77", capture_id=5, key="k", node="n")
    assert (target.capture_id, target.key, target.node) == (77, b"k", b"n")


def test_tls_is_verified_unless_told_otherwise() -> None:
    assert parse_target("tls://homer").verify
    assert not parse_target("tls://homer?verify=no").verify
    assert parse_target("tls://homer?ca=/etc/homer.pem").ca == "/etc/homer.pem"


@pytest.mark.parametrize(
    "url",
    [
        "homer:9060",
        "udp:homer:9060",
        "http://homer:9060",
        "udp://",
        "udp://:9060",
        "udp://homer:0",
        "udp://homer:65536",
        "udp://homer:x",
        "udp://user:word@homer",
        "udp://homer/path",
        "udp://homer#part",
        "udp://ho mer",
        "udp://[2001:db8::9",
    ],
)
def test_what_is_no_server_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(UsageError, match=r"is not a HEP server\. Write it as udp://host:9060"):
        parse_target(url)


@pytest.mark.parametrize("number", ["x", "-1", "4294967296", "1_0", "\u0661"])
def test_a_capture_id_is_a_number_of_32_bits(number: str) -> None:
    with pytest.raises(UsageError, match="is no capture id"):
        parse_target(f"udp://homer?id={number}")


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(UsageError, match=r"has no option verfy\. There are: id, key"):
        parse_target("tls://homer?verfy=no")


def test_verification_needs_tls() -> None:
    with pytest.raises(UsageError, match="verify and ca are for TLS"):
        parse_target("tcp://homer?verify=no")


def test_verification_is_on_or_off() -> None:
    with pytest.raises(UsageError, match="says neither yes nor no"):
        parse_target("tls://homer?verify=maybe")


def test_a_name_has_255_bytes_at_most() -> None:
    with pytest.raises(UsageError, match="node name is too long"):
        parse_target("udp://homer?node=" + "n" * 256)


@pytest.mark.parametrize("url", ["http://homer?key=hunter2", "udp://homer?key=hunter2&x=1"])
def test_errors_do_not_tell_the_key(url: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parse_target(url)
    assert "hunter2" not in str(refusal.value)


def test_the_key_is_shown_nowhere() -> None:
    target = parse_target("udp://homer?key=hunter2")
    assert "hunter2" not in f"{target} {target!r}"
