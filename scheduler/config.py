"""``uptake.toml``: read, checked, and handed down as plain values. Every mistake names its place and the remedy."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from crawlers.catalog import sources
from crawlers.job import Manners
from crawlers.keep import Keep
from crawlers.keywords import Keywords
from crawlers.object_address import read_address
from scheduler.config_custom import custom_settings
from scheduler.config_mail import Alerting, Digesting, Mailing, alerting, digesting, mailing
from scheduler.config_sections import Alerts, Crawl, Daemon, Digest, File, Http, Influxdb, Mail, Store, first_mistake, near
from scheduler.config_sources import SourceSetting, cron, secret, source_setting
from scheduler.config_store import store_url
from scheduler.setups import Setup
from storage.influx.address import Address, Kind
from storage.model import Basket, Topic, UsageError

__all__ = [
    "Alerts",
    "Config",
    "Crawl",
    "Daemon",
    "Digest",
    "Http",
    "Influxdb",
    "Mail",
    "SourceSetting",
    "Store",
    "load",
    "locate",
    "near",
    "read",
]

DEFAULT = "uptake.toml"
SIGNALS = ("github", "medium", "devto", "stackoverflow", "jobs", "papers", "search", "pypi", "wikipedia", "huggingface")
_KEY = re.compile(r"[a-z0-9][a-z0-9._+-]*\Z")


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration, checked."""

    path: Path
    store: Path
    manners: Manners
    reactor: bool
    topics: Mapping[str, Topic]
    baskets: Mapping[str, Basket]
    sources: Mapping[str, SourceSetting]
    snapshot: str  # canonical JSON of the file, for the journal; holds no secret
    http: Http = field(default_factory=Http)
    daemon: Daemon = field(default_factory=Daemon)
    http_token: str | None = field(default=None, repr=False)
    influxdb: Address | None = None
    read_server: bool = False  # figures are read from the server of [influxdb], not from the journal
    digest: Digesting = field(default_factory=Digesting)
    mail: Mailing | None = None
    alerts: Alerting | None = None
    keep_people_days: int = 30  # after which raw responses that may name people are reduced
    keep_days: int = 730  # after which all others are
    elsewhere: Keep | None = None  # where raw responses are kept, if not in the store's folder alone
    store_url: str | None = field(default=None, repr=False)  # of PostgreSQL, where the journal is no file; may hold a password
    queue: str = field(default="", repr=False)  # the PostgreSQL of the queue; may hold a password

    def setup(self, name: str) -> Setup:
        """What a job needs to know of one source."""
        s = self.sources[name]
        return Setup(s.source, self.topics, s.endpoints, s.options, s.delay, s.obey_robots, s.budget, self.snapshot)

    @property
    def keep(self) -> Keep:
        """Where raw responses are kept."""
        return self.elsewhere or Keep(self.store / "captures")

    def keep_days_of(self, source: str) -> int:
        """For how many days raw responses of a source are kept whole, also of one that has left the configuration."""
        days = self.sources[source].keep_days if source in self.sources else None
        return self.keep_days if days is None else days

    def enabled(self) -> list[Setup]:
        return [self.setup(name) for name, s in self.sources.items() if s.enabled]


def locate(path: str | None = None) -> Path:
    """The file to read: the argument, else ``$UPTAKE_CONFIG``, else ``./uptake.toml``."""
    return Path(path or os.environ.get("UPTAKE_CONFIG") or DEFAULT)


