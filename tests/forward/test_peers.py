"""Real receivers of HEP: Kamailio's sipcapture writing to SQLite, and sngrep."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sipscope.calls.store import DialogStore
from sipscope.capture.file import FileSource
from sipscope.capture.merge import FileSet
from sipscope.engine import Engine
from sipscope.forward.hep_sink import open_hep_sink
from sipscope.forward.target import parse_target
from tests.commands import CAPTURES, ROOT, environment
from tests.forward.certificate import make_certificate
from tests.forward.fields import fields
from tests.forward.servers import StreamServer, free_port
from tests.report.reading import read

MODULES = Path("/usr/lib/x86_64-linux-gnu/kamailio/modules")

_TABLE = """
CREATE TABLE {0} (id INTEGER PRIMARY KEY AUTOINCREMENT, date TIMESTAMP, micro_ts BIGINT,
 correlation_id TEXT, source_ip TEXT, source_port INTEGER, destination_ip TEXT,
 destination_port INTEGER, proto INTEGER, family INTEGER, type INTEGER, node TEXT, msg TEXT);
"""
SCHEMA = """
PRAGMA journal_mode=WAL;
CREATE TABLE version (id INTEGER PRIMARY KEY NOT NULL, table_name VARCHAR(32) NOT NULL,
 table_version INTEGER DEFAULT 0 NOT NULL);
INSERT INTO version(table_name, table_version)
 VALUES('sip_capture',4),('rtcp_capture',4),('report_capture',4),('logs_capture',4);
CREATE TABLE sip_capture (
 id INTEGER PRIMARY KEY AUTOINCREMENT, date TIMESTAMP, micro_ts BIGINT, method TEXT,
 correlation_id TEXT, reply_reason TEXT, ruri TEXT, ruri_user TEXT, ruri_domain TEXT,
 from_user TEXT, from_domain TEXT, from_tag TEXT, to_user TEXT, to_domain TEXT, to_tag TEXT,
 pid_user TEXT, contact_user TEXT, auth_user TEXT, callid TEXT, callid_aleg TEXT, via_1 TEXT,
 via_1_branch TEXT, cseq TEXT, diversion TEXT, reason TEXT, content_type TEXT, auth TEXT,
 user_agent TEXT, source_ip TEXT, source_port INTEGER, destination_ip TEXT,
 destination_port INTEGER, contact_ip TEXT, contact_port INTEGER, originator_ip TEXT,
 originator_port INTEGER, proto INTEGER, family INTEGER, rtp_stat TEXT, type INTEGER,
 node TEXT, msg TEXT, custom_field1 TEXT, custom_field2 TEXT, custom_field3 TEXT,
 expires INTEGER);
