import itertools
import time
from pathlib import Path

import pytest

from sipscope.errors import UsageError
from sipscope.forward.addresses import Addresses
from sipscope.forward.backlog import Backlog
from sipscope.forward.sender import LONGEST_WAIT_NS, SECOND, Sender
from sipscope.forward.spool import open_spool
from sipscope.forward.target import Target
from tests.forward.certificate import make_certificate
from tests.forward.servers import (
    LOOPBACK,
    DatagramServer,
    StreamServer,
    closing,
    free_port,
    serve,
)
from tests.forward.test_spool import message, messages, numbers


def sender_to(target: Target, spool: Path | None = None, size: int = 100 << 20) -> Sender:
    """A sender that tries again as soon as it may."""
    backlog = Backlog(None if spool is None else open_spool(str(spool), size))
    return Sender(target, Addresses(target), backlog, chance=lambda: 0.0)


def over(transport: str, port: int, **options: object) -> Target:
    host = "localhost" if transport == "tls" else LOOPBACK
    return Target(transport, host, port, **options)  # type: ignore[arg-type]


def first_comings(came: list[int]) -> list[int]:
    """Without those that came again."""
    return list(dict.fromkeys(came))


class TestDatagrams:
    def test_come_in_order(self) -> None:
        with DatagramServer() as server, closing(sender_to(over("udp", server.port))) as sender:
            sender.put(messages(5000))
            serve(sender, lambda: len(server.messages) == 5000)
            assert numbers(server.messages) == list(range(5000))
            assert (sender.traffic.messages, sender.traffic.octets) == (5000, 500_000)

    def test_begin_with_one_that_has_to_be_taken(self) -> None:
        with DatagramServer() as server, closing(sender_to(over("udp", server.port))) as sender:
            sender.put(messages(10))
            serve(sender, lambda: len(server.messages) == 1)
            assert not sender.connected
            serve(sender, lambda: sender.connected)

    def test_that_nobody_takes_are_noticed(self) -> None:
        with closing(sender_to(over("udp", free_port()))) as sender:
            sender.put(messages(3))
            serve(sender, lambda: sender.failure is not None)
            assert sender.failure == "Connection refused"
            assert len(sender.backlog) == 3

    def test_wait_for_a_server_that_is_down(self, tmp_path: Path) -> None:
        port = free_port()
        with closing(sender_to(over("udp", port), tmp_path / "spool")) as sender:
            sender.put(messages(100))
            serve(sender, lambda: sender.failure is not None)
            sender.put(messages(100, 200))
            with DatagramServer(port) as server:
                serve(sender, lambda: len(server.messages) == 200)
                assert numbers(server.messages) == list(range(200))

    def test_that_a_server_missed_when_it_went_down_come_again(self, tmp_path: Path) -> None:
        port = free_port()
        with closing(sender_to(over("udp", port), tmp_path / "spool")) as sender:
            with DatagramServer(port) as server:
                sender.put(messages(100))
                serve(sender, lambda: len(server.messages) == 100)
                early = numbers(server.messages)
            for number in range(100, 110):
                sender.put(messages(number, number + 1))
                sender.turn(time.monotonic_ns())
            serve(sender, lambda: sender.failure is not None)
            with DatagramServer(port) as server:
                serve(sender, lambda: not sender.backlog)
                time.sleep(0.1)
                came = early + numbers(server.messages)
            assert set(came) == set(range(110))
            assert first_comings(came) == list(range(110))

    def test_that_are_too_long_for_the_network_are_counted(self) -> None:
        with DatagramServer() as server, closing(sender_to(over("udp", server.port))) as sender:
            too_long = messages(1)[0].ljust(65_508, b"\0")
            sender.put([*messages(1), too_long, *messages(1, 3)])
            serve(sender, lambda: len(server.messages) == 3)
            assert numbers(server.messages) == [0, 1, 2]
            assert sender.traffic.refused == 1


