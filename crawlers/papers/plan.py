"""Which series an edition gives, and the value of each from its tally."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

from crawlers.papers.editions import Edition
from crawlers.papers.library import Standing
from crawlers.papers.rules import Rule, Rules
from crawlers.papers.tally import Tally
from crawlers.papers.text import State
from storage.model import Bound, Cadence, Kind, Metric, Series, Slot
from storage.vocabulary import PAPERS_MENTIONING, PAPERS_TOTAL

PAIRED = 12  # topics at most whose pairs are all counted without being asked for
READ = Metric(
    "papers.read",
    Kind.FLOW,
    "papers",
    Cadence.YEAR,
    "Papers that were read",
    "Papers of one edition whose text was read; the rest could not be, and mentions are then a lower bound.",
)
UNREADABLE = Metric(
    "papers.unreadable",
    Kind.FLOW,
    "papers",
    Cadence.YEAR,
    "Papers that could not be read",
    "Papers of one edition whose text could not be read, by the reason (label state): scanned, encrypted, crashed the reader, …",
)


def base_rule(rules: Sequence[Rule]) -> Rule | None:
    """The rule by which pairs and affiliations are counted: the first with the topics' own keywords that excludes nothing."""
    return next((r for r in rules if r.keywords is None and not r.exclusive), None)


def compared(named: Sequence[str], compare: Sequence[str] | None) -> list[str]:
    """The topics that exclude one another."""
    return [t for t in named if not compare or t in compare]


def planned(
    edition: Edition, named: Sequence[str], rules: Sequence[Rule], compare: Sequence[str] | None, groups: Sequence[str], source: str
) -> Iterator[Slot]:
    """The slots of one edition for the topics that have a name here."""
    venue = ("venue", edition.venue)
    if not named:
        return

    def slot(metric: Metric, topic: str = "", *labels: tuple[str, str]) -> Slot:
        return Slot(Series(metric.name, topic, (venue, *labels), metric.version, source=source), edition.time)

    yield slot(PAPERS_TOTAL)
    yield slot(READ)
    for rule in rules:
        yield from (slot(PAPERS_MENTIONING, t, ("rule", rule.name)) for t in named if rule.knows(t))
    base, pairs = base_rule(rules), compared(named, compare)
    if base is None:
        return
    by = ("rule", base.name)
    if compare or len(pairs) <= PAIRED:
        yield from (slot(PAPERS_MENTIONING, one, by, ("with", other)) for one, other in permutations(pairs, 2))
    for group in groups:
        yield from (slot(PAPERS_MENTIONING, t, by, ("affiliation", group)) for t in named)


def beside(standing: Standing, source: str) -> dict[Slot, tuple[float, Bound]]:
    """How many papers could not be read, by reason: known only afterwards, so that it is not planned."""
    found = {}
    for state, n in standing.states.items():
        if state not in {State.READ, State.WAITING} and n:
            labels = (("state", str(state)), ("venue", standing.edition.venue))
            found[Slot(Series(UNREADABLE.name, "", labels, source=source), standing.edition.time)] = (float(n), Bound.EXACT)
    return found


def value_of(series: Series, tally: Tally, rules: Rules) -> tuple[float, Bound] | None:
    """The value of a planned series; None where its rule or topic is not known any more."""
    if series.metric == PAPERS_TOTAL.name:
        return float(tally.standing.listed), Bound.EXACT
    if series.metric == READ.name:
        return float(tally.standing.read), Bound.EXACT
    labels = dict(series.labels)
    rule = rules.rules.get(labels["rule"])
    if rule is None or not (series.topic in tally.topics if rule.keywords is None else series.topic in rule.keywords):
        return None
    papers = tally.matching(series.topic, rule, also=labels.get("with", ""), group=labels.get("affiliation", ""))
    return float(len(papers)), tally.bound


__all__ = ["READ", "UNREADABLE", "base_rule", "beside", "compared", "planned", "value_of"]
