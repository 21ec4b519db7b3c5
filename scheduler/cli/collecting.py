"""Commands that measure: collect, backfill, reparse."""

from __future__ import annotations

import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli.app import app
from scheduler.cli.common import Json, Progress, config, counted, moment, now, print_json, reading, tell_terms, writing
from scheduler.words import WORDS
from storage.model import UptakeError, UsageError

if TYPE_CHECKING:
    from crawlers.engine import CrawlService, Report
    from scheduler.config import Config
    from scheduler.setups import Setup

Work = Callable[["CrawlService", "Setup", Progress], Coroutine[Any, Any, "list[Report]"]]


@app.command()
def collect(
    sources: Annotated[list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Only these; else all that are on.")] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="The slot of that time instead of the latest.")] = None,
    topic: Annotated[list[str] | None, typer.Option("--topic", metavar="T", help="Only this topic; may be given again.")] = None,
    json: Json = False,
) -> int:
    """Measure what is due now, and exit.

    What already has its figure for today is not asked again, so a second call changes nothing, and a call
    after a crash goes on where the last one was cut off. Example: uptake collect github --topic pytorch
    """
    from scheduler import jobs

    settings = config()
    when = now()
    slot = moment(at, "--at")
    if slot is not None and slot > when:
        raise UsageError(f"--at: {at} is in the future; nothing can be measured there yet")
    check_topics(settings, topic)

    async def work(service: CrawlService, setup: Setup, progress: Progress) -> list[Report]:
        return await jobs.collect(service, setup, now=when, at=slot, topics=topic, progress=progress)

    setups = chosen(settings, sources)
    tell_terms(setups)
    return crawl(settings, setups, work, as_json=json)


@app.command()
def backfill(
    source: Annotated[str, typer.Argument(help="The source whose history is read.")],
    since: Annotated[
        str | None, typer.Option("--since", metavar="DATE", help="How far back; else as far as it is usual for the source.")
    ] = None,
    topic: Annotated[list[str] | None, typer.Option("--topic", metavar="T", help="Only this topic; may be given again.")] = None,
    spread: Annotated[bool, typer.Option("--spread", help="In pieces, by the workers of the engine procrastinate.")] = False,
    json: Json = False,
) -> int:
    """Read history, where the source has one.

    What the source's allowance does not let in today is taken up by the next call.
    Example: uptake backfill github --since 2020-01-01
    """
    from scheduler import jobs

    settings = config()
    when = now()
    start = moment(since, "--since")
    if start is not None and start > when:
        raise UsageError(f"--since: {since} is in the future")
    check_topics(settings, topic)
    setups = chosen(settings, [source])
    if not setups[0].source.history_plan(setups[0].topics.values(), when, start, setups[0].options):
        raise UsageError(f"{setups[0].source.title} has no history that can be read, or no topic names it; see `uptake sources {source}`")

    async def work(service: CrawlService, setup: Setup, progress: Progress) -> list[Report]:
        return await jobs.backfill(service, setup, now=when, since=start, topics=topic, progress=progress)

    if spread:
        from scheduler.cli.cluster import spread_out
        from scheduler.engines.queue.spread import backfill_pieces

        keys = [t.key for t in setups[0].topics.values() if setups[0].source.name_of(t) is not None and (not topic or t.key in topic)]
        return spread_out(settings, list(backfill_pieces(setups[0].name, keys, start, when)), as_json=json)
    return crawl(settings, setups, work, as_json=json)


@app.command()
def reparse(
    source: Annotated[str | None, typer.Argument(help="Only this source; else all.")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="DATE", help="Only runs since then.")] = None,
    spread: Annotated[bool, typer.Option("--spread", help="In pieces, by the workers of the engine procrastinate.")] = False,
    json: Json = False,
) -> int:
    """Read the kept responses again with newer parsers.

    No host is asked for anything. Changed figures become revisions; the former ones stay readable with --as-of.
    Example: uptake reparse github
    """
    from scheduler import rereading

    settings = config()
    when = now()
    start = moment(since, "--since")

    async def work(service: CrawlService, setup: Setup, progress: Progress) -> list[Report]:
        return await rereading.reparse(service, setup, now=when, since=start, progress=progress)

    setups = chosen(settings, [source] if source else None, even_off=True)
    if spread:
        from scheduler.cli.cluster import spread_out
        from scheduler.engines.queue.spread import reparse_pieces

        with reading(settings, own="what was asked for") as journal, journal.read() as connection:
            runs = [[r.id for r in rereading.rereadable(connection, s.name, start)] for s in setups]
        pieces = [p for s, ids in zip(setups, runs, strict=True) for p in reparse_pieces(s.name, ids, when, apart=s.source.runs_apart)]
        return spread_out(settings, pieces, as_json=json)
    return crawl(settings, setups, work, as_json=json)


