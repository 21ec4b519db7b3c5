"""The fixed sections of ``uptake.toml`` and their keys, and what is said about a mistake in them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Store(Section):
    path: str = Field(default="data", description="folder of the journal, raw responses and reports; relative to this file")
    keep_people_days: int = Field(
        default=30, ge=1, description="days after which a raw response that may name people is reduced to the lines with the numbers"
    )
    keep_days: int = Field(
        default=730,
        ge=1,
        description="days after which any other raw response is reduced likewise; so many that what the trends look at, 104 weeks,"
        " can be read again. A source's section may say otherwise",
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
    blind_after: int = Field(default=3, ge=1, description="collections without any figure after which a source is reported as blind")
    disk_free: int = Field(default=500, ge=0, description="MB that must stay free; below them nothing new is fetched")
    report: str = Field(default="40 6 * * *", description="when the report is written anew (cron, UTC); empty: never by itself")
    tell: list[str] = Field(default=[], description="addresses that get one mail when a trouble begins (needs [mail])")


class Influxdb(Section):
    url: str = Field(description="an InfluxDB that receives the series (not used yet)")
    org: str = "uptake"
    bucket: str = "uptake"
    token_file: str | None = Field(default=None, description="or UPTAKE_INFLUXDB_TOKEN in the environment")


class Digest(Section):
    baskets: list[str] = Field(default=[], description="what the weekly mail tells of (not used yet)")
    schedule: str = "0 7 * * mon"
    timezone: str = "UTC"
    to: list[str] = []


class Mail(Section):
    host: str = Field(description="the SMTP server (not used yet)")
    port: int = 587
    sender: str = Field(alias="from")
    user: str | None = None
    password_file: str | None = Field(default=None, description="or UPTAKE_MAIL_PASSWORD in the environment")


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


_MODELS: dict[str, type[Section]] = {
    "store": Store,
    "crawl": Crawl,
    "http": Http,
    "daemon": Daemon,
    "influxdb": Influxdb,
    "digest": Digest,
    "mail": Mail,
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
