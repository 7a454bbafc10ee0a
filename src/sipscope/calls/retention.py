"""Which dialog makes room for another, and which one has waited long enough."""

from collections import OrderedDict
from collections.abc import Collection

from sipscope.calls.dialog import State
from sipscope.calls.states import WAITING

Queue = OrderedDict[int, int]


class Retention:
    """The order in which dialogs make room: finished, then unanswered, then calls in progress.

    Within each of the three, the one that came first goes first; pinned ones stay. So a
    flood of requests that nobody answers evicts no call.
    """

    def __init__(self) -> None:
        self._finished: Queue = OrderedDict()
        self._waiting: Queue = OrderedDict()
        self._talking: Queue = OrderedDict()
        self._queues = {
            state: self._waiting
            if state in WAITING
            else self._talking
            if state is State.IN_CALL
            else self._finished
            for state in State
        }

    def __len__(self) -> int:
        return len(self._finished) + len(self._waiting) + len(self._talking)

    def enter(self, dialog_id: int, state: State, due: int) -> None:
        """Add a dialog, last of its kind.

        Args:
            dialog_id: The dialog's.
            state: The dialog's.
            due: When to look at it if it is still waiting then, in ns.
        """
        self._queues[state][dialog_id] = due

    def leave(self, dialog_id: int, state: State) -> None:
        """Take out a dialog that has been in this state so far."""
        self._queues[state].pop(dialog_id, None)

    def move(self, dialog_id: int, before: State, after: State, due: int) -> None:
        """Put a dialog among those of its new state."""
        old, new = self._queues[before], self._queues[after]
        if old is not new:
            old.pop(dialog_id, None)
            new[dialog_id] = due

    def due(self, now: int) -> list[int]:
        """Return the waiting dialogs that were to be looked at by `now` (ns)."""
        ids: list[int] = []
        for dialog_id, due in self._waiting.items():
            if due > now:
                break
            ids.append(dialog_id)
        return ids

    def waiting(self) -> list[int]:
        """Return all waiting dialogs."""
        return list(self._waiting)

    def look_again(self, dialog_id: int, due: int) -> None:
        """Set a later time to look at a waiting dialog."""
        self._waiting[dialog_id] = due
        self._waiting.move_to_end(dialog_id)

    def victim(self, pinned: Collection[int]) -> int | None:
        """Return which dialog has to go; None when all are pinned."""
        for queue in (self._finished, self._waiting, self._talking):
            for _ in range(len(queue)):
                dialog_id = next(iter(queue))
                if dialog_id not in pinned:
                    return dialog_id
                queue.move_to_end(dialog_id)
        return None
