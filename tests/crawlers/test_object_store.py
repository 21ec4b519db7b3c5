"""Where objects lie: what is put there is there whole, is read by range, and what goes wrong is said in plain words."""

from __future__ import annotations

import random
import uuid
from pathlib import Path

import pytest

from crawlers import object_address, object_store
from crawlers.keep import FIRST, RangeReader
from crawlers.object_address import Address, read_address
from crawlers.object_store import ObjectStore, StoreAwayError
from storage.model import UsageError
from tests.fakes.s3 import BUCKET, KEY, S3, SECRET

pytest.importorskip("s3fs", reason="the extra `cluster` is not installed: s3fs is missing")


@pytest.fixture(scope="module")
def connected(object_server: S3) -> ObjectStore:  # to make a client of S3 takes a third of a second
    return ObjectStore(Address(f"s3://{BUCKET}/kept", object_server.url))


@pytest.fixture
def store(connected: ObjectStore) -> ObjectStore:
    connected.forget()
    return connected


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "toy-1.1.warc.gz"
    path.write_bytes(random.Random(1).randbytes(300_000))
    return path


@pytest.mark.parametrize("protocol", ["s3", "file", "memory"])
def test_what_is_put_there_is_listed_read_by_range_fetched_and_removed(protocol: str, s3: S3, tmp_path: Path, file: Path) -> None:
    url = {"s3": f"s3://{BUCKET}/kept", "file": f"file://{tmp_path}/there", "memory": f"memory://{uuid.uuid4()}"}[protocol]
    store, data = ObjectStore(read_address(url, s3.url if protocol == "s3" else "")), file.read_bytes()
    for run in (1, 10, 2):
        store.put(file, f"toy/2026-11/toy-{run}.1.warc.gz")
    store.put(file, "toy/2026-12/toy-1.2.warc.gz")
    assert store.read("toy/2026-11/toy-1.1.warc.gz", 1000, 1010) == data[1000:1010]
    assert store.read("toy/2026-11/toy-1.1.warc.gz", 299_990, 300_500) == data[299_990:]
    assert store.read("toy/2026-11/toy-1.1.warc.gz", 300_000, 300_500) == b""
    assert {name: e.size for name, e in store.listed("toy/2026-11", "toy-1.").items()} == {"toy/2026-11/toy-1.1.warc.gz": 300_000}
    assert (
        sorted(store.listed("toy"))
        == sorted(store.listed(""))
        == [
            "toy/2026-11/toy-1.1.warc.gz",
            "toy/2026-11/toy-10.1.warc.gz",
            "toy/2026-11/toy-2.1.warc.gz",
            "toy/2026-12/toy-1.2.warc.gz",
        ]
    )
    assert store.listed("toy/2026-10") == store.listed("nothing") == {}
    store.fetch("toy/2026-12/toy-1.2.warc.gz", tmp_path / "here" / "copy")
    assert (tmp_path / "here" / "copy").read_bytes() == data
    store.remove("toy/2026-12/toy-1.2.warc.gz")
    store.remove("toy/2026-12/toy-1.2.warc.gz")
    assert store.listed("toy/2026-12") == {}
    for missing in (lambda: store.read("toy/none", 0, 9), lambda: store.fetch("toy/none", tmp_path / "none")):
        with pytest.raises(FileNotFoundError):
            missing()
    assert {p.name for p in tmp_path.iterdir()} <= {file.name, "here", "there"}, "nothing half-made is left"


def test_a_large_file_goes_in_parts_and_one_that_is_cut_off_leaves_none(
    s3: S3, store: ObjectStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "PART", 64 << 10)
    store.put(file, "toy/large")
    assert s3.objects["kept/toy/large"] == file.read_bytes()
    assert len([a for a in s3.asked("PUT") if "partNumber" in a.query]) == 5
    assert not s3.asked("GET"), "its checksum is enough"
    s3.fail(lambda a: a.query.get("partNumber") == "3", cut=True, times=9)
    with pytest.raises(StoreAwayError):
        store.put(file, "toy/cut")
    assert "kept/toy/cut" not in s3.objects
    assert s3.uploads == {}, "what was begun is taken back: it would cost money for ever"


def test_where_the_checksum_tells_nothing_what_arrived_is_read_again(s3: S3, store: ObjectStore, file: Path) -> None:
    s3.encrypts = True
    store.put(file, "toy/encrypted")
    assert sum(a.sent for a in s3.asked("GET")) == 300_000


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 503}, "it asks to wait (SlowDown)"),
        ({"status": 403, "code": "AccessDenied"}, "it refuses (AccessDenied); see whether the credentials are right"),
        ({"status": 403, "code": "SignatureDoesNotMatch"}, "it refuses (SignatureDoesNotMatch)"),
        ({"status": 404, "code": "NoSuchBucket"}, "there is no such bucket"),
        ({"status": 500, "code": "InternalError"}, "it cannot do that (InternalError)"),
        ({"status": 507, "code": "XMinioStorageFull"}, "it cannot do that (XMinioStorageFull)"),
        ({"status": 400, "code": "EntityTooLarge"}, "it cannot do that (EntityTooLarge)"),
        ({"cut": True}, "it does not answer"),
        ({"garble": True}, "is not what was sent there"),
    ],
    ids=lambda v: "-".join(map(str, v.values())) if isinstance(v, dict) else "",
)
def test_a_store_that_does_not_take_a_file_says_why_and_no_secret(
    s3: S3, store: ObjectStore, file: Path, fault: dict[str, object], words: str
) -> None:
    s3.fail(lambda a: a.method == "PUT", times=9, **fault)
    with pytest.raises(StoreAwayError) as raised:
        store.put(file, "toy/refused")
    assert words in str(raised.value)
    assert f"s3://{BUCKET}/kept" in str(raised.value)
    assert SECRET not in str(raised.value)
    assert KEY not in str(raised.value)
    assert len(s3.asked("PUT")) <= 2


