"""The ``[custom.…]`` sections: counters that a user declares, each checked and made a source (`crawlers.custom`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from crawlers.address import Template
from crawlers.custom import PREFIX, Counter, spider_of
from crawlers.selecting import Selector, Way
from scheduler.config_sections import Crawl, near
from scheduler.config_sources import SourceSetting, secret, source_setting
from storage.model import Cadence, Kind, Metric, Topic, UsageError
from storage.periods import HOUR

T = TypeVar("T")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}\Z")
_METRIC = re.compile(r"custom\.[a-z][a-z0-9_]*\Z")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_SECRET_HEADER = re.compile(r"auth|token|key|secret|cookie", re.IGNORECASE)
_NO_HEADERS = {"user-agent", "cookie", "host", "content-length", "connection", "accept-encoding", "transfer-encoding"}
_KINDS = (Kind.LEVEL, Kind.FLOW, Kind.WINDOW, Kind.SHARE)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a section: what may stand there, its default and its meaning, for documentation."""

    good: Callable[[object], bool]
    form: str  # "write …"
    default: str
    help: str


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _texts(value: object) -> bool:
    return isinstance(value, dict) and all(map(_text, value.values()))


def _path(value: object) -> bool:
    return _text(value) or (isinstance(value, list) and bool(value) and all(map(_text, value)))


def _proof(value: object) -> bool:
    return value is True or _text(value)


def _one_of(values: Iterable[str]) -> Callable[[object], bool]:
    known = set(map(str, values))
    return lambda value: isinstance(value, str) and value in known


_QUOTED, _KNOWN_KINDS = "text in quotes", ", ".join(f'"{k}"' for k in _KINDS)
_KNOWN_CADENCES = ", ".join(f'"{c}"' for c in Cadence)
KEYS: Mapping[str, Key] = {
    "url": Key(_text, _QUOTED, "required", "where it is asked, with placeholders"),
    "json": Key(_path, "a path, or a list of keys", "", "where the number stands in JSON: a path, `data[0].count`; `*` sums a whole list"),
    "css": Key(_text, _QUOTED, "", "or in a page: a CSS selector; `::text` and `::attr(name)` are known"),
    "xpath": Key(_text, _QUOTED, "", "or an XPath expression, `count(//li)` too"),
    "regex": Key(_text, _QUOTED, "", "or a regular expression (RE2) with one group around the number"),
    "title": Key(_text, _QUOTED, "the section's name", "what it is called in reports"),
    "metric": Key(_text, _QUOTED, "`custom.` and the section's name", "the metric's name, `custom.something`"),
    "kind": Key(_one_of(_KINDS), f"one of {_KNOWN_KINDS}", '`"level"`', f"how values relate to time: {_KNOWN_KINDS}"),
    "unit": Key(_text, _QUOTED, '`"things"`', "what is counted"),
    "cadence": Key(_one_of(Cadence), f"one of {_KNOWN_CADENCES}", '`"day"`', "how often: " + _KNOWN_CADENCES),
    "note": Key(_text, _QUOTED, "", "how it is counted, for the documentation of your figures"),
    "lag": Key(lambda v: type(v) is int and 0 <= v <= 24 * 60, "hours", "`0`", "hours after a period's end before it can be asked for"),
    "zero": Key(_proof, "true, or text in quotes", "", "what an answer says that has none; `true`: a 0 is believed"),
    "total_url": Key(_text, _QUOTED, "", "an address at the same host for the whole, read in the same way: the denominator"),
    "names": Key(_texts, "a table, topic = \"its name\"", "", "the topics' names there; or `custom = { NAME = \"…\" }` in a topic"),
    "names_from": Key(_text, _QUOTED, "", "a signal whose names are used where no other is given: `\"pypi\"`"),
    "headers": Key(_texts, "a table, Accept = \"text/csv\"", "", "headers to send"),
    "headers_env": Key(_texts, "a table, Authorization = \"UPTAKE_CUSTOM_TOKEN\"", "", "headers with secrets from the environment"),
    "people": Key(lambda v: type(v) is bool, "true or false", "of pages `true`", "answers may name people: they are kept for a time only"),
}  # fmt: skip
_COMMON = ("enabled", "schedule", "delay", "obey_robots", "budget", "keep_days")


def custom_settings(
    sections: Mapping[str, dict[str, Any]],
    topics: Mapping[str, Topic],
    kind: Mapping[str, Any],
    crawl: Crawl,
    folder: Path,
    environment: Mapping[str, str],
) -> dict[str, SourceSetting]:
    """The sources that the sections declare, by name. ``kind`` is the section ``[sources.custom]``: off, it turns off all.

    Raises `UsageError` that names the place and the remedy.
    """
    found: dict[str, SourceSetting] = {}
    metrics: dict[str, str] = {}
    for name, section in sections.items():
        place = f"[custom.{name}]"
        counter = _counter(name, section, place, topics)
        for metric in (counter.metric, *([counter.total] if counter.total_url else [])):
            other = metrics.setdefault(metric.name, name)
            if other != name:
                raise UsageError(f"{place} metric: {metric.name} is that of [custom.{other}] already; give it a name of its own")
        common = {key: section[key] for key in _COMMON if key in section}
        setting = source_setting(spider_of(counter), common, crawl, folder, {}, place=place)
        values, why_off = _secrets(section.get("headers_env", {}), place, folder, environment)
        if kind.get("enabled") is False:
            why_off = "[sources.custom] is off in the config"
        why = setting.why_off or why_off
        found[PREFIX + name] = replace(setting, options={"headers": values} if values else {}, enabled=not why, why_off=why)
    for topic in topics.values():
        own = topic.names.get("custom")
        for name in own if isinstance(own, Mapping) else ():
            if name not in sections:
                raise UsageError(f"[topics.{topic.key}] custom: there is no counter [custom.{name}]{near(name, sections)}")
    return found


