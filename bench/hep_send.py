"""How many SIP messages a second does one core read, take and send on as HEP?

    python bench/hep_send.py

`sipscope agent` reads a capture of SIP alone and sends it to a server in another process, over
UDP and over TCP. Messages a second are those that were sent by the processor time of the agent,
user and system. Before that, the encoder alone.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from multiprocessing.connection import Connection

from compare import Workload, environment
from sipscope.decode.address import Endpoint, Flow
from sipscope.forward.hep_message import SIP, HepEncoder

WANTED = 28_000
WANTED_ENCODED = 100_000
LOOPBACK = "127.0.0.1"
SO_RCVBUFFORCE = 33
QUIET_S = 1.0


def encoded_per_second(messages: int = 200_000) -> float:
    """Encode messages of 700 bytes between 100 pairs of hosts."""
    encoder = HepEncoder(2001, b"key", b"node")
    flows = [
        Flow(Endpoint(bytes((10, 0, 0, n)), 5060), Endpoint(bytes((10, 0, 1, n)), 5060))
        for n in range(100)
    ]
    payload = bytes(700)
    begin = time.process_time()
    for number in range(messages):
        encoder.encode(SIP, 1_700_000_000_000_000_000 + number, flows[number % 100], payload)
    return messages / (time.process_time() - begin)


def receive(transport: str, told: Connection) -> None:
    """Take what comes until it is quiet; tell the port, then how many messages came."""
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as server:
        server.bind((LOOPBACK, 0))
        if transport == "udp" and os.geteuid() == 0:
            server.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
        if transport == "tcp":
            server.listen()
        told.send(server.getsockname()[1])
        told.send(datagrams(server) if transport == "udp" else framed(server.accept()[0]))


def datagrams(server: socket.socket) -> int:
    count = 0
    while True:
        try:
            server.recv_into(bytearray(65_536))
        except TimeoutError:
            return count
        count += 1
        server.settimeout(QUIET_S)


def framed(stream: socket.socket) -> int:
    count = 0
    rest = b""
    with stream:
        while data := stream.recv(1 << 20):
            data = rest + data
            offset = 0
            while offset + 6 <= len(data):
                length = data[offset + 4] << 8 | data[offset + 5]
                if offset + length > len(data):
                    break
                offset += length
                count += 1
            rest = data[offset:]
    return count


def send(transport: str, workload: Workload) -> None:
    """Send a capture and print what it cost."""
    told, tells = multiprocessing.Pipe()
    server = multiprocessing.Process(target=receive, args=(transport, tells), daemon=True)
    server.start()
    url = f"{transport}://{LOOPBACK}:{told.recv()}"
    command = (sys.executable, "-m", "sipscope", "agent", "-r", str(workload.path))
    begin = time.monotonic()
    process = subprocess.Popen((*command, "--hep-send", url), env=environment())
    _, status, usage = os.wait4(process.pid, 0)
    elapsed = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    came = int(told.recv())
    server.join()
    cpu = usage.ru_utime + usage.ru_stime
    rate = came / cpu
    word = "pass" if rate >= WANTED and process.returncode == 0 else "FAIL"
    print(
        f"{transport}: {came:,} messages came, {cpu:.2f} s of CPU, {elapsed:.2f} s,"
        f" {rate:,.0f} messages a second on one core (wanted {WANTED:,}: {word}),"
        f" {usage.ru_maxrss / 1024:.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=50_000, help="of the capture")
    workload = Workload("sip", parser.parse_args().calls)
    workload.write()
    rate = encoded_per_second()
    word = "pass" if rate >= WANTED_ENCODED else "FAIL"
    print(f"encoder: {rate:,.0f} messages a second (wanted {WANTED_ENCODED:,}: {word})")
    for transport in ("udp", "tcp"):
        send(transport, workload)


if __name__ == "__main__":
    main()
