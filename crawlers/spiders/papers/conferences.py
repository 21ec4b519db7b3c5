"""Papers of conferences that mention a technology: the 2019 article's measurement, for any edition and by named rules.

An edition is read once: its listing, then each paper's PDF, over as many days as the allowance takes. Kept are the texts
(`crawlers.papers.library`), not the PDFs: of those the captures hold head and checksum. What is counted comes from the kept
texts alone, so that a new topic or another rule costs no request; how each paper counted is kept beside as a sheet.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit

from scrapy.http import Request, Response
from twisted.python.failure import Failure

from crawlers.boards.searched import wall_of
from crawlers.job import Job
from crawlers.outcomes import Refused, outcome_of
from crawlers.papers import rules as paper_rules
from crawlers.papers.editions import Ask, Edition, Listed, NotThereYetError, newest
from crawlers.papers.library import Library
from crawlers.papers.plan import READ, UNREADABLE, planned
from crawlers.papers.source import PaperSource
from crawlers.papers.text import Extraction, State
from crawlers.papers.work import Work
from crawlers.source import Counts, Option, Output, Preview, Terms, join
from crawlers.spiders.papers import acl, cvf, eccv, neurips, pmlr
from storage.model import Cadence, Capture, ParseError, Reason, Slot, Topic, UsageError
from storage.periods import floor, moment
from storage.vocabulary import PAPERS_MENTIONING, PAPERS_TOTAL

logger = logging.getLogger(__name__)
FAMILIES = {"acl": acl, "cvf": cvf, "eccv": eccv, "neurips": neurips, "pmlr": pmlr}
LANES = 2  # papers asked for at once
ON_THE_WAY = 4  # asked for or being read: more would only lie in memory, and be asked for again if the process dies
_ENDS = {Reason.NOT_FOUND: State.ABSENT, Reason.TOO_LARGE: State.TOO_LARGE}


class Conferences(PaperSource):
    name = "conferences"
    title = "Conference papers"
    about = (
        "How many papers of each conference mention a technology, in their full text and by named rules: CVPR, ICCV, WACV, ECCV, NeurIPS,"
        " ICLR, ICML, AISTATS, ACL, EMNLP, NAACL. Each paper is fetched once, its text is kept; an edition is counted when all of it was"
        " read. `uptake papers` shows how far that is, `uptake papers ablate` what other rules would count."
    )
    counts: ClassVar = (
        Counts(PAPERS_MENTIONING, zero_is_normal=True),
        Counts(PAPERS_TOTAL, per_topic=False),
        Counts(READ, per_topic=False),
        Counts(UNREADABLE, per_topic=False),
    )
    terms = Terms(
        "https://openaccess.thecvf.com/menu",
        "2026-11-20",
        "Proceedings are open to everybody, and their authors keep the rights in the papers. Nothing is published about programs:"
        " each paper is fetched once, slowly, and the texts stay on this machine. An edition is thousands of PDFs, some 3 MB each.",
    )
    endpoints: ClassVar = {
        "base_url": "https://openaccess.thecvf.com",
        "ecva": "https://www.ecva.net",
        "neurips": "https://papers.nips.cc",
        "iclr": "https://proceedings.iclr.cc",
        "pmlr": "https://proceedings.mlr.press",
        "pmlr_files": "https://raw.githubusercontent.com/mlresearch",
        "acl": "https://raw.githubusercontent.com/acl-org/acl-anthology/master",
        "acl_files": "https://aclanthology.org",
    }
    schedule = "41 5 * * *"
    enabled_by_default = False  # an edition is gigabytes: whoever wants it says which
    hosts_apart = True
    people = True  # listings name authors
    options = (
        Option("editions", 'which are read, like ["CVPR 2026", "NeurIPS 2025"]; else the newest of each conference', type=list),
        Option("papers_per_day", "how many papers are fetched a day; about 3 MB each", type=int, default=1000),
        Option("rules", "names of rules to count by", type=list, default=["inclusive", "exclusive", "he-2019"]),
        Option("rules_file", "a TOML file with rules of your own, in the form of crawlers/data/paper_rules.toml"),
        Option("compare", "topics that exclude one another and are counted as pairs; else all (pairs only of twelve at most)", type=list),
        Option("affiliations", "groups whose papers are also counted apart", type=list, default=["google", "meta"]),
        Option("enough", "per cent of an edition that must be readable for it to be counted", type=int, default=95),
        Option("max_pages", "a paper with more is not read", type=int, default=300),
        Option("max_seconds", "and one that takes longer", type=int, default=60),
        Option("max_memory", "or more memory, in MB", type=int, default=1024),
    )

    def __init__(self, job: Job | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(job, *args, **kwargs)
        self._works: list[Work] = []
        self._in_flight = 0
        self._being_read = 0
        self._left = 0  # papers that may still be asked for today

    # What is declared

    @classmethod
    def check(cls, topic: Topic) -> None:
        cls.keywords_of(topic)

    @classmethod
    def check_options(cls, options: Mapping[str, object]) -> None:
        place = "[sources.conferences]"
        try:
            for edition in options.get("editions") or ():  # type: ignore[attr-defined]  # a list, as its type says
                Edition.read(edition)
            known = paper_rules.load(cls.chosen(options, "rules_file"))
            known.chosen(map(str, cls.chosen(options, "rules")))
            for group in cls.chosen(options, "affiliations"):
                known.group(group)
        except UsageError as error:
            raise UsageError(f"{place} {error}") from error
        for name in ("papers_per_day", "enough", "max_pages", "max_seconds", "max_memory"):
            if cls.chosen(options, name) < 1 or (name == "enough" and cls.chosen(options, name) > 100):
                raise UsageError(f"{place} {name}: {cls.chosen(options, name)} cannot be")

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:
        return float(cls.chosen(options, "papers_per_day")) if topics else 0.0

    @classmethod
    def cost_words(cls, options: Mapping[str, object]) -> str:
        return f"each paper once: {cls.chosen(options, 'papers_per_day'):,} while an edition is being read, then none, whatever the topics"

    @classmethod
    def editions(cls, options: Mapping[str, object], now: int) -> list[Edition]:
        """The editions that are read: those of the config, else the newest of each conference that should have appeared."""
        named = [Edition.read(e) for e in options.get("editions") or ()]  # type: ignore[attr-defined]  # a list
        return [e for e in dict.fromkeys(named or newest(now)) if e.time <= now]

    @classmethod
    def slots(cls, topics: Iterable[Topic], now: int, options: Mapping[str, object] | None = None) -> list[Slot]:
        chosen = options or {}
        named = [t.key for t in topics if cls.name_of(t) is not None]
        rules = paper_rules.load(cls.chosen(chosen, "rules_file")).chosen(cls.chosen(chosen, "rules"))
        compare, groups = cls.chosen(chosen, "compare"), cls.chosen(chosen, "affiliations")
        return [s for e in cls.editions(chosen, now) for s in planned(e, named, rules, compare, groups, cls.name)]

    # Measuring

    async def asked(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        if self.job.polls and self.job.replay_only is None:
            await self._count_again(set(slots))
        self._left = self.option("papers_per_day") - self._fetched_since(floor(self.job.now, Cadence.DAY))
        by_edition: dict[Edition, list[Slot]] = {}
        for slot in slots:
            edition = Edition(dict(slot.series.labels)["venue"], moment(slot.time).year)
            by_edition.setdefault(edition, []).append(slot)
        for edition, its in by_edition.items():
            work = Work(edition, its, Library(self._place, edition))
            self._works.append(work)
            if work.library.complete or self.job.replay_only is not None:
                work.told = True
                await self._deliver(await self._counted(work))
            else:
                for request in self._ask_listing(work, [FAMILIES[edition.of.family].first(edition)]):
                    yield request

    def _ask_listing(self, work: Work, asks: Sequence[Ask], after: Sequence[Capture] = ()) -> list[Request]:
        return [
            self._own(self.fetch(a.path, self._listed, work.slots, endpoint=a.endpoint, after=after, priority=10, work=work, ask=a))
            for a in asks
            if work.ask(a)
        ]

    def _own(self, request: Request) -> Request:
        """A request whose answer comes here first: what follows from it takes time, and is done beside the event loop."""
        return request.replace(callback=self._came, errback=self._lost)

    async def _came(self, response: Response, then: Any, slots: tuple[Slot, ...], kwargs: dict[str, Any]) -> AsyncIterator[Any]:
        if "paper" in kwargs:
            self._in_flight -= 1
            if self.refusal(response) is None:
                self._being_read += 1
                kwargs["found"] = await self._extract(response.body)
                self._being_read -= 1
                if kwargs["found"] is None:
                    return
        for output in self._received(response, then, slots, kwargs):
            yield output
        async for output in self._go_on():
            yield output

    async def _lost(self, failure: Failure) -> AsyncIterator[Any]:
        kwargs = failure.request.cb_kwargs["kwargs"]  # type: ignore[attr-defined]  # Scrapy sets it
        if "paper" in kwargs:
            self._in_flight -= 1
            kwargs["refused"] = isinstance(failure.value, Refused)
        for output in self._failed(failure):
            yield output
        async for output in self._go_on():
            yield output

    async def _go_on(self) -> AsyncIterator[Any]:
        """What is to be done next: free lanes get a paper, editions that have ended are counted."""
        while self._in_flight < LANES and self._in_flight + self._being_read < ON_THE_WAY:
            request = None
            with self._keeping():
                request = self._next_paper()
            if request is None:
                break
            self._in_flight += 1
            yield request
        for work in self._works:
            if work.ended and not work.told and not self._failing:
                work.told = True
                for output in await self._counted(work):
                    yield output

    def _listed(self, response: Response, slots: Sequence[Slot], *, work: Work, ask: Ask) -> Iterable[Output]:
        capture = response.meta.get("capture")
        captures = (*response.meta.get("after", ()), *([capture] if capture else []))
        if work.told:  # another page of the listing failed
            return
        try:
            page = FAMILIES[work.edition.of.family].read(response.body, work.edition, ask)
            requests = self._ask_listing(work, page.more, captures)
            work.take(page, urljoin(self.endpoints[ask.endpoint] + "/", ask.path.lstrip("/")), captures)
            with self._keeping():
                work.start(self.job.now)
        except NotThereYetError as error:
            work.told = True
            yield from (slot.missing(Reason.NOT_FOUND, str(error)) for slot in slots)
            return
        except ParseError:
            work.told = True
            raise
        yield from requests

    # Papers

    def _next_paper(self) -> Request | None:
        for work in () if self._failing else self._works:
            if self._left <= 0 and work.pending:
                work.stop(Reason.BUDGET, f"{self.option('papers_per_day'):,} papers are asked for a day (papers_per_day)")
            while (paper := work.next()) is not None:
                url = self._where(paper.pdf)
                if url:
                    self._left -= 1
                    request = self.fetch(url, self._paper_came, people=False, work=work, paper=paper)
                    request.meta["without_body"] = b"%PDF-"  # its text is kept: see the module
                    return self._own(request)
                said = f"the listing links to {paper.pdf}, which is none of its hosts" if paper.pdf else "the listing links none"
                work.leave(paper, Extraction(State.ABSENT, said), self.job.now)
        return None

    def _where(self, url: str) -> str:
        """The address of a PDF, where its endpoint was moved to; empty for one that is at none of the source's hosts."""
        for key in sorted(self.endpoints, key=lambda k: -len(self.endpoints[k])):
            default = self.endpoints[key] + "/"
            if url.startswith(default):
                return join(self.endpoint(key), url[len(default) - 1 :])
        return url if urlsplit(url).netloc in {urlsplit(self.endpoint(key)).netloc for key in self.endpoints} else ""

    def _paper_came(self, response: Response, _slots: Sequence[Slot], *, work: Work, paper: Listed, found: Extraction) -> Iterable[Output]:
        with self._keeping():
            work.leave(paper, found, self.job.now, url=response.url, sha256=hashlib.sha256(response.body).hexdigest())
        return ()

    def refusal(self, response: Response) -> tuple[Reason, str] | None:
        """As the base; a page where a PDF was asked for may be a wall."""
        refused = outcome_of(response)
        if refused is None and response.meta.get("without_body") and b"%PDF-" not in response.body[:1024]:
            found = wall_of(response)
            return (Reason.BLOCKED, found) if found else None
        return refused

    def failed(self, request: Request, slots: Sequence[Slot], reason: Reason, detail: str, **kwargs: Any) -> Iterable[Output]:
        work, paper = kwargs.get("work"), kwargs.get("paper")
        if work is None:
            return super().failed(request, slots, reason, detail, **kwargs)
        if paper is None:
            work.told = True
            if reason is Reason.NOT_FOUND:
                detail = f"{kwargs['ask'].missing(work.edition, FAMILIES[work.edition.of.family].first(work.edition))}: {detail}"
            return [slot.missing(reason, detail) for slot in slots]
        with self._keeping():
            if kwargs.get("refused"):  # by us, so that it says nothing of the paper
                work.stop(reason, detail, paper)
            elif reason in _ENDS:
                work.leave(paper, Extraction(_ENDS[reason], detail), self.job.now, url=request.url)
            else:
                work.miss(paper, detail, self.job.now)
                if reason in {Reason.BLOCKED, Reason.THROTTLED}:
                    work.stop(reason, detail, paper)
        return ()

    # Previews

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:  # noqa: ARG002  # all of the job's
        for edition in self.editions(self.job.options, self.job.now)[:1]:
            ask = FAMILIES[edition.of.family].first(edition)
            yield self.fetch(ask.path, self._show, endpoint=ask.endpoint, edition=edition, ask=ask)

    def _show(self, response: Response, _slots: Sequence[Slot], *, edition: Edition, ask: Ask) -> Iterable[Output]:
        page = FAMILIES[edition.of.family].read(response.body, edition, ask)
        if not page.papers:
            return [self.fetch(a.path, self._show, endpoint=a.endpoint, edition=edition, ask=a) for a in page.more[:1]]
        found: list[Output] = []
        for topic in self.job.topics.values():
            keywords = self.keywords_of(topic)
            titles = [p.title for p in page.papers if keywords is not None and keywords.matches(p.title)]
            shown = "".join(f"; {title!r}" for title in titles[:3])
            said = f"{edition}: {len(page.papers):,} papers are listed, {len(titles):,} name it in the title{shown}"
            found.append(Preview(topic.key, said))
        return found

    def closed(self, reason: str) -> None:
        """Called by Scrapy when the crawl ends."""
        super().closed(reason)
        for work in self._works:
            work.library.close()


__all__ = ["Conferences"]
