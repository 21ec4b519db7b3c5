"""Commands about the papers of conferences that are kept: how far editions are read, what rules count, which papers count."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli.app import app
from scheduler.cli.common import Json, config, counted, print_json, table
from storage.model import UsageError

if TYPE_CHECKING:
    from crawlers.keywords import Keywords
    from crawlers.papers.editions import Edition
    from crawlers.papers.rules import Rule, Rules
    from crawlers.papers.shelf import Place
    from crawlers.papers.tally import Tally
    from scheduler.config import Config

NAME = "conferences"
papers = typer.Typer(invoke_without_command=True, rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})
app.add_typer(papers, name="papers")

Editions = Annotated[
    list[str] | None, typer.Option("--edition", "-e", metavar="E", help='Only this one, like "CVPR 2026"; may be given again.')
]


@papers.callback(invoke_without_command=True)
def overview(context: typer.Context, json: Json = False) -> None:
    """Conference papers: how far each edition is read.

    What could not be read is told with its reason; counts of such an edition are lower bounds. Papers are fetched by
    `uptake collect conferences`. `uptake papers ablate` shows what other rules would count, `uptake papers matches` which
    papers count. Example: uptake papers
    """
    if context.invoked_subcommand is not None:
        return
    from crawlers.papers.editions import Edition
    from crawlers.papers.library import Library

    settings = config()
    kept = _kept(settings)
    wanted = [e for e in _chosen_by(settings) if e not in kept]
    documents = []
    for edition in kept:
        with Library(_place(settings), edition, writable=False) as library:
            standing, unreadable = library.standing(), library.unreadable()
        states = {str(state): n for state, n in sorted(standing.states.items())}
        bad = [{"title": title, "state": str(state), "detail": detail} for title, state, detail in unreadable]
        documents.append(
            {"edition": str(edition), "papers": standing.listed, "read": standing.read, "waiting": standing.waiting}
            | {"states": states, "unreadable": bad, "words": str(standing)}
        )
    documents += [{"edition": str(e), "papers": None, "read": 0, "waiting": None, "words": "not read yet"} for e in wanted]
    documents.sort(key=lambda d: (-Edition.read(d["edition"]).year, d["edition"]))
    if json:
        print_json(documents)
    elif documents:
        typer.echo(table([[str(d["edition"]), str(d["words"])] for d in documents], ["edition", "papers"]))
    else:
        typer.echo('No edition is read: name the topics\' keywords with papers = ["…"], then uptake collect conferences.')


@papers.command()
def ablate(
    edition: Editions = None,
    topics: Annotated[str, typer.Option("--topics", metavar="A,B", help="Columns; else those of the rules.")] = "",
    rules: Annotated[
        str, typer.Option("--rules", metavar="R,S", help="Rows; else the 2019 article's sixteen and those of the config.")
    ] = "",
    json: Json = False,
) -> None:
    """What each rule counts, side by side, from the kept texts.

    Nothing is fetched and nothing is stored. A mark + says that some papers could not be read, so that there may be more.
    Example: uptake papers ablate --edition "CVPR 2026" --topics pytorch,tensorflow
    """
    from crawlers.papers.rules import ARTICLE

    settings = config()
    known = _rules(settings)
    names = [r.strip() for r in rules.split(",") if r.strip()]
    own = [r for r in _option(settings, "rules") if not r.startswith(ARTICLE)]
    chosen = known.chosen(names or [*own, *(r for r in known.rules if r.startswith(ARTICLE))])
    keywords = _keywords(settings)
    columns = [t.strip() for t in topics.split(",") if t.strip()] or _columns(chosen, keywords)
    for topic in columns:
        if topic not in keywords and not any(r.keywords and topic in r.keywords for r in chosen):
            raise UsageError(f"--topics: no topic {topic!r} has papers = … in {settings.path}, and no rule knows it")
    rows: list[dict[str, Any]] = []
    for one in _named(settings, edition):
        counts = _tally(settings, one, keywords, chosen, known)
        rows += [_row(counts, rule, columns, chosen) for rule in chosen]
    if json:
        print_json(rows)
        return
    header = ["edition", "rule", "papers", "left out", *columns, "several", "what it does"]
    cells = [
        [row["edition"], row["rule"], f"{row['read']:,}", f"{row['left_out']:,}"]
        + [_told(row["mentioning"][t], row["bound"]) for t in columns]
        + [f"{row['several']:,}", row["about"]]
        for row in rows
    ]
    typer.echo(table(cells, header, right=frozenset(range(2, 5 + len(columns)))))


@papers.command()
def matches(
    edition: Annotated[str, typer.Argument(help='Like "CVPR 2026".')],
    topic: Annotated[str, typer.Argument(help="Its key in the configuration.")],
    rule: Annotated[str, typer.Option("--rule", metavar="R", help="By which rule.")] = "inclusive",
    also: Annotated[str, typer.Option("--with", metavar="T", help="Only papers that mention this topic too.")] = "",
    json: Json = False,
) -> None:
    """The papers that count for a topic.

    Each with its address and the checksum of the PDF that was read. Example: uptake papers matches "CVPR 2026" pytorch
    """
    settings = config()
    known, keywords = _rules(settings), _keywords(settings)
    (chosen,) = known.chosen([rule])
    for name in filter(None, (topic, also)):
        if not (name in keywords if chosen.keywords is None else name in chosen.keywords):
            raise UsageError(f"the rule {rule} has no keywords of {name!r}")
    (one,) = _named(settings, [edition])
    counts = _tally(settings, one, keywords, [chosen], known)
    found = counts.matching(topic, chosen, also=also)
    if json:
        print_json([{"id": p.id, "title": p.title, "url": p.url, "sha256": p.sha256} for p in found])
        return
    for paper in found:
        typer.echo(f"{paper.title}\n    {paper.url}")
    typer.echo(f"{counted(found, 'paper')} of {one}: {counts.standing}")


def _told(count: int | None, bound: str) -> str:
    return "" if count is None else f"{count:,}{'+' if bound == 'at_least' else ''}"


def _row(counts: Tally, rule: Rule, columns: list[str], rules: list[Rule]) -> dict[str, Any]:
    """One rule's line: counts by topic, None where the rule does not know it."""
    knows = counts.topics if rule.keywords is None else frozenset(rule.keywords)
    twin = next((r.name for r in rules[: rules.index(rule)] if r.same_as(rule)), None)
    return {
        "edition": str(counts.standing.edition),
        "rule": rule.name,
        "about": f"as {twin}" if twin else rule.about,
        "citation": rule.citation,
        "papers": counts.standing.listed,
        "read": counts.standing.read,
        "left_out": counts.left_out(rule),
        "mentioning": {t: len(counts.matching(t, rule)) if t in knows else None for t in columns},
        "several": counts.several(rule, columns),
        "bound": counts.bound.name.lower(),
    }


