"""Answers that were made already, kept within a number of bytes; what was asked for longest ago goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from scheduler.web.question import Answer

PASSING = {"Cache-Control": "no-store"}  # of what would be told otherwise in a moment, though nothing was measured
ROOM = 8 * 1024 * 1024  # bytes
LARGEST = ROOM // 8  # of one answer


class Shelf:
    def __init__(self, room: int = ROOM, largest: int = LARGEST) -> None:
        self._room, self._largest = room, largest
        self._kept: OrderedDict[Hashable, Answer] = OrderedDict()
        self.bytes = 0

    def get(self, key: Hashable) -> Answer | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: Hashable, answer: Answer) -> None:
        if len(answer.body) > self._largest or answer.status != 200 or answer.headers == PASSING:
            return
        old = self._kept.pop(key, None)
        self.bytes += len(answer.body) - (len(old.body) if old else 0)
        self._kept[key] = answer
        while self.bytes > self._room:
            _, gone = self._kept.popitem(last=False)
            self.bytes -= len(gone.body)


__all__ = ["Shelf"]