def load(path: Path, environment: Mapping[str, str] | None = None) -> Config:
    """Read and check a configuration file. Raises `UsageError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UsageError(f"there is no {path}; `uptake init` writes one, or name yours with --config or UPTAKE_CONFIG") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {path}: it is not UTF-8 (byte {error.start})") from error
    try:
        return read(tomllib.loads(text), path, os.environ if environment is None else environment)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def read(raw: dict[str, Any], path: Path, environment: Mapping[str, str]) -> Config:
    """Check a parsed file and resolve what it leaves out."""
    try:
        file = File.model_validate(raw)
    except ValidationError as error:
        raise UsageError(first_mistake(error)) from error
    if file.store.read == "influxdb" and file.influxdb is None:
        raise UsageError("[store] read: an [influxdb] section with url must say which server is read")
    topics = {key: _topic(key, value) for key, value in file.topics.items()}
    _check_renames(topics)
    for cls in sources().values():
        for topic in topics.values():
            cls.check(topic)
    baskets = {key: Basket(key, b.title or key, tuple(dict.fromkeys(b.topics))) for key, b in file.baskets.items()}
    _check_baskets(topics, baskets)
    digest = digesting(file.digest or Digest(), baskets, path.parent)
    for name in file.sources:
        _known(name, sources(), f"[sources.{name}]", "source")
    if file.daemon.report:
        cron(file.daemon.report, "[daemon] report")
    settings = {
        name: source_setting(cls, file.sources.get(name, {}), file.crawl, path.parent, environment) for name, cls in sources().items()
    }
    settings |= custom_settings(file.custom, topics, file.sources.get("custom", {}), file.crawl, path.parent, environment)
    crawl = file.crawl
    return Config(
        path=path,
        store=_folder(file.store.path, path.parent),
        manners=Manners(crawl.contact, crawl.delay, crawl.obey_robots, crawl.timeout, max_wait=crawl.max_wait),
        reactor=crawl.reactor,
        topics=topics,
        baskets=baskets,
        sources=settings,
        snapshot=json.dumps(raw, sort_keys=True, ensure_ascii=False, default=str),
        http=file.http,
        daemon=file.daemon,
        http_token=secret("UPTAKE_HTTP_TOKEN", file.http.token_file, "[http] token_file", path.parent, environment),
        influxdb=_influxdb(file.influxdb, path.parent, environment),
        read_server=file.store.read == "influxdb",
        digest=digest,
        mail=None if file.mail is None else mailing(file.mail, path.parent),
        alerts=None if file.alerts is None else alerting(file.alerts),
        keep_people_days=file.store.keep_people_days,
        keep_days=file.store.keep_days,
        elsewhere=_elsewhere(file.store, path.parent),
        store_url=(journal := store_url(file.store, path.parent, environment)),
        queue=_queue(file.daemon, environment, journal),
    )


def _elsewhere(section: Store, beside: Path) -> Keep | None:
    if not section.captures:
        if section.captures_endpoint:
            raise UsageError('[store] captures_endpoint: captures = "s3://bucket/folder" must say what is kept there')
        return None
    address = read_address(section.captures, section.captures_endpoint)
    return Keep(_folder(section.path, beside) / "captures", address, section.spool_mb * 1_000_000)


def _influxdb(section: Influxdb | None, beside: Path, environment: Mapping[str, str]) -> Address | None:
    """The server that receives the series, with its secret."""
    if section is None:
        return None
    token = environment.get("UPTAKE_INFLUXDB_TOKEN", "").strip()
    if not token and section.token_file is not None:
        try:
            token = (beside / Path(section.token_file).expanduser()).read_text(encoding="utf-8").strip()
        except (OSError, ValueError, RuntimeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise UsageError(f"[influxdb] token_file: cannot read {section.token_file}: {why}") from error
    ca_file = None if section.ca_file is None else beside / Path(section.ca_file).expanduser()
    if ca_file is not None and not ca_file.is_file():
        raise UsageError(f"[influxdb] ca_file: there is no file {section.ca_file}")
    kind, authority = Kind(section.kind), None if ca_file is None else str(ca_file)
    return Address(section.url, section.org, section.bucket, token, authority, kind, section.timeout)


def _queue(section: Daemon, environment: Mapping[str, str], journal: str | None) -> str:
    """The address of the queue, by itself that of the journal. The configuration is kept with each run, so no password may stand in it."""
    said = section.queue.strip()
    found = environment.get("UPTAKE_QUEUE_URL", "").strip() or said or (journal or "").replace("postgresql+psycopg:", "postgresql:", 1)
    try:
        holds_password, schemes = bool(urlsplit(said).password), {urlsplit(url).scheme.partition("+")[0] for url in (said, found) if url}
    except ValueError as error:
        raise UsageError(f"[daemon] queue, or UPTAKE_QUEUE_URL, is no address: {error}") from error
    if holds_password:
        raise UsageError("[daemon] queue: no password belongs here; put the address into UPTAKE_QUEUE_URL, or the password into PGPASSWORD")
    if schemes - {"postgresql", "postgres"}:
        raise UsageError("[daemon] queue, or UPTAKE_QUEUE_URL: write an address as postgresql://user@host/database")
    if section.engine == "procrastinate" and not found:
        raise UsageError(
            '[daemon] engine = "procrastinate" needs a PostgreSQL: name it in [store] url, in [daemon] queue, or in UPTAKE_QUEUE_URL'
        )
    return found


def _folder(text: str, beside: Path) -> Path:
    """The store's folder; a relative one is beside the configuration."""
    try:
        if not text.strip() or "\0" in text:
            raise RuntimeError("it is no path")  # noqa: TRY301  # what expanduser raises too
        return beside / Path(text).expanduser()
    except RuntimeError as error:
        raise UsageError(f"[store] path: {text!r} cannot be used: {error}; write a folder's path") from error


