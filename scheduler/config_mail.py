"""The sections ``[digest]``, ``[alerts]`` and ``[mail]``: what is sent when, to whom, and through which server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from scheduler.config_sections import Alerts, Digest, Mail, near
from scheduler.config_sources import cron
from storage.model import Basket, UsageError

if TYPE_CHECKING:
    from trends.mail_server import Server

PASSWORD = "UPTAKE_MAIL_PASSWORD"  # noqa: S105  # a variable's name
WEBHOOK = "UPTAKE_DIGEST_WEBHOOK"
_HERE = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Digesting:
    """When digests are made, of which baskets, and who reads them (basket → addresses)."""

    baskets: tuple[str, ...] = ()
    schedule: str = "0 7 * * mon"
    timezone: str = "UTC"
    readers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    link: str = ""
    webhook_file: Path | None = None

    def webhook(self, environment: Mapping[str, str]) -> str:
        """The webhook's address; it may hold a secret, hence not in the config. Empty: there is none."""
        url = environment.get(WEBHOOK, "").strip() or _secret(self.webhook_file, "[digest] webhook_file")
        if url:
            _url(url, {"http", "https"}, WEBHOOK, shown="its value")
        return url


@dataclass(frozen=True, slots=True)
class Alerting:
    """What is told between digests. ``to`` empty: the readers of the basket's digest."""

    overtakes: bool
    withdrawn: bool
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mailing:
    """The mail server and what stands in every message."""

    host: str
    port: int
    security: str
    sender: str
    user: str
    password_file: Path | None
    ca_file: Path | None
    timeout: float
    unsubscribe: str
    unsubscribe_url: str

    def server(self, environment: Mapping[str, str]) -> Server:
        """The server with its password. Raises `UsageError` where there is a user and no password."""
        from trends.mail_server import Server

        password = environment.get(PASSWORD, "") or _secret(self.password_file, "[mail] password_file")
        if self.user and not password:
            raise UsageError(f"[mail] user is {self.user!r}, but there is no password: set {PASSWORD}, or name a file with password_file")
        ca_file = "" if self.ca_file is None else str(self.ca_file)
        return Server(self.host, self.port, self.security, self.user, password if self.user else "", ca_file, self.timeout)


def digesting(section: Digest, baskets: Mapping[str, Basket], folder: Path) -> Digesting:
    """Check ``[digest]`` against the baskets that there are."""
    schedule = cron(section.schedule, "[digest] schedule")
    _timezone(section.timezone, "[digest] timezone")
    for name in section.baskets:
        _known(name, baskets, "[digest] baskets")
    for name in section.recipients:
        _known(name, baskets, "[digest.recipients]")
    named = section.baskets or ([] if section.recipients and not section.to else list(baskets))
    everyone = _addresses(section.to, "[digest] to")
    readers = {}
    for name in dict.fromkeys([*named, *section.recipients]):
        more = _addresses(section.recipients.get(name, []), f"[digest.recipients] {name}")
        readers[name] = _distinct([*(everyone if name in named else []), *more])
    if section.link:
        _url(section.link, {"http", "https"}, "[digest] link")
    file = None if section.webhook_file is None else folder / Path(section.webhook_file).expanduser()
    return Digesting(tuple(readers), schedule, section.timezone, readers, section.link, file)


def alerting(section: Alerts) -> Alerting:
    return Alerting(section.overtakes, section.withdrawn, _distinct(_addresses(section.to, "[alerts] to")))


def mailing(section: Mail, folder: Path) -> Mailing:
    """Check ``[mail]``. A password does not travel in the clear, except on this machine."""
    if not section.host.strip() or any(c.isspace() for c in section.host):
        raise UsageError(f"[mail] host: {section.host!r} is not the name of a server")
    if section.security == "none" and section.user and section.host not in _HERE:
        raise UsageError('[mail] security: with "none" the password would travel in the clear; write "starttls" or "tls"')
    _addresses([section.sender], "[mail] from")
    if section.unsubscribe and not (section.unsubscribe.startswith("mailto:") and _clean(section.unsubscribe)):
        raise UsageError(f"[mail] unsubscribe: {section.unsubscribe!r} is not a mailto: address")
    if section.unsubscribe_url:
        _url(section.unsubscribe_url, {"https"}, "[mail] unsubscribe_url")
    password, ca = (None if name is None else folder / Path(name).expanduser() for name in (section.password_file, section.ca_file))
    return Mailing(
        section.host,
        section.port,
        section.security,
        section.sender,
        section.user or "",
        password,
        ca,
        section.timeout,
        section.unsubscribe,
        section.unsubscribe_url,
    )


def _addresses(texts: Sequence[str], place: str) -> list[str]:
    if not texts:
        return []
    from trends.mail import bare

    for text in texts:
        try:
            bare(text)
        except UsageError as error:
            raise UsageError(f"{place}: {error}") from error
    return list(texts)


def _distinct(addresses: list[str]) -> tuple[str, ...]:
    if not addresses:
        return ()
    from trends.mail import distinct

    return tuple(distinct(addresses))


def _url(text: str, schemes: Iterable[str], place: str, *, shown: str = "") -> None:
    try:
        parts = urlsplit(text)
        good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0 and _clean(text)
    except ValueError:
        good = False
    if not good:
        raise UsageError(
            f"{place}: {shown or repr(text)} is not an address that begins with {' or '.join(f'{s}://' for s in sorted(schemes))}"
        )


def _clean(text: str) -> bool:
    return text.isascii() and text.isprintable() and not any(c in ' <>"' for c in text)


def _secret(file: Path | None, place: str) -> str:
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise UsageError(f"{place}: cannot read {file}: {why}") from error


def _known(name: str, baskets: Mapping[str, Basket], place: str) -> None:
    if name not in baskets:
        raise UsageError(f"{place}: there is no basket {name!r}{near(name, baskets)}")


def _timezone(name: str, place: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f'{place}: there is no time zone {name!r}; write one like "Europe/Berlin" or "UTC"') from error
