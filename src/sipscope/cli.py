"""The command line: options, exit statuses, and what goes to standard error.

Everything else is imported inside functions, so that each command pays for what it uses.
"""

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from sipscope import __version__
from sipscope.errors import SipscopeError, UsageError

if TYPE_CHECKING:
    from sipscope.calls.filter import Filter
    from sipscope.settings.loading import Loaded
    from sipscope.settings.model import Settings

COMMANDS = ("agent", "report", "routeros", "settings", "view")

CaptureFilterWords = Annotated[
    list[str] | None,
    typer.Argument(metavar="[FILTER]", help="Capture filter, as for tcpdump: udp port 5060"),
]
Interfaces = Annotated[
    list[str] | None,
    typer.Option("--interface", "-i", metavar="NAME", help="Listen on this interface (any)"),
]
Captures = Annotated[
    list[str] | None,
    typer.Option("--read", "-r", "-I", metavar="FILE", help="Read a capture, - for stdin"),
]
HepListen = Annotated[
    list[str] | None,
    typer.Option(
        "--hep", "-L", metavar="[udp|tcp|tls]:[ADDRESS:]PORT", help="Listen for HEP (9060)"
    ),
]
TzspListen = Annotated[
    list[str] | None,
    typer.Option("--tzsp", metavar="[ADDRESS:]PORT", help="Listen for a router's TZSP (37008)"),
]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="CIDR", help="Listen to these senders only"),
]
HepAuth = Annotated[
    str,
    typer.Option(
        "--hep-auth", metavar="KEY", help="Key that HEP has to carry", envvar="SIPSCOPE_HEP_AUTH"
    ),
]
HepCertificate = Annotated[
    str, typer.Option("--hep-cert", metavar="FILE", help="Certificate for HEP over TLS")
]
HepPrivateKey = Annotated[
    str, typer.Option("--hep-key", metavar="FILE", help="Private key of that certificate")
]
HepSend = Annotated[
    list[str] | None,
    typer.Option(
        "--hep-send", metavar="URL", help="Send SIP and quality to HOMER: udp://homer:9060"
    ),
]
HepId = Annotated[
    int | None, typer.Option("--hep-id", metavar="N", help="Number of this agent (2001)")
]
HepSendKey = Annotated[
    str,
    typer.Option(
        "--hep-send-key",
        metavar="KEY",
        help="Authentication key to send, better in the environment",
        envvar="SIPSCOPE_HEP_SEND_KEY",
    ),
]
HepNode = Annotated[str, typer.Option("--hep-node", metavar="NAME", help="Name of this agent")]
HepRtpType = Annotated[
    int | None,
    typer.Option("--hep-rtp-type", metavar="34|35", help="HEP type of reports on RTP (35)"),
]
HepInterval = Annotated[
    float | None,
    typer.Option("--hep-interval", metavar="S", help="Seconds between reports on a stream (10)"),
]
SpoolDirectory = Annotated[
    str, typer.Option("--spool", metavar="DIR", help="Keep what HEP servers that are away miss")
]
SpoolSize = Annotated[
    int | None,
    typer.Option("--spool-size", metavar="MIB", help="Size of the spool of each server (100)"),
]
ConfigFile = Annotated[
    str, typer.Option("--config", "-f", metavar="FILE", help="Settings from this file")
]
NoConfig = Annotated[bool, typer.Option("--no-config", "-F", help="Leave settings files alone")]

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
    capture_filter: CaptureFilterWords = None,
    interface: Interfaces = None,
    read: Captures = None,
    write: Annotated[
        str | None,
        typer.Option("--write", "-w", "-O", metavar="FILE", help="Record all that is captured"),
    ] = None,
    hep: HepListen = None,
    tzsp: TzspListen = None,
    allow: Allow = None,
    hep_auth: HepAuth = "",
    hep_cert: HepCertificate = "",
    hep_key: HepPrivateKey = "",
    hep_send: HepSend = None,
    hep_id: HepId = None,
    hep_send_key: HepSendKey = "",
    hep_node: HepNode = "",
    hep_rtp_type: HepRtpType = None,
    hep_interval: HepInterval = None,
    spool: SpoolDirectory = "",
    spool_size: SpoolSize = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Show calls that sipscope brings along, as if live")
    ] = False,
    wanted: Annotated[
        str, typer.Option("--filter", metavar="EXPR", help="Show only these: state = rejected")
    ] = "",
    calls_only: Annotated[
        bool, typer.Option("--calls", "-c", help="Show only dialogs that begin with INVITE")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", "-l", metavar="N", help="Dialogs to keep (200000)")
    ] = None,
    buffer: Annotated[
        int | None, typer.Option("--buffer", "-B", metavar="MIB", help="Kernel's buffer (32)")
    ] = None,
    theme: Annotated[
        str,
        typer.Option(
            "--theme", help="dark, light, ansi, contrast or your own", envvar="SIPSCOPE_THEME"
        ),
    ] = "",
    config: ConfigFile = "",
    no_config: NoConfig = False,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version")] = False,
) -> int:
    """Live SIP and RTP in the terminal.

    Without options it listens on all interfaces, which needs root or CAP_NET_RAW.
    """
    if version:
        print(f"sipscope {__version__}")
        return 0
    table: dict[str, dict[str, Any]] = {
        "view": {"theme": theme},
        "list": {"filter": " and ".join(_calls_only(wanted, calls_only))},
        "capture": {
            "interfaces": tuple(interface or ()),
            "filter": " ".join(capture_filter or ()),
            "dialogs": limit,
            "buffer_mb": buffer,
        },
        "listen": _listen(hep, tzsp, allow, hep_auth, hep_cert, hep_key),
        "send": _send(
            *(hep_send, hep_id, hep_send_key, hep_node, hep_rtp_type),
            *(hep_interval, spool, spool_size),
        ),
    }
    files = tuple(read or ())
    loaded = _settings(config, no_config)
    settings = _overridden(loaded.settings, table, files=bool(files) or demo)
    _refuse_contradictions(table, settings, files, write, demo)
    if not sys.stdout.isatty():
        raise UsageError(
            "The screen needs a terminal", "Use sipscope report FILE... where there is none"
        )
    _filter(table["list"]["filter"])
    _refuse_theme(theme, settings)
    from sipscope.opening import open_engine  # noqa: PLC0415

    engine = open_engine(settings, files, record_to=write, demo=demo)
    sys.setswitchinterval(0.001)
    engine.start()
    # The screen reads it when it is loaded.
    os.environ["SIPSCOPE_VIEW_REFRESH_HZ"] = str(settings.view.refresh_hz)
    from sipscope.tui.app import run  # noqa: PLC0415

    # Records of the store hold no cycles; looking through all of them stalls the screen.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        return run(engine, settings, loaded.complaints)
    finally:
        engine.stop()


