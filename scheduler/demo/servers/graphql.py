"""Enough of GraphQL's grammar for a fake server to answer what was asked, rather than what it expects to be asked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r'\s*(?:(\.\.\.)|("(?:[^"\\]|\\.)*")|([_A-Za-z]\w*)|(-?\d+)|([{}()\[\]:,$!]))')


class QuerySyntaxError(Exception):
    pass


@dataclass
class Field:
    name: str
    alias: str
    arguments: dict[str, Any] = field(default_factory=dict)
    selection: list[Field] = field(default_factory=list)  # fields of inline fragments are those of what they are on


def parse(text: str) -> list[Field]:
    """The fields of an anonymous query without variables."""
    return _Parser(text).document()


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        place = 0
        text = text.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if not match:
                raise QuerySyntaxError(f"unexpected {text[place : place + 10]!r}")
            self.tokens.append(match[0].strip())
            place = match.end()

    def next(self, *expected: str) -> str:
        if not self.tokens:
            raise QuerySyntaxError("unexpected end of document")
        token = self.tokens.pop(0)
        if expected and token not in expected:
            raise QuerySyntaxError(f"expected {' or '.join(expected)}, got {token!r}")
        return token

    def peek(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def document(self) -> list[Field]:
        if self.peek() == "query":
            self.next()
        found = self.selection()
        if self.tokens:
            raise QuerySyntaxError(f"unexpected {self.peek()!r}")
        return found

    def selection(self) -> list[Field]:
        self.next("{")
        found: list[Field] = []
        while self.peek() != "}":
            if self.peek() == "...":
                self.next()
                self.next("on")
                self.next()
                found += self.selection()
            else:
                found.append(self.field())
        self.next("}")
        return found

    def field(self) -> Field:
        name = alias = self.next()
        if self.peek() == ":":
            self.next()
            name = self.next()
        found = Field(name, alias)
        if self.peek() == "(":
            self.next()
            found.arguments = self.pairs(")")
        if self.peek() == "{":
            found.selection = self.selection()
        return found

    def pairs(self, end: str) -> dict[str, Any]:
        found = {}
        while self.peek() != end:
            key = self.next()
            self.next(":")
            found[key] = self.value()
            if self.peek() == ",":
                self.next()
        self.next(end)
        return found

    def value(self) -> Any:
        token = self.next()
        if token == "{":
            return self.pairs("}")
        if token.startswith('"'):
            return re.sub(r"\\(.)", r"\1", token[1:-1])
        return int(token) if token.lstrip("-").isdigit() else token
