"""Every response is on disk before anyone reads it; a run that is done again is answered from what is there."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path

from scrapy.http import Request, Response

from crawlers.capture_names import number_of
from crawlers.component import Component
from crawlers.keep import Keep, files_of, keep_of
from crawlers.object_store import StoreAwayError
from crawlers.outcomes import Refused
from crawlers.warc import CaptureAwayError, CaptureDamagedError, Record, heading, load, mend, scanned
from crawlers.warc_writer import CaptureWriter
from storage.model import Capture, Reason, UptakeError


class Tape:
    """What one crawl records, and what it is answered from: its own run's earlier files, in their order.

    Where it may ask the source anew, a store of objects that is away costs it those answers. Where it may not, that is a
    `StoreAwayError`: nothing must pass for missing that can be read later.
    """

    def __init__(
        self,
        place: Path | Keep,
        run: str,
        now: int,
        *,
        clock: Callable[[], int],
        known: Callable[[str], Capture | None] = lambda _: None,
        only: Reason | None = None,
        replay_of: str | None = None,
        replay_time: int | None = None,
        number: int = 1,
    ) -> None:
        self.keep = keep_of(place)
        self.away = ""  # why the store of objects cannot be asked; it is not asked again for what can do without
        self.clock = clock
        self.known = known  # the last good capture of a fingerprint, for conditional requests
        self.only = only
        self.damage: list[str] = []
        self._answers: dict[str, deque[tuple[str, int]]] = defaultdict(deque)
        self._must = only is not None
        names = self._recorded(replay_of or run, replay_time if replay_of else now)
        if self.keep.address is not None and replay_of is None:
            number = max(number, 1 + max(map(number_of, names), default=0))
        self.writer = CaptureWriter(self.keep, run, now, first=number)
        own = replay_of is None and self.keep.address is None  # what is in a store of objects is never written to again
        for name in names:
            self._take(name, own=own)

    @property
    def folder(self) -> Path:
        """Where responses are written first."""
        return self.keep.folder

    def _recorded(self, run: str, time: int | None) -> list[str]:
        try:
            return files_of(self.keep, run, time)
        except StoreAwayError as error:
            self._told(error)
            return files_of(self.keep.here, run, time)

    def _take(self, name: str, *, own: bool) -> None:
        """Find the answers of a file."""
        try:
            found = mend(self.keep.folder / name) if own else scanned(self.keep, name)
        except StoreAwayError as error:
            self._told(error)
            return
        self.damage += [f"{name}@{offset}: {what}" for offset, what in found.damage]
        for offset, data in found.records:
            fingerprint = heading(data, "Uptake-Fingerprint")
            if fingerprint:
                self._answers[fingerprint].append((name, offset))

    def _told(self, error: StoreAwayError) -> None:
        if self._must:
            raise error
        self.away = str(error)
        self.damage.append(f"{error}; what another machine may have been answered in this collection is asked again")

    def replay(self, fingerprint: str) -> Record | None:
        """The next recorded answer to a request, each once; instead of a not-modified answer the page that it speaks of.

        A page that was reduced is no answer any more, nor is one that cannot be read.
        """
        places = self._answers.get(fingerprint)
        while places:
            try:
                record = self._original(load(self.keep, *places.popleft()))
            except CaptureDamagedError as error:
                if self._must and isinstance(error, CaptureAwayError):
                    raise
                self.damage.append(str(error))
                continue
            if not record.reduced:
                return record
        return None

    def _original(self, record: Record) -> Record:
        """The record that a not-modified answer refers to; any other record itself."""
        if not record.refers_to:
            return record
        file, _, offset = record.refers_to.rpartition("@")
        return load(self.keep, file, int(offset))

    def changed_since(self, fingerprint: str) -> Record | None:
        """The last good answer to a request, to ask whether it still holds; None where it cannot be shown again."""
        known = self.known(fingerprint)
        if known is None or (self.away and not self.keep.near(known.file)):
            return None
        try:
            record = load(self.keep, known.file, known.offset)
        except CaptureAwayError as error:
            self.away = str(error)
            return None
        except CaptureDamagedError:
            return None
        return None if record.reduced else record


class CaptureMiddleware(Component):
    """Downloader middleware next to the network: replays, or records every response before anyone reads it."""

    @property
    def _tape(self) -> Tape | None:
        return getattr(self.spider, "tape", None)

    def _fingerprint(self, request: Request) -> str:
        return self.crawler.request_fingerprinter.fingerprint(request).hex()

    async def process_request(self, request: Request) -> Response | None:
        tape = self._tape
        if tape is None:
            return None
        fingerprint = self._fingerprint(request)
        try:
            record = await self._off_loop(tape, tape.replay, fingerprint)
        except CaptureAwayError as error:
            self.spider.recorder.fail(error)
            raise Refused(Reason.UNANSWERED, str(error)) from error
        if record is not None:
            request.meta.update(capture=record.capture, replayed=True)
            return record.response(request.url)
        request.meta["replayed"] = False
        if tape.only is not None:
            raise Refused(tape.only, "it was not asked while it could still be")
        if request.meta.get("conditional"):
            try:
                await self._ask_whether_changed(tape, request, fingerprint)
            except UptakeError as error:  # the journal cannot be asked
                self.spider.recorder.fail(error)
                raise Refused(Reason.UNANSWERED, str(error)) from error
        return None

    async def _off_loop(self, tape: Tape, read: Callable[[str], Record | None], fingerprint: str) -> Record | None:
        """Read what is on this disk at once, and what may wait for the network beside the loop."""
        return read(fingerprint) if tape.keep.address is None else await asyncio.to_thread(read, fingerprint)

    async def _ask_whether_changed(self, tape: Tape, request: Request, fingerprint: str) -> None:
        record = await self._off_loop(tape, tape.changed_since, fingerprint)
        etag = next((v for k, v in record.headers if k.lower() == "etag"), None) if record is not None else None
        if etag:
            request.headers["If-None-Match"] = etag
            request.meta["unchanged"] = record

    def process_response(self, request: Request, response: Response) -> Response:
        tape = self._tape
        if tape is None or request.meta.get("replayed"):
            return response
        unchanged: Record | None = request.meta.pop("unchanged", None)
        original = unchanged if response.status == 304 else None
        refers_to = original.capture if original is not None else None
        try:
            capture = tape.writer.append(request, response, self._fingerprint(request), tape.clock(), refers_to)
        except OSError as error:
            told = f"cannot keep responses in {tape.folder}: {error.strerror}; nothing more was asked"
            self.spider.recorder.fail(UptakeError(f"{told}. Mend it and call again, it goes on from there"))
            raise Refused(Reason.UNANSWERED, f"the response could not be kept: {error.strerror}") from error
        if original is not None:
            request.meta["capture"] = original.capture
            return original.response(request.url)
        request.meta["capture"] = capture
        return response