def test_a_slow_moment_is_tried_again_at_once(s3: S3, store: ObjectStore, file: Path) -> None:
    s3.fail(status=503)
    store.put(file, "toy/late")
    s3.fail(lambda a: a.method == "GET", cut=True)
    assert store.read("toy/late", 0, 1000) == file.read_bytes()[:1000]


def test_nobody_at_home_and_no_credentials_are_told_apart(s3: S3, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreAwayError, match="does not answer"):
        ObjectStore(Address(f"s3://{BUCKET}/kept", "http://127.0.0.1:1")).put(file, "x")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    with pytest.raises(StoreAwayError, match=r"it refuses \(InvalidAccessKeyId\)"):
        ObjectStore(Address(f"s3://{BUCKET}/other", s3.url.replace("127.0.0.1", "localhost"))).put(file, "x")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreAwayError, match="no credentials for it; for S3 set AWS_ACCESS_KEY_ID"):
        ObjectStore(Address(f"s3://{BUCKET}/none", s3.url + "/")).listed("toy")


def test_a_listing_of_many_pages_is_read_to_its_end(s3: S3, store: ObjectStore, file: Path) -> None:
    file.write_bytes(b"small")
    for n in range(7):
        store.put(file, f"toy/2026-11/toy-{n}.1.warc.gz")
    s3.page = 3
    assert len(store.listed("toy/2026-11")) == 7


def test_what_was_read_a_moment_ago_is_not_asked_for_again(s3: S3, store: ObjectStore, file: Path) -> None:
    store.put(file, "toy/a")
    for _ in range(3):
        store.read("toy/a", 0, 1000)
    assert len(s3.asked("GET")) == 1
    file.write_bytes(b"another")
    store.put(file, "toy/a")
    assert store.read("toy/a", 0, 1000) == b"another"


def test_a_reader_asks_for_growing_ranges_and_stops_where_its_reader_does() -> None:
    data, asked = random.Random(2).randbytes(1_000_000), []

    def fetch(start: int, end: int) -> bytes:
        asked.append((start, end))
        return data[start:end]

    reader = RangeReader(fetch)
    reader.seek(500_000)
    assert reader.read(10) == data[500_000:500_010]
    assert reader.tell() == 500_010
    assert asked == [(500_000, 500_000 + FIRST)]
    assert reader.read(200_000) == data[500_010:700_010]
    assert asked[1:] == [(500_000 + FIRST, 500_000 + 3 * FIRST), (500_000 + 3 * FIRST, 500_000 + 7 * FIRST)]
    assert reader.read() == data[700_010:]
    assert reader.read(5) == b""


@pytest.mark.parametrize(
    ("url", "endpoint", "words"),
    [
        ("/mnt/responses", "", 'write an address such as "s3://bucket/folder"'),
        ("s3://", "", "the bucket and a folder"),
        ("s3://key:secret@bucket/x", "", "no password belongs here"),
        ("s3://bucket/x?versionId=1", "", "the bucket and a folder"),
        ("s4://bucket/x", "", "s4:// is not known; there are: abfs, az, file"),
        ("s3://bucket/x", "minio:9000", "captures_endpoint: write the http(s) address"),
        ("s3://bucket/x", "https://me:secret@minio", "no password belongs here"),
        ("file:///x", "https://minio", "captures_endpoint: write the http(s) address"),
        ("s3://[bucket/x", "", "[store] captures: "),
    ],
)
def test_an_address_that_cannot_be_is_refused_with_the_remedy(url: str, endpoint: str, words: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_address(url, endpoint)
    assert words in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_process_that_only_reads_there_is_told_the_credentials_of_its_driver_and_no_others() -> None:
    environment = {"AWS_PROFILE": "uptake", "AZURE_STORAGE_KEY": "a", "UPTAKE_MAIL_PASSWORD": "b", "PATH": "/bin"}
    assert Address("s3://bucket/x").credentials(environment) == {"AWS_PROFILE": "uptake"}
    assert Address("az://bucket/x").credentials(environment) == {"AZURE_STORAGE_KEY": "a"}
    assert Address("file:///x").credentials(environment) == {}


def test_a_package_that_is_missing_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_address.importlib.util, "find_spec", lambda name: None if name in {"gcsfs", "s3fs"} else object())
    with pytest.raises(UsageError, match="gs:// needs the package gcsfs: pip install 'gcsfs'"):
        read_address("gs://bucket/x", "")
    with pytest.raises(UsageError, match=r"s3:// needs the package s3fs: pip install 'uptake\[cluster\]'"):
        read_address("s3://bucket/x", "")
