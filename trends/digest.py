"""The digest of one basket: from claims and the memory of earlier digests to at most seven lines.

The news comes first, biggest first; then one line of what is not claimed, one of what is blind or still learning, and
one of how to make it again. What found no room is not told, and stays news for the next digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from storage.model import Series, UsageError
from trends import wording
from trends.claim import BasketClaims, Claim, ClaimKind, Coverage, State
from trends.digest_model import Digest, Held, Line, Link, without_stop
from trends.memory import Memo, News, Standing, news
from trends.panel import comparable

__all__ = ["Digest", "Held", "Line", "Link", "alert", "compose", "group_key"]

MOST = 7  # lines, the last of which says how to make the digest again
SIGNALS = 3  # that the first digest tells of, where there are so many
CHARTS = 2
LONGEST = 320  # characters of a line
TOGETHER = 3  # claims in one line

_LABELS = {
    ClaimKind.WATCH: "WATCH",
    ClaimKind.FADING: "FADING",
    ClaimKind.ON_COURSE: "WATCH",
}
_TOGETHER = {
    ClaimKind.OVERTAKE,
    ClaimKind.WATCH,
    ClaimKind.ON_COURSE,
    ClaimKind.FADING,
}  # kinds that share a line with others of their label
_BLIND = "No fresh figures: "  # begins the sentence of each, and the line of all


def compose(found: BasketClaims, memory: Mapping[str, Memo], *, period: str, present: int, again: str) -> Digest:
    """The digest of what was found, given what earlier ones have told. ``again`` is the command that makes it anew."""
    everything = news(found, memory, present)
    fresh = [n for n in everything if n.standing is not Standing.TOLD]
    loud = [n for n in fresh if not _is_held(n) and n.claim.kind != ClaimKind.BLIND]
    held = [n for n in fresh if _is_held(n) and (found.coverage or n.claim.kind != ClaimKind.WITHHELD)]  # no index where nothing is known
    blind = [n for n in fresh if n.claim.kind == ClaimKind.BLIND and n.standing is not Standing.WITHDRAWN]
    blind.sort(key=lambda n: str(n.claim.numbers.get("since", "")), reverse=True)  # the latest loss first
    learning = _learning(found.coverage) if not memory else ""
    room = MOST - 1 - bool(held) - bool(blind or learning)
    bundles = _chosen(_bundled(loud), room, found.coverage if not memory else ())
    shown = [n for bundle in bundles for n in bundle]
    lines = [_line(bundle) for bundle in bundles]
    said = {n.claim.id for n in shown}
    if held:
        line, count = _held_line(held)
        lines.append(line)
        said |= {n.claim.id for n in held[:count]}
    if blind or learning:
        lines.append(_blind_line(blind, learning))
    quiet = not lines
    if quiet:
        lines.append(_nothing(everything, found.coverage))
    lines.append(Line("", "Make this again:", command=again) if quiet else _closing(len(loud) - len(shown), again))
    return Digest(
        found.basket,
        wording.one_line(found.title),
        period,
        present,
        subject(found.title, present, [bundle[0] for bundle in bundles], "nothing new" if quiet else "no new claims"),
        tuple(lines),
        tuple(Held(n.claim.sentence, n.claim.reasons) for n in held if n.claim.id not in said),
        _charts([*(n.claim for n in shown), *found.claims]),
        quiet,
        (*shown, *held, *blind),
    )


def alert(
    found: BasketClaims, memory: Mapping[str, Memo], *, period: str, present: int, again: str, overtakes: bool, withdrawn: bool
) -> Digest | None:
    """What cannot wait for the next digest: an overtake that is confirmed, a claim that no longer stands. None: nothing of it."""
    shown = [n for n in news(found, memory, present) if (overtakes and _is_overtake(n)) or (withdrawn and n.standing is Standing.WITHDRAWN)]
    shown = shown[: MOST - 1]
    if not shown:
        return None
    lines = (*(_line([n]) for n in shown), _closing(0, again))
    heading = subject(found.title, present, shown)
    charts = _charts(n.claim for n in shown)
    title = wording.one_line(found.title)
    return Digest(found.basket, title, period, present, heading, lines, (), charts, quiet=False, told=tuple(shown))


def _is_overtake(n: News) -> bool:
    return n.standing in {Standing.NEW, Standing.CHANGED} and n.claim.kind == ClaimKind.OVERTAKE and n.claim.state == State.CLAIMED


def _is_held(n: News) -> bool:
    return n.standing is not Standing.WITHDRAWN and (n.claim.state == State.WITHHELD and n.claim.kind != ClaimKind.BLIND)


def _bundled(loud: Sequence[News]) -> list[list[News]]:
    """News that shares a line: what has one label and one metric reads together."""
    bundles: list[list[News]] = []
    for n in loud:
        mates = (b for b in bundles if n.claim.kind in _TOGETHER and _alike(b[0]) == _alike(n) and len(b) < TOGETHER)
        fits = (b for b in mates if sum(len(m.claim.sentence) + 1 for m in (*b, n)) <= LONGEST)
        bundle = next(fits, None)
        if bundle is None:
            bundles.append([n])
        else:
            bundle.append(n)
    return bundles


def _alike(n: News) -> tuple[str, str, Standing]:
    return _LABELS.get(ClaimKind(n.claim.kind), n.claim.kind), n.claim.metric, n.standing


def _chosen(bundles: Sequence[list[News]], room: int, coverage: Iterable[Coverage]) -> list[list[News]]:
    """The biggest news; in a first digest at least three groups of signals have their say, where there are three."""
    signals = {cover.metric: cover.signal for cover in coverage}
    chosen: list[list[News]] = []
    seen: set[str] = set()
    wanted = min(SIGNALS, len({signals[b[0].claim.metric] for b in bundles if b[0].claim.metric in signals}), room)
    for bundle in bundles:
        signal = signals.get(bundle[0].claim.metric, "")
        left, owed = room - len(chosen), wanted - len(seen)
        if left <= 0:
            break
        if left <= owed and (not signal or signal in seen):
            continue
        chosen.append(bundle)
        seen |= {signal} if signal else set()
    return chosen


def _line(bundle: Sequence[News]) -> Line:
    n = bundle[0]
    ids, series = tuple(m.claim.id for m in bundle), tuple(dict.fromkeys(s for m in bundle for s in series_of(m.claim)))
    if n.standing is Standing.WITHDRAWN:
        told = wording.day(n.before.told_at) if n.before else "earlier"
        text = f"What we told on {told} no longer stands: “{without_stop(n.claim.sentence)}”. Why: {'; '.join(n.reasons)}."
        return Line("WITHDRAWN", shortened(text), ids, series)
    label = _LABELS.get(ClaimKind(n.claim.kind)) or _standing_label(n)
    return Line(label, shortened(" ".join(m.claim.sentence for m in bundle)), ids, series)


def _standing_label(n: News) -> str:
    if n.standing is Standing.CHANGED:
        return "CHANGED"
    return "NEW" if n.claim.state == State.CLAIMED else "NOW"


def _held_line(held: Sequence[News]) -> tuple[Line, int]:
    """What is not claimed, and how many of it found room; the rest is counted."""
    parts: list[str] = []
    for n in held:
        part = Held(n.claim.sentence, n.claim.reasons).text
        if parts and len(" ".join([*parts, part])) > LONGEST - 40:
            break
        parts.append(part)
    more = len(held) - len(parts)
    text = " ".join(parts) + (f" And {more} more, below." if more else "")
    return Line("NOT CLAIMED", shortened(text), tuple(n.claim.id for n in held), series_of(held[0].claim)), len(parts)


def _blind_line(blind: Sequence[News], learning: str) -> Line:
    """What is blind, as much as fits, the rest counted; and what is still learning."""
    parts: list[str] = []
    for n in blind:
        part = without_stop(n.claim.sentence).removeprefix(_BLIND)
        if parts and len("; ".join([*parts, part])) > LONGEST - 60 - len(learning):
            break
        parts.append(part)
    more = [f"{len(blind) - len(parts)} more in the summary"] if len(parts) < len(blind) else []
    text = f"No fresh figures: {'; '.join([*parts, *more])}." if parts else ""
    return Line("BLIND" if parts else "LEARNING", shortened(" ".join(filter(None, [text, learning]))), tuple(n.claim.id for n in blind))


def _learning(coverage: Iterable[Coverage]) -> str:
    """What cannot be claimed yet because it has only begun, and until when."""
    until: dict[str, list[str]] = {}
    for cover in sorted((c for c in coverage if c.fresh and c.learning_until is not None), key=lambda c: c.learning_until or 0):
        until.setdefault(wording.month(cover.learning_until or 0), []).append(_name(cover.series))
    parts = [f"{wording.listed(list(dict.fromkeys(names)), 4)} until {month}" for month, names in until.items()]
    return f"Learning: {'; '.join(parts)}." if parts else ""


def _name(series: str) -> str:
    metric, _, labels = series.partition("{")
    words = wording.label_words(Series.parse(f"{metric}{{{labels}" if labels else metric).labels)
    return f"{wording.name_of(metric.partition('.')[0])} {metric.partition('.')[2].replace('_', ' ')}" + (f" ({words})" if words else "")


def _nothing(everything: Sequence[News], coverage: Sequence[Coverage]) -> Line:
    if not coverage:
        return Line("", "Nothing to say yet: no figures are known. To measure now:", command="uptake collect")
    stands = sum(n.claim.state in {State.CLAIMED, State.WATCH, State.DESCRIBED} for n in everything)
    newest = wording.day(max(cover.since for cover in coverage))
    return Line("", f"Nothing new.{f' What was told stands ({stands}).' if stands else ''} The newest figure is of {newest}.")


def _closing(more: int, again: str) -> Line:
    also = f"{more} more in the summary (uptake trends). " if more > 0 else ""
    return Line("", f"{also}Every figure links to its page. Make this again:", command=again)


def subject(title: str, present: int, shown: Sequence[News], nothing: str = "") -> str:
    """``Deep learning, 6 April 2026: …``, with the heads of the two biggest news, or what is said where there is ``nothing``."""
    heads = [_head(n) for n in shown[:2]]
    return wording.one_line(f"{title}, {wording.day(present)}: {'; '.join(heads) or nothing}")


def _head(n: News, most: int = 75) -> str:
    """A sentence up to its first stop, without its brackets; at most so long, cut at a pause or a word."""
    plain = wording.one_line(re.sub(r"\s*[(\[][^)\]]*[)\]]", "", n.claim.sentence))
    head = re.split(r"[.;](?:\s|$)", plain, maxsplit=1)[0]
    if len(head) > most:
        pause = head.rfind(", ", most // 2, most)
        head = head[:pause] if pause > 0 else head[:most].rsplit(" ", 1)[0].rstrip(",:") + "…"
    return f"withdrawn: {head}" if n.standing is Standing.WITHDRAWN else head


def _charts(claims: Iterable[Claim]) -> tuple[str, ...]:
    """The groups that the biggest news was read from, each once."""
    keys = (group_key(series) for claim in claims for series in series_of(claim)[:1])
    return tuple(dict.fromkeys(keys))[:CHARTS]


def series_of(claim: Claim) -> tuple[str, ...]:
    """The names of the series that a claim was read from: one that names a group of topics stands for the claim's topics."""
    found: dict[str, None] = {}
    for name in claim.series:
        try:
            read = Series.parse(name)
        except UsageError:
            continue  # a place or a kind of figure, not a series
        for topic in [read.topic] if read.topic else claim.topics:
            found[str(replace(read, topic=topic))] = None
    return tuple(found)


def group_key(series: str) -> str:
    """The key of the group (`trends.panel.Group.key`) that a series belongs to."""
    read = Series.parse(series)
    return str(Series(read.metric, "", comparable(read.labels), read.version))


def shortened(text: str, most: int = LONGEST) -> str:
    """One line, at most so many characters, cut at the end of a sentence if there is one in the last half, else of a word."""
    text = wording.one_line(text)
    if len(text) <= most:
        return text
    cut = text[:most]
    stop = max(cut.rfind(". "), cut.rfind("; "))
    return cut[: stop + 1] + " …" if stop > most // 2 else cut.rsplit(" ", 1)[0].rstrip(",;:") + " …"
