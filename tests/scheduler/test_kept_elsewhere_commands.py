"""What a user sees of responses that are kept in a store of objects: commands, the daemon's pages and troubles, backups."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import pytest

from crawlers.engine import CrawlService
from crawlers.keep import Keep
from crawlers.uploads import Uploads, waiting
from scheduler.config import load as load_config
from scheduler.config import read
from scheduler.demo.servers.github import FakeGitHub
from scheduler.watching import Watch
from storage.journal import Journal
from storage.model import UsageError
from tests.fakes.keeper import elsewhere, measure
from tests.fakes.s3 import BUCKET, S3, SECRET
from tests.harness import FAST, empty_store
from tests.scheduler.conftest import CONFIG, NOW, World, uptake
from tests.scheduler.test_daemon import CONFIG as DAEMON_CONFIG
from tests.scheduler.test_daemon import daemon, only

pytest.importorskip("s3fs", reason="the extra `cluster` is not installed: s3fs is missing")

STARS = 'github.stars{topic="alpha"}'


def section(s3: S3, **more: object) -> str:
    keys = {"captures": f"s3://{BUCKET}/kept", "captures_endpoint": s3.url, **more}
    return "[store]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()) + "\n"


def forget_here(store: Path) -> None:
    for name in ("captures", "captures.copies"):
        shutil.rmtree(store / name, ignore_errors=True)


def test_commands_measure_show_and_read_again_with_responses_elsewhere(world: World, s3: S3) -> None:
    world.configure(section(s3) + CONFIG)
    collected = uptake("collect")
    assert (collected.code, collected.err) == (0, "")
    brought = len(s3.objects)
    assert brought == 3, "a file a source"
    assert not list((world.folder / "data" / "captures").rglob("*.gz"))
    forget_here(world.folder / "data")
    assert "forks_count" in uptake("trace", STARS).out
    (page,) = uptake("trace", STARS, "--json").json["pages"]
    assert page["body"].startswith("{")
    assert uptake("reparse", "github").code == 0
    assert uptake("confirm", STARS, "2026-11-20").code == 0
    status = uptake("status").out
    assert (
        f"Raw responses are kept at s3://{BUCKET}/kept; waiting in {world.folder / 'data' / 'captures'} to be brought there: none" in status
    )
    assert uptake("status", "--json").json["responses"] == {"at": f"s3://{BUCKET}/kept", "waiting_files": 0, "waiting_bytes": 0}
    texts = [p.read_bytes() for p in world.folder.rglob("*") if p.is_file()]
    assert not [t for t in texts if SECRET.encode() in t], "no secret is kept anywhere"


def test_a_store_that_refuses_is_told_once_a_command_and_costs_nothing(world: World, s3: S3) -> None:
    world.configure(section(s3) + CONFIG)
    s3.fail(status=403, code="AccessDenied", times=10**6)
    collected = uptake("collect")
    assert collected.code == 0
    assert collected.err.count("raw responses cannot be brought to where they are kept") == 1
    assert "it refuses (AccessDenied)" in collected.err
    assert f"3 of their files wait in {world.folder / 'data' / 'captures'}; measuring goes on, nothing is lost" in collected.err
    assert uptake("status", "--json").json["responses"]["waiting_files"] == 3
    assert "forks_count" in uptake("trace", STARS).out, "it is read from here"
    s3.faults.clear()
    assert uptake("note", "it is back").err == ""
    assert len(s3.objects) == 3
    assert uptake("status", "--json").json["responses"]["waiting_files"] == 0


def test_what_a_store_held_before_goes_there_when_it_is_configured(world: World, s3: S3) -> None:
    world.configure()
    assert uptake("collect").code == 0
    names = sorted(str(p.relative_to(world.folder / "data" / "captures")) for p in (world.folder / "data" / "captures").rglob("*.gz"))
    world.configure(section(s3, spool_mb=0) + CONFIG)
    assert uptake("note", "we moved").code == 0
    assert sorted(key.removeprefix("kept/") for key in s3.objects) == names
    assert not list((world.folder / "data").rglob("*.warc.gz"))
    assert "forks_count" in uptake("trace", STARS).out


def test_the_daemon_brings_them_shows_pages_from_there_and_takes_no_other_place_while_it_runs(tmp_path: Path, s3: S3) -> None:
    with FakeGitHub(NOW) as github:
        github.add("made-up/alpha", 300)
        config = section(s3) + DAEMON_CONFIG.format(github=github.url, port=0) + only("github")
        (tmp_path / "uptake.toml").write_text(config, encoding="utf-8")
        with daemon(tmp_path) as d:
            d.said(r"github: \d+ of \d+ measured")
            d.until(lambda: len(s3.objects) == 1 and not list((tmp_path / "data" / "captures").rglob("*.gz")), "it is brought")
            forget_here(tmp_path / "data")
            number = f"/number?series={STARS.replace(chr(34), '%22')}"
            fault = s3.fail(lambda a: a.method == "GET", status=403, code="AccessDenied", times=10**6)
            assert "cannot be read now: s3://responses/kept: it refuses (AccessDenied)" in d.get(number)[1]
            fault.times = 0
            status, page = d.get(number)
            assert status == 200
            assert "forks_count" in page
            assert "s3://" not in page, "and nothing is wrong with it, though nothing was measured since"
            assert "uptake_responses_waiting_files 0.0" in d.get("/metrics")[1]
            assert d.health()["status"] == "green"
            (tmp_path / "uptake.toml").write_text(config.replace("/kept", "/other"), encoding="utf-8")
            d.process.send_signal(1)
            d.said(r"\[store\] captures can only be changed by a restart")


def test_a_store_that_is_away_for_long_is_a_trouble_that_is_told_once_and_ends(tmp_path: Path, s3: S3) -> None:
    shutil.copytree(empty_store(), tmp_path, dirs_exist_ok=True)
    keep = elsewhere(tmp_path, s3.url)
    measure(tmp_path, 0, 2, keep=keep)
    settings = read(tomllib.loads(section(s3, path=str(tmp_path))), tmp_path / "uptake.toml", {})
    assert settings.elsewhere is not None
    fault = s3.fail(status=403, code="AccessDenied", times=10**6)
    told: list[str] = []
    with Journal.open(tmp_path, writable=True) as journal:
        service = CrawlService(journal, FAST)
        watch = Watch(settings, journal, service, lambda: NOW, lambda troubles: told.extend(t.text for t in troubles))
        at_work = Uploads(keep, tmp_path / "locks")
        for _ in range(4):
            at_work.step()
            watch.brought(at_work.standing())
        assert [text.partition(":")[0] for text in told] == ["raw responses cannot be brought to where they are kept"]
        assert "2 of their files wait" in told[0]
        assert watch.health({})["status"] == "degraded"
        metrics = watch.scrape({}).decode()
        assert "uptake_responses_waiting_files 2.0" in metrics
        assert 'uptake_trouble{trouble="responses"} 1.0' in metrics
        fault.times = 0
        at_work.step()
        watch.brought(at_work.standing())
        assert watch.health({})["status"] == "green"
        assert "uptake_responses_waiting_files 0.0" in watch.scrape({}).decode()
        service.shutdown()


def test_on_a_full_disk_copies_go_before_anything_is_left_unmeasured(tmp_path: Path, s3: S3) -> None:
    shutil.copytree(empty_store(), tmp_path, dirs_exist_ok=True)
    keep = elsewhere(tmp_path, s3.url)
    measure(tmp_path, 0, 2, keep=keep)
    assert Uploads(keep, tmp_path / "locks").step().files == 0
    assert len(list(keep.copies.rglob("*.gz"))) == 2
    document = tomllib.loads(f"{section(s3, path=str(tmp_path))}\n[daemon]\ndisk_free = 1000000000000\n")
    with Journal.open(tmp_path, writable=True) as journal:
        service = CrawlService(journal, FAST)
        assert not Watch(read(document, tmp_path / "uptake.toml", {}), journal, service, lambda: NOW).may_fetch()
        service.shutdown()
    assert not list(keep.copies.rglob("*.gz"))
    assert len(s3.objects) == 2


def test_a_backup_says_what_it_covers_and_brings_the_rest_if_asked(world: World, s3: S3, tmp_path_factory: pytest.TempPathFactory) -> None:
    world.configure(section(s3) + CONFIG)
    uptake("collect")
    forget_here(world.folder / "data")
    s3.fail(lambda a: a.method == "PUT", status=503, times=10**6)
    world.clock.now += 86400
    uptake("collect", "github")
    place = tmp_path_factory.mktemp("backup") / "b"
    made = uptake("backup", place)
    assert made.code == 0, made.err
    assert "raw responses: 1 new file" in made.out, "what waits here"
    assert f"not in this backup: 3 files ({_size(s3)}) of raw responses at s3://{BUCKET}/kept, listed in uptake-responses.json" in made.out
    listed = json.loads((place / "uptake-responses.json").read_text())
    assert listed["files"] == {
        key.removeprefix("kept/"): {"size": len(data), "checksum": s3.etags[key]} for key, data in s3.objects.items()
    }
    checked = uptake("backup", place, "--check")
    assert checked.code == 0
    assert f"3 files of raw responses at s3://{BUCKET}/kept were not copied, and not looked at" in checked.out
    whole = uptake("backup", place, "--responses")
    assert "raw responses: 3 new files" in whole.out
    assert "every response that a figure rests on is there" in whole.out
    assert "not copied" not in uptake("backup", place, "--check").out
    assert len(list((place / "captures").rglob("*.warc.gz"))) == 4
    again = uptake("backup", place)
    assert "0 new files" in again.out
    assert "not in this backup" not in again.out, "what a former one brought stays as long as it is there"
    lost = next(key for key in s3.objects if "github" in key)
    del s3.objects[lost]
    (place / "captures" / lost.removeprefix("kept/")).unlink()
    missing = uptake("backup", place)
    assert missing.code == 1
    assert f"missing in the store itself, so also here: {lost.removeprefix('kept/')}" in missing.err


def test_a_backup_while_the_store_is_away_is_refused_and_the_last_one_stays(world: World, s3: S3, tmp_path: Path) -> None:
    world.configure(section(s3) + CONFIG)
    uptake("collect")
    place = tmp_path.parent / f"{tmp_path.name}-backup"
    assert uptake("backup", place).code == 0
    before = (place / "uptake-backup.json").read_bytes()
    s3.fail(status=403, code="AccessDenied", times=10**6)
    refused = uptake("backup", place)
    assert refused.code == 1
    assert "it refuses (AccessDenied)" in refused.err
    assert (place / "uptake-backup.json").read_bytes() == before


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ('captures = "/mnt/x"', '[store] captures: write an address such as "s3://bucket/folder"'),
        ('captures = "s3://me:secret@bucket"', "[store] captures: no password belongs here"),
        ('captures_endpoint = "https://minio.example.org"', '[store] captures_endpoint: captures = "s3://bucket/folder" must say'),
        ('captures = "s3://b/x"\nspool_mb = -1', "[store] spool_mb: write at least 0, not -1"),
    ],
)
def test_a_config_that_cannot_be_is_refused(tmp_path: Path, keys: str, words: str) -> None:
    (tmp_path / "uptake.toml").write_text(f"[store]\n{keys}\n", encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        load_config(tmp_path / "uptake.toml", {})
    assert words in str(raised.value)


def test_left_out_all_stays_in_the_folder_and_no_driver_is_imported(tmp_path: Path) -> None:
    settings = read({}, tmp_path / "uptake.toml", {})
    assert (settings.elsewhere, settings.keep) == (None, Keep(tmp_path / "data" / "captures"))
    assert waiting(settings.keep).files == 0


def _size(s3: S3) -> str:
    from scheduler.cli.common import size

    return size(sum(map(len, s3.objects.values())))
