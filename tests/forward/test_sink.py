from sipscope.decode.batch import PacketBatch
from sipscope.forward.sink import pieces
from tests.packets import START, batch

SECOND = 1_000_000_000


def cut(*seconds: float, step: float = 1) -> list[list[float]]:
    """Return the times of each piece of a batch, in s after the start."""
    times = [START + round(second * SECOND) for second in seconds]
    whole = batch([bytes((n,)) for n in range(len(times))], times=times, number=7)
    parts = list(pieces(whole, round(step * SECOND)))
    assert numbers(parts) == list(range(7, 7 + len(times)))
    return [[(time - START) / SECOND for time in part.time.tolist()] for part in parts]


def numbers(parts: list[PacketBatch]) -> list[int]:
    """Return the frame numbers, which have to match what the frames hold."""
    found = [(part.number + n, part.frame(n).data) for part in parts for n in range(len(part))]
    assert all(data == bytes((number - 7,)) for number, data in found)
    return [number for number, _ in found]


def test_a_batch_is_cut_where_time_has_passed() -> None:
    assert cut(0.1, 0.9, 1.1, 1.2, 5) == [[0.1, 0.9], [1.1, 1.2], [5]]


def test_a_batch_of_one_moment_stays_whole() -> None:
    assert cut(0.1, 0.2, 0.3) == [[0.1, 0.2, 0.3]]


def test_a_packet_with_a_time_in_the_past_follows_the_one_before_it() -> None:
    assert cut(0.1, 1.5, 0.2, 1.6) == [[0.1], [1.5, 0.2, 1.6]]


def test_steps_may_be_of_any_length() -> None:
    assert cut(0, 2, 4, 6, step=5) == [[0, 2, 4], [6]]


def test_nothing_has_no_pieces() -> None:
    assert cut() == []
