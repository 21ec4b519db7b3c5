"""What was planted, each with how the program's own records are asked for it. A thing that is not in them is *not found*."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from scheduler.demo.courses import crossing
from scheduler.demo.known import Known, Said
from scheduler.demo.plan import STEP, Kind, Plan, Trouble, title
from scheduler.demo.truth import JUDGED, true
from scheduler.demo.world import PAPERS, papers
from storage.ledger import End
from storage.model import Outcome, Reason, Series
from storage.periods import DAY, WEEK, day, read_time
from trends.claim import ClaimKind

LATE = 16 * WEEK  # after an overtake, or after growth can be tested: twice the running median that announces it
LATEST = 24 * WEEK  # after an overtake; who has not told of it by then has missed it
TESTED = 23 * WEEK  # after the start: what GitHub and the searches tell of the past makes two years by then


class Word(StrEnum):
    FOUND = "found"
    LATE = "found late"
    MISSED = "NOT FOUND"
    SILENT = "rightly silent"
    WRONG = "WRONGLY CLAIMED"

    @property
    def good(self) -> bool:
        return self in {Word.FOUND, Word.LATE, Word.SILENT}


@dataclass(frozen=True, slots=True)
class Verdict:
    """``found`` in words; ``when`` the program first had it (epoch seconds)."""

    word: Word
    found: str
    when: int | None = None


@dataclass(frozen=True, slots=True)
class Planted:
    """``words`` say what is true; by ``due`` (epoch seconds) it can be known at the latest."""

    words: str
    due: int
    look: Callable[[Known], Verdict]


def planted(plan: Plan) -> list[Planted]:
    """All that is planted and can be known by the end of the plan."""
    everything = [*_growths(plan), *_overtakes(plan), *_flat(plan), *_counters(plan), *_troubles(plan), *_rest(plan)]
    return [one for one in everything if one.due <= plan.end]


# Claims


def _growths(plan: Plan) -> Iterable[Planted]:
    tested = plan.start + TESTED
    for topic, what, metric in (
        ("brontide", "github", "github.new_stars"),
        ("quillon", "github", "github.new_stars"),
        ("corvane", "github", "github.new_stars"),
        ("ilexa", "github", "github.new_stars"),
        ("skerrin", "search", "google_trends.search_interest"),
    ):
        course = plan.course(topic, what)
        assert course is not None
        name = {"github": "new GitHub stars", "search": "searches"}[what]
        words = f"{title(topic)}: {name} {100 * course.growth:+.0f} % a year"
        yield Planted(words, tested + LATE, partial(growth, topic=topic, metric=metric, rate=course.growth, tested=tested))


def growth(known: Known, *, topic: str, metric: str, rate: float, tested: int) -> Verdict:
    """The first claim that says so, with the interval of the last one."""
    said = [c for c in known.claims() if c.topics == (topic,) and c.metric == metric and c.kind in {ClaimKind.GROWTH, ClaimKind.FADING}]
    right = [c for c in said if (c.numbers["percent"] > 0) is (rate > 0)]
    if len(right) < len(said):
        return Verdict(Word.WRONG, next(c.sentence for c in said if c not in right), said[0].time)
    if not said:
        return Verdict(Word.MISSED, "no digest claims it")
    low, high = (f"{said[-1].numbers[k]:+.0f}" if said[-1].numbers[k] is not None else "..." for k in ("low", "high"))
    found = f"{said[-1].numbers['percent']:+.0f} % a year [{low} to {high}]"
    return Verdict(Word.FOUND if said[0].time <= tested + LATE else Word.LATE, found, said[0].time)


def _overtakes(plan: Plan) -> Iterable[Planted]:
    for winner, loser, what, metric, label, name in (
        ("brontide", "quillon", "github", "github.new_stars", "", "new GitHub stars"),
        ("brontide", "quillon", "hacker_news", "hacker_news.stories", "", "Hacker News stories"),
        ("ostrey", "lumeroot", "jobs", "jobs.postings", 'board="himalayas"', "postings on Himalayas"),
        ("ostrey", "lumeroot", "jobs", "jobs.postings", 'board="reed"', "postings on Reed"),
    ):
        first, second = plan.course(winner, what), plan.course(loser, what)
        assert first is not None
        assert second is not None
        at = crossing(first, second)
        assert at is not None
        words = f"{title(winner)} overtakes {title(loser)} in {name}, {day(int(at))}"
        yield Planted(words, int(at) + LATEST, partial(overtake, pair=(winner, loser), metric=metric, label=label, at=int(at)))


def overtake(known: Known, *, pair: tuple[str, str], metric: str, label: str, at: int) -> Verdict:
    """The first claim of it, with the date that the last one gives."""
    said = [c for c in known.claims() if c.kind == ClaimKind.OVERTAKE and c.metric == metric and label in c.series]
    said = [c for c in said if set(c.topics) == set(pair)]
    if not said:
        return Verdict(Word.MISSED, "no digest claims it")
    if any(c.topics != pair for c in said):
        return Verdict(Word.WRONG, next(c.sentence for c in said if c.topics != pair), said[0].time)
    found = _dated(said[-1])
    return Verdict(Word.FOUND if said[0].time <= at + LATE else Word.LATE, found, said[0].time)


def _dated(said: Said) -> str:
    low, about, high = (str(said.numbers.get(k) or "...")[:10] for k in ("low", "at", "high"))
    return f"about {about} [{low} to {high}]"


def _flat(plan: Plan) -> Iterable[Planted]:
    for topic, words in (
        ("marlstone", "Marlstone neither grows nor falls"),
        ("fenwark", "Fenwark swings with the seasons, and no more"),
        ("pilvane", "Pilvane neither grows nor falls"),
        ("dunmarrow", "Dunmarrow neither grows nor falls"),
    ):
        yield Planted(words, plan.week(4), partial(silent, topic=topic))


def silent(known: Known, *, topic: str) -> Verdict:
    """Whether nothing was claimed of a topic's growth."""
    kinds = {ClaimKind.GROWTH, ClaimKind.FADING, ClaimKind.ACCELERATION}
    said = [c for c in known.claims() if topic in c.topics and c.kind in kinds]
    if said:
        return Verdict(Word.WRONG, said[0].sentence, said[0].time)
    if not known.kept:
        return Verdict(Word.MISSED, "no digest was made, so that nobody looked")
    return Verdict(Word.SILENT, f"nothing claimed in {len({k.present for k in known.kept})} weeks")


