"""``uptake.toml``: what is accepted, and that every mistake names its place and the remedy."""

from __future__ import annotations

import contextlib
import csv
import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.config import Config, load, locate, read
from storage.model import UsageError

EXAMPLE = """
[store]
path = "data"

[crawl]
contact = "mailto:me@example.org"
delay = 1.0
obey_robots = true

[http]
host = "127.0.0.1"
port = 8321

[influxdb]
url = "http://127.0.0.1:8086"
org = "uptake"
bucket = "uptake"

[sources.github]
enabled = true
base_url = "https://api.github.com"
schedule = "17 3 * * *"

[baskets.deep-learning]
title = "Deep-learning frameworks"
topics = ["pytorch", "tensorflow", "jax"]

[topics.pytorch]
title = "PyTorch"
github = "pytorch/pytorch"
medium = ["pytorch"]
jobs = ['"pytorch"']
papers = { any = ["pytorch", "torchvision"], not = [] }

[topics.tensorflow]
title = "TensorFlow"
github = "tensorflow/tensorflow"

[topics.jax]
title = "JAX"
github = "jax-ml/jax"

[digest]
baskets = ["deep-learning"]
schedule = "0 7 * * mon"
timezone = "Europe/Berlin"
to = ["team@example.org"]

[mail]
host = "smtp.example.org"
port = 587
from = "uptake@example.org"
user = "uptake"
"""

SMALL = """
[baskets.b]
topics = ["t"]

[topics.t]
github = "a/b"
"""


def config(tmp_path: Path, text: str = SMALL, **environment: str) -> Config:
    path = tmp_path / "uptake.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, environment)


def mistake(tmp_path: Path, text: str) -> str:
    with pytest.raises(UsageError) as caught:
        config(tmp_path, text)
    said = str(caught.value)
    path = str(tmp_path / "uptake.toml")
    assert said.startswith(path)
    assert "\n" not in said
    return said.removeprefix(path).removeprefix(":").strip()


# What is accepted


def test_the_example_of_the_design_is_accepted(tmp_path: Path) -> None:
    found = config(tmp_path, EXAMPLE)
    assert found.store == tmp_path / "data"
    assert (found.manners.contact, found.manners.delay, found.manners.obey_robots) == ("mailto:me@example.org", 1.0, True)
    assert found.baskets["deep-learning"].topics == ("pytorch", "tensorflow", "jax")
    assert found.topics["pytorch"].names["papers"] == {"any": ["pytorch", "torchvision"], "not": []}
    assert found.sources["github"].endpoints == {"base_url": "https://api.github.com"}
    assert (found.http.host, found.http.port) == ("127.0.0.1", 8321)


def test_an_empty_file_is_a_config_with_nothing_to_measure(tmp_path: Path) -> None:
    found = config(tmp_path, "")
    assert (found.topics, found.baskets) == ({}, {})
    assert {s.source.name for s in found.sources.values() if s.enabled} >= {"github", "hacker_news", "stackoverflow"}


def test_the_bundled_config_matches_the_starting_history() -> None:
    data = files("scheduler") / "data"
    found = read(tomllib.loads((data / "uptake.toml").read_text(encoding="utf-8")), Path("uptake.toml"), {})
    history = (files("storage") / "data" / "starting_history.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in history.splitlines() if not line.startswith("#"))
    told_of = {row["topic"] for row in rows} - {""}
    assert told_of
    assert set(found.topics) == told_of
    assert {t for b in found.baskets.values() for t in b.topics} == told_of


def test_whole_numbers_are_seconds_too(tmp_path: Path) -> None:
    assert config(tmp_path, SMALL + "[crawl]\ndelay = 0\n[sources.github]\ndelay = 2").sources["github"].delay == 2


# Where it is


def test_the_argument_is_before_the_environment_is_before_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPTAKE_CONFIG", raising=False)
    assert locate() == Path("uptake.toml")
    monkeypatch.setenv("UPTAKE_CONFIG", "/etc/uptake.toml")
    assert locate() == Path("/etc/uptake.toml")
    assert locate("mine.toml") == Path("mine.toml")


def test_a_relative_store_is_beside_the_config_and_an_absolute_one_where_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config(tmp_path, '[store]\npath = "d/e"').store == tmp_path / "d" / "e"
    assert config(tmp_path, f'[store]\npath = "{elsewhere}"').store == elsewhere
    assert config(tmp_path, '[store]\npath = "~/d"').store == tmp_path / "d"


def test_a_missing_file_is_told_with_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no .*none\.toml; `uptake init` writes one, or name yours with --config"):
        load(tmp_path / "none.toml", {})


def test_a_folder_and_a_file_of_bytes_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"^cannot read {tmp_path}: Is a directory$"):
        load(tmp_path, {})
    (tmp_path / "b.toml").write_bytes(b"x = '\xff'")
    with pytest.raises(UsageError, match="it is not UTF-8"):
        load(tmp_path / "b.toml", {})


