"""What one connection may do: how long it may be silent, slow or full, and how it is parted from while it still speaks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from scheduler.web.guard import HEADERS, LONGEST, long_address, long_head, refusal
from scheduler.web.problems import Problem

SLOW = 30.0  # seconds that a full connection may stay full; to close it politely would be to wait for its reader
FIRST = 10.0  # seconds within which a request must have come, from the connection's start or from when it was due
LINGER = 5.0  # seconds for which a client that was refused is still heard
HEARD = 16 * 1024 * 1024  # bytes of it that are heard, and thrown away


class _Wire(asyncio.Transport):
    """A transport that closes as ``part`` does; what is written after that goes nowhere, as on any closed transport."""

    def __init__(self, inner: asyncio.Transport, part: Callable[[], None]) -> None:
        self._inner, self._part, self.parting = inner, part, False

    def close(self) -> None:
        self._part()

    def is_closing(self) -> bool:
        return self.parting or self._inner.is_closing()

    def write(self, data: Any) -> None:
        if not self.parting:
            self._inner.write(data)

    def abort(self) -> None:
        self._inner.abort()

    def pause_reading(self) -> None:
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        self._inner.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._inner.get_extra_info(name, default)


class Connection(H11Protocol):
    """Connections that say nothing, say it a byte at a time, or take nothing of what they are sent, are closed.

    Who is answered before it has said all is heard on for `LINGER` seconds and `HEARD` bytes: to close with something unread makes
    the kernel send a reset, which may overtake the answer (RFC 9112, 9.6).
    """

    _patience: asyncio.TimerHandle | None = None
    _full: asyncio.TimerHandle | None = None
    _parted: asyncio.TimerHandle | None = None
    _heard = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own narrowing
        self._inner = transport
        self._wire = _Wire(transport, self._part)
        super().connection_made(self._wire)
        self._patience = self.loop.call_later(FIRST, self._lost_patience)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._patience, self._full, self._parted):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._wire.parting:
            super().data_received(data)
            return
        self._heard += len(data)
        if self._heard > HEARD:
            self._inner.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._abort_later()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._full is not None:
            self._full.cancel()
            self._full = None
        if self._wire.is_closing():  # what is left of the last answer is waited for no longer than what came before it
            self._abort_later()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._abort_later()

    def on_response_complete(self) -> None:
        if self.conn.their_state is h11.SEND_BODY:  # nobody reads the rest of it
            self._wire.close()
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self.loop.call_later(self.timeout_keep_alive + FIRST, self._lost_patience)
        super().on_response_complete()

    def shutdown(self) -> None:
        super().shutdown()
        if self._wire.parting:
            self._inner.close()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or has a head that is too long, if nothing was answered yet."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            problem = self._problem(sys.exception(), msg)
            headers, body = refusal(problem)
            headers += [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            for event in (h11.Response(status_code=problem.status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                self._wire.write(self.conn.send(event))
        if self.cycle is not None:  # whoever still makes an answer has nobody to give it to
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._wire.close()

    def _problem(self, error: BaseException | None, msg: str) -> Problem:
        if not isinstance(error, h11.RemoteProtocolError) or error.error_status_hint != HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            return Problem(400, msg.rstrip(".").lower())
        line, _, _ = self.conn.trailing_data[0].partition(b"\n")
        return long_address() if len(line) > LONGEST else long_head()

    def _part(self) -> None:
        if self._wire.is_closing():
            return
        self._wire.parting = True
        if self.conn.their_state in {h11.SEND_BODY, h11.ERROR} or self.conn.trailing_data[0]:
            with suppress(OSError):  # it has gone meanwhile
                self._inner.write_eof()
            self._inner.resume_reading()
            self._parted = self.loop.call_later(LINGER, self._inner.close)
        else:
            self._inner.close()
        self._abort_later()

    def _abort_later(self) -> None:
        if self._full is None:
            self._full = self.loop.call_later(SLOW, self._inner.abort)

    def _lost_patience(self) -> None:
        if self.conn.their_state in {h11.IDLE, h11.SEND_BODY} and not self._wire.is_closing():
            self._wire.close()


__all__ = ["Connection"]
