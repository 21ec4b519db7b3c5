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
    engine: Annotated[str, typer.Option("--engine", metavar="NAME", help="embedded or procrastinate; else [daemon] engine.")] = "",
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="With procrastinate: also make visits here, not only plan them.")
    ] = True,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Listen there instead of on [http] port.")] = None,
) -> int:
    """Measure on schedule until Ctrl-C.

    Each source has its own schedule (UTC; `uptake sources NAME`). What was missed while the machine was off is read
    from the sources' history where they have one, and told as missing where not. Pages to look at,
    /healthz and /metrics are on [http] host and port. SIGHUP reads the configuration again.
    With the engine procrastinate, any number of these and of `uptake worker` share one plan (docs/scaling.md).
    Example: uptake run --once
    """
    from scheduler.cli import logs
    from scheduler.sole import sole, sole_on

    def load() -> Config:
        return with_engine(config(), engine)

    settings = load()
    if not once:
        check_door(settings)
    logs.in_the_long_run()
    if settings.daemon.engine == "procrastinate" and not once:
        from scheduler.cli.cluster import take_part
        from scheduler.engines.queue.engine import Part

        return take_part(load, Part(plans=True, works=worker), port=port)
    with (
        sole(settings.store, now()),
        writing(settings, lean=True, sends=once) as journal,
        sole_on(journal, life=settings.daemon.lease),
    ):
        tell_terms(settings.enabled())
        if once:
            from scheduler.once import run_once

            return run_once(settings, journal)
        from crawlers.engine import run_async
        from scheduler.daemon import Daemon, Role

        role = Role(port=port)
        return run_async(lambda: Daemon(settings, journal, reload=load, say=typer.echo, role=role).run(), reactor=settings.reactor)


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
    check_door(settings)
    logs.in_the_long_run()
    with reading(settings) as journal:
        asyncio.run(show(settings, journal, say=typer.echo))
    return 0


def check_door(settings: Config) -> None:
    from scheduler.web import is_loopback

    if not is_loopback(settings.http.host) and settings.http_token is None:
        raise UsageError(
            f"[http] host: {settings.http.host} can be reached by others, so a token is needed: set UPTAKE_HTTP_TOKEN or token_file;"
            ' or listen on "127.0.0.1"'
        )


def with_engine(settings: Config, engine: str) -> Config:
    """The configuration with another engine than its own, if one is named. Looks whether the engine can be used."""
    import dataclasses

    if engine and engine not in {"embedded", "procrastinate"}:
        raise UsageError(f"--engine: there is no engine {engine!r}; there are: embedded, procrastinate")
    if engine:
        settings = dataclasses.replace(settings, daemon=settings.daemon.model_copy(update={"engine": engine}))
    if settings.daemon.engine == "procrastinate":
        from scheduler.engines.queue.opening import required

        required(settings.queue)
    return settings