class TestStreams:
    def test_come_in_order(self) -> None:
        with StreamServer() as server, closing(sender_to(over("tcp", server.port))) as sender:
            sender.put(messages(15_000))
            serve(sender, lambda: len(server.messages) == 15_000)
            assert numbers(server.messages) == list(range(15_000))
            assert server.connections == 1

    def test_wait_for_a_server_that_is_down(self, tmp_path: Path) -> None:
        port = free_port()
        with closing(sender_to(over("tcp", port), tmp_path / "spool")) as sender:
            sender.put(messages(100))
            serve(sender, lambda: sender.failure is not None)
            assert sender.failure == "Connection refused"
            sender.put(messages(100, 30_000))
            with StreamServer(port) as server:
                serve(sender, lambda: len(server.messages) >= 30_000)
                assert numbers(server.messages) == list(range(30_000))

    def test_lose_nothing_to_a_server_that_resets_under_load(self, tmp_path: Path) -> None:
        total = 30_000
        with (
            StreamServer(resets=400_000) as server,
            closing(sender_to(over("tcp", server.port), tmp_path / "spool")) as sender,
        ):
            batches = iter([messages(n, n + 100) for n in range(0, total, 100)])

            def all_came() -> bool:
                sender.put(next(batches, []))
                if server.connections == 4:
                    server.resets = 0
                return not sender.backlog and sender.settled() and server.connections >= 4

            longest = serve(sender, all_came)
            time.sleep(0.1)
            came = numbers(server.messages)
            assert set(came) == set(range(total))
            assert sender.backlog.dropped == 0
            assert sender.traffic.repeated > 0
            assert longest < 0.1

    def test_keep_their_order_over_resets(self, tmp_path: Path) -> None:
        total = 10_000
        with (
            StreamServer(resets=300_000) as server,
            closing(sender_to(over("tcp", server.port), tmp_path / "spool")) as sender,
        ):
            sender.put(messages(total))
            serve(sender, lambda: server.connections == 3)
            server.resets = 0
            serve(sender, lambda: not sender.backlog and sender.settled())
            time.sleep(0.1)
            came = numbers(server.messages)
        assert first_comings(came) == list(range(total))

    def test_to_a_slow_server_wait_on_the_disk(self, tmp_path: Path) -> None:
        total = 60_000
        with (
            StreamServer(slow=0.01) as server,
            closing(sender_to(over("tcp", server.port), tmp_path / "spool")) as sender,
        ):
            begins = iter(range(0, total, 500))

            def all_put() -> bool:
                begin = next(begins, total)
                sender.put([message(n, 1000) for n in range(begin, min(begin + 500, total))])
                return begin == total

            longest = serve(sender, all_put)
            assert sender.backlog.spool is not None
            assert sender.backlog.spool.messages > 0
            server.slow = 0
            longest = max(longest, serve(sender, lambda: server.received >= 1000 * total))
            assert numbers(server.messages) == list(range(total))
            assert longest < 0.1

    def test_to_a_server_that_never_reads_take_no_time(self, tmp_path: Path) -> None:
        with (
            StreamServer(slow=60) as server,
            closing(sender_to(over("tcp", server.port), tmp_path / "spool")) as sender,
        ):
            serve(sender, lambda: sender.connected)
            begin = time.monotonic()
            for number in range(0, 50_000, 500):
                sender.put(messages(number, number + 500))
                sender.turn(time.monotonic_ns())
            assert time.monotonic() - begin < 5
            assert sender.backlog.dropped == 0

    def test_go_on_after_a_restart(self, tmp_path: Path) -> None:
        port = free_port()
        with closing(sender_to(over("tcp", port), tmp_path / "spool")) as first:
            first.put(messages(100))
            serve(first, lambda: first.failure is not None)
            first.put(messages(100, 200))
        with StreamServer(port) as server:
            with closing(sender_to(over("tcp", port), tmp_path / "spool")) as second:
                serve(second, lambda: len(server.messages) >= 200)
            assert numbers(server.messages) == list(range(200))

    def test_beyond_the_size_of_the_spool_are_counted(self, tmp_path: Path) -> None:
        target = over("tcp", free_port())
        with closing(sender_to(target, tmp_path / "spool", size=100_000)) as sender:
            serve(sender, lambda: sender.failure is not None)
            for number in range(0, 5000, 50):
                sender.put(messages(number, number + 50))
            assert len(sender.backlog) + sender.backlog.dropped == 5000
            assert len(sender.backlog) >= 800


