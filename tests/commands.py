"""sipscope as its users start it: another process."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
CAPTURES = ROOT / "fixtures" / "pcaps"
SIPSCOPE = (sys.executable, "-m", "sipscope")


def environment() -> dict[str, str]:
    """The environment of a process that has to find this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TZ": "UTC"}


def run(*arguments: str, input_bytes: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run sipscope to its end."""
    return execute([*SIPSCOPE, *arguments], input_bytes)


def execute(command: Sequence[str], input_bytes: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end, within a minute."""
    return subprocess.run(
        command, input=input_bytes, capture_output=True, env=environment(), timeout=60, check=False
    )
