"""Counts of one edition from its kept texts, for topics, rules, pairs and groups of affiliations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crawlers.keywords import Keywords
from crawlers.papers.library import Kept, Library, Standing
from crawlers.papers.mentions import Facts, Reader, counted, left_out, mentioned, of_group
from crawlers.papers.rules import Rule, Rules
from storage.model import Bound


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper that was read, without its text."""

    id: str
    title: str
    url: str
    sha256: str
    facts: Facts


@dataclass(frozen=True)
class Tally:
    """What the papers of an edition say. ``among``: the topics that exclude one another where a rule has no keywords of its own."""

    standing: Standing
    papers: Sequence[Paper]
    topics: frozenset[str] = frozenset()  # that were looked for by their own keywords
    among: frozenset[str] = frozenset()

    @property
    def bound(self) -> Bound:
        """A paper that was not read may mention anything."""
        return Bound.EXACT if self.standing.read == self.standing.listed else Bound.AT_LEAST

    def counts_for(self, facts: Facts, rule: Rule) -> frozenset[str]:
        return counted(facts, rule, self.among if rule.keywords is None else None)

    def matching(self, topic: str, rule: Rule, *, also: str = "", group: str = "") -> list[Paper]:
        """The papers that count for a topic; ``also``: that mention this one too; ``group``: of these affiliations."""
        found = [p for p in self.papers if {topic, also or topic} <= self.counts_for(p.facts, rule)]
        return [p for p in found if not group or of_group(p.facts, group)]

    def sheet(self, rules: Sequence[Rule]) -> str:
        """How each paper counted, as text: what a figure is checked by."""
        topics = sorted({t for r in rules for t in (self.topics if r.keywords is None else r.keywords)})
        lines = [f"{self.standing.edition}: {self.standing}", ""]
        for rule in rules:
            counts = ", ".join(f"{t} {len(self.matching(t, rule))}" for t in topics if rule.knows(t))
            lines.append(f"{rule.name}: {counts}{f'; {self.left_out(rule)} left out' if rule.leave_out else ''}")
        lines += ["", "id\tsha256 of the PDF\ttitle\tcounts for"]
        for p in self.papers:
            found = {r.name: " ".join(sorted(self.counts_for(p.facts, r))) for r in rules}
            lines.append("\t".join((p.id, p.sha256, p.title, "; ".join(f"{name}: {said}" for name, said in found.items() if said))))
        return "\n".join(lines) + "\n"

    def left_out(self, rule: Rule) -> int:
        return sum(left_out(p.facts, rule) for p in self.papers)

    def several(self, rule: Rule, topics: Iterable[str]) -> int:
        """Papers that mention more than one of some topics, whether they count or not."""
        wanted = frozenset(topics)
        return sum(len(mentioned(p.facts, rule) & wanted) > 1 and not left_out(p.facts, rule) for p in self.papers)


def tally(
    library: Library,
    topics: Mapping[str, Keywords],
    rules: Sequence[Rule],
    known: Rules,
    *,
    groups: Iterable[str] = (),
    among: Iterable[str] = (),
) -> Tally:
    """Read an edition's kept texts once, for everything."""
    reader = Reader(topics, rules, known.groups, groups)
    papers = [_paper(reader, kept) for kept in library.texts()]
    return Tally(library.standing(), papers, frozenset(topics), frozenset(among) or frozenset(topics))


def _paper(reader: Reader, kept: Kept) -> Paper:
    return Paper(kept.id, kept.title, kept.url, kept.sha256, reader.read(kept.front, kept.text, kept.affiliations))


__all__ = ["Paper", "Tally", "tally"]