class TestTls:
    @pytest.fixture(scope="class")
    def directory(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("tls")

    def test_comes_in_order(self, directory: Path) -> None:
        certificate, context = make_certificate(directory)
        with StreamServer(context=context) as server:
            target = over("tls", server.port, ca=str(certificate))
            with closing(sender_to(target)) as sender:
                sender.put(messages(15_000))
                serve(sender, lambda: len(server.messages) == 15_000)
                assert numbers(server.messages) == list(range(15_000))

    def test_does_not_trust_an_unknown_authority(self, directory: Path) -> None:
        _, context = make_certificate(directory)
        with (
            StreamServer(context=context) as server,
            closing(sender_to(over("tls", server.port))) as sender,
        ):
            sender.put(messages(3))
            serve(sender, lambda: sender.failure is not None)
            assert sender.failure is not None
            assert sender.failure.startswith("certificate refused, self-signed certificate")
            assert not server.messages

    def test_does_not_trust_another_name(self, directory: Path) -> None:
        certificate, context = make_certificate(directory, "elsewhere.example")
        with StreamServer(context=context) as server:
            target = over("tls", server.port, ca=str(certificate))
            with closing(sender_to(target)) as sender:
                serve(sender, lambda: sender.failure is not None)
                assert sender.failure is not None
                assert "Hostname mismatch" in sender.failure

    def test_trusts_anybody_when_told_so(self, directory: Path) -> None:
        _, context = make_certificate(directory, "elsewhere.example")
        with (
            StreamServer(context=context) as server,
            closing(sender_to(over("tls", server.port, verify=False))) as sender,
        ):
            sender.put(messages(3))
            serve(sender, lambda: len(server.messages) == 3)

    def test_needs_a_file_of_authorities(self, directory: Path) -> None:
        with pytest.raises(UsageError, match="holds no certificate authorities"):
            sender_to(over("tls", 9061, ca=str(directory / "none.pem")))

    def test_wants_certificates_in_the_file(self, directory: Path) -> None:
        (directory / "text.pem").write_text("no certificate")
        with pytest.raises(UsageError, match="holds no certificate authorities"):
            sender_to(over("tls", 9061, ca=str(directory / "text.pem")))


def fail(sender: Sender, now: int, failures: int) -> None:
    """Give a sender its turns at one time until it failed."""
    deadline = time.monotonic() + 10
    while sender.traffic.failures < failures:
        assert time.monotonic() < deadline
        sender.turn(now)
        time.sleep(0.001)


def test_attempts_grow_rarer_up_to_a_minute() -> None:
    target = over("tcp", free_port())
    sender = Sender(target, Addresses(target), Backlog(), chance=lambda: 1.0)
    now, attempts = 0, []
    while now < 400 * SECOND:
        before = sender.traffic.failures
        sender.turn(now)
        time.sleep(0.0005)
        if sender.traffic.failures > before:
            attempts.append(now)
        now += SECOND // 2
    waits = [(after - before) // SECOND for before, after in itertools.pairwise(attempts)]
    assert waits[:6] == [1, 2, 4, 8, 16, 32]
    assert set(waits[6:]) <= {LONGEST_WAIT_NS // SECOND, LONGEST_WAIT_NS // SECOND + 1}
    sender.close()


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 500), (0.5, 750), (1.0, 1000)])
def test_attempts_of_many_agents_are_spread(chance: float, wait: int) -> None:
    target = over("tcp", free_port())
    with closing(Sender(target, Addresses(target), Backlog(), lambda: chance)) as sender:
        fail(sender, 0, failures=1)
        again = wait * SECOND // 1000
        assert not sender.turn(again - 1)
        assert sender.descriptors() == (None, False)
        fail(sender, again, failures=2)


def test_a_server_that_never_was_there_is_given_up_hope() -> None:
    with closing(sender_to(over("tcp", free_port()))) as sender:
        sender.put(messages(3))
        assert sender.hopeful
        serve(sender, lambda: sender.traffic.failures == 3)
        assert not sender.hopeful


def test_what_waits_for_nobody_is_settled() -> None:
    with closing(sender_to(over("tcp", free_port()))) as sender:
        assert sender.settled()
        sender.put(messages(3))
        assert not sender.settled()


def test_a_server_that_takes_messages_slowly_congests() -> None:
    with StreamServer(slow=1) as server, closing(sender_to(over("tcp", server.port))) as sender:
        sender.put(messages(9_000))
        serve(sender, lambda: sender.connected)
        assert not sender.congested
        sender.put(messages(18_000))
        assert sender.congested
        server.slow = 0


def test_a_server_that_is_not_there_congests_only_at_first() -> None:
    with closing(sender_to(over("tcp", free_port()))) as sender:
        sender.put(messages(18_000))
        assert sender.congested
        serve(sender, lambda: sender.traffic.failures == 3)
        assert not sender.congested
