"""An engine that stands still: a store made of real packets, and a status as told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.capture.merge import FileSet
from sipscope.engine import Engine, SourceStatus, Status
from sipscope.errors import SaveError
from sipscope.export.dialogs import NO_NAMES
from sipscope.export.saving import Course
from tests.commands import CAPTURES
from tests.packets import SECOND, START
from tests.signalling import PBX, PHONE, TRUNK, Sent, answered_call, request, response, store_of

NOW = START + 30 * SECOND

LIVE = SourceStatus("eth0", "interface", 9000, 1_800_000, 0, 0, None, None)
FILE = SourceStatus("call.pcap", "file", 1234, 250_000, None, 0, None, 1.0)


class FrozenEngine(Engine):
    """An engine without a thread.

    Attributes:
        told: The status, but for the figures that come from the store.
        saved: The arguments of every `save`.
        forms: The form of every `save`.
        kept: Files that hold RTP.
        refusal: Raised by the next `save`.
    """

    def __init__(self, store: DialogStore, *sources: SourceStatus) -> None:
        super().__init__(FileSet(()), (), store)
        finished = bool(sources) and all(source.progress == 1.0 for source in sources)
        self.told = Status(
            sources or (LIVE,), NOW, 872.0, 9000, 92.0, 41.0, 8712.0, 0, 0, 0, 0, 0, 0, finished
        )
        self.forms: list[str] = []
        self.kept = ["call.pcap"]
        self.saved: list[tuple[str, list[int], bool, bool]] = []
        self.refusal: SaveError | None = None

    def status(self) -> Status:
        return replace(
            self.told,
            dialogs=len(self.store.dialogs),
            active=self.store.active,
            problems=self.store.problems,
        )

    @property
    def recordings(self) -> list[str]:
        return self.kept

    def save(
        self,
        path: str,
        dialog_ids: Sequence[int],
        *,
        rtp: bool,
        overwrite: bool = False,
        form: str = "",
        aliases: Mapping[str, str] = NO_NAMES,
        course: Course | None = None,
    ) -> int:
        if self.refusal is not None:
            raise self.refusal
        self.saved.append((path, list(dialog_ids), rtp, overwrite))
        self.forms.append(form)
        return 42


def refused(at: float, number: int, status: str, user: str = "1007") -> list[Sent]:
    """A call that is answered with a final `status`."""
    call = f"refused-{number}"
    return [
        Sent(at, request("INVITE", call_id=call, user=user, callee=str(2000 + number)), PHONE, PBX),
        Sent(at + 40, response(status, call_id=call, user=user), PBX, PHONE),
        Sent(at + 41, request("ACK", call_id=call, user=user), PHONE, PBX),
    ]


def ringing(at: float, call: str = "ringing-1", user: str = "anna") -> list[Sent]:
    """A call that rings and is not answered yet."""
    return [
        Sent(at, request("INVITE", call_id=call, user=user, callee="+4930123456"), PBX, TRUNK),
        Sent(at + 90, response("180 Ringing", call_id=call, user=user), TRUNK, PBX),
    ]


def busy_hour() -> list[Sent]:
    """A dozen dialogs of many kinds: the first was answered and lost 3 of 100 packets."""
    sent = answered_call(media=100, lost=(10, 11, 12))
    for number, status in enumerate(
        ("488 Not Acceptable Here", "486 Busy Here", "404 Not Found", "503 Service Unavailable")
    ):
        sent += refused(16_000 + 700 * number, number, status)
    sent += ringing(20_000)
    sent += [
        Sent(21_000, request("REGISTER", call_id="register-1", callee="1001"), PHONE, PBX),
        Sent(21_020, response("200 OK", "REGISTER", call_id="register-1"), PBX, PHONE),
        Sent(22_000, request("OPTIONS", call_id="options-1", user="monitor"), TRUNK, PBX),
        Sent(22_004, response("200 OK", "OPTIONS", call_id="options-1"), PBX, TRUNK),
    ]
    return sent


def engine_of(sent: Iterable[Sent] | None = None, *sources: SourceStatus) -> FrozenEngine:
    """Return an engine that has seen these packets, `busy_hour` if none are given."""
    return FrozenEngine(store_of(busy_hour() if sent is None else sent), *sources)


def engine_that_read(name: str) -> FrozenEngine:
    """Return an engine that has read a capture of the fixtures to its end."""
    engine = Engine(FileSet([FileSource(str(CAPTURES / name))]), (), DialogStore())
    engine.run()
    return FrozenEngine(engine.store, FILE)
