"""A source whose pages name people: visitors per guestbook over two pages, beside widgets whose pages name nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

from scrapy.http import Request, Response

from crawlers.source import Counts, Output
from storage.model import Cadence, Kind, Metric, Slot
from tests.fakes import toy
from tests.fakes.toy import WIDGETS, Toy

GUESTS = Metric("toy.guests", Kind.LEVEL, "guests", Cadence.DAY, "Guests", "Who signed the guestbook.")
LETTERS = Metric("toy.letters", Kind.LEVEL, "letters", Cadence.DAY, "Letters", "Who wrote to whom.")


class Guestbook(Toy):
    people = True
    counts = (Counts(WIDGETS), Counts(GUESTS), Counts(LETTERS))  # type: ignore[assignment]  # longer than Toy's

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for slot in slots:
            name = self.name_of(self.topic(slot))
            if slot.series.metric == WIDGETS.name:
                yield self.fetch(f"/widgets/{name}", self.on_count, [slot], conditional=True, people=False)
                yield self.fetch(f"/till/{name}", self.on_nothing, post={"for": name}, people=False)
            elif slot.series.metric == GUESTS.name:
                yield self.fetch(f"/guests/{name}", self.on_first_page, [slot], conditional=True)
            else:
                yield self.fetch(f"/letters/{name}", self.on_count, [slot], post={"to": "jane.roe@people.invalid"})

    def on_count(self, response: Response, slots: Sequence[Slot]) -> Iterator[Output]:
        yield slots[0].observe(toy.parse_count(response.body))

    def on_nothing(self, response: Response, slots: Sequence[Slot]) -> Iterator[Output]:
        yield from ()

    def on_first_page(self, response: Response, slots: Sequence[Slot]) -> Iterator[Output]:
        yield self.fetch(f"{response.url}?page=2", self.on_count, slots, after=[response.meta["capture"]])
