"""Every response is on disk before anyone reads it; a run that is done again is answered from what is there."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path

from scrapy.http import Request, Response

from crawlers.component import Component
from crawlers.outcomes import Refused
from crawlers.warc import CaptureDamagedError, CaptureWriter, Record, files_of, heading, load, mend, scan
from storage.model import Capture, Reason, UptakeError


class Tape:
    """What one crawl records, and what it is answered from: its own run's earlier files, in their order."""

    def __init__(
        self,
        folder: Path,
        run: str,
        now: int,
        *,
        clock: Callable[[], int],
        known: Callable[[str], Capture | None] = lambda _: None,
        only: Reason | None = None,
        replay_of: str | None = None,
        number: int = 1,
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.known = known  # the last good capture of a fingerprint, for conditional requests
        self.only = only
        self.writer = CaptureWriter(folder, run, now, number)
        self.damage: list[str] = []
        self._answers: dict[str, deque[tuple[str, int]]] = defaultdict(deque)
        for path in files_of(folder, replay_of or run):
            found = mend(path) if replay_of is None else scan(path)
            name = str(path.relative_to(folder))
            self.damage += [f"{name}@{offset}: {what}" for offset, what in found.damage]
            for offset, data in found.records:
                fingerprint = heading(data, "Uptake-Fingerprint")
                if fingerprint:
                    self._answers[fingerprint].append((name, offset))

    def replay(self, fingerprint: str) -> Record | None:
        """The next recorded answer to a request, each once; instead of a not-modified answer the page that it speaks of.

        A page that was reduced is no answer any more, nor is one that cannot be read.
        """
        places = self._answers.get(fingerprint)
        while places:
            record = load(self.folder, *places.popleft())
            try:
                record = self._original(record)
            except CaptureDamagedError as error:
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
        return load(self.folder, file, int(offset))


class CaptureMiddleware(Component):
    """Downloader middleware next to the network: replays, or records every response before anyone reads it."""

    @property
    def _tape(self) -> Tape | None:
        return getattr(self.spider, "tape", None)

    def _fingerprint(self, request: Request) -> str:
        return self.crawler.request_fingerprinter.fingerprint(request).hex()

    def process_request(self, request: Request) -> Response | None:
        tape = self._tape
        if tape is None:
            return None
        fingerprint = self._fingerprint(request)
        record = tape.replay(fingerprint)
        if record is not None:
            request.meta.update(capture=record.capture, replayed=True)
            return record.response(request.url)
        request.meta["replayed"] = False
        if tape.only is not None:
            raise Refused(tape.only, "it was not asked while it could still be")
        if request.meta.get("conditional"):
            self._ask_whether_changed(tape, request, fingerprint)
        return None

    def _ask_whether_changed(self, tape: Tape, request: Request, fingerprint: str) -> None:
        known = tape.known(fingerprint)
        if known is None:
            return
        try:
            record = load(tape.folder, known.file, known.offset)
        except CaptureDamagedError:
            return  # it cannot be shown again, so it is fetched again
        if record.reduced:
            return  # nor can this one
        etag = next((v for k, v in record.headers if k.lower() == "etag"), None)
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
