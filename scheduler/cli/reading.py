"""Commands that read figures and how they came about: status, trace, export. They never wait for a writer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.app import app
from scheduler.cli.common import AsOf, Json, Until, config, counted, moment, now, print_json, reading, sequence_at, size, table, until_end
from storage.model import Series, UptakeError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from crawlers.uploads import Waiting
    from scheduler.config import Config
    from scheduler.engines.queue.roster import Roster
    from storage.exports import Selection
    from storage.influx.standing import Standing


@app.command()
def status(
    weeks: Annotated[int, typer.Option("--weeks", min=1, max=520, help="How many weeks back.")] = 6,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """What was measured, what is missing and why.

    Coverage per source and week, a calendar of the last 60 days (of weeks, where more than 8 are asked for), what is cut off,
    sizes. Example: uptake status --weeks 12
    """
    from crawlers.uploads import waiting
    from scheduler.cli.calendar_view import show
    from scheduler.sole import running
    from scheduler.status import status as gather
    from scheduler.troubles import told
    from scheduler.words import WORDS
    from storage.influx.standing import standing_of
    from storage.periods import day, iso

    settings = config()
    end = until_end(as_of, "--as-of")
    with reading(settings, own="what is missing and why") as journal:
        sequence = sequence_at(journal, as_of)
        with journal.read() as connection:
            found = gather(connection, settings.store, now=now() if end is None else end, weeks=weeks, as_of=sequence)
            sending = None if settings.influxdb is None else standing_of(connection, settings.influxdb.feed, now())
            lasting = told(connection)
    daemon, shared = running(settings.store), _shared(settings)
    undelivered = None if settings.elsewhere is None else waiting(settings.keep)
    if json:
        doing: dict[str, object] = {"running": daemon is not None, "process": (daemon or {}).get("pid")}
        doing["since"] = iso(_since(daemon)) or None
        doing["troubles"] = [{"what": key, "since": iso(when), "text": text} for key, (when, text) in lasting.items()]
        if shared is not None:
            doing |= {"running": any(w.plans for w in shared.living), "queue": shared.to_dict()}
        kept = {"at": settings.keep.where, "waiting_files": undelivered.files if undelivered else 0}
        kept["waiting_bytes"] = undelivered.bytes if undelivered else 0
        print_json(found.to_dict() | {"responses": kept, "influxdb": sending.to_dict() if sending else None, "daemon": doing})
        return
    for when, text in lasting.values():
        typer.echo(f"TROUBLE since {iso(when)}: {text}")
    outcomes = sorted({o for weeks_ in found.coverage.values() for c in weeks_.values() for o in c}, key=lambda o: (o != "measured", o))
    rows = [
        [source, day(week), *(str(counts[o]) if counts[o] else "" for o in outcomes)]
        for source, by_week in found.coverage.items()
        for week, counts in sorted(by_week.items(), reverse=True)
    ]
    if rows:
        typer.echo(table(rows, ["source", "week from", *outcomes], right=frozenset(range(2, 2 + len(outcomes)))))
    else:
        typer.echo("Nothing was measured in these weeks. `uptake collect` measures now.")
    if found.calendar.sources:
        typer.echo()
        show(found.calendar)
        typer.echo()
    for t in found.troubles:
        reason = t["outcome"].removeprefix("missing(").removesuffix(")")
        typer.echo(f"{t['source']}: {t['slots']} {WORDS.get(reason, reason)}; the last: {t['series']} at {t['time']}: {t['detail']}")
    for source, seen in sorted(found.last_success.items()):
        typer.echo(f"{source}: newest figure seen {iso(seen)}")
    if found.unfinished:
        typer.echo(f"Cut off and to be gone on with by the next `uptake collect`: {', '.join(found.unfinished)}")
    _tell_others(settings, sending, undelivered, shared, daemon)
    typer.echo(f"{counted(found.figures, 'figure')} in {found.series:,} series; {_sizes(found.sizes)}")


def _tell_others(
    settings: Config, sending: Standing | None, undelivered: Waiting | None, shared: Roster | None, daemon: dict[str, object] | None
) -> None:
    """What stands elsewhere: the server of series, the store of responses, and who is at work."""
    from storage.periods import iso

    for words in sending.words() if sending else []:
        typer.echo(words)
    if undelivered is not None:
        left = f"{counted(undelivered.files, 'file')} ({size(undelivered.bytes)})" if undelivered.files else "none"
        typer.echo(f"Raw responses are kept at {settings.keep.where}; waiting in {settings.keep.folder} to be brought there: {left}")
    if shared is not None:
        typer.echo(shared.line)
    elif daemon is not None:
        typer.echo(f"`uptake run` is at work since {iso(_since(daemon))} (process {daemon.get('pid')})")


def _shared(settings: Config) -> Roster | None:
    """Who shares the plan, with the engine procrastinate; nothing where its queue cannot be asked."""
    if settings.daemon.engine != "procrastinate":
        return None
    from scheduler.cli.running import with_engine
    from scheduler.engines.queue.roster import read

    try:
        return read(with_engine(settings, "").queue, settings.daemon.dead_after)
    except UptakeError as error:
        typer.echo(f"TROUBLE: {error}", err=True)
        return None


def _since(daemon: dict[str, object] | None) -> int | None:
    said = (daemon or {}).get("since")
    return said if isinstance(said, int) else None


def _sizes(found: dict[str, int]) -> str:
    """What takes how much room, and how much is left."""
    parts = [f"journal {size(found['journal'])}", f"raw responses {size(found['captures'])}"]
    if found["captures_reduced"]:
        parts[-1] += f" ({size(found['captures_whole'])} whole, {size(found['captures_reduced'])} reduced)"
    parts += [f"{words} {size(found[key])}" for key, words in (("library", "papers' texts"), ("reports", "reports")) if found[key]]
    return f"{', '.join(parts)}; {size(found['disk_free'])} free on the disk"


@app.command()
def trace(
    series: Annotated[str, typer.Argument(help='Its name, like github.stars{topic="pytorch"}.')],
    time: Annotated[str | None, typer.Argument(help="The figure's time; else the newest.")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Show the whole response.")] = False,
    json: Json = False,
) -> None:
    """Follow a number to the page it was read from.

    Shows the request, the response, the parser's version and earlier values.
    Example: uptake trace 'github.stars{topic="pytorch"}'
    """
    from scheduler.trace import trace as follow

    settings = config()
    name, when = Series.parse(series), moment(time, "TIME")
    with reading(settings, own="where a figure was read") as journal, journal.read() as connection:
        found = follow(connection, settings.keep, name, when, whole=whole or json)
    if json:
        print_json(found.document)
    else:
        typer.echo(found.text())


@app.command()
def export(
    form: Annotated[str, typer.Option("--format", metavar="csv|json|parquet|lp", help="lp is InfluxDB's line protocol.")] = "csv",
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Else standard output.")] = None,
    metric: Annotated[str | None, typer.Option("--metric", metavar="M", help="Only this metric.")] = None,
    topic: Annotated[list[str] | None, typer.Option("--topic", metavar="T", help="Only this topic; may be given again.")] = None,
    source: Annotated[str | None, typer.Option("--source", metavar="S", help="Only this source.")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="From this time on.")] = None,
    until: Until = None,
    as_of: AsOf = None,
    suspect: Annotated[bool, typer.Option("--suspect", help="Also figures that are held as doubtful; they say so.")] = False,
) -> None:
    """Series out as CSV, JSON, Parquet or line protocol.

    With bounds, times of observation and where each figure was read. Example: uptake export --topic pytorch > pytorch.csv
    """
    from storage import exports

    if form not in exports.FORMATS:
        raise UsageError(f"--format: {form!r} is not known; there are: {', '.join(exports.FORMATS)}")
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal; name a file with --output")
    settings = config()
    ends = [t for t in (until_end(until), until_end(as_of, "--as-of")) if t is not None]
    with reading(settings) as journal:
        selection = exports.Selection(
            metric=metric,
            topics=topic,
            source=source,
            since=moment(since, "--since"),
            until=min(ends, default=None),
            as_of=sequence_at(journal, as_of),
            suspect=suspect,
        )
        with journal.read() as connection:
            _check_selection(connection, settings, selection)
            if output is None:
                exports.FORMATS[form](connection, sys.stdout.buffer, selection)
                sys.stdout.buffer.flush()
                return
            temporary = output.with_name(output.name + ".part")
            with temporary.open("wb") as file:
                rows = exports.FORMATS[form](connection, file, selection)
            temporary.replace(output)
    typer.echo(f"wrote {counted(rows, 'figure')} to {output}")


def _check_selection(connection: Connection, settings: Config, selection: Selection) -> None:
    """A name that nothing bears is a slip of the pen: an empty file would hide it."""
    from scheduler.config import near
    from storage.frames import catalogue

    known = catalogue(connection, derived=True)
    for option, wanted, names in (
        ("--metric", [selection.metric], {*known["metric"]}),
        ("--topic", selection.topics or [], {*known["topic"], *settings.topics} - {""}),
        ("--source", [selection.source], {*known["source"], *settings.sources} - {""}),
    ):
        for name in wanted:
            if name is not None and name not in names:
                raise UsageError(f"{option}: there is no {option[2:]} {name!r}{near(name, names)}")
