"""The simulated world: servers in the shape of the real ones, filled from a plan by dice, with a clock that somebody else turns."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import numpy as np

from scheduler.demo.courses import Course
from scheduler.demo.plan import BOARDS, PAST, Kind, Plan, title
from scheduler.demo.servers.boards import FakeHimalayas, FakeReed
from scheduler.demo.servers.github import FakeGitHub
from scheduler.demo.servers.google_trends import FakeTrendsApi
from scheduler.demo.servers.hacker_news import FakeHackerNews
from scheduler.demo.servers.medium import FakeMedium, Post
from scheduler.demo.servers.proceedings import FakeProceedings, Paper
from scheduler.demo.servers.receivers import Mailroom, Receiver
from scheduler.demo.servers.service import Service
from scheduler.demo.servers.stackexchange import FakeStackExchange
from storage.model import Cadence
from storage.periods import DAY, WEEK, floor, moment

PAPERS = 60  # of an edition
OTHERS = {"hacker_news": 12, "stackoverflow": 20}  # a day, about nothing that is tracked
POSTINGS = 40_000  # of a whole board
SCATTER = 0.02  # of a board's counts from one look to another, and of the search interest
_ENDLESS = 10**9
_WALL = b"<html><head><title>Just a moment...</title></head><body><div id='cf-challenge-running'></div></body></html>"


class World:
    """All servers of a plan. `advance` lets the time pass; nothing happens before the time has come."""

    def __init__(self, plan: Plan, mails: Path) -> None:
        self.plan = plan
        self.github = FakeGitHub(plan.start, token="demo-token")  # of a server that is none
        self.news = FakeHackerNews()
        self.medium = FakeMedium(plan.start)
        self.stack = FakeStackExchange()
        self.boards = {"himalayas": FakeHimalayas(lambda word: self._postings("himalayas", word))}
        self.boards["reed"] = FakeReed(lambda word: self._postings("reed", word))  # type: ignore[assignment]  # both are services
        self.stack.older = dict.fromkeys(plan.courses("stackoverflow"), 5_000)
        self.trends = _Searches(plan)
        self.proceedings = FakeProceedings()
        self.receiver = Receiver()
        self.mails = Mailroom(mails)
        self.now = plan.start
        self._next = plan.start - 80 * DAY  # the first day that has not happened yet
        self._stars = {topic: self._daily(course, f"github {topic}", plan.start - PAST) for topic, course in plan.courses("github").items()}
        for topic in self._stars:
            repo = self.github.add(f"{topic}/{topic}", days=0)
            repo.created = plan.start - PAST
        self._publish_articles()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for server in (*self.services.values(), self.github, self.receiver, self.mails):
            self._stack.enter_context(server)  # each is a context manager of its own kind
        self.advance(self.plan.start)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def services(self) -> dict[str, Service]:
        named: dict[str, Service] = {"hacker_news": self.news, "medium": self.medium, "stackoverflow": self.stack, **self.boards}
        return named | {"google_trends": self.trends, "conferences": self.proceedings}

    @property
    def addresses(self) -> dict[str, dict[str, str]]:
        """The endpoints of each source, and where series (``influxdb``) and mails go."""
        found = {name: {"base_url": service.url} for name, service in self.services.items()}
        found["google_trends"] = dict.fromkeys(("base_url", "api_url", "token_url"), self.trends.url)
        found["conferences"] = self.proceedings.endpoints
        return found | {
            "github": {"base_url": self.github.url},
            "influxdb": {"url": self.receiver.url},
            "mail": {"port": str(self.mails.port)},
        }

    # What happens

    def advance(self, now: int) -> None:
        """Let everything happen up to a moment."""
        self.now = self.github.now = self.medium.now = self.trends.today = now
        self.github.used.clear()
        self.stack.used = dict.fromkeys(self.stack.used, 0)
        while self._next + DAY <= now:
            self._happens(self._next)
            self._next += DAY
        self._appear(now)
        if now >= self.plan.renamed and (repo := self._repo("fenwark")).full_name == "fenwark/fenwark":
            self.github.rename(repo, "fenwark-labs/fenwark")
        for name, service in {**self.services, "influxdb": self.receiver}.items():
            self._trouble(name, service, now)
        self.github.faults.clear()
        if self.plan.present("github", now):
            self.github.fail(times=_ENDLESS, status=503, body=b"{}")

    def _trouble(self, name: str, service: Service, now: int) -> None:
        service.faults.clear()
        trouble = self.plan.present(name, now)
        if trouble is None:
            return
        if trouble.kind is Kind.DOWN:
            service.fail(times=_ENDLESS, status=503, body=b"{}")
        elif trouble.kind is Kind.WALL:
            service.fail(times=_ENDLESS, status=403, body=_WALL, headers={"Content-Type": "text/html"})
        elif trouble.kind is Kind.ZEROS:
            service.fail(lambda asked: bool(asked.query.get("q")), times=_ENDLESS, edit=_nothing)
        else:
            service.fail(times=_ENDLESS, edit=_otherwise)

    def _happens(self, day: int) -> None:
        for topic, counts in self._stars.items():
            repo = self._repo(topic)
            if not repo.stars_by_day:
                repo.stars_by_day = {d: n for d, n in counts.items() if d < day}
            repo.stars_by_day[day] = counts.get(day, 0)
            stars = repo.stars
            repo.forks, repo.watchers, repo.issues, repo.contributors = stars // 9, stars // 30, stars // 40, 20 + stars // 400
            repo.pushed_at = day + DAY // 2
        self._told(day)
        for topic, course in self.plan.courses("stackoverflow").items():
            for n in range(self._dice(f"questions {topic} {day}").poisson(course.at(day))):
                self.stack.ask(day + 60 * n, topic)
        for n in range(OTHERS["stackoverflow"]):
            self.stack.ask(day + 61 * n, "elsewhere")

    def _told(self, day: int) -> None:
        """Stories of a day, and on the second of a month its hiring thread."""
        for topic, course in self.plan.courses("hacker_news").items():
            for n in range(self._dice(f"stories {topic} {day}").poisson(course.at(day))):
                self.news.story(f"What {title(topic)} taught us", day + 90 * n)
        for n in range(OTHERS["hacker_news"]):
            self.news.story("On something else", day + 91 * n)
        if moment(day).day == 2:
            thread = self.news.thread(floor(day, Cadence.MONTH))
            for topic, course in self.plan.courses("hacker_news").items():
                for n in range(self._dice(f"hiring {topic} {day}").poisson(4 * course.at(day))):
                    self.news.comment(thread, f"Acme {n} | we run {title(topic)}", after=60 + n)

    def _publish_articles(self) -> None:
        first, last = self.plan.start - 30 * DAY, self.plan.end + DAY
        for topic, course in self.plan.courses("medium").items():
            dice = self._dice(f"articles {topic}")
            times = [day + int(s) for day in range(first, last, DAY) for s in sorted(dice.uniform(0, DAY, dice.poisson(course.at(day))))]
            self.medium.posts[topic] = [Post(f"{dice.integers(2**48):012x}", time, f"{title(topic)} {n}") for n, time in enumerate(times)]

    def _appear(self, now: int) -> None:
        """Proceedings of the editions that are online by now."""
        for year, appears in self.plan.editions.items():
            if now >= appears and f"CVPR {year}" not in self.proceedings.editions:
                self.proceedings.add(f"CVPR {year}", papers(self.plan, year))

    # What is counted

    def _postings(self, board: str, word: str) -> int:
        day = self.now - self.now % DAY
        course = self.plan.course(word.lower(), "jobs", board) if word else Course(POSTINGS * BOARDS[board])
        if course is None:
            return 0
        return round(course.at(self.now) * float(np.exp(self._dice(f"{board} {word} {day}").normal(0, SCATTER))))

    def _daily(self, course: Course, what: str, since: int) -> dict[int, int]:
        days = np.arange(since, self.plan.end + DAY, DAY)
        counts = self._dice(what).poisson([course.at(int(day)) for day in days])
        return dict(zip(days.tolist(), counts.tolist(), strict=True))

    def _repo(self, topic: str) -> Any:
        return self.github.repos[self.github.names[f"{topic}/{topic}"]]

    def _dice(self, what: str) -> np.random.Generator:
        return dice(self.plan.seed, what)


def _nothing(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Himalayas' answer, with nothing found."""
    return {**answer, "totalCount": 0, "jobs": []}


