"""Counters that a user declares in ``uptake.toml``: a URL template, where the number stands, what it counts.

Each ``[custom.NAME]`` section becomes a source of its own, called ``custom.NAME`` (`spider_of`), so that locks, delays,
budget, captures, ledger and checks are those of any source, and one counter's wall is no other's. The section is read in
`scheduler.config_custom`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar

from scrapy.http import Request, Response, TextResponse

from crawlers.address import Template
from crawlers.counts import Count
from crawlers.outcomes import outcome_of
from crawlers.selecting import Found, NothingFoundError, Selector, Way
from crawlers.source import Counts, Output, Preview, SourceSpider, Terms
from crawlers.walls import wall
from storage.model import Bound, Cadence, Kind, Metric, ParseError, Reason, Slot, Topic, UsageError
from storage.periods import DAY, following, iso, moment, nominal, span

PREFIX = "custom."
_OF_PERIOD = {"day", "last_day", "next_day", "start", "end"}
_PER_DAY = {cadence: DAY / span(cadence) for cadence in Cadence}


@dataclass(frozen=True, slots=True)
class Counter:
    """One ``[custom.NAME]`` section. ``zero``: True if a 0 that is stated is believed, or the words of a page that has none."""

    name: str
    title: str
    url: Template
    metric: Metric
    selector: Selector
    total_url: Template | None = None
    zero: bool | str = False
    names: Mapping[str, str] = field(default_factory=dict)  # topic -> name
    names_from: str = ""  # another signal whose names are used
    headers: Mapping[str, str] = field(default_factory=dict)
    schedule: str = ""
    people: bool = False

    @property
    def total(self) -> Metric:
        m = self.metric
        note = f"The denominator of {m.name}."
        return Metric(f"{m.name}_total", m.kind, m.unit, m.cadence, f"{m.title}: all", note, lag=m.lag, settle=m.settle)

    def check_period(self) -> None:
        """A flow's address must say which period it asks for: what is read late would be another one's."""
        for template in filter(None, (self.url, self.total_url)):
            if self.metric.kind is Kind.FLOW and not template.fields & _OF_PERIOD:
                told = ", ".join(f"{{{n}}}" for n in sorted(_OF_PERIOD))
                raise UsageError(
                    f'kind "flow" needs an address that names its period by one of {told};'
                    ' a page that only counts up to now is a "level" or a "window"'
                )

    def name_of(self, topic: Topic) -> str | None:
        """The topic's name here; None: it is not counted."""
        own = topic.names.get("custom")
        said = self.names.get(topic.key) or (own.get(self.name) if isinstance(own, Mapping) else None)
        if said is None and self.names_from:
            said = topic.names.get(self.names_from)
            said = next(iter(said), None) if isinstance(said, list | tuple) else said
        if said is None and "name" not in self.url.fields:
            return topic.key
        return said if isinstance(said, str) and said.strip() else None

    def values(self, name: str, topic: str, slot_time: int, now: int) -> dict[str, object]:
        """What the placeholders stand for."""
        flow = self.metric.kind is Kind.FLOW
        end = following(slot_time, self.metric.cadence) if flow else slot_time
        next_day = _date(end + DAY - 1 if flow else end)
        return {
            "name": name,
            "topic": topic,
            "day": _date(slot_time),
            "last_day": date.fromordinal(next_day.toordinal() - 1),
            "next_day": next_day,
            "week_ago": date.fromordinal(next_day.toordinal() - 7),
            "month_ago": date.fromordinal(next_day.toordinal() - 30),
            "start": slot_time,
            "end": end,
            "now": iso(now),
        }

    def read(self, body: bytes, text: str) -> Found:
        """The count in an answer. Zero only on proof (see `zero`). Raises `ParseError`."""
        share = self.metric.kind is Kind.SHARE
        proven = isinstance(self.zero, str) and self.zero in text
        try:
            found = self.selector.find(body, text, share=share)
        except NothingFoundError:
            if proven:
                return Found(Count(0.0), f"{self.zero!r}")
            raise
        if share and found.count.value > 100:
            raise ParseError(f"{found.said} is no share: it is over 100")
        if found.count.value == 0 and not proven and self.zero is not True:
            helps = f"nor does the answer say {self.zero!r}" if self.zero else "say by zero what proves that there is none, or zero = true"
            raise ParseError(f"the answer says {found.said}, and a zero is not believed without proof: {helps}")
        return found


def _date(time: int) -> date:
    return moment(time).date()


