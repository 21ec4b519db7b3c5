"""Commands that set marks: note, confirm, reject."""

from __future__ import annotations

from typing import Annotated

import typer

from scheduler.cli.app import app
from scheduler.cli.common import config, moment, now, writing
from storage.model import Event, Series, State, UsageError


@app.command()
def note(
    text: Annotated[str, typer.Argument(help="What happened, in a few words.")],
    topic: Annotated[str, typer.Option("--topic", metavar="T", help="To which topic; else to all.")] = "",
    time: Annotated[str | None, typer.Option("--time", metavar="T", help="When; else now.")] = None,
) -> None:
    """Put an event on the charts.

    Releases are recorded by themselves. Example: uptake note "PyCon talk" --topic pytorch
    """
    settings = config()
    if topic and topic not in settings.topics:
        raise UsageError(f"--topic: there is no topic {topic!r} in {settings.path}")
    if not text.strip():
        raise UsageError("the note is empty")
    when = moment(time, "--time")
    with writing(settings) as journal, journal.write() as tx:
        new = tx.note(Event(now() if when is None else when, "note", text.strip(), topic, source="user"))
    typer.echo("noted" if new else "that note is there already")


@app.command()
def confirm(
    series: Annotated[str, typer.Argument(help='Its name, like github.stars{topic="pytorch"}.')],
    time: Annotated[str, typer.Argument(help="The figure's time.")],
) -> None:
    """Believe a figure that is held as doubtful.

    Example: uptake confirm 'github.stars{topic="pytorch"}' 2026-11-20
    """
    _settle(series, time, State.GOOD, "confirmed")


@app.command()
def reject(
    series: Annotated[str, typer.Argument(help='Its name, like github.stars{topic="pytorch"}.')],
    time: Annotated[str, typer.Argument(help="The figure's time.")],
) -> None:
    """Withdraw a figure.

    It stays readable as what it was with --as-of and in `uptake trace`.
    Example: uptake reject 'github.stars{topic="pytorch"}' 2026-11-20
    """
    _settle(series, time, State.RETRACTED, "withdrawn")


def _settle(name: str, time: str, state: State, word: str) -> None:
    from scheduler.trace import trace
    from storage import rollup

    series, when = Series.parse(name), moment(time, "TIME")
    assert when is not None
    settings = config()
    with writing(settings) as journal:
        with journal.read() as connection:
            before = trace(connection, settings.keep.here, series, when)  # says what is near where there is none
        with journal.write() as tx:
            changed = tx.settle(series, when, state)
            rollup.refresh(tx)
    if changed:
        typer.echo(word)
    elif state is State.GOOD and before.document["state"] == "retracted":
        raise UsageError(f"{series} was withdrawn at {before.document['time']}; measure it again, or import the right figure")
    else:
        typer.echo(f"nothing changed: it is {word} already")
