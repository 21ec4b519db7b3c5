"""Commands about topics and their names at the sources: check, add."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli.app import app
from scheduler.cli.common import Json, config, counted, now, print_json, shown_store, tell_terms
from storage.model import Topic, UsageError

if TYPE_CHECKING:
    from crawlers.source import Preview
    from scheduler.config import Config
    from scheduler.setups import Setup


@app.command()
def check(
    source: Annotated[list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Only these.")] = None,
    topic: Annotated[list[str] | None, typer.Option("--topic", metavar="T", help="Only this topic; may be given again.")] = None,
    json: Json = False,
) -> int:
    """Is all well? Config, journal, queue, where responses are kept, hosts, what names match.

    Shows a preview for each topic and source. Look at the previews before you trust a figure: "Go" also finds go-to-market.
    The topics' pages show the last ones.
    Example: uptake check --topic pytorch
    """
    from scheduler.cli.collecting import check_topics, chosen
    from scheduler.places import places
    from storage.journal import FILE, Journal, exists

    settings = config()
    check_topics(settings, topic)
    there = exists(settings.store, settings.store_url)
    if there:
        with Journal(settings.store, settings.store_url) as journal:
            there = journal.there()
            if there:
                journal.verify()
    others = places(settings)
    setups = chosen(settings, source)
    tell_terms(setups)
    for s in setups:
        minutes = _minutes(s, topic)
        if minutes >= 1 and not json:
            typer.echo(f"{s.source.title} is asked once in {s.source.delay:.0f} seconds: about {counted(minutes, 'minute')}", err=True)
    found = previews(settings, [s.name for s in setups], topic)
    _keep(settings, found)
    off = {n: s.why_off for n, s in settings.sources.items() if not s.enabled and (not source or n in source)}
    if json:
        print_json(
            {
                "config": str(settings.path),
                "journal": "intact" if there else "not there yet",
                "places": {p.kind: {"well": p.well, "text": p.text} for p in others},
                "off": off,
                "previews": {n: [{"topic": p.topic, "text": p.text, "found": p.found} for p in ps] for n, ps in found.items()},
            }
        )
    else:
        typer.echo(
            f"{settings.path}: {counted(settings.topics, 'topic')} in {counted(settings.baskets, 'basket')}, {counted(setups, 'source')} on"
        )
        where = settings.store / FILE if settings.store_url is None else shown_store(settings)
        typer.echo(f"{where}: {'intact' if there else 'not there yet'}")
        for place in others:
            typer.echo(f"{'' if place.well else '! '}{place.text}")
        for name, lines in found.items():
            typer.echo(f"\n{settings.sources[name].source.title}")
            for p in lines:
                typer.echo(f"  {'' if p.found else '! '}{p.topic + ': ' if p.topic else ''}{p.text}")
            if not lines:
                typer.echo("  nothing to show: no topic has a name here, or the source has no preview")
        for name, why in off.items():
            typer.echo(f"\n{name} is off: {why}")
    return int(any(not p.well for p in others) or any(not p.found for ps in found.values() for p in ps))


def _minutes(setup: Setup, topics: list[str] | None) -> int:
    """How long the previews of a source take that wants its requests far apart."""
    from crawlers.engine import at_home

    named = sum(1 for t in setup.topics.values() if (topics is None or t.key in topics) and setup.source.name_of(t) is not None)
    return int(named * setup.source.delay // 60) if setup.source.delay >= 5 and at_home(setup.source, setup.endpoints) else 0


def previews(settings: Config, names: list[str], topics: list[str] | None = None) -> dict[str, list[Preview]]:
    """What the topics' names match at these sources; failures are lines too."""
    import asyncio

    from crawlers.engine import CrawlService, run_async
    from scheduler import jobs
    from storage.journal import Journal

    async def main() -> dict[str, list[Preview]]:
        with Journal.open(settings.store, settings.store_url, writable=True) as journal:
            service = CrawlService(journal, settings.manners, reactor=settings.reactor, keep=settings.keep)
            try:
                work = (jobs.preview(service, settings.setup(n), now=now(), topics=topics) for n in names)
                results = await asyncio.gather(*work, return_exceptions=True)
            finally:
                service.shutdown()
        for failure in (r for r in results if isinstance(r, BaseException)):
            raise failure
        return {r.source: list(dict.fromkeys(r.previews)) for r in results if not isinstance(r, BaseException)}

    return run_async(main, reactor=settings.reactor)


def _keep(settings: Config, found: Mapping[str, Sequence[Preview]]) -> None:
    """For the topics' pages."""
    from scheduler.previews import keep
    from storage.journal import Journal

    with Journal.open(settings.store, settings.store_url, writable=True) as journal, journal.write(now=now()) as tx:
        keep(tx, settings.topics, found, {name: settings.sources[name].source.name_of for name in found}, now())


