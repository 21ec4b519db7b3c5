"""The Typer application: commands in the order in which a newcomer meets them, and how errors are told."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from typer.core import TyperGroup


class _InOrder(TyperGroup):
    """Lists commands in the order in which a newcomer meets them."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # Typer's own context
        known = super().list_commands(ctx)
        return [name for name in ORDER if name in known] + [name for name in known if name not in ORDER]


ORDER = [
    *("demo", "quickstart", "init", "add", "check", "sources", "plan"),
    *("run", "worker", "workers", "serve", "collect", "backfill", "import", "reparse"),
    *("report", "trends", "compare", "digest", "papers", "status", "trace", "export"),
    *("note", "confirm", "reject"),
    *("influx", "backup", "migrate", "vacuum"),
]

app = typer.Typer(
    cls=_InOrder,
    name="uptake",
    help="Which technologies are being picked up, measured every week, and how sure that is.",
    epilog="Start with: uptake quickstart    Then: uptake add NAME, uptake collect, uptake report. "
    "Every command has --help with an example.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich help costs half a second at each start
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from crawlers.settings import program_version

        typer.echo(f"uptake {program_version()}")
        raise typer.Exit


@app.callback()
def options(
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE", help="The configuration; else $UPTAKE_CONFIG, else ./uptake.toml.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what is done, to standard error.")] = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log in JSON, one object a line.")] = False,
    _version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Options that go with every command; --config may also stand behind it."""
    from scheduler.cli.logs import configure

    if config is not None:
        os.environ["UPTAKE_CONFIG"] = config
    configure(verbose=verbose, as_json=log_json)
