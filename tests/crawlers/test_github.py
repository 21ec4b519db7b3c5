"""GitHub against a model of GitHub: what is stored must be what the model holds, and nothing that it does not."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.spiders import github_limits as limits
from crawlers.spiders import github_payloads as payloads
from crawlers.spiders.github import GitHub
from scheduler.demo.servers import graphql
from scheduler.demo.servers.github import Asked, FakeGitHub, Repo
from storage.model import ParseError, Reason, Topic, UsageError
from storage.periods import DAY, HOUR, WEEK
from tests.harness import Harness

NOW = int(datetime(2026, 11, 20, 3, 17, tzinfo=UTC).timestamp())  # a Friday
TODAY = NOW - NOW % DAY
SUNDAY = TODAY - 5 * DAY
MONDAY = TODAY - 4 * DAY
TOKEN = "secret-token-1"
COUNTS = ("stars", "forks", "open_issues", "watchers", "pushed_at", "archived")


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with FakeGitHub(NOW) as fake:
        yield fake


@pytest.fixture(params=["", TOKEN], ids=["rest", "graphql"])
def token(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def harness(folder: Path, github: FakeGitHub, *names: str, token: str = TOKEN) -> Harness:
    """Topics t0, t1, … for all repositories of the model, or for these names."""
    chosen = names or tuple(repo.full_name for repo in github.repos.values())
    topics = [Topic(f"t{i}", f"T{i}", {"github": name}) for i, name in enumerate(chosen)]
    return Harness(folder, GitHub, base_url=github.url, topics=topics, options={"token": token} if token else {})


def series(metric: str, topic: str = "t0") -> str:
    return f'github.{metric}{{topic="{topic}"}}'


def held(repo: Repo) -> dict[str, float]:
    """The counts of a repository as GitHub holds them."""
    return {
        "stars": repo.stars,
        "forks": repo.forks,
        "open_issues": repo.issues + repo.pulls,
        "watchers": repo.watchers,
        "pushed_at": repo.pushed_at,
        "archived": float(repo.archived),
    }


def ended(repo: Repo, now: int = NOW, since: int = 0) -> dict[int, float]:
    """New stars of the days that are over, from the Sunday before the repository was created."""
    first = repo.created - (repo.created - 3 * DAY) % WEEK
    return {t: repo.stars_by_day.get(t, 0) for t in range(max(first, since), now - now % DAY, DAY)}


def outcomes_of(h: Harness, topic: str) -> set[str]:
    return {outcome for name, outcome in h.outcomes().items() if f'topic="{topic}"' in name}


def batch_sizes(github: FakeGitHub) -> list[int]:
    found = (graphql.parse(json.loads(a.body)["query"]) for a in github.asked("/graphql"))
    return [sum(f.name in {"repository", "node"} for f in fields) for fields in found]


# What is served is what is stored


def test_every_count_is_what_github_holds(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    repos = [
        github.add("a/one", 300, forks=17),
        github.add("b/two", 3, archived=True, issues=0, pulls=9, watchers=1),
        github.add("c/3.x_y-z"),
    ]
    h = harness(tmp_path, github, token=token)
    h.collect(NOW)
    values = h.values()
    for i, repo in enumerate(repos):
        for metric in COUNTS:
            assert values[series(metric, f"t{i}")] == {TODAY: held(repo)[metric]}, metric
        assert values[series("new_stars", f"t{i}")] == ended(repo, since=SUNDAY - 29 * WEEK)
        assert values[series("contributors", f"t{i}")] == {MONDAY: 7}
    assert set(h.outcomes().values()) == {"measured"}


def test_a_second_collect_asks_nothing_and_changes_nothing(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    github.add("a/one", 60)
    h = harness(tmp_path, github, token=token)
    h.collect(NOW)
    head, asked, values = h.head(), len(github.log), h.values()
    github.repos[1000].forks += 5
    assert h.collect(NOW + HOUR) == []
    assert (h.head(), len(github.log), h.values()) == (head, asked, values)


def test_rest_is_asked_in_the_version_of_its_documentation(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    github.add("a/one")
    harness(tmp_path, github, token=token).collect(NOW)
    rest = [a for a in github.asked() if a.method == "GET"]
    assert {a.headers["x-github-api-version"] for a in rest} == {"2026-03-10"}
    assert {a.headers["accept"] for a in rest} == {"application/vnd.github+json"}
    assert all("mailto:test@example.org" in a.headers["user-agent"] for a in github.log)
    assert {a.headers.get("authorization") for a in github.asked()} == {f"Bearer {token}" if token else None}


def test_the_token_reaches_neither_captures_nor_journal(tmp_path: Path, github: FakeGitHub) -> None:
    github.add(f"a/{TOKEN}x")  # even a server that repeats it
    h = harness(tmp_path, github, "a/one", f"a/{TOKEN}x")
    h.collect(NOW)
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert any(p.suffix != ".sqlite3" for p in files)
    assert not [p for p in files if f"Bearer {TOKEN}".encode() in p.read_bytes()]


def test_counts_of_all_come_before_the_history_of_any(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    for i in range(6):
        github.add(f"a/r{i}")
    harness(tmp_path, github, token=token).collect(NOW)
    kinds = ["counts" if a.path == "/graphql" or a.path.count("/") == 3 else a.path.rsplit("/", 1)[1] for a in github.asked()]
    late = 4  # Scrapy takes first requests one by one as it has room, so a few of the next kind may slip in between
    assert kinds.index("history") + late > max(i for i, kind in enumerate(kinds) if kind == "counts")
    assert kinds.index("contributors") + late > max(i for i, kind in enumerate(kinds) if kind == "history")


def test_fifty_repositories_cost_one_query(tmp_path: Path, github: FakeGitHub) -> None:
    for i in range(60):
        github.add(f"a/r{i}", 2)
    h = harness(tmp_path, github)
    h.collect(NOW)
    assert sorted(batch_sizes(github)) == [10, 50]
    stored = h.values("github.stars")
    assert stored == {series("stars", f"t{i}"): {TODAY: r.stars} for i, r in enumerate(github.repos.values())}


def test_an_unchanged_page_is_asked_for_by_its_etag_with_a_token_only(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    repo = github.add("a/one")
    h = harness(tmp_path, github, token=token)
    h.collect(NOW)
    github.now, first = NOW + DAY, len(github.log)
    h.collect(NOW + DAY)
    history = github.asked("/stargazers/history", first)
    assert [a.status for a in history] == [304 if token else 200]
    assert any("if-none-match" in a.headers for a in github.log) is bool(token)
    assert h.values()[series("new_stars")] == ended(repo, NOW + DAY)
    assert outcomes_of(h, "t0") == {"measured"}


# Star history


def test_a_backfill_reads_every_day_since_the_repository_was_created(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    repos = [github.add("a/old", 1000), github.add("a/new", 30), github.add("a/exact", 30 * 7 - 1)]
    h = harness(tmp_path, github, token=token)
    [report] = h.backfill(NOW)
    assert (report.tally.measured, report.tally.missing) == (3, Counter())
    values = h.values()
    for i, repo in enumerate(repos):
        assert values[series("new_stars", f"t{i}")] == ended(repo)
        pages = [a.query["page"] for a in github.asked(f"/repos/{repo.full_name}/stargazers")]
        assert pages == [str(n + 1) for n in range(len(github.weeks(repo)) // 30 + 1)]  # a full page without Link may not be the last
    [again] = h.backfill(NOW)
    assert (again.tally.changes.new, again.tally.changes.revised) == (0, 0)


def test_a_backfill_stops_at_the_page_of_its_first_day(tmp_path: Path, github: FakeGitHub) -> None:
    repo = github.add("a/old", 1000)
    h = harness(tmp_path, github)
    since = TODAY - 250 * DAY
    h.backfill(NOW, since=since)
    assert h.values()[series("new_stars")] == ended(repo, since=since)
    assert len(github.asked("/history")) == 2


def test_a_week_that_begins_while_paging_is_read_once_and_loses_nothing(tmp_path: Path, github: FakeGitHub) -> None:
    repo = github.add("a/old", 1000)
    h = harness(tmp_path, github)

    def sunday_passes(asked: Asked) -> None:
        if asked.query.get("page") == "2":
            github.now = NOW + WEEK
            repo.stars_by_day[SUNDAY - 29 * WEEK] += 100  # on both pages now: the first reading stands

    github.before_reply = sunday_passes
    was = repo.stars_by_day[SUNDAY - 29 * WEEK]
    h.backfill(NOW)
    assert h.values()[series("new_stars")] == {**ended(repo), SUNDAY - 29 * WEEK: was}


def test_a_backfill_goes_on_where_the_allowance_ended(tmp_path: Path, github: FakeGitHub) -> None:
    repo = github.add("a/old", 1500)  # eight pages
    h = harness(tmp_path, github, token="")
    h.setup = replace(h.setup, budget=4)
    [first] = h.backfill(NOW)
    assert first.tally.missing == Counter(budget=1)
    known = h.values()[series("new_stars")]
    assert known == {t: n for t, n in ended(repo).items() if t >= SUNDAY - (len(github.asked("/history")) * 30 - 1) * WEEK}
    later = NOW + 2 * DAY
    github.now = later
    asked = len(github.log)
    h.setup = replace(h.setup, budget=None)
    [second] = h.backfill(later)
    assert second.tally.measured == 1
    assert len(github.asked("/history", asked)) < 8
    assert h.values()[series("new_stars")] == ended(repo)  # what came on top is the daily collection's
    [third] = h.backfill(later)
    assert h.values()[series("new_stars")] == ended(repo, later)
    assert third.tally.changes.revised == 0


def test_a_star_taken_back_lowers_a_past_day_as_a_revision(tmp_path: Path, github: FakeGitHub) -> None:
    repo = github.add("a/one", 40)
    h = harness(tmp_path, github)
    h.collect(NOW)
    before, day = h.head(), TODAY - 9 * DAY
    was = repo.stars_by_day[day]
    repo.stars_by_day[day] -= 2
    github.now = NOW + DAY
    h.collect(NOW + DAY)
    assert h.values()[series("new_stars")] == ended(repo, NOW + DAY)
    assert h.values(as_of=before)[series("new_stars")][day] == was


def test_a_day_of_the_past_is_found_on_its_page(tmp_path: Path, github: FakeGitHub) -> None:
    repo = github.add("a/one", 500)
    h = harness(tmp_path, github)
    h.collect(NOW, at=NOW - 300 * DAY)
    [outcome] = {o for name, o in h.outcomes().items() if "new_stars" in name}
    assert outcome == "measured"
    assert h.values()[series("new_stars")][TODAY - 301 * DAY] == repo.stars_by_day[TODAY - 301 * DAY]
    assert [a.query["page"] for a in github.asked()] == ["1", "2"]


def test_a_day_that_is_not_served_is_missing(tmp_path: Path, github: FakeGitHub) -> None:
    github.add("a/one")
    github.fail("/history", edit=lambda weeks: weeks[1:], times=9)
    h = harness(tmp_path, github)
    h.collect(NOW)
    assert h.outcomes()[series("new_stars")] == "missing(parse_error)"
    [end] = [e for e in h.ends() if e.reason]
    assert "2026-11-19" in end.detail
    assert "response kept as" in end.detail
    assert set(h.values()[series("new_stars")]) <= {t for t in ended(github.repos[1000]) if t < SUNDAY}


# Renames, deletions, other repositories of the same name


def test_a_rename_is_followed_and_told_once(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    repo = github.add("a/old-name", 30)
    h = harness(tmp_path, github, token=token)
    h.collect(NOW)
    github.rename(repo, "b/new-name")
    first = len(github.log)
    for n in (1, 2):
        github.now = NOW + n * DAY
        repo.stars_by_day[TODAY + n * DAY] = 4 + n
        h.collect(NOW + n * DAY)
    assert h.values()[series("stars")][TODAY + 2 * DAY] == repo.stars
    assert h.values()[series("new_stars")] == ended(repo, NOW + 2 * DAY)
    events = h.events()
    assert list(events[events["kind"] == "rename"]["text"]) == ["a/old-name is now b/new-name"]
    assert [a.status for a in github.asked("old-name", first)] == ([] if token else [301])


def test_a_repository_renamed_before_it_was_first_seen_is_followed(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    repo = github.add("a/old-name", 500)
    github.rename(repo, "b/new-name")
    h = harness(tmp_path, github, "a/old-name", token=token)
    h.backfill(NOW)
    h.collect(NOW)
    assert h.values()[series("new_stars")] == ended(repo)
    assert h.values()[series("forks")] == {TODAY: repo.forks}
    assert set(h.outcomes().values()) == {"measured"}
    assert len([a for a in github.asked("old-name/stargazers") if a.status == 301]) == 1


def test_another_repository_of_the_same_name_is_not_counted(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    repo = github.add("a/one", 30, forks=11)
    h = harness(tmp_path, github, token=token)
    h.collect(NOW)
    github.rename(repo, "b/moved")
    github.add("a/one", 30, forks=99)
    github.now = NOW + DAY
    h.collect(NOW + DAY)
    assert h.values()[series("forks")] == {TODAY: 11, TODAY + DAY: 11}
    assert h.values()[series("new_stars")] == ended(repo, NOW + DAY)
    assert list(h.events()["text"]) == ["a/one is now b/moved"]
    assert not github.asked("/repos/a/one/stargazers", len(github.log) - 2)


def test_a_name_that_leads_nowhere_any_more_is_followed_by_the_id(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    repo = github.add("a/one", 400)
    h = harness(tmp_path, github, token=token)
    h.collect(NOW)
    repo.full_name = "b/moved"
    github.names = {"b/moved": repo.id}
    github.now = NOW + DAY
    h.backfill(NOW + DAY)
    h.collect(NOW + DAY)
    assert h.values()[series("stars")][TODAY + DAY] == repo.stars
    assert h.values()[series("new_stars")] == ended(repo, NOW + DAY)


def test_a_repository_that_is_not_there_is_missing_and_others_are_measured(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    repo, gone = github.add("a/here"), github.add("a/gone")
    h = harness(tmp_path, github, "a/here", "a/gone", "a/never", token=token)
    h.collect(NOW)
    github.delete(gone)
    github.now = NOW + DAY
    h.collect(NOW + DAY)
    day = {str(e.slot.series): str(e.reason or e.outcome) for e in h.ends() if e.slot.time >= TODAY}
    assert {v for k, v in day.items() if '"t0"' in k} == {"measured"}
    assert {v for k, v in day.items() if '"t1"' in k or '"t2"' in k} == {"not_found"}
    assert outcomes_of(h, "t2") == {"missing(not_found)"}
    assert "a/never" in next(e.detail for e in h.ends() if e.slot.series.topic == "t2")
    assert h.values()[series("stars", "t0")][TODAY + DAY] == repo.stars
    assert not [name for name in h.values() if '"t2"' in name]


def test_a_repository_closed_by_law_costs_itself_only(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    github.add("a/shut", closed=451)
    github.add("a/terms", closed=403)
    github.add("a/open")
    h = harness(tmp_path, github, token=token)
    h.collect(NOW)
    assert outcomes_of(h, "t0") == outcomes_of(h, "t1") == {"missing(blocked)"}
    assert outcomes_of(h, "t2") == {"measured"}


# Releases and contributors


def test_releases_are_recorded_once_as_events(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    repo = github.add("a/one", releases=[("v1.0", NOW - 40 * DAY, False), ("v1.1rc1", NOW - 9 * DAY, True)])
    h = harness(tmp_path, github, token=token)
    h.collect(NOW)
    repo.releases.append(("v1.1", NOW + 6 * DAY, False))
    github.now = NOW + WEEK
    h.collect(NOW + WEEK)
    events = h.events()
    found = {(r.text, r.kind, r.time, r.topic) for r in events.itertuples()}
    kinds = {True: "prerelease", False: "release"}
    assert found == {(tag, kinds[early], time, "t0") for tag, time, early in repo.releases}
    assert len(events) == 3


def test_contributors_are_counted_by_pages(tmp_path: Path, github: FakeGitHub) -> None:
    for name, count in (("a/many", 3417), ("a/one", 1), ("a/empty", 0)):
        github.add(name, contributors=count)
    github.add("a/vast", endless=True)
    h = harness(tmp_path, github)
    h.collect(NOW)
    values = h.values("github.contributors")
    assert [values.get(series("contributors", f"t{i}")) for i in range(4)] == [{MONDAY: 3417}, {MONDAY: 1}, {MONDAY: 0}, None]
    assert h.outcomes()[series("contributors", "t3")] == "missing(too_large)"
    h.collect(NOW + DAY)
    assert len(github.asked("/contributors")) == 5  # weekly; what was refused is asked again


# Refusals and limits


def test_a_plain_403_stops_the_source(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    for i in range(8):
        github.add(f"a/r{i}")
    github.fail(status=403, body=b'{"message": "Forbidden"}', times=99, when=lambda a: a.path != "/robots.txt")
    h = harness(tmp_path, github, token=token)
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(blocked)"}
    assert h.values() == {}
    assert len(github.asked()) <= 2, "two requests are in flight, and no third one leaves"


def test_a_refused_token_is_named(tmp_path: Path, github: FakeGitHub) -> None:
    github.add("a/one")
    h = harness(tmp_path, github, token="another-token")
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(blocked)"}
    assert "GitHub refused the token" in h.ends()[0].detail


@pytest.mark.parametrize(
    "refusal",
    [
        {"status": 429, "headers": {"Retry-After": "0"}},
        {"status": 403, "headers": {"Retry-After": "0"}},
        {"status": 403, "headers": {"Retry-After": formatdate(NOW, usegmt=True)}},
        {"status": 403, "headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(NOW + 1)}},
    ],
    ids=["429", "403", "403-date", "primary"],
)
def test_a_limit_is_waited_out_as_told(tmp_path: Path, github: FakeGitHub, token: str, refusal: dict[str, Any]) -> None:
    repo = github.add("a/one")
    github.fail("/graphql" if token else "/repos", body=b'{"message": "slow down"}', **refusal)
    h = harness(tmp_path, github, token=token)
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"measured"}
    assert h.values()[series("stars")] == {TODAY: repo.stars}


@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_that_lasts_too_long_is_throttled(tmp_path: Path, github: FakeGitHub, status: int, token: str) -> None:
    for i in range(8):
        github.add(f"a/r{i}")
    github.fail(status=status, headers={"Retry-After": "3600"}, times=99, body=b"{}", when=lambda a: a.path != "/robots.txt")
    h = harness(tmp_path, github, token=token)
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(throttled)"}
    assert h.values() == {}
    assert len(github.asked()) <= 3


def test_without_a_token_the_hour_ends_in_words_and_the_next_one_goes_on(tmp_path: Path, github: FakeGitHub) -> None:
    for i in range(5):
        github.add(f"a/r{i}")
    github.limits[""] = 8
    h = harness(tmp_path, github, token="")
    [report] = h.collect(NOW)
    assert report.remark == "GitHub: 33 of 40; a token without any scope finishes this now: https://github.com/settings/tokens"
    assert Counter(h.outcomes().values()) == {"measured": 33, "missing(throttled)": 7}
    assert [a.status for a in github.asked()].count(403) <= 3
    github.used, github.limits[""], github.now = {}, 60, NOW + HOUR
    [report] = h.collect(NOW + HOUR)
    assert report.remark == ""
    assert set(h.outcomes().values()) <= {"measured", "recovered"}


def test_days_take_turns_where_the_allowance_is_short(tmp_path: Path, github: FakeGitHub) -> None:
    for i in range(7):
        github.add(f"a/r{i}")
    github.limits[""] = 2
    h = harness(tmp_path, github, token="")
    for n in range(7):
        github.used, github.now = {}, NOW + n * DAY
        h.collect(NOW + n * DAY)
    assert len(h.values("github.stars")) == 7


@pytest.mark.parametrize("wait", [1, 3600])
def test_the_graphql_limit_inside_http_200(tmp_path: Path, github: FakeGitHub, wait: int) -> None:
    repo = github.add("a/one")
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(NOW + wait)}
    github.fail("/graphql", body=b'{"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}', headers=headers)
    h = harness(tmp_path, github)
    h.collect(NOW)
    assert set(h.outcomes().values()) == ({"measured"} if wait == 1 else {"missing(throttled)"})
    assert h.values().get(series("stars")) == ({TODAY: repo.stars} if wait == 1 else None)


# Broken and partial answers


def test_a_repository_that_is_too_heavy_for_a_query_is_halved_out(tmp_path: Path, github: FakeGitHub) -> None:
    for i in range(30):
        github.add(f"a/r{i}", 2, heavy=i == 0)
    h = harness(tmp_path, github)
    h.manners = replace(h.manners, concurrency=1)  # one by one: five failures in a row would pass for a dead host
    h.collect(NOW)
    assert h.values("github.stars") == {series("stars", f"t{i}"): {TODAY: r.stars} for i, r in enumerate(github.repos.values())}
    assert sorted(batch_sizes(github), reverse=True)[:3] == [30, 15, 15]
    assert len(batch_sizes(github)) <= 11


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_failure_is_tried_again_in_halves(tmp_path: Path, github: FakeGitHub, status: int) -> None:
    for i in range(8):
        github.add(f"a/r{i}")
    github.fail("/graphql", status=status, body=b"", times=2)
    h = harness(tmp_path, github)
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"measured"}
    assert batch_sizes(github)[0] == 8
    assert max(batch_sizes(github)[1:]) == 4


def test_a_server_that_fails_for_good_is_unreachable(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    github.add("a/one")
    github.fail(status=502, body=b"", times=99, when=lambda a: a.path != "/robots.txt")
    h = harness(tmp_path, github, token=token)
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(unreachable)"}
    assert h.values() == {}


@pytest.mark.parametrize("spoken", [True, False])
def test_partial_data_is_asked_again_in_halves(tmp_path: Path, github: FakeGitHub, spoken: bool) -> None:
    for i in range(10):
        github.add(f"a/r{i}")

    def partial(answer: Any) -> Any:
        fault = {"type": "RESOURCE_LIMITS_EXCEEDED", "path": ["r7"], "message": "Resource limits for this query exceeded."}
        half = {k: None if k in {"r7", "r8", "r9"} else v for k, v in answer["data"].items()}
        return {"data": half, "errors": [fault]} if spoken else {"data": half}

    github.fail("/graphql", edit=partial)
    h = harness(tmp_path, github)
    h.collect(NOW)
    assert batch_sizes(github) == [10, 3]
    assert h.values("github.stars") == {series("stars", f"t{i}"): {TODAY: r.stars} for i, r in enumerate(github.repos.values())}


def test_a_repository_that_is_never_given_is_missing(tmp_path: Path, github: FakeGitHub) -> None:
    for i in range(4):
        github.add(f"a/r{i}")

    def without_r2(answer: Any) -> Any:
        data = {k: v for k, v in answer["data"].items() if not v or v.get("nameWithOwner") != "a/r2"}
        return {"data": {**dict.fromkeys(answer["data"]), **data}}

    github.fail("/graphql", edit=without_r2, times=99)
    h = harness(tmp_path, github)
    h.collect(NOW)
    found = h.outcomes()
    assert [found[series("stars", f"t{i}")] for i in range(4)] == ["measured", "measured", "missing(unreachable)", "measured"]
    assert batch_sizes(github) == [4, 1]


def test_any_other_graphql_error_is_an_outcome_with_its_message(tmp_path: Path, github: FakeGitHub) -> None:
    github.add("a/one")
    github.fail("/graphql", body=b'{"errors": [{"extensions": {"code": "undefinedField"}, "message": "Field x does not exist"}]}')
    h = harness(tmp_path, github)
    h.collect(NOW)
    stars = next(e for e in h.ends() if e.slot.series.metric == "github.stars")
    assert (stars.reason, stars.detail) == ("parse_error", "GitHub says undefinedField: Field x does not exist")
    assert series("stars") not in h.values()
    assert h.outcomes()[series("new_stars")] == "measured"


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"truncate": 0.6}, "missing(parse_error)"),
        ({"cut": 0.5, "times": 99}, "missing(truncated)"),
        ({"body": b"<html><body>Unicorn!</body></html>"}, "missing(parse_error)"),
        ({"body": b""}, "missing(parse_error)"),
        ({"body": b"\xff\xfe{}"}, "missing(parse_error)"),
        ({"body": b"[]"}, "missing(parse_error)"),
        ({"body": b'{"message": "hello"}'}, "missing(parse_error)"),
    ],
    ids=["truncated-json", "cut", "html", "empty", "not-utf8", "list", "other"],
)
def test_a_broken_answer_invents_no_number(tmp_path: Path, github: FakeGitHub, token: str, fault: dict[str, Any], outcome: str) -> None:
    repo = github.add("a/one")
    where = (lambda a: a.path == "/graphql") if token else (lambda a: a.path == "/repos/a/one")
    github.fail(when=where, **fault)
    h = harness(tmp_path, github, token=token)
    h.collect(NOW)
    found = h.outcomes()
    assert {found[series(metric)] for metric in COUNTS} == {outcome}
    assert found[series("new_stars")] == found[series("contributors")] == "measured"
    assert set(h.values()) == {series("new_stars"), series("contributors")}
    if outcome == "missing(parse_error)":
        assert all("response kept as" in e.detail for e in h.ends() if e.reason)
    assert h.values()[series("new_stars")] == ended(repo)


def test_one_wrong_number_costs_one_slot(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    github.add("a/one")

    def spoil(answer: Any) -> Any:
        (answer["data"]["r0"] if token else answer)["forkCount" if token else "forks_count"] = None
        return answer

    github.fail("/graphql" if token else "/repos", edit=spoil)
    h = harness(tmp_path, github, token=token)
    h.collect(NOW)
    assert [name for name, outcome in h.outcomes().items() if outcome != "measured"] == [series("forks")]
    [end] = [e for e in h.ends() if e.reason]
    assert end.reason == "parse_error"
    assert "response kept as" in end.detail


@pytest.mark.parametrize("wrong", [None, "12", -3, True, 1.5e300, [1], {}])
def test_what_is_no_count_is_no_number(wrong: object) -> None:
    rest = payloads.read_repository(json.dumps({"full_name": "a/b", "forks_count": wrong, "stargazers_count": 4}).encode())
    assert rest.counts == {"github.stars": 4}
    assert "forks_count is" in rest.broken["github.forks"]
    node = payloads.read_node({"forkCount": wrong, "issues": {"totalCount": 1}, "pullRequests": {"totalCount": wrong}, "watchers": wrong})
    assert node.counts == {}


def test_reading_the_captures_again_changes_nothing(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    for i in range(3):
        github.add(f"a/r{i}", 400)
    github.fail("/graphql" if token else "/repos", status=502, body=b"")
    h = harness(tmp_path, github, "a/r0", "a/r1", "a/r2", "a/never", token=token)
    h.collect(NOW)
    h.backfill(NOW)
    values, outcomes, asked = h.values(), h.outcomes(), len(github.log)
    reports = h.reparse(NOW + HOUR)
    assert [(r.tally.changes.new, r.tally.changes.revised) for r in reports] == [(0, 0)] * len(reports)
    assert (h.values(), h.outcomes(), len(github.log)) == (values, outcomes, asked)


# What a person is told


def test_a_preview_shows_what_a_name_matches(tmp_path: Path, github: FakeGitHub, token: str) -> None:
    github.add("a/one", description="Arrays for everyone")
    found = {p.topic: p for p in harness(tmp_path, github, "a/one", "a/never", token=token).preview()}
    assert found["t0"].text == f"a/one: {github.repos[1000].stars:,} stars. Arrays for everyone"
    assert found["t0"].found
    assert (found["t1"].text, found["t1"].found) == ("GitHub knows no public repository a/never", False)


@pytest.mark.parametrize("name", ["pytorch", "a/b/c", "a/", "/b", "a b/c", 'a/b"', "a/..", 7, ["a/b"]])
def test_a_name_of_another_form_is_a_mistake_in_the_config(name: object) -> None:
    with pytest.raises(UsageError, match=r"topics\.x: github = .*owner/name"):
        GitHub.name_of(Topic("x", "X", {"github": name}))


@pytest.mark.parametrize(
    "name", ["a/b.c_d-1", "https://github.com/a/b.c_d-1", "https://github.com/a/b.c_d-1.git", "https://github.com/a/b.c_d-1/"]
)
def test_a_repository_may_be_named_by_its_page(name: str) -> None:
    assert GitHub.name_of(Topic("x", "X", {"github": name})) == "a/b.c_d-1"


def test_the_cost_of_a_thousand_repositories() -> None:
    assert GitHub.requests_per_day(1000, {"token": "x"}) == pytest.approx(20 + 1000 + 1000 / 7)
    assert GitHub.allowance({}).per_day == 1440
    assert GitHub.allowance({"token": "x"}).requests == 5000


# The parsers by themselves

days = st.lists(st.integers(0, 10**6), min_size=7, max_size=7)
weeks = st.lists(days, min_size=0, max_size=30).map(
    lambda rows: [{"week": SUNDAY - i * WEEK, "total": sum(row), "days": row} for i, row in enumerate(rows)]
)


@given(weeks, st.integers(-10, 20))
def test_history_gives_every_ended_day_once_and_no_other(served: list[dict[str, Any]], offset: int) -> None:
    now = SUNDAY + offset * DAY + 5
    found = payloads.ended_days(payloads.read_history(json.dumps(served).encode()), now)
    expected = {w["week"] + i * DAY: n for w in served for i, n in enumerate(w["days"])}
    assert found == {t: n for t, n in expected.items() if t + DAY <= now}


@given(weeks.filter(bool), st.data())
def test_history_with_any_broken_part_is_refused(served: list[dict[str, Any]], data: st.DataObject) -> None:
    week = data.draw(st.sampled_from(served))
    spoil = data.draw(st.sampled_from(["total", "week", "days", "null", "text", "negative", "bool", "float", "short", "twice", "gone"]))
    place = data.draw(st.integers(0, 6))
    if spoil in {"total", "week"}:
        week[spoil] += data.draw(st.integers(1, WEEK - 1))
    elif spoil == "days":
        week["days"] = {}
    elif spoil == "short":
        week["days"] = week["days"][:6]
    elif spoil == "twice":
        served.append(dict(week))
    elif spoil == "gone":
        del week[data.draw(st.sampled_from(["week", "total", "days"]))]
    else:
        week["days"][place] = {"null": None, "text": "3", "negative": -1, "bool": True, "float": 2.0}[spoil]
    with pytest.raises(ParseError):
        payloads.read_history(json.dumps(served).encode())


keys = st.sampled_from(["data", "errors", "week", "days", "message", "r0", "path", "type"])
leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12)
bodies = st.binary(max_size=60) | st.text(max_size=60).map(str.encode) | trees.map(lambda tree: json.dumps(tree).encode())


def first_of_answer(body: bytes) -> object:
    return payloads.read_answer(body).of(0)


@pytest.mark.parametrize(
    "read", [payloads.read_history, payloads.read_repository, payloads.read_releases, payloads.describe, first_of_answer]
)
@given(body=bodies)
def test_no_body_makes_a_parser_fail_otherwise_than_by_a_parse_error(read: Callable[[bytes], object], body: bytes) -> None:
    with contextlib.suppress(ParseError):
        read(body)
    limits.seconds_to_wait(200, {}, body, lambda _: None, graphql=True)
    limits.closed(403, body)


@pytest.mark.parametrize(
    ("status", "body", "link", "count"),
    [
        (204, b"", "", 0),
        (200, b"[]", "", 0),
        (200, b'[{"contributions": 1}]', "", 1),
        (
            200,
            b"[{}]",
            '<https://x/y?per_page=1&anon=true&page=2>; rel="next", <https://x/y?per_page=1&anon=true&page=431>; rel="last"',
            431,
        ),
    ],
)
def test_contributors_by_the_link_header(status: int, body: bytes, link: str, count: int) -> None:
    assert payloads.read_contributors(status, body, link) == count


@pytest.mark.parametrize(
    ("body", "link"), [(b"{}", ""), (b"[{}]", '<https://x/?page=2>; rel="next"'), (b"[{}]", '<https://x/?page=z>; rel="last"')]
)
def test_contributors_without_a_count_are_refused(body: bytes, link: str) -> None:
    with pytest.raises(ParseError):
        payloads.read_contributors(200, body, link)


def test_a_query_keeps_literals_in_their_quotes() -> None:
    fields = graphql.parse(payloads.query([('a/b"){id} x:repository(owner:"c', ""), ("d/e", 'R_"\\')]))
    assert [f.alias for f in fields] == ["r0", "r1", "rateLimit"]
    assert fields[0].arguments == {"owner": "a", "name": 'b"){id} x:repository(owner:"c'}
    assert fields[1].arguments == {"id": 'R_"\\'}


def test_a_reset_is_compared_with_the_servers_own_clock() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000060", "date": formatdate(1000000, usegmt=True)}
    assert limits.seconds_to_wait(403, headers, b"{}", lambda _: None, graphql=False) == 60
    assert limits.seconds_to_wait(403, {**headers, "x-ratelimit-remaining": "7"}, b"{}", lambda _: None, graphql=False) is None
    assert limits.seconds_to_wait(200, headers, b"{}", lambda _: None, graphql=True) is None
    secondary = b'{"message": "You have exceeded a secondary rate limit."}'
    assert limits.seconds_to_wait(403, {}, secondary, lambda _: None, graphql=False) == 60
    assert limits.seconds_to_wait(200, {}, secondary, lambda _: None, graphql=True) == 60


@pytest.mark.parametrize(
    ("kind", "said", "reason"),
    [
        ("NOT_FOUND", "x", Reason.NOT_FOUND),
        ("FORBIDDEN", "x", Reason.BLOCKED),
        ("RESOURCE_LIMITS_EXCEEDED", "x", Reason.UNREACHABLE),
        ("", "Something went wrong while executing your query", Reason.UNREACHABLE),
        ("undefinedField", "x", Reason.PARSE_ERROR),
    ],
)
def test_each_graphql_error_has_its_reason(kind: str, said: str, reason: Reason) -> None:
    answer = payloads.read_answer(json.dumps({"data": {"r0": None}, "errors": [{"type": kind, "path": ["r0"], "message": said}]}).encode())
    found, fault = answer.of(0)
    assert found is None
    assert fault is not None
    assert fault.reason is reason
