"""Counting arXiv's papers from a harvest: all records of the wanted categories, matched here against all topics in one pass.

OAI-PMH selects by the day of a record's last change, not of its submission. A paper's record changes no earlier than the
paper was submitted, so that the records changed since a month began hold all that was submitted since. Days are asked for
oldest first, one after the other, the last without an end: a record that changes meanwhile moves to a later day, where it is
met again, and counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from scrapy.http import Request, Response

from crawlers.keywords import Matcher
from crawlers.source import Output
from crawlers.spiders.papers import arxiv_payloads as payloads
from crawlers.spiders.papers.monthly import MonthlyPapers, month_name
from storage.model import Capture, ParseError, Slot
from storage.periods import DAY, day

STEP = 1  # days that one request asks for: what is lost with a token that expires
TIMEOUT = 180.0  # seconds: pages of a thousand records were seen to take up to 90


@dataclass(slots=True, eq=False)
class Harvest:
    """What a harvest came to so far."""

    asks: Sequence[tuple[str, int]]  # set and day (epoch seconds), in their order
    topics: frozenset[str]  # that are matched
    matcher: Matcher
    place: int = 0  # of the ask that is being answered
    again: bool = False  # its token had expired, and it was asked for once more
    seen: set[str] = field(default_factory=set)
    found: Counter[tuple[str, str]] = field(default_factory=Counter)  # by topic (empty: all papers) and month as 2026-10
    captures: list[Capture] = field(default_factory=list)

    def take(self, record: payloads.Record) -> None:
        if record.id in self.seen:
            return
        self.seen.add(record.id)
        for topic in ("", *self.matcher.match(record.abstract)):
            self.found[topic, record.created[:7]] += 1

    def reaches(self, month: int) -> bool:
        """Whether any paper of a month was met: without one, nothing is known of it."""
        return self.found["", month_name(month)] > 0

    def papers(self, topic: str, month: int) -> int:
        """Papers submitted in a month that mention a topic (empty: all)."""
        return self.found[topic, month_name(month)]


class ArxivHarvest(MonthlyPapers):
    """The way by OAI-PMH. No source of its own."""

    def categories(self) -> list[str]:
        return list(self.option("categories"))

    def harvest(self, slots: Sequence[Slot], since: int) -> Request:
        """The first of the requests, which follow one another; they end all the slots together."""
        days = range(since - since % DAY, self.job.now + 1, STEP * DAY)
        expressions = {key: keywords for key, topic in self.job.topics.items() if (keywords := self.keywords_of(topic))}
        asks = [(name, at) for name in payloads.sets_of(self.categories()) for at in days]
        return self._ask_records(slots, Harvest(asks, frozenset(expressions), Matcher(expressions)))

    def _ask_records(self, slots: Sequence[Slot], harvest: Harvest, token: str = "") -> Request:
        name, at = harvest.asks[harvest.place]
        until = at + STEP * DAY
        params: dict[str, object] = {"verb": "ListRecords"}
        if token:
            params["resumptionToken"] = token
        else:
            params |= {"metadataPrefix": "arXiv", "set": name, "from": day(at), "until": day(until - 1) if until <= self.job.now else None}
        request = self.fetch("/oai", self._harvested, slots, endpoint="oai_url", params=params, harvest=harvest)
        request.meta["download_timeout"] = TIMEOUT
        return request

    def _harvested(self, response: Response, slots: Sequence[Slot], *, harvest: Harvest) -> Iterator[Output]:
        page = payloads.records(response.body)
        if response.meta.get("capture"):
            harvest.captures.append(response.meta["capture"])
        if page.expired:
            if harvest.again:
                raise ParseError("arXiv's token for the next page is refused, also after the day was asked for again")
            harvest.again = True
            yield self._ask_records(slots, harvest)
            return
        for record in page.records:
            if payloads.among(record.categories, self.categories()):
                harvest.take(record)
        if page.token:
            yield self._ask_records(slots, harvest, page.token)
            return
        harvest.place, harvest.again = harvest.place + 1, False
        if harvest.place < len(harvest.asks):
            yield self._ask_records(slots, harvest)
        else:
            yield from self._counted(slots, harvest)

    def _counted(self, slots: Sequence[Slot], harvest: Harvest) -> Iterator[Output]:
        raise NotImplementedError


__all__ = ["ArxivHarvest", "Harvest"]
