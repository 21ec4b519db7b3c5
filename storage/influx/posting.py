"""Posts one batch: in pieces that the server takes, and around the points that it refuses.

A refused piece is halved until the point that is refused stands alone; that one is parked, the rest go on. Where a
server says that it left out the whole piece, all of it is parked at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from storage.influx.answers import Refused, Remedy, Trouble
from storage.influx.batches import Batch
from storage.parking import Parked

SINGLES = 32  # refused points without one accepted, after which the other end of the batch is tried; twice that: nobody is let in


@dataclass(slots=True)
class Sizes:
    """How many lines go into one request: more while all goes well, half as many when the server says so."""

    now: int = 10_000
    most: int = 10_000
    streak: int = 0

    def good(self, lines: int) -> None:
        if lines >= self.now < self.most:
            self.streak += 1
            if self.streak >= 4:
                self.now, self.streak = min(self.most, self.now * 5 // 4), 0

    def too_large(self, lines: int) -> None:
        """A request of so many lines was too large: the size is not tried again."""
        self.now = self.most = max(1, lines // 2)
        self.streak = 0

    def too_much(self) -> None:
        """The server wants less for now."""
        self.now, self.streak = max(1, self.now // 2), 0


@dataclass(slots=True)
class Posted:
    """What came of a batch: points that are parked, how many the server left out because of their age, and why."""

    parked: list[Parked] = field(default_factory=list)
    dropped: int = 0
    told: str = ""
    accepted: int = 0


def post(batch: Batch, write: Callable[[list[str] | bytes], None], sizes: Sizes) -> Posted:
    """Write a batch's lines. Raises `Refused` where the whole must wait; what was written by then may be written again."""
    result = Posted()
    todo = deque([(0, len(batch.lines))])
    while todo:
        start, end = todo.pop()
        if start == end:
            continue
        if end - start > sizes.now:
            todo += _halves(start, end)
            continue
        try:
            write(batch.body if batch.body is not None and end - start == len(batch.lines) else batch.lines[start:end])
        except Refused as refusal:
            _refused(refusal.trouble, batch, start, end, todo, sizes, result)
        else:
            result.accepted += end - start
            sizes.good(end - start)
    return result


def _refused(trouble: Trouble, batch: Batch, start: int, end: int, todo: deque[tuple[int, int]], sizes: Sizes, result: Posted) -> None:
    lines = end - start
    match trouble.remedy:
        case Remedy.GO_ON:
            result.dropped += trouble.dropped or lines
            result.told = trouble.words
            result.accepted += lines
        case Remedy.SHRINK if lines > 1 and trouble.at_once:
            sizes.too_large(lines)
            todo += _halves(start, end)
        case Remedy.SHRINK if trouble.at_once:
            _park(trouble, batch, start, end, result)
        case Remedy.SPLIT if lines in {1, trouble.dropped}:
            _park(trouble, batch, start, end, result)
            if trouble.dropped is None and not result.accepted:
                _doubt(trouble, todo, result)
        case Remedy.SPLIT:
            todo += _halves(start, end)
        case _:
            if trouble.remedy is Remedy.SHRINK or trouble.retry_after is not None:
                sizes.too_much()
            raise Refused(trouble)


def _doubt(trouble: Trouble, todo: deque[tuple[int, int]], result: Posted) -> None:
    """Many points were refused and none was taken: look at the other end of the batch, and then believe that it is not the points."""
    if len(result.parked) == SINGLES:
        todo.rotate(-1)
    elif len(result.parked) == 2 * SINGLES:
        raise Refused(Trouble(Remedy.CONFIGURE, f"every figure is refused, so it is not the figures: {trouble.words}"))


def _halves(start: int, end: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The right half first: the left one is taken from the end."""
    middle = (start + end) // 2
    return (middle, end), (start, middle)


def _park(trouble: Trouble, batch: Batch, start: int, end: int, result: Posted) -> None:
    keys = islice(batch.keys(), start, end)
    result.parked += [Parked(*key, line, trouble.words) for key, line in zip(keys, batch.lines[start:end], strict=True)]
