"""Commands that look after what is kept: backup, vacuum."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.app import app
from scheduler.cli.common import Json, Progress, config, counted, now, print_json, reading, size, writing

if TYPE_CHECKING:
    from scheduler.backup import Backup
    from scheduler.backup_check import Checked
    from scheduler.housekeeping import Kept

SHOWN = 20  # problems that are told one by one


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An empty or new folder, or an earlier backup, which is renewed.")],
    check: Annotated[bool, typer.Option("--check", help="Make none: read the one that is there, all of it.")] = False,
    copy: Annotated[bool, typer.Option("--copy", help="Copy everything, also where the same disk could share files.")] = False,
    responses: Annotated[
        bool, typer.Option("--responses", help="Also copy raw responses that are kept elsewhere; else they are only listed.")
    ] = False,
    json: Json = False,
) -> int:
    """Copy everything that was measured to another place, also while `uptake run` is working.

    The journal as of one moment, the raw responses that it speaks of, papers' texts, and the configuration without secrets.
    A second call brings only what is new. A call that is cut off leaves the last good backup as it was. On the same disk
    files are shared, not doubled: that helps against mistakes, not against a broken disk.

    To restore: stop `uptake run`, copy DIR to where the store shall be, and name that place as path under [store]. A backup
    is a store itself, so path can also be DIR. Example: uptake backup /mnt/disk/uptake
    """
    settings = config()
    with Progress(quiet=json) as progress:
        if check:
            return _tell_check(folder, progress, as_json=json)
        from crawlers.settings import program_version
        from scheduler.backup import backup as make

        with reading(settings):  # a journal of an older program is migrated before it is copied
            made = make(
                settings.store,
                settings.path,
                folder,
                url=settings.store_url,
                now=now(),
                version=program_version(),
                link=not copy,
                progress=progress,
                keep=settings.keep,
                responses=responses,
            )
    if json:
        print_json(made.to_dict())
    else:
        _tell_backup(made, folder)
    return int(bool(made.lost))


def _tell_backup(made: Backup, folder: Path) -> None:
    from scheduler.backup_check import ELSEWHERE

    c = made.carried
    new = counted(c.new, "new file") + (f" ({size(c.bytes)}{f', {c.linked:,} of them shared' if c.linked else ''})" if c.new else "")
    gone = f", {made.removed:,} removed that are reduced since" if made.removed else ""
    typer.echo(f"backup in {folder}, as of {made.made}: {counted(made.figures, 'figure')}, journal {size(made.journal_bytes)}")
    typer.echo(f"  raw responses: {new}, {c.same:,} there already{gone}")
    if made.editions:
        typer.echo(f"  papers' texts: {counted(made.editions, 'edition')}")
    if made.elsewhere:
        away = f"{counted(made.elsewhere, 'file')} ({size(made.elsewhere_bytes)})"
        typer.echo(f"  not in this backup: {away} of raw responses at {made.at}, listed in {ELSEWHERE}; --responses copies them too")
    elif not made.lost:
        typer.echo("  looked through: the journal is whole, and every response that a figure rests on is there")
    for name in made.lost[:SHOWN]:
        typer.echo(f"  missing in the store itself, so also here: {name}", err=True)
    if len(made.lost) > SHOWN:
        typer.echo(f"  and {len(made.lost) - SHOWN:,} more", err=True)


def _tell_check(folder: Path, progress: Progress, *, as_json: bool) -> int:
    from scheduler.backup_check import check

    found: Checked = check(folder, lambda done, of: progress("raw responses", done, of))
    if as_json:
        print_json(found.to_dict())
        return int(bool(found.problems))
    about = f"{counted(found.responses, 'raw response')} in {counted(found.files, 'file')}"
    texts = f", {counted(found.editions, 'edition')} of papers" if found.editions else ""
    made = f" of {found.made}" if found.made else ""
    if found.elsewhere:
        typer.echo(f"{counted(found.elsewhere, 'file')} of raw responses at {found.at} were not copied, and not looked at")
    if not found.problems:
        typer.echo(f"the backup{made} in {folder} is whole: the journal, {about}{texts}")
    for problem in found.problems[:SHOWN]:
        typer.echo(f"{problem}", err=True)
    if len(found.problems) > SHOWN:
        typer.echo(f"and {len(found.problems) - SHOWN:,} more", err=True)
    return int(bool(found.problems))


@app.command()
def vacuum(
    quick: Annotated[bool, typer.Option("--quick", help="Without writing the journal anew: nobody has to wait.")] = False,
    here: Annotated[
        bool, typer.Option("--here", help="Only what lies on this machine's disk, where several share a journal on PostgreSQL.")
    ] = False,
    json: Json = False,
) -> int:
    """Remove what is kept for too long, and give the disk back what is free.

    `uptake run` does this once a day (with --quick), and each `uptake worker` for the disk of its machine (with --here). Raw
    responses older than keep_days (keep_people_days where they may name people) are reduced to the lines with the numbers; no
    figure is removed. Example: uptake vacuum
    """
    from scheduler.housekeeping import housekeeping

    settings = config()
    with reading(settings):
        pass
    with writing(settings) as journal:
        done = housekeeping(journal, settings, now(), rewrite=not quick, here=here)
    if json:
        print_json(done.to_dict())
    else:
        _tell_vacuum(done)
    return int(bool(done.troubles))


def _tell_vacuum(done: Kept) -> None:
    lines = []
    if done.people.files:
        saved = size(max(0, done.people.before - done.people.after))
        lines.append(
            f"{counted(done.people.responses, 'raw response')} that may name people reduced to the lines with the numbers, {saved} freed"
        )
    if done.aged.files:
        saved = size(max(0, done.aged.before - done.aged.after))
        lines.append(f"{counted(done.aged.responses, 'old raw response')} reduced to the lines with the numbers, {saved} freed")
    if done.notes:
        lines.append(f"{counted(done.notes, 'outdated note')} of sources removed from the journal")
    if done.swept.files:
        lines.append(f"{counted(done.swept.files, 'unfinished file')} that nobody works on removed, {size(done.swept.bytes)}")
    if done.elsewhere:
        lines.append(
            f"{counted(done.elsewhere, 'file')} of raw responses that figures rest on {'is' if done.elsewhere == 1 else 'are'} not in"
            " this machine's folder: each machine tidies up its own"
        )
    smaller = done.journal.before - done.journal.after
    if smaller > 0:
        lines.append(f"the journal and its log are {size(smaller)} smaller, {size(done.journal.after)}")
    for line in lines:
        typer.echo(line)
    for trouble in done.troubles:
        typer.echo(trouble, err=True)
    if done.freed > 0:
        typer.echo(f"{size(done.freed)} freed")
    elif not done.troubles:
        typer.echo("there was nothing to free")
