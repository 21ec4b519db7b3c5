"""The command ``digest``: shown, written, tried on one address, sent, and held against a recomputation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.app import app
from scheduler.cli.common import AsOf, Json, Until, config, counted, now, print_json, reading, table, writing
from scheduler.cli.showing import BasketOption, baskets_of, looking
from storage.model import UptakeError, UsageError

if TYPE_CHECKING:
    from scheduler.config import Config
    from scheduler.letters import Issue
    from scheduler.sending import Sent
    from storage.digests import Kept
    from storage.sendings import Sending

_WORDS = {"planned": "not yet", "handing": "on its way", "sent": "sent", "refused": "REFUSED", "uncertain": "UNCERTAIN"}


@app.command()
def digest(
    basket: BasketOption = None,
    until: Until = None,
    as_of: AsOf = None,
    send: Annotated[bool, typer.Option("--send", help="Send what is due, to those who have not got it yet.")] = False,
    due: Annotated[bool, typer.Option("--due", hidden=True)] = False,
    alerts: Annotated[bool, typer.Option("--alerts", hidden=True)] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write pages, texts and JSON there.")] = None,
    test: Annotated[
        str | None, typer.Option("--test", metavar="ADDRESS", help="Mail it to this address only; nothing is remembered.")
    ] = None,
    verify: Annotated[
        str | None, typer.Option("--verify", metavar="ID", help="Make a sent one again (its number or its day) and show differences.")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="What was sent, to whom, and what came of it.")] = False,
    json: Json = False,
) -> int:
    """What moved, in seven lines, and how sure that is.

    Alone, it shows the digest as it would be now; nothing is sent and nothing is remembered. --send makes the digest
    of the schedule's last period and sends it to the readers in [digest]; called again, it tries only whom it has not
    reached. What was told once is told again only when it changes. An uncertain sending is not repeated: look with --list.
    Example: uptake digest --until 2026-04-06
    """
    ways = [name for name, given in (("--send", send), ("--test", test), ("--verify", verify), ("--list", listing)) if given]
    if len(ways) > 1:
        raise UsageError(f"{' and '.join(ways)} do not go together; use one of them")
    settings = config()
    if send:
        if basket or until or as_of or output:
            raise UsageError("--send sends what the schedule says, to those whom [digest] names; it takes no --basket, --until or --output")
        return _send(settings, json, by_hand=not due, alerts=alerts)
    if listing:
        return _list(settings, basket, json)
    if verify is not None:
        return _verify(settings, verify, basket, json)
    issues = _issues(settings, basket, until, as_of, charts=bool(output or test))
    if test is not None:
        return _test(settings, issues, test, json)
    if output is not None:
        return _write(settings, issues, output, json)
    _show(settings, issues, json)
    return 0


def _issues(settings: Config, basket: str | None, until: str | None, as_of: str | None, *, charts: bool) -> list[Issue]:
    """One issue a basket, as it would be; what was sent before is remembered."""
    from scheduler import digests as making
    from scheduler.letters import Issue
    from storage.lookups import head
    from storage.periods import day, iso
    from trends.digest_charts import pictures
    from trends.marks import marked

    keys = [basket] if basket is not None else list(settings.digest.baskets)
    baskets = [b for key in keys for b in baskets_of(settings, key)]
    found = []
    with looking(settings, until, as_of) as (connection, view):
        present = view.now if view.until is None else min(view.now, view.until)
        sequence = head(connection) if view.sequence is None else view.sequence
        option = f"--as-of {as_of}" if as_of else f"--until {until or iso(present)}"
        known = making.know(connection, settings, making.View(present, sequence))
        for b in baskets:
            again = f"uptake digest {option}" + (f" --basket {b.key}" if len(settings.baskets) > 1 else "")
            made = making.make(connection, settings, known, b.key, day(present), again)
            titles = {t: settings.topics[t].title for t in b.topics}
            drawn = tuple(pictures(marked(made.panel, made.found.findings), made.digest, titles)) if charts else ()
            found.append(Issue((made.digest,), (drawn,), sequence))
    return found


def _show(settings: Config, issues: list[Issue], json: bool) -> None:
    from scheduler.letters import document

    whole = _joined(issues)
    shown = document(whole, settings)
    if json:
        print_json(shown)
    else:
        typer.echo(shown["text"], nl=False)


def _joined(issues: list[Issue]) -> Issue:
    from scheduler.letters import Issue

    digests = tuple(d for issue in issues for d in issue.digests)
    return Issue(digests, tuple(c for issue in issues for c in issue.charts), max(issue.sequence for issue in issues))


def _write(settings: Config, issues: list[Issue], folder: Path, json: bool) -> int:
    from scheduler.letters import files, write_files

    written = []
    for issue in issues:
        made = issue.digests[0]
        try:
            written += write_files(folder, f"{made.period}-{made.basket}", files(issue, settings))
        except OSError as error:
            raise UptakeError(f"cannot write the digest into {folder}: {error.strerror}; name another folder with --output") from error
    if json:
        print_json({"files": [str(path) for path in written]})
    else:
        for path in written:
            typer.echo(f"wrote {path}")
    return 0


def _test(settings: Config, issues: list[Issue], address: str, json: bool) -> int:
    from scheduler.letters import letter
    from trends.handing import Answer, Unreachable
    from trends.mail import Envelope, bare, build, message_id
    from trends.mail_server import Post

    mailing = settings.mail
    if mailing is None:
        raise UsageError("there is no [mail] section that says through which server mail goes")
    try:
        recipient = bare(address)
    except UsageError as error:
        raise UsageError(f"--test: {error}") from error
    whole = _joined(issues)
    names = ("-".join(d.basket for d in whole.digests), ", ".join(d.title for d in whole.digests))
    key = message_id(mailing.sender, "test", str(now()), recipient)
    envelope = Envelope(mailing.sender, recipient, key, now(), *names, mailing.unsubscribe, mailing.unsubscribe_url)
    message = build(letter(whole, settings, test=True), envelope)
    try:
        with Post(mailing.server(os.environ), mailing.sender) as post:
            told = post.hand_over(message, recipient, lambda: True)
    except Unreachable as error:
        raise UptakeError(str(error)) from None
    if json:
        print_json({"recipient": recipient, "answer": str(told.answer), "words": told.words})
    else:
        typer.echo(f"{recipient}: {'sent' if told.answer is Answer.SENT else f'not sent ({told.answer})'}; {told.words}")
    return 0 if told.answer is Answer.SENT else 1


def _send(settings: Config, json: bool, *, by_hand: bool = True, alerts: bool = False) -> int:
    """Send; not ``by_hand``: as the daemon does, only what its time has come for."""
    from scheduler.sending import send_due

    with reading(settings):
        pass  # says how to begin where nothing is known yet
    with writing(settings) as journal:
        sent = send_due(journal, settings, now=now(), environment=os.environ, by_hand=by_hand, alerts=alerts)
        with journal.read() as connection:
            everyone = _sendings(connection, sent.period)
    if json:
        print_json(
            {
                "period": sent.period or None,
                "made": [kept.id for kept in sent.made],
                "sendings": [s.to_dict() for s in sent.sendings],
                "troubles": list(sent.troubles),
                "files": list(sent.files),
            }
        )
    else:
        _tell(sent, everyone)
    return 0 if sent.good else 1


def _sendings(connection: object, period: str) -> list[Sending]:
    from storage import sendings

    return sendings.listed(connection, period=period)  # type: ignore[arg-type]  # SQLAlchemy is imported late


def _tell(sent: Sent, everyone: list[Sending]) -> None:
    for kept in sent.made:
        typer.echo(f"{kept.document['subject']} (number {kept.id})")
    for s in sent.sendings:
        typer.echo(f"  {s.recipient}: {_WORDS[s.state]}{f'; {s.reason}' if s.reason else ''}")
    if sent.files:
        typer.echo(f"  written to {Path(sent.files[0]).parent}")
    before = [s for s in everyone if s.id not in {t.id for t in sent.sendings}]
    if not sent.made and not sent.sendings and not before:
        typer.echo(f"the digest of {sent.period} is there already, and nobody is to get it by mail; `uptake digest --list` shows it")
    elif not sent.made and not sent.sendings:
        reached = sum(s.state == "sent" for s in before)
        doubtful = sum(s.state == "uncertain" for s in before)
        more = f"; {counted(doubtful, 'sending')} uncertain, see --list" if doubtful else ""
        typer.echo(f"nothing to send: the digest of {sent.period} has gone to {counted(reached, 'reader')}{more}")
    elif not everyone and not sent.troubles:
        typer.echo('  nobody is to get it by mail: name readers with to = ["you@example.org"] under [digest]')
    for trouble in sent.troubles:
        typer.echo(f"uptake: {trouble}", err=True)
    if any(s.state == "planned" for s in sent.sendings):
        typer.echo("Nothing is lost: `uptake digest --send` tries those alone again.", err=True)


def _list(settings: Config, basket: str | None, json: bool) -> int:
    from scheduler.digests import row_of
    from storage import digests, sendings

    if basket is not None:
        baskets_of(settings, basket)
    with reading(settings) as journal, journal.read() as connection:
        kept = digests.listed(connection, basket=basket)
        sent = sendings.listed(connection)
    if json:
        rows = [row_of(k) | {"sendings": [s.to_dict() for s in sent if k.id in s.digests]} for k in kept]
        print_json({"digests": rows})
        return 0
    if not kept:
        typer.echo("No digest was sent yet. `uptake digest` shows what it would say, `uptake digest --send` sends it.")
        return 0
    typer.echo(table([_row(k) for k in kept], ["number", "day", "kind", "basket", "says"], right=frozenset({0})))
    ids = {k.id for k in kept}
    sent_to = [[s.period, s.recipient, _WORDS[s.state], s.reason] for s in sent if ids & set(s.digests)]
    if sent_to:
        typer.echo("\n" + table(sent_to, ["day", "to", "", "what the server said"]))
    return 0


def _row(kept: Kept) -> list[str]:
    return [str(kept.id), kept.period, kept.kind, kept.basket, str(kept.document["subject"])]


def _verify(settings: Config, wanted: str, basket: str | None, json: bool) -> int:
    from scheduler import digests as making
    from trends.digest_text import Colophon, plain

    with reading(settings) as journal, journal.read() as connection:
        kept = making.chosen(connection, wanted, basket)
        found = making.verify(connection, settings, kept)
    if json:
        print_json(found.to_dict())
    else:
        typer.echo(plain([found.again], Colophon(kept.program, kept.sequence)))
        typer.echo(f"Digest {kept.id} of {kept.period} was made again: " + ("not the same." if found.differences else "it is the same."))
        for line in found.differences:
            typer.echo(line)
    return 1 if found.differences else 0
