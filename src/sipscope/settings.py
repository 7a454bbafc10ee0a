"""Where things are: the only module that knows paths."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
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
