"""PyPI downloads by ClickPy's public SQL (https://clickpy.clickhouse.com): per day, and of the last 30 days.

One query asks for all packages. ClickPy counts every download of a file that PyPI's logs hold: mirrors and continuous
integration are in it, and for most libraries they are the greater part; the levels are no users, their course is what
counts. Its data of a day come in the next day, and have stood still for days (ClickHouse/clickpy#183, #188, #241).

An answer may be short although its status is 200. So a control package, downloaded evenly and much, is in every query: a
day on which it falls below its floor, or far below its neighbours, is no day that anything can be said of. Where the day is
whole, a package that has rows before it and none on it has a zero.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from math import ceil
from typing import ClassVar
from urllib.parse import urlencode

from scrapy.http import Request, Response

from crawlers.job import Mode
from crawlers.outcomes import outcome_of
from crawlers.source import Allowance, Counts, Option, Output, Preview, SourceSpider, Terms
from crawlers.spiders import pypi_payloads as payloads
from crawlers.spiders.pypi_payloads import WINDOW
from storage.model import Cadence, Kind, Metric, Reason, Slot, Topic, UsageError
from storage.periods import DAY, HOUR, day, floor, nominal
from storage.vocabulary import DOWNLOADS

MOST = 200  # packages in one query
STRETCH = 366 * DAY  # of history in one query
AGAIN = 7 * DAY  # days read along with the latest, so that what was late or corrected comes in

PER_DAY = Metric(
    "pypi.downloads",
    Kind.FLOW,
    "downloads",
    Cadence.DAY,
    "PyPI downloads a day",
    "Downloads of the package's files by day (UTC), mirrors and continuous integration included. Several packages are summed.",
    lag=12 * HOUR,
)


class PyPI(SourceSpider):
    name = "pypi"
    title = "PyPI"
    about = "Downloads of Python packages a day and in the last 30 days, from ClickPy's public copy of PyPI's logs."
    counts: ClassVar = (Counts(DOWNLOADS), Counts(PER_DAY))
    terms = Terms(
        "https://clickhouse.com/docs/getting-started/playground",
        "2026-11-20",
        "A public read-only server for trying queries: 100 an hour of one kind were allowed when last seen, at most a billion rows "
        "read and 10,000 given by each. Nothing is promised.",
    )
    endpoints: ClassVar = {"base_url": "https://sql-clickhouse.clickhouse.com"}
    signals = ("pypi",)
    options = (
        Option("control", "a package that is downloaded evenly and much: days on which it lacks are not believed", default="boto3"),
        Option("control_floor", "downloads a day below which the control package's day is not believed", type=int, default=1_000_000),
    )
    takes_turns = True
    schedule = "47 14 * * *"
    history_since = "2016-01-22"

    @classmethod
    def check(cls, topic: Topic) -> None:
        if cls.name_of(topic) is not None:
            payloads.packages_of(topic)

    @classmethod
    def check_options(cls, options: Mapping[str, object]) -> None:
        try:
            payloads.packages_of(Topic("control", "", {"pypi": str(cls.chosen(options, "control"))}))
        except UsageError as error:
            raise UsageError('[sources.pypi] control: write a package\'s name, like "boto3"') from error
        if not isinstance(lowest := cls.chosen(options, "control_floor"), int) or isinstance(lowest, bool) or lowest < 1:
            raise UsageError(f"[sources.pypi] control_floor: write a number of downloads, at least 1, not {lowest!r}")

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance | None:  # noqa: ARG003
        return Allowance(100, "hour", "100 queries of one kind an hour, as last seen")

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:  # noqa: ARG003
        return float(max(1, ceil(topics / MOST)))

    @classmethod
    def history_slots(cls, topics: Iterable[Topic], now: int, since: int | None, options: Mapping[str, object] | None = None) -> list[Slot]:
        """Both metrics have history: the window is summed from the days."""
        start = since if since is not None else cls.default_since(now)
        return [Slot(s.series, start) for s in cls.slots(topics, now, options)]

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for batch in self._batches(slots):
            ends = [s.time - DAY if s.series.metric == DOWNLOADS.name else s.time for s in batch]  # the last day that each needs
            yield self._ask(batch, min(ends) - AGAIN - WINDOW * DAY, max(ends))

    async def history(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for batch in self._batches(slots):
            last, first = nominal(PER_DAY, self.job.now), floor(min(s.time for s in batch), Cadence.DAY)
            while last >= first:  # newest first
                start = max(first, last - STRETCH + DAY)
                yield self._ask(batch, start - WINDOW * DAY, last, since=start)
                last = start - DAY

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        last = nominal(PER_DAY, self.job.now)
        for n in range(0, len(topics), MOST):
            chosen = [t for t in topics[n : n + MOST] if self._packages(t)]
            names = {p for t in chosen for p in self._packages(t)}
            yield self._query(names, last - (WINDOW + 6) * DAY, last, self._show, chosen=chosen)

    def _batches(self, slots: Sequence[Slot]) -> list[list[Slot]]:
        """Slots by at most so many packages, a topic's slots together. A topic that has lost its packages ends as unanswered."""
        by_topic: dict[str, list[Slot]] = {}
        for slot in slots:
            if self._packages(self.topic(slot)):
                by_topic.setdefault(slot.series.topic, []).append(slot)
        batches: list[list[Slot]] = []
        room = 0
        for group in by_topic.values():
            size = len(self._packages(self.topic(group[0])))
            if size > room:
                batches.append([])
                room = MOST
            batches[-1] += group
            room -= size
        return batches

    def _packages(self, topic: Topic) -> tuple[str, ...]:
        return payloads.packages_of(topic) if self.name_of(topic) is not None else ()

    @property
    def _control(self) -> str:
        return payloads.normal(str(self.option("control")))

    def _ask(self, slots: Sequence[Slot], first: int, last: int, since: int | None = None) -> Request:
        names = {package for slot in slots for package in self._packages(self.topic(slot))}
        return self._query(names, first, last, self._read, slots, since=since)

    def _query(self, names: Iterable[str], first: int, last: int, then: object, slots: Sequence[Slot] = (), **kwargs: object) -> Request:
        packages = frozenset({*names, self._control})
        params = urlencode({"user": "demo", "read_overflow_mode": "throw"})
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        request = self.fetch(f"/?{params}", then, slots, headers=headers, packages=packages, first=first, last=last, **kwargs)  # type: ignore[arg-type]  # a method of this class
        return request.replace(method="POST", body=payloads.query(packages, first, last).encode())

    def refusal(self, response: Response) -> tuple[Reason, str] | None:
        error = self._error(response)
        return outcome_of(response) if error is None else error[:2]

    def wait_for(self, response: Response) -> float | None:
        error = self._error(response)
        return None if error is None else error[2]

    def _error(self, response: Response) -> tuple[Reason, str, float | None] | None:
        header = (response.headers.get(b"X-ClickHouse-Exception-Code") or b"").decode("latin-1")
        return payloads.error_of(response.body, header)

    def _read(
        self, response: Response, slots: Sequence[Slot], *, packages: frozenset[str], first: int, last: int, since: int | None
    ) -> Iterator[Output]:
        found = payloads.parse_days(response.body, packages, first, last)
        control = found.get(self._control)
        if control is None:
            words = f"the control package {self._control} is not in the answer, so that it is not whole"
            yield from (slot.missing(Reason.TRUNCATED, words) for slot in slots)
            return
        whole = payloads.whole_days(control, 0.0 if since is not None else float(self.option("control_floor")))
        for slot in slots:
            yield from self._give(slot, found, whole, control, since)

    def _give(
        self, slot: Slot, found: Mapping[str, Mapping[int, float]], whole: Sequence[int], control: Mapping[int, float], since: int | None
    ) -> Iterator[Output]:
        packages = self._packages(self.topic(slot))
        lacking = [p for p in packages if p not in found]
        if lacking and self.job.mode is Mode.BACKFILL:  # in this stretch; another one may have them
            packages = tuple(p for p in packages if p in found)
        elif lacking:
            words = f"PyPI's logs have no download of {' and '.join(lacking)} in {WINDOW + AGAIN // DAY} days: there is no such package"
            yield slot.missing(Reason.NOT_FOUND, words)
            return
        downloads = [found[p] for p in packages]
        of_window = slot.series.metric == DOWNLOADS.name
        values = (payloads.windows if of_window else payloads.daily)(downloads, whole) if downloads else {}
        start = slot.time - AGAIN if since is None else since + DAY * of_window
        for time, value in values.items():
            if time >= start:
                yield Slot(slot.series, time).observe(value)
        if since is None and slot.time not in values:
            yield self._why(slot, whole, control, of_window=of_window)

    def _why(self, slot: Slot, whole: Sequence[int], control: Mapping[int, float], *, of_window: bool) -> Output:
        """The end of a slot whose day, or one of whose days, is not whole."""
        days = range(slot.time - WINDOW * DAY, slot.time, DAY) if of_window else range(slot.time, slot.time + DAY, DAY)
        bad = [d for d in days if d not in whole]
        newest = max(control)
        if not bad:
            return slot.missing(Reason.NOT_FOUND, f"the package was not there yet on {day(slot.time)}")
        if bad[0] > newest:
            return slot.missing(Reason.UNANSWERED, f"ClickPy's data go to {day(newest)} as yet")
        return slot.missing(
            Reason.TRUNCATED, f"{self._control} has {control.get(bad[0], 0):,.0f} downloads on {day(bad[0])}: it is not whole"
        )

    def _show(
        self, response: Response, _slots: Sequence[Slot], *, packages: frozenset[str], first: int, last: int, chosen: Sequence[Topic]
    ) -> Iterator[Output]:
        found = payloads.parse_days(response.body, packages, first, last)
        for topic in chosen:
            for package in self._packages(topic):
                days = found.get(package)
                said = f"{sum(days.values()):,.0f} downloads on {len(days)} days up to {day(max(days))}" if days else "no such package"
                yield Preview(topic.key, f"{package}: {said}", found=bool(days))


__all__ = ["PER_DAY", "PyPI"]
