"""What docs/api.md tells people to ask is asked, as it stands there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from storage.periods import read_time
from tests.web.site import Site

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
MACROS = {"${__from:date:YYYY-MM-DD}": "2025-01-01", "${__to:date:YYYY-MM-DD}": "2026-04-06"}
OURS = {"pytorch": "alpha", "jax": "beta", "deep-learning": "toys", "2026-04-06": "2026-11-20"}  # of the commands: who is measured here
TYPES = {
    "Timestamp": lambda value: read_time(value) > 0,
    "Number": lambda value: value is None or (isinstance(value, int | float) and not isinstance(value, bool)),
    "String": lambda value: isinstance(value, str),
}


@dataclass(frozen=True)
class Query:
    """One of Grafana's, as the table has it."""

    what: str
    address: str
    selector: str
    columns: tuple[tuple[str, str], ...]


def queries() -> Iterator[Query]:
    section = TEXT[TEXT.index("## Grafana's Infinity plugin") :]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[1].startswith("`"):
            yield Query(cells[0], cells[1].strip("`"), cells[2].strip("`"), tuple(re.findall(r"`([^`]+)` (\w+)", cells[3])))


def selected(value: Any, path: str) -> list[Any]:
    """What a path of names gives in JSONata: through lists into each of their members, flat."""
    found = [value]
    for name in path.split("."):
        found = [inner[name] for one in found for inner in (one if isinstance(one, list) else [one]) if name in inner]
    return [row for one in found for row in (one if isinstance(one, list) else [one])]


def curls() -> list[str]:
    return re.findall(r"^curl .*$", TEXT, re.MULTILINE)


def test_a_path_goes_through_lists() -> None:
    assert selected({"a": [{"b": [1, 2]}, {"b": [3]}, {}]}, "a.b") == [1, 2, 3]
    assert selected({"a": {"b": 1}}, "a.b") == [1]


@pytest.mark.parametrize("query", list(queries()), ids=lambda q: q.what)
def test_grafanas_queries_give_the_columns_that_they_name(site: Site, spring: Site, query: Query) -> None:
    address = query.address
    for macro, value in MACROS.items():
        address = address.replace(macro, value)
    assert "$" not in address
    of = site if "coverage" in address else spring  # of the bundled figures nothing is missing
    answer = of.get(address)
    assert answer.status == 200, answer.text
    rows = selected(answer.json, query.selector)
    assert rows, answer.text[:500]
    for name, kind in query.columns:
        values = [row[name] for row in rows]
        assert all(TYPES[kind](value) for value in values), (name, values[:5])
        assert any(value is not None for value in values), name


def test_all_kinds_of_queries_are_there() -> None:
    assert len(list(queries())) == 5
    assert {kind for q in queries() for _, kind in q.columns} == set(TYPES)


@pytest.mark.parametrize("line", curls())
def test_the_commands_of_the_page_are_answered(site: Site, line: str) -> None:
    for documented, here in OURS.items():
        line = line.replace(documented, here)
    words = shlex.split(line)[1:]
    pairs, url = [], ""
    while words:
        word = words.pop(0)
        if word in {"-d", "--data-urlencode"}:
            name, _, value = words.pop(0).partition("=")
            pairs.append((name, value))
        elif word != "-G":
            url = word
    parts = urlsplit(url)
    answer = site.get(parts.path + (f"?{parts.query}" if parts.query else "") + (f"?{urlencode(pairs)}" if pairs else ""))
    assert answer.status == 200, answer.text
    assert "alpha" in answer.text
    assert line.startswith("curl -G") == bool(pairs)


def test_pictures_that_documents_show_are_there() -> None:
    root = Path(__file__).parents[2]
    for document in (root / "README.md", root / "docs" / "api.md"):
        for name in re.findall(r"!\[[^\]]+\]\(([^)]+\.png)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / name).stat().st_size < 300_000, name
