"""Commands for MikroTik routers: how to send on what they see, as TZSP, and how to stop it."""

import re
from ipaddress import ip_address
from typing import Final, NamedTuple

from sipscope.capture.listener import parse_listen
from sipscope.decode.tzsp import PORT
from sipscope.errors import UsageError

SIP_PORTS: Final = "5060,5061"
COMMENT: Final = "sipscope"
ALL: Final = "all"

_INTERFACE = re.compile("[A-Za-z0-9][-A-Za-z0-9_.]{0,63}")
_PORTS = re.compile("([0-9]{1,5})-([0-9]{1,5})")


class _Version(NamedTuple):
    """How a major version of RouterOS writes its commands.

    Attributes:
        name: As its users call it.
        separator: Between the words of a command's path.
        server: How to give where to stream to.
    """

    name: str
    separator: str
    server: str


def routeros_commands(to: str, interface: str = ALL, rtp_ports: str = "10000-20000") -> str:
    """Return what to paste into a router's terminal, with notes and how to undo it.

    Args:
        to: Where `sipscope --tzsp` listens, `ADDRESS` or `ADDRESS:PORT`; IPv6 as `[ADDRESS]:PORT`.
        interface: Of the router, whose packets are to be seen, or `all`.
        rtp_ports: First and last port of RTP, as in `10000-20000`.

    Raises:
        UsageError: One of them is none.
    """
    host, port = parse_listen(to, PORT)
    if ip_address(host).is_loopback or ip_address(host).is_unspecified:
        raise UsageError(
            f"The router cannot reach {host}", "Give the address that this machine has for it"
        )
    if not _INTERFACE.fullmatch(interface):
        raise UsageError(f"{interface!r} is no interface of RouterOS", "Give one such as ether1")
    range_of_ports = _PORTS.fullmatch(rtp_ports)
    if not range_of_ports or not 0 < int(range_of_ports[1]) <= int(range_of_ports[2]) < 65_536:
        raise UsageError(f"{rtp_ports!r} is no range of ports", "Give one such as 10000-20000")
    address = f"[{host}]" if ":" in host else host
    sections = [_introduction(address, port)]
    if port == PORT:
        # RouterOS 6 streams to this port, whatever the port of the server.
        sections.append(_sniffer(_Version("RouterOS 6", " ", host), interface))
    sections.append(_sniffer(_Version("RouterOS 7", "/", f"{address}:{port}"), interface))
    sections.append(_mangle(host, port, rtp_ports))
    return "\n\n".join(sections)


def _introduction(address: str, port: int) -> str:
    return f"""\
# On this machine:  sipscope --tzsp {address}:{port} --allow ADDRESS-OF-THE-ROUTER
# Choose one of the ways below and paste it into the router's terminal. The packets go over the
# network unencrypted, with all that is said in calls: only over networks that you trust."""


def _sniffer(version: _Version, interface: str) -> str:
    tool = f"/tool{version.separator}sniffer"
    start, stop = (f"{tool}{version.separator}{word}" for word in ("start", "stop"))
    # On one interface both directions are needed; on all of them each packet comes in once.
    direction = "rx" if interface == ALL else "any"
    return f"""\
# {version.name}: the packet sniffer. It sees all UDP, SIP and RTP, also what is bridged in
# software. filter-stream=yes keeps the stream itself out of the stream: without it, the router
# floods the network. filter-direction=rx takes packets where they come in and not once more where
# they go out; on one interface alone it has to be any. only-headers=no keeps the messages whole.
# After a reboot the sniffer has to be started again.
{tool} set only-headers=no streaming-enabled=yes streaming-server={version.server} \
filter-stream=yes filter-interface={interface} filter-ip-protocol=udp filter-direction={direction}
{start}
# Undo:
{stop}
{tool} set streaming-enabled=no filter-interface={ALL} filter-ip-protocol="" filter-direction=any"""


def _mangle(host: str, port: int, rtp_ports: str) -> str:
    firewall = "/ipv6 firewall mangle" if ":" in host else "/ip firewall mangle"
    target = f"sniff-target={host} sniff-target-port={port} comment={COMMENT}"
    rule = f"{firewall} add chain=prerouting action=sniff-tzsp protocol=udp"
    return f"""\
# RouterOS 6 and 7: firewall rules instead of the sniffer. They see what is routed, by port, and go
# on working after a reboot. They do not see bridged, hardware-offloaded or fasttracked packets:
# no fasttrack for these ports. In one chain only: in a second one each packet comes twice.
{rule} port={SIP_PORTS} {target}
{rule} port={rtp_ports} {target}
# Undo:
{firewall} remove [find comment={COMMENT}]"""
