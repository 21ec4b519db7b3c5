"""Rules by which a paper mentions a technology, as data: ``crawlers/data/paper_rules.toml``, and a file of the user's own."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from crawlers.papers.affiliations import Group, Place
from storage.model import UsageError

ARTICLE = "he-"  # how the names of the 2019 article's rules begin
_KEYS = {"about", "citation", "keywords", "plain", "exclusive", "leave_out", "recognised", "references", "like"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One way of counting. See the head of ``paper_rules.toml`` for what each part means."""

    name: str
    about: str = ""
    citation: str = ""
    keywords: Mapping[str, tuple[str, ...]] | None = None  # by topic, lower case; None: the topics' own
    plain: bool = False
    exclusive: bool = False
    leave_out: tuple[str, ...] = ()
    recognised: tuple[Place, ...] = (Place.FIRST_PAGE,)
    references: bool = True

    def knows(self, topic: str) -> bool:
        return self.keywords is None or topic in self.keywords

    def same_as(self, other: Rule) -> bool:
        """Whether both count the same, whatever they are called."""
        return _content(self) == _content(other)


def _content(rule: Rule) -> tuple[object, ...]:
    keywords = None if rule.keywords is None else sorted((k, sorted(v)) for k, v in rule.keywords.items())
    return keywords, rule.plain, rule.exclusive, sorted(rule.leave_out), sorted(rule.recognised), rule.references


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules and groups of affiliations that are known, and a digest of them."""

    rules: Mapping[str, Rule]
    groups: Mapping[str, Group]
    digest: str = field(default="", compare=False)

    def chosen(self, names: Iterable[str]) -> list[Rule]:
        """Raises `UsageError` for a name that no rule bears."""
        found = []
        for name in names:
            if name not in self.rules:
                raise UsageError(f"there is no rule {name!r}; there are: {', '.join(self.rules)}")
            found.append(self.rules[name])
        return found

    def group(self, name: str) -> Group:
        if name not in self.groups:
            raise UsageError(f"there is no group of affiliations {name!r}; there are: {', '.join(self.groups)}")
        return self.groups[name]


def load(own: str | Path | None = None) -> Rules:
    """The rules that come with Uptake, with those of a file of one's own (TOML of the same form) in addition.

    Raises `UsageError` for what cannot be read, with its place.
    """
    return _shipped() if not own else _own(Path(own).expanduser())


@cache
def _shipped() -> Rules:
    text = files("crawlers").joinpath("data", "paper_rules.toml").read_text(encoding="utf-8")
    return _read(text, "paper_rules.toml", Rules({}, {}))


def _own(path: Path) -> Rules:
    try:
        return _read(path.read_text(encoding="utf-8"), str(path), _shipped())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"rules_file: cannot read {path}: {error}") from error


def _read(text: str, where: str, before: Rules) -> Rules:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where}: {error}") from error
    if unknown := set(raw) - {"rules", "affiliations"}:
        raise UsageError(f"{where}: unknown section {min(unknown)!r}; there are: affiliations, rules")
    groups = dict(before.groups)
    for name, section in raw.get("affiliations", {}).items():
        phrases = _phrases(section.get("phrases") if isinstance(section, dict) else section, f"{where}: affiliations.{name}.phrases")
        groups[name] = Group(name, phrases)
    made = dict(before.rules)
    for name in raw.get("rules", {}):
        made[name] = _rule(name, raw["rules"], made, groups, where)
    return Rules(made, groups, hashlib.sha256((before.digest + text).encode()).hexdigest()[:16])


def _rule(name: str, all_raw: Mapping[str, Any], made: Mapping[str, Rule], groups: Mapping[str, Group], where: str) -> Rule:
    place, raw = f"{where}: rules.{name}", _complete(name, all_raw, where)
    if unknown := set(raw) - _KEYS:
        raise UsageError(f"{place}: unknown key {min(unknown)!r}; there are: {', '.join(sorted(_KEYS))}")
    if name != name.strip().lower() or not name:
        raise UsageError(f"{place}: the name of a rule is in lower case")
    like = made.get(raw["like"]) if "like" in raw else None  # one that came before, in a file of its own
    if "like" in raw and like is None:
        raise UsageError(f"{place}.like: there is no rule {raw['like']!r}")
    keywords = {t: _phrases(v, f"{place}.keywords.{t}") for t, v in raw["keywords"].items()} if "keywords" in raw else None
    for key in ("plain", "exclusive", "references"):
        if not isinstance(raw.get(key, False), bool):
            raise UsageError(f"{place}.{key}: write true or false")
    for group in raw.get("leave_out", ()):
        if group not in groups:
            raise UsageError(f"{place}.leave_out: there is no group {group!r}; there are: {', '.join(groups)}")
    said = raw.get("recognised", like.recognised if like else ["first_page"])
    try:
        recognised = tuple(Place(p) for p in ([said] if isinstance(said, str) else said))
    except ValueError as error:
        raise UsageError(f"{place}.recognised: {error}; write some of: {', '.join(Place)}") from error
    base = like or Rule(name)
    return Rule(
        name,
        raw.get("about", base.about),
        raw.get("citation", ""),
        keywords if keywords is not None else base.keywords,
        raw.get("plain", base.plain),
        raw.get("exclusive", base.exclusive),
        tuple(raw.get("leave_out", base.leave_out)),
        recognised,
        raw.get("references", base.references),
    )


def _complete(name: str, all_raw: Mapping[str, Any], where: str, seen: Sequence[str] = ()) -> dict[str, Any]:
    """A rule's section with what it takes from the one that it is like, where that stands in the same file."""
    raw = dict(all_raw[name])
    like = raw.get("like")
    if like is None or like not in all_raw:
        return raw
    if name in seen:
        raise UsageError(f"{where}: rules.{name}.like leads back to itself")
    base = _complete(like, all_raw, where, (*seen, name))
    raw.pop("like")
    return {**base, **raw, "citation": raw.get("citation", "")}


def _phrases(value: object, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) and v.strip() for v in value):
        raise UsageError(f"{place}: write a list of phrases")
    return tuple(v.strip().lower() for v in value)


__all__ = ["ARTICLE", "Rule", "Rules", "load"]
