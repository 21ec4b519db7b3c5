"""Who may come in: the token that programs bear, the session that a login gives, and patience with those who guess.

Pure but for the secrets it is made of: time is an argument.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections import OrderedDict
from collections.abc import Iterable, Mapping

SESSION = 30 * 86400  # seconds that a login lasts
WRONG = 5  # wrong tokens from one address, after which it must wait
WAIT = 60  # seconds
KNOWN = 4096  # addresses that are remembered
COOKIE = "uptake_session"
LOCAL = ("localhost", "127.0.0.1", "::1")


class Door:
    """Knows a token, or lets everybody in where there is none. ``names``: under which hosts it may be asked for."""

    def __init__(self, token: str | None, names: Iterable[str] = ()) -> None:
        self._token = token
        self._key = hashlib.sha256(b"uptake session\0" + (token or "").encode()).digest()
        self._names = {name.casefold() for name in (*LOCAL, *names)}
        self._wrong: OrderedDict[str, tuple[int, int]] = OrderedDict()  # address -> wrong tokens, since when

    @property
    def locked(self) -> bool:
        return self._token is not None

    def is_host(self, header: str) -> bool:
        """Whether a Host header is ours. A page elsewhere that rebinds its name to this address still sends its own name;
        bare addresses are nobody's name."""
        name = _name(header)
        if name is None:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name.casefold() in self._names
        return True

    # The token

    def wait(self, address: str, now: int) -> int:
        """Seconds that an address must wait before it may try a token again."""
        count, since = self._wrong.get(_net(address), (0, 0))
        return max(0, since + WAIT - now) if count >= WRONG else 0

    def is_token(self, said: str, address: str, now: int) -> bool:
        """Whether it is the token; compared in constant time. A wrong one is remembered against the address."""
        if self._token is None or hmac.compare_digest(said.encode(), self._token.encode()):
            return True
        net = _net(address)
        count, since = self._wrong.pop(net, (0, now))
        if now - since >= WAIT:
            count, since = 0, now
        self._wrong[net] = (count + 1, now if count + 1 >= WRONG else since)
        while len(self._wrong) > KNOWN:
            self._wrong.popitem(last=False)
        return False

    # The session

    def session(self, now: int) -> str:
        """A cookie's value that is good for `SESSION` seconds; with another token it is good for nothing."""
        until = str(now + SESSION)
        return f"{until}.{self._signed(until)}"

    def is_session(self, value: str, now: int) -> bool:
        until, dot, signature = value.partition(".")
        good = bool(dot) and hmac.compare_digest(signature.encode(), self._signed(until).encode())
        return good and until.isascii() and until.isdigit() and int(until) > now

    def _signed(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def may(self, headers: Mapping[str, str], cookies: Mapping[str, str], address: str, now: int) -> bool:
        """Whether a request may see what is inside."""
        return not self.locked or self.bears(headers, address, now) or self.is_session(cookies.get(COOKIE, ""), now)

    def bears(self, headers: Mapping[str, str], address: str, now: int) -> bool:
        """Whether a request bears the token itself, which no page of somebody else's could make a browser send."""
        scheme, _, said = headers.get("authorization", "").partition(" ")
        if not self.locked or scheme.casefold() != "bearer" or self.wait(address, now):
            return False
        return self.is_token(said.strip(), address, now)


def _name(header: str) -> str | None:
    """The host of a Host header without its port; None for none, or what is no host."""
    text = header.strip()
    if text.startswith("["):
        inside, bracket, rest = text[1:].partition("]")
        return inside if bracket and (not rest or (rest[0] == ":" and rest[1:].isdigit())) else None
    name, colon, port = text.partition(":")
    return name if name and (not colon or port.isdigit()) else None


def _net(address: str) -> str:
    """The address, or of IPv6 the network that one customer has."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)


__all__ = ["COOKIE", "Door"]
