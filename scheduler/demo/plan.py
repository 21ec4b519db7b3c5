"""What is true in the simulated world: technologies and their courses, and what happens on which day. All names are invented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from scheduler.demo.courses import Course
from storage.periods import DAY, HOUR, WEEK, moment, read_time

PAST = 78 * WEEK  # that GitHub and the search interest know of before the year begins
WEEKS = 52


class Kind(StrEnum):
    """What can go wrong on the way of a number."""

    OFF = "off"  # nobody is at work: the machine is off
    DOWN = "down"  # a server answers 503
    WALL = "wall"  # it answers with a challenge, status 403
    ZEROS = "zeros"  # it answers, and says zero of everything
    CHANGED = "changed"  # it answers in a form that nobody knows


@dataclass(frozen=True, slots=True)
class Trouble:
    """``who``: a source's name, ``influxdb`` for who receives the series, empty for the machine itself."""

    kind: Kind
    who: str
    start: int
    end: int

    def holds(self, now: int) -> bool:
        return self.start <= now < self.end


# Size and growth a year of each technology by what is counted: new stars a day, stories a day, postings, articles a day, searches,
# questions a day, papers of a hundred. A third figure is the swing with the seasons.
_COURSES: dict[str, dict[str, tuple[float, ...]]] = {
    "brontide": {"github": (21, 0.7), "hacker_news": (9.6, 0.7)},
    "quillon": {"github": (33, -0.4), "hacker_news": (15, -0.4)},
    "marlstone": {"github": (7, 0.0), "hacker_news": (4.8, 0.0)},
    "fenwark": {"github": (150, 0.0, 0.45)},
    "lumeroot": {"jobs": (800, -0.2), "medium": (2.2, -0.1), "search": (40, -0.1)},
    "ostrey": {"jobs": (625, 0.45), "medium": (1.2, 0.4), "search": (14, 0.1)},
    "pilvane": {"jobs": (240, 0.0), "search": (6, 0.0)},
    "skerrin": {"jobs": (95, 0.1), "search": (100, 0.5)},
    "corvane": {"github": (44, -0.3), "jobs": (1500, -0.1), "stackoverflow": (16, -0.3), "papers": (17,)},
    "dunmarrow": {"github": (19, 0.0), "jobs": (420, 0.0), "stackoverflow": (7, 0.0), "papers": (9,)},
    "ilexa": {"github": (6, 0.5), "jobs": (150, 0.3), "papers": (5,)},
    "velstrand": {"github": (2.5, 0.0), "jobs": (45, 0.0), "papers": (2,)},
}
BASKETS = {
    "stream-engines": ("Stream engines", ("brontide", "quillon", "marlstone", "fenwark")),
    "interface-kits": ("Interface kits", ("lumeroot", "ostrey", "pilvane", "skerrin")),
    "data-stores": ("Data stores", ("corvane", "dunmarrow", "ilexa", "velstrand")),
}
BOARDS = {"himalayas": 1.0, "reed": 0.55}  # how much of all postings each board has
STEP = 0.55  # what Reed shows of its postings from the week of the step on
SIZES = {"github": "github.new_stars", "hacker_news": "hacker_news.stories", "jobs": "jobs.postings", "medium": "articles.published"}
SIZES |= {"search": "google_trends.search_interest", "stackoverflow": "stackoverflow.questions", "papers": "papers.mentioning"}


@dataclass(frozen=True, slots=True)
class Plan:
    """One world. ``start`` is the Monday (00:00 UTC) on which the program begins; it runs for so many weeks and a morning."""

    seed: int
    start: int
    weeks: int = WEEKS

    @property
    def end(self) -> int:
        return self.start + self.weeks * WEEK + 8 * HOUR

    def week(self, number: int, days: int = 0, hours: int = 0) -> int:
        """The time of so many weeks, days and hours after the start."""
        return self.start + number * WEEK + days * DAY + hours * HOUR

    @property
    def stepped(self) -> int:
        return self.week(34, hours=1)

    @property
    def renamed(self) -> int:
        """When Fenwark's repository gets another name."""
        return self.week(16, 2)

    @property
    def editions(self) -> dict[int, int]:
        """Years of the two editions of a conference that are read, and when each is online: the second one within the year."""
        last = moment(self.start - 182 * DAY).year if moment(self.start).month < 7 else moment(self.start).year
        return {year: read_time(f"{year}-07-01") for year in (last, last + 1)}

    def course(self, topic: str, what: str, board: str = "") -> Course | None:
        """What is true of a technology; ``what`` is a key of `SIZES`. None where it is not there."""
        found = _COURSES[topic].get(what)
        if found is None:
            return None
        growth, season = (*found[1:], 0.0, 0.0)[:2]
        course = Course(found[0], growth, season, self.start)
        if what == "jobs" and board:
            course = course.of(BOARDS[board])
        if board == "reed":
            return Course(course.size, growth, season, self.start, STEP, self.stepped)
        return course

    def courses(self, what: str, board: str = "") -> Mapping[str, Course]:
        return {topic: c for topic in _COURSES if (c := self.course(topic, what, board)) is not None}

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What goes wrong, in time order, one thing at a time."""
        at = self.week
        return (
            Trouble(Kind.DOWN, "hacker_news", at(5, 1), at(5, 3)),
            Trouble(Kind.WALL, "reed", at(9, -1), at(12)),
            Trouble(Kind.DOWN, "github", at(14, -2), at(14, 3)),
            Trouble(Kind.OFF, "", at(19, 2), at(21, 0, 12)),
            Trouble(Kind.CHANGED, "himalayas", at(26, -1), at(26, 3)),
            Trouble(Kind.DOWN, "stackoverflow", at(29, 1), at(29, 2, 12)),
            Trouble(Kind.DOWN, "influxdb", at(37, -1), at(39, 3)),
            Trouble(Kind.ZEROS, "himalayas", at(43, -1), at(43, 2)),
        )

    def present(self, who: str, now: int) -> Trouble | None:
        return next((t for t in self.troubles if t.who == who and t.holds(now)), None)


def title(topic: str) -> str:
    return topic.title()


__all__ = ["BASKETS", "BOARDS", "PAST", "SIZES", "STEP", "WEEKS", "Kind", "Plan", "Trouble", "title"]
