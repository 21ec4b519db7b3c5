"""The fence before every request: who has lost the grip on a host sends nothing more to it, and cuts off what is on its way.

What is cut ends at half of a lease's life, so that a whole half lies between it and a successor's first request. Data that the
system still holds for a host which cannot be reached is given up after two fifths of a life (`give_up`), or it would arrive
when the network is well again. No program can do more: one that the system freezes between the look at its grip and the sending
(a millisecond) sends one request when it goes on, whatever has become of its lease.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import aiohttp

from crawlers.outcomes import Refused
from storage.grips import Grip
from storage.model import Reason

logger = logging.getLogger(__name__)

LOST = "this worker could not confirm in time that the host is still its own to ask"
T = TypeVar("T")


async def fenced(grip: Grip, send: Callable[[], Coroutine[Any, Any, T]], halt: Callable[[], None]) -> T:
    """What ``send`` gives. With a dead grip it is not called, or cancelled; then ``halt`` is called and `Refused` raised."""
    if grip.life == math.inf:
        return await send()
    if grip.alive():
        sending = asyncio.ensure_future(send())
        try:
            while not sending.done() and (left := grip.left()) > 0:
                await asyncio.wait([sending], timeout=min(left, grip.life / 10))
        finally:
            if not sending.done():
                sending.cancel()
        if sending.done():
            return sending.result()
        await asyncio.wait([sending], timeout=grip.life / 10)
    halt()
    raise Refused(Reason.UNANSWERED, LOST)


def give_up(session: aiohttp.ClientSession, life: float) -> None:
    """Have the system drop connections of a session on which nothing was acknowledged for two fifths of a lease's life.

    That holds after they are closed too (``TCP_USER_TIMEOUT``, RFC 5482; Linux). Without it a request that was sent while the
    way to the host was cut is sent again for minutes.
    """
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if life == math.inf or option is None:
        return

    def make(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, *_ = info
        made = socket.socket(family, kind, protocol)
        if family in {socket.AF_INET, socket.AF_INET6}:
            made.setsockopt(socket.IPPROTO_TCP, option, max(1, int(life * 400)))
        return made

    session.connector._socket_factory = make  # type: ignore[union-attr]  # noqa: SLF001  # Scrapy makes the connector itself


async def watch(grip: Grip) -> None:
    """Return when a grip is dead."""
    while (left := grip.left()) > 0:  # noqa: ASYNC110  # its clock goes on while the machine sleeps, the loop's does not
        await asyncio.sleep(min(left, grip.life / 10))
