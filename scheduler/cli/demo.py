"""The command ``demo``: a whole simulated year in about a minute."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.app import app
from scheduler.cli.common import now

if TYPE_CHECKING:
    from scheduler.config import Config
    from scheduler.demo.telling import Teller
    from scheduler.demo.year import Outcome


@app.command()
def demo(
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Where it is kept: empty, or an earlier demo's; else a temporary one.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Other dice for the same world.")] = 1,
    weeks: Annotated[int, typer.Option("--weeks", min=1, max=52, help="Stop after so many.")] = 52,
    serve: Annotated[bool, typer.Option("--serve", help="Keep the pages open at the end of the year, until Ctrl-C.")] = False,
) -> int:
    """Watch a simulated year pass in about a minute: no keys, no network.

    Local servers answer in the shape of GitHub, Hacker News, Medium, Stack Overflow, two job boards, Google Trends and a
    conference, for twelve invented technologies of which it is known what is true: who grows, who overtakes whom and when,
    which source changes its counter, which one fails. The program is the real one, on a fast clock. At the end stands what
    was planted beside what it found; the exit code is 1 if it missed anything. Example: uptake demo --serve
    """
    from scheduler.demo.plan import Plan
    from scheduler.demo.telling import Teller, console
    from scheduler.demo.year import run
    from storage.model import Cadence
    from storage.periods import HOUR, WEEK, day, floor

    place = folder if folder is not None else Path(tempfile.mkdtemp(prefix="uptake-demo-"))
    plan = Plan(seed, floor(now() - 8 * HOUR, Cadence.WEEK) - weeks * WEEK, weeks)
    out = console()
    teller = Teller(out, plan, plain=not out.is_terminal)
    teller.say(f"{weeks} simulated week{'s' * (weeks > 1)} from {day(plan.start)}. Ctrl-C stops it. All of it stays in {place}")
    try:
        outcome = run(plan, place, teller, serve=serve, said=lambda settings, url, found: _tell(teller, settings, url, found, serve=serve))
    except KeyboardInterrupt:
        if (place / "data").exists():
            teller.say(f"Stopped. What was measured until then is in {place}; `uptake demo` begins anew.")
        raise
    return 0 if outcome.good else 1


def _tell(teller: Teller, settings: Config, url: str, outcome: Outcome, *, serve: bool) -> None:
    """The table of what was planted, the totals, and where to go on."""
    from storage.periods import day

    teller.say()
    teller.table(outcome.rows)
    missed = sum(not verdict.word.good for _, verdict in outcome.rows)
    teller.say()
    good = f"{len(outcome.rows) - missed} of {len(outcome.rows)} planted things are as they should be"
    teller.say(f"{good}; {missed} not." if missed else f"{good}.")
    asked = sum(outcome.received.requests.values())
    teller.say(f"{asked:,} requests were answered, {outcome.captures:,} answers kept, {outcome.figures:,} figures rest on them.")
    until = day(teller.plan.end)
    config = os.path.relpath(settings.path) if settings.path.is_relative_to(Path.cwd()) else str(settings.path)
    teller.say("\nLook further:")
    for command in (
        f"uptake trends claims --until {until} --config {config}",
        f"uptake digest --list --config {config}",
        f"uptake status --config {config}",
        f"uptake serve --config {config}    # then open its address with /?as_of={until} behind it",
    ):
        teller.say(f"  {command}", whole=True)
    if serve:
        teller.say(f"\nThe pages stay open at {url}/ as of {until}; Ctrl-C ends it.")


__all__ = ["demo"]
