"""A run that is planned, handed to the crawl service with all that its spider is to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from crawlers.engine import CrawlService, Report
from crawlers.job import Job, Manners, Mode
from scheduler.setups import Progress, Setup, silent
from storage import ledger
from storage.lookups import recall
from storage.model import Reason, Slot, Topic


async def crawl(
    service: CrawlService,
    setup: Setup,
    run: ledger.Run,
    *,
    slots: Sequence[Slot],
    since: int | None,
    left: int | None,
    only: Reason | None = None,
    lock: str = "",
    progress: Progress = silent,
) -> Report:
    """Do a run that is planned. ``slots``: those of it that are still open; ``left``: requests that may be sent; ``only``: answer

    from kept responses alone, and end what is not there with this reason; ``lock``: what the caller holds if it is not the source.
    """
    with service.journal.read() as connection:
        state = recall(connection, setup.name, run.base_seq)
    collecting = run.kind != ledger.BACKFILL
    job = Job(
        run=run.id,
        mode=Mode.BACKFILL if run.kind == ledger.BACKFILL else Mode.COLLECT,
        now=run.time,
        slots=tuple(slots),
        topics=known_topics(setup, slots),
        options=setup.options,
        endpoints=setup.endpoints,
        state=state,
        since=since,
        polls=tuple(setup.source.polls(setup.topics.values(), state, run.time, setup.options)) if collecting else (),
        budget=left,
        replay_only=only,
    )
    return await service.run(
        setup.source,
        run,
        job,
        manners=manners_of(service, setup),
        lock=lock,
        progress=lambda done, planned: progress(setup.name, done, planned),
    )


def known_topics(setup: Setup, slots: Sequence[Slot]) -> Mapping[str, Topic]:
    """The topics of the config; one that has left it since the plan keeps its key and has no names."""
    missing = {s.series.topic for s in slots if s.series.topic} - set(setup.topics)
    return {**setup.topics, **{key: Topic(key, key) for key in missing}}


def manners_of(service: CrawlService, setup: Setup) -> Manners:
    """The common manners with those of the source's own section."""
    common = service.manners
    return replace(
        common,
        delay=common.delay if setup.delay is None else setup.delay,
        obey_robots=common.obey_robots and not setup.source.by_key if setup.obey_robots is None else setup.obey_robots,
    )


__all__ = ["crawl", "manners_of"]
