"""New stars per day: the newest page of a repository's star history daily, all of it in a backfill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from scrapy.http import Request, Response

from crawlers.source import Handler, Output
from crawlers.spiders import github_payloads as payloads
from crawlers.spiders.github_repositories import Repositories, headers_of
from storage.model import Observation, ParseError, Reason, Slot
from storage.periods import WEEK, day

NEW_STARS = "github.new_stars"
_BEGUN, _UNREAD, _READ = range(3)  # the order in which a backfill takes repositories


class StarHistory(Repositories):
    """Pages of star history. No source of its own."""

    def new_stars(self, name: str, slots: Sequence[Slot], priority: int) -> Request:
        """The newest page, for slots of one topic."""
        return self._page(f"/repos/{name}/stargazers/history", self._newest, slots, 1, priority)

    def _page(self, of: str, then: Handler, slots: Sequence[Slot], number: int, priority: int, **kwargs: Any) -> Request:
        params = {"per_page": payloads.PER_PAGE, "page": number}
        return self.get(of, then, slots, params=params, priority=priority, of=of, number=number, turn=priority, **kwargs)

    def _newest(self, response: Response, slots: Sequence[Slot], of: str, number: int, turn: int) -> Iterator[Output]:
        """Every day on the page that has ended: where a star was taken back, a past day is revised."""
        weeks = payloads.read_history(response.body)
        days = payloads.ended_days(weeks, self.job.now)
        for time, count in days.items():
            yield Observation(slots[0].series, time, count)
        rest = [s for s in slots if s.time not in days]
        earlier = weeks and all(s.time < weeks[-1].start for s in rest)
        if rest and earlier and payloads.goes_on(headers_of(response).get("link", ""), weeks, number):
            yield self._page(_asked(response, of), self._newest, rest, number + 1, turn)
        elif rest:
            raise ParseError(f"the star history holds no {', '.join(day(s.time) for s in rest)}")

    async def history(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        """Page by page, one repository after the other; where the allowance ends, the next backfill goes on."""
        wanted = [s for s in slots if s.series.metric == NEW_STARS and self.configured(s.series.topic)]
        for place, slot in enumerate(sorted(wanted, key=self._order)):
            name, first = self.ask(slot.series.topic).name, self._first_page(slot)
            yield self._page(f"/repos/{name}/stargazers/history", self._stretch, [slot], first, -place, first=first, oldest=None)

    def _stretch(
        self, response: Response, slots: Sequence[Slot], *, of: str, number: int, turn: int, first: int, oldest: int | None
    ) -> Iterator[Output]:
        """One page of a backfill. ``oldest``: the oldest week read so far, ``first``: the page where this run began.

        A week that begins meanwhile shifts the pages: a week read before stands as it was first read.
        """
        weeks = payloads.read_history(response.body)
        slot, since = slots[0], self.job.since
        if not weeks and oldest is None:
            raise ParseError("the star history is empty")
        for time, count in payloads.ended_days(weeks, self.job.now, before=oldest, since=since).items():
            yield Observation(slot.series, time, count)
        reached = min([w.start for w in weeks] + ([oldest] if oldest is not None else []))
        more = payloads.goes_on(headers_of(response).get("link", ""), weeks, number) and (since is None or reached > since)
        begun = self._progress(slot)["begun"] if first > 1 else self.job.now
        state = {"begun": begun, "oldest": reached, "done": not more, "at": self.job.now}
        yield self.remember("history", slot.series.topic, state)
        if more:
            yield self._page(_asked(response, of), self._stretch, slots, number + 1, turn, first=first, oldest=reached)

    def _progress(self, slot: Slot) -> Mapping[str, int]:
        """How far a repository's history was read: when that began, the oldest week, whether it is done, and when last."""
        progress = self.recalled("history", slot.series.topic)
        return progress if isinstance(progress, dict) else {}

    def _order(self, slot: Slot) -> tuple[int, int]:
        """What was begun and not ended first, then what was never read, then the longest ago."""
        progress = self._progress(slot)
        if not progress:
            return _UNREAD, 0
        return (_READ if progress["done"] else _BEGUN), progress["at"]

    def _first_page(self, slot: Slot) -> int:
        """The page that holds the oldest week read; the newest page where nothing is begun or new weeks would be missed."""
        progress, now = self._progress(slot), self.job.now
        if not progress or progress["done"] or now - progress["begun"] > payloads.PER_PAGE // 2 * WEEK:
            return 1
        if self.job.since is not None and progress["oldest"] <= self.job.since:
            return 1
        weeks = (now - progress["oldest"]) // WEEK - 1  # one less: the server's newest week may lag behind
        return max(0, weeks) // payloads.PER_PAGE + 1

    def stretch_failed(self, slots: Sequence[Slot], reason: Reason, detail: str, **kwargs: Any) -> Iterable[Output]:
        """A backfill sees no counts' answer: here a name that is gone is followed by the id."""
        ident = self.known(slots[0].series.topic).get("id") if slots else None
        by_id = f"/repositories/{ident}/stargazers/history"
        if reason is Reason.NOT_FOUND and kwargs.get("handler") == self._stretch and ident is not None and kwargs["of"] != by_id:
            again = {key: kwargs[key] for key in ("first", "oldest")}
            yield self._page(by_id, self._stretch, slots, kwargs["number"], kwargs["turn"], **again)
            return
        for slot in slots:
            yield slot.missing(reason, detail)


def _asked(response: Response, of: str) -> str:
    """The path for further pages: those of a renamed repository are redirected, at the cost of a request each."""
    return urlsplit(response.url).path if response.meta.get("redirect_urls") else of
