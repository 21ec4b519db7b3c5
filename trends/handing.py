"""What comes of handing a message to a server, be it mail or a webhook: the words that both share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

# Called in the last moment before a message leaves; False: do not, somebody else has taken it.
Before = Callable[[], bool]


class Answer(StrEnum):
    SENT = "sent"
    LATER = "later"  # nothing has left; worth another try
    REFUSED = "refused"  # the server said no, for good
    UNCERTAIN = "uncertain"  # it left, and no answer came
    TAKEN = "taken"  # another process was quicker


@dataclass(frozen=True, slots=True)
class Told:
    """An answer, and in plain words why."""

    answer: Answer
    words: str = ""


class Unreachable(Exception):  # noqa: N818  # a state that passes, told in a sentence
    """The server cannot be spoken with at all: nothing has left. The message says why and what to do."""
