"""The commands of several machines: worker, workers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.app import app
from scheduler.cli.common import Json, Progress, config, counted, now, print_json, table, writing
from scheduler.cli.running import check_door, with_engine
from storage.model import UsageError

if TYPE_CHECKING:
    from scheduler.config import Config
    from scheduler.engines.queue.engine import Part
    from scheduler.engines.queue.roster import Roster
    from scheduler.engines.queue.spread import Outcome, Piece


@app.command()
def worker(
    queues: Annotated[
        list[str] | None,
        typer.Option("--queues", metavar="WHAT", help="visits, heavy, or a source's name; may be given again. Else all."),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", min=1, max=64, help="Visits at once; else [daemon] concurrency.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What it is called in `uptake workers`; else machine and process.")] = "",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Of /healthz and /metrics, on [http] host; 0: any that is free.")
    ] = 0,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", "--once", help="Exit when nothing is left to do: for cron, Kubernetes jobs.")
    ] = False,
) -> int:
    """Make visits that `uptake run --engine procrastinate` has planned, until Ctrl-C.

    Any number may run, on any number of machines; no two ask one host at once. Asked to stop, a worker gives back what
    it cannot end in time; killed, its work is given to others after [daemon] dead_after. SIGHUP reads the configuration
    again. Example: uptake worker --queues visits --concurrency 4
    """
    from scheduler.cli import logs

    def load() -> Config:
        return with_engine(config(), "procrastinate")

    settings = load()
    check_door(settings)
    logs.in_the_long_run()
    for word in queues or []:
        if word not in {"visits", "heavy", *settings.sources}:
            from scheduler.config import near

            raise UsageError(f"--queues: there is no {word!r}{near(word, ['visits', 'heavy', *settings.sources])}")
    from scheduler.engines.queue.engine import Part

    part = Part(takes=tuple(queues or ()), concurrency=concurrency, name=name, until_empty=until_empty)
    return take_part(load, part, port=port)


def take_part(load: Callable[[], Config], part: Part, *, port: int | None) -> int:
    """Be a planner or a worker among others. A queue that is away is waited for, but not by what was to be done at once."""
    from crawlers.engine import run_async
    from scheduler.daemon import Daemon, Role
    from scheduler.engines.queue.engine import Queue
    from scheduler.engines.queue.opening import AwayError
    from scheduler.engines.queue.schema import prepare
    from scheduler.engines.queue.watching import SharedWatch
    from scheduler.sole import sole, sole_on

    settings = load()
    try:
        prepare(settings.queue)
    except AwayError:
        if part.until_empty:
            raise
    mine = f"`uptake {'run' if part.plans else 'worker'}`{f' {part.name}' if part.name else ''}"
    with (
        sole(settings.store, now(), among=True),
        writing(settings, lean=True, sends=False) as journal,
        sole_on(journal, among=mine, life=settings.daemon.lease),
    ):
        role = Role(lambda work, over: Queue(work, over, part), SharedWatch, sends=False, port=port, plans=part.plans)
        return run_async(lambda: Daemon(settings, journal, reload=load, say=typer.echo, role=role).run(), reactor=settings.reactor)


@app.command()
def workers(json: Json = False) -> int:
    """Who does what, and what waits.

    Planners and workers with their last sign of life, what each is doing and since when, what waits in the queue and for
    how long, and what failed lately. Example: uptake workers
    """
    from scheduler.engines.queue.roster import read

    settings = with_engine(config(), "procrastinate")
    found = read(settings.queue, settings.daemon.dead_after)
    if json:
        print_json(found.to_dict())
        return 0
    _show(found, [s.name for s in settings.enabled()], now())
    return 0


def spread_out(settings: Config, pieces: Sequence[Piece], *, as_json: bool) -> int:
    """Let the workers do it, show how far they are, and tell what it came to. Ctrl-C only ends the waiting."""
    import asyncio
    import signal

    from scheduler.engines.queue.hands import locks
    from scheduler.engines.queue.schema import prepare
    from scheduler.engines.queue.spread import spread

    with_engine(settings, "procrastinate")
    prepare(settings.queue)
    if pieces and not as_json:
        typer.echo(f"{counted(pieces, 'piece')} of work for the workers; Ctrl-C ends only the waiting", err=True)
        _tell_untaken(settings, {p.source for p in pieces})
    with Progress(quiet=as_json) as progress:

        async def main() -> Outcome:
            stopped = asyncio.Event()
            for name in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(name, stopped.set)
            return await spread(settings.queue, pieces, locks(settings), progress, stopped)

        found = asyncio.run(main())
    if as_json:
        print_json({"sources": {s: dict(c) for s, c in found.counts.items()}, "failed": found.failed, "left": found.left})
    else:
        for source, c in found.counts.items():
            came_to = f"{c['measured']} of {c['planned']} measured, {counted(c['new'], 'new figure')}, {c['revised']:,} revised"
            typer.echo(f"{settings.sources[source].source.title}: {came_to}, {c['missing']} missing ({counted(c['requests'], 'request')})")
        for said in found.failed:
            typer.echo(said, err=True)
        if found.left:
            typer.echo(f"{counted(found.left, 'piece')} of {len(pieces)} left; the workers go on, `uptake workers` shows how far they are")
        elif not pieces:
            typer.echo("There is nothing to do.")
    return int(bool(found.failed) or found.left > 0 or any(c["missing"] for c in found.counts.values()))


def _tell_untaken(settings: Config, sources: Collection[str]) -> None:
    """Say so where nobody is at work who would take it, so that nobody waits for ever."""
    from scheduler.engines.queue import names
    from scheduler.engines.queue.roster import read

    taken = {queue for w in read(settings.queue, settings.daemon.dead_after).living for queue in w.takes}
    lacking = sorted(source for source in sources if names.queue(names.HEAVY, source) not in taken)
    if lacking:
        typer.echo(f"no worker is at work that takes heavy work of {', '.join(lacking)}; it waits until one is: uptake worker", err=True)


def _show(found: Roster, sources: Collection[str], present: int) -> None:
    rows = []
    for w in found.workers:
        does = ", ".join(f"{d.task} {d.what} for {_ago(present - d.since)}".replace("  ", " ") for d in w.doing) or "nothing"
        part = "plans" if w.plans else "works"
        state = f"no sign of life for {_ago(w.silent)}" if w.dead else f"{_ago(w.silent)} ago"
        rows.append([w.name, w.host, str(w.pid), part, takes(w.takes, sources), w.version, state, does])
    if rows:
        typer.echo(table(rows, ["worker", "machine", "process", "part", "takes", "version", "last seen", "doing"]))
    else:
        typer.echo("Nobody is at work. `uptake run --engine procrastinate` plans and measures, `uptake worker` measures.")
    for w in found.workers:
        if w.differs and not w.dead:
            typer.echo(f"{w.name}: {w.differs}")
    typer.echo()
    if not found.waiting:
        typer.echo("Nothing waits.")
    for q in found.waiting:
        parts = [f"{counted(q.waiting, 'job')}, the oldest for {_ago(q.oldest)}"] if q.waiting else []
        parts += [f"{q.later} later"] if q.later else []
        nobody = "" if q.taken else "; no worker is at work that takes it"
        typer.echo(f"{q.words}: {', '.join(parts)}{nobody}")
    for f in found.failures:
        typer.echo(f"failed {_ago(present - int(f['at']))} ago: {f['what']} at {f['worker']}: {f['said']}")


def takes(queues: Sequence[str], sources: Collection[str]) -> str:
    """What a process takes of these sources' work, in the words of `uptake worker --queues`."""
    from scheduler.engines.queue.names import HEAVY, VISIT, parts

    said = []
    for kind, word in ((VISIT, "visits"), (HEAVY, "heavy")):
        taken = {source for found, _, source in map(parts, queues) if found == kind}
        if taken:
            rest = "" if taken.issuperset(sources) else f" of {', '.join(sorted(taken)) if len(taken) <= 2 else f'{len(taken)} sources'}"
            said.append(word + rest)
    return {"": "the plan", "visits, heavy": "all"}.get(found := ", ".join(said), found)


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{max(0, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
