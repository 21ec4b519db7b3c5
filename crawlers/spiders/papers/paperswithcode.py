"""Papers with Code, the living one at https://paperswithcode.co: papers by month and framework, and their share.

https://paperswithcode.co/docs describes the interface (``/api/v1``), which anybody may read without a key. It is the work
of others than the Papers With Code that ended in July 2025, and its catalogue and its tags come about in another way: its
figures are version 2 of the metrics, the archive's are version 1, and the two are not one series.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

from scrapy.http import Request, Response

from crawlers.boards.queries import Query
from crawlers.boards.searched import shown
from crawlers.payload import read_json
from crawlers.source import Counts, Output, Preview, Terms, join
from crawlers.spiders.papers import paperswithcode_payloads as payloads
from crawlers.spiders.papers.monthly import Doubt, MonthlyPapers, last_day
from storage.model import Bound, Cadence, Kind, Metric, ParseError, Reason, Series, Slot, Topic, UsageError
from storage.periods import DAY, day, nominal

SETTLE = 35 * DAY  # a month's papers are tagged late; the run after the next month's end, 28 to 34 days later, reads it again
_CATALOGUE = (
    "The catalogue of paperswithcode.co centres on papers that people pick daily, its framework tags are given by machine and"
    " their recall is not published. Not comparable with version 1, which is Papers With Code's archive up to July 2025."
)
PAPERS = Metric(
    "paperswithcode.papers",
    Kind.FLOW,
    "papers",
    Cadence.MONTH,
    "Papers by framework",
    f"Papers of a month that are associated with the framework. {_CATALOGUE}",
    version=2,
    settle=SETTLE,
)
PAPERS_TOTAL = Metric(
    "paperswithcode.papers_total",
    Kind.FLOW,
    "papers",
    Cadence.MONTH,
    "All papers at Papers with Code",
    f"All papers of a month in the catalogue: the denominator of the share. {_CATALOGUE}",
    version=2,
    settle=SETTLE,
)
SHARE = Metric(
    "paperswithcode.share",
    Kind.SHARE,
    "% of papers",
    Cadence.MONTH,
    "Share of papers",
    "Papers of a month with the framework, of all of that month, both from the same run; an estimate until the month is read"
    f" again, when the next has ended. {_CATALOGUE}",
    version=2,
)


class PapersWithCode(MonthlyPapers):
    name = "paperswithcode"
    title = "Papers with Code"
    about = "Papers by framework and month at paperswithcode.co, all its papers of the month, and the share of the one in the other."
    counts: ClassVar = (Counts(PAPERS), Counts(PAPERS_TOTAL, per_topic=False), Counts(SHARE))
    papers = PAPERS
    total = PAPERS_TOTAL
    revisits = True
    keeps_totals = False  # a share rests on two numbers of the same run
    terms = Terms(
        "https://paperswithcode.co/docs",
        "2026-11-20",
        "An open interface to read from, without a key; no limit is published, so that one request a second is sent at most.",
    )
    endpoints: ClassVar = {"base_url": "https://paperswithcode.co"}
    signals = ("paperswithcode", "papers")
    schedule = "29 5 * * tue,fri"
    history_since = "2025-08-01"  # the archive ends in July 2025
    people = True  # results name authors

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as the base takes them
        self._known: Mapping[str, float] | None = None  # papers of all time by framework; None: they could not be asked for

    @classmethod
    def check(cls, topic: Topic) -> None:
        value = topic.names.get("paperswithcode")
        if value and (not isinstance(value, str) or not value.strip()):
            raise UsageError(f'topics.{topic.key}.paperswithcode is {value!r}; write one framework as the site calls it, like "PyTorch"')
        if not value:
            super().check(topic)

    @classmethod
    def candidates(cls, topic: Topic) -> tuple[str, ...]:
        """Names that the framework may have there."""
        value = topic.names.get("paperswithcode")
        if isinstance(value, str) and value.strip():
            return (value.strip(),)
        keywords = cls.keywords_of(topic)
        return keywords.terms() if keywords else ()

    @classmethod
    def slots(cls, topics: Iterable[Topic], now: int, options: Mapping[str, object] | None = None) -> list[Slot]:
        """Without the share: it is no measurement of its own, and is there where its two numbers are."""
        return [slot for slot in super().slots(topics, now, options) if slot.series.metric != SHARE.name]

    # Frameworks first: a name is asked for as the catalogue writes it, and of an unknown one zero would be no zero

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        yield self.fetch(self._at("frameworks"), self._listed, wanted_slots=tuple(slots))

    async def history(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        yield self.fetch(self._at("frameworks"), self._listed, wanted_slots=tuple(slots))

    def _listed(self, response: Response, _slots: Sequence[Slot], *, wanted_slots: Sequence[Slot]) -> Iterator[Output]:
        try:
            self._known = payloads.frameworks(read_json(response.body))
        except ParseError:
            self._known = None
        yield from self.months(wanted_slots)

    def failed(self, request: Request, slots: Sequence[Slot], reason: Reason, detail: str, **kwargs: object) -> Iterable[Output]:
        if "wanted_slots" not in kwargs:
            return super().failed(request, slots, reason, detail, **kwargs)
        return self.months(kwargs["wanted_slots"])  # type: ignore[arg-type]  # as `fetch` was given them

    def query_of(self, topic: Topic) -> Query | Doubt | None:
        candidates = self.candidates(topic)
        if not candidates:
            return None
        if self._known is None:
            return Query(candidates[0], candidates[:1])
        name = payloads.known_as(candidates, self._known)
        return Query(name, (name,)) if name else (Reason.NOT_FOUND, payloads.unknown(candidates, self._known))

    def ask(self, query: Query | None, month: int) -> tuple[str, Mapping[str, object]]:
        return self._at("papers"), {**self._filters(query, month), "page_size": 1}

    def count(self, response: Response, query: Query | None, month: int) -> float:
        value = payloads.papers(read_json(response.body), self._filters(query, month))
        if value == 0 and query is not None and self._known is None:
            raise ParseError(
                f"zero papers of {query.text}, and the list of frameworks could not be read, which would tell whether it is one"
            )
        return value

    def _at(self, what: str) -> str:
        """An address of the interface; all end with a slash, and without it the server would only redirect."""
        return join(self.endpoint(), f"/api/v1/{what}") + "/"

    def _filters(self, query: Query | None, month: int) -> dict[str, str]:
        dates = {"start_date": day(month), "end_date": last_day(month)}
        return {"framework": query.text, **dates} if query else dates

    def beside(self, target: Slot, value: float, total: float | None) -> Iterator[Output]:
        if total:
            bound = Bound.EXACT if target.time < nominal(PAPERS, self.job.now) else Bound.ESTIMATE
            share = Series(SHARE.name, target.series.topic, version=SHARE.version, source=self.name)
            yield Slot(share, target.time).observe(100 * value / total, bound)

    # Previews

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        yield self.fetch(self._at("frameworks"), self._show, topics=tuple(topics))

    def _show(self, response: Response, _slots: Sequence[Slot], *, topics: Sequence[Topic]) -> Iterator[Output]:
        known = payloads.frameworks(read_json(response.body))
        for topic in topics:
            candidates = self.candidates(topic)
            name = payloads.known_as(candidates, known)
            if name is None:
                yield Preview(topic.key, payloads.unknown(candidates, known), found=False)
                continue
            params = {"framework": name, "page_size": 3, "order_by": "date_published", "order_dir": "desc"}
            yield self.fetch(self._at("papers"), self._show_newest, params=params, topic=topic.key, framework=name, papers=known[name])

    def _show_newest(self, response: Response, _slots: Sequence[Slot], *, topic: str, framework: str, papers: float) -> Iterator[Output]:
        payload = read_json(response.body)
        payloads.papers(payload, {"framework": framework})
        said = f"framework {framework}: {papers:,.0f} paper{'' if papers == 1 else 's'} in all"
        yield Preview(topic, f"{said}{shown(payloads.titles(payload))}", found=papers > 0)


__all__ = ["PAPERS", "PAPERS_TOTAL", "SHARE", "PapersWithCode"]
