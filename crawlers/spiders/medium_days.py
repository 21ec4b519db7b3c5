"""What a tag's feed of ten newest articles proves about its days, and when to look again. Pure; times are epoch seconds.

A look at time t at a feed whose oldest article is of time o has seen every article of the time between. Looks whose
stretches overlap leave no gap, however long the pause between them; else what lies between them was not seen. A day is
counted exactly if all its seconds lie in such stretches. Articles in the second of the oldest one may have been cut off,
so that a stretch begins with the second after it.

What is remembered of a tag stays small: the newest articles seen, the last days, and its pace over the hours of the day.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from storage.model import Bound, Reason
from storage.periods import DAY, HOUR

LAG = 6 * HOUR  # after its end a day is closed; articles that appear later still change it, as far as it is remembered
SOONEST, LATEST = 20 * 60, DAY  # between two looks
GRID = 300  # looks are planned for full five minutes, so that a schedule that is seconds late does not miss one
AIM = 3.5  # new articles a look: of five at a constant pace ten come in 3 looks of 100, of 3.5 in one of 300 (Poisson)
MEMORY = 20  # articles: twice a feed
KEPT = 7  # days
PARTS = 8  # of a day, each with a pace of its own
FADES = 10 * DAY  # in this time what is known of the pace loses all but 37 % of its weight
PRIOR = 2.0  # parts of a day that the mean pace weighs against a part's own
AHEAD = HOUR  # clocks may differ by so much; an article from later than that is left for a later look
FIRST_WAIT, LONGEST_WAIT = HOUR, DAY  # after a refusal


@dataclass(frozen=True, slots=True)
class Article:
    guid: str
    time: int
    title: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    seen: int = 0  # articles
    covered: int = 0  # seconds
    told: int = -1  # what was last said of it; -1: nothing yet

    @property
    def bound(self) -> Bound:
        return Bound.EXACT if self.covered == DAY else Bound.AT_LEAST

    @property
    def says(self) -> bool:
        """Whether it gives a number: a day seen in part with nothing in it gives none."""
        return self.covered == DAY or (self.covered > 0 and self.seen > 0)

    @property
    def estimate(self) -> float | None:
        """What the whole day would come to at the pace of what was seen of it; None where that is too little to say."""
        return round(self.seen * DAY / self.covered, 1) if self.covered >= DAY // 10 else None


@dataclass(frozen=True, slots=True)
class Tag:
    """What is remembered of a tag between looks."""

    first: int = 0  # time of the first look
    last: int = 0  # of the last one that was answered
    next: int = 0
    until: int = 0  # end of the stretch that was seen last
    failures: int = 0  # looks in a row without an answer
    ended: int = -1  # the latest day that was given up without a number
    articles: tuple[tuple[str, int], ...] = ()  # guid and time of the newest ones, newest first
    days: Mapping[int, Day] = field(default_factory=dict)  # by their start
    counts: tuple[float, ...] = (0.0,) * PARTS
    seconds: tuple[float, ...] = (0.0,) * PARTS

    @classmethod
    def read(cls, kept: object) -> Self:
        """From what `kept` gave; anything else is a tag that was never looked at."""
        if not isinstance(kept, dict):
            return cls()
        first, last, following, until, failures, ended = kept["at"]
        return cls(
            first,
            last,
            following,
            until,
            failures,
            ended,
            tuple((guid, time) for guid, time in kept["articles"]),
            {int(start): Day(*day) for start, day in kept["days"].items()},
            tuple(kept["counts"]),
            tuple(kept["seconds"]),
        )

    def kept(self) -> dict[str, object]:
        """As JSON: under two kilobytes."""
        return {
            "at": [self.first, self.last, self.next, self.until, self.failures, self.ended],
            "articles": [list(a) for a in self.articles],
            "days": {str(start): [d.seen, d.covered, d.told] for start, d in sorted(self.days.items())},
            "counts": [round(c, 3) for c in self.counts],
            "seconds": [round(s) for s in self.seconds],
        }


def look(tag: Tag, articles: Iterable[Article], at: int, *, built: int | None = None, whole: bool = True) -> Tag:
    """The tag after a look at its feed. ``built``: when the feed says that it was made; ``whole``: all of it could be read.

    A feed that could be read in part only shows articles, but proves no stretch.
    """
    found = {a.guid: a for a in articles if a.time <= at + AHEAD}
    newest = max((a.time for a in found.values()), default=0)
    end = built if built is not None and newest <= built <= at else at
    start = _start(tag, found, end) if whole else end
    floor = tag.articles[-1][1] if len(tag.articles) >= MEMORY else -1
    known = {guid for guid, _ in tag.articles}
    fresh = [a for a in found.values() if a.guid not in known and a.time > floor]  # older ones were counted when they were in memory
    begin, horizon = max(start, tag.until), at - at % DAY - KEPT * DAY
    days = {s: d for s, d in tag.days.items() if s >= horizon}
    for article in fresh:
        day = article.time - article.time % DAY
        if day >= horizon:
            days[day] = replace(days.get(day, Day()), seen=days.get(day, Day()).seen + 1)
    for piece, stop in _pieces(max(begin, horizon), end, DAY):
        day = piece - piece % DAY
        days[day] = replace(days.get(day, Day()), covered=days.get(day, Day()).covered + stop - piece)
    times = [a.time for a in fresh if begin <= a.time < end]
    counts, seconds = _paced(tag, times, begin, end, at)
    merged = sorted({*tag.articles, *((a.guid, a.time) for a in fresh)}, key=lambda a: (-a[1], a[0]))
    return replace(
        tag,
        first=tag.first or at,
        last=at,
        until=max(tag.until, end),
        failures=0,
        articles=tuple(merged[:MEMORY]),
        days=days,
        counts=counts,
        seconds=seconds,
    )


def _start(tag: Tag, found: Mapping[str, Article], end: int) -> int:
    """Where the stretch begins that a feed shows whole.

    An article that was seen before and is newer than the feed's oldest one should be in it. If it is not, it was taken
    back, or the oldest one stands there out of its turn: then only what is newer than the absent one is proven.
    """
    times = sorted(a.time for a in found.values())
    if not times:
        return end
    absent = max((time for guid, time in tag.articles if guid not in found and time > times[0]), default=None)
    if absent is not None:
        times = [t for t in times if t > absent] or [end]
    return times[0] + 1


def _pieces(start: int, end: int, length: int) -> Iterable[tuple[int, int]]:
    """A stretch cut where periods of a length begin."""
    while start < end:
        stop = min(end, (start // length + 1) * length)
        yield start, stop
        start = stop


# The pace


def _paced(tag: Tag, times: Sequence[int], begin: int, end: int, at: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Articles and seconds seen in each part of the day, older ones fading."""
    part, keeps = DAY // PARTS, math.exp(-max(0, at - tag.last) / FADES) if tag.last else 0.0
    counts, seconds = [c * keeps for c in tag.counts], [s * keeps for s in tag.seconds]
    oldest = max(begin, at - FADES)
    for time in times:
        if time >= oldest:
            counts[time % DAY // part] += 1
    for piece, stop in _pieces(oldest, end, part):
        seconds[piece % DAY // part] += stop - piece
    return tuple(counts), tuple(seconds)


def pace(tag: Tag) -> float:
    """Articles a second over all that is remembered, or in the last feed if that is more while little is known."""
    known = sum(tag.seconds)
    mean = (sum(tag.counts) + 0.5) / (known + HOUR)
    return max(mean, _recent(tag)) if known < 2 * DAY else mean


def _recent(tag: Tag) -> float:
    """Articles a second in the last feed, up to when it was read."""
    newest = [time for _, time in tag.articles[:10]]
    return (len(newest) - 1) / max(60, tag.last - newest[-1]) if len(newest) > 1 else 0.0


def planned(tag: Tag, now: int) -> int:
    """When to look again: after about `AIM` new articles, and when a day can be closed.

    The pace is the larger of the last feed's own (eight tenths of it: bursts pass) and what is known of the hours to
    come, so that a look in the quiet of the night does not sleep through the morning.
    """
    part, mean, recent = DAY // PARTS, pace(tag), 0.8 * _recent(tag)
    prior, left, until = PRIOR * part, AIM, now
    for piece, stop in _pieces(now, now + LATEST, part):
        index = piece % DAY // part
        rate = max((tag.counts[index] + mean * prior) / (tag.seconds[index] + prior), recent, 1e-9)
        until = min(stop, piece + int(left / rate) + 1)
        left -= rate * (stop - piece)
        if left <= 0:
            break
    wait = min(LATEST, max(SOONEST, until - now)) // GRID * GRID
    following, end = now - now % GRID + wait, closing(now)
    return following if following <= end - SOONEST else end


def closing(now: int) -> int:
    """The next moment at which a day can be closed."""
    return (now - LAG) // DAY * DAY + DAY + LAG


def failed(tag: Tag, now: int) -> Tag:
    """The tag after a look that gave nothing: it is tried again after 20 minutes, then 40, 80 …, a day at last."""
    wait = min(LATEST, SOONEST * 2 ** min(tag.failures, 10))
    return replace(tag, failures=tag.failures + 1, next=now - now % GRID + wait)


# Telling


def speak(tag: Tag, at: int, asked: Iterable[int]) -> tuple[dict[int, Day], Tag]:
    """The closed days of which there is something to say, and the tag that remembers having said it.

    That is: days that are asked for, and others if what is known of them changed. Of days before the first look only
    those that the feed shows whole.
    """
    wanted = set(asked)
    days = {
        start: day
        for start, day in tag.days.items()
        if start + DAY + LAG <= at
        and day.says
        and (start in wanted or (day.told != day.seen and (day.covered == DAY or start + DAY > tag.first or day.told >= 0)))
    }
    silent = [start for start in wanted if start not in days]
    marked = {start: replace(day, told=day.seen) for start, day in days.items()}
    return days, replace(tag, days={**tag.days, **marked}, ended=max([tag.ended, *silent]))


# Refusals


@dataclass(frozen=True, slots=True)
class Refusal:
    """The site wants no requests: nothing is asked until a time."""

    until: int
    wait: int  # seconds
    reason: Reason = Reason.THROTTLED
    said: str = ""

    @classmethod
    def read(cls, kept: object) -> Self | None:
        return cls(kept["until"], kept["wait"], Reason(kept["reason"]), kept["said"]) if isinstance(kept, dict) else None

    def kept(self) -> dict[str, object]:
        return {"until": self.until, "wait": self.wait, "reason": str(self.reason), "said": self.said}


def refused(before: Refusal | None, at: int, why: tuple[Reason, str], asked: float | None = None) -> Refusal:
    """An hour's pause, twice the last one while refusals follow one another, a day at most; never less than was asked for."""
    wait = min(LONGEST_WAIT, before.wait * 2) if before is not None else FIRST_WAIT
    return Refusal(at + max(wait, math.ceil(asked or 0)), wait, *why)
