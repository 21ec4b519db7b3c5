"""Commands about the server that receives the series: setup, check, verify, resend."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli.app import app
from scheduler.cli.common import Json, config, counted, now, print_json, table
from scheduler.cli.influx_shared import address_of, compare, connected, keeps, send_waiting, standing_at, the_journal, warned
from storage.model import Series, UptakeError, UsageError

if TYPE_CHECKING:
    from storage.influx.standing import Standing

influx = typer.Typer(rich_markup_mode=None, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
app.add_typer(influx, name="influx", help="The InfluxDB or VictoriaMetrics that receives the series.\n\nExample: uptake influx check")

ADMIN = "UPTAKE_INFLUXDB_ADMIN_TOKEN"
SHOWN = 20  # lines of a list on a terminal; --json has all


@influx.command()
def setup(
    tokens: Annotated[
        Path | None,
        typer.Option("--tokens", metavar="DIR", help="Where to write the tokens that are made (InfluxDB 2); else beside the config."),
    ] = None,
    json: Json = False,
) -> None:
    """Make the bucket, which keeps everything, and tokens that may only write and only read.

    Needs a token that may make buckets, in UPTAKE_INFLUXDB_ADMIN_TOKEN (else the usual one is tried). Safe to call
    again. The tokens go into files that only you can read. Example: uptake influx setup
    """
    from storage.influx import setting_up
    from storage.influx.answers import Refused

    settings = config()
    address = address_of(settings)
    admin = os.environ.get(ADMIN, "").strip()
    folder = tokens or settings.path.parent
    with connected(replace(address, token=admin or address.token)) as (wire, machine):
        try:
            made = setting_up.setup(wire, machine)
        except Refused as refusal:
            if refusal.trouble.denied:
                words = f"{machine} at {address.url} does not let this token make buckets; put one that may do everything into {ADMIN}"
                raise UptakeError(f"{words} for this command") from refusal
            raise
        warnings = warned(address, machine)
    files = {action: _secret(folder / f"influxdb-{action}.token", token) for action, token in made.tokens.items()}
    if json:
        print_json({"server": str(machine), "done": list(made.done), "tokens": {k: str(v) for k, v in files.items()}, "warnings": warnings})
        return
    typer.echo(f"{machine} at {address.url}")
    for line in made.done:
        typer.echo(f"  {line}")
    if files:
        typer.echo(
            f'  tokens: {files["write"]} (write: token_file = "{files["write"]}" under [influxdb]) and {files["read"]} (read: for Grafana)'
        )
    for line in warnings:
        typer.echo(f"  mind: {line}")
    typer.echo("Next: uptake influx check")


def _secret(path: Path, text: str) -> Path:
    """A file that only its owner can read, from the first moment on."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text + "\n")
    except OSError as error:
        raise UptakeError(f"cannot write the token to {path}: {error.strerror}; name another folder with --tokens") from error
    return path


@influx.command()
def check(json: Json = False) -> int:
    """What the server is, whether it takes and gives figures, what it keeps, and what waits for it.

    Changes nothing there. Example: uptake influx check
    """
    from storage.influx import setting_up

    settings = config()
    address = address_of(settings)
    found: dict[str, Any] = {"url": address.url, "org": address.org, "bucket": address.bucket}
    problems: list[str] = []
    with connected(address) as (wire, machine):
        cannot_write = setting_up.may_write(wire)
        cannot_read = setting_up.may_read(wire, machine)
        kept = None if cannot_read or cannot_write else keeps(wire, machine)
        clock = setting_up.clock_difference(wire, now())
    if kept and not machine.victoria:
        problems.append(f"the bucket keeps only {kept // 86_400:,} days; `uptake influx setup` lets it keep everything")
    minded = warned(address, machine)
    if clock is not None and abs(clock) > 60:
        minded.append(f"the server's clock is {abs(clock):,.0f} s {'ahead of' if clock > 0 else 'behind'} this machine's")
    problems += list(dict.fromkeys(filter(None, (cannot_write, cannot_read))))
    standing, parked = standing_at(settings, address)
    found |= {
        "server": str(machine),
        "writes": not cannot_write,
        "reads": not cannot_read,
        "keeps_days": None if kept is None else kept // 86_400 or "for ever",
        "clock_ahead_seconds": None if clock is None else round(clock),
        "problems": problems,
        "warnings": minded,
        "standing": standing.to_dict() if standing else None,
        "parked": parked,
    }
    if json:
        print_json(found)
    else:
        _tell_check(found, standing)
    return int(bool(problems))