@app.command()
def add(
    name: Annotated[str, typer.Argument(help='What it is called, as people write it: "scikit-learn".')],
    github: Annotated[str | None, typer.Option("--github", metavar="OWNER/NAME", help="Its repository.")] = None,
    stackoverflow: Annotated[str | None, typer.Option("--stackoverflow", metavar="TAG", help="Its tag there.")] = None,
    medium: Annotated[str | None, typer.Option("--medium", metavar="TAG", help="Its tag on Medium.")] = None,
    devto: Annotated[str | None, typer.Option("--devto", metavar="TAG", help="Its tag on dev.to.")] = None,
    jobs: Annotated[
        list[str] | None, typer.Option("--jobs", metavar="PHRASE", help="What job postings call it; may be given again.")
    ] = None,
    basket: Annotated[str | None, typer.Option("--basket", help="The basket that it joins, else the only one.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, write nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
) -> int:
    """Follow one more technology.

    Proposes its names per source, shows what they match, and writes it into the config.
    Example: uptake add Polars --github pola-rs/polars
    """
    from dataclasses import replace

    settings = config()
    key = re.sub(r"[^a-z0-9.+_-]+", "-", name.strip().lower()).lstrip("-._+").rstrip("-")
    if not key:
        raise UsageError(f"{name!r} has no letter or digit in it to make a key of")
    if key in settings.topics:
        raise UsageError(f"[topics.{key}] is in {settings.path} already; edit it there")
    joins = _basket(settings, basket)
    given = {"github": github, "stackoverflow": stackoverflow, "medium": medium, "devto": devto}
    names: dict[str, Any] = {
        "github": github or f"{key}/{key}",
        "stackoverflow": stackoverflow or key,
        "medium": medium or re.sub(r"[^a-z0-9]+", "-", key).strip("-"),
        "devto": devto or re.sub(r"[^a-z0-9]", "", key),
        "jobs": [f'"{p}"' if '"' not in p else p for p in jobs or [name]],
        "search": name,
    }
    for guess, value in given.items():
        asked = guess in settings.sources and settings.sources[guess].enabled
        if not value and not (asked and names[guess] and _readable(settings, guess, Topic(key, name, names))):
            names.pop(guess)  # what nobody looks up is not guessed
    for s in settings.sources.values():
        s.source.check(Topic(key, name, names))
    typer.echo(f"{name}: asking what its names match …")
    trial = replace(settings, topics={key: Topic(key, name, names)})
    found = previews(trial, [n for n, s in settings.sources.items() if s.enabled])
    doubtful = []
    for source, lines in found.items():
        for p in lines:
            typer.echo(f"  {settings.sources[source].source.title}: {'' if p.found else '! '}{p.text}")
        signal = next((s for s in settings.sources[source].source.signals if s in names), None)
        if signal == source and not any(p.topic == key and p.found for p in lines):
            doubtful.append(signal)
    for signal in doubtful:
        if not given[signal]:
            typer.echo(f"  left out: {signal} = {names[signal]!r} was only a guess and nothing was found by it; name it with --{signal}")
            names.pop(signal)
    if dry_run:
        return 0
    if not yes and sys.stdin.isatty() and not typer.confirm(f"Write [topics.{key}] into {settings.path}?", default=True):
        return 0
    _write_topic(settings.path, key, name, names, joins)
    _keep(trial, {source: lines for source, lines in found.items() if source not in doubtful or source in names})
    history = f", and uptake backfill github --topic {key}" if "github" in names else ""
    typer.echo(f"wrote [topics.{key}] into {settings.path}, basket {joins}. Next: uptake collect --topic {key}{history}")
    return 0


def _readable(settings: Config, signal: str, topic: Topic) -> bool:
    """Whether a guess can be a name at all: c++/c++ is no repository."""
    try:
        for s in settings.sources.values():
            if s.source.signals == (signal,):
                s.source.check(topic)
    except UsageError:
        return False
    return True


def _basket(settings: Config, wanted: str | None) -> str:
    if wanted is not None:
        if wanted not in settings.baskets:
            raise UsageError(f"--basket: there is no basket {wanted!r}; there are: {', '.join(settings.baskets)}")
        return wanted
    if len(settings.baskets) != 1:
        raise UsageError(
            f"say with --basket which one it joins: {', '.join(settings.baskets) or 'there is none yet, write a [baskets.…] section'}"
        )
    return next(iter(settings.baskets))


def _write_topic(path: Path, key: str, title: str, names: dict[str, Any], basket: str) -> None:
    import tomlkit

    from scheduler.config import load

    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    section = tomlkit.table()
    section["title"] = title
    for signal, value in names.items():
        section[signal] = value
    document["topics"][key] = section
    document["baskets"][basket]["topics"].append(key)
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(tomlkit.dumps(document), encoding="utf-8")
    try:
        load(temporary)  # never leave a file behind that the next command refuses
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
