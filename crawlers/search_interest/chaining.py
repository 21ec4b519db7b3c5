"""How more than five terms are compared, five at a time: pure.

Google rounds to whole hundredths of the highest value of a request, so a rare term beside a frequent one becomes zero. Terms
are therefore sorted by size and compared with their neighbours: groups of at most five, each sharing its biggest term with
the group before as that one's smallest, at most ten times apart. The shared term's ratio joins two groups.
(In simulations of 6 to 14 terms spread 1600:1 the levels were right within 0.4 % in the middle and 1.3 % at worst; one frequent
term in each request makes zeros of rare ones.) Sizes are remembered from the last time; of what is new they are scouted first.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import sqrt

from crawlers.search_interest.payloads import BELOW_ONE, Comparison

MOST = 5  # terms of one request: Google's limit
SPREAD = 10.0  # between the biggest and smallest term of a group: 20 saves a tenth of the requests and errs half as much again
ANCHOR = 10.0  # least mean of a term by which another group is measured
SEEN = 1.0  # least mean that says something of a term's size
ROUNDS = 4  # of grouping anew, where sizes turn out to be others than thought
_ROUNDING = 2 / sqrt(12)  # two standard deviations of what rounding to whole numbers takes or adds

Ask = Generator[tuple[str, ...], Comparison, "Survey"]


@dataclass(frozen=True, slots=True)
class Line:
    """One term on the common scale: values by week, and the relative error of its level."""

    values: Mapping[int, float]
    error: float
    joined: bool  # whether it was computed over a joint; else the values are Google's own
    rough: frozenset[int] = frozenset()  # weeks whose value is said to be below one


@dataclass(frozen=True, slots=True)
class Survey:
    """What came of it. ``apart``: terms that no joint connects with the biggest, and beside which term they were too rare."""

    lines: Mapping[str, Line]
    apart: Mapping[str, str]
    sizes: Mapping[str, float]  # to be remembered; the biggest is 100


def survey(terms: Sequence[str], sizes: Mapping[str, float] | None = None) -> Ask:
    """Yields groups to be compared, is sent each `Comparison`, returns the `Survey`.

    A group that was compared is not asked for again. ``sizes``: what was remembered; only their ratios count.
    """
    terms = list(dict.fromkeys(terms))
    known = {t: s for t, s in (sizes or {}).items() if t in terms and s > 0}
    done: dict[tuple[str, ...], Comparison] = {}
    if len(terms) > MOST and set(known) != set(terms):
        known = yield from _scout(terms, done)
    chained: list[Comparison] = []
    for _ in range(ROUNDS):
        wanted = groups({t: known.get(t, 1.0) for t in terms})
        for group in wanted:
            if group not in done:
                done[group] = yield group
        chained = [done[group] for group in wanted]
        found = _sizes(chained)
        if _holds(chained) or groups(found) == wanted:
            break
        known = found
    last = chained[-1]
    rarest = min(_means(last).items(), key=lambda tm: tm[1])
    if len(last.terms) > 1 and SEEN <= rarest[1] < ANCHOR:  # alone it shows its course in whole hundredths
        chained.append((yield (rarest[0],)))
    return _joined(chained)


def groups(sizes: Mapping[str, float]) -> list[tuple[str, ...]]:
    """Terms from the biggest to the smallest in groups that share a neighbour. Fewer than six are one group, if they are near enough."""
    order = sorted(sizes, key=lambda t: (-sizes[t], t))
    found, group = [], order[:1]
    for term in order[1:]:
        if len(group) > 1 and (len(group) == MOST or sizes[group[0]] > SPREAD * sizes[term]):
            found.append(tuple(group))
            group = [group[-1]]
        group.append(term)
    return [*found, tuple(group)]


def _scout(terms: Sequence[str], done: dict[tuple[str, ...], Comparison]) -> Generator[tuple[str, ...], Comparison, dict[str, float]]:
    """Rough sizes. The biggest so far goes along into each request; what it hides is looked at again beside the smallest.

    Each round finds the size of one more term at least, or goes on without a term to compare with: so it ends.
    """
    sizes: dict[str, float] = {}
    left, reference = list(terms), ""
    while left:
        queue, hidden = left, []
        while queue:
            batch, queue = queue[: MOST - bool(reference)], queue[MOST - bool(reference) :]
            group = tuple(sorted([*batch, reference] if reference else batch))
            if group not in done:
                done[group] = yield group
            means = {t: m for t, m in _means(done[group]).items() if m >= SEEN}
            scale = _scale(sizes, means, reference)
            sizes |= {t: m * scale for t, m in means.items() if t not in sizes}
            hidden += [t for t in batch if t not in sizes]
            reference = max(means, key=lambda t: means[t], default=reference)
        if len(hidden) < len(left):
            reference = min(sizes, key=lambda t: sizes[t])
        elif reference:  # it hides all others, and nothing lies between
            reference = ""
        else:  # too few searches for any figure
            return sizes | dict.fromkeys(hidden, min(sizes.values(), default=1.0) / 100)
        left = hidden
    return sizes


def _scale(sizes: Mapping[str, float], means: Mapping[str, float], reference: str) -> float:
    """By what means of a request are multiplied to be sizes: by the reference's, or a guess where it is hidden or there is none."""
    if reference:
        return sizes[reference] / means.get(reference, SEEN)
    return min(sizes.values()) / 100 / max(means.values(), default=1.0) if sizes else 1.0