""" + "".join(_TABLE.format(f"{kind}_capture") for kind in ("rtcp", "report", "logs"))

CONFIGURATION = """#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=1
tcp_children=1
tcp_accept_no_cl=yes
tcp_accept_hep3=yes
auto_aliases=no
listen=udp:127.0.0.1:{udp}
listen=tcp:127.0.0.1:{tcp}
mpath="{modules}/"
loadmodule "kex.so"
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "textops.so"
loadmodule "db_sqlite.so"
loadmodule "sipcapture.so"
modparam("sipcapture", "db_url", "sqlite:///{database}")
modparam("sipcapture", "capture_on", 1)
modparam("sipcapture", "hep_capture_on", 1)
modparam("sipcapture", "capture_node", "kam01")
{hook}
request_route {{ sip_capture("sip_capture"); drop; }}
onreply_route {{ sip_capture("sip_capture"); drop; }}
{route}
"""
HOOK = 'modparam("sipcapture", "nonsip_hook", 1)'
ROUTE = """
event_route[sipcapture:request] {
    if ($hep(0x00b) != 1) {
        xlog("L_NOTICE", "REPORT $hep(0x00b) $hep(0x00c) $hep(0x00e) $hep(0x011) $hep(0x00f)\\n");
        return 0;
    }
    return 1;
}
"""


class Kamailio:
    """A HEP server that writes to a database.

    Attributes:
        udp: Port.
        tcp: Port; takes HEP when `hook` is set, and then UDP does not.
    """

    def __init__(self, directory: Path, *, hook: bool) -> None:
        self.udp, self.tcp = free_port(), free_port()
        self._database = directory / "hep.db"
        self._log = directory / "kamailio.log"
        with sqlite3.connect(self._database) as database:
            database.executescript(SCHEMA)
        database.close()
        configuration = directory / "kamailio.cfg"
        configuration.write_text(
            CONFIGURATION.format(
                udp=self.udp,
                tcp=self.tcp,
                modules=MODULES,
                database=self._database,
                hook=HOOK if hook else "",
                route=ROUTE if hook else "",
            )
        )
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *("kamailio", "-DD", "-E", "-Y", str(directory), "-w", str(directory)),
                    *("-P", str(directory / "pid"), "-f", str(configuration)),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self._listens, "kamailio listens")

    def close(self) -> None:
        """End it with its children."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Return columns of a table in the order of arrival."""
        database = sqlite3.connect(self._database, timeout=5)
        try:
            found = database.execute(f"select {', '.join(columns)} from {table} order by id")
            return [tuple(row) for row in found]
        except sqlite3.OperationalError:  # it is just being written
            return []
        finally:
            database.close()

    def reports(self) -> list[list[str]]:
        """Return type, capture id, key, correlation id and payload of what is no SIP."""
        text = self._log.read_text(errors="replace")
        return [
            line.split("REPORT ", 1)[1].split(" ", 4)
            for line in text.split("\n")
            if "REPORT " in line
        ]

    def _listens(self) -> bool:
        assert self._process.poll() is None, self._log.read_text(errors="replace")[-2000:]
        found = subprocess.run(
            ["ss", "-lnH", "-t", "-u"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
        return f":{self.udp} " in found and f":{self.tcp} " in found


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@contextmanager
def kamailio(directory: Path, *, hook: bool) -> Iterator[Kamailio]:
    missing = [tool for tool in ("kamailio", "ss") if shutil.which(tool) is None]
    missing += [
        package
        for module, package in (
            ("sipcapture.so", "kamailio-extra-modules"),
            ("db_sqlite.so", "kamailio-sqlite-modules"),
        )
        if not (MODULES / module).exists()
    ]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    server = Kamailio(directory, hook=hook)
    try:
        yield server
    finally:
        server.close()


def send(names: Sequence[str], url: str) -> None:
    """Read captures and send what is in them."""
    store = DialogStore()
    sink = open_hep_sink(store, [parse_target(url)])
    sources = [FileSource(str(CAPTURES / name), source=n) for n, name in enumerate(names)]
    engine = Engine(FileSet(sources), (), store, sinks=[sink])
    engine.run()
    engine.stop()


def expected_rows(name: str) -> list[tuple[Any, ...]]:
    """Return what a capture holds as rows of `sip_capture`."""
    store = DialogStore()
    engine = Engine(FileSet([FileSource(str(CAPTURES / name))]), (), store)
    engine.run()
    messages = [(d, m) for d in store.dialogs.values() for m in d.messages]
    return [
        (
            m.time // 1000,
            m.method if not m.status else str(m.status),
            d.call_id.decode(),
            m.flow.source.host,
            m.flow.source.port,
            m.flow.destination.host,
            m.flow.destination.port,
            m.raw,
        )
        for d, m in sorted(messages, key=lambda pair: pair[1].time)
    ]


COLUMNS = (
    *("micro_ts", "method", "callid", "source_ip", "source_port"),
    *("destination_ip", "destination_port", "msg"),
)


@pytest.mark.parametrize("name", ["call-udp.pcap", "call-ipv6.pcap", "call-tcp.pcap"])
def test_kamailio_stores_over_udp_every_message_as_it_was(tmp_path: Path, name: str) -> None:
    expected = expected_rows(name)
    with kamailio(tmp_path, hook=False) as server:
        send([name], f"udp://127.0.0.1:{server.udp}?id=2033&key=myHep")
        wait_for(lambda: len(server.rows("sip_capture", "id")) == len(expected), "all rows")
        assert server.rows("sip_capture", *COLUMNS) == expected
        assert set(server.rows("sip_capture", "node")) == {("kam01:2033",)}


def test_kamailio_stores_rtcp_under_the_call(tmp_path: Path) -> None:
    with kamailio(tmp_path, hook=False) as server:
        send(["call-rtcp.pcap"], f"udp://127.0.0.1:{server.udp}")
        wait_for(lambda: len(server.rows("rtcp_capture", "id")) == 6, "all rows")
        rows = server.rows("rtcp_capture", "correlation_id", "source_port", "msg")
    assert {row[0] for row in rows} == {"f0f3d1513f2c29c3"}
    assert {row[1] for row in rows} == {40063, 40093}
    packets = [json.loads(bytes(row[2]))["sender_information"]["packets"] for row in rows]
    assert packets == [250, 250, 500, 500, 750, 751]


def test_kamailio_takes_the_same_over_tcp(tmp_path: Path) -> None:
    expected = expected_rows("call-udp.pcap")
    with kamailio(tmp_path, hook=True) as server:
        send(["call-udp.pcap"], f"tcp://127.0.0.1:{server.tcp}?id=2033&key=myHep")
        wait_for(lambda: len(server.rows("sip_capture", "id")) == len(expected), "all rows")
        assert server.rows("sip_capture", *COLUMNS) == expected
        wait_for(lambda: len(server.reports()) == 4, "reports")
        reports = server.reports()
    assert {tuple(report[:4]) for report in reports} == {
        ("35", "2033", "myHep", "call-udp-1@192.168.88.21")
    }
    assert [json.loads(report[4])["TOTAL_PK"] for report in reports] == [600, 600, 600, 600]


def test_sngrep_saves_what_it_gets(tmp_path: Path) -> None:
    if shutil.which("sngrep") is None:
        pytest.skip("not installed: sngrep")
    port, saved = free_port(), tmp_path / "saved.pcap"
    process = subprocess.Popen(
        ["sngrep", "-F", "-N", "-q", "-L", f"udp:127.0.0.1:{port}", "-O", str(saved)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(1)
        send(["call-udp.pcap", "busy-486.pcap"], f"udp://127.0.0.1:{port}")
        time.sleep(1)
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()
    sent = [row for name in ("call-udp.pcap", "busy-486.pcap") for row in expected_rows(name)]
    store = read(saved).engine.store
    came = [m for d in store.dialogs.values() for m in d.messages]
    assert sorted(m.raw for m in came) == sorted(row[-1] for row in sent)


def test_a_tls_server_gets_all(tmp_path: Path) -> None:
    certificate, context = make_certificate(tmp_path)
    with StreamServer(context=context) as server:
        send(["call-udp.pcap"], f"tls://localhost:{server.port}?ca={certificate}")
        wait_for(lambda: len(server.messages) == 11, "all messages")
        payloads = [fields(message)[15] for message in server.messages]
    assert payloads[:7] == [row[-1] for row in expected_rows("call-udp.pcap")]


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces take root")
@pytest.mark.skipif(shutil.which("ip") is None, reason="not installed: ip")
def test_what_is_sent_over_the_captured_interface_is_not_captured() -> None:
    name = f"sipscope-hep-{os.getpid()}"
    inside = ("ip", "netns", "exec", name)
    made = subprocess.run(
        ["ip", "netns", "add", name], capture_output=True, timeout=20, check=False
    )
    if made.returncode:
        pytest.skip(f"no network namespaces here: {made.stderr.decode().strip()}")
    try:
        subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True, timeout=20)
        program = (sys.executable, "-m", "tests.forward.feedback")
        done = subprocess.run(
            [*inside, *program],
            capture_output=True,
            env=environment(),
            cwd=ROOT,
            timeout=60,
            check=False,
        )
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True, timeout=20)
    assert done.stdout == b"50 50\n", done.stderr