def test_what_is_not_toml_is_told_with_its_line(tmp_path: Path) -> None:
    assert mistake(tmp_path, '[store]\npath = "data\n').startswith("is not valid TOML:")
    assert "line 2" in mistake(tmp_path, '[store]\npath = "data\n')


# Mistakes

MISTAKES = {
    "unknown section": ("[stores]", "[stores]: unknown key; did you mean 'store'?"),
    "unknown key at the top": ("foo = 1\n" + SMALL, "[foo]: unknown key; there are: alerts, baskets, crawl,"),
    "of store": ("[store]\npaht = 'x'", "[store] paht: unknown key; did you mean 'path'?"),
    "of crawl": ("[crawl]\ndelya = 1", "[crawl] delya: unknown key; did you mean 'delay'?"),
    "of http": ("[http]\nprot = 1", "[http] prot: unknown key; did you mean 'port'?"),
    "of influxdb": ("[influxdb]\nurl = 'http://x'\nbukcet = 'b'", "[influxdb] bukcet: unknown key; did you mean 'bucket'?"),
    "of digest": ("[digest]\nshedule = 'x'", "[digest] shedule: unknown key; did you mean 'schedule'?"),
    "of mail": ("[mail]\nhost = 'x'\nform = 'y'", "[mail] form: unknown key; did you mean 'from'?"),
    "of a basket": ("[baskets.c]\ntopcis = ['t']", "[baskets.c] topcis: unknown key; did you mean 'topics'?"),
    "of a source": ("[sources.github]\nbase_ulr = 'x'", "[sources.github] base_ulr: unknown key; did you mean 'base_url'?"),
    "of a topic": (SMALL + "gihub = 'a/b'", "[topics.t] gihub: unknown key; did you mean 'github'?"),
    "of a table of a topic": (SMALL + "papers = { any = ['x'], nto = ['y'] }", "[topics.t] papers: there is no key 'nto'; there are: any,"),
    "missing url": ("[influxdb]\norg = 'x'", "[influxdb] url: this key is missing"),
    "missing from": ("[mail]\nhost = 'x'", "[mail] from: this key is missing"),
    "topic in no basket": (
        SMALL + "[topics.u]\ngithub = 'a/c'",
        "[topics.u]: the topic is in no basket; add 'u' to the topics of a [baskets.…] section",
    ),
    "unknown topic": (SMALL + "[baskets.c]\ntopics = ['tt']", "[baskets.c] topics: there is no topic 'tt'; did you mean 't'?"),
    "empty basket": (SMALL + "[baskets.c]\ntopics = []", "[baskets.c] topics: write at least one, not []"),
    "basket of numbers": (SMALL + "[baskets.c]\ntopics = [1]", "[baskets.c] topics: write text in quotes, not 1"),
    "basket of text": (SMALL + "[baskets.c]\ntopics = 't'", "[baskets.c] topics: write a list, not 't'"),
    "topic's key": ("[topics.PyTorch]", "[topics.PyTorch]: a topic's key has only small letters"),
    "unknown source": ("[sources.githubb]", "[sources.githubb]: there is no source 'githubb'; did you mean 'github'?"),
    "cron": ("[sources.github]\nschedule = 'daily'", "[sources.github] schedule: 'daily' is not a cron line; write minute hour day"),
    "cron number": ("[sources.github]\nschedule = 17", "[sources.github] schedule: 17 is not a cron line; write minute hour"),
    "cron minute": ("[sources.github]\nschedule = '99 2 * * mon'", "[sources.github] schedule: '99 2 * * mon' is not a cron line: "),
    "cron weekday": ("[sources.github]\nschedule = '7 3 * * 1'", "[sources.github] schedule: name the weekdays (mon, tue, …)"),
    "cron of the digest": ("[digest]\nschedule = '0 7 * * 1-5'", "[digest] schedule: name the weekdays"),
    "basket of the digest": (SMALL + "[digest]\nbaskets = ['c']", "[digest] baskets: there is no basket 'c'; there are: b"),
    "time zone": ("[digest]\ntimezone = 'Mars/Base'", "[digest] timezone: there is no time zone 'Mars/Base'; write one like"),
    "section as a number": ("store = 3", "[store]: write a section, [store], not 3"),
    "topics as a number": ("topics = 3", "[topics]: write a section, [topics], not 3"),
    "topic as a number": ("[topics]\nt = 3", "[topics] t: write a section, [topics.t], not 3"),
    "source as a switch": ("[sources]\ngithub = false", "[sources] github: write a section, [sources.github], not False"),
    "path as a number": ("[store]\npath = 3", "[store] path: write text in quotes, not 3"),
    "no path": ("[store]\npath = ' '", "[store] path: ' ' cannot be used: it is no path; write a folder's path"),
    "nobody's home": ("[store]\npath = '~nobody-here/d'", "[store] path: '~nobody-here/d' cannot be used"),
    "delay as text": ("[crawl]\ndelay = '1'", "[crawl] delay: write a number, not '1'"),
    "delay below nothing": ("[crawl]\ndelay = -1", "[crawl] delay: write at least 0.0, not -1"),
    "delay for ever": ("[crawl]\ndelay = inf", "[crawl] delay: write a finite number, not inf"),
    "robots as text": ("[crawl]\nobey_robots = 'no'", "[crawl] obey_robots: write true or false, not 'no'"),
    "port": ("[http]\nport = 99999", "[http] port: write at most 65535, not 99999"),
    "port as text": ("[http]\nport = '80'", "[http] port: write a whole number, not '80'"),
    "enabled": ("[sources.github]\nenabled = 'yes'", "[sources.github] enabled: write true or false, not 'yes'"),
    "budget": ("[sources.github]\nbudget = 0", "[sources.github] budget: write a number of requests a day, not 0"),
    "budget as a switch": ("[sources.github]\nbudget = true", "[sources.github] budget: write a number of requests a day, not True"),
    "delay below crawl's": ("[sources.github]\ndelay = 0.5", "[sources.github] delay: write seconds, at least the 1.0 of [crawl] delay"),
    "delay of no number": ("[sources.github]\ndelay = nan", "[sources.github] delay: write seconds, at least the 1.0"),
    "secret": (
        "[sources.github]\ntoken = 'ghp_secret'",
        "[sources.github] token: a secret does not belong in this file; set UPTAKE_GITHUB_TOKEN or name a file with token_file",
    ),
    "secret in a URL": ("[sources.github]\nbase_url = 'http://me:ghp_secret@x'", "[sources.github] base_url: a secret does not belong in"),
    "token_file": ("[sources.github]\ntoken_file = 'none'", "[sources.github] token_file: cannot read none: No such file or directory"),
    "token_file as a number": ("[sources.github]\ntoken_file = 3", "[sources.github] token_file: write the file's path in quotes, not 3"),
    "base_url": ("[sources.github]\nbase_url = 'api.github.com'", "[sources.github] base_url: 'api.github.com' is not an http(s) URL"),
    "base_url of files": ("[sources.github]\nbase_url = 'file:///x'", "[sources.github] base_url: 'file:///x' is not an http(s) URL"),
    "base_url of no port": (
        "[sources.github]\nbase_url = 'http://x:123456'",
        "[sources.github] base_url: 'http://x:123456' is not an http",
    ),
    "base_url half": ("[sources.github]\nbase_url = 'http://[x'", "[sources.github] base_url: 'http://[x' is not an http(s) URL"),
    "github": ("[baskets.b]\ntopics = ['t']\n[topics.t]\ngithub = 'ab'", "github = 'ab' is no repository; write \"owner/name\""),
    "jobs": (SMALL + 'jobs = [\'"a" or "b"\']', "one phrase each, and its quotes go around the whole of it"),
    "jobs as a table": (SMALL + "jobs = { all = ['x'] }", "[topics.t] jobs: there is no key 'all'; there are: any, not, case"),
    "jobs as a number": (SMALL + "jobs = 3", "[topics.t] jobs: write text, a list of texts, or a table with any and not"),
    "tag": (SMALL + "stackoverflow = 'machine learning'", "a tag is one word with hyphens"),
    "title": (SMALL + "title = 3", "[topics.t] title: write text in quotes, not 3"),
    "formerly": (SMALL + "formerly = 'x'", '[topics.t] formerly: write a list of former keys, ["old-key"]'),
    "formerly another topic": (
        SMALL.replace('["t"]', '["t", "u"]') + "formerly = ['u']\n[topics.u]",
        "[topics.t] formerly: 'u' is a topic of its own; remove [topics.u] or the former key",
    ),
    "formerly of two": (
        SMALL.replace('["t"]', '["t", "u"]') + "formerly = ['x']\n[topics.u]\nformerly = ['x']",
        "[topics.u] formerly: 'x' is the former key of 't' already; keep it in one of them",
    ),
}


