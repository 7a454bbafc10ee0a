"""What `sipscope report` says of captures, read in this process."""

import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.capture.merge import FileSet
from sipscope.engine import Engine
from sipscope.export.pcap import save_frames
from sipscope.report.document import Document
from tests.packets import START, batch, ethernet, ipv4, udp
from tests.signalling import Sent

CAPTURES = Path(__file__).parents[2] / "fixtures" / "pcaps"


def read(*paths: Path) -> Document:
    """Return the document of files that were read to their end."""
    sources = [FileSource(str(path), source=index) for index, path in enumerate(paths)]
    engine = Engine(FileSet(sources), (), DialogStore())
    engine.run()
    return Document(engine)


def as_json(document: Document) -> dict[str, Any]:
    """Return the document as a script gets it."""
    stream = io.StringIO()
    document.write(stream, lines=False)
    value: dict[str, Any] = json.loads(stream.getvalue())
    return value


def capture(path: Path, sent: Iterable[Sent]) -> Path:
    """Write packets to a capture file."""
    ordered: Sequence[Sent] = sorted(sent, key=lambda packet: packet.at)
    frames = [
        ethernet(ipv4(udp(p.payload, p.source_port, p.destination_port), p.source, p.destination))
        for p in ordered
    ]
    packets = batch(frames, times=[START + round(p.at * 1_000_000) for p in ordered])
    save_frames(str(path), [packets.frame(index) for index in range(len(packets))])
    return path
