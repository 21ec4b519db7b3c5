"""GitHub: how many people star, fork, watch and discuss a repository, and new stars per day since its beginning.

With a token (no scope is needed) counts come by GraphQL, 50 repositories a query; without one by REST, one
request a repository, 60 an hour. Either way the day's counts of all repositories come first, then the newest
page of star history, then what is asked weekly. A repository is known by its id: renames are followed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from math import ceil
from typing import Any

from scrapy.http import Request, Response

from crawlers.source import Allowance, Counts, Output, Preview, Terms
from crawlers.spiders import github_limits as limits
from crawlers.spiders import github_payloads as payloads
from crawlers.spiders.github_repositories import Ask, headers_of, kept
from crawlers.spiders.github_stars import NEW_STARS, StarHistory
from storage.model import Cadence, Event, Kind, Metric, ParseError, Reason, Slot, Topic
from storage.periods import DAY, HOUR

CONTRIBUTORS = "github.contributors"
BATCH = 50  # repositories a query; the limit is a ten-second clock, not a count
ANONYMOUS, WITH_TOKEN = 60, 5000  # requests an hour

# Which requests go first: counts of all repositories, then the newest star history of all, then the weekly ones.
_TIER = 1_000_000
_COUNTS, _HISTORY, _WEEKLY = 3 * _TIER, 2 * _TIER, _TIER
_OF_ALL = {Reason.BLOCKED, Reason.THROTTLED, Reason.BUDGET, Reason.ROBOTS}  # it would befall the next request too


def _level(name: str, unit: str, title: str, note: str, cadence: Cadence = Cadence.DAY, *, compared: bool = True) -> Metric:
    return Metric(name, Kind.LEVEL, unit, cadence, title, note, compared=compared)


_COUNTS_BY = "From GitHub's API (GraphQL with a token, REST without)."


class GitHub(StarHistory):
    name = "github"
    title = "GitHub"
    about = "Stars, forks, open issues, watchers and contributors of a repository, and its new stars per day since it was created."
    counts = (
        Counts(_level("github.stars", "stars", "GitHub stars", f"Stars that stand at the time of asking. {_COUNTS_BY}")),
        Counts(_level("github.forks", "forks", "GitHub forks", f"Forks that exist at the time of asking. {_COUNTS_BY}")),
        Counts(
            _level("github.open_issues", "issues", "Open issues and pull requests", f"Open issues plus open pull requests. {_COUNTS_BY}")
        ),
        Counts(_level("github.watchers", "watchers", "GitHub watchers", f"People who get notices of all activity. {_COUNTS_BY}")),
        Counts(
            _level(
                "github.pushed_at",
                "seconds since 1970",
                "Last push",
                f"When a commit was last pushed to any branch. {_COUNTS_BY}",
                compared=False,
            )
        ),
        Counts(
            _level(
                "github.archived",
                "yes or no",
                "Archived",
                f"1 where the repository is archived (read-only), else 0. {_COUNTS_BY}",
                compared=False,
            ),
            zero_is_normal=True,
        ),
        Counts(
            Metric(
                NEW_STARS,
                Kind.FLOW,
                "stars",
                Cadence.DAY,
                "New GitHub stars per day",
                "Stars given on that day that still stand when asked: taking a star back lowers the day on which it was given, so past"
                " days may fall. GitHub does not promise that its days begin at midnight UTC. Final after 48 hours.",
                settle=48 * HOUR,
            )
        ),
        Counts(
            _level(
                CONTRIBUTORS,
                "contributors",
                "GitHub contributors",
                "Authors of commits on the default branch, those without an account by their address. GitHub refreshes it every few hours"
                " and refuses for the very largest histories.",
                Cadence.WEEK,
            )
        ),
    )
    terms = Terms(
        "https://docs.github.com/en/site-policy/github-terms/github-terms-of-service#h-api-terms",
        "2026-11-20",
        "The API may be used by anybody within its rate limits; tokens must not be pooled to exceed them, and personal data must not be"
        " gathered for spam or sale. Uptake reads counts only, no stargazer or contributor is named.",
    )
    takes_turns = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._planned: dict[str, list[Slot]] = {}  # topic -> its slots in this run
        self._turn: dict[str, int] = {}  # topic -> its place in the order of asking

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance:
        if options.get("token"):
            return Allowance(WITH_TOKEN, "hour", "5,000 requests an hour with a token")
        return Allowance(ANONYMOUS, "hour", "60 requests an hour without a token, 5,000 with one")

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:
        weekly = topics / 7
        return ceil(topics / BATCH) + topics + weekly if options.get("token") else 2 * topics + 2 * weekly

    def remark(self, measured: int, planned: int) -> str:
        if self.token or measured >= planned:
            return ""
        return f"GitHub: {measured} of {planned}; a token without any scope finishes this now: https://github.com/settings/tokens"

    # Counts, and from there what else is planned for each topic

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for slot in slots:
            if self.configured(slot.series.topic):
                self._planned.setdefault(slot.series.topic, []).append(slot)
        self._take_turns()
        topics = sorted(self._planned, key=self._turn.__getitem__)
        asks = [self.ask(topic) for topic in topics if self._counts_of(topic)]
        if self.token:
            for i in range(0, len(asks), BATCH):
                yield self._by_graphql(asks[i : i + BATCH])
        else:
            for ask in asks:
                yield self._by_rest(ask)
        for topic in topics:
            if not self._counts_of(topic):
                for request in self._beyond_counts(topic, self.ask(topic).name):
                    yield request

    def _take_turns(self) -> None:
        """Without a token not all topics may get their answers in one run: each day others are the first."""
        topics = list(self._planned)
        first = 0 if self.token or not topics else self.job.now // DAY * ANONYMOUS % len(topics)
        self._turn = {topic: (i - first) % len(topics) for i, topic in enumerate(topics)}

    def _counts_of(self, topic: str) -> list[Slot]:
        return [s for s in self._planned[topic] if s.series.metric in payloads.COUNTED]

    def _by_graphql(self, asks: Sequence[Ask], *, halvings: int = 0) -> Request:
        return self.fetch(
            self.graphql_url,
            self._counted_many,
            [s for ask in asks for s in self._counts_of(ask.topic)],
            post={"query": payloads.query([(ask.name, ask.node) for ask in asks])},
            retry=len(asks) == 1,  # a query that was too long for GitHub is halved instead
            priority=_COUNTS - halvings,  # siblings first: one heavy repository must not look like a dead host
            asks=tuple(asks),
            halvings=halvings,
        )

    def _counted_many(self, response: Response, _: Sequence[Slot], asks: Sequence[Ask], halvings: int) -> Iterator[Output]:
        alone = len(asks) == 1
        if limits.overrun(response.status):
            failure = self._not_counted(asks[0], Reason.UNREACHABLE, f"status {response.status}")
            yield from failure if alone else self._halved(asks, len(asks), halvings)
            return
        try:
            answer = payloads.read_answer(response.body)
        except ParseError as error:
            for ask in asks:
                yield from self._not_counted(ask, Reason.PARSE_ERROR, kept(error, response))
            return
        again: list[Ask] = []
        lost: list[Ask] = []
        for place, ask in enumerate(asks):
            found, fault = answer.of(place)
            if (found and self.is_another(ask, found)) or (found is None and fault and fault.type == "NOT_FOUND"):
                lost.append(ask)
            elif fault and fault.passing and not alone:
                again.append(ask)
            elif found:
                yield from self._counted(ask, found, response, fault)
            elif fault:
                yield from self._not_counted(ask, fault.reason, str(fault))
        yield from self._halved(again, len(asks), halvings)
        yield from self._followed(lost, halvings)

    def _halved(self, asks: Sequence[Ask], size: int, halvings: int) -> Iterator[Request]:
        half = ceil(size / 2)
        for i in range(0, len(asks), half):
            yield self._by_graphql(asks[i : i + half], halvings=halvings + 1)

    def _followed(self, lost: Sequence[Ask], halvings: int) -> Iterator[Output]:
        """Repositories that are not where they were: by their ids, in one query."""
        by_id = {ask.topic: found for ask in lost if (found := self.by_its_id(ask)) and found.node}
        if by_id:
            yield self._by_graphql(list(by_id.values()), halvings=halvings)
        for ask in lost:
            if ask.topic not in by_id:
                yield from self._gone(ask)

    def _by_rest(self, ask: Ask) -> Request:
        path = f"/repositories/{ask.id}" if ask.id is not None else f"/repos/{ask.name}"
        return self.get(path, self._counted_one, self._counts_of(ask.topic), priority=_COUNTS, ask=ask)

    def _counted_one(self, response: Response, _: Sequence[Slot], ask: Ask) -> Iterator[Output]:
        try:
            found = payloads.read_repository(response.body)
        except ParseError as error:
            yield from self._not_counted(ask, Reason.PARSE_ERROR, kept(error, response))
            return
        yield from self._followed_by_rest(ask) if self.is_another(ask, found) else self._counted(ask, found, response, None)

    def _followed_by_rest(self, ask: Ask) -> Iterator[Output]:
        by_id = self.by_its_id(ask)
        if by_id and by_id.id is not None:
            yield self._by_rest(by_id)
        else:
            yield from self._gone(ask)

    def _counted(self, ask: Ask, found: payloads.Repository, response: Response, fault: payloads.Fault | None) -> Iterator[Output]:
        """What one repository's answer gives: its counts, its name, its releases, and what to ask next."""
        for slot in self._counts_of(ask.topic):
            metric = slot.series.metric
            if metric in found.counts:
                yield slot.observe(found.counts[metric])
            elif fault:
                yield slot.missing(fault.reason, str(fault))
            else:
                yield slot.missing(Reason.PARSE_ERROR, kept(found.broken[metric], response))
        yield from self.identity(ask, found)
        yield from self._released(ask.topic, found.releases)
        yield from self._beyond_counts(ask.topic, found.name or ask.name)

    def _not_counted(self, ask: Ask, reason: Reason, detail: str) -> Iterator[Output]:
        """End a topic's counts. The rest is asked for all the same, unless it would fare no better."""
        hopeless = reason in _OF_ALL
        for slot in self._planned[ask.topic] if hopeless else self._counts_of(ask.topic):
            yield slot.missing(reason, detail)
        if not hopeless:
            yield from self._beyond_counts(ask.topic, ask.name)

    def _gone(self, ask: Ask) -> Iterator[Output]:
        detail = f"GitHub knows no public repository {self.configured(ask.topic)}; correct github in [topics.{ask.topic}]"
        for slot in self._planned[ask.topic]:
            yield slot.missing(Reason.NOT_FOUND, detail)

    # Beyond counts

    def _beyond_counts(self, topic: str, name: str) -> Iterator[Request]:
        """Star history, contributors and releases, under the name that the repository bears now."""
        stars = [s for s in self._planned[topic] if s.series.metric == NEW_STARS]
        people = [s for s in self._planned[topic] if s.series.metric == CONTRIBUTORS]
        if stars:
            yield self.new_stars(name, stars, _HISTORY)
        if people:
            params = {"per_page": 1, "anon": "true"}
            yield self.get(f"/repos/{name}/contributors", self._contributors, people, params=params, priority=_WEEKLY, people=True)
        if people and not self.token:  # with a token releases come with the counts
            yield self.get(f"/repos/{name}/releases", self._releases, params={"per_page": 30}, priority=_WEEKLY, topic=topic)

    def _contributors(self, response: Response, slots: Sequence[Slot]) -> Iterator[Output]:
        count = payloads.read_contributors(response.status, response.body, headers_of(response).get("link", ""))
        for slot in slots:
            yield slot.observe(count)

    def _releases(self, response: Response, _: Sequence[Slot], topic: str) -> Iterator[Output]:
        yield from self._released(topic, payloads.read_releases(response.body))

    def _released(self, topic: str, releases: Sequence[payloads.Release]) -> Iterator[Output]:
        known = self.recalled("releases", topic)
        new = [r for r in releases if not isinstance(known, int) or r.time > known]
        for release in new:
            yield Event(release.time, "prerelease" if release.early else "release", release.tag, topic, release.url)
        if new:
            yield self.remember("releases", topic, max(r.time for r in new))

    # What matches

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        for topic in topics:
            name = self.name_of(topic)
            if name is not None:
                yield self.get(f"/repos/{name}", self._seen, topic=topic.key)

    def _seen(self, response: Response, _: Sequence[Slot], topic: str) -> Iterator[Output]:
        try:
            yield Preview(topic, payloads.describe(response.body))
        except ParseError as error:
            yield Preview(topic, f"GitHub's answer could not be read: {error}", found=False)

    def failed(
        self,
        request: Request,  # noqa: ARG002  # the base hands it over
        slots: Sequence[Slot],
        reason: Reason,
        detail: str,
        **kwargs: Any,
    ) -> Iterable[Output]:
        handler = kwargs.get("handler")
        if "asks" in kwargs:
            for ask in kwargs["asks"]:
                yield from self._not_counted(ask, reason, detail)
        elif handler == self._counted_one:
            ask = kwargs["ask"]
            yield from self._followed_by_rest(ask) if reason is Reason.NOT_FOUND else self._not_counted(ask, reason, detail)
        elif handler == self._seen:
            name = self.configured(kwargs["topic"])
            said = f"GitHub knows no public repository {name}" if reason is Reason.NOT_FOUND else f"{name} could not be asked for: {detail}"
            yield Preview(kwargs["topic"], said, found=False)
        else:
            yield from self.stretch_failed(slots, reason, detail, **kwargs)
