"""The shape of the project: tests mirror the sources, and imports go one way."""

import sys
from pathlib import Path

import pytest

from tests.commands import CAPTURES, ROOT, execute

SOURCES = ROOT / "src" / "sipscope"
TESTED_ELSEWHERE = {
    "__init__.py": "holds the version, which tests/test_cli.py prints",
    "__main__.py": "is what tests/test_cli.py starts",
    "errors.py": "holds no logic but one message, which every test of an error reads",
    "decode/counts.py": "is a record, which the tests of the decoders read",
}
REPORT = f"sipscope.cli.main(['report', '--json', {str(CAPTURES / 'cancel.pcap')!r}])"


def modules() -> list[str]:
    found = (path.relative_to(SOURCES) for path in SOURCES.rglob("*.py"))
    return sorted(str(path) for path in found if path.name != "__init__.py")


@pytest.mark.parametrize("module", [name for name in modules() if name not in TESTED_ELSEWHERE])
def test_every_module_has_its_tests(module: str) -> None:
    path = Path(module)
    assert (ROOT / "tests" / path.parent / f"test_{path.name}").is_file()


def test_exceptions_are_modules_that_exist() -> None:
    assert all((SOURCES / name).is_file() for name in TESTED_ELSEWHERE)


def imported(statements: str) -> set[str]:
    """Return the modules that are loaded after statements in a process of their own."""
    program = (
        "import sys\ntry:\n    import sipscope.cli\n    "
        + statements
        + "\nexcept SystemExit:\n    pass\nprint('\\n' + '\\n'.join(sys.modules))"
    )
    done = execute([sys.executable, "-c", program])
    assert done.returncode == 0, done.stderr.decode()
    return set(done.stdout.decode().split("\n"))


@pytest.fixture(scope="module")
def report_modules() -> set[str]:
    """What a report loads."""
    return imported(REPORT)


def packages(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def test_a_report_loads_nothing_of_the_screen(report_modules: set[str]) -> None:
    assert "sipscope.report.command" in report_modules
    assert not packages(report_modules) & {"textual", "rich", "asyncio"}
    assert not any(name.startswith("sipscope.tui") for name in report_modules)


def test_a_report_without_a_filter_does_not_load_libpcap(report_modules: set[str]) -> None:
    assert "pcapy" not in report_modules


def test_a_filter_loads_libpcap() -> None:
    assert "pcapy" in imported(REPORT.replace("'--json'", "'--bpf', 'udp'"))


def test_the_command_line_itself_loads_no_numpy() -> None:
    assert "numpy" not in packages(imported("pass"))


def test_help_loads_no_numpy() -> None:
    assert "numpy" not in packages(imported("sipscope.cli.main(['report', '--help'])"))


@pytest.mark.parametrize("layer", ["decode", "rtpqos", "calls"])
def test_lower_layers_load_nothing_above_them(layer: str) -> None:
    names = [f"sipscope.{name.removesuffix('.py').replace('/', '.')}" for name in modules()]
    of_layer = [name for name in names if name.startswith(f"sipscope.{layer}.")]
    layers = ("errors", "decode", "rtpqos", "calls", "capture", "export", "engine", "report", "tui")
    above = layers[layers.index(layer) + 1 :]
    program = f"import sys\nimport {', '.join(of_layer)}\nprint('\\n'.join(sys.modules))"
    done = execute([sys.executable, "-c", program])
    loaded = done.stdout.decode().split("\n")
    assert of_layer[0] in loaded
    assert [n for n in loaded if n.startswith(tuple(f"sipscope.{name}" for name in above))] == []
