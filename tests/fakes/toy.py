"""A tiny source: one count per topic, one request each. What a third party would write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

from scrapy.http import Request, Response

from crawlers.payload import number, read_json
from crawlers.source import Allowance, Counts, Option, Output, Preview, SourceSpider, Terms
from storage.model import Cadence, Kind, Metric, Slot, Topic

WIDGETS = Metric("toy.widgets", Kind.LEVEL, "widgets", Cadence.DAY, "Widgets", "Widgets in the shop's window.")


def parse_count(body: bytes) -> float:
    return number(read_json(body), "count")


class Toy(SourceSpider):
    name = "toy"
    title = "The Toy Shop"
    about = "How many widgets of each kind are in the window."
    counts = (Counts(WIDGETS),)
    terms = Terms("http://toys.example.org/terms", "2026-11-20", "Look as much as you like.")
    endpoints: Mapping[str, str] = {"base_url": "http://toys.example.org"}
    signals = ("toy",)
    runs_apart = True
    options = (Option("token", "opens the back door", secret=True),)

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance | None:
        return Allowance(100, "hour", "100 an hour")

    def credentials(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        token = self.option("token")
        return ({"Authorization": f"Bearer {token}"}, {"key": token}) if token else ({}, {})

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for slot in slots:
            yield self.fetch(f"/widgets/{self.name_of(self.topic(slot))}", self.on_count, [slot], conditional=True)

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        for topic in topics:
            yield self.fetch(f"/widgets/{self.name_of(topic)}", self.on_preview, topic=topic.key)

    def on_count(self, response: Response, slots: Sequence[Slot]) -> Iterator[Output]:
        yield slots[0].observe(parse_count(response.body))

    def on_preview(self, response: Response, _slots: Sequence[Slot], topic: str) -> Iterator[Output]:
        yield Preview(topic, f"{parse_count(response.body):.0f} widgets")
