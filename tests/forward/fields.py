"""A reader of HEP3 for tests, written from the specification and nothing else."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fields:
    """The chunks of a message in their order: type and body."""

    chunks: tuple[tuple[int, bytes], ...]

    @property
    def order(self) -> list[int]:
        return [kind for kind, _ in self.chunks]

    def __getitem__(self, kind: int) -> bytes:
        (body,) = [body for other, body in self.chunks if other == kind]
        return body

    def number(self, kind: int) -> int:
        return int.from_bytes(self[kind], "big")

    @property
    def time(self) -> int:
        return self.number(9) * 1_000_000_000 + self.number(10) * 1000


def fields(message: bytes) -> Fields:
    """Read a message that is exactly as long as it says, with chunks of vendor 0 alone."""
    assert message[:4] == b"HEP3"
    assert int.from_bytes(message[4:6], "big") == len(message)
    chunks = []
    offset = 6
    while offset < len(message):
        vendor, kind, length = (
            int.from_bytes(message[offset + n : offset + n + 2], "big") for n in (0, 2, 4)
        )
        assert vendor == 0
        assert length >= 6
        assert offset + length <= len(message)
        chunks.append((kind, message[offset + 6 : offset + length]))
        offset += length
    return Fields(tuple(chunks))


def split(stream: bytes) -> list[bytes]:
    """Cut whole messages out of what came over TCP; a rest is left away."""
    messages = []
    offset = 0
    while offset + 6 <= len(stream):
        length = int.from_bytes(stream[offset + 4 : offset + 6], "big")
        if offset + length > len(stream):
            break
        messages.append(stream[offset : offset + length])
        offset += length
    return messages
