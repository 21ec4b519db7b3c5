"""What a request may ask, declared once: the reading of queries and the API's own document are both made of it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from scheduler.web.problems import Problem
from storage.model import UsageError
from storage.periods import read_time

LONGEST = 300  # characters of a text
MANY = 60  # values of a parameter that may be given several times

# 1900 to 2099, so that no calendar is asked for what it cannot do; the last day of a leap year's February is understood too.
TIME = (
    r"^(19|20)[0-9]{2}(-(0[1-9]|1[0-2])|-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    r"(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?Z)?)?$"
)
CURSOR = r"^[0-9]{1,15}\.[0-9]{1,15}\.-?[0-9]{1,15}$"
TEXT = r"^[^\x00-\x1f\x7f]+$"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name in a query. ``kind``: text, whole (a number), time or choice; ``many``: it may be given several times."""

    name: str
    words: str
    kind: str = "text"
    many: bool = False
    required: bool = False
    choices: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    default: Any = None
    pattern: str = TEXT
    example: str | int | None = None

    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        one: dict[str, Any] = {"type": "string"}
        if self.kind == "whole":
            one = {"type": "integer", "minimum": self.low, "maximum": self.high}
        elif self.kind == "choice":
            one["enum"] = list(self.choices)
        elif self.kind == "time":
            one["pattern"] = TIME
        else:
            one |= {"pattern": self.pattern, "minLength": 1, "maxLength": LONGEST}
        if self.many:
            one = {"type": "array", "items": one, "maxItems": MANY}
        return one | ({} if self.default is None else {"default": self.default})

    def document(self) -> dict[str, Any]:
        """As OpenAPI."""
        plain = {"name": self.name, "in": "query", "description": self.words, "required": self.required, "schema": self.schema()}
        if self.many:
            plain |= {"style": "form", "explode": True}
        return plain | ({} if self.example is None else {"example": [self.example] if self.many else self.example})

    def read(self, values: Sequence[str]) -> Any:
        """The value of what was written. Raises `Problem`."""
        if self.many:
            if len(values) > MANY:
                raise Problem(400, f"{self.name} is given {len(values)} times; at most {MANY} are answered at once")
            return [self._one(v) for v in values]
        if len(values) > 1:
            raise Problem(400, f"{self.name} can be given once only")
        return self._one(values[0])

    def _one(self, text: str) -> Any:
        if self.kind == "whole":
            if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or not self.low <= int(text) <= self.high:
                raise Problem(400, f"{self.name} must be a whole number from {self.low} to {self.high}")
            return int(text)
        if self.kind == "choice":
            if text not in self.choices:
                raise Problem(400, f"{self.name} must be one of: {', '.join(self.choices)}")
            return text
        if self.kind == "time":
            return self._time(text)
        if not 0 < len(text) <= LONGEST or not re.search(self.pattern, text, re.ASCII):
            raise Problem(400, f"{self.name} must be text of 1 to {LONGEST} characters{'' if self.pattern is TEXT else ' of its own form'}")
        if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
            raise Problem(400, f"{self.name} is not UTF-8")
        return text

    def _time(self, text: str) -> str:
        wrong = Problem(400, f"{self.name} must be a time from 1900 to 2099, like 2026-11-20, 2026-11 or 2026-11-20T03:00:00Z")
        if len(text) > 25 or not re.match(r"(19|20)[0-9]{2}", text, re.ASCII):
            raise wrong
        try:
            read_time(text)
        except UsageError as error:
            raise wrong from error
        return text


def read(parameters: Iterable[Parameter], query: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The arguments of a request by name, defaults filled in; what has none and was not given is left out. Raises `Problem`."""
    known = {p.name: p for p in parameters}
    given: dict[str, list[str]] = defaultdict(list)
    for name, value in query:
        if name not in known:
            raise Problem(400, f"there is no parameter {name[:60]!r} here; there are: {', '.join(known) or 'none'}")
        given[name].append(value)
    found = {name: parameter.default for name, parameter in known.items() if parameter.default is not None}
    found |= {name: known[name].read(values) for name, values in given.items()}
    for name, parameter in known.items():
        if parameter.required and name not in found:
            raise Problem(400, f"{name} is missing: {parameter.words}")
    return found


__all__ = ["CURSOR", "LONGEST", "MANY", "TIME", "Parameter", "read"]
