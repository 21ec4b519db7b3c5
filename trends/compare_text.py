"""The comparison of two topics for a terminal, in plain words."""

from __future__ import annotations

from trends import wording
from trends.compare import Comparison, Crossing, Duel, InPeriod, Ratio, titles
from trends.findings import Figure
from trends.panel import summable


def text_of(duel: Duel) -> str:
    """Source by source: what was asked for the period, the figures now, a year ago, and who is ahead since when."""
    title = f"{duel.a.title} against {duel.b.title}, as of {wording.date(duel.present)}"
    parts = [f"{title}\n{'=' * len(title)}"]
    if not duel.comparisons:
        parts.append(f"Nothing is counted for both {duel.a.title} and {duel.b.title} yet.")
    if duel.span:
        inside = [c for c in duel.comparisons if c.period]
        start = wording.date(duel.span[0]) if duel.span[0] > -(2**39) else "the beginning"
        head = f"From {start} up to {wording.date(duel.span[1])}, {duel.a.title}:{duel.b.title}"
        lines = [["  " + _pair(c, c.period.ratio), f"{_ratio(c.period.ratio)}", _name(c), _how(c, c.period)] for c in inside if c.period]
        parts.append("\n".join([head, *(wording.columns(["", "", "", ""], lines, left=(0, 1, 2, 3))[1:] if lines else ["  no figures"])]))
    parts += ["\n".join(_lines(c, duel)) for c in duel.comparisons if c.now or c.a or c.b]
    odd = [f"  {_pair(c, ratio)}  {_ratio(ratio)}  {_name(c)}, {period}" for c in duel.comparisons for period, ratio in c.published]
    parts += ["\n".join(["Published for a period of its own", *odd])] if odd and not duel.span else []
    parts += [f"Only {duel.a.title}: {wording.listed(duel.only_a)}."] if duel.only_a else []
    parts += [f"Only {duel.b.title}: {wording.listed(duel.only_b)}."] if duel.only_b else []
    return "\n\n".join(parts) + "\n"


def _pair(c: Comparison, ratio: Ratio) -> str:
    return f"{wording.pair(ratio.a, ratio.b, ratio.bound)} {c.metric.unit}".strip()


def _ratio(ratio: Ratio) -> str:
    return wording.ratio(ratio.value) if ratio.value is not None else "no ratio"


def _name(c: Comparison) -> str:
    return wording.title_of(c.metric, c.labels)


def _how(c: Comparison, found: InPeriod) -> str:
    if found.how == "published":
        return "as published for this period"
    if found.how == "last":
        return f"last reading, {wording.date(found.ratio.time)}"
    unit = f"{c.metric.cadence}{'s' if found.expected > 1 else ''}"
    return f"sum of {found.covered} {unit}" + (f" of {found.expected}" if found.covered < found.expected else "")


def _lines(c: Comparison, duel: Duel) -> list[str]:
    lines = [_name(c) + ("" if c.fresh else " (not fresh)")]
    if c.now:
        lines.append(f"  {_word(c)} {_at(c, c.now.time)}: {_pair(c, c.now)}, {_ratio(c.now)}")
        if c.year_ago:
            lines.append(f"  a year before, {_at(c, c.year_ago.time)}: {_pair(c, c.year_ago)}, {_ratio(c.year_ago)}")
    else:
        sides = [(duel.a.title, c.a), (duel.b.title, c.b)]
        said = [_side(c, name, figure) for name, figure in sides if figure]
        lines.append(f"  no figures of the same time: {wording.listed(said)}" if said else "  no figures")
    lines += [f"  {_since(c.crossing, titles(duel)[c.crossing.leader])}"] if c.crossing else []
    lines += [f"  {titles(duel)[c.leader]} ahead in every reading"] if c.leader else []
    return lines


def _side(c: Comparison, name: str, figure: Figure) -> str:
    return f"{name} {wording.bounded(figure.value, figure.bound)} ({_at(c, figure.time)})"


def _word(c: Comparison) -> str:
    return "now," if c.fresh else "last,"


def _at(c: Comparison, time: int) -> str:
    return wording.period(time, c.metric.cadence) if summable(c.metric) else wording.date(time)


def _since(crossing: Crossing, leader: str) -> str:
    text = f"{leader} ahead since {wording.month(crossing.time)} (about {wording.date(crossing.time)})"
    if crossing.confirmed:
        return text
    return f"{text}: not confirmed, {crossing.readings} reading{'s' if crossing.readings != 1 else ''} since"