@application.command("agent")
def agent(
    capture_filter: CaptureFilterWords = None,
    interface: Interfaces = None,
    read: Captures = None,
    hep: HepListen = None,
    tzsp: TzspListen = None,
    allow: Allow = None,
    hep_auth: HepAuth = "",
    hep_cert: HepCertificate = "",
    hep_key: HepPrivateKey = "",
    hep_send: HepSend = None,
    hep_id: HepId = None,
    hep_send_key: HepSendKey = "",
    hep_node: HepNode = "",
    hep_rtp_type: HepRtpType = None,
    hep_interval: HepInterval = None,
    spool: SpoolDirectory = "",
    spool_size: SpoolSize = None,
    metrics: Annotated[
        str,
        typer.Option("--metrics", metavar="[ADDRESS:]PORT", help="Figures for Prometheus"),
    ] = "",
    config: ConfigFile = "",
    no_config: NoConfig = False,
) -> int:
    """Send SIP, RTCP and reports on RTP to HEP servers, without a screen.

    It ends when its files are sent, or with SIGTERM or SIGINT. The exit status is 1 when
    messages could not be sent, and 2 for a wrong command line.
    """
    table: dict[str, dict[str, Any]] = {
        "capture": {
            "interfaces": tuple(interface or ()),
            "filter": " ".join(capture_filter or ()),
        },
        "listen": _listen(hep, tzsp, allow, hep_auth, hep_cert, hep_key),
        "send": _send(
            *(hep_send, hep_id, hep_send_key, hep_node, hep_rtp_type),
            *(hep_interval, spool, spool_size),
        ),
    }
    files = tuple(read or ())
    loaded = _settings(config, no_config)
    settings = _overridden(loaded.settings, table, files=bool(files))
    _refuse_contradictions(table, settings, files, None, False)
    _tell(loaded.complaints)
    if not settings.send.hep:
        raise UsageError("An agent has to send somewhere", "Add --hep-send udp://homer:9060")
    from sipscope.opening import open_engine  # noqa: PLC0415
    from sipscope.report.agent import run_agent  # noqa: PLC0415

    return run_agent(open_engine(settings, files), metrics, sys.stderr)