# Counters


def _counters(plan: Plan) -> Iterable[Planted]:
    words = f"Reed shows {100 * STEP:.0f} % of its postings from {day(plan.stepped)} on: a change of the counter"
    yield Planted(words, plan.stepped + 4 * WEEK, partial(step, at=plan.stepped))
    yield Planted(f"Fenwark's repository is renamed on {day(plan.renamed)}", plan.renamed + 8 * DAY, partial(renamed, at=plan.renamed))


def step(known: Known, *, at: int) -> Verdict:
    """Whether the change was noted as one of the source, near its week, and nobody was said to fall by it."""
    series = 'jobs.postings{board="reed"'
    fell = [c for c in known.claims() if c.series.startswith(series) and c.kind == ClaimKind.FADING]
    if fell:
        return Verdict(Word.WRONG, fell[0].sentence, fell[0].time)
    found = [e for e in known.events if e.kind == "quality" and e.text.startswith(series) and "counter changed" in e.text]
    near = [e for e in found if abs(e.time - at) <= WEEK]
    if not near:
        return Verdict(Word.MISSED, f"noted on {', '.join(day(e.time) for e in found)}" if found else "no event says so")
    first = next((k.present for k in known.kept if k.present >= near[0].time + WEEK), None)
    return Verdict(Word.FOUND, f"noted for the week of {day(near[0].time)}; nobody was said to fall by it", first)


def renamed(known: Known, *, at: int) -> Verdict:
    told = [e for e in known.events if e.kind == "rename" and e.topic == "fenwark"]
    if not told:
        return Verdict(Word.MISSED, "no event says so")
    lost = [e for e in known.ended("github", at, at + 2 * WEEK) if e.slot.series.topic == "fenwark" and e.outcome is Outcome.MISSING]
    if lost:
        return Verdict(Word.MISSED, f"noted, but {len(lost)} of its figures are missing: {lost[0].label}", told[0].time)
    return Verdict(Word.FOUND, f"{told[0].text}; its series goes on", told[0].time)


# Troubles

_NAMES = {"hacker_news": "Hacker News", "github": "GitHub", "stackoverflow": "Stack Overflow", "reed": "Reed", "himalayas": "Himalayas"}
_WORDS = {
    Kind.DOWN: "{who} does not answer",
    Kind.WALL: "{who} puts up a wall",
    Kind.ZEROS: "{who} says zero of everything",
    Kind.CHANGED: "{who} answers in another form",
    Kind.OFF: "the machine is off",
}
_REASONS = {
    Kind.DOWN: {Reason.UNREACHABLE, Reason.ROBOTS},  # a host whose robots.txt cannot be had is left alone
    Kind.WALL: {Reason.BLOCKED},
    Kind.CHANGED: {Reason.PARSE_ERROR},
    Kind.OFF: {Reason.DOWNTIME},
}


_TOLD = {"robots": "its robots.txt could not be had", "parse_error": "no count in the answer", "downtime": "nobody was at work"}