def _means(one: Comparison) -> dict[str, float]:
    return {term: sum(v or 0.0 for v in row) / max(1, len(row)) for term, row in zip(one.terms, one.values, strict=True)}


def _sizes(chained: Sequence[Comparison]) -> dict[str, float]:
    """Sizes of all terms as the groups tell them; of one that is hidden, a guess that puts it below the others."""
    sizes: dict[str, float] = {}
    for one in chained:
        means = {t: max(m, 0.01) for t, m in _means(one).items()}
        shared = next((t for t in one.terms if t in sizes), None)
        scale = 1.0 if shared is None else sizes[shared] / means[shared]
        sizes |= {t: m * scale for t, m in means.items() if t not in sizes}
    biggest = max(sizes.values(), default=1.0)
    return {t: 100 * s / biggest for t, s in sizes.items()}


def _holds(chained: Sequence[Comparison]) -> bool:
    """Whether each joint is good and no group is much wider than it should be."""
    for one in chained:
        means = sorted(_means(one).values())
        if len(means) > 2 and means[-1] > 1.5 * SPREAD * means[0]:
            return False
    return all(_joint(a, b) is not None for a, b in pairwise(chained))


def _row(one: Comparison, term: str) -> dict[int, float]:
    row = one.values[one.terms.index(term)]
    return {t: v for t, v in zip(one.times, row, strict=True) if v is not None}


def _joint(above: Comparison, below: Comparison) -> tuple[float, float] | None:
    """By what the lower group's values are multiplied to be on the upper one's scale, and its relative error; None: not to be told."""
    term = next((t for t in below.terms if t in above.terms), None)
    if term is None:
        return None
    high, low = _row(above, term), _row(below, term)
    both = sorted(high.keys() & low.keys())
    upper, lower = [high[t] for t in both], [low[t] for t in both]
    if not both or sum(lower) < ANCHOR * len(both) or sum(upper) < SEEN * len(both):
        return None
    return ratio(upper, lower)


def ratio(upper: Sequence[float], lower: Sequence[float]) -> tuple[float, float]:
    """The factor from one rounded course of a term to the other, and its relative error.

    Each week bounds the factor, because each value is within half a unit of what was rounded. If one factor satisfies all
    weeks, it is the middle of what they leave, and the error cannot be more than half of that. If none does, the two
    requests were different samples: then it is the ratio of the means, with two standard errors of what is left over.
    """
    low = max((u - 0.5) / (v + 0.5) for u, v in zip(upper, lower, strict=True))
    high = min((u + 0.5) / (v - 0.5) for u, v in zip(upper, lower, strict=True) if v > 0.5)
    if 0 < low <= high:
        return (low + high) / 2, (high - low) / (high + low)
    factor = sum(upper) / sum(lower)
    left = sqrt(sum((u - factor * v) ** 2 for u, v in zip(upper, lower, strict=True)) / max(1, len(upper) - 1))
    return factor, min(1.0, 2 * left / sqrt(len(upper)) * len(upper) / sum(upper))


def relative_error(values: Sequence[float]) -> float:
    """How far rounding may move the mean of values, as a share of it: two standard errors.

    Rounding averages out over the levels that a course goes through, not over weeks: one that repeats itself errs alike each time.
    """
    mean = sum(values) / len(values)
    below = sum(v == BELOW_ONE for v in values) / len(values)  # which may all be off by half a unit
    return min(1.0, min(0.5, _ROUNDING / sqrt(len(set(values))) + below / 2) / mean)


def _joined(chained: Sequence[Comparison]) -> Survey:
    lines: dict[str, Line] = {}
    apart: dict[str, str] = {}
    factor, error = 1.0, 0.0
    for n, one in enumerate(chained):
        joint = (1.0, 0.0) if n == 0 else _joint(chained[n - 1], one)
        if joint is None or apart:  # below a term that is not to be seen there is nothing to go on from
            apart |= {t: chained[n - 1].terms[0] for t in one.terms if t not in lines}
            continue
        factor, error = factor * joint[0], error + joint[1]
        for term in one.terms:
            row = _row(one, term)
            if len(chained) > 1 and sum(row.values()) < SEEN * len(row):
                apart[term] = one.terms[0]
            elif row:  # a shared term's too: its values are finer here, where it is the biggest
                values = {t: v * factor for t, v in row.items()}
                rough = frozenset(t for t, v in row.items() if v == BELOW_ONE)
                lines[term] = Line(values, error + relative_error(list(row.values())), len(chained) > 1, rough)
    highest = max((v for line in lines.values() for v in line.values.values()), default=100.0)
    if highest > 100:  # a term further down was the highest one after all
        lines = {t: replace(line, values={w: 100 * v / highest for w, v in line.values.items()}) for t, line in lines.items()}
    return Survey(lines, apart, _sizes(chained))