@application.command("report")
def report(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Captures, - for stdin")],
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout")] = False,
    ndjson: Annotated[bool, typer.Option("--ndjson", help="One JSON object a line")] = False,
    capture_filter: Annotated[
        str, typer.Option("--bpf", metavar="FILTER", help="Capture filter, as for tcpdump")
    ] = "",
    wanted: Annotated[
        str, typer.Option("--filter", metavar="EXPR", help="Only these: state = rejected")
    ] = "",
    failing: Annotated[
        str, typer.Option("--fail-if", metavar="EXPR", help="Exit with 3 if any: mos < 3.5")
    ] = "",
) -> int:
    """Analyze capture files without a screen.

    The exit status is 0 when the files were read, 1 when one could not be read or was
    damaged, 2 for a wrong command line, and 3 when --fail-if matched a dialog or stream.
    """
    if json and ndjson:
        raise UsageError("--json and --ndjson exclude each other", "Choose one")
    _tell(_settings().complaints)
    from sipscope.report.command import report_files  # noqa: PLC0415

    limits, reasons = _filter(wanted), _filter(failing)
    form = "json" if json else "ndjson" if ndjson else "summary"
    try:
        return report_files(files, form, capture_filter, limits, reasons)
    except BrokenPipeError:  # the reader, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


@application.command("routeros")
def routeros(
    to: Annotated[
        str,
        typer.Option("--to", metavar="ADDRESS[:PORT]", help="Where sipscope --tzsp listens"),
    ],
    interface: Annotated[
        str, typer.Option("--interface", "-i", metavar="NAME", help="Of the router, to watch")
    ] = "all",
    rtp_ports: Annotated[
        str, typer.Option("--rtp", metavar="LOW-HIGH", help="Ports of the RTP")
    ] = "10000-20000",
) -> int:
    """Print the commands that make a MikroTik router send its SIP and RTP here."""
    from sipscope.capture.routeros import routeros_commands  # noqa: PLC0415

    print(routeros_commands(to, interface, rtp_ports))
    return 0


@application.command("settings")
def print_settings(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="sngrep's, instead of ~/.sngreprc")
    ] = "",
    import_sngreprc: Annotated[
        bool, typer.Option("--import-sngreprc", help="Take over what sngrep's settings mean")
    ] = False,
    config: ConfigFile = "",
) -> int:
    """Print all settings in effect as TOML, with what they mean and where they are kept.

    With --import-sngreprc it writes them from those of sngrep, and tells which lines have no
    counterpart.
    """
    if config:
        os.environ["SIPSCOPE_CONFIG"] = config
    if file and not import_sngreprc:
        raise UsageError(f"{file} is not read", "Add --import-sngreprc")
    if import_sngreprc:
        from sipscope.settings.importing import import_from_sngrep  # noqa: PLC0415

        return import_from_sngrep(file, sys.stdout)
    from sipscope.settings.document import settings_document  # noqa: PLC0415
    from sipscope.settings.paths import settings_file  # noqa: PLC0415
    from sipscope.tui.keymap import keymap  # noqa: PLC0415
    from sipscope.tui.keys import all_contexts  # noqa: PLC0415

    loaded = _settings(config)
    _tell((*loaded.complaints, *keymap(loaded.settings.keys).complaints))
    actions = [(key.id, key.keys, key.words) for each in all_contexts() for key in each.keys]
    print(settings_document(loaded.settings, str(settings_file()), actions), end="")
    return 0


def _listen(
    hep: Sequence[str] | None,
    tzsp: Sequence[str] | None,
    allow: Sequence[str] | None,
    key: str,
    certificate: str,
    private_key: str,
) -> dict[str, Any]:
    return {
        "hep": tuple(hep or ()),
        "tzsp": tuple(tzsp or ()),
        "allow": tuple(allow or ()),
        "hep_key": key,
        "certificate": certificate,
        "private_key": private_key,
    }


