"""How the page is laid out: per basket its contents, what is open and what is folded, and the charts to draw."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from storage.periods import DAY
from trends import charts, wording
from trends.findings import Table
from trends.overview import FEW, Overview, families, overview, places
from trends.report_claims import Top, top
from trends.report_data import BasketReport, ReportData, Section, Trouble
from trends.summary_text import blind_lines

RECENT = 2 * 366 * DAY  # what spoke within it is shown open, older series are folded away


@dataclass(frozen=True, slots=True)
class Card:
    """One section: ``name`` is its chart's, ``anchor`` its own, ``place`` what tells it apart within its metric."""

    name: str
    anchor: str
    place: str
    section: Section

    @property
    def title(self) -> str:
        return wording.title_of(self.section.table.metric, self.section.table.labels)

    @property
    def fresh(self) -> bool:
        return bool(self.section.table.rows)

    @property
    def single(self) -> bool:
        """Nothing to draw and nothing fresh: a few figures from the past."""
        return self.section.chart is None and not self.fresh


@dataclass(frozen=True, slots=True)
class Block:
    """What is counted: one metric with a card for each place. Where places are many, an overview leads to the cards."""

    anchor: str
    title: str
    cards: tuple[Card, ...]
    singles: tuple[Card, ...] = ()
    overview: Overview | None = None

    @property
    def opened(self) -> str:
        """The card that is open from the start: the largest that has a chart."""
        return next((card.name for card in self.cards if card.section.chart is not None), self.cards[0].name)

    @property
    def anchors(self) -> list[str]:
        """Where the overview's lines lead, in their order."""
        found = {card.section.table.key: card.anchor for card in self.cards}
        return [found.get(line.table.key, self.past) for line in self.overview.lines] if self.overview else []

    @property
    def past(self) -> str:
        return f"{self.anchor}--past"

    @property
    def links(self) -> list[tuple[str, str]]:
        """What the contents name below the title: place and anchor; nothing where there is only one."""
        return [(card.place, card.anchor) for card in self.cards] if len(self.cards) + len(self.singles) > 1 else []


@dataclass(frozen=True, slots=True)
class View:
    """A basket as the template needs it: open blocks, folded ones, and single figures from the past."""

    report: BasketReport
    anchor: str
    colours: Mapping[str, int]
    open: tuple[Block, ...]
    folded: tuple[Block, ...]
    single: tuple[Section, ...]
    blind: tuple[str, ...]
    top: Top


class _Anchors:
    """Readable names for places on the page, each given once. They hold no double dash: that sets off parts of a place."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __call__(self, *words: str) -> str:
        name = plain = "-".join(filter(None, (re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-") for word in words)))
        count = 1
        while name in self._taken:
            count += 1
            name = f"{plain}-{count}"
        self._taken.add(name)
        return name


def views(report: ReportData) -> tuple[list[View], dict[str, object]]:
    """The baskets as they stand on the page, and all charts by name: spec, patches by mode, unit."""
    drawn: dict[str, object] = {}
    anchors = _Anchors()
    return [_view(report, i, basket, drawn, anchors) for i, basket in enumerate(report.baskets)], drawn


def _view(report: ReportData, number: int, basket: BasketReport, drawn: dict[str, object], anchors: _Anchors) -> View:
    """Sort a basket's sections by metric and by how lately they spoke; specs of their charts are added to ``drawn``."""
    anchor = anchors("basket", basket.summary.basket.key)
    names = {section.table.key: f"c{number}-{i}" for i, section in enumerate(basket.sections)}
    sections = {section.table.key: section for section in basket.sections}
    for key, section in sections.items():
        if section.chart is not None:
            plain = charts.spec(section.chart)
            drawn[names[key]] = {"spec": plain, "modes": charts.patches(plain, section.chart), "unit": section.chart.unit}
    recent: list[Block] = []
    older: list[Block] = []
    single: list[Section] = []
    for tables in families(section.table for section in basket.sections):
        metric = tables[0].metric
        named = list(zip(tables, places(tables), strict=True))
        cards = [Card(names[t.key], anchors(anchor, *_words(t)), place, sections[t.key]) for t, place in named]
        shown, past = [card for card in cards if not card.single], [card for card in cards if card.single]
        if len(cards) > FEW and shown:
            block = Block(anchors(anchor, metric.name), metric.title, tuple(shown), tuple(past), overview(tables))
            (recent if any(_recent(report, card) for card in shown) else older).append(block)
            continue
        single += [card.section for card in past]
        for wanted, blocks in ((True, recent), (False, older)):
            found = tuple(card for card in shown if _recent(report, card) is wanted)
            if found:
                blocks.append(Block(found[0].anchor, found[0].title if len(found) == 1 else metric.title, found))
    if not recent:
        recent, older = older[:2], older[2:]
    blind = tuple(line.strip() for line in blind_lines(basket.summary.blind)[1:])
    colours = {topic: i for i, topic in enumerate(basket.topics)}
    at = _places([*recent, *older], single, anchor)
    metrics = {section.table.metric.name: at[key] for key, section in reversed(sections.items()) if key in at}
    return View(basket, anchor, colours, tuple(recent), tuple(older), tuple(single), blind, top(basket.claims, at, metrics))


def _places(blocks: Iterable[Block], single: Iterable[Section], anchor: str) -> dict[str, str]:
    """Where each group of figures stands on the page, by its key."""
    found = {section.table.key: f"{anchor}--single" for section in single}
    for block in blocks:
        found |= {card.section.table.key: block.past for card in block.singles}
        found |= {card.section.table.key: card.anchor for card in block.cards}
    return found


def _words(table: Table) -> tuple[str, str, str]:
    return (table.metric.name, wording.label_words(table.labels), wording.definition(table.metric))


def _recent(report: ReportData, card: Card) -> bool:
    table = card.section.table
    return bool(table.rows) or report.present - _last(table) < RECENT


def _last(table: Table) -> int:
    return max((row.latest.time for row in (*table.rows, *table.stale)), default=0)


def grouped(troubles: Iterable[Trouble]) -> list[tuple[str, Sequence[Trouble]]]:
    """Troubles by source, the most frequent first."""
    found: dict[str, list[Trouble]] = {}
    for trouble in troubles:
        found.setdefault(trouble.source, []).append(trouble)
    return [(source, sorted(group, key=lambda t: -t.count)) for source, group in found.items()]
