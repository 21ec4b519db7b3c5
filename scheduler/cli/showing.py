"""Commands that say what it means: report, trends, compare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.app import app
from scheduler.cli.common import AsOf, Json, Until, config, moment, now, print_json, reading, sequence_at, until_end
from storage.model import Basket, UptakeError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from scheduler.config import Config
    from trends.report import Trouble
    from trends.venues import Venues

BasketOption = Annotated[str | None, typer.Option("--basket", metavar="B", help="Only this basket.")]


@dataclass(frozen=True, slots=True)
class View:
    """What a command looks at: the present, how far, as known at which sequence."""

    now: int
    until: int | None
    sequence: int | None


@contextmanager
def looking(settings: Config, until: str | None, as_of: str | None) -> Iterator[tuple[Connection, View]]:
    """The journal at the view that --until and --as-of ask for (--as-of implies --until)."""
    ends = [t for t in (until_end(until), until_end(as_of, "--as-of")) if t is not None]
    with reading(settings) as journal:
        view = View(now(), min(ends, default=None), sequence_at(journal, as_of))
        with journal.read() as connection:
            yield connection, view


trends = typer.Typer(invoke_without_command=True, rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})
app.add_typer(trends, name="trends")


@trends.callback(invoke_without_command=True)
def summary_of(context: typer.Context, basket: BasketOption = None, until: Until = None, as_of: AsOf = None, json: Json = False) -> None:
    """Latest figures, shares of the basket, changes.

    Changes are over 4, 13 and 52 weeks. What is stale or blind is said. `uptake trends venues` is the table of conference
    papers. Example: uptake trends --until 2026-04-06
    """
    if context.invoked_subcommand is not None:
        return
    from trends.loading import load
    from trends.summary import summarise
    from trends.summary_text import text_of

    settings = config()
    baskets = baskets_of(settings, basket)
    with looking(settings, until, as_of) as (connection, view):
        panel = load(connection, [t for b in baskets for t in b.topics], now=view.now, as_of=view.sequence, until=view.until)
    summary = summarise(panel, baskets, settings.topics)
    if json:
        print_json(summary.to_dict())
    else:
        typer.echo(text_of(summary, titles(settings)), nl=False)


@trends.command()
def claims(basket: BasketOption = None, until: Until = None, as_of: AsOf = None, json: Json = False) -> None:
    """What can be said for sure, and what not and why.

    What rises and falls, who overtook whom, what is withheld, what is blind. With --json the whole of it, as
    docs/summary.schema.json describes it. Example: uptake trends claims --until 2026-04-06
    """
    from trends.claims import claims as make
    from trends.claims_text import text_of
    from trends.loading import load

    settings = config()
    baskets = baskets_of(settings, basket)
    every = [t for b in settings.baskets.values() for t in b.topics]  # what moves a whole source is seen in all its topics
    with looking(settings, until, as_of) as (connection, view):
        panel = load(connection, every, now=view.now, as_of=view.sequence, until=view.until)
    found = make(panel, baskets, settings.topics)
    if json:
        print_json(found.to_dict())
    else:
        typer.echo(text_of(found), nl=False)


@trends.command()
def venues(
    start: Annotated[str, typer.Option("--from", metavar="YEAR", help="The earlier year.")],
    end: Annotated[str, typer.Option("--to", metavar="YEAR", help="The later year.")],
    rule: Annotated[str | None, typer.Option("--rule", metavar="R", help="Count by this rule; else by that of most venues.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Also draw the shares: .svg or .png.")] = None,
    basket: BasketOption = None,
    until: Until = None,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Conference papers of two years, venue by venue.

    Counts, growth, each topic's share over the years, and what other rules count. The chart shows every edition up to the
    later year. Example: uptake trends venues --from 2018 --to 2019 --output venues.svg
    """
    from trends.loading import load
    from trends.venues import text_of, year
    from trends.venues import venues as table

    settings = config()
    if output is not None and output.suffix.lower() not in {".svg", ".png"}:
        raise UsageError(f"--output: {output} is neither .svg nor .png")
    years = year(start, "--from"), year(end, "--to")
    keys = list(dict.fromkeys(t for b in baskets_of(settings, basket) for t in b.topics))
    with looking(settings, until, as_of) as (connection, view):
        panel = load(connection, keys, now=view.now, as_of=view.sequence, until=view.until)
    found = table(panel, {key: settings.topics[key].title for key in keys}, *years, rule)
    if output is not None:
        draw_venues(found, output)
    if json:
        print_json(found.to_dict())
    else:
        typer.echo(text_of(found), nl=False)
        if output is not None:
            typer.echo(f"\nchart: {output.absolute()}")


