"""Where HEP is sent to, as written on the command line."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from sipscope.errors import UsageError
from sipscope.forward.hep_message import MAX_NAME

Transport = Literal["udp", "tcp", "tls"]

DEFAULT_PORT: Final = 9060
DEFAULT_ID: Final = 2001

_SCHEMES: dict[str, Transport] = {"udp": "udp", "tcp": "tcp", "tls": "tls"}
_OPTIONS = ("id", "key", "node", "verify", "ca")
_NUMBER = re.compile("[0-9]{1,10}")
_CONTROL = re.compile("[\x00-\x20\x7f-\x9f]")
_EXAMPLE = "Write it as udp://host:9060, tcp://host:9060 or tls://host:9061"


@dataclass(frozen=True, slots=True)
class Target:
    """A HEP server and who sipscope is to it.

    Attributes:
        transport: `udp`, `tcp` or `tls`.
        host: Name or address, IPv6 without brackets.
        port: Of the server.
        capture_id: Number of this agent.
        node: Name of this agent, empty for none.
        key: Authentication key, empty for none; sent in the clear, but shown to nobody.
        verify: Whether the certificate has to be good.
        ca: File of certificate authorities, None for those of the system.
    """

    transport: Transport
    host: str
    port: int = DEFAULT_PORT
    capture_id: int = DEFAULT_ID
    node: bytes = b""
    key: bytes = field(default=b"", repr=False)
    verify: bool = True
    ca: str | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}://{host}:{self.port}"


def parse_target(url: str, capture_id: int = DEFAULT_ID, key: str = "", node: str = "") -> Target:
    """Return the server of `--hep-send`, such as `tcp://homer:9060?id=2001&node=pbx`.

    Args:
        url: What it says itself goes before the rest.
        capture_id: Of `--hep-id`.
        key: Of `--hep-key`.
        node: Of `--hep-node`.

    Raises:
        UsageError: It cannot be understood; the key is not in what it says.
    """
    shown = re.split("[?#]", url, maxsplit=1)[0]
    wrong = f"--hep-send {shown} is not a HEP server"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(wrong, _EXAMPLE) from error
    transport = _SCHEMES.get(parts.scheme)
    if transport is None or not host or _CONTROL.search(url):
        raise UsageError(wrong, _EXAMPLE)
    if parts.username is not None or parts.path not in ("", "/") or parts.fragment or port == 0:
        raise UsageError(wrong, _EXAMPLE)
    options = {"id": str(capture_id), "key": key, "node": node, "verify": "yes", "ca": ""}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _OPTIONS:
            raise UsageError(
                f"--hep-send {shown} has no option {name}", f"There are: {', '.join(_OPTIONS)}"
            )
        options[name] = value
    if (options["verify"] != "yes" or options["ca"]) and transport != "tls":
        raise UsageError(
            f"verify and ca are for TLS, and {shown} is not", "Write tls://, or leave them away"
        )
    if options["verify"] not in ("yes", "no"):
        raise UsageError(f"verify={options['verify']} says neither yes nor no", "Write verify=no")
    return Target(
        transport,
        unquote(host),
        DEFAULT_PORT if port is None else port,
        _capture_id(options["id"]),
        _name(options["node"], "node name"),
        _name(options["key"], "key"),
        options["verify"] == "yes",
        options["ca"] or None,
    )


def _capture_id(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) >= 1 << 32:
        raise UsageError(f"{text} is no capture id", "Choose a number from 0 to 4294967295")
    return int(text)


def _name(text: str, what: str) -> bytes:
    octets = text.encode("utf-8", "surrogateescape")
    if len(octets) > MAX_NAME or "\0" in text:
        raise UsageError(f"The HEP {what} is too long", f"Use {MAX_NAME} bytes at most")
    return octets
