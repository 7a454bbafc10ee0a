"""Capture on an interface until standard input ends, then print the report's JSON.

python -m tests.live.capture INTERFACE [FILTER]
"""

import sys

from sipscope.calls.store import DialogStore
from sipscope.capture.interface import InterfaceSource
from sipscope.capture.merge import FileSet
from sipscope.engine import Engine
from sipscope.report.document import Document


def main(interface: str, capture_filter: str = "") -> None:
    source = InterfaceSource(interface, capture_filter=capture_filter)
    engine = Engine(FileSet(()), [source], DialogStore())
    engine.start()
    print("ready", flush=True)
    sys.stdin.read()
    engine.stop()
    engine.store.streams.flush()
    status = engine.status()
    print(status.packets, status.lost, flush=True)
    Document(engine).write(sys.stdout, lines=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
