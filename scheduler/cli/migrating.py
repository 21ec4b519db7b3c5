"""The command migrate: the journal from a file to PostgreSQL, or back."""

from __future__ import annotations

import json as plain_json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.app import app
from scheduler.cli.common import Json, Progress, config, counted, print_json, reading, table
from storage.model import UptakeError, UsageError

if TYPE_CHECKING:
    from scheduler.config import Config
    from storage.journal import Journal
    from storage.moving import Compared

_SHORT = 16  # digits of a checksum that are shown


@app.command()
def migrate(
    to: Annotated[
        str, typer.Option("--to", metavar="URL|PATH", help="A PostgreSQL database that is empty or new, or a folder for the file.")
    ],
    check: Annotated[bool, typer.Option("--check", help="Change nothing: only compare the journal with the one that is there.")] = False,
    json: Json = False,
) -> int:
    """Move the journal to PostgreSQL, or back to a file.

    All of it is copied as of one moment, read back there, and compared; only then is it kept. A copy that is cut off leaves
    nothing, and the next call starts anew. The journal that it comes from is not changed, so you can go back until something
    new was measured. Raw responses and reports stay in the folder of [store] path. Stop `uptake run` first; a password goes into
    PGPASSWORD or a file that PGPASSFILE names, not into the URL. Example: uptake migrate --to postgresql+psycopg://uptake@db.example.org/uptake
    """
    from crawlers.papers import shelf
    from storage import moving
    from storage.journal import Journal

    settings = config()
    papers = 0
    with ExitStack() as stack:
        bar = stack.enter_context(Progress(quiet=json))
        if not check:
            _refuse_daemon(settings)
        source = stack.enter_context(reading(settings, own="the whole journal"))
        folder, url = _place(settings, to)
        if not check:
            _refuse_others(source)
        if check:
            target = stack.enter_context(_there(folder, url))
            found = moving.compare(source, target, bar)
        else:
            target = stack.enter_context(Journal.open(folder, url, writable=True))
            papers = shelf.copy(shelf.place_of(source), shelf.place_of(target))  # first, as it can be done again
            found = moving.move(source, target, bar)
        names = source.name, target.name
    equal = all(each.equal for each in found)
    if json:
        print_json({"from": names[0], "to": names[1], "equal": equal, "tables": [_described(each) for each in found]})
    else:
        _tell(found, names)
        if not check:
            typer.echo(f"Papers' texts that came along: {papers:,}")
            typer.echo(f"\n{_next_step(settings, folder, url)}")
    return int(not equal)


def _refuse_daemon(settings: Config) -> None:
    from scheduler.sole import running

    if (daemon := running(settings.store)) is not None:
        raise UptakeError(
            f"`uptake run` (process {daemon.get('pid')}) is at work on {settings.store}: what it measures from now on would be missing"
            " in the copy; stop it, then migrate"
        )


def _refuse_others(source: Journal) -> None:
    """Who is at work on the same journal from other machines: planners, workers, crawls by hand."""
    from scheduler.sole import at_work
    from storage import leases

    others = at_work(source)
    with source.read() as connection:
        crawling = {lease.holder for lease in leases.held(connection)}
    others += sorted(holder for holder in crawling if not any(holder in said for said in others))
    if others:
        raise UptakeError(
            f"{', '.join(others)} {'are' if len(others) > 1 else 'is'} at work on {source.name}, or was a moment ago: what is measured from"
            " now on would be missing in the copy; stop it on all machines, then migrate"
        )


def _place(settings: Config, to: str) -> tuple[Path, str | None]:
    """The folder and the address of the target. Raises `UsageError` where that is the journal itself."""
    from scheduler.config_store import without_password
    from storage.journal import FILE
    from storage.postgres import shown

    if "://" in to:
        url = without_password(to, "--to")
        if settings.store_url is not None and shown(settings.store_url) == shown(url):
            raise UsageError(f"{shown(url)} is the journal itself; name another database, or a folder")
        return settings.store, url
    path = Path(to).expanduser()
    folder = path.parent if path.name == FILE else path
    if settings.store_url is None and folder.resolve() == settings.store.resolve():
        raise UsageError(f"{folder} is where the journal is already; name another folder, or postgresql+psycopg://user@host/database")
    return folder, None


def _there(folder: Path, url: str | None) -> Journal:
    from storage.journal import Journal, exists

    with Journal(folder, url) as journal:
        if not (exists(folder, url) and journal.there()):
            raise UsageError(f"there is no journal in {journal.name} to compare with")
    return Journal.open(folder, url)


def _described(each: Compared) -> dict[str, object]:
    here, there = each.here, each.there
    return {
        "table": here.table,
        "equal": each.equal,
        "rows": [here.rows, there.rows],
        "sha256": [here.checksum, there.checksum],
    }


def _tell(found: list[Compared], names: tuple[str, str]) -> None:
    header = ["table", "rows here", "rows there", "checksum here", "checksum there", ""]
    rows = [
        [
            each.here.table,
            f"{each.here.rows:,}",
            f"{each.there.rows:,}",
            each.here.checksum[:_SHORT],
            each.there.checksum[:_SHORT],
            "equal" if each.equal else "DIFFERENT",
        ]
        for each in found
    ]
    typer.echo(f"here: {names[0]}\nthere: {names[1]}\n")
    typer.echo(table(rows, header, right=frozenset({1, 2})))
    different = [each.here.table for each in found if not each.equal]
    if different:
        typer.echo(f"\ndifferent: {', '.join(different)}")
    else:
        typer.echo(f"\nall equal: {counted(sum(each.there.rows for each in found), 'row')}")


def _next_step(settings: Config, folder: Path, url: str | None) -> str:
    """Which line of the configuration is to be changed."""
    from storage.postgres import plain

    line = (
        f"[store]\nurl = {plain_json.dumps(plain(url))}"
        if url is not None
        else f"[store]\npath = {plain_json.dumps(str(folder.absolute()))}"
    )
    rest = "\nand take out url and url_file (or UPTAKE_STORE_URL)" if settings.store_url is not None and url is None else ""
    if url is None and folder.resolve() != settings.store.resolve():
        rest += f"\nand copy the folders captures and reports from {settings.store} there"
    rest += "\nThe former journal stays where it is; remove it when you are content."
    return f"Now change {settings.path}:\n{line}{rest}"
