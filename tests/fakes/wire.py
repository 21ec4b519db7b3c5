"""A wire between a program and a server that can be cut as a network is: nobody is told, and what was under way may arrive later."""

from __future__ import annotations

import selectors
import socket
import threading
from typing import Self


class Wire:
    """Forwards TCP connections from a port on loopback. While it is cut, connections are accepted by the system and nothing passes."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._whole = threading.Event()
        self._whole.set()
        self._ended = False
        self._partner: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._whole.set()
        self._thread.join()
        for end in [*self._partner, self._listener]:
            end.close()
        self._selector.close()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def _carry(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select(0.02):
                self._whole.wait()
                end = key.fileobj
                assert isinstance(end, socket.socket)
                if end is self._listener:
                    self._connect()
                elif end in self._partner:
                    self._pass_on(end)

    def _connect(self) -> None:
        near, _ = self._listener.accept()
        try:
            far = socket.create_connection(self._target, timeout=5)
        except OSError:
            near.close()
            return
        for end, other in ((near, far), (far, near)):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.settimeout(5)
            self._partner[end] = other
            self._selector.register(end, selectors.EVENT_READ)

    def _pass_on(self, end: socket.socket) -> None:
        other = self._partner[end]
        try:
            data = end.recv(1 << 16)
            other.sendall(data)
        except OSError:
            data = b""
        if not data:
            for gone in (end, other):
                del self._partner[gone]
                self._selector.unregister(gone)
                gone.close()
