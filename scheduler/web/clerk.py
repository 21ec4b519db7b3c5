"""A process that answers the daemon's questions, one after the other, until its pipe ends. It only reads."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import sys
from pathlib import Path
from typing import BinaryIO

from scheduler.web.problems import MEDIA, Problem
from scheduler.web.question import HEAD, Answer, Question, Setting, answer, read_question

logger = logging.getLogger("uptake.web")


def main() -> None:
    """Answer what comes in on standard input; what is printed by accident goes to the log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the daemon's; it closes the pipe
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    logging.basicConfig(level=logging.WARNING)
    size, _ = HEAD.unpack(incoming.read(HEAD.size))
    serve(pickle.loads(incoming.read(size)), incoming, outgoing)  # noqa: S301  # from the process that started this one


def serve(setting: Setting, incoming: BinaryIO, outgoing: BinaryIO) -> None:
    from scheduler.web.answers import Clerkship

    with Clerkship(setting) as clerkship:
        while (question := read_question(incoming)) is not None:
            outgoing.write(told(clerkship.answer, question).pack())
            outgoing.flush()


def told(answer_of, question: Question) -> Answer:  # type: ignore[no-untyped-def]  # Callable[[Question], Answer]
    """The answer, or the problem that there is with the question; a mistake of ours is logged and told without its insides."""
    try:
        return answer_of(question)  # type: ignore[no-any-return]
    except Problem as problem:
        return answer(problem.document(""), MEDIA, problem.status, memory=memory(), headers=problem.headers)
    except Exception:
        logger.exception("%s %s", question.name, question.args)
        return answer(Problem(500, "something went wrong here; the log says what").document(""), MEDIA, 500, memory=memory())


def memory() -> int:
    """Bytes that this process holds; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


__all__ = ["main", "memory"]