def _known(name: str, known: Mapping[str, object], place: str, what: str) -> None:
    if name not in known:
        raise UsageError(f"{place}: there is no {what} {name!r}{near(name, known)}")


def _topic(key: str, value: dict[str, Any]) -> Topic:
    if not _KEY.match(key):
        raise UsageError(f"[topics.{key}]: a topic's key has only small letters, digits and . _ + - in it")
    allowed = {"title", "formerly", "surveys", *SIGNALS, *sources(), *(signal for cls in sources().values() for signal in cls.signals)}
    for name in value:
        if name not in allowed:
            raise UsageError(f"[topics.{key}] {name}: unknown key{near(name, allowed)}")
    title, formerly = value.get("title", key), value.get("formerly", [])
    if not isinstance(title, str):
        raise UsageError(f"[topics.{key}] title: write text in quotes, not {title!r}")
    if not _texts(formerly):
        raise UsageError(f'[topics.{key}] formerly: write a list of former keys, ["old-key"]')
    names = {k: v for k, v in value.items() if k not in {"title", "formerly"}}
    for name, entry in names.items():
        if not isinstance(entry, str | dict) and not _texts(entry):
            raise UsageError(f"[topics.{key}] {name}: write text, a list of texts, or a table with any and not")
        if name in SIGNALS and isinstance(entry, dict):
            Keywords.read(entry, f"[topics.{key}] {name}")
    return Topic(key, title, names, tuple(formerly))


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _check_renames(topics: Mapping[str, Topic]) -> None:
    """A former key belongs to one topic, and to none that is there: its series would go back and forth."""
    taken: dict[str, str] = {}
    for topic in topics.values():
        for old in topic.formerly:
            if old in topics:
                raise UsageError(f"[topics.{topic.key}] formerly: {old!r} is a topic of its own; remove [topics.{old}] or the former key")
            if taken.setdefault(old, topic.key) != topic.key:
                raise UsageError(
                    f"[topics.{topic.key}] formerly: {old!r} is the former key of {taken[old]!r} already; keep it in one of them"
                )


def _check_baskets(topics: Mapping[str, Topic], baskets: Mapping[str, Basket]) -> None:
    for basket in baskets.values():
        for key in basket.topics:
            _known(key, topics, f"[baskets.{basket.key}] topics", "topic")
    grouped = {key for basket in baskets.values() for key in basket.topics}
    for key in topics:
        if key not in grouped:
            raise UsageError(f"[topics.{key}]: the topic is in no basket; add {key!r} to the topics of a [baskets.…] section")
