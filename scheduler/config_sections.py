"""The fixed sections of ``uptake.toml`` and their keys, and what is said about a mistake in them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Store(Section):
    path: str = Field(default="data", description="folder of the journal, raw responses and reports; relative to this file")
    url: str | None = Field(
        default=None,
        description="a PostgreSQL database that holds the journal instead of a file in that folder:"
        " postgresql+psycopg://user@host/database, without a password (docs/postgresql.md)",
    )
    url_file: str | None = Field(
        default=None, description="or a file with that address, which may hold the password; or UPTAKE_STORE_URL in the environment"
    )
    keep_people_days: int = Field(
        default=30, ge=1, description="days after which a raw response that may name people is reduced to the lines with the numbers"
    )
    keep_days: int = Field(
        default=730,
        ge=1,
        description="days after which any other raw response is reduced likewise; so many that what the trends look at, 104 weeks,"
        " can be read again. A source's section may say otherwise",
    )
    captures: str = Field(
        default="",
        description="where raw responses are kept, as an address such as s3://bucket/folder; left out: in the store's folder, in which"
        " what has not got there yet waits. Credentials are read from the environment (AWS_ACCESS_KEY_ID …), never from this file",
    )
    captures_endpoint: str = Field(default="", description="of a server that speaks S3 and is not Amazon's, https://minio.example.org say")
    spool_mb: int = Field(
        default=1000, ge=0, description="MB of copies that stay in the store's folder of raw responses that are kept elsewhere"
    )

    read: Literal["journal", "influxdb"] = Field(
        default="journal", description="where trends, compare and report read: the journal, or the server of [influxdb]"
    )


class Crawl(Section):
    contact: str = Field(default="", description="goes into the User-Agent, so that an operator can reach you")
    delay: float = Field(default=1.0, ge=0, description="seconds between requests to one host; a source asks for more at its real host")
    obey_robots: bool = Field(default=True, description="obey robots.txt; a host whose robots.txt cannot be read is closed for the run")
    timeout: float = Field(default=30.0, gt=0, description="seconds for one download")
    max_wait: float = Field(default=300.0, ge=0, description="seconds that one run may wait because servers ask it to")
    reactor: bool = Field(default=False, description="use Twisted's asyncio reactor instead of the bare asyncio loop")


class Http(Section):
    host: str = Field(default="127.0.0.1", description="where the daemon listens; where others can reach it, it wants a token")
    port: int = Field(default=8321, ge=0, le=65535, description="its port; 0: any that is free")
    token_file: str | None = Field(default=None, description="or UPTAKE_HTTP_TOKEN: what readers from elsewhere must bear")
    names: list[str] = Field(
        default=[], description="host names under which readers ask for the pages, behind a proxy say; addresses need no mention"
    )


class Daemon(Section):
    stop_within: float = Field(default=10.0, gt=0, description="seconds for a clean stop; what is cut then goes on at the next start")
    lease: float = Field(
        default=60.0,
        ge=10,
        le=3600,
        description="seconds after which a worker that cannot be reached loses the hosts that it was asking to others, where several"
        " share a journal on PostgreSQL; it stops by itself after half of them",
    )
    blind_after: int = Field(default=3, ge=1, description="collections without any figure after which a source is reported as blind")
    disk_free: int = Field(default=500, ge=0, description="MB that must stay free; below them nothing new is fetched")
    report: str = Field(default="40 6 * * *", description="when the report is written anew (cron, UTC); empty: never by itself")
    tell: list[str] = Field(default=[], description="addresses that get one mail when a trouble begins (needs [mail])")
    engine: Literal["embedded", "procrastinate"] = Field(
        default="embedded", description="who makes the visits: this process alone, or all workers that share a queue on PostgreSQL"
    )
    queue: str = Field(
        default="",
        description="that queue: postgresql://user@host/database, or UPTAKE_QUEUE_URL; its password: there, in PGPASSWORD or ~/.pgpass",
    )
    concurrency: int = Field(default=8, ge=1, le=64, description="visits that one worker makes at once, each to other hosts")
    dead_after: float = Field(
        default=60.0, ge=1, description="seconds without a sign of life after which a worker's work is given to others"
    )


class Influxdb(Section):
    url: str = Field(description="an InfluxDB or VictoriaMetrics that receives the series")
    org: str = Field(default="uptake", description="its organisation (InfluxDB 2)")
    bucket: str = Field(default="uptake", description="its bucket or database")
    token_file: str | None = Field(
        default=None, description="file with the token, relative to this file; or UPTAKE_INFLUXDB_TOKEN in the environment"
    )
    ca_file: str | None = Field(default=None, description="certificate of a private authority, relative to this file")
    kind: Literal["auto", "influxdb", "victoriametrics"] = Field(
        default="auto", description="what answers there; auto asks it, which a proxy may not let through"
    )
    timeout: float = Field(default=30.0, gt=0, description="seconds for one request")


class Digest(Section):
    baskets: list[str] = Field(default=[], description="what the digest tells of; none named: all")
    schedule: str = Field(default="0 7 * * mon", description="cron, in the digest's time zone, weekdays by name")
    timezone: str = Field(default="UTC", description="of the digest only")
    to: list[str] = Field(default=[], description="who gets all of these baskets by mail")
    recipients: dict[str, list[str]] = Field(default={}, description="who gets only some: `[digest.recipients]` with basket = [addresses]")
    link: str = Field(default="", description="where readers find the report page, if it is served somewhere")
    webhook_file: str | None = Field(
        default=None, description="file with an address that gets each digest as JSON, or UPTAKE_DIGEST_WEBHOOK"
    )


class Alerts(Section):
    overtakes: bool = Field(default=True, description="tell at once, between digests, when one technology has overtaken another")
    withdrawn: bool = Field(default=True, description="tell at once when something that was told no longer stands")
    to: list[str] = Field(default=[], description="who gets them; nobody named: the readers of the basket's digest")


class Mail(Section):
    host: str = Field(description="the SMTP server")
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = Field(default="starttls", description="starttls, tls (from the start, port 465) or none")
    sender: str = Field(alias="from", description="the sender's address")
    user: str | None = Field(default=None, description="for the login, if the server wants one")
    password_file: str | None = Field(default=None, description="or UPTAKE_MAIL_PASSWORD in the environment")
    ca_file: str | None = Field(default=None, description="the authority that signed your own server's certificate")
    timeout: float = Field(default=60.0, gt=0, description="seconds for each step of the conversation")
    unsubscribe: str = Field(default="", description="mailto: address for those who want to leave; else the sender")
    unsubscribe_url: str = Field(default="", description="https address that removes a reader in one click (RFC 8058)")


class BasketSection(Section):
    title: str = ""
    topics: list[str] = Field(min_length=1)


class File(Section):
    store: Store = Store()
    crawl: Crawl = Crawl()
    http: Http = Http()
    daemon: Daemon = Daemon()
    influxdb: Influxdb | None = None
    sources: dict[str, dict[str, Any]] = {}
    custom: dict[str, dict[str, Any]] = {}
    baskets: dict[str, BasketSection] = {}
    topics: dict[str, dict[str, Any]] = {}
    digest: Digest | None = None
    mail: Mail | None = None
    alerts: Alerts | None = None


_MODELS: dict[str, type[Section]] = {
    "store": Store,
    "crawl": Crawl,
    "http": Http,
    "daemon": Daemon,
    "influxdb": Influxdb,
    "digest": Digest,
    "mail": Mail,
    "alerts": Alerts,
    "baskets": BasketSection,
}
_WANTED = {  # pydantic's type of error -> what to write instead
    "string_type": "text in quotes",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "list_type": "a list",
    "too_short": "at least one",
    "dict_type": "a section, [{place}]",
    "model_type": "a section, [{place}]",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
}


def first_mistake(error: ValidationError) -> str:
    """The first mistake that pydantic found, as a sentence with its place; an unknown key before what it leaves missing."""
    errors = error.errors()
    found = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    *sections, key = [part for part in found["loc"] if isinstance(part, str)]
    place = f"[{'.'.join(sections)}] {key}" if sections else f"[{key}]"
    if found["type"] == "extra_forbidden":
        model = _MODELS[sections[0]] if sections else File
        return f"{place}: unknown key{near(key, [f.alias or name for name, f in model.model_fields.items()])}"
    if found["type"] == "missing":
        return f"{place}: this key is missing"
    if found["type"] not in _WANTED:
        return f"{place}: {found['msg']}, but it is {found['input']!r}"
    wanted = _WANTED[found["type"]].format(place=".".join([*sections, key]), **found.get("ctx", {}))
    return f"{place}: write {wanted}, not {found['input']!r}"


def near(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: the nearest known one, else all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(names)}" if names else ""
