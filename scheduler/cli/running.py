"""The commands that stay: run, serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.app import app
from scheduler.cli.common import config, now, reading, tell_terms, writing
from storage.model import UsageError

if TYPE_CHECKING:
    from scheduler.config import Config


@app.command()
def run(
    once: Annotated[bool, typer.Option("--once", help="Do all that is due, and exit: for cron, timers, Kubernetes jobs.")] = False,
) -> int:
    """Measure on schedule until Ctrl-C.

    Each source has its own schedule (UTC; `uptake sources NAME`). What was missed while the machine was off is read
    from the sources' history where they have one, and told as missing where not. Pages to look at,
    /healthz and /metrics are on [http] host and port. SIGHUP reads the configuration again. Example: uptake run --once
    """
    from scheduler.cli import logs
    from scheduler.sole import sole, sole_on

    settings = config()
    if not once:
        _check_door(settings)
    logs.in_the_long_run()
    with sole(settings.store, now()), writing(settings, lean=True, sends=once) as journal, sole_on(journal):
        tell_terms(settings.enabled())
        if once:
            from scheduler.once import run_once

            return run_once(settings, journal)
        from crawlers.engine import run_async
        from scheduler.daemon import Daemon

        return run_async(lambda: Daemon(settings, journal, reload=config, say=typer.echo).run(), reactor=settings.reactor)


@app.command()
def serve() -> int:
    """Show what was measured, without measuring.

    The same pages and API as beside `uptake run`, on [http] host and port; only reads, and may run beside a daemon that
    has another port, or on a copy of the folder. Example: uptake serve
    """
    import asyncio

    from scheduler.cli import logs
    from scheduler.web.opening import serve as show

    settings = config()
    _check_door(settings)
    logs.in_the_long_run()
    with reading(settings) as journal:
        asyncio.run(show(settings, journal, say=typer.echo))
    return 0


def _check_door(settings: Config) -> None:
    from scheduler.web import is_loopback

    if not is_loopback(settings.http.host) and settings.http_token is None:
        raise UsageError(
            f"[http] host: {settings.http.host} can be reached by others, so a token is needed: set UPTAKE_HTTP_TOKEN or token_file;"
            ' or listen on "127.0.0.1"'
        )
