"""The documentation is executed: generated parts are fresh, commands parse, examples of configuration are accepted."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from scheduler import docs
from scheduler.cli import commands as registered  # noqa: F401  # importing registers them
from scheduler.cli.app import app
from scheduler.config import read

DOCUMENTS = list(docs.documents())
BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^ *```", re.MULTILINE | re.DOTALL)
SHELLS = {"", "sh", "bash", "shell", "console", "text"}
GROUP: Any = typer.main.get_command(app)


def blocks(path: Path) -> Iterator[tuple[str, str]]:
    for match in BLOCK.finditer(path.read_text(encoding="utf-8")):
        yield match["language"], match["text"]


def commands() -> list[tuple[str, str]]:
    """Every command line of Uptake in a code block, with its document."""
    found = []
    for path in DOCUMENTS:
        for language, text in blocks(path):
            lines = text.replace("\\\n", " ").splitlines() if language in SHELLS else []
            for line in lines:
                match = re.match(r"\s*(?:\$ )?(?:\w+=\S+ )*(?:\S*/)?uptake(?P<rest> .*|$)", line)
                if match and "Usage:" not in line:
                    found.append((path.name, match["rest"].strip()))
    return found


def test_generated_documentation_is_fresh() -> None:
    assert docs.stale() == [], "run make docs"


def test_every_generated_part_is_somewhere() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    assert [name for name in docs.GENERATED if docs.BEGIN.format(name=name) not in text] == []


def test_every_command_is_documented() -> None:
    text = (docs.ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert [name for name in GROUP.commands if f"### `uptake {name}`" not in text] == []


@pytest.mark.parametrize(("document", "line"), sorted(set(commands())))
def test_a_documented_command_line_parses(document: str, line: str) -> None:
    words = shlex.split(line, comments=True)
    words = words[: next((i for i, word in enumerate(words) if word in {"|", ">", ">>", "&&", ";"}), len(words))]
    while words and words[0] in {"-v", "--verbose", "--log-json"}:
        words.pop(0)
    if words[:1] == ["--config"]:
        words = words[2:]
    if not words or words[0] in {"--help", "--version"}:
        return
    name, *arguments = (word.replace("…", "x") for word in words)
    assert name in GROUP.commands, f"{document}: uptake {line}"
    if "--help" not in arguments:
        GROUP.commands[name].make_context(name, arguments)


def test_there_are_command_lines_to_look_at() -> None:
    assert {document for document, _ in commands()} >= {"README.md"}


def configs() -> list[tuple[str, str]]:
    return [(path.name, text) for path in DOCUMENTS for language, text in blocks(path) if language == "toml"]


@pytest.mark.parametrize(("document", "text"), configs())
def test_a_documented_configuration_is_accepted(document: str, text: str, tmp_path: Path) -> None:
    raw = tomllib.loads(text)
    if {"project", "build-system", "tool"} & set(raw):
        assert document == "adding-a-source.md", "a pyproject.toml"
        return
    in_baskets = {t for b in raw.get("baskets", {}).values() for t in b["topics"]}
    for topic in in_baskets - set(raw.get("topics", {})):
        raw.setdefault("topics", {})[topic] = {}
    left = sorted(set(raw.get("topics", {})) - in_baskets)
    if left:
        raw.setdefault("baskets", {})["rest"] = {"topics": left}
    for section in (*raw.get("sources", {}).values(), raw.get("influxdb", {}), raw.get("mail", {})):
        for key, value in section.items():
            if key.endswith("_file"):
                (tmp_path / value).write_text("secret", encoding="utf-8")
    read(raw, tmp_path / "uptake.toml", {})


def test_there_are_configurations_to_look_at() -> None:
    assert configs()