def _counter(name: str, section: Mapping[str, Any], place: str, topics: Mapping[str, Topic]) -> Counter:
    if not _NAME.match(name):
        raise UsageError(f"{place}: a counter's name has only small letters, digits, _ and - in it, and begins with a letter")
    for key, value in section.items():
        if key not in KEYS and key not in _COMMON:
            raise UsageError(f"{place} {key}: unknown key{near(key, [*KEYS, *_COMMON])}")
        if key in KEYS and not KEYS[key].good(value):
            raise UsageError(f"{place} {key}: write {KEYS[key].form}, not {value!r}")
    if "url" not in section:
        raise UsageError(f"{place} url: this key is missing")
    _check_headers(section, place)
    url = _read(f"{place} url", lambda: Template.of(section["url"]))
    total = _read(f"{place} total_url", lambda: Template.of(section["total_url"])) if "total_url" in section else None
    if total and total.origin != url.origin:
        raise UsageError(f"{place} total_url: it must be at the same host as url, {url.origin}")
    if total and total.fields & {"name", "topic"}:
        raise UsageError(f"{place} total_url: the whole is of no topic; leave out {{name}} and {{topic}}")
    if not url.fields & {"name", "topic"}:
        raise UsageError(f"{place} url: all topics would have one number; write {{name}} where a topic's name stands")
    for key in section.get("names", {}):
        if key not in topics:
            raise UsageError(f"{place} names: there is no topic {key!r}{near(key, topics)}")
    title = section.get("title", name)
    counter = Counter(
        name=name,
        title=title,
        url=url,
        metric=_metric(name, title, section, place),
        selector=_selector(section, place),
        total_url=total,
        zero=section.get("zero", False),
        names=section.get("names", {}),
        names_from=section.get("names_from", ""),
        headers=section.get("headers", {}),
        people=section.get("people", "json" not in section),
    )
    _read(f"{place} kind", counter.check_period)
    return counter


def _metric(name: str, title: str, section: Mapping[str, Any], place: str) -> Metric:
    metric = section.get("metric", PREFIX + name.replace("-", "_"))
    if not _METRIC.match(metric):
        raise UsageError(
            f"{place} metric: write custom. and a name in small letters, such as custom.{name.replace('-', '_')}, not {metric!r}"
        )
    note = section.get("note", f"As read from {section['url']}.")
    kind, cadence = Kind(section.get("kind", Kind.LEVEL)), Cadence(section.get("cadence", Cadence.DAY))
    return Metric(metric, kind, section.get("unit", "things"), cadence, title, note, lag=section.get("lag", 0) * HOUR)


def _selector(section: Mapping[str, Any], place: str) -> Selector:
    ways = [way for way in Way if way in section]
    if len(ways) != 1:
        given = " and ".join(ways) if ways else "none"
        raise UsageError(f"{place}: say by one of {', '.join(Way)} where the number stands; there is {given}")
    return _read(f"{place} {ways[0]}", lambda: Selector.of(ways[0], section[ways[0]]))


def _read(place: str, make: Callable[[], T]) -> T:
    try:
        return make()
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error


def _check_headers(section: Mapping[str, Any], place: str) -> None:
    for key in ("headers", "headers_env"):
        for header, value in section.get(key, {}).items():
            if not _HEADER.match(header) or header.lower() in _NO_HEADERS:
                raise UsageError(f"{place} {key}: {header} cannot be sent: requests say who they are, and nobody is signed in")
            if key == "headers" and _SECRET_HEADER.search(header):
                raise UsageError(f"{place} headers: {header} holds a secret, which does not belong in this file; use headers_env")
            if re.search(r"[\r\n]", value) or (key == "headers_env" and not _VARIABLE.match(value)):
                raise UsageError(
                    f"{place} {key}: {header}: write {'a variable of the environment' if key == 'headers_env' else 'one line'}"
                )


def _secrets(wanted: Mapping[str, str], place: str, folder: Path, environment: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """The headers with their values, and why the counter is off where some are missing."""
    values = {header: secret(variable, None, f"{place} headers_env", folder, environment) or "" for header, variable in wanted.items()}
    for header, value in values.items():
        if re.search(r"[\x00-\x1f\x7f]", value):
            raise UsageError(f"{place} headers_env: what {wanted[header]} holds cannot be sent: it has line breaks or control characters")
    missing = [variable for header, variable in wanted.items() if not values[header]]
    return values, f"needs {' and '.join(missing)} in the environment" if missing else ""


__all__ = ["KEYS", "Key", "custom_settings"]
