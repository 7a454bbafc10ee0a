"""What the engine asks of whatever it hands things on to."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

import numpy as np

from sipscope.calls.intake import Listener
from sipscope.decode.address import Endpoint
from sipscope.decode.batch import PacketBatch


class Sink(Listener, Protocol):
    """Where what is taken goes beside the store. In the engine's thread, and it never waits."""

    @property
    def endpoints(self) -> Collection[Endpoint]:
        """Transport addresses of its own traffic, which is not taken in again."""

    @property
    def step(self) -> int:
        """Capture time between two calls of `tick` at most, ns."""

    @property
    def congested(self) -> bool:
        """Whether files had better be read more slowly."""

    @property
    def busy(self) -> bool:
        """Whether what waits may soon be gone; files alone are done only then."""

    def tick(self, now: int) -> None:
        """Take note of the capture time `now`, ns, at which the figures were computed."""

    def finish(self, now: int) -> None:
        """Take note that nothing more will come."""

    def turn(self) -> bool:
        """Hand on some of what waits; tell whether there is more to do at once."""

    def descriptors(self) -> tuple[list[int], list[int]]:
        """Return what to wait for to become readable and writable."""

    def close(self) -> None:
        """End, within two seconds."""


def pieces(batch: PacketBatch, step: int) -> Iterator[PacketBatch]:
    """Cut a batch where `step` ns of capture time have passed."""
    if not len(batch):
        return
    number = np.maximum.accumulate(batch.time) // step
    cuts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(batch)]
    for begin, end in pairwise(cuts):
        yield replace(
            batch,
            offset=batch.offset[begin:end],
            captured=batch.captured[begin:end],
            wire=batch.wire[begin:end],
            time=batch.time[begin:end],
            number=batch.number + begin,
        )
