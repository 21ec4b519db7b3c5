"""Hugging Face: how many models there are for a library, and in all.

No documented address of the Hub gives a count: ``/models-json``, with which the site's own list of models is filled, does
(``numTotalItems``), and the page ``/models`` bears the same number. Whether a library exists is told by the documented
``/api/models-tags-by-type``, so that no name is taken for an empty one. Both count as pages: 100 in five minutes without a
token (https://huggingface.co/docs/hub/rate-limits).
"""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar

from scrapy.http import Request, Response

from crawlers.boards.searched import shown
from crawlers.payload import listing, number, read_json, text
from crawlers.source import Allowance, Counts, Option, Output, Preview, SourceSpider, Terms
from storage.model import Cadence, Capture, Kind, Metric, ParseError, Reason, Slot, Topic, UsageError

MODELS = Metric(
    "huggingface.models",
    Kind.LEVEL,
    "models",
    Cadence.DAY,
    "Models on Hugging Face",
    "Public models on the Hub that are filed under the library. A model may be filed under several.",
)
MODELS_TOTAL = Metric(
    "huggingface.models_total", Kind.LEVEL, "models", Cadence.DAY, "All models on Hugging Face", "All public models on the Hub."
)
UNFILTERED = 0.99  # of all models: no library has that many
_EMBEDDED = re.compile(r'"numTotalItems"\s*:\s*(\d+)')


def models(payload: Any) -> float:
    """How many models match: ``{"models": […], "numTotalItems": N, …}``. Zero only beside an empty list; `ParseError` else."""
    value = number(payload, "numTotalItems")
    if not value.is_integer():
        raise ParseError(f"numTotalItems is {value!r}, which is not a count")
    if (value == 0) != (listing(payload, "models") == []):
        raise ParseError(f"numTotalItems is {value:.0f}, and the list of models holds {len(listing(payload, 'models'))}")
    return value


def embedded(page: str) -> float:
    """The same number from the page of models, where it stands among the data of its list. Raises `ParseError`."""
    found = {int(n) for n in _EMBEDDED.findall(html.unescape(page))}
    if len(found) != 1:
        raise ParseError(f"the page of models says {'nothing of' if not found else 'several numbers for'} how many there are")
    value = found.pop()
    if value == 0:
        raise ParseError("the page of models says that there is none, which its list does not prove")
    return float(value)


def libraries(payload: Any) -> dict[str, str]:
    """Libraries by id, with the name that is shown: ``{"library": [{"id": "pytorch", "label": "PyTorch"}, …]}``."""
    found = {text(tag, "id"): str(tag.get("label") or tag["id"]) for tag in listing(payload, "library")}
    if not found:
        raise ParseError("the list of libraries is empty")
    return found


def unknown(name: str, known: Mapping[str, str]) -> str:
    """A sentence for a library that is not listed, with names that come near."""
    ids = {n.casefold(): ident for ident, label in known.items() for n in (label, ident)}
    near = dict.fromkeys(ids[n] for n in get_close_matches(name.casefold(), ids, n=3, cutoff=0.6))
    return f"Hugging Face lists no library {name}" + (f"; near are: {', '.join(near)}" if near else "")