def _otherwise(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The same answer in a form of tomorrow."""
    return {"meta": {"total": answer["totalCount"]}, "data": answer["jobs"]}


class _Searches(FakeTrendsApi):
    """The official API over the plan's courses, each week off by a little."""

    def __init__(self, plan: Plan) -> None:
        super().__init__({}, today=plan.start)
        self.plan = plan
        self.token = "demo-token"  # of a server that is none
        self.looks = 1

    def value(self, term: str, sunday: int) -> float:
        course = self.plan.course(term.lower(), "search")
        if course is None or sunday < self.plan.start - PAST:
            return 0.0
        return round(course.at(sunday) * float(np.exp(dice(self.plan.seed, f"{term} {sunday // WEEK}").normal(0, 2 * SCATTER))), 3)


def papers(plan: Plan, year: int) -> list[Paper]:
    """The papers of an edition, and which technologies each names: the planted count is theirs."""
    found = []
    shares: Mapping[str, Course] = plan.courses("papers")
    grown = year - min(plan.editions)
    for n in range(PAPERS):
        named = frozenset(
            topic
            for topic, course in shares.items()
            if dice(plan.seed, f"paper {year} {n} {topic}").random() < course.size * 1.5**grown / 100
        )
        found.append(Paper(f"Author{n}_Paper_CVPR_{year}_paper", f"A Paper {n}", named))
    return found


def dice(seed: int, what: str) -> np.random.Generator:
    """Dice for one thing: what falls elsewhere does not change them."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"{seed} {what}".encode()).digest()[:8], "big"))


__all__ = ["World", "dice", "papers"]
