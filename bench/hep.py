"""How many HEP messages a second one core takes in, from the socket to the store.

    python bench/hep.py [--transport udp|tcp] [--calls N]

SIP of a busy PBX is sent as HEP3 to a listener in this process. What is measured is the CPU
time of the thread that takes it in, as the engine's does; sending is not in it. A listener
that falls behind finds more at its next turn, and many at once cost less each: so the figure
that has to reach 28,000 a second is that for many at once.
"""

from __future__ import annotations

import argparse
import gc
import random
import select
import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import IPv4Address

from signalling import SECOND, make_call, route, schedule_call, write_message
from sipscope.calls.intake import Intake
from sipscope.calls.store import DialogStore
from sipscope.capture.hep import MOST_MESSAGES, HepSource
from sipscope.decode.address import Endpoint, Flow
from sipscope.forward.hep_message import SIP, HepEncoder

WANTED = 28_000
CALLS_PER_SECOND = 30


def make_messages(count: int, seed: int) -> list[bytes]:
    """The SIP of so many calls that end about now, as HEP3, in the order of time."""
    chance = random.Random(seed)
    calls, sendings = [], []
    start = time.time_ns() - count * SECOND // CALLS_PER_SECOND - 60 * SECOND
    for index in range(count):
        start += int(chance.expovariate(CALLS_PER_SECOND) * SECOND)
        calls.append(make_call(index, chance))
        sendings += schedule_call(index, start, SECOND, 20 * SECOND, chance=chance, lively=True)
    sendings.sort()
    encoder = HepEncoder(2001, b"myHep", b"pbx-1")
    messages = []
    for sending in sendings:
        call = calls[sending.call]
        sender, receiver = (
            Endpoint(IPv4Address(party.address).packed, party.flavour.port)
            for party in route(call, sending.message)
        )
        payload = write_message(call, sending.message)
        message = encoder.encode(SIP, sending.time, Flow(sender, receiver), payload)
        assert isinstance(message, bytes)
        messages.append(message)
    return messages


def pieces(messages: list[bytes], size: int) -> Iterator[list[bytes]]:
    for begin in range(0, len(messages), size):
        yield messages[begin : begin + size]


def take_datagrams(source: HepSource, intake: Intake, messages: list[bytes], size: int) -> float:
    """Send and take in turns, `size` messages each time; return the CPU time of taking."""
    seconds = 0.0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        agent.connect((source.address.host, source.address.port))
        for part in pieces(messages, size):
            for message in part:
                agent.send(message)
            seconds += take(source, intake)
    return seconds


def take_stream(source: HepSource, intake: Intake, messages: list[bytes]) -> float:
    """Take what another thread sends; return the CPU time of taking."""
    seconds = 0.0
    with socket.create_connection((source.address.host, source.address.port)) as agent:
        sender = threading.Thread(target=agent.sendall, args=(b"".join(messages),), daemon=True)
        sender.start()
        while source.packets < len(messages):
            select.select([source.fileno()], [], [], 1)
            seconds += take(source, intake)
        sender.join()
    return seconds


def take(source: HepSource, intake: Intake) -> float:
    """Take what there is."""
    begun = time.thread_time()
    while (batch := source.read(time.time_ns())) is not None:
        intake.take(batch)
    return time.thread_time() - begun


def measure(messages: list[bytes], transport: str, size: int) -> float:
    """Return messages a second, and tell about them."""
    source = HepSource(f"{transport}:127.0.0.1:0")
    store = DialogStore()
    intake = Intake(store)
    if transport == "udp":
        seconds = take_datagrams(source, intake, messages, size)
    else:
        seconds = take_stream(source, intake, messages)
    source.close()
    rate = store.counters.messages / seconds
    at_once = f"{size:,} at once" if transport == "udp" else "one connection"
    print(
        f"{transport}, {at_once:<14} {rate:>8,.0f} messages/s, {1e6 / rate:5.1f} us each;"
        f" {store.counters.messages:,} of {len(messages):,} in {len(store.dialogs):,} dialogs,"
        f" {source.kernel_drops:,} lost"
    )
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--transport", choices=("udp", "tcp"), action="append")
    parser.add_argument("--calls", type=int, default=6_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    messages = make_messages(options.calls, options.seed)
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)  # as in the program
    print(f"{len(messages):,} messages, {sum(map(len, messages)) / len(messages):.0f} bytes each")
    rates = {
        (transport, size): measure(messages, transport, size)
        for transport in options.transport or ("udp", "tcp")
        for size in ((MOST_MESSAGES, 500, 100) if transport == "udp" else (MOST_MESSAGES,))
    }
    for transport in options.transport or ("udp", "tcp"):
        times = rates[transport, MOST_MESSAGES] / WANTED
        print(f"wanted {WANTED:,} messages/s: {times:.2f} times that over {transport}")


if __name__ == "__main__":
    main()
