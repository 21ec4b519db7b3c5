"""Keeps leases: takes them, renews all of a process in one statement from a thread of its own, lets them go.

The thread is not held up by a loop that is busy, and whoever asks a grip is not held up by the thread: if the server is silent
the grip dies by the clock. Why not PostgreSQL's advisory locks, which free themselves with the connection? The server notices
that a machine was cut off only when its TCP does, the holder never learns that it has lost the lock, and the journal could not
be fenced by it.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from storage import leases, shares
from storage.grips import Leased, elapsed
from storage.model import UptakeError

logger = logging.getLogger(__name__)

RENEWALS = 5  # in a lease's life
PATIENCE = 6  # the part of a lease's life that a statement may take: two that hang leave time for a third within half of it
T = TypeVar("T")


class Keeper:
    """The leases of one process. ``take`` and ``drop`` block for a moment: they are for threads.

    A grip that was found dead is renewed no more; one that nobody asked meanwhile lives on, if the server says that nobody came.

    ``lost`` is called, on the thread, when somebody else has taken one of them.
    """

    def __init__(
        self,
        url: str,
        *,
        life: float = leases.LIFE,
        holder: str = "",
        clock: Callable[[], float] = elapsed,
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self.life = life
        self.holder = holder or f"process {os.getpid()} on {socket.gethostname()}"
        self._clock, self._lost = clock, lost
        engine = _engine(url, life)
        self._asking = _Line(engine, life / PATIENCE)
        self._renewing = _Line(engine, life / PATIENCE)
        self._grips: set[Leased] = set()
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def take(self, names: list[str]) -> Leased | None:
        """All of these, or None where somebody holds one of them. Raises `UptakeError` where the server cannot be asked."""
        return self.take_by(partial(leases.take, names=names))

    def take_by(self, way: Callable[..., dict[str, int] | None]) -> Leased | None:
        """As `take`, for leases that are taken in another ``way``: a function of a connection, with ``holder`` and ``life``."""
        asked_at = self._clock()
        tokens = self._asking(lambda connection: way(connection, holder=self.holder, life=self.life))
        if tokens is None:
            return None
        grip = Leased(tokens, self.life, asked_at, self._clock)
        with self._change:
            self._grips.add(grip)
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew, name="leases", daemon=True)
                self._thread.start()
        return grip

    def forget(self, grip: Leased) -> None:
        """Renew it no more."""
        with self._change:
            self._grips.discard(grip)
            self._change.notify_all()

    def drop(self, grip: Leased) -> None:
        """Let go. A dead grip is left to run out: its last request may still be on its way."""
        self.forget(grip)
        if grip.alive():
            try:
                self._asking(lambda connection: leases.release(connection, grip.tokens))
            except UptakeError as error:
                logger.warning("%s could not be let go and runs out by itself: %s", ", ".join(grip.tokens), error)

    def look(self, name: str) -> list[leases.Lease]:
        """Who holds a lease now, alone or in part."""
        return self._asking(partial(shares.held, name=name))

    def close(self) -> None:
        """End the connection that takes and drops; that of the renewals ends with the last grip."""
        self._asking.close()

    def _renew(self) -> None:
        """Until nothing is held: what the server says is the holder's lives on, what it does not know any more is lost."""
        wait, away = self.life / RENEWALS, False
        while True:
            with self._change:
                self._change.wait_for(lambda: not self._grips, timeout=wait)
                self._grips = {grip for grip in self._grips if not grip.dead}
                grips = list(self._grips)
                if not grips:
                    self._thread = None
                    break
            tokens = {name: token for grip in grips for name, token in grip.tokens.items()}
            asked_at = self._clock()
            try:
                mine = self._renewing(partial(leases.renew, tokens=tokens, life=self.life))
            except UptakeError as error:
                logger.log(logging.DEBUG if away else logging.WARNING, "leases were not renewed: %s", error)
                wait, away = self.life / RENEWALS / 4, True
                continue
            wait, away = self.life / RENEWALS, False
            for grip in grips:
                if grip.tokens.keys() <= mine:
                    grip.renewed(asked_at)
                elif grip in self._grips:  # not let go meanwhile
                    grip.taken_over = True
                    self.forget(grip)
                    self._lost()
        self._renewing.close()


class _Line:
    """One connection, made when it is needed and made anew when it broke. A statement that takes too long is cut off from here:

    the server's own limits are no use when it is the server, or the way to it, that hangs.
    """

    def __init__(self, engine: Engine, patience: float) -> None:
        self._engine, self._patience = engine, patience
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def __call__(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` gives, in one transaction. Raises `UptakeError`, after which nobody knows whether it was done."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._engine.connect()
                with _cut_after(self._connection, self._patience), self._connection.begin():
                    return work(self._connection)
            except (SQLAlchemyError, OSError) as error:
                self._end()
                said = " ".join(str(getattr(error, "orig", None) or error).split())
                raise UptakeError(f"PostgreSQL did not answer about leases: {said}") from error

    def close(self) -> None:
        with self._lock:
            self._end()

    def _end(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()  # closed without a word: the server may not listen
            connection.close()


@contextmanager
def _cut_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Break a connection's socket unless the block ends in time."""
    number: int = connection.connection.driver_connection.fileno()  # type: ignore[union-attr]  # psycopg's
    done, guard = False, threading.Lock()

    def cut() -> None:
        with guard:
            if not done:
                with socket.socket(fileno=os.dup(number)) as copy:
                    copy.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with guard:
            done = True
        timer.cancel()


def _engine(url: str, life: float) -> Engine:
    part = life / PATIENCE
    address = make_url(url).set(drivername="postgresql+psycopg")
    said = address.query.get("options", "")
    limits = {"statement_timeout": part, "lock_timeout": part, "idle_in_transaction_session_timeout": life}
    options = [*([said] if isinstance(said, str) else said), *(f"-c {name}={max(1, int(s * 1000))}" for name, s in limits.items())]
    options.append("-c synchronous_commit=on")  # a server that forgets a lease in a crash would give it to a second holder
    arguments: dict[str, Any] = {
        "connect_timeout": max(2, round(part)),
        "keepalives_idle": max(1, round(part)),
        "keepalives_interval": max(1, round(part / 2)),
        "keepalives_count": 2,
        "tcp_user_timeout": max(1, int(part * 1000)),
        "application_name": "uptake leases",
        "options": " ".join(options).strip(),
    }
    return create_engine(address, poolclass=NullPool, isolation_level="READ COMMITTED", connect_args=arguments)


__all__ = ["Keeper"]