def chosen(settings: Config, names: Sequence[str] | None, *, even_off: bool = False) -> list[Setup]:
    """The sources that a command is about. One that was named and is off is a mistake with its remedy."""
    from scheduler.config import near

    if not names:
        return settings.enabled() if not even_off else [settings.setup(name) for name in settings.sources]
    for name in names:
        if name not in settings.sources:
            raise UsageError(f"there is no source {name!r}{near(name, settings.sources)}")
        if not settings.sources[name].enabled and not even_off:
            raise UsageError(f"{name} is off: {settings.sources[name].why_off}")
    named: list[str] = []
    for name in names:  # "custom" stands for all custom.NAME that are on
        members = [n for n, s in settings.sources.items() if n.startswith(f"{name}.") and (s.enabled or even_off)]
        named += members or [name]
    return [settings.setup(name) for name in dict.fromkeys(named)]


def check_topics(settings: Config, topics: Sequence[str] | None) -> None:
    from scheduler.config import near

    for key in topics or []:
        if key not in settings.topics:
            raise UsageError(f"--topic: there is no topic {key!r}{near(key, settings.topics)}")


def crawl(settings: Config, setups: Sequence[Setup], work: Work, *, as_json: bool = False) -> int:
    """Run one piece of work for each source on one loop, show how it goes, and tell what it came to."""
    import asyncio

    from crawlers.engine import CrawlService, run_async
    from scheduler.retention import reduce_old
    from storage import rollup

    with writing(settings) as journal, Progress(quiet=as_json) as progress:

        async def main() -> tuple[list[Report], bool]:
            service = CrawlService(journal, settings.manners, reactor=settings.reactor, lease=settings.daemon.lease, keep=settings.keep)
            loop = asyncio.get_running_loop()
            tasks = [asyncio.ensure_future(work(service, setup, progress)) for setup in setups]

            async def stop() -> None:
                await service.close()
                if tasks:
                    _, waiting = await asyncio.wait(tasks, timeout=1)
                    for task in waiting:  # for another process, say
                        task.cancel()

            stopping: list[asyncio.Task[None]] = []
            for name in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(name, lambda: stopping.append(loop.create_task(stop())))
            try:
                results = await asyncio.gather(*tasks, return_exceptions=True)
                for failure in (r for r in results if isinstance(r, Exception)):
                    raise failure
                return [report for r in results if isinstance(r, list) for report in r], service.stopping
            finally:
                await asyncio.gather(*stopping)
                service.shutdown()

        reports, stopped = run_async(main, reactor=settings.reactor)
        if not stopped:
            with journal.write() as tx:
                rollup.refresh(tx)
            reduce_old(journal, days=settings.keep_people_days, now=now(), keep=settings.keep)
    code = tell(reports, settings, as_json=as_json)
    if stopped:
        raise UptakeError("stopped; what was captured is kept, and the same command goes on from there")
    return code


def tell(reports: Sequence[Report], settings: Config, *, as_json: bool) -> int:
    """What runs came to: a line a source, then what is missing and why, then what helps. Exit code 1 if some is missing."""
    failed = any(r.tally.missing for r in reports)
    if as_json:
        print_json([as_dict(r) for r in reports])
        return int(failed)
    if not reports:
        typer.echo("Everything that can be asked for now has its figure already; nothing was asked.")
    for report in reports:
        title = settings.sources[report.source].source.title
        t = report.tally
        held = f", {t.suspect} held as doubtful" if t.suspect else ""
        changed = f", {counted(t.changes.new, 'new figure')}" + (f", {t.changes.revised:,} revised" if t.changes.revised else "")
        came_to = f"{t.measured} of {t.planned} measured{held}{changed}" if t.planned else "looked at what is new, no figure was due"
        typer.echo(f"{title}: {came_to} ({counted(report.requests, 'request')}, {report.seconds:.1f} s)")
        for reason, count in t.missing.most_common():
            example = next(m for m in t.details if str(m.reason) == reason)
            typer.echo(f"  {count} missing, {WORDS.get(reason, reason)}: {example.slot.series}: {example.detail}")
        for damage in report.damage:
            typer.echo(f"  a raw response cannot be read: {damage}", err=True)
        if report.remark:
            typer.echo(f"  {report.remark}")
    return int(failed)


def as_dict(report: Report) -> dict[str, Any]:
    t = report.tally
    return {
        "source": report.source,
        "planned": t.planned,
        "measured": t.measured,
        "suspect": t.suspect,
        "missing": dict(t.missing),
        "new": t.changes.new,
        "revised": t.changes.revised,
        "requests": report.requests,
        "seconds": round(report.seconds, 3),
        "remark": report.remark,
        "details": [{"series": str(m.slot.series), "time": m.slot.time, "reason": str(m.reason), "detail": m.detail} for m in t.details],
    }
