"""The calendar of coverage in `uptake status`: which days have their figures, told by shape and by colour, and the sizes beside it."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.cli.calendar_view import MARKS, header, lines, show
from scheduler.coverage_calendar import DAYS, Cover, calendar, cells_until, cover, reach
from scheduler.sizes import sizes
from scheduler.status import status
from storage import ledger
from storage.journal import Journal
from storage.ledger import End
from storage.model import Cadence, Kind, Metric, Observation, Outcome, Reason, Series, Slot, State
from storage.periods import DAY, WEEK, read_time
from tests.fakes.toy import WIDGETS
from tests.scheduler.conftest import NOW, TODAY, World, uptake
from tests.storage.journals import make

Here = Callable[[Path], None]
DAILY = Series("toy.widgets", "a", source="toy")
MONTHLY = Series("toy.moons", "a", source="toy")
CADENCES = {DAILY.metric: Cadence.DAY, MONTHLY.metric: Cadence.MONTH}
SIXTY = cells_until(NOW, 6)[1]


def end(series: Series, time: int, outcome: Outcome = Outcome.MEASURED, source: str = "toy") -> End:
    return End(Slot(series, time), source, "toy-1", outcome)


def covers(ends: Iterable[End], cell: Cadence = Cadence.DAY, cells: tuple[int, ...] = SIXTY) -> list[Cover]:
    found = calendar(ends, lambda s: CADENCES[s.metric], cell, cells)
    return [cover(n) for n in found.sources["toy"]]


# What a cell says


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ({}, Cover.NOTHING),
        ({"open": 3}, Cover.OPEN),
        ({"measured": 3}, Cover.FULL),
        ({"measured": 3, "open": 1}, Cover.FULL),
        ({"measured": 2, "recovered": 1}, Cover.LATE),
        ({"recovered": 1}, Cover.LATE),
        ({"measured": 2, "suspect": 1}, Cover.DOUBTFUL),
        ({"suspect": 1, "recovered": 2}, Cover.DOUBTFUL),
        ({"measured": 4, "missing": 1}, Cover.MOST),
        ({"measured": 3, "suspect": 1, "missing": 1}, Cover.MOST),
        ({"measured": 3, "missing": 1}, Cover.PART),
        ({"suspect": 1, "missing": 9}, Cover.PART),
        ({"missing": 1}, Cover.NONE),
        ({"missing": 5, "open": 2}, Cover.NONE),
    ],
)
def test_a_day_in_one_word(outcomes: dict[str, int], said: Cover) -> None:
    assert cover(Counter(outcomes)) is said


@given(st.dictionaries(st.sampled_from([str(o) for o in Outcome]), st.integers(1, 50)), st.integers(2, 9))
def test_a_day_is_the_same_whatever_the_number_of_topics(outcomes: dict[str, int], times: int) -> None:
    assert cover(Counter(outcomes)) is cover(Counter({o: n * times for o, n in outcomes.items()}))


def test_a_day_with_a_figure_missing_never_looks_whole() -> None:
    for measured in range(300):
        assert cover(Counter(measured=measured, missing=1)) in {Cover.NONE, Cover.PART, Cover.MOST}


# Which cells


def test_sixty_days_end_today_and_more_than_eight_weeks_are_shown_as_weeks() -> None:
    assert (len(SIXTY), SIXTY[-1], SIXTY[0]) == (DAYS, TODAY, TODAY - 59 * DAY)
    cell, cells = cells_until(NOW, 52)
    assert (cell, len(cells), cells[-1]) == (Cadence.WEEK, 52, read_time("2026-11-16"))
    assert {b - a for a, b in pairwise(cells)} == {WEEK}
    assert cells_until(NOW, 8)[0] is Cadence.DAY


def test_a_daily_figure_is_its_days_and_one_for_a_month_all_days_of_the_month() -> None:
    found = covers([end(DAILY, TODAY - DAY), end(DAILY, TODAY - 60 * DAY)])
    assert found == [Cover.NOTHING] * 58 + [Cover.FULL, Cover.NOTHING]
    october, november = read_time("2026-10-01"), read_time("2026-11-01")
    found = covers([end(MONTHLY, october), end(MONTHLY, november, Outcome.MISSING)])
    assert Counter(found) == {Cover.NOTHING: 9, Cover.FULL: 31, Cover.NONE: 20}
    assert found[-20:] == [Cover.NONE] * 20
    assert reach(SIXTY) == read_time("2026-09-01")
    assert covers([end(MONTHLY, reach(SIXTY))])[:10] == [Cover.FULL] * 9 + [Cover.NOTHING]


def test_weeks_add_their_days_up() -> None:
    cell, cells = cells_until(NOW, 10)
    monday = cells[-2]
    ends = [end(DAILY, monday + n * DAY, Outcome.MISSING if n == 6 else Outcome.MEASURED) for n in range(7)]
    assert covers(ends, cell, cells)[-2:] == [Cover.MOST, Cover.NOTHING]


def test_a_source_of_which_nothing_was_due_has_no_row() -> None:
    found = calendar([end(DAILY, TODAY - 400 * DAY)], lambda _: Cadence.DAY, Cadence.DAY, SIXTY)
    assert found.sources == {}
    assert lines(found) == []


# How it looks


def drawn(ends: Iterable[End], **options: object) -> list[str]:
    return [str(line) for line in lines(calendar(ends, lambda s: CADENCES[s.metric], Cadence.DAY, SIXTY), **options)]  # type: ignore[arg-type]


def test_each_mark_has_a_shape_and_a_colour_of_its_own_and_a_meaning() -> None:
    assert set(MARKS) == set(Cover)
    for column in range(4):
        assert len({row[column] for row in MARKS.values()}) == len(Cover)
    assert all(len(row[0]) == 1 and row[1].isascii() for row in MARKS.values())


def test_the_legend_explains_what_is_there_and_nothing_else() -> None:
    top, row, legend = drawn([end(DAILY, TODAY), end(DAILY, TODAY - DAY, Outcome.MISSING)])
    assert top.startswith("     Sep 22   Oct 1      ")
    assert row == "toy  " + "·" * 58 + "×█"
    assert legend == "a mark a day:  █ every figure  × none  · none was due"


def test_the_header_names_the_first_day_and_the_months() -> None:
    text = header(SIXTY, Cadence.DAY)
    assert text.split() == ["Sep", "22", "Oct", "1", "Nov", "1"]
    assert text.index("Nov 1") == SIXTY.index(read_time("2026-11-01"))
    weeks = cells_until(NOW, 52)[1]
    assert "Nov" in header(weeks, Cadence.WEEK)
    assert len(header(weeks, Cadence.WEEK)) <= 52


def test_a_narrow_terminal_shows_the_newest_days() -> None:
    ends = [end(DAILY, TODAY - n * DAY, Outcome.MISSING if n > 9 else Outcome.MEASURED) for n in range(60)]
    top, row, legend = drawn(ends, wide=20)
    assert row == "toy  " + "×" * 5 + "█" * 10
    assert len(top) <= 20
    assert "× none" in legend


def test_what_can_only_write_ascii_gets_ascii() -> None:
    found = calendar([end(DAILY, TODAY), end(DAILY, TODAY - DAY, Outcome.MISSING)], lambda _: Cadence.DAY, Cadence.DAY, SIXTY)
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    show(found, out)
    out.flush()
    assert raw.getvalue().decode("ascii").splitlines()[1] == "toy  " + "." * 58 + "x#"


class Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]  # read-only in the base

    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_and_not_where_it_is_unwanted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = calendar([end(DAILY, TODAY)], lambda _: Cadence.DAY, Cadence.DAY, SIXTY)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    out = Terminal()
    show(found, out)
    assert "\x1b[32m█" in out.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    show(found, out)
    assert "\x1b[32m" not in out.getvalue()
    assert "█" in out.getvalue()
    plain = io.StringIO()
    show(found, plain)
    assert "\x1b" not in plain.getvalue()


# In the status


def plan(journal: Journal, series: Series, time: int, *, asked: int, value: float | None, state: State = State.GOOD) -> None:
    """One planned figure, with a value or missing."""
    metric = Metric(series.metric, Kind.LEVEL, "moons", CADENCES[series.metric], "Moons", "At night.")
    with journal.write(now=asked) as tx:
        tx.define([WIDGETS, metric] if metric.name != WIDGETS.name else [WIDGETS], "toy")
        slot = Slot(series, time)
        run = ledger.open_run(tx, "toy", ledger.COLLECT, [slot], now=asked, parser=1)
        if value is None:
            ledger.end_slots(tx, run, [slot.missing(Reason.DOWNTIME, "nobody was there")])
        else:
            tx.put([Observation(series, time, value, observed_at=asked, state=state)])
        ledger.finish_run(tx, run, "finished", 1)


def test_the_calendar_shows_the_day_of_the_figure_not_that_of_the_asking(tmp_path: Path) -> None:
    with Journal.open(make(tmp_path), writable=True) as journal:
        for n in (3, 2, 1):  # asked for on one day, after days away
            plan(journal, DAILY, TODAY - n * DAY, asked=TODAY, value=None if n == 2 else 5.0)
        plan(journal, MONTHLY, read_time("2026-11-01"), asked=read_time("2026-11-02"), value=1.0)
        with journal.write(now=TODAY + 60) as tx:
            tx.put([Observation(DAILY, TODAY - 2 * DAY, 5.0)])
        with journal.read() as connection:
            before = status(connection, tmp_path, now=NOW, as_of=4)
            found = status(connection, tmp_path, now=NOW)
    day = found.calendar.to_dict()
    assert day["cells"][-1] == "2026-11-20"
    marks = dict(zip(day["cells"], day["sources"]["toy"], strict=True))
    assert marks["2026-11-18"] == {"cover": "late", "outcomes": {"recovered": 1, "measured": 1}}
    assert marks["2026-11-17"] == {"cover": "full", "outcomes": {"measured": 2}}
    assert marks["2026-11-20"] == {"cover": "full", "outcomes": {"measured": 1}}
    assert marks["2026-10-31"] == {"cover": "nothing", "outcomes": {}}
    weeks = {read_time("2026-11-16"): Counter(measured=2, recovered=1), read_time("2026-11-02"): Counter(measured=1)}
    assert found.coverage == {"toy": weeks}  # by the week of the asking
    assert before.calendar.sources["toy"][-3] == Counter({"missing": 1, "measured": 1})


def test_a_backfill_that_reaches_far_back_does_not_make_the_calendar_read_all_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int | None] = []
    inner = ledger.ends

    def ends(*args: object, since: int | None = None, **options: object) -> list[End]:
        asked.append(since)
        return inner(*args, since=since, **options)  # type: ignore[arg-type]

    with Journal.open(make(tmp_path), writable=True) as journal:
        plan(journal, DAILY, TODAY, asked=TODAY, value=1.0)
        with journal.write(now=TODAY) as tx:
            ledger.open_run(tx, "toy", ledger.BACKFILL, [Slot(DAILY, read_time("2015-01-01"))], now=TODAY, parser=1)
        monkeypatch.setattr(ledger, "ends", ends)
        with journal.read() as connection:
            status(connection, tmp_path, now=NOW)
    assert asked == [TODAY]


def test_status_shows_the_calendar_and_the_sizes(measured: Path, look_at: Here) -> None:
    look_at(measured)
    text = uptake("status").out
    assert "github         ·····" in text
    assert "a mark a day:  █ every figure  · none was due" in text
    assert " free on the disk" in text
    assert "reduced" not in text
    document = uptake("status", "--json").json
    assert document["calendar"]["cell"] == "day"
    assert set(document["calendar"]["sources"]) == {"github", "hacker_news", "stackoverflow"}
    assert all(len(row) == 60 for row in document["calendar"]["sources"].values())
    assert {"journal", "captures", "captures_whole", "captures_reduced", "library", "reports", "disk_free"} == set(document["bytes"])
    assert uptake("status", "--weeks", "20", "--json").json["calendar"]["cell"] == "week"
    assert "a mark a week:" in uptake("status", "--weeks", "20").out


def test_a_day_without_an_answer_is_seen(world: World) -> None:
    world.github.delete(world.github.repos[world.github.names["made-up/beta"]])
    uptake("collect", "github")
    row = uptake("status", "--json").json["calendar"]["sources"]["github"]
    assert "part" in {cell["cover"] for cell in row}
    assert "▂ fewer" in uptake("status").out


def test_sizes_are_those_of_the_files(tmp_path: Path) -> None:
    for name, size in (
        ("journal.sqlite3", 100),
        ("journal.sqlite3-wal", 20),
        ("captures/toy/2026-11/toy-1.1.warc.gz", 7),
        ("captures/toy/2026-10/toy-0.1.reduced.warc.gz", 3),
        ("captures/toy/2026-10/toy-0.1.warc.gz.part", 1000),
        ("library/cvpr-2025.sqlite3", 50),
        ("reports/report.html", 9),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    found = sizes(tmp_path)
    assert found.pop("disk_free") > 0
    assert found == {"journal": 120, "captures": 10, "captures_whole": 7, "captures_reduced": 3, "library": 50, "reports": 9}