def draw_venues(found: Venues, output: Path) -> None:
    """The chart of a table of venues, by the ending of the file's name."""
    from trends import venue_chart

    drawn = venue_chart.png(found) if output.suffix.lower() == ".png" else venue_chart.svg(found).encode()
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(drawn)
    except OSError as error:
        raise UptakeError(f"cannot write the chart {output}: {error.strerror}; name another place with --output") from error


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="One topic.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The other.")],
    start: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Start of a period, in which flows are summed.")] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Its end: the start of the first month or day outside it.")
    ] = None,
    until: Until = None,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Two technologies, source by source.

    Ratios now and a year ago, sums over a period, and when one overtook the other.
    Example: uptake compare tensorflow pytorch --from 2018-09 --to 2019-03
    """
    from scheduler.config import near
    from trends.compare import compare as duel
    from trends.compare_text import text_of
    from trends.loading import load

    settings = config()
    for key in (a, b):
        if key not in settings.topics:
            raise UsageError(f"there is no topic {key!r}{near(key, settings.topics)}")
    if a == b:
        raise UsageError("name two different topics")
    first, last = moment(start, "--from"), moment(end, "--to")
    if first is not None and last is not None and first >= last:
        raise UsageError("--from must be before --to")
    with looking(settings, until, as_of) as (connection, view):
        panel = load(connection, [a, b], now=view.now, as_of=view.sequence, until=view.until)
    found = duel(panel, settings.topics[a], settings.topics[b], start=first, end=last)
    if json:
        print_json(found.to_dict())
    else:
        typer.echo(text_of(found), nl=False)


@app.command()
def report(
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Else reports/report.html in the store.")] = None,
    basket: BasketOption = None,
    until: Until = None,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Write one HTML page with charts and all sources.

    It needs no network to be viewed. Example: uptake report --output ml.html
    """
    path = write_report(config(), output, basket, until, as_of)
    if json:
        print_json({"report": str(path)})
    else:
        typer.echo(f"report: {path}")


def write_report(
    settings: Config, output: Path | None = None, basket: str | None = None, until: str | None = None, as_of: str | None = None
) -> Path:
    """Write the report; its absolute path."""
    from crawlers.settings import program_version
    from scheduler.status import coverage_frame
    from trends import report as page

    path = (output or settings.store / "reports" / "report.html").absolute()
    with looking(settings, until, as_of) as (connection, view):
        data = page.build(
            connection,
            baskets_of(settings, basket),
            settings.topics,
            now=view.now,
            as_of=view.sequence,
            until=view.until,
            troubles=troubles(connection, settings, view),
            coverage=coverage_frame(connection, as_of=view.sequence),
            version=program_version(),
            sources=titles(settings),
            configured=settings.baskets.values(),
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        page.write(path, page.render(data))
    except OSError as error:
        raise UptakeError(f"cannot write the report {path}: {error.strerror}; name another place with --output") from error
    return path


def troubles(connection: Connection, settings: Config, view: View) -> list[Trouble]:
    """What could not be measured lately, per source and reason, in plain words."""
    from scheduler.status import status
    from scheduler.words import WORDS
    from trends.report import Trouble

    found = status(connection, settings.store, now=view.until or view.now, weeks=2, as_of=view.sequence)
    names = titles(settings)
    return [
        Trouble(names.get(t["source"], t["source"]), WORDS.get(reason, reason), t["slots"], f"{t['series']}: {t['detail']}")
        for t in found.troubles
        for reason in [t["outcome"].removeprefix("missing(").removesuffix(")")]
    ]


def titles(settings: Config) -> dict[str, str]:
    """Sources' titles by name."""
    return {name: s.source.title for name, s in settings.sources.items()}


def baskets_of(settings: Config, name: str | None) -> list[Basket]:
    """The baskets that a command is about."""
    from scheduler.config import near

    if name is None:
        if not settings.baskets:
            raise UsageError(f"{settings.path} has no [baskets.…] section; `uptake init` writes an example")
        return list(settings.baskets.values())
    if name not in settings.baskets:
        raise UsageError(f"--basket: there is no basket {name!r}{near(name, settings.baskets)}")
    return [settings.baskets[name]]
