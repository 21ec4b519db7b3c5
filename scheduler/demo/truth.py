"""Whether a claim is true of the simulated world: its curves, not its dice, decide."""

from __future__ import annotations

from scheduler.demo.courses import Course
from scheduler.demo.known import Said
from scheduler.demo.plan import PAST, Plan
from storage.periods import DAY, WEEK
from trends.claim import ClaimKind

_WHAT = {
    "github.new_stars": "github",
    "hacker_news.stories": "hacker_news",
    "articles.published": "medium",
    "articles.estimated": "medium",
    "google_trends.search_interest": "search",
    "stackoverflow.questions": "stackoverflow",
}
_STOCKS = {"github.stars": "github", "github.forks": "github", "github.watchers": "github", "stackoverflow.tag_total": "stackoverflow"}
JUDGED = {ClaimKind.GROWTH, ClaimKind.FADING, ClaimKind.ACCELERATION, ClaimKind.OVERTAKE, ClaimKind.ON_COURSE}
NEAR = 0.1  # by how much the one that is ahead may lie behind in truth: nobody measures a crossing to the day


def true(plan: Plan, said: Said) -> bool | None:
    """Whether a claim holds; None where the world has no opinion of it."""
    if said.kind not in JUDGED:
        return None
    courses = [_course(plan, said.metric, said.series, topic) for topic in said.topics]
    if any(course is None for course in courses):
        return None
    known = [course for course in courses if course is not None]
    if said.kind in {ClaimKind.OVERTAKE, ClaimKind.ON_COURSE}:
        return _passes(plan, said, known[0], known[1])
    rises = said.says in {"rising", "faster"}
    return known[0].growth > 0 if rises else known[0].growth < 0


def _passes(plan: Plan, said: Said, first: Course, second: Course) -> bool:
    """Whether the first is behind at one time and ahead at a later one, without its season."""
    stock = said.metric in _STOCKS
    coming = said.kind == ClaimKind.ON_COURSE
    before, after = (said.time, said.time + 208 * WEEK) if coming else (said.time - 78 * WEEK, said.time + 4 * WEEK)
    ratios = [_size(plan, first, t, stock=stock) / max(1e-9, _size(plan, second, t, stock=stock)) for t in (before, after)]
    return ratios[0] < 1 + NEAR and ratios[1] > 1 - NEAR


def _course(plan: Plan, metric: str, series: str, topic: str) -> Course | None:
    if metric == "jobs.postings":
        if 'board="hacker_news"' in series:
            return plan.course(topic, "hacker_news")
        return plan.course(topic, "jobs")
    what = _WHAT.get(metric) or _STOCKS.get(metric)
    return None if what is None else plan.course(topic, what)


def _size(plan: Plan, course: Course, time: int, *, stock: bool) -> float:
    flat = Course(course.size, course.growth, 0.0, course.origin)
    if not stock:
        return flat.at(time)
    return sum(flat.at(day) for day in range(plan.start - PAST, max(plan.start - PAST + DAY, time), WEEK))


__all__ = ["JUDGED", "true"]
