"""Where things are kept and got besides the journal: `uptake check` asks each place, and says what does not go there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crawlers.object_address import read_address
from crawlers.object_trial import trial
from scheduler.config import load
from scheduler.places import places
from tests.fakes.influx_servers import free_port
from tests.fakes.postgres import Postgres
from tests.fakes.s3 import BUCKET, ENVIRONMENT, S3, Asked
from tests.scheduler.conftest import CONFIG, World, uptake

ELSEWHERE = '[store]\npath = "data"\ncaptures = "s3://{}/kept"\ncaptures_endpoint = "{}"\n'


@pytest.fixture(scope="module")
def objects() -> Iterator[S3]:
    with S3() as store:
        yield store


@pytest.fixture
def store(objects: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return objects.forget()


def test_all_that_is_done_in_a_store_of_objects_is_tried_and_nothing_is_left_there(store: S3) -> None:
    assert trial(read_address(f"s3://{BUCKET}/kept", store.url), "a-trial") == ""
    assert store.objects == {}
    assert {a.method for a in store.log} >= {"PUT", "GET", "DELETE"}
    assert all(a.key.startswith("kept/a-trial") for a in store.log if a.method == "PUT")


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (
            lambda a: a.method == "PUT",
            r"it refuses \(AccessDenied\); see whether the credentials are right and may .*: nothing could be written$",
        ),
        (lambda a: a.lists, r"it refuses .*: nothing could be listed \(the file b-trial is left there\)"),
        (lambda a: a.method == "GET" and not a.lists, r"it refuses .*: nothing could be read \("),
        (lambda a: a.method == "DELETE", r"it refuses .*: nothing could be removed \("),
    ],
)
def test_the_right_that_is_lacking_is_named(store: S3, when: Callable[[Asked], bool], said: str) -> None:
    store.fail(when, times=100, status=403, code="AccessDenied")
    found = trial(read_address(f"s3://{BUCKET}/kept", store.url), "b-trial")
    assert re.match(f"s3://{BUCKET}/kept: {said}", found), found


def test_one_machine_that_does_all_has_no_other_places(world: World) -> None:
    assert places(load(world.folder / "uptake.toml", {})) == []
    assert uptake("check", "--json").json["places"] == {}


def test_check_tells_of_a_bucket_and_of_a_queue(world: World, store: S3, postgres: Postgres) -> None:
    queue = postgres.database("checked").replace("postgresql://", "postgresql+psycopg://")
    daemon = f'[daemon]\nengine = "procrastinate"\nqueue = "{queue}"\n'
    world.configure(ELSEWHERE.format(BUCKET, store.url) + daemon + CONFIG)
    ran = uptake("check")
    assert f"s3://{BUCKET}/kept: raw responses can be written, listed, read and removed there\n" in ran.out
    assert f"the queue at 127.0.0.1:{postgres.port}/checked: not made yet, the first start makes it\n" in ran.out
    assert "!" not in ran.out.partition("\n\n")[0]
    postgres.drop("checked")


def test_check_fails_where_a_place_cannot_be_used_and_still_tells_the_rest(world: World, store: S3) -> None:
    nobody = f"postgresql://uptake@127.0.0.1:{free_port()}/x"
    world.configure(ELSEWHERE.format("no-such-bucket", store.url) + f'[daemon]\nengine = "procrastinate"\nqueue = "{nobody}"\n' + CONFIG)
    ran = uptake("check", "github", "--json")
    assert ran.code == 1
    found = ran.json["places"]
    assert found["responses"] == {"well": False, "text": "s3://no-such-bucket/kept: there is no such bucket: nothing could be written"}
    assert (found["queue"]["well"], "does not answer" in found["queue"]["text"]) == (False, True)
    assert ran.json["previews"]["github"]
    assert "! s3://no-such-bucket/kept: " in uptake("check", "github").out


def test_no_file_of_a_trial_stays_on_this_machine(store: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store.fail(lambda a: a.method == "PUT", status=403, code="AccessDenied")
    assert trial(read_address(f"s3://{BUCKET}/kept", store.url), "c-trial")
    assert list(tmp_path.iterdir()) == []
