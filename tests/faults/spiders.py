"""Sources for the fault suite: one with history, one that answers thousands at once, and three that behave badly."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from scrapy.http import Request, Response

from crawlers.payload import number, read_json
from crawlers.source import Allowance, Counts, Option, Output, SourceSpider, Terms
from storage.model import Cadence, Kind, Metric, ParseError, Slot
from storage.periods import DAY
from tests.fakes.toy import Toy, parse_count

TERMS = Terms("http://toys.example.org/terms", "2026-11-20", "Look as much as you like.")


def day(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d")


def level(name: str) -> Metric:
    return Metric(f"{name}.widgets", Kind.LEVEL, "widgets", Cadence.DAY, "Widgets", "Widgets in the shop's window.")


class Shop(Toy):
    """As `Toy`, with no limit on how often it is asked."""

    name = "shop"
    counts = (Counts(level("shop")),)
    signals = ("shop",)
    options = ()  # type: ignore[assignment]  # the base's are inferred as one

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance | None:
        return None

    def credentials(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        return {}, {}


class Diary(SourceSpider):
    """Sales of each day, one request each; the shop keeps its books, so that what was missed can be read later."""

    name = "diary"
    title = "The Shop's Diary"
    about = "How many widgets were sold each day."
    counts = (Counts(Metric("diary.sold", Kind.FLOW, "widgets", Cadence.DAY, "Widgets sold", "Widgets sold in a day.")),)
    terms = TERMS
    endpoints: ClassVar[Mapping[str, str]] = {"base_url": "http://toys.example.org"}
    signals = ("shop",)
    history_since = "30 days"

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for slot in slots:
            yield self._ask(slot, slot.time, slot.time)

    async def history(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for slot in slots:
            yield self._ask(slot, self.job.since or 0, self.job.now // DAY * DAY - DAY)

    def _ask(self, slot: Slot, first: int, last: int) -> Request:
        params = {"first": day(first), "last": day(last)}
        return self.fetch(f"/diary/{self.name_of(self.topic(slot))}", self.on_days, [slot], params=params)

    def on_days(self, response: Response, slots: Sequence[Slot]) -> Iterator[Output]:
        for written, count in read_json(response.body)["days"].items():
            start = int(datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp())
            yield replace(slots[0].observe(float(count)), time=start)


class Wholesale(SourceSpider):
    """A page that gives the figures of all topics in a hundred sizes."""

    name = "wholesale"
    title = "Wholesale"
    about = "Widgets by size."
    counts = tuple(Counts(level("wholesale"), labels=(("size", f"{n:02}"),)) for n in range(100))
    terms = TERMS
    endpoints: ClassVar[Mapping[str, str]] = {"base_url": "http://wholesale.example.org"}
    signals = ("shop",)

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        yield self.fetch("/all", self.on_all, slots)

    def on_all(self, response: Response, slots: Sequence[Slot]) -> Iterator[Output]:
        base = number(read_json(response.body), "count")
        for n, slot in enumerate(slots):
            yield slot.observe(base + n)


class Raising(Shop):
    """Fails in the middle of its work, in a way that nobody foresaw, as long as a file lies there."""

    name = "raising"
    counts = (Counts(level("raising")),)
    options = (Option("while_there", "fails while this file exists"),)  # type: ignore[assignment]  # as above

    def _troubled(self) -> bool:
        return Path(self.option("while_there")).exists()

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        async for request in super().measure(slots[: len(slots) // 2]):
            yield request
        if self._troubled():
            raise RuntimeError("nobody foresaw this")
        async for request in super().measure(slots[len(slots) // 2 :]):
            yield request

    def on_count(self, response: Response, slots: Sequence[Slot]) -> Iterator[Output]:
        if self._troubled() and slots[0].series.topic.endswith("0"):
            raise ZeroDivisionError("nor this")
        yield from super().on_count(response, slots)


class Blocking(Shop):
    """Holds the whole loop in its callback, as long as a file lies there (ten seconds at most)."""

    name = "blocking"
    counts = (Counts(level("blocking")),)
    options = (Option("while_there", "blocks while this file exists"),)  # type: ignore[assignment]  # as above

    def on_count(self, response: Response, slots: Sequence[Slot]) -> Iterator[Output]:
        gate = Path(self.option("while_there") or "/nowhere")
        until = time.monotonic() + 10
        while gate.exists() and time.monotonic() < until:
            gate.with_suffix(".reached").touch()
            time.sleep(0.01)
        yield slots[0].observe(parse_count(response.body))


class Leaking(Shop):
    """Leaves behind at each crawl a task that never ends, an open socket, and a megabyte that the task holds."""

    name = "leaking"
    counts = (Counts(level("leaking")),)
    left: ClassVar[list[Any]] = []

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        ballast = bytearray(1_000_000)

        async def forever() -> None:
            await asyncio.get_running_loop().create_future()
            ballast.clear()

        self.left.append((socket.socket(), asyncio.ensure_future(forever())))
        async for request in super().measure(slots):
            yield request


class Labels(Shop):
    """Its reader has two editions. The second doubles what the first read, can read one page more, and takes another for unreadable."""

    name = "labels"
    counts = (Counts(level("labels")),)
    options = (Option("edition", "of the reader", type=int, default=1),)  # type: ignore[assignment]  # as above

    def on_count(self, response: Response, slots: Sequence[Slot]) -> Iterator[Output]:
        edition = self.option("edition")
        if (edition, slots[0].series.topic) in {(1, "t1"), (2, "t2")}:
            raise ParseError(f"edition {edition} cannot read it")
        yield slots[0].observe(parse_count(response.body) * edition)


ALL = (Shop, Diary, Wholesale, Raising, Blocking, Leaking, Labels)