class HuggingFace(SourceSpider):
    name = "huggingface"
    title = "Hugging Face"
    about = "How many models on the Hugging Face Hub are filed under a library, and all models there."
    counts: ClassVar = (Counts(MODELS), Counts(MODELS_TOTAL, per_topic=False))
    terms = Terms(
        "https://huggingface.co/docs/hub/rate-limits",
        "2026-11-20",
        "Limits for five minutes: 100 pages without a token, 200 with a free one. The count is read from an address that the site"
        " uses itself and does not document.",
    )
    endpoints: ClassVar = {"base_url": "https://huggingface.co"}
    signals = ("huggingface",)
    runs_apart = True
    options = (Option("token", "a free access token with read rights: 200 pages in five minutes in place of 100", secret=True),)
    takes_turns = True
    schedule = "53 3 * * *"
    delay = 3.0  # 100 in five minutes
    people = True  # a model's name begins with its owner's

    @classmethod
    def check(cls, topic: Topic) -> None:
        value = cls.name_of(topic)
        if value is not None and (not isinstance(value, str) or not re.fullmatch(r"[\w.+-]+", value.strip())):
            raise UsageError(f'topics.{topic.key}.huggingface is {value!r}; write one library as in the site\'s addresses, like "pytorch"')

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance | None:
        if options.get("token"):
            return Allowance(2400, "hour", "200 pages in five minutes with a token")
        return Allowance(1200, "hour", "100 pages in five minutes without a token")

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:  # noqa: ARG003
        return topics + 1

    def credentials(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        token = self.option("token")
        return {"Authorization": f"Bearer {token}"} if token else {}, {}

    def _library(self, topic: Topic) -> str | None:
        name = self.name_of(topic)
        return name.strip() if isinstance(name, str) and name.strip() else None

    # All models first: a library's number that equals it is the answer of a server that does not know the filter

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        yield self._ask(None, [s for s in slots if not s.series.topic], self._all_told, wanted=tuple(s for s in slots if s.series.topic))

    def _ask(self, library: str | None, slots: Sequence[Slot], then: Any, *, page: bool = False, **kwargs: Any) -> Request:
        params = {"library": library} if page else {"library": library, "withCount": "true"}
        path = "/models" if page else "/models-json"
        return self.fetch(path, then, slots, params=params, page=page, library=library, **kwargs)

    @staticmethod
    def _count(response: Response, *, page: bool) -> float:
        return embedded(response.text) if page else models(read_json(response.body))

    def _some(self, response: Response, *, page: bool) -> float:
        total = self._count(response, page=page)
        if total == 0:
            raise ParseError("Hugging Face says that it has no model at all")
        return total

    def _all_told(
        self, response: Response, slots: Sequence[Slot], *, wanted: Sequence[Slot], page: bool, library: str | None
    ) -> Iterator[Output]:
        try:
            total = self._some(response, page=page)
        except ParseError as error:
            yield from self._other_way(
                slots, Reason.PARSE_ERROR, str(error), then=self._all_told, page=page, library=library, wanted=wanted
            )
            return
        yield from (slot.observe(total) for slot in slots)
        own = response.meta.get("capture")
        for slot in wanted:
            name = self._library(self.topic(slot))
            if name is not None:
                yield self._ask(name, [slot], self._told, page=page, after=[own] if own else [], total=total)

    def _told(self, response: Response, slots: Sequence[Slot], *, total: float, page: bool, library: str) -> Iterator[Output]:
        try:
            value = self._count(response, page=page)
        except ParseError as error:
            yield from self._other_way(slots, Reason.PARSE_ERROR, str(error), then=self._told, page=page, library=library, total=total)
            return
        if value == 0 or value > UNFILTERED * total:  # an unknown library, perhaps
            own = [response.meta["capture"]] if response.meta.get("capture") else []
            seen: list[Capture] = [*response.meta.get("after", ()), *own]
            yield self.fetch(
                "/api/models-tags-by-type", self._listed, slots, params={"type": "library"}, after=seen, name=library, value=value
            )
        else:
            yield from (slot.observe(value) for slot in slots)

    def _listed(self, response: Response, slots: Sequence[Slot], *, name: str, value: float) -> Iterator[Output]:
        known = libraries(read_json(response.body))
        if name not in known:
            yield from (slot.missing(Reason.NOT_FOUND, unknown(name, known)) for slot in slots)
        elif value > 0:
            raise ParseError(f"{value:,.0f} models of {name}, about as many as there are in all: the filter was not heeded")
        else:
            yield from (slot.observe(0) for slot in slots)

    def failed(self, request: Request, slots: Sequence[Slot], reason: Reason, detail: str, **kwargs: Any) -> Iterable[Output]:
        if "page" not in kwargs:
            yield from super().failed(request, slots, reason, detail)
            return
        then = self._all_told if "wanted" in kwargs else self._show if "topic" in kwargs else self._told
        yield from self._other_way(slots, reason, detail, then=then, **kwargs)

    def _other_way(self, slots: Sequence[Slot], reason: Reason, detail: str, *, then: Any, page: bool, **kwargs: Any) -> Iterator[Output]:
        """Where the undocumented address is gone or says something else, the page of models; then there is no further way."""
        if not page and reason in {Reason.NOT_FOUND, Reason.PARSE_ERROR}:
            yield self._ask(kwargs.pop("library"), slots, then, page=True, **kwargs)
            return
        for slot in (*slots, *kwargs.get("wanted", ())):
            yield slot.missing(reason, detail)

    # Previews

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        for topic in topics:
            name = self._library(topic)
            if name is not None:
                yield self._ask(name, (), self._show, topic=topic.key)

    def _show(self, response: Response, _slots: Sequence[Slot], *, topic: str, page: bool, library: str) -> Iterator[Output]:
        value = self._count(response, page=page)
        if value == 0:
            yield self.fetch("/api/models-tags-by-type", self._show_listed, params={"type": "library"}, topic=topic, name=library)
            return
        names = [] if page else [str(m.get("id", "")) for m in listing(read_json(response.body), "models") if isinstance(m, dict)]
        yield Preview(topic, f"library {library}: {value:,.0f} models{shown(names)}")

    def _show_listed(self, response: Response, _slots: Sequence[Slot], *, topic: str, name: str) -> Iterator[Output]:
        known = libraries(read_json(response.body))
        yield Preview(topic, f"library {name}: no model" if name in known else unknown(name, known), found=False)


__all__ = ["MODELS", "MODELS_TOTAL", "HuggingFace", "embedded", "libraries", "models", "unknown"]
