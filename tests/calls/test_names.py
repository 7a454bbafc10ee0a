"""Names that people give to addresses."""

from sipscope.calls.ladder import Column
from sipscope.calls.names import AddressNames, column_names
from sipscope.decode.address import Endpoint, parse_address


def at(host: str, port: int = 5060) -> Endpoint:
    return Endpoint(parse_address(host) or b"", port)


def test_the_closest_name_counts() -> None:
    names = AddressNames(
        {
            "192.0.2.0/24": "office",
            "192.0.2.0/28": "servers",
            "192.0.2.1": "pbx",
            "192.0.2.1:5080": "trunk side",
            "0.0.0.0/0": "internet",
        }
    )
    hosts = (at("192.0.2.1", 5080), at("192.0.2.1"), at("192.0.2.2"), at("192.0.2.99"))
    assert [names.name(end) for end in hosts] == ["trunk side", "pbx", "servers", "office"]
    assert names.name(at("198.51.100.1")) == "internet"


def test_ipv6_has_names_too() -> None:
    names = AddressNames(
        {"2001:db8::/32": "net", "2001:db8::1": "pbx", "[2001:db8::1]:5061": "tls"}
    )
    found = [names.name(at("2001:db8::1", port)) for port in (5061, 5060)]
    assert found == ["tls", "pbx"]
    assert names.name(at("2001:db8::2")) == "net"
    assert names.name(at("192.0.2.1")) is None


def test_keys_that_are_no_addresses_are_told_and_do_no_harm() -> None:
    names = AddressNames(
        {"pbx.example": "a", "192.0.2.1:99999": "b", "300.1.1.1": "c", "192.0.2.1/33": "d"}
    )
    assert names.unusable == ("pbx.example", "192.0.2.1:99999", "300.1.1.1", "192.0.2.1/33")
    assert names.name(at("192.0.2.1")) is None


def test_a_network_may_be_written_with_any_of_its_addresses() -> None:
    assert AddressNames({"192.0.2.77/24": "office"}).name(at("192.0.2.1")) == "office"


def test_names_are_safe_to_show() -> None:
    assert AddressNames({"192.0.2.1": "\x1b[2Jx" + "y" * 99}).name(at("192.0.2.1")) == (
        "␛[2Jx" + "y" * 59
    )


def column(host: str, *ports: int) -> Column:
    return Column(parse_address(host) or b"", ports)


def test_columns_have_the_name_of_their_port_or_their_host() -> None:
    names = AddressNames({"192.0.2.1": "pbx", "192.0.2.2:5080": "trunk"})
    columns = [column("192.0.2.1", 5060, 5080), column("192.0.2.2", 5080), column("192.0.2.3")]
    assert column_names(columns, names, {}) == ("pbx", "trunk", None)


def test_ports_tell_columns_of_one_name_apart() -> None:
    names = AddressNames({"192.0.2.1": "pbx"})
    columns = [column("192.0.2.1", 5060), column("192.0.2.1", 5080)]
    assert column_names(columns, names, {}) == ("pbx:5060", "pbx:5080")


def test_what_people_say_goes_before_what_was_looked_up() -> None:
    names = AddressNames({"192.0.2.1": "pbx"})
    found = {at("192.0.2.1").address: "a.example", at("192.0.2.2").address: "b.example"}
    columns = [column("192.0.2.1", 5060), column("192.0.2.2", 5060)]
    assert column_names(columns, names, found) == ("pbx", "b.example")
