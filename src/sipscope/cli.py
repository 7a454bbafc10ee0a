"""The command line: options, exit statuses, and what goes to standard error.

Everything else is imported inside functions, so that each command pays for what it uses.
"""

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from sipscope import __version__
from sipscope.errors import SipscopeError, UsageError

if TYPE_CHECKING:
    from sipscope.engine import Engine, LiveSource
    from sipscope.export.pcap import Recorder

COMMANDS = ("report", "view")
DEMO_PAUSE_S = 20.0

application = typer.Typer(
    name="sipscope",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=False,
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; `sipscope` without a command is `sipscope view`."""
    # No linear algebra here: its threads would only cost memory and the start of each.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] in (["--version"], ["-V"]):
        print(f"sipscope {__version__}")
        sys.exit(0)
    if not words or words[0] not in COMMANDS:
        words.insert(0, "view")
    try:
        status = application(words, standalone_mode=False, prog_name="sipscope")
    except SipscopeError as error:
        sys.exit(_complain(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except typer.Exit as error:
        sys.exit(error.exit_code)
    except typer.TyperException as error:
        message = error.format_message().rstrip(".")
        sys.exit(_complain(UsageError(message, "See sipscope --help")))
    status = status if isinstance(status, int) else 0
    if words[0] == "report" and arguments is None:
        _leave(status)
    sys.exit(status)


def _leave(status: int) -> NoReturn:
    """End the process without taking apart a store that may hold a million records."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        pass  # whoever read the report has read enough
    os._exit(status)


@application.command(
    "view",
    epilog="sipscope report FILE... analyzes captures without a screen: sipscope report --help",
)
def view(
    capture_filter: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILTER]", help="Capture filter, as for tcpdump: udp port 5060"),
    ] = None,
    interface: Annotated[
        list[str] | None,
        typer.Option("--interface", "-i", metavar="NAME", help="Listen on this interface (any)"),
    ] = None,
    read: Annotated[
        list[str] | None,
        typer.Option("--read", "-r", "-I", metavar="FILE", help="Read a capture, - for stdin"),
    ] = None,
    write: Annotated[
        str | None,
        typer.Option("--write", "-w", "-O", metavar="FILE", help="Record all that is captured"),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Show calls that sipscope brings along, as if live")
    ] = False,
    theme: Annotated[
        str | None, typer.Option("--theme", help="dark, light or ansi", envvar="SIPSCOPE_THEME")
    ] = None,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version")] = False,
) -> int:
    """Live SIP and RTP in the terminal.

    Without options it listens on all interfaces, which needs root or CAP_NET_RAW.
    """
    if version:
        print(f"sipscope {__version__}")
        return 0
    expression = " ".join(capture_filter or ())
    _refuse_contradictions(interface, read, write, demo)
    if not sys.stdout.isatty():
        raise UsageError(
            "The screen needs a terminal", "Use sipscope report FILE... where there is none"
        )
    engine = _engine(interface or (), read or (), write, expression, demo=demo)
    sys.setswitchinterval(0.001)
    engine.start()
    from sipscope.tui.app import run  # noqa: PLC0415

    # Records of the store hold no cycles; looking through all of them stalls the screen.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        return run(engine, theme=theme)
    finally:
        engine.stop()


@application.command("report")
def report(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Captures, - for stdin")],
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout")] = False,
    ndjson: Annotated[bool, typer.Option("--ndjson", help="One JSON object a line")] = False,
    capture_filter: Annotated[
        str, typer.Option("--bpf", metavar="FILTER", help="Capture filter, as for tcpdump")
    ] = "",
) -> int:
    """Analyze capture files without a screen.

    The exit status is 0 when the files were read, 1 when one could not be read or was
    damaged, and 2 for a wrong command line.
    """
    if json and ndjson:
        raise UsageError("--json and --ndjson exclude each other", "Choose one")
    from sipscope.report.command import report_files  # noqa: PLC0415

    form = "json" if json else "ndjson" if ndjson else "summary"
    try:
        return report_files(files, form, capture_filter)
    except BrokenPipeError:  # the reader, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _refuse_contradictions(
    interface: Sequence[str] | None,
    read: Sequence[str] | None,
    write: str | None,
    demo: bool,
) -> None:
    if demo and (interface or read):
        raise UsageError("--demo brings its own captures", "Leave -i and -r away")
    if write and read and not interface:
        raise UsageError(
            "-w records live packets, and none are captured", "Add -i, or leave -w away"
        )


def _engine(
    interfaces: Sequence[str],
    paths: Sequence[str],
    record_to: str | None,
    expression: str,
    *,
    demo: bool,
) -> "Engine":
    """Open everything that can fail, before the screen is taken."""
    from sipscope.calls.store import DialogStore  # noqa: PLC0415
    from sipscope.capture.file import FileSource  # noqa: PLC0415
    from sipscope.capture.merge import FileSet  # noqa: PLC0415
    from sipscope.engine import Engine  # noqa: PLC0415

    files = [FileSource(path, source=index) for index, path in enumerate(paths)]
    live: list[LiveSource] = []
    if demo:
        live.append(_demo())
    elif interfaces or not files:
        from sipscope.capture.interface import InterfaceSource  # noqa: PLC0415

        live += [
            InterfaceSource(name, source=len(files) + index, capture_filter=expression)
            for index, name in enumerate(interfaces or ("any",))
        ]
    recorder = _recorder(record_to)
    capture_filter = None
    if expression and (files or demo):
        from sipscope.capture.filter import CaptureFilter  # noqa: PLC0415

        capture_filter = CaptureFilter(expression)
    return Engine(
        FileSet(files),
        live,
        DialogStore(),
        capture_filter=capture_filter,
        recorder=recorder,
        recorded=record_to,
    )


def _demo() -> "LiveSource":
    from sipscope.capture.replay import ReplaySource  # noqa: PLC0415
    from sipscope.settings import demo_captures  # noqa: PLC0415

    captures = demo_captures()
    if not captures:
        raise SipscopeError("The demo's captures are missing", "Install sipscope again")
    return ReplaySource([str(path) for path in captures], pause=DEMO_PAUSE_S)


def _recorder(path: str | None) -> "Recorder | None":
    if path is None:
        return None
    from sipscope.export.pcap import Recorder  # noqa: PLC0415

    return Recorder(path)


def _complain(error: SipscopeError) -> int:
    from sipscope.decode.text import display  # noqa: PLC0415

    print(f"sipscope: {display(str(error))}", file=sys.stderr)
    return error.exit_status
