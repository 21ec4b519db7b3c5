"""Commands of the first minutes: quickstart, init."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from scheduler.cli.app import app
from scheduler.cli.common import config
from storage.model import UptakeError, UsageError


@app.command()
def quickstart(
    directory: Annotated[Path | None, typer.Argument(help="Where uptake.toml and the data go; else here.")] = None,
) -> int:
    """From nothing to a report in one go.

    Writes a config if there is none, imports the starting history, writes the report, measures for the first
    time, and writes the report again. Safe to call again: what is there is kept. Example: uptake quickstart ml
    """
    from scheduler.cli.collecting import collect
    from scheduler.cli.importing import import_
    from scheduler.cli.showing import write_report
    from scheduler.config import locate

    path = locate() if directory is None else directory / "uptake.toml"
    if not path.exists():
        init(path.parent)
    os.environ["UPTAKE_CONFIG"] = str(path)
    import_(files=None, starting_history=True)
    settings = config()
    typer.echo(f"report: {write_report(settings)}")
    typer.echo("\nNow the first collection. It asks politely, about one request a second; Ctrl-C stops it, nothing is lost.")
    code = collect(sources=None)
    typer.echo(f"report: {write_report(settings)}\n")
    typer.echo(_summary())
    program = _program()
    typer.echo(
        "Next:\n"
        f"  {program} add NAME --github owner/name --basket {next(iter(settings.baskets), 'BASKET')}\n"
        "      follows a technology of your own\n"
        "  export UPTAKE_GITHUB_TOKEN=…\n"
        "      a token without any scope: 5,000 requests an hour instead of 60\n"
        f"  {program} run\n"
        "      measures each day by itself until Ctrl-C; `run --once` does it from cron or a timer"
    )
    return 0 if code in {0, 1} else code


def _program() -> str:
    """How this program was called, if that is how it can be called again."""
    called = Path(sys.argv[0])
    return "uptake" if shutil.which("uptake") or called.name != "uptake" else os.path.relpath(called)


def _summary() -> str:
    """A few lines per basket: its fullest tables. All of it is `uptake trends`."""
    from scheduler.cli.showing import baskets_of, looking
    from trends.loading import load
    from trends.summary import summarise
    from trends.summary_text import headline

    settings = config()
    baskets = baskets_of(settings, None)
    with looking(settings, None, None) as (connection, view):
        panel = load(connection, [t for b in baskets for t in b.topics], now=view.now)
    return headline(summarise(panel, baskets, settings.topics))


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="Where to write uptake.toml.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a commented uptake.toml.

    Its topics and baskets match the starting history. Example: uptake init ml
    """
    path = directory / "uptake.toml"
    if path.exists() and not force:
        raise UsageError(f"{path} is there already; edit it, or replace it with --force")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        path.write_text((files("scheduler") / "data" / "uptake.toml").read_text(encoding="utf-8"), encoding="utf-8")
    except OSError as error:
        raise UptakeError(f"cannot write {path}: {error.strerror}; choose a folder that you may write to") from error
    typer.echo(f"wrote {path}")
