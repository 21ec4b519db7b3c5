"""Responses kept in a store of objects, over their life: processes die while they are brought, files are reduced there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawlers.capture_names import is_reduced
from crawlers.keep import Keep
from crawlers.uploads import bring_all, waiting
from crawlers.warc import load, scan
from scheduler.aging import reduce_aged
from scheduler.housekeeping import housekeeping
from scheduler.retention import reduce_old
from scheduler.trace import trace
from storage.journal import Journal
from storage.model import Series, Topic
from tests.fakes.guestbook import Guestbook
from tests.fakes.keeper import elsewhere, forget_here, measure, settings
from tests.fakes.s3 import BUCKET, S3
from tests.fakes.scripted import Answer, Scripted
from tests.fakes.toy import Toy
from tests.harness import FAST, Harness
from tests.scheduler.keeping import Keeper, day, figures, keeper_process, store_of, whole

pytest.importorskip("s3fs", reason="the extra `cluster` is not installed: s3fs is missing")

NAME = "Ada Example"


@pytest.fixture(scope="module")
def keeper(object_server: S3) -> Iterator[Keeper]:  # it looks for the server's keys where this process has them
    with keeper_process() as made:
        yield made


def bring(keep: Keep) -> None:
    assert bring_all(keep, keep.folder.parent / "locks").trouble == ""


def measured(folder: Path, s3: S3, days: int = 3) -> Keep:
    """A store that was measured for some days, all of whose responses are at the store of objects alone."""
    keep = elsewhere(store_of(folder, 0), s3.url)
    measure(folder, 0, days, keep=keep)
    bring(keep)
    forget_here(keep)
    return keep


@pytest.mark.parametrize(
    ("place", "when"),
    [
        ("append", "after"),
        ("name", "before"),
        ("name", "after"),
        ("close", "before"),
        ("close", "after"),
        ("put", "before"),
        ("compare", "before"),
        ("put", "after"),
        ("rename", "before"),
        ("rename", "after"),
    ],
)
def test_whenever_a_process_dies_the_next_start_brings_all_that_figures_rest_on(
    tmp_path: Path, s3: S3, keeper: Keeper, place: str, when: str
) -> None:
    keep = elsewhere(store_of(tmp_path, 0), s3.url)
    assert os.WIFSIGNALED(keeper("measure elsewhere", tmp_path, endpoint=s3.url, first=0, kill=[place, 2, when]))
    count = whole(tmp_path, keep)
    assert keeper("measure elsewhere", tmp_path, endpoint=s3.url, first=10) == 0
    assert waiting(keep).files == 0
    forget_here(keep)
    assert whole(tmp_path, keep) == count + 3
    assert all(key.endswith(".warc.gz") for key in s3.objects)
    for key, data in s3.objects.items():
        path = tmp_path / "looked at"
        path.write_bytes(data)
        assert (scan(path).torn_at, scan(path).damage) == (None, []), key


def test_an_upload_that_is_cut_off_for_a_day_and_garbled_on_the_next_gets_there_whole(tmp_path: Path, s3: S3) -> None:
    keep = elsewhere(store_of(tmp_path, 0), s3.url)
    measure(tmp_path, 0, 1, keep=keep)
    for fault in ({"cut": True}, {"garble": True}, {"status": 503}, {"cut": True}):
        s3.fail(lambda a: a.method == "PUT", times=2, **fault)
        left = bring_all(keep, tmp_path / "locks")
        if left.files:
            assert left.trouble
            assert waiting(keep).files == 1, "it stays until it is there"
            s3.faults.clear()
    bring(keep)
    forget_here(keep)
    assert whole(tmp_path, keep) == 1


def test_old_responses_are_reduced_where_they_lie(tmp_path: Path, s3: S3) -> None:
    keep = measured(tmp_path, s3)
    before, values = sum(map(len, s3.objects.values())), figures(tmp_path)
    with Journal.open(tmp_path, writable=True) as journal:
        done = reduce_aged(journal, lambda _: 30, now=day(60), keep=keep)
    assert (done.files, done.responses) == (3, 3)
    assert all(is_reduced(key) for key in s3.objects)
    assert [is_reduced(p.name) for p in keep.copies.rglob("*.gz")] == [True] * 3, "no whole one stays here either"
    assert sum(map(len, s3.objects.values())) < before
    assert (done.before, done.after) == (before, sum(map(len, s3.objects.values())))
    assert figures(tmp_path).count("\n") == values.count("\n")
    forget_here(keep)
    assert whole(tmp_path, keep) == 3
    with Journal.open(tmp_path, writable=True) as journal:
        assert reduce_aged(journal, lambda _: 30, now=day(61), keep=keep).files == 0


def test_it_costs_no_more_requests_than_the_documentation_says(tmp_path: Path, s3: S3) -> None:
    def asked() -> list[str]:
        found = ["LIST" if a.lists else a.method for a in s3.log]
        s3.log.clear()
        return found

    keep = elsewhere(tmp_path, s3.url)
    with Scripted({"/widgets/a": [Answer.of({"count": 10})]}) as server:
        h = Harness(tmp_path, Toy, base_url=server.url, topics=[Topic("a", "a", {"toy": "a"})], manners=FAST)
        h.keep = keep
        h.collect(day(0))
        bring(keep)
        assert asked() == ["LIST", "PUT", "HEAD"]
        with Journal.open(tmp_path) as journal, journal.read() as connection:
            follow = lambda: trace(connection, keep, Series("toy.widgets", "a", source="toy"))  # noqa: E731
            follow()
            assert asked() == []
            forget_here(keep)
            follow()
            assert asked() == ["GET"]
        h.reparse(day(1))
        assert asked() == ["LIST", "HEAD", "GET"]
    forget_here(keep)
    with Journal.open(tmp_path, writable=True) as journal:
        assert reduce_aged(journal, lambda _: 30, now=day(60), keep=keep).files == 1
    assert asked() == ["LIST", "HEAD", "GET", "PUT", "HEAD", "DELETE"]


def test_a_former_place_leads_to_the_reduced_response(tmp_path: Path, s3: S3) -> None:
    keep = measured(tmp_path, s3, 1)
    with Journal.open(tmp_path, writable=True) as journal:
        with journal.read() as connection:
            ((file, offset),) = connection.exec_driver_sql('SELECT file, "offset" FROM evidence').all()
        was = load(keep, file, offset)
        reduce_aged(journal, lambda _: 30, now=day(60), keep=keep)
    forget_here(keep)
    found = load(keep, file, offset)
    assert (found.reduced, found.capture.sha256) == ("2024-01-14", was.capture.sha256)
    assert found.body == b'"count": 100,'


@pytest.mark.parametrize("place", ["reduce", "put", "compare", "rename", "take away", "remember"])
def test_a_reduction_that_dies_is_finished_by_the_next(tmp_path: Path, s3: S3, keeper: Keeper, place: str) -> None:
    keep = measured(tmp_path, s3)
    order = {"endpoint": s3.url, "keep_days": 30, "now": day(60)}
    for when in ("before", "after"):
        assert os.WIFSIGNALED(keeper("reduce elsewhere", tmp_path, **order, kill=[place, 1, when]))
        forget_here(keep)
        assert whole(tmp_path, keep) == 3
    assert keeper("reduce elsewhere", tmp_path, **order) == 0
    bring(keep)
    forget_here(keep)
    assert whole(tmp_path, keep) == 3
    assert sorted(map(is_reduced, s3.objects)) == [True] * 3, "and nothing whole is left behind"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_store_that_refuses_in_the_middle_leaves_what_was_and_is_reduced_later(tmp_path: Path, s3: S3, method: str) -> None:
    keep = measured(tmp_path, s3)
    values = figures(tmp_path)
    s3.fail(lambda a: a.method == method and not a.lists, status=403, code="AccessDenied", times=10**6)
    with Journal.open(tmp_path, writable=True) as journal:
        done = reduce_aged(journal, lambda _: 30, now=day(60), keep=keep)
        assert done.files == 0
        s3.faults.clear()
        assert whole(tmp_path, keep) == 3
        assert figures(tmp_path) == values
        reduce_aged(journal, lambda _: 30, now=day(61), keep=keep)
    bring(keep)
    assert sorted(map(is_reduced, s3.objects)) == [True] * 3


def test_names_do_not_stay_behind_on_another_machine(tmp_path: Path, s3: S3) -> None:
    """One machine reads a page of people again and so has a copy; another one reduces it."""
    keep = elsewhere(tmp_path, s3.url)
    other = Keep(tmp_path / "other" / "captures", keep.address, keep.room)
    script = {
        "/guests/a": [Answer.of({"count": 2, "guests": [NAME, "Bo Example"], "next": None})],
        "/letters/a": [Answer.of({"count": 7, "from": NAME})],
    }
    with Scripted(script) as server:
        h = Harness(tmp_path, Guestbook, base_url=server.url, topics=[Topic("a", "a", {"toy": "a"})], manners=FAST)
        h.keep = keep
        h.collect(day(0))
    bring(keep)
    (name,) = (key.removeprefix("kept/") for key in s3.objects)
    assert NAME.encode() in b"".join(member for _, member in scan(other.whole(name)).records)
    with Journal.open(tmp_path, writable=True) as journal:
        assert reduce_old(journal, days=30, now=day(40), keep=keep).files == 1
        there = settings(tmp_path, captures=f"s3://{BUCKET}/kept", captures_endpoint=s3.url)
        assert there.elsewhere is not None
        shutil.rmtree(keep.copies)
        shutil.copytree(other.copies, keep.copies)
        housekeeping(journal, there, day(41))
    assert not list(keep.copies.rglob("*.gz"))
    assert all(NAME.encode() not in b"".join(m for _, m in _members(tmp_path, data)) for data in s3.objects.values())


def test_while_the_store_is_away_people_wait_for_the_next_time_and_nothing_fails(
    tmp_path: Path, s3: S3, caplog: pytest.LogCaptureFixture
) -> None:
    keep = measured(tmp_path, s3, 1)
    s3.fail(status=503, times=10**6)
    with Journal.open(tmp_path, writable=True) as journal:
        assert reduce_old(journal, days=30, now=day(60), keep=keep).files == 0
        assert "what may name people could not be looked at" in caplog.text
        s3.faults.clear()
        s3.log.clear()
        reduce_old(journal, days=30, now=day(61), keep=keep)
    assert s3.asked("GET"), "what was left is looked at again"


def _members(folder: Path, data: bytes) -> list[tuple[int, bytes]]:
    path = folder / "looked at"
    path.write_bytes(data)
    return scan(path).records
