"""The pages of digests and their feed in the store's reports, whether anybody gets mail or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scheduler import letters
from scheduler.config import Config
from scheduler.digest_periods import Period
from scheduler.letters import Issue
from storage import digests
from storage.digests import Kept
from storage.journal import Journal
from trends.digest_model import Digest


def publish(
    journal: Journal, settings: Config, issue: Callable[[Sequence[int]], Issue], made: Sequence[Kept], period: Period | None
) -> tuple[str, ...]:
    """Write pages of new digests, and of this period's that have none, and the feed of all; gives the paths that were written.

    ``issue`` draws the digests with these ids.
    """
    folder, baskets = journal.folder / "reports" / "digests", settings.digest.baskets
    with journal.read() as connection:
        here = [digests.find(connection, digests.DIGEST, b, period.key) for b in baskets] if period else []
    wanted = {k.id: k for k in [*made, *here] if k is not None}
    missing = [k for k in wanted.values() if not (folder / f"{_name(k)}.html").exists()]
    if not missing:
        return ()
    with journal.read() as connection:
        every = digests.listed(connection, newest=letters.FEED * max(1, len(baskets)))
    written = [p for k in missing for p in letters.write_files(folder, _name(k), letters.files(issue([k.id]), settings))]
    entries = [(Digest.from_dict(k.document), k.present, k.sequence) for k in every]
    return tuple(map(str, [*written, letters.write_feed(folder, entries, settings)]))


def _name(kept: Kept) -> str:
    return f"{kept.period}-{kept.basket}".replace(":", "") + ("-alert" if kept.kind == digests.ALERT else "")


__all__ = ["publish"]
