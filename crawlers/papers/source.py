"""`PaperSource`: counting what papers mention from kept texts, apart from how the texts are come by."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from scrapy.http import Request, TextResponse

from crawlers.job import Job
from crawlers.keywords import Keywords
from crawlers.papers import rules as paper_rules
from crawlers.papers.editions import Edition
from crawlers.papers.library import Library
from crawlers.papers.plan import beside, compared, value_of
from crawlers.papers.shelf import FOLDER, Place, editions_in, place_of
from crawlers.papers.tally import tally
from crawlers.papers.text import Extraction, Limits, Reader
from crawlers.papers.work import Work
from crawlers.source import Output, SourceSpider
from storage.model import Bound, Capture, ParseError, Reason, Remember, Slot, Topic, UptakeError, UsageError

logger = logging.getLogger(__name__)


class PaperSource(SourceSpider):
    """Base of `crawlers.spiders.papers.conferences`, whose options it uses."""

    signals = ("conferences", "papers")

    def __init__(self, job: Job | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(job, *args, **kwargs)
        self._pdfs: Reader | None = None
        self._nowhere: tempfile.TemporaryDirectory[str] | None = None
        self._halting = asyncio.Event()

    @classmethod
    def keywords_of(cls, topic: Topic) -> Keywords | None:
        """The topic's expression; None where it has none. Raises `UsageError` where it cannot be read."""
        signal = next((s for s in cls.signals if topic.names.get(s)), None)
        return None if signal is None else Keywords.read(topic.names[signal], f"topics.{topic.key}.{signal}")

    @classmethod
    def polls(
        cls,
        topics: Iterable[Topic],
        state: Mapping[str, object],
        now: int,  # noqa: ARG003
        options: Mapping[str, object] | None = None,
    ) -> list[str]:
        """Topics whose keywords or rules changed since they were counted: the kept texts are counted again, without a request."""
        before = state.get("counted")
        if not isinstance(before, dict):
            return []
        return [key for key, digest in digests(topics, options or {}).items() if before.get(key) != digest]

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        with self._keeping():
            async for request in self.asked(slots):
                yield request

    async def asked(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:  # noqa: ARG002  # to be written by a source
        """Requests that measure these slots, of those whose texts are not all kept."""
        raise NotImplementedError
        yield

    # Counting

    async def _counted(self, work: Work) -> list[Any]:
        """An edition's figures if it was read far enough, else why not."""
        outputs: list[Output] = []
        try:
            with self._keeping():
                outputs = await self._figures(work)
        except Exception as error:  # its slots have their end, whatever it is
            logger.exception("%s: unexpected error while counting %s", self.name, work.edition)
            outputs = [slot.missing(Reason.PARSE_ERROR, f"{work.edition}: {type(error).__name__}: {error}") for slot in work.slots]
        return list(self._gather(outputs, work.slots, ()))

    async def _figures(self, work: Work) -> list[Output]:
        standing = work.library.standing()
        if standing.waiting or not standing.listed:
            reason, detail = work.stopped or (self.job.replay_only or Reason.UNREACHABLE, "the rest could not be fetched")
            return [slot.missing(reason, f"{work.edition}: {standing}; {detail}") for slot in work.slots]
        if standing.read * 100 < standing.listed * self.option("enough"):
            return [slot.missing(Reason.PARSE_ERROR, f"{work.edition}: {standing}: too few to count") for slot in work.slots]
        logger.info("%s: %s", work.edition, standing)
        values, sheet = await asyncio.to_thread(self._count, work)
        captures = (*work.library.captures(), *self._keep(work.edition, sheet))
        outputs: list[Output] = [
            replace(slot.observe(*found), captures=captures, observed_at=self.job.now)
            if found is not None
            else slot.missing(Reason.NOT_FOUND, "the configuration no longer names its rule or its topic")
            for slot, found in values.items()
        ]
        states = {str(state): n for state, n in sorted(standing.states.items())}
        return [
            *outputs,
            Remember(f"edition:{work.edition}", states),
            Remember("counted", digests(self.job.topics.values(), self.job.options)),
        ]

    def _count(self, work: Work) -> tuple[dict[Slot, tuple[float, Bound] | None], str]:
        """The value of each slot, and the sheet of how each paper counted."""
        topics = {key: k for key, t in self.job.topics.items() if (k := self.keywords_of(t)) is not None}
        known, names = self._rules, {dict(s.series.labels).get("rule", "") for s in work.slots}
        rules = [r for r in known.rules.values() if r.name in {*names, *self.option("rules")}]
        groups = {g for s in work.slots if (g := dict(s.series.labels).get("affiliation"))} & set(known.groups)
        among = compared(list(topics), self.option("compare"))
        counts = tally(work.library, topics, rules, known, groups=groups, among=among)
        values = {slot: value_of(slot.series, counts, known) for slot in work.slots}
        return {**values, **beside(counts.standing, self.name)}, counts.sheet(rules)

    def _keep(self, edition: Edition, sheet: str) -> list[Capture]:
        """Keep with the captures how each paper counted, so that a figure leads to its papers."""
        if self.tape is None:
            return []
        request = Request(f"https://uptake.invalid/{FOLDER}/{edition.venue}-{edition.year}")
        response = TextResponse(request.url, body=sheet.encode(), headers={"Content-Type": "text/plain; charset=utf-8"})
        return [self.tape.writer.append(request, response, "", self.job.now)]

    async def _count_again(self, these: set[Slot]) -> None:
        """Count complete editions anew because some topic's keywords changed; this run's own slots are counted anyway."""
        for edition in editions_in(self._place):
            with Library(self._place, edition) as library:
                if library.complete:
                    planned_now = self.slots(self.job.topics.values(), self.job.now, {**self.job.options, "editions": [str(edition)]})
                    await self._deliver(await self._counted(Work(edition, [s for s in planned_now if s not in these], library)))

    async def _deliver(self, readings: Iterable[Any]) -> None:
        for reading in readings:
            if self.recorder is not None:
                await self.recorder.add(reading)

    # What it works with

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """Where kept texts cannot be written or read, their server being away, say, that is no outcome: the run goes on next time."""
        try:
            yield
        except (ParseError, UsageError):
            raise
        except UptakeError as error:
            if self.recorder is None:
                raise
            self.recorder.fail(error)

    @property
    def _failing(self) -> bool:
        """Whether nothing more is to be begun."""
        return self.recorder is not None and self.recorder.halted

    def _fetched_since(self, time: int) -> int:
        """How many papers of any edition were asked for since a time."""
        total = 0
        for edition in editions_in(self._place):
            with Library(self._place, edition) as library:
                total += library.fetched_since(time)
        return total

    @property
    def _rules(self) -> paper_rules.Rules:
        return paper_rules.load(self.option("rules_file"))

    @property
    def _reader(self) -> Reader:
        if self._pdfs is None:
            limits = Limits(pages=self.option("max_pages"), seconds=self.option("max_seconds"), memory=self.option("max_memory") << 20)
            self._pdfs = Reader(limits)
        return self._pdfs

    def halt(self) -> None:
        super().halt()
        self._halting.set()

    async def _extract(self, data: bytes) -> Extraction | None:
        """What a PDF gives; None where the process stops meanwhile: it is not waited for, and no fault of the paper."""
        reading = asyncio.ensure_future(self._reader.read(data))
        halting = asyncio.ensure_future(self._halting.wait())
        await asyncio.wait({reading, halting}, return_when=asyncio.FIRST_COMPLETED)
        halting.cancel()
        if not reading.done():
            reading.cancel()
            return None
        return reading.result()

    @property
    def _place(self) -> Place:
        """Where texts are kept: with the journal. Without a store (``scrapy crawl``) only for this crawl."""
        if self.recorder is not None and self.recorder.journal.url is not None:
            return place_of(self.recorder.journal)
        if self.tape is not None:
            return self.tape.folder.parent / FOLDER
        if self._nowhere is None:
            self._nowhere = tempfile.TemporaryDirectory(prefix="uptake-papers-")
        return Path(self._nowhere.name)

    def closed(self, reason: str) -> None:  # noqa: ARG002  # Scrapy's signature
        """Called by Scrapy when the crawl ends."""
        if self._pdfs is not None:
            self._pdfs.close()
        if self._nowhere is not None:
            self._nowhere.cleanup()


def digests(topics: Iterable[Topic], options: Mapping[str, object]) -> dict[str, str]:
    """For each topic what its count rests on: its keywords, the rules, and which topics exclude one another."""
    found = {}
    rules = paper_rules.load(options.get("rules_file")).digest  # type: ignore[arg-type]  # text, as its type says
    compare = sorted(map(str, options.get("compare") or ()))  # type: ignore[call-overload]  # a list, as its type says
    for topic in topics:
        keywords = PaperSource.keywords_of(topic)
        if keywords is not None:
            said = f"{keywords!r} {rules}{f' {compare}' if compare else ''}"
            found[topic.key] = hashlib.sha256(said.encode()).hexdigest()[:16]
    return found


__all__ = ["PaperSource", "digests"]
