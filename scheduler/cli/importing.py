"""The command that brings in figures of others: import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli.app import app
from scheduler.cli.common import Json, config, counted, moment, print_json, writing
from storage.model import UsageError, read_labels

if TYPE_CHECKING:
    from scheduler.cli.page_import import PageOptions
    from scheduler.config import Config
    from storage.figures import Figures
    from storage.journal import Journal
    from storage.model import Metric


@app.command("import")
def import_(
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="Files of the format.")] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="csv: figures with a citation. page: pages saved from a browser (.html, .mhtml, gzipped). google-trends: CSV saved on "
            "the Trends page. pwc: Papers With Code's archive (JSON, JSON.gz, Parquet). survey: Stack Overflow's yearly results.",
        ),
    ] = "csv",
    source: Annotated[str | None, typer.Option("--source", metavar="NAME", help="Of pages: whose they are.")] = None,
    topic: Annotated[
        str | None, typer.Option("--topic", metavar="T", help="Of pages: what was searched for, where they do not say so themselves.")
    ] = None,
    saved: Annotated[
        str | None, typer.Option("--time", metavar="TIME", help="Of pages and Trends files: when they were saved; else the file's date.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="K=V", help="Of pages: a label, as country=us; of Trends files: geo=US. May be given again."),
    ] = None,
    starting_history: Annotated[
        bool, typer.Option("--starting-history", help="The bundled figures on machine-learning frameworks.")
    ] = False,
    origin: Annotated[
        str, typer.Option("--origin", help="Of rows that do not say: imported, or measured for an export of Uptake itself.")
    ] = "imported",
    partial: Annotated[bool, typer.Option("--partial", help="Import the good rows of a file that also has bad ones.")] = False,
    json: Json = False,
) -> int:
    """Bring in published figures with their citations, or the counts on pages that you saved.

    Columns of a CSV file: time,source,metric,topic,labels,value,bound,observed_at,citation. Imported figures are
    shown as such and never mixed silently with measured ones. Importing a file again changes nothing.

    A board that refuses programs can be followed by hand: search it in your browser for a topic's words, save the
    result page, and hand it in. The topic, the country and the week's window are read from the page's own search;
    the page is kept, so that `uptake trace` shows it. A search in one town, or of one day, is a series of its own
    (labels narrowed and within). What gives no figure is listed with its reason.

    Papers With Code's archive wants both its files, links and papers, in one call.

    Example: uptake import figures.csv, or uptake import --format page --source linkedin pytorch.html jax.mhtml
    """
    from scheduler.cli.page_import import PageOptions, import_pages
    from storage import figures, rollup

    options = PageOptions(source, topic, saved, label or ())
    _check(form, origin, options, bool(files), starting_history=starting_history)
    there = [_there(path) for path in files or []]
    settings = config()
    if form == "page":
        return import_pages(settings, there, options, as_json=json)
    batches = [("the starting history", figures.starting_history())] if starting_history else []
    batches += _batches(form, there, settings, options, origin)
    report: list[dict[str, Any]] = []
    failed = False
    with writing(settings) as journal:
        define_all(journal)
        for name, batch in batches:
            refused = bool(batch.problems) and not partial
            if refused:
                changes = None
            else:
                with journal.write() as tx:
                    tx.define(_meanings(form), form.replace("-", "_"))
                    changes = figures.import_rows(tx, batch.rows)
            failed |= bool(batch.problems)
            report.append(
                {
                    "file": name,
                    "imported": refused is False,
                    "rows": len(batch.rows),
                    "new": changes.new if changes else 0,
                    "revised": changes.revised if changes else 0,
                    "problems": [{"line": p.line, "message": p.message} for p in batch.problems],
                    "notes": list(batch.notes),
                }
            )
        with journal.write() as tx:
            rollup.refresh(tx)
    if json:
        print_json(report)
    else:
        _tell_imported(report)
    return 1 if failed else 0


FORMATS = ("csv", "page", "google-trends", "pwc", "survey")


def _check(form: str, origin: str, options: PageOptions, named: bool, *, starting_history: bool) -> None:
    """Raise `UsageError` for options that do not go together."""
    if form not in FORMATS:
        raise UsageError(f"--format: {form!r} is not known; there are: {', '.join(FORMATS)}")
    if form == "page" and (starting_history or not named):
        raise UsageError("name the pages that you saved: uptake import --format page --source NAME FILE…")
    if options and form not in {"page", "google-trends"}:
        raise UsageError("--source, --topic, --time and --label are for saved pages: add --format page")
    if origin not in {"imported", "measured"}:
        raise UsageError(f"--origin: {origin!r} is not known; there are: imported, measured")
    if not named and not starting_history:
        raise UsageError("name a file, or use --starting-history for the bundled figures")


def _batches(form: str, paths: Sequence[Path], settings: Config, options: PageOptions, origin: str) -> list[tuple[str, Figures]]:
    """What the files hold. The archive's files belong together, of other formats each stands for itself."""
    if form != "pwc" or not paths:
        return [(str(path), _read(form, path, settings, options, origin)) for path in paths]
    from storage.pwc_archive import read_archive

    return [(", ".join(map(str, paths)), read_archive(paths, settings.topics.values()))]


def _read(form: str, path: Path, settings: Config, options: PageOptions, origin: str) -> Figures:
    """The figures of one file."""
    if form == "google-trends":
        from crawlers.search_interest.saved import read_export

        when = moment(options.time, "--time")
        saved = int(path.stat().st_mtime) if when is None else when
        return read_export(path, settings.topics, saved=saved, geo=dict(read_labels(";".join(options.labels))).get("geo"))
    if form == "survey":
        from storage.surveys import read_survey

        return read_survey(path, settings.topics.values())
    from storage.figures import read_csv

    return read_csv(path, origin=origin)


def _meanings(form: str) -> Iterable[Metric]:
    """Definitions of metrics that only a format has."""
    if form != "google-trends":
        return ()
    from crawlers.search_interest.metrics import SAVED

    return SAVED.values()


def _tell_imported(report: Sequence[dict[str, Any]]) -> None:
    for entry in report:
        for problem in entry["problems"]:
            typer.echo(f"{entry['file']}, line {problem['line']}: {problem['message']}", err=True)
        if entry["imported"]:
            typer.echo(f"{entry['file']}: {counted(entry['rows'], 'figure')} read, {entry['new']:,} new, {entry['revised']:,} changed")
            for note in entry["notes"]:
                typer.echo(f"  {note}")
        else:
            typer.echo(f"{entry['file']}: nothing imported because of the lines above; mend them, or use --partial for the rest", err=True)


def _there(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    return path


def define_all(journal: Journal) -> None:
    """Write down what every metric means, so that imported series of sources that never ran are understood."""
    from crawlers.catalog import sources
    from storage.vocabulary import SHARED

    with journal.write() as tx:
        tx.define(SHARED)
        for name, cls in sources().items():
            tx.define(cls.metrics(), name)
