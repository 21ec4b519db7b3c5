"""Digests of a config's baskets: made from the journal, stored, made again, and held against what was stored."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from crawlers.settings import program_version
from scheduler.config import Config, read
from storage import digests, frames, ledger
from storage.digests import Kept
from storage.journal import Transaction
from storage.model import UptakeError, UsageError
from storage.periods import iso
from trends.claim import BasketClaims
from trends.digest import alert, compose
from trends.digest_model import Digest
from trends.marks import events_of
from trends.memory import Memo, record, remember
from trends.panel import Panel

if TYPE_CHECKING:
    from trends.digest_html import Chart


@dataclass(frozen=True, slots=True)
class Made:
    """A digest, what was found for it, and what it was made from."""

    digest: Digest
    found: BasketClaims
    panel: Panel
    sequence: int


@dataclass(frozen=True, slots=True)
class View:
    """Which knowledge a digest is made from: the journal up to ``sequence``, and what earlier digests have told.

    Earlier are those with an id before ``before``; where that is None, those whose present is earlier.
    """

    present: int
    sequence: int
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What a view lets one say of all baskets: what moves a whole source is seen in the topics of all of them."""

    view: View
    panel: Panel
    baskets: Mapping[str, BasketClaims]


def know(connection: Connection, settings: Config, view: View) -> Known:
    """Read the journal and find the claims; the costly part."""
    from trends.claims import claims
    from trends.loading import load

    topics = [key for basket in settings.baskets.values() for key in basket.topics]
    panel = load(connection, topics, now=view.present, as_of=view.sequence, until=view.present)
    found = claims(panel, list(settings.baskets.values()), settings.topics)
    return Known(view, panel, {b.basket: b for b in found.baskets})


def make(connection: Connection, settings: Config, known: Known, basket: str, period: str, again: str) -> Made:
    """One basket's digest; ``again`` is the command that makes it anew."""
    found = known.baskets[basket]
    digest = compose(found, _memory(connection, basket, known.view), period=period, present=known.panel.present, again=again)
    return Made(_linked(digest, known.panel, settings), found, known.panel, known.view.sequence)


def make_alert(connection: Connection, settings: Config, known: Known, basket: str, period: str, again: str) -> Made | None:
    """What of a basket cannot wait; None if nothing, or before its first digest: that introduces everything."""
    memory = _memory(connection, basket, known.view)
    if settings.alerts is None or not memory:
        return None
    wanted = {"overtakes": settings.alerts.overtakes, "withdrawn": settings.alerts.withdrawn}
    found = known.baskets[basket]
    digest = alert(found, memory, period=period, present=known.panel.present, again=again, **wanted)
    return None if digest is None else Made(_linked(digest, known.panel, settings), found, known.panel, known.view.sequence)


def _memory(connection: Connection, basket: str, view: View) -> dict[str, Memo]:
    kept = digests.listed(connection, basket=basket, before=view.before)
    return remember(k for k in kept if view.before is not None or k.present < view.present)


def _linked(digest: Digest, panel: Panel, settings: Config) -> Digest:
    from trends.digest_charts import links

    titles = {key: topic.title for key, topic in settings.topics.items()}
    return digest.linked(links(panel, [name for line in digest.lines for name in line.series], titles))


def store(tx: Transaction, settings: Config, made: Sequence[Made], kind: str = digests.DIGEST) -> list[Kept]:
    """Keep digests with the config and the knowledge that they were made from; one that is there already stands.

    What they found about the figures themselves is noted with them, each once, and drawn on charts from then on.
    """
    for event in events_of(finding for m in made for finding in m.found.findings):
        tx.note(event)
    config_id = ledger.snapshot(tx, settings.snapshot)
    return [
        digests.keep(
            tx,
            kind,
            m.digest.basket,
            m.digest.period,
            present=m.digest.present,
            sequence=m.sequence,
            config_id=config_id,
            program=program_version(),
            claims=record(m.found, m.digest.told),
            document=m.digest.to_dict(),
        )
        for m in made
    ]


