"""Where things are: the only module that knows paths."""

import os
from collections.abc import Mapping
from pathlib import Path

SYSTEM_FILE = Path("/etc/sipscope.toml")
FILE_VARIABLE = "SIPSCOPE_CONFIG"
NO_FILES_VARIABLE = "SIPSCOPE_NO_CONFIG"

_PACKAGE = Path(__file__).parents[1]
_DEMO = (
    "call-udp.pcap",
    "busy-486.pcap",
    "call-loss.pcap",
    "cancel.pcap",
    "codec-rejected-488.pcap",
    "call-proxy.pcap",
    "register-challenge.pcap",
    "call-dtmf.pcap",
    "call-hold.pcap",
    "auth-refused.pcap",
)


def demo_captures() -> list[Path]:
    """Return the captures that `--demo` replays, as installed or as in a checkout."""
    for folder in (_PACKAGE / "demo", _PACKAGE.parents[1] / "fixtures" / "pcaps"):
        present = [folder / name for name in _DEMO if (folder / name).is_file()]
        if present:
            return present
    return []


def settings_files(environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Return where settings are read from, in this order; not all need be there."""
    if environment.get(NO_FILES_VARIABLE):
        return ()
    return SYSTEM_FILE, settings_file(environment)


def settings_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the person's settings file: `$SIPSCOPE_CONFIG`, or in the XDG place."""
    named = environment.get(FILE_VARIABLE)
    if named:
        return Path(named)
    return _base(environment, "XDG_CONFIG_HOME", ".config") / "sipscope" / "settings.toml"


def state_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where histories and spools are kept, in the XDG place."""
    return _base(environment, "XDG_STATE_HOME", ".local/state") / "sipscope"


def sngreprc_files(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Return sngrep's settings files that exist, in the order in which it reads them."""
    named = environment.get("SNGREPRC")
    own = Path(named) if named else _home(environment) / ".sngreprc"
    files = (Path("/etc/sngreprc"), Path("/usr/local/etc/sngreprc"), own)
    return [path for path in files if path.is_file()]


def _base(environment: Mapping[str, str], variable: str, default: str) -> Path:
    # The XDG specification has relative paths ignored.
    named = environment.get(variable, "")
    return Path(named) if named.startswith("/") else _home(environment) / default


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("HOME") or "/")