def named(trouble: Trouble) -> str:
    """A trouble in words, without its dates."""
    return _WORDS[trouble.kind].format(who=_NAMES.get(trouble.who, "the receiver of series"))


def _troubles(plan: Plan) -> Iterable[Planted]:
    for trouble in plan.troubles:
        if trouble.who != "influxdb":
            words = f"{named(trouble)}, {day(trouble.start)} to {day(trouble.end)}"
            look = zeros if trouble.kind is Kind.ZEROS else away
            yield Planted(words, trouble.end + 8 * DAY, partial(look, trouble=trouble))


def away(known: Known, *, trouble: Trouble) -> Verdict:
    """Whether all that was planned meanwhile has an end, with the right reason where it has no number, and no number was made up."""
    sources = [trouble.who] if trouble.who else sorted({e.source for e in known.ends})
    ends = [e for s in sources for e in known.ended(s, trouble.start - DAY, trouble.end) if _was_hit(e)]
    reasons = Counter(e.reason for e in ends if e.outcome is Outcome.MISSING)
    back = sum(e.outcome is Outcome.RECOVERED for e in ends)
    wrong = [e for e in ends if e.outcome is Outcome.MISSING and e.reason not in _REASONS[trouble.kind]]
    parts = [f"{back} figures read again from history"] if back else []
    parts += [f"{n} marked missing ({_TOLD.get(reason, reason)})" for reason, n in reasons.items()]
    if not parts or wrong:
        return Verdict(Word.MISSED, f"{wrong[0].slot}: {wrong[0].label}" if wrong else "nothing tells of it")
    return Verdict(Word.FOUND, ", ".join(parts), known.noted(ends))


def _was_hit(end: End) -> bool:
    """Whether a planned figure was not had when its time came. An edition that has not appeared is another matter."""
    return end.outcome in {Outcome.MISSING, Outcome.RECOVERED} and end.reason != str(Reason.NOT_FOUND)


def zeros(known: Known, *, trouble: Trouble) -> Verdict:
    """Whether zeros of all topics at once were not believed."""
    ends = known.ended(trouble.who, trouble.start, trouble.end)
    topics = [e for e in ends if e.slot.series.topic]
    believed = [e for e in topics if 0.0 in known.values(e.slot.series, trouble.start, trouble.end).values()]
    if believed:
        return Verdict(Word.WRONG, f"{len(believed)} zeros stand as figures", trouble.start)
    if not topics:
        return Verdict(Word.MISSED, "nothing was asked meanwhile")
    return Verdict(Word.FOUND, f"{len(topics)} zeros held as doubtful and withdrawn, none is a figure", known.noted(topics))


# The rest


def _rest(plan: Plan) -> Iterable[Planted]:
    for year, appears in plan.editions.items():
        if appears > plan.start:
            words = f"CVPR {year} appears on {day(appears)}: {PAPERS} papers, some of which name a data store"
            yield Planted(words, appears + 9 * DAY, partial(edition, year=year, counts=_named(plan, year)))
    yield Planted("nothing else is claimed that is not so", plan.week(4), partial(others, plan=plan))


def _named(plan: Plan, year: int) -> dict[str, int]:
    return dict(Counter(topic for paper in papers(plan, year) for topic in paper.body))


def edition(known: Known, *, year: int, counts: dict[str, int]) -> Verdict:
    at = read_time(str(year))
    found = {
        topic: known.values(Series("papers.mentioning", topic, (("rule", "inclusive"), ("venue", "CVPR"))), at, at + DAY).get(at)
        for topic in counts
    }
    told = ", ".join(f"{title(t)} {found[t]:.0f}" if found[t] is not None else f"{title(t)} unknown" for t in counts)
    if any(found[t] != n for t, n in counts.items()):
        return Verdict(Word.MISSED, f"{told}, and planted were {', '.join(f'{title(t)} {n}' for t, n in counts.items())}")
    return Verdict(Word.FOUND, f"each paper read: {told}")


def others(known: Known, *, plan: Plan) -> Verdict:
    """All claims of all digests against the world's own curves."""
    if not known.kept:
        return Verdict(Word.MISSED, "no digest was made, so that nobody looked")
    judged = [(c, true(plan, c)) for c in known.claims() if c.kind in JUDGED]
    wrong = [c for c, holds in judged if holds is False]
    if wrong:
        return Verdict(Word.WRONG, wrong[0].sentence, wrong[0].time)
    different = {(c.kind, c.topics, c.series) for c, holds in judged if holds}
    return Verdict(Word.SILENT, f"{len(different)} claims about growth and overtakes, all of them so")


__all__ = ["Planted", "Verdict", "Word", "named", "planted"]
