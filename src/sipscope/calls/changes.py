"""What changed since somebody looked."""


class ChangeLog:
    """The ids of what changed, in order; the version counts them.

    Attributes:
        ids: The latest changes, open to be appended to.
    """

    CAPACITY = 131_072

    def __init__(self) -> None:
        self.ids: list[int] = []
        self._base = 0

    @property
    def version(self) -> int:
        """How many changes there were."""
        return self._base + len(self.ids)

    def since(self, version: int) -> set[int] | None:
        """Return what changed after a version; None when the log does not reach back so far."""
        return None if version < self._base else set(self.ids[version - self._base :])

    def trim(self) -> None:
        """Drop the oldest changes when there are too many."""
        excess = len(self.ids) - self.CAPACITY
        if excess > 0:
            excess += self.CAPACITY // 2
            del self.ids[:excess]
            self._base += excess
