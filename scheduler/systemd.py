"""Telling systemd how the daemon does: READY, STATUS, WATCHDOG, RELOADING, STOPPING (sd_notify(3)). Elsewhere it does nothing."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

SPARE = 5.0  # seconds beyond the daemon's own deadline, after which it ends the process itself


class Notifier:
    """Messages to the service manager, over the socket that it names in ``NOTIFY_SOCKET``."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        micro = environment.get("WATCHDOG_USEC", "")
        self.watchdog = int(micro) / 1e6 if ours and micro.isdigit() and int(micro) else None  # seconds within which it wants to hear of us

    @property
    def beat(self) -> float:
        """Seconds between two beats: one, or less where that would not be heard at least twice within the watchdog's time."""
        return 1.0 if self.watchdog is None else min(1.0, self.watchdog / 3)

    def tell(self, **fields: str | int) -> None:
        """Send ``READY=1`` and the like. A manager that does not listen is no reason to fail."""
        if not self._address:
            return
        text = "\n".join(f"{key}={' '.join(str(value).split())}" for key, value in fields.items())  # a line is a field
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.settimeout(1)  # a manager that is busy must not hold the daemon up
                out.sendto(text.encode(), self._address)
        except OSError:
            return

    def ready(self, status: str) -> None:
        self.tell(READY=1, STATUS=status)

    def reloading(self) -> None:
        self.tell(RELOADING=1, MONOTONIC_USEC=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)

    def alive(self) -> None:
        if self.watchdog is not None:
            self.tell(WATCHDOG=1)

    def stopping(self, within: float) -> None:
        """``within``: seconds that the end may take. The manager waits for as long, even where its own limit is lower."""
        self.tell(STOPPING=1, STATUS="stopping", EXTEND_TIMEOUT_USEC=int((within + SPARE) * 1e6))


__all__ = ["Notifier"]