def _tell_check(found: dict[str, Any], standing: Standing | None) -> None:
    yes = {True: "yes", False: "no"}
    keeps = found["keeps_days"]
    typer.echo(f"{found['server']} at {found['url']}, bucket {found['bucket']!r}")
    typer.echo(f"  takes figures: {yes[found['writes']]}; gives figures: {yes[found['reads']]}")
    typer.echo(f"  keeps them: {'not known' if keeps is None else keeps if isinstance(keeps, str) else f'{keeps:,} days'}")
    for line in found["problems"]:
        typer.echo(f"  problem: {line}")
    for line in found["warnings"]:
        typer.echo(f"  mind: {line}")
    for line in standing.words() if standing else ["Nothing was sent there yet; `uptake influx resend` or the next collection does it."]:
        typer.echo(line)
    for point in found["parked"][:SHOWN]:
        typer.echo(f"  refused: {point['series']} at {point['time']}: {point['error']}")


@influx.command()
def verify(json: Json = False) -> int:
    """Compare the server with the journal, figure by figure.

    What waits is sent first. Differences are counted by series and month; exit code 1 if there are any. `uptake influx
    resend` mends them. Example: uptake influx verify
    """
    settings = config()
    address = address_of(settings)
    with the_journal(settings) as journal:
        standing = send_waiting(journal, settings)
        with connected(address) as (wire, machine):
            differences, unknown, series = compare(journal, wire, machine)
    if json:
        document = [
            {
                "series": str(d.series),
                "missing": d.missing,
                "extra": d.extra,
                "different": d.different,
                "months": [m.to_dict() for m in d.months],
            }
            for d in differences
        ]
        print_json({"series": series, "differences": document, "not_ours": [str(s) for s in unknown], "standing": standing.to_dict()})
        return int(bool(differences))
    rows = [
        [str(d.series), m.month, *(f"{n:,}" for n in (m.here, m.there, m.missing, m.extra, m.different))]
        for d in differences
        for m in d.months
    ]
    if rows:
        header = ["series", "month", "here", "there", "missing", "only there", "different"]
        typer.echo(table(rows[:SHOWN], header, right=frozenset(range(2, 7))))
        if len(rows) > SHOWN:
            typer.echo(f"… and {len(rows) - SHOWN:,} lines more; --json has all")
        typer.echo(f"{len(differences):,} of {series:,} series differ; `uptake influx resend` mends that.")
    else:
        typer.echo(f"{series:,} series are the same at {address.url}, figure by figure.")
    if unknown:
        typer.echo(f"{len(unknown):,} series there are not from this journal and were left alone, {unknown[0]} for one.")
    if not standing.done:
        typer.echo("\n".join(standing.words()), err=True)
    return int(bool(rows))


@influx.command()
def resend(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SERIES]...", help="Only these; else what differs and what was refused.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything, from the beginning.")] = False,
    json: Json = False,
) -> int:
    """Send figures again: what differs from the journal and what was refused; or these series; or all.

    Also the way to send by hand what waits. A series that has too much at the server is removed there first.
    Example: uptake influx resend
    """
    from storage import feed
    from storage.influx import healing
    from storage.lookups import find

    settings = config()
    address = address_of(settings)
    with the_journal(settings) as journal:
        series = 0
        with journal.write() as tx:
            feed.begin(tx, address.feed)
        if everything:
            with journal.write() as tx:
                healing.send_all(tx, address.feed)
        elif names:
            with journal.write() as tx:
                ids = [_id(find(tx.connection, one), one) for one in map(Series.parse, names)]
                healing.send_series(tx, address.feed, ids)
            series = len(ids)
        else:
            send_waiting(journal, settings)
            with connected(address) as (wire, machine):
                differences, _, _ = compare(journal, wire, machine)
            with journal.write() as tx:
                healing.retry_parked(tx, address.feed)
                series = healing.heal(tx, address.feed, differences, machine)
        standing = send_waiting(journal, settings, patience=60.0)
    if json:
        print_json({"series": series, **standing.to_dict()})
    else:
        typer.echo(f"sent {counted(standing.sent, 'figure')} again" + ("" if everything else f", of {series:,} series"))
        typer.echo("\n".join(standing.words()))
    return int(not standing.done)


def _id(found: int | None, series: Series) -> int:
    if found is None:
        raise UsageError(f"there is no series {series}; `uptake export` lists them")
    return found