@pytest.mark.parametrize(("text", "said"), MISTAKES.values(), ids=[k.replace(" ", "-") for k in MISTAKES])
def test_a_mistake_is_told_with_its_place_and_the_remedy(tmp_path: Path, text: str, said: str) -> None:
    found = mistake(tmp_path, text)
    assert said in found
    assert "ghp_" not in found
    assert "pydantic" not in found


JUNK = st.recursive(
    st.none().map(lambda _: "")
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.datetimes()
    | st.sampled_from(["~x", "\0", "http://[", "http://a:b", "a/b", "* * * * *", "0 0 30 2 mon", "{ge}", "x" * 300]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["any", "not", "case", "topics", ""]), inner, max_size=3),
    max_leaves=4,
)
PLACES: list[tuple[str, ...]] = [
    *(("store",), ("store", "path"), ("crawl", "delay"), ("crawl", "contact"), ("crawl", "timeout"), ("crawl", "obey_robots")),
    *(("http", "port"), ("influxdb", "url"), ("digest", "schedule"), ("digest", "timezone"), ("digest", "baskets"), ("mail", "from")),
    *(("baskets",), ("baskets", "b"), ("baskets", "b", "topics"), ("baskets", "b", "title"), ("topics",), ("topics", "t"), ("topics", "é")),
    *(("topics", "t", key) for key in ("title", "formerly", "github", "stackoverflow", "jobs", "hacker_news", "papers", "search", "?")),
    *(("sources",), ("sources", "github"), ("sources", "?"), ("sources", "stackoverflow", "key"), ("sources", "stackoverflow", "key_file")),
    *(("sources", "github", key) for key in ("enabled", "base_url", "schedule", "delay", "budget", "token", "token_file", "obey_robots")),
    ("?",),
]