class CustomCounter(SourceSpider):
    """A declared counter as a source. Made by `spider_of`."""

    counter: ClassVar[Counter]
    signals = ("custom",)
    takes_turns = True
    runs_apart = True
    delay = 0.0  # that of [crawl] or of its own section: no other is known

    @classmethod
    def name_of(cls, topic: Topic) -> Any:
        return cls.counter.name_of(topic)

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:  # noqa: ARG003
        return (topics + (cls.counter.total_url is not None)) * _PER_DAY[cls.counter.metric.cadence]

    @classmethod
    def requests_for(cls, topic: Topic, options: Mapping[str, object]) -> int | None:  # noqa: ARG003
        return 1

    def credentials(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        return self._secret_headers(), {}

    def secrets(self) -> list[str]:
        return [*self._secret_headers().values()]

    def _secret_headers(self) -> Mapping[str, str]:
        found = self.job.options.get("headers")
        return found if isinstance(found, Mapping) else {}

    def refusal(self, response: Response) -> tuple[Reason, str] | None:
        refused = outcome_of(response)
        if refused is None and response.body.lstrip()[:1] == b"<":
            headers = {k.decode("latin-1").lower(): v[-1].decode("latin-1") for k, v in response.headers.items() if v}
            found = wall(response.url, _text(response), headers)
            return (Reason.BLOCKED, found) if found else None
        return refused

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for slot in slots:
            if not slot.series.topic:
                yield self._ask("", "", slot.time, [slot])
                continue
            name = self.counter.name_of(self.topic(slot))
            if name is not None:
                yield self._ask(name, slot.series.topic, slot.time, [slot])

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        time = nominal(self.counter.metric, self.job.now)
        for topic in topics:
            name = self.counter.name_of(topic)
            if name is not None:
                yield self._ask(name, topic.key, time, [])

    def _ask(self, name: str, topic: str, time: int, slots: Sequence[Slot]) -> Request:
        c = self.counter
        template = c.url if topic or c.total_url is None else c.total_url
        path = template.path(c.values(name, topic, time, self.job.now))
        url = self.endpoint().rstrip("/") + path  # as the user wrote it, to the last slash
        headers = {**({"Accept": "application/json"} if c.selector.way is Way.JSON else {}), **c.headers}
        if slots:
            return self.fetch(url, self._counted, slots, headers=headers)
        return self.fetch(url, self._show, headers=headers, topic=topic, name=name)

    def _counted(self, response: Response, slots: Sequence[Slot]) -> Iterator[Output]:
        found = self.counter.read(response.body, _text(response)).count
        yield slots[0].observe(found.value, found.bound)

    def _show(self, response: Response, _slots: Sequence[Slot], *, topic: str, name: str) -> Iterator[Output]:
        try:
            found = self.counter.read(response.body, _text(response))
        except ParseError as error:
            yield Preview(topic, f"{name}: {error}, {response.url}", found=False)
            return
        value, words = found.count.value, {Bound.AT_LEAST: "at least ", Bound.ESTIMATE: "about "}
        counted = f"{words.get(found.count.bound, '')}{value:,.0f}" if value.is_integer() else f"{value:g}"
        read = f"read from {found.said} at {self.counter.selector}"
        yield Preview(topic, f"{name}: {counted} {self.counter.metric.unit}, {read}, {response.url}", found=value > 0)

    def failed(self, request: Request, slots: Sequence[Slot], reason: Reason, detail: str, **kwargs: Any) -> Iterator[Output]:
        yield from super().failed(request, slots, reason, detail, **kwargs)
        if "topic" in kwargs:
            yield Preview(kwargs["topic"], f"{kwargs['name']}: {reason}: {detail}, {request.url}", found=False)


def _text(response: Response) -> str:
    return response.text if isinstance(response, TextResponse) else response.body.decode("utf-8", "replace")


def spider_of(counter: Counter) -> type[CustomCounter]:
    """The source of a counter."""
    labels = [Counts(counter.metric), *([Counts(counter.total, per_topic=False)] if counter.total_url else [])]
    return type(
        "Custom",
        (CustomCounter,),
        {
            "__module__": __name__,
            "name": PREFIX + counter.name,
            "title": counter.title,
            "about": f"{counter.title}: a counter of your own, declared in [custom.{counter.name}].",
            "counts": tuple(labels),
            "terms": Terms(counter.url.origin, "by you", "Whether its operator allows this is for you to check."),
            "endpoints": {"base_url": counter.url.origin},
            "schedule": counter.schedule or ("41 * * * *" if counter.metric.cadence is Cadence.HOUR else "41 4 * * *"),
            "people": counter.people,
            "counter": counter,
        },
    )


__all__ = ["PREFIX", "Counter", "CustomCounter", "spider_of"]
