"""The daemon's command: run."""

from __future__ import annotations

from typing import Annotated

import typer

from scheduler.cli.app import app
from scheduler.cli.common import config, now, tell_terms, writing
from storage.model import UsageError


@app.command()
def run(
    once: Annotated[bool, typer.Option("--once", help="Do all that is due, and exit: for cron, timers, Kubernetes jobs.")] = False,
) -> int:
    """Measure on schedule until Ctrl-C.

    Each source has its own schedule (UTC; `uptake sources NAME`). What was missed while the machine was off is read
    from the sources' history where they have one, and told as missing where not. Health and metrics: /healthz and
    /metrics on [http] host and port. SIGHUP reads the configuration again. Example: uptake run --once
    """
    from scheduler.cli import logs
    from scheduler.sole import sole
    from scheduler.web import is_loopback

    settings = config()
    if not is_loopback(settings.http.host) and settings.http_token is None and not once:
        raise UsageError(
            f"[http] host: {settings.http.host} can be reached by others, so a token is needed: set UPTAKE_HTTP_TOKEN or token_file;"
            ' or listen on "127.0.0.1"'
        )
    logs.in_the_long_run()
    with sole(settings.store, now()), writing(settings, lean=True, sends=once) as journal:
        tell_terms(settings.enabled())
        if once:
            from scheduler.once import run_once

            return run_once(settings, journal)
        from crawlers.engine import run_async
        from scheduler.daemon import Daemon

        return run_async(lambda: Daemon(settings, journal, reload=config, say=typer.echo).run(), reactor=settings.reactor)