def _send(
    urls: Sequence[str] | None,
    capture_id: int | None,
    key: str,
    node: str,
    rtp_type: int | None,
    interval: float | None,
    spool: str,
    spool_size: int | None,
) -> dict[str, Any]:
    return {
        "hep": tuple(urls or ()),
        "id": capture_id,
        "key": key,
        "node": node,
        "rtp_type": rtp_type,
        "interval_s": interval,
        "spool": spool,
        "spool_mb": spool_size,
    }


def _calls_only(wanted: str, calls_only: bool) -> list[str]:
    """Return the parts of the display filter."""
    if not calls_only:
        return [wanted] if wanted else []
    return ["method = INVITE", f"({wanted})"] if wanted else ["method = INVITE"]


def _filter(text: str) -> "Filter | None":
    if not text.strip():
        return None
    from sipscope.calls.filter import compile_filter  # noqa: PLC0415

    return compile_filter(text)


def _overridden(
    settings: "Settings", command_line: Mapping[str, Mapping[str, Any]], *, files: bool
) -> "Settings":
    """Return the settings of a run: a command line that names a source names all of them.

    What is sent to HEP servers without being asked for is live, never what a file holds.
    """
    from dataclasses import replace  # noqa: PLC0415

    from sipscope.settings.loading import overridden  # noqa: PLC0415

    given = overridden(settings, command_line)
    named, listening = command_line["capture"]["interfaces"], command_line["listen"]
    heard = listening["hep"] or listening["tzsp"]
    if not files and not named and not heard:
        if given.capture.interfaces or given.listen.hep or given.listen.tzsp:
            return given
        return replace(given, capture=replace(given.capture, interfaces=("any",)))
    capture = replace(given.capture, interfaces=named)
    listen = replace(given.listen, hep=listening["hep"], tzsp=listening["tzsp"])
    send = given.send if named or heard else replace(given.send, hep=command_line["send"]["hep"])
    return replace(given, capture=capture, listen=listen, send=send)


def _settings(config: str = "", no_config: bool = False) -> "Loaded":
    """Return the settings, from a file of one's own or from none."""
    from sipscope.settings.loading import load_settings  # noqa: PLC0415
    from sipscope.settings.paths import FILE_VARIABLE, NO_FILES_VARIABLE  # noqa: PLC0415

    if config and not os.path.isfile(config):
        raise UsageError(f"There is no file {config}", "Name a settings file, or leave -f away")
    if config:
        os.environ[FILE_VARIABLE] = config
    if no_config:
        os.environ[NO_FILES_VARIABLE] = "1"
    return load_settings(os.environ)


def _refuse_contradictions(
    table: Mapping[str, Mapping[str, Any]],
    settings: "Settings",
    files: Sequence[str],
    write: str | None,
    demo: bool,
) -> None:
    interfaces, listen = table["capture"]["interfaces"], table["listen"]
    heard = listen["hep"] or listen["tzsp"]
    if demo and (interfaces or files or heard):
        raise UsageError("--demo brings its own captures", "Leave -i, -r, --hep and --tzsp away")
    listens = bool(settings.listen.hep or settings.listen.tzsp)
    if (listen["allow"] or listen["certificate"]) and not listens:
        raise UsageError("Nothing listens for what these options limit", "Add --hep or --tzsp")
    if write and files and not interfaces and not heard:
        raise UsageError(
            "-w records live packets, and none are captured", "Add -i, or leave -w away"
        )


def _refuse_theme(name: str, settings: "Settings") -> None:
    from sipscope.settings.model import THEMES  # noqa: PLC0415

    known = (*THEMES, *settings.themes)
    if name and name.removeprefix("sipscope-") not in known:
        raise UsageError(f"There is no theme {name!r}", f"Choose {', '.join(known)}")


def _tell(complaints: Sequence[str]) -> None:
    """Tell on standard error what was wrong with the settings."""
    from sipscope.decode.text import display  # noqa: PLC0415

    for complaint in complaints:
        print(f"sipscope: {display(complaint)}", file=sys.stderr)


def _complain(error: SipscopeError) -> int:
    from sipscope.decode.text import display  # noqa: PLC0415

    print(f"sipscope: {display(str(error))}", file=sys.stderr)
    return error.exit_status
