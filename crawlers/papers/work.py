"""One edition on its way through a run: which pages and papers are still out."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urljoin

from crawlers.papers.editions import Ask, Edition, Listed, Page, distinct
from crawlers.papers.library import Library
from crawlers.papers.text import Extraction
from storage.model import Capture, Reason, Slot


@dataclass(eq=False)
class Work:
    """What a run does for an edition. ``told``: its slots have their end, or will have it without more requests."""

    edition: Edition
    slots: Sequence[Slot]
    library: Library
    told: bool = False
    stopped: tuple[Reason, str] | None = None
    _asked: set[Ask] = field(default_factory=set)
    _out: int = 0  # pages of the listing
    _listed: list[Listed] = field(default_factory=list)
    _captures: list[Capture] = field(default_factory=list)
    _queue: deque[Listed] | None = None
    _on_its_way: set[str] = field(default_factory=set)

    # The listing

    def ask(self, ask: Ask) -> bool:
        """Note that a page is asked for. False if it was before."""
        new = ask not in self._asked
        self._asked.add(ask)
        self._out += new
        return new

    def take(self, page: Page, url: str, captures: Sequence[Capture]) -> None:
        """A page of the listing. ``url``: its address at the real host, which those of its papers are relative to."""
        self._out -= 1
        self._listed += [Listed(p.id, p.title, urljoin(url, p.pdf) if p.pdf else "", p.affiliations) for p in page.papers]
        self._captures += [c for c in captures if c not in self._captures]

    def start(self, now: int) -> bool:
        """Begin with the papers if the whole listing is there. Raises `ParseError` for one that lost a part."""
        if self._out:
            return False
        self.library.note_listing(distinct(self._listed), self._captures, now)
        self._queue = deque(self.library.waiting())
        return True

    # Papers

    @property
    def pending(self) -> bool:
        """Whether papers are still to be asked for."""
        return bool(self._queue) and not self.told and self.stopped is None

    def next(self) -> Listed | None:
        """The next paper to be fetched, if there is one and nothing stopped the edition."""
        if not self.pending or self._queue is None:
            return None
        paper = self._queue.popleft()
        self._on_its_way.add(paper.id)
        return paper

    def leave(self, paper: Listed, found: Extraction, now: int, *, url: str = "", sha256: str = "") -> None:
        """A paper has its end."""
        self._on_its_way.discard(paper.id)
        self.library.keep(paper.id, found, now, url=url, sha256=sha256)

    def miss(self, paper: Listed, detail: str, now: int) -> None:
        """A paper could not be fetched this time."""
        self._on_its_way.discard(paper.id)
        self.library.miss(paper.id, detail, now)

    def stop(self, reason: Reason, detail: str, paper: Listed | None = None) -> None:
        """Fetch no more of the edition in this run. ``paper``: the one at which it was noticed."""
        if paper is not None:
            self._on_its_way.discard(paper.id)
        self.stopped = self.stopped or (reason, detail)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it in this run."""
        return self._queue is not None and not self._on_its_way and (self.stopped is not None or not self._queue)


__all__ = ["Work"]
