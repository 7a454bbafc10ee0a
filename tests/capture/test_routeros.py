import pytest

from sipscope.capture.routeros import routeros_commands
from sipscope.errors import UsageError
from tests.commands import run


def commands(text: str) -> list[str]:
    """What is to be pasted, without the notes."""
    return [line for line in text.split("\n") if line and not line.startswith("#")]


def test_the_commands_are_for_both_versions_each_with_how_to_undo_it() -> None:
    assert commands(routeros_commands("192.0.2.9")) == [
        "/tool sniffer set only-headers=no streaming-enabled=yes streaming-server=192.0.2.9"
        " filter-stream=yes filter-interface=all filter-ip-protocol=udp filter-direction=rx",
        "/tool sniffer start",
        "/tool sniffer stop",
        "/tool sniffer set streaming-enabled=no filter-interface=all"
        ' filter-ip-protocol="" filter-direction=any',
        "/tool/sniffer set only-headers=no streaming-enabled=yes"
        " streaming-server=192.0.2.9:37008 filter-stream=yes filter-interface=all"
        " filter-ip-protocol=udp filter-direction=rx",
        "/tool/sniffer/start",
        "/tool/sniffer/stop",
        "/tool/sniffer set streaming-enabled=no filter-interface=all"
        ' filter-ip-protocol="" filter-direction=any',
        "/ip firewall mangle add chain=prerouting action=sniff-tzsp protocol=udp port=5060,5061"
        " sniff-target=192.0.2.9 sniff-target-port=37008 comment=sipscope",
        "/ip firewall mangle add chain=prerouting action=sniff-tzsp protocol=udp port=10000-20000"
        " sniff-target=192.0.2.9 sniff-target-port=37008 comment=sipscope",
        "/ip firewall mangle remove [find comment=sipscope]",
    ]


def test_the_notes_warn_of_what_goes_wrong() -> None:
    text = routeros_commands("192.0.2.9")
    for warning in ("filter-stream=yes", "filter-direction=rx", "fasttrack", "unencrypted"):
        assert warning in text
    assert "sipscope --tzsp 192.0.2.9:37008 --allow" in text
    assert max(len(line) for line in text.split("\n") if line.startswith("#")) <= 100


def test_one_interface_is_watched_in_both_directions() -> None:
    text = routeros_commands("192.0.2.9", "bridge1")
    assert text.count("filter-interface=bridge1 filter-ip-protocol=udp filter-direction=any") == 2


def test_another_port_is_for_version_7_and_for_rules_only() -> None:
    text = routeros_commands("192.0.2.9:40000", rtp_ports="16384-32767")
    assert "/tool sniffer" not in text
    assert "streaming-server=192.0.2.9:40000 " in text
    assert text.count("sniff-target-port=40000") == 2
    assert " port=16384-32767 " in text


def test_ipv6_has_its_own_firewall() -> None:
    text = routeros_commands("[2001:db8::9]:37008")
    assert "streaming-server=[2001:db8::9]:37008 " in text
    assert text.count("/ipv6 firewall mangle add") == 2
    assert "sniff-target=2001:db8::9 " in text
    assert "/ip firewall" not in text


@pytest.mark.parametrize(
    ("to", "interface", "ports"),
    [
        ("router", "all", "10000-20000"),
        ("37008", "all", "10000-20000"),
        ("127.0.0.1", "all", "10000-20000"),
        ("0.0.0.0:37008", "all", "10000-20000"),
        ("[::1]:37008", "all", "10000-20000"),
        ("192.0.2.9", "ether1 ; /system reset", "10000-20000"),
        ("192.0.2.9", "", "10000-20000"),
        ("192.0.2.9", "all", "20000-10000"),
        ("192.0.2.9", "all", "10000"),
        ("192.0.2.9", "all", "1-70000"),
        ("192.0.2.9", "all", "0-1"),
        ("192.0.2.9", "all", "10000-20000\n/system reset"),
    ],
)
def test_what_no_router_could_use_is_a_wrong_command_line(
    to: str, interface: str, ports: str
) -> None:
    with pytest.raises(UsageError):
        routeros_commands(to, interface, ports)


def test_the_command_line_prints_them() -> None:
    done = run("routeros", "--to", "192.0.2.9", "-i", "ether2", "--rtp", "10000-10999")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == routeros_commands("192.0.2.9", "ether2", "10000-10999") + "\n"
    wrong = run("routeros", "--to", "nowhere")
    assert (wrong.returncode, wrong.stdout) == (2, b"")
