"""HEP from capture agents as a source of packets: over UDP, TCP or TLS.

What comes over TCP or TLS goes on as if each message had been a datagram, so all of it is
decoded, recorded and shown like HEP that was captured on an interface.
"""

import hmac
import ssl
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sipscope.capture.datagrams import Arrivals, BulkSocket
from sipscope.capture.hep_streams import StreamServer
from sipscope.capture.listener import AllowList, Received, packet_batch, parse_listen
from sipscope.decode.address import Endpoint
from sipscope.decode.batch import PacketBatch
from sipscope.decode.hep import MAGICS, looks_like_hep, parse_hep
from sipscope.decode.hep_senders import SenderTable
from sipscope.decode.sip_framing import looks_like_sip
from sipscope.errors import Problem, SourceError, UsageError

DEFAULT_PORT: Final = 9060
TRANSPORTS: Final = ("udp", "tcp", "tls")
MOST_MESSAGES: Final = 2_000  # that connections give at once
_MAGICS = [int.from_bytes(magic, "little") for magic in MAGICS]


class HepSource:
    """A port on which capture agents send HEP.

    Attributes:
        name: The transport and the address, such as `udp:127.0.0.1:9060`.
        kind: `hep`.
        address: Where it listens.
        packets: Messages given so far.
        bytes: Bytes given so far, with the headers of their datagrams.
        truncated_packets: None: a message comes whole or not at all.
        damaged: None: what did not come cannot be told from here.
        allow: Who may send, and how many others were refused.
        senders: Whose messages were not let in, by reason.
    """

    kind = "hep"
    truncated_packets = 0
    damaged: str | None = None

    def __init__(
        self,
        where: str,
        *,
        source: int = 0,
        allow: AllowList | None = None,
        auth_key: str = "",
        certificate: str = "",
        certificate_key: str = "",
    ) -> None:
        """Listen.

        Args:
            where: `udp`, `tcp` or `tls`, then an address and a port, as in `tcp:192.0.2.9:9060`;
                loopback, port 9060 and UDP unless given.
            source: Index of this source in the engine's list.
            allow: Who may send; everybody who can reach the address unless given.
            auth_key: What messages have to carry as authentication key, if anything.
            certificate: PEM file of the certificate for TLS, with its chain.
            certificate_key: PEM file of its private key; in the same file unless given.

        Raises:
            UsageError: `where` cannot be read, or TLS lacks a certificate.
            SourceError: The port is taken, or the certificate cannot be used.
        """
        transport, rest = _transport(where)
        host, port = parse_listen(rest, DEFAULT_PORT)
        self.allow = AllowList() if allow is None else allow
        self.senders = SenderTable()
        self.packets = 0
        self.bytes = 0
        self._source = source
        self._auth_key = auth_key.encode()
        self._listener: BulkSocket | StreamServer
        if transport == "udp":
            self._listener = BulkSocket(host, port)
        else:
            context = _context(certificate, certificate_key) if transport == "tls" else None
            self._listener = StreamServer(host, port, self.allow, self.senders, context)
        self.address = self._listener.address
        self.name = f"{transport}:{self.address}"

    @property
    def kernel_drops(self) -> int:
        """Datagrams that the kernel had no room for."""
        listener = self._listener
        return 0 if isinstance(listener, StreamServer) else listener.drops

    @property
    def status(self) -> str | None:
        """How much was not let in, in words; None when everything was."""
        refused, rejected = self.allow.refused, self.senders.rejected
        reasons = [f"{refused:,} from senders that are not allowed"] if refused else []
        reasons += [f"{rejected:,} that are no HEP or lack the key"] if rejected else []
        return f"not let in: {', '.join(reasons)}" if reasons else None

    def fileno(self) -> int:
        """Return the descriptor to wait for before `read`."""
        return self._listener.fileno()

    def read(self, now: int) -> PacketBatch | None:
        """Return the messages that came, None when there are none; `now` is the time in ns."""
        listener, number = self._listener, self.packets + 1
        batch = None
        if isinstance(listener, StreamServer):
            received = listener.receive(now, MOST_MESSAGES)
            received = [message for message in received if self._lets_in(message)]
            if received:
                batch = packet_batch(received, source=self._source, number=number)
        elif (arrivals := listener.receive(now)) is not None:
            arrivals = arrivals.where(self._let_in(listener, arrivals))
            if len(arrivals.slot):
                batch = listener.packet_batch(
                    arrivals, port=self.address.port, source=self._source, number=number
                )
        if batch is not None:
            self.packets += len(batch)
            self.bytes += len(batch.buffer)
        return batch

    def close(self) -> None:
        """Listen no longer."""
        self._listener.close()

    def _let_in(self, listener: BulkSocket, arrivals: Arrivals) -> NDArray[np.bool_]:
        """Tell which datagrams to take; nearly always that is told by how they begin."""
        taken = np.zeros(len(arrivals.slot), np.bool_)
        if self.allow.anybody and not self._auth_key:
            words = listener.octets(arrivals, 4).view("<u4")[:, 0]
            taken = np.isin(words, _MAGICS) & (arrivals.length >= 4)
        for row in np.flatnonzero(~taken).tolist():
            size = 4 if arrivals.version[row] == 4 else 16
            source = Endpoint(arrivals.source[row, :size].tobytes(), int(arrivals.port[row]))
            if self.allow.allows(source.address):
                data = listener.payload(arrivals, row)
                message = Received(int(arrivals.time[row]), source, self.address, data)
                taken[row] = self._lets_in(message)
        return taken

    def _lets_in(self, received: Received) -> bool:
        """Tell whether to take a message; whose it is and why not is counted."""
        time, source, _, data = received
        if self._auth_key:
            message = parse_hep(data, time)
            reason = message.code if isinstance(message, Problem) else "hep.auth-key"
            key = b"" if isinstance(message, Problem) else message.auth_key
            if hmac.compare_digest(key, self._auth_key):
                return True
        elif looks_like_hep(data) or looks_like_sip(data):
            return True
        else:
            reason = "hep.magic"
        self.senders.reject(source.address, time, reason)
        return False


def _transport(where: str) -> tuple[str, str]:
    """Split the transport off where to listen."""
    transport, _, rest = where.partition(":")
    return (transport, rest) if transport in TRANSPORTS else ("udp", where)


def _context(certificate: str, key: str) -> ssl.SSLContext:
    """Return what TLS needs (RFC 8446, or RFC 5246 for agents that know no better)."""
    if not certificate:
        raise UsageError(
            "HEP over TLS needs a certificate",
            "Give --hep-cert and --hep-key; for a test, make both with: openssl req -x509"
            " -newkey rsa:2048 -nodes -subj /CN=hep -days 365 -out hep.pem -keyout hep.key",
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password at hand, OpenSSL would ask for one in the midst of the screen.
        context.load_cert_chain(certificate, key or None, password="")
    except OSError as error:  # of the file, or of what is in it
        reason = error.strerror if not isinstance(error, ssl.SSLError) else error.reason
        raise SourceError(
            f"The certificate {certificate} cannot be used: {reason or 'no PEM file'}",
            "Give PEM files with --hep-cert and --hep-key, the key without a password",
        ) from error
    return context
