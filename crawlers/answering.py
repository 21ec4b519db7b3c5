"""How a source's requests and their answers are handled: one after the other if need be, and each answer into one `Reading`.

Which slot a failure belongs to, walls, broken payloads and evidence are decided here, for all sources.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol
from urllib.parse import urlsplit

import scrapy
from scrapy.http import Request, Response
from twisted.python.failure import Failure

from crawlers.booking import Booking
from crawlers.declarations import Preview, Reading
from crawlers.job import Job, Mode
from crawlers.outcomes import outcome_of
from crawlers.politeness import Pacing
from storage.journal import Journal
from storage.model import Capture, Event, Missing, Observation, ParseError, Reason, Remember, Slot, Topic
from storage.periods import iso

logger = logging.getLogger(__name__)


class Sink(Protocol):
    """What takes a crawl's readings: `crawlers.recorder.Recorder`."""

    journal: Journal
    booking: Booking
    halted: bool

    def fail(self, error: Exception) -> None: ...

    async def add(self, reading: Reading) -> None: ...


Output = Observation | Missing | Event | Remember | Preview | Request
Handler = Callable[..., Iterable[Output]]


class Answering(scrapy.Spider):
    """The half of `crawlers.source.SourceSpider` that asks, and makes outcomes of what comes back."""

    one_at_a_time: ClassVar[bool] = False  # a request is sent when the one before has its end: nothing is sent behind a wall

    job: Job
    pacing: Pacing
    recorder: Sink | None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._free = asyncio.Event()
        self._free.set()

    # To be written by a source

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        """Requests that measure these slots."""
        raise NotImplementedError
        yield

    async def history(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        """Requests that read history since ``self.job.since``; one slot a series stands for the whole stretch.

        A source without history has none to read.
        """
        return
        yield

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        """Requests whose callbacks yield a `Preview` for each topic."""
        return
        yield

    def refusal(self, response: Response) -> tuple[Reason, str] | None:
        """Why a response is no answer, None if it is one. 304s never come here, redirects were followed."""
        return outcome_of(response)

    def failed(self, request: Request, slots: Sequence[Slot], reason: Reason, detail: str, **kwargs: Any) -> Iterable[Output]:
        """What to yield when a request of this source failed for good. A source may try another way first."""
        for slot in slots:
            yield slot.missing(reason, detail)

    def stop(self, reason: Reason, detail: str, host: str = "") -> None:
        """Send nothing more in this run (with `hosts_apart`: to this host); all that is still open ends with this reason."""
        self.pacing.stop(reason, detail, host)

    # How it is done

    async def start(self) -> AsyncIterator[Any]:
        if self.job.mode is Mode.COLLECT:
            requests = self.measure(self.job.slots)
        elif self.job.mode is Mode.BACKFILL:
            requests = self.history(self.job.slots)
        else:
            requests = self.preview(list(self.job.topics.values()))
        async for output in requests:
            if self.one_at_a_time and isinstance(output, Request):
                await self._free.wait()
                self._free.clear()
            yield output

    def _received(self, response: Response, then: Handler, slots: tuple[Slot, ...], kwargs: dict[str, Any]) -> Iterator[Any]:
        yield from self._ending(self._outputs(response, then, slots, kwargs))

    def _failed(self, failure: Failure) -> Iterator[Any]:
        yield from self._ending(self._excuse(failure))

    def _ending(self, outputs: Iterator[Any]) -> Iterator[Any]:
        """Let the next request go, unless this answer led to a further one: then that one's answer does."""
        more = False
        try:
            for output in outputs:
                more = more or isinstance(output, Request)
                yield output
        finally:
            if not more:
                self._free.set()

    def _outputs(self, response: Response, then: Handler, slots: tuple[Slot, ...], kwargs: dict[str, Any]) -> Iterator[Any]:
        capture: Capture | None = response.meta.get("capture")
        captures = (*response.meta.get("after", ()), *([capture] if capture else []))
        refused = self.refusal(response)
        if refused is not None:
            if refused[0] in {Reason.BLOCKED, Reason.THROTTLED}:  # the stop line: a wall is not climbed
                asked = (response.meta.get("redirect_urls") or [response.url])[0]
                self.stop(*refused, host=urlsplit(asked).netloc)
            outputs: Iterable[Output] = self._gave_up(response.request, slots, *refused, kwargs)  # type: ignore[arg-type]  # set by now
        else:
            outputs = then(response, slots, **kwargs)
        yield from self._gather(outputs, slots, captures)

    def _excuse(self, failure: Failure) -> Iterator[Any]:
        request: Request = failure.request  # type: ignore[attr-defined]  # Scrapy sets it
        reason, detail = outcome_of(failure.value)  # type: ignore[misc,arg-type]  # an exception always has an outcome
        if reason is Reason.PARSE_ERROR:
            logger.error("%s: %s", self.name, detail, exc_info=failure.value)
        slots, kwargs = request.cb_kwargs["slots"], request.cb_kwargs["kwargs"]
        yield from self._gather(self._gave_up(request, slots, reason, detail, kwargs), slots, ())

    def _gave_up(self, request: Request, slots: Sequence[Slot], reason: Reason, detail: str, kwargs: dict[str, Any]) -> Iterable[Output]:
        outputs = list(self.failed(request, slots, reason, detail, **kwargs))
        if self.job.mode is Mode.PREVIEW and not outputs:
            outputs.append(Preview("", f"{reason}: {detail}", found=False))
        return outputs

    def _gather(self, outputs: Iterable[Output], slots: Sequence[Slot], captures: tuple[Capture, ...]) -> Iterator[Any]:
        """Bundle what a callback yields into one `Reading`; pass requests on; turn its errors into outcomes."""
        found: dict[type, list[Any]] = {t: [] for t in (Observation, Missing, Event, Remember, Preview)}
        requests: list[Request] = []
        handed_on: set[Slot] = set()
        try:
            for output in outputs:
                if isinstance(output, Request):
                    requests.append(output)
                    handed_on.update(output.cb_kwargs.get("slots", ()))
                else:
                    found[type(output)].append(output)
        except Exception as error:  # a broken payload must cost its own slots only
            if not isinstance(error, ParseError):
                logger.exception("%s: unexpected error while reading %s", self.name, _where(captures))
            said = str(error) if isinstance(error, ParseError) else f"{type(error).__name__}: {error}"
            if self.job.mode is Mode.PREVIEW:
                found[Preview].append(Preview("", said, found=False))
            done = {Slot(o.series, o.time) for o in found[Observation]} | {m.slot for m in found[Missing]} | handed_on
            found[Missing] += [
                s.missing(Reason.PARSE_ERROR, f"{said}; response kept as {_where(captures)}") for s in slots if s not in done
            ]
        seen = captures[-1].fetched_at if captures else None
        reading = Reading(
            observations=tuple(
                replace(
                    o,
                    series=o.series if o.series.source else replace(o.series, source=self.name),
                    captures=o.captures or captures,
                    observed_at=seen if o.observed_at is None else o.observed_at,
                )
                for o in found[Observation]
            ),
            missing=tuple(replace(m, captures=m.captures or captures) for m in found[Missing]),
            events=tuple(e if e.source else replace(e, source=self.name) for e in found[Event]),
            state=tuple(found[Remember]),
            previews=tuple(found[Preview]),
            captures=captures,
        )
        if self.recorder is None:  # `scrapy crawl`: figures as items
            yield from (
                {"series": str(o.series), "time": iso(o.time), "value": o.value, "bound": o.bound.name} for o in reading.observations
            )
            yield from ({"series": str(m.slot.series), "missing": str(m.reason), "detail": m.detail} for m in reading.missing)
        else:
            yield reading
        yield from requests


def _where(captures: Sequence[Capture]) -> str:
    return f"{captures[-1].file}@{captures[-1].offset}" if captures else "nothing: no response was kept"


__all__ = ["Answering", "Handler", "Output", "Sink"]
