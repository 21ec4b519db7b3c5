"""What a digest says, as values: lines, what is withheld and why, charts. They can be stored and read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from storage.periods import iso, read_time
from trends import wording
from trends.memory import News


@dataclass(frozen=True, slots=True)
class Link:
    """Where a reader can look a figure up."""

    title: str
    url: str

    def to_dict(self) -> dict[str, str]:
        return {"title": self.title, "url": self.url}


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a label in capitals (may be empty), plain text, the ids of the claims it tells, what was read for it."""

    label: str
    text: str
    claims: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    command: str = ""  # what to type, at the end of the line

    def to_dict(self) -> dict[str, object]:
        return {
            "label": self.label,
            "text": self.text,
            "command": self.command or None,
            "claims": list(self.claims),
            "series": list(self.series),
            "links": [link.to_dict() for link in self.links],
        }


@dataclass(frozen=True, slots=True)
class Held:
    """Something that is not said, and why."""

    sentence: str
    reasons: tuple[str, ...]

    @property
    def text(self) -> str:
        """``Sentence: reason; reason.``; a reason that the sentence gives already is not repeated."""
        reasons = [without_stop(r) for r in self.reasons if without_stop(r) not in self.sentence]
        sentence = without_stop(wording.one_line(self.sentence))
        return f"{sentence}: {wording.one_line('; '.join(reasons))}." if reasons else f"{sentence}."

    def to_dict(self) -> dict[str, object]:
        return {"sentence": self.sentence, "reasons": list(self.reasons)}


@dataclass(frozen=True, slots=True)
class Digest:
    """What is said of one basket at one present (epoch seconds). ``charts`` are keys of groups, the first the most telling.

    ``withheld`` is what is newly withheld and found no room in the lines; ``told`` is what the next digest must remember,
    and not part of the text.
    """

    basket: str
    title: str
    period: str
    present: int
    subject: str
    lines: tuple[Line, ...]
    withheld: tuple[Held, ...]
    charts: tuple[str, ...]
    quiet: bool  # nothing new to say
    told: tuple[News, ...] = field(default=(), compare=False)

    def to_dict(self) -> dict[str, object]:
        return {
            "basket": self.basket,
            "title": self.title,
            "period": self.period,
            "present": iso(self.present),
            "subject": self.subject,
            "quiet": self.quiet,
            "lines": [line.to_dict() for line in self.lines],
            "withheld": [held.to_dict() for held in self.withheld],
            "charts": list(self.charts),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Digest:
        """A digest as it was stored."""
        lines = tuple(
            Line(v["label"], v["text"], tuple(v["claims"]), tuple(v["series"]), tuple(Link(**x) for x in v["links"]), v["command"] or "")
            for v in stored["lines"]
        )
        held = tuple(Held(v["sentence"], tuple(v["reasons"])) for v in stored["withheld"])
        present = read_time(stored["present"])
        parts = (stored["basket"], stored["title"], stored["period"], present, stored["subject"], lines, held)
        return cls(*parts, tuple(stored["charts"]), stored["quiet"])

    def brief(self, rest: str) -> Digest:
        """Only the biggest news, and where the rest is."""
        if len(self.lines) < 3:
            return replace(self, withheld=(), charts=())
        lines = (self.lines[0], Line("", rest, command=f"uptake trends --basket {self.basket}"))
        return replace(self, lines=lines, withheld=(), charts=())

    def linked(self, links: Mapping[str, Sequence[Link]]) -> Digest:
        """The same with the pages of each line's series (by series name), each address once."""
        return replace(self, lines=tuple(replace(line, links=_links(line, links)) for line in self.lines))


def _links(line: Line, known: Mapping[str, Sequence[Link]], most: int = 3) -> tuple[Link, ...]:
    """Each page once; one that several topics share is called by what is counted there."""
    titles: dict[str, list[str]] = {}
    for series in line.series:
        for link in known.get(series, ()):
            titles.setdefault(link.url, []).append(link.title)
    named = {url: t[0] if len(set(t)) == 1 else t[0].partition(", ")[2] or t[0] for url, t in titles.items()}
    return tuple(Link(wording.one_line(title), url) for url, title in named.items())[:most]


def without_stop(text: str) -> str:
    return text.rstrip().removesuffix(".")