def _columns(rules: list[Rule], keywords: dict[str, Keywords]) -> list[str]:
    named = dict.fromkeys(t for r in rules for t in (r.keywords or {}))
    return list(named) or list(keywords)


def _place(settings: Config) -> Place:
    from crawlers.papers.shelf import FOLDER

    return settings.store / FOLDER if settings.store_url is None else _beside(settings.store, settings.store_url)


@cache
def _beside(folder: Path, url: str) -> Place:
    """Of a journal on a server; closed with the process."""
    from crawlers.papers.shelf import place_of
    from storage.journal import Journal

    return place_of(Journal.open(folder, url))


def _kept(settings: Config) -> list[Edition]:
    """The editions of which a listing was read."""
    from crawlers.papers.library import Library
    from crawlers.papers.shelf import editions_in

    found = []
    for edition in editions_in(_place(settings)):
        with Library(_place(settings), edition, writable=False) as library:
            found += [edition] * bool(library.standing().listed)
    return found


def _named(settings: Config, names: list[str] | None) -> list[Edition]:
    """The kept editions that are meant. Raises `UsageError` for one of which nothing is kept."""
    from crawlers.papers.editions import Edition

    kept = _kept(settings)
    wanted = [Edition.read(n) for n in names or ()] or kept
    for edition in wanted:
        if edition not in kept:
            there = f"there are: {', '.join(map(str, kept))}" if kept else "none is read yet"
            raise UsageError(f"no text of {edition} is kept; {there} (uptake collect conferences reads those of the configuration)")
    if not wanted:
        raise UsageError("no edition is read yet; uptake collect conferences reads those of the configuration")
    return wanted


def _option(settings: Config, name: str) -> Any:
    setup = settings.setup(NAME)
    return setup.source.chosen(setup.options, name)


def _chosen_by(settings: Config) -> list[Edition]:
    """The editions that the configuration reads, if any topic names itself there."""
    from crawlers.spiders.papers.conferences import Conferences
    from scheduler.cli.common import now

    return Conferences.editions(settings.setup(NAME).options, now()) if _keywords(settings) else []


def _rules(settings: Config) -> Rules:
    from crawlers.papers.rules import load

    return load(_option(settings, "rules_file"))


def _keywords(settings: Config) -> dict[str, Keywords]:
    from crawlers.spiders.papers.conferences import Conferences

    return {key: k for key, topic in settings.topics.items() if (k := Conferences.keywords_of(topic)) is not None}


def _tally(settings: Config, edition: Edition, keywords: dict[str, Keywords], rules: list[Rule], known: Rules) -> Tally:
    from crawlers.papers.library import Library
    from crawlers.papers.plan import compared
    from crawlers.papers.tally import tally

    among = compared(list(keywords), _option(settings, "compare"))
    with Library(_place(settings), edition, writable=False) as library:
        return tally(library, keywords, rules, known, among=among)