def charts_of(connection: Connection, settings: Config, kept: Kept) -> list[Chart]:
    """The charts of a stored digest, drawn from the knowledge that it was made from, and with what was noted with it."""
    from trends.digest_charts import pictures
    from trends.loading import load

    digest = Digest.from_dict(kept.document)
    if not digest.charts:
        return []
    basket = settings.baskets.get(kept.basket)
    if basket is None:
        return []  # the basket is gone from the config; its digest still reads well
    panel = load(connection, basket.topics, now=kept.present, as_of=kept.sequence, until=kept.present)
    noted = frames.events(connection, basket.topics, as_of=digests.noted_at(connection, kept))
    panel = replace(panel, events=noted[noted["time"] <= kept.present])
    return pictures(panel, digest, {t: settings.topics[t].title for t in basket.topics})


@dataclass(frozen=True, slots=True)
class Verified:
    """A stored digest, the same made again, and where they differ (lines of a unified diff; none: they are the same)."""

    kept: Kept
    stored: Digest
    again: Digest
    differences: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        return {
            "id": self.kept.id,
            "basket": self.kept.basket,
            "period": self.kept.period,
            "sequence": self.kept.sequence,
            "program": self.kept.program,
            "same": not self.differences,
            "differences": list(self.differences),
            "stored": self.stored.to_dict(),
            "recomputed": self.again.to_dict(),
        }


def verify(connection: Connection, settings: Config, kept: Kept) -> Verified:
    """Make a stored digest again, with the config and the knowledge of then and today's program."""
    raw = digests.config_of(connection, kept)
    if raw is None:
        raise UptakeError(f"the configuration that digest {kept.id} was made with is not in the journal")
    try:
        then = read(raw, settings.path, os.environ)
    except UsageError as error:
        raise UptakeError(f"the configuration that digest {kept.id} was made with is not accepted today: {error}") from error
    view = View(kept.present, kept.sequence, before=kept.id)
    stored = Digest.from_dict(kept.document)
    again = stored.lines[-1].command
    remake = make_alert if kept.kind == digests.ALERT else make
    made = remake(connection, then, know(connection, then, view), kept.basket, kept.period, again)
    if made is None:
        raise UptakeError(f"alert {kept.id} would not be told today")
    claims = digests.plain(record(made.found, made.digest.told))
    before, after = (_text(document, found) for document, found in ((kept.document, kept.claims), (made.digest.to_dict(), claims)))
    names = (f"as sent ({kept.program})", f"made again ({program_version()})")
    return Verified(kept, stored, made.digest, tuple(difflib.unified_diff(before, after, *names, lineterm="", n=0)))


def _text(document: object, claims: Sequence[Any]) -> list[str]:
    """Everything that a digest says or rests on, a line each, so that a difference can be read."""
    rows = [json.dumps(claim, ensure_ascii=False, sort_keys=True) for claim in sorted(claims, key=lambda c: str(c["id"]))]
    return [*json.dumps(document, ensure_ascii=False, indent=1).splitlines(), *rows]


def chosen(connection: Connection, wanted: str, basket: str | None) -> Kept:
    """A stored digest by its number, or by its period and basket. Raises `UsageError`."""
    everything = digests.listed(connection, basket=basket)
    found = [k for k in everything if str(k.id) == wanted or k.period == wanted]
    if len(found) == 1:
        return found[0]
    if not found:
        last = f"; the newest is {everything[-1].id}, of {everything[-1].period}" if everything else ": none was sent yet"
        raise UsageError(f"--verify: there is no stored digest {wanted!r}{last}; `uptake digest --list` shows them")
    several = ", ".join(f"{k.id} ({k.basket})" for k in found)
    raise UsageError(f"--verify: {wanted} has several digests: {several}; name one of them by its number")


def row_of(kept: Kept) -> dict[str, object]:
    """A stored digest for a list."""
    told = [entry["id"] for entry in kept.claims if entry.get("told")]
    return {
        "id": kept.id,
        "kind": kept.kind,
        "basket": kept.basket,
        "period": kept.period,
        "present": iso(kept.present),
        "sequence": kept.sequence,
        "program": kept.program,
        "subject": kept.document["subject"],
        "told": told,
    }
