"""Finding one number in an answer by a JSON path, CSS, XPath or a regular expression: for counters that a user declares.

A number in text goes through `crawlers.counts.read_count`, so that "3,000+" is at least 3,000 and what can be read in
two ways is refused. A regular expression is matched by RE2 (which comes with pyarrow), in a time linear to the page;
CSS and XPath run in a process of their own, because their time is bounded by nothing else.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from crawlers import page_strings
from crawlers.counts import Count, read_count
from crawlers.payload import number, read_json
from storage.model import ParseError, UsageError

LARGEST = 4_000_000  # characters of a page that is searched by CSS or XPath
PATIENCE = 15.0  # seconds that the process may take by the clock, on a machine that is busy
_PART = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\*)\]")
_DECIMAL = re.compile(r"(\d{1,3}(?:\.\d{1,6})?) ?%?", re.ASCII)
_GROUP = re.compile(r"\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|(\((?!\?)|\(\?P?<(?![=!]))", re.DOTALL)
_NAME = "count"


class NothingFoundError(ParseError):
    """The place of the number is not there at all: the page changed, or says in another way that there is none."""


class Way(StrEnum):
    JSON = "json"
    CSS = "css"
    XPATH = "xpath"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class Found:
    """A count and what was read, in words."""

    count: Count
    said: str


@dataclass(frozen=True, slots=True)
class Selector:
    """Where the number stands. ``text`` is as the user wrote it; a JSON path may be given as its parts."""

    way: Way
    text: str
    parts: tuple[str, ...] = ()  # of a JSON path

    @classmethod
    def of(cls, way: Way, value: str | Sequence[str]) -> Selector:
        """Check what a user wrote. Raises `UsageError` with what is wrong with it."""
        if way is Way.JSON:
            parts = path_parts(value) if isinstance(value, str) else tuple(value)
            if not parts or not all(parts):
                raise UsageError("a JSON path has a part that is empty")
            return cls(way, value if isinstance(value, str) else ".".join(parts), parts)
        if not isinstance(value, str) or not value.strip():
            raise UsageError("write text in quotes")
        found = cls(way, value)
        if way is Way.REGEX:
            _re2(_named(value), "")
        else:
            _checked(found.expression)
        return found

    def __str__(self) -> str:
        return f"{self.way} {self.text}"

    @property
    def expression(self) -> str:
        """The XPath expression of CSS or XPath. Raises `UsageError` for CSS that is none."""
        if self.way is not Way.CSS:
            return self.text
        from parsel import csstranslator

        try:
            return csstranslator.css2xpath(self.text)
        except Exception as error:  # cssselect has several of its own
            raise UsageError(f"not CSS: {error}") from error

    def find(self, body: bytes, text: str, *, share: bool = False) -> Found:
        """The number in an answer. Raises `ParseError`, of the kind `NothingFoundError` where its place is not there."""
        if self.way is Way.JSON:
            return self._in_json(read_json(body), share=share)
        found = self._texts(text)
        if not found:
            raise NothingFoundError(f"nothing is found by {self}; did the page change?")
        different = list(dict.fromkeys(" ".join(f.split()) for f in found))
        if len(different) > 1:
            raise ParseError(f"{len(different)} different texts are found by {self}: {different[0][:40]!r}, {different[1][:40]!r}")
        return Found(_count(different[0], share=share), repr(different[0]))

    def _texts(self, page: str) -> list[str]:
        if self.way is not Way.REGEX:
            return selected(page, self.expression)
        times, first = _re2(_named(self.text), page)
        if times > 1:
            raise ParseError(f"{times:,} places are matched by {self}: it must match one")
        return [first] if first is not None else []

    def _in_json(self, payload: Any, *, share: bool) -> Found:
        values = list(_values(payload, self.parts, ""))
        if not values:
            raise NothingFoundError(f"the list at {self} is empty")
        counts = [_json_count(value, f"{self}", share=share) for value in values]
        if len(counts) == 1 and "*" not in self.parts:
            return Found(counts[0], json.dumps(values[0]))
        total = sum(c.value for c in counts)
        return Found(Count(total, max(c.bound for c in counts)), f"the sum of {len(counts)} numbers")


def path_parts(text: str) -> tuple[str, ...]:
    """``downloads.total``, ``data[0].count``, ``files.*.downloads``: keys, places of a list, and all of a list, to be summed.

    >>> path_parts("data[0].count")
    ('data', '0', 'count')
    """
    parts, at = [], 0
    while at < len(text):
        part = _PART.match(text, at)
        if not part or (at == 0 and text[0] == ".") or not (part[1] or part[2]).strip():
            raise UsageError(f"not a JSON path from {text[at:]!r} on; it looks like downloads.total, data[0].count or files.*.count")
        parts.append(part[1] or part[2])
        at = part.end()
        if at < len(text) and text[at] not in ".[":
            raise UsageError(f"not a JSON path from {text[at:]!r} on; it looks like downloads.total, data[0].count or files.*.count")
    return tuple(parts)


def _values(value: Any, parts: Sequence[str], where: str) -> Iterator[Any]:
    """What stands at a path; of a list under ``*`` each of its items."""
    if not parts:
        yield value
        return
    part, rest = parts[0], parts[1:]
    here = f"{where}.{part}".removeprefix(".")
    if part == "*" and isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _values(item, rest, here)
        return
    try:
        inner = value[int(part)] if isinstance(value, list) else value[part]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise NothingFoundError(f"the answer has no {here}; did it change?") from error
    yield from _values(inner, rest, here)


def _json_count(value: Any, where: str, *, share: bool) -> Count:
    if isinstance(value, str):
        return _count(value, share=share)
    try:
        found = number(value)
    except ParseError as error:
        raise ParseError(f"{where}: {error}") from error
    if not share and not found.is_integer():
        raise ParseError(f"{where} is {value!r}, which is no whole number")
    return Count(found)


def _count(text: str, *, share: bool) -> Count:
    if len(text) > page_strings.LONGEST:
        raise ParseError(f"{text[:40]!r}… is a long text and no count")
    percent = _DECIMAL.fullmatch(text.strip()) if share else None
    return Count(float(percent[1])) if percent else read_count(text)


def selected(page: str, expression: str) -> list[str]:
    """The texts that an XPath expression gives on a page. Raises `ParseError` where it takes too much of anything."""
    if len(page) > LARGEST:
        raise ParseError(f"the page has {len(page):,} characters, more than are searched")
    data = expression.encode()
    told = b"%d\n%s%s" % (len(data), data, page.encode("utf-8", "replace"))
    command = [sys.executable, "-I", str(Path(page_strings.__file__))]
    try:
        ran = subprocess.run(command, input=told, capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603  # our own file
    except subprocess.TimeoutExpired as error:
        raise ParseError("searching the page took too long") from error
    try:
        answer = json.loads(ran.stdout)
    except ValueError as error:
        raise ParseError(f"searching the page took more than {page_strings.SECONDS} seconds, or too much memory") from error
    if "error" in answer:
        raise ParseError(f"the page cannot be searched: {answer['error']}")
    if answer["more"]:
        raise ParseError(f"{len(answer['found']) + answer['more']:,} places are found: it must be one")
    return [str(text) for text in answer["found"]]


def _checked(expression: str) -> None:
    from lxml import etree  # type: ignore[import-untyped]  # it has no types here

    try:
        answer = page_strings.strings(b"", expression)
    except (etree.XPathError, etree.LxmlError, ValueError) as error:
        raise UsageError(f"not XPath: {error}") from error
    if "error" in answer:
        raise UsageError(str(answer["error"]))


def _named(pattern: str) -> str:
    """The pattern with a name for its one group."""
    groups = [found for found in _GROUP.finditer(pattern) if found[1]]
    if len(groups) != 1:
        raise UsageError(f"a regular expression needs one group around the number, and has {len(groups)}; write others as (?:…)")
    start, end = groups[0].span(1)
    if groups[0][1] == "(":
        return f"{pattern[:start]}(?P<{_NAME}>{pattern[end:]}"
    name_end = pattern.find(">", end)
    return f"{pattern[:start]}(?P<{_NAME}{pattern[name_end:]}" if name_end > 0 else pattern


def _re2(pattern: str, text: str) -> tuple[int, str | None]:
    """How often a pattern matches, and what its group holds the first time. Raises `UsageError` for a pattern that is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    page = pa.array([text.encode("utf-8", "replace").decode()])
    try:
        times = pc.count_substring_regex(page, pattern)[0].as_py()
        found = pc.extract_regex(page, pattern)[0].as_py()
    except pa.ArrowException as error:
        said = str(error).removeprefix("Invalid regular expression: ")
        raise UsageError(f"not a regular expression of RE2: {said}; it knows no lookahead and no back-reference") from error
    return int(times), found[_NAME] if found else None


__all__ = ["Found", "NothingFoundError", "Selector", "Way", "path_parts", "selected"]
