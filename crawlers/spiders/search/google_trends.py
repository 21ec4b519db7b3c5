"""Google Trends: search interest by week and place, by pytrends or by the official API; CSV saved by hand is `search_interest.saved`.

The Trends page is made for people: Google's terms do not let programs read it, and a program that it takes for one gets altered
data, zeros, or no answer. So the source is off by default, asks slowly and rarely, and says what Google took it for. Whoever has
access to the official API should use that.

All topics are compared with one another in each fetch, five at a time (`search_interest.chaining`), because an index means
something within one fetch only. Each fetch gives five years anew; what it changes becomes revisions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from math import ceil
from typing import Any, ClassVar

from crawlers.outcomes import Refused
from crawlers.search_interest import official, payloads
from crawlers.search_interest.by_api import OfficialApi
from crawlers.search_interest.chaining import MOST, Survey, survey
from crawlers.search_interest.metrics import ERROR, INTEREST, SCALED, geo_of, label_of
from crawlers.search_interest.payloads import Comparison
from crawlers.search_interest.relay import Relay, StuckError
from crawlers.search_interest.terms import term_of
from crawlers.search_interest.transport import Carrier
from crawlers.source import Counts, Option, Output, Preview, Terms
from storage.model import Bound, Capture, Event, Missing, ParseError, Reason, Remember, Series, Slot, Topic, UsageError
from storage.periods import DAY, day

WAYS = ("pytrends", "api")
REACH = 1_820 * DAY  # five years less a few days: a longer range is given by month


class GoogleTrends(OfficialApi):
    name = "google_trends"
    title = "Google Trends"
    about = "How much is searched for a topic beside the other topics, by week and country: an index, with the error that it carries."
    counts: ClassVar = (Counts(INTEREST), Counts(ERROR, zero_is_normal=True), Counts(SCALED))
    terms = Terms(
        "https://policies.google.com/terms",
        "2026-11-20",
        "Programs may not read the page, so this is off by default and your decision. The official API is by application; "
        "files saved by hand are free (`uptake import --format google-trends`).",
    )
    endpoints: ClassVar = {
        "base_url": "https://trends.google.com",
        "api_url": "",  # Google's own (`by_api`): it is no host of the page, whose long delay is not for it
        "token_url": "",
    }
    signals = ("google_trends", "search")
    options = (
        Option("way", "pytrends, or api with your own access to the official API", default="pytrends"),
        Option("geos", 'places: a list of "" (the world) and codes like "US" or "US-CA"', type=list, default=[""]),
        Option("credentials", "for the official API: the JSON of your service account or of your own authorization", secret=True),
        Option("token", "for the official API: an access token, in the place of credentials", secret=True),
        Option("project", "for the official API: the Google Cloud project that has access, if the credentials do not name it"),
    )
    schedule = "11 6 * * tue"
    delay = 20.0
    enabled_by_default = False

    @classmethod
    def check(cls, topic: Topic) -> None:
        term_of(topic)

    @classmethod
    def check_options(cls, options: Mapping[str, object]) -> None:
        if cls.chosen(options, "way") not in WAYS:
            raise UsageError(f"[sources.google_trends] way: write {' or '.join(WAYS)}, not {cls.chosen(options, 'way')!r}")
        geos = cls.chosen(options, "geos")
        try:
            labels = [label_of(geo) for geo in geos]
        except UsageError as error:
            raise UsageError(f"[sources.google_trends] geos: {error}") from error
        if not labels or len(set(labels)) != len(labels):
            raise UsageError("[sources.google_trends] geos: write each place once, and one at least")
        if options.get("credentials"):
            official.read_credentials(str(options["credentials"]))

    @classmethod
    def rows(cls, options: Mapping[str, object]) -> tuple[Counts, ...]:
        counted = (Counts(SCALED),) if cls.chosen(options, "way") == "api" else (Counts(INTEREST), Counts(ERROR, zero_is_normal=True))
        labels = [(("geo", label_of(geo)),) for geo in cls.chosen(options, "geos")]
        return tuple(Counts(c.metric, label, zero_is_normal=c.zero_is_normal) for label in labels for c in counted)

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:
        places = len(cls.chosen(options, "geos"))
        if cls.chosen(options, "way") == "api":
            return topics * places * 4 / 7
        return (1 + 2 * max(1, ceil((topics - 1) / (MOST - 2))) * places) / 7

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Any]:
        by_geo: dict[str, list[Slot]] = {}
        for slot in slots:
            if term_of(self.topic(slot)):
                by_geo.setdefault(dict(slot.series.labels)["geo"], []).append(slot)
        if self.option("way") == "api":
            for label, group in by_geo.items():
                for slot in group:
                    yield self.start_operation(slot, geo_of(label))
            return
        carrier = Carrier(self)
        async with Relay(carrier.carry) as relay:
            for label, group in by_geo.items():
                for reading in await self._compared(relay, carrier, label, group):
                    yield reading

    # By pytrends. It asks a relay on this machine, which asks by the crawl's own way: so its responses are kept like any other

    async def _compared(self, relay: Relay, carrier: Carrier, label: str, slots: Sequence[Slot]) -> list[Any]:
        """Readings of one place: first the past, then the slots, which are judged against it."""
        terms = {key: term for key, topic in self.job.topics.items() if (term := term_of(topic))}
        before = self.job.state.get(f"sizes/{label}")
        asking = survey([*terms.values()], _numbers(before))
        seen: list[Comparison] = []
        captures: tuple[Capture, ...] = ()
        try:
            group = next(asking)
            while True:
                try:
                    seen.append(await self._fetch(relay, carrier, group, geo_of(label)))
                finally:
                    captures += carrier.captures()
                group = asking.send(seen[-1])
        except StopIteration as done:
            found: Survey = done.value
        except Refused as error:
            return [*self._gather([s.missing(error.reason, error.detail) for s in slots], slots, captures)]
        except ParseError as error:
            return [*self._gather(_raised(error), slots, captures)]
        past = [*self._values(found, terms, label, slots, seen, of_slots=False), *self._told(found, label, seen)]
        now = [*self._values(found, terms, label, slots, seen, of_slots=True)]
        return [*self._gather(past, (), captures), *self._gather(now, slots, captures)]

    async def _fetch(self, relay: Relay, carrier: Carrier, terms: Sequence[str], geo: str) -> Comparison:
        """One comparison. Raises `Refused` with the outcome of the first request that failed, or of an answer that is none."""
        try:
            frame = await relay.ask(terms, geo, self._timeframe)
        except StuckError as error:
            raise carrier.trouble() or Refused(Reason.UNREACHABLE, str(error)) from error
        trouble = carrier.trouble()
        if trouble is not None:
            raise trouble
        explored, valued = carrier.body("/api/explore"), carrier.body("/api/widgetdata/multiline")
        found = payloads.parse_comparison(valued, terms, payloads.parse_widget(explored, terms), self.job.now)
        payloads.check_frame(frame, valued, terms)
        if found.empty and found.altered:
            self.stop(Reason.BLOCKED, "Google takes this for a scraper and answers with zeros")
            raise Refused(Reason.BLOCKED, "Google takes this for a scraper and answers with zeros")
        if found.empty and not found.times:
            raise ParseError("the answer has no week in it")
        return found

    @property
    def _timeframe(self) -> str:
        return f"{day(self.job.now - REACH)} {day(self.job.now)}"

    def _values(
        self, found: Survey, terms: Mapping[str, str], label: str, slots: Sequence[Slot], seen: Sequence[Comparison], *, of_slots: bool
    ) -> Iterator[Output]:
        """Values by week of all topics, but those of slots; or the slots' own and why those that have none have none."""
        wanted = set(slots)
        altered = any(one.altered for one in seen)
        weeks = {s.time for s in slots}
        for key, term in terms.items():
            line = found.lines.get(term)
            series = Series(INTEREST.name, key, (("geo", label),), source=self.name)
            for week, value in line.values.items() if line else ():
                slot = Slot(series, week)
                if (slot in wanted) is of_slots:
                    exact = not (altered or line.joined or week in line.rough)  # type: ignore[union-attr]  # it has values
                    yield slot.observe(value, Bound.EXACT if exact else Bound.ESTIMATE)
                    wanted.discard(slot)
            for week in weeks if line else ():
                slot = Slot(Series(ERROR.name, key, (("geo", label),), source=self.name), week)
                if of_slots and slot in wanted:
                    yield slot.observe(100 * line.error, Bound.ESTIMATE)  # type: ignore[union-attr]  # the same
                    wanted.discard(slot)
        if of_slots:
            yield from (self._without(slot, found) for slot in slots if slot in wanted)

    def _without(self, slot: Slot, found: Survey) -> Missing:
        term = term_of(self.topic(slot))
        if term in found.apart:
            words = f"{term!r} is searched too rarely to be compared with {found.apart[term]!r}, and no topic lies between"
        elif term in found.lines:
            words = f"Google has no value of {term!r} for the week of {day(slot.time)}: too few searches, or none yet"
        else:
            words = f"too few searches for {term!r}"
        return slot.missing(Reason.NOT_FOUND, words)

    def _told(self, found: Survey, label: str, seen: Sequence[Comparison]) -> Iterator[Output]:
        """What is remembered of a fetch: the sizes for the next one, its requests, and whom Google took us for."""
        asked = [
            {"id": payloads.identity(one.terms, geo_of(label), self._timeframe), "terms": list(one.terms), "user_type": one.user_type}
            for one in seen
        ]
        yield Remember(f"sizes/{label}", dict(found.sizes))
        yield Remember(f"comparisons/{label}", {"timeframe": self._timeframe, "asked": asked})
        if any(one.altered for one in seen):
            words = f"Google took the fetch for a scraper ({payloads.SCRAPER}): the values of {label} may be altered"
            yield Event(self.job.now, "altered", words)

    # Previews

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Any]:
        if self.option("way") == "api":
            return
        terms = {topic.key: term_of(topic) for topic in topics if term_of(topic)}
        carrier = Carrier(self)
        async with Relay(carrier.carry) as relay:
            for n in range(0, len(terms), MOST):
                part = dict([*terms.items()][n : n + MOST])
                try:
                    found = await self._fetch(relay, carrier, [*dict.fromkeys(part.values())], str(self.option("geos")[0]))
                except (Refused, ParseError) as error:
                    told: Iterable[Output] = [Preview(key, str(error), found=False) for key in part]
                else:
                    told = [_shown(key, term, found) for key, term in part.items()]
                for reading in self._gather(told, (), ()):
                    yield reading


def _shown(key: str, term: str, found: Comparison) -> Preview:
    row = found.values[found.terms.index(term)]
    known = [v for v in row if v is not None]
    beside = ", ".join(t for t in found.terms if t != term) or "nothing else"
    return Preview(key, f"{term}: {sum(known) / max(1, len(known)):.1f} of 100 in {len(known)} weeks, beside {beside}", found=bool(known))


def _numbers(value: object) -> dict[str, float]:
    return {str(k): float(v) for k, v in value.items() if isinstance(v, int | float)} if isinstance(value, dict) else {}


def _raised(error: ParseError) -> Iterator[Output]:
    """An error as a parse function would have raised it, for the base to tell."""
    raise error
    yield


__all__ = ["GoogleTrends"]
