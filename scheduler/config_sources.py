"""The ``[sources.…]`` sections: on or off and why, endpoints, options, secrets, schedule."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from apscheduler.triggers.cron import CronTrigger

from crawlers.source import Option, SourceSpider
from scheduler.config_sections import Crawl, near
from storage.model import UsageError


@dataclass(frozen=True, slots=True)
class SourceSetting:
    """One source as configured: on or off and why, its own values, its schedule."""

    source: type[SourceSpider]
    enabled: bool
    why_off: str  # empty when on; else a sentence with the remedy
    schedule: str
    endpoints: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    delay: float | None = None
    obey_robots: bool | None = None
    budget: int | None = None
    keep_days: int | None = None  # where the source's section says otherwise than [store]


def cron(text: object, place: str) -> str:
    """A cron line in UTC with named weekdays."""
    fields = str(text).split()
    if len(fields) != 5:
        raise UsageError(f'{place}: {text!r} is not a cron line; write minute hour day month weekday, like "17 3 * * *"')
    if re.search(r"\d", fields[4]):
        raise UsageError(f"{place}: name the weekdays (mon, tue, …): numbers mean different days to different programs")
    try:
        CronTrigger.from_crontab(" ".join(fields), timezone="UTC")
    except ValueError as error:
        raise UsageError(f"{place}: {text!r} is not a cron line: {error}") from error
    return " ".join(fields)


def _url(value: object, place: str) -> str:
    """An endpoint's address."""
    try:
        parts = urlsplit(value) if isinstance(value, str) and not re.search(r"\s", value) else None
        good = parts is not None and parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, good = None, False
    if not good or parts is None:
        raise UsageError(f"{place}: {value!r} is not an http(s) URL")
    if parts.username or parts.password:
        raise UsageError(f"{place}: a secret does not belong in this file; write the URL without user and password")
    return str(value)


_COMMON = {"enabled", "schedule", "delay", "obey_robots", "budget", "keep_days"}


def source_setting(
    cls: type[SourceSpider], section: dict[str, Any], crawl: Crawl, folder: Path, environment: Mapping[str, str], *, place: str = ""
) -> SourceSetting:
    """One source's section, checked. ``place`` is what it is called in the file, where that is not ``[sources.NAME]``."""
    place = place or f"[sources.{cls.name}]"
    declared = {o.name: o for o in cls.options}
    allowed = _COMMON | set(cls.endpoints) | set(declared) | {f"{o.name}_file" for o in cls.options if o.secret}
    for key in section:
        if key not in allowed:
            raise UsageError(f"{place} {key}: unknown key{near(key, allowed)}")
    for key, kind, words in (
        ("enabled", bool, "true or false"),
        ("obey_robots", bool, "true or false"),
        ("budget", int, "a number of requests a day"),
        ("keep_days", int, "a number of days, at least 1"),
    ):
        if key in section and (type(section[key]) is not kind or (kind is int and section[key] < 1)):
            raise UsageError(f"{place} {key}: write {words}, not {section[key]!r}")
    delay = section.get("delay")
    if delay is not None and (type(delay) not in {int, float} or not crawl.delay <= delay < math.inf):
        raise UsageError(f"{place} delay: write seconds, at least the {crawl.delay} of [crawl] delay")
    endpoints = {key: _url(section[key], f"{place} {key}") for key in cls.endpoints if key in section}
    options = {o.name: v for o in cls.options if (v := _option(cls.name, o, section, folder, environment)) is not None}
    cls.check_options(options)
    missing = [o for o in cls.options if o.required and o.name not in options]
    wanted = section.get("enabled", cls.enabled_by_default)
    why_off = ""
    if not wanted:
        why_off = "off in the config" if "enabled" in section else f"off by default; turn it on with enabled = true under {place}"
    elif missing:
        keys = [_variable(cls.name, o) if o.secret else o.name for o in missing]
        why_off = f"needs {' and '.join(keys)}: {missing[0].help}"
    elif cls.needs_contact and not crawl.contact:
        why_off = 'its operator wants to know whom to write to; set contact = "mailto:you@example.org" under [crawl]'
    return SourceSetting(
        source=cls,
        enabled=not why_off,
        why_off=why_off,
        schedule=cron(section.get("schedule", cls.schedule), f"{place} schedule"),
        endpoints=endpoints,
        options=options,
        delay=delay,
        obey_robots=section.get("obey_robots"),
        budget=section.get("budget"),
        keep_days=section.get("keep_days"),
    )


def _variable(source: str, option: Option) -> str:
    """The environment variable of a secret."""
    return f"UPTAKE_{source.upper()}_{option.name.upper()}"


def _option(source: str, option: Option, section: Mapping[str, Any], folder: Path, environment: Mapping[str, str]) -> object:
    place = f"[sources.{source}] {option.name}"
    if not option.secret:
        value = section.get(option.name, option.default)
        if value is not None and not isinstance(value, option.type):
            raise UsageError(f"{place}: write {option.type.__name__}, not {value!r}")
        return value
    variable = _variable(source, option)
    if option.name in section:
        raise UsageError(f"{place}: a secret does not belong in this file; set {variable} or name a file with {option.name}_file")
    return secret(variable, section.get(f"{option.name}_file"), f"{place}_file", folder, environment)


def secret(variable: str, file: object, place: str, folder: Path, environment: Mapping[str, str]) -> str | None:
    """A secret: from the environment, else from the file that the config names, else from systemd's credentials; None without one.

    systemd (LoadCredential=) puts each credential into a file of its own in a folder that it names; it is looked for
    under the variable's name.
    """
    given = environment.get(variable, "").strip()
    credentials = environment.get("CREDENTIALS_DIRECTORY", "")
    if given:
        return given
    if file is None and credentials and (Path(credentials) / variable).is_file():
        file = str(Path(credentials) / variable)
    if file is None:
        return None
    if not isinstance(file, str):
        raise UsageError(f"{place}: write the file's path in quotes, not {file!r}")
    try:
        return (folder / Path(file).expanduser()).read_text(encoding="utf-8").strip() or None
    except (OSError, ValueError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{place}: cannot read {file}: {why}") from error