@given(st.sampled_from(PLACES), JUNK)
def test_any_value_anywhere_is_taken_or_told_in_one_sentence(place: tuple[str, ...], value: object) -> None:
    raw: dict[str, Any] = {"baskets": {"b": {"topics": ["t"]}}, "topics": {"t": {"github": "a/b"}}}
    inner = raw
    for key in place[:-1]:
        inner = inner.setdefault(key, {})
    inner[place[-1]] = value
    with contextlib.suppress(UsageError):
        assert read(raw, Path("/nowhere/uptake.toml"), {}).baskets


# Secrets


def test_a_secret_comes_from_the_environment_before_its_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-the-file\n", encoding="utf-8")
    text = SMALL + "[sources.github]\ntoken_file = 'token'"
    assert config(tmp_path, text).sources["github"].options == {"token": "from-the-file"}
    assert config(tmp_path, text, UPTAKE_GITHUB_TOKEN=" from-outside ").sources["github"].options == {"token": "from-outside"}
    assert config(tmp_path, text, UPTAKE_GITHUB_TOKEN=" ").sources["github"].options == {"token": "from-the-file"}
    assert config(tmp_path, SMALL, UPTAKE_GITHUB_TOKEN="").sources["github"].options == {}
    assert config(tmp_path, SMALL, UPTAKE_STACKOVERFLOW_KEY="k").sources["stackoverflow"].options == {"key": "k"}


def test_no_secret_is_in_the_snapshot(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-the-file", encoding="utf-8")
    found = config(tmp_path, SMALL + "[sources.github]\ntoken_file = 'token'", UPTAKE_STACKOVERFLOW_KEY="from-outside")
    assert json.loads(found.snapshot)["sources"] == {"github": {"token_file": "token"}}
    assert "from-" not in found.snapshot


# Sources that stay off


def test_a_source_that_is_off_says_why(tmp_path: Path) -> None:
    off = config(tmp_path, SMALL + "[sources.github]\nenabled = false").sources["github"]
    assert (off.enabled, off.why_off) == (False, "off in the config")
