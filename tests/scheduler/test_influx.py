"""The command line and the server that receives the series: setup, check, verify, resend, sending after a collection, reading back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import feed
from storage.journal import Journal
from storage.model import Observation, Series, State
from tests.fakes.influx2 import ADMIN, FakeInflux2
from tests.fakes.influx_gate import Fault, gate
from tests.fakes.influx_servers import TOKEN, Influx, Server, front, influx, running, victoria
from tests.scheduler.conftest import CONFIG, NOW, TODAY, World, uptake

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Influx, Server]]:
    folder = tmp_path_factory.mktemp("influxdb")
    one = influx(folder / "server")
    door = front(one, folder / "front")
    with running(one, door):
        yield one, door


def section(url: str, bucket: str = "", **more: str) -> str:
    keys = {"url": url, "bucket": bucket or f"mine-{next(_NUMBERS)}", **more}
    return "\n[influxdb]\n" + "".join(f'{k} = "{v}"\n' for k, v in keys.items())


@pytest.fixture
def sending(world: World, server: tuple[Influx, Server], monkeypatch: pytest.MonkeyPatch) -> tuple[World, str]:
    """A world whose figures go to a bucket that is set up."""
    monkeypatch.setenv("UPTAKE_INFLUXDB_TOKEN", TOKEN)
    bucket = f"mine-{next(_NUMBERS)}"
    world.configure(CONFIG + section(server[1].url, bucket))
    assert uptake("influx", "setup").code == 0
    return world, bucket


def test_from_nothing_to_figures_at_the_server(world: World, server: tuple[Influx, Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPTAKE_INFLUXDB_TOKEN", TOKEN)
    world.configure(CONFIG + section(server[1].url, "first"))
    checked = uptake("influx", "check")
    assert checked.code == 1
    assert "problem: InfluxDB at" in checked.out
    assert "has no bucket 'first'; `uptake influx setup` makes it" in checked.out
    made = uptake("influx", "setup")
    assert made.code == 0
    assert "made the database 'first', which keeps everything" in made.out
    assert "is there and keeps everything" in uptake("influx", "setup").out
    assert uptake("collect").err == ""
    checked = uptake("influx", "check", "--json")
    assert checked.code == 0
    assert checked.json["writes"] is checked.json["reads"] is True
    assert checked.json["keeps_days"] == "for ever"
    assert any("the server's clock is" in line for line in checked.json["warnings"])  # this test's stands still
    assert checked.json["standing"]["lag"]["figures"] == 0
    verified = uptake("influx", "verify")
    assert verified.code == 0
    assert "series are the same at" in verified.out
    [alpha] = server[0].query("SELECT stars FROM github WHERE topic = 'alpha'", "first")
    assert alpha["values"][-1] == [TODAY, world.values("github.stars")["alpha", "2026-11-20"]]


def test_a_database_that_forgets_is_told_and_made_to_keep(sending: tuple[World, str], server: tuple[Influx, Server]) -> None:
    world, _ = sending
    server[0].database("short", "30d")
    world.configure(CONFIG + section(server[1].url, "short"))
    checked = uptake("influx", "check")
    assert checked.code == 1
    assert "problem: the bucket keeps only 30 days; `uptake influx setup` lets it keep everything" in checked.out
    assert "kept 30 days, and now keeps everything" in uptake("influx", "setup").out
    assert uptake("influx", "check").code == 0


def test_a_collection_does_not_suffer_from_a_server_that_is_away(sending: tuple[World, str], tmp_path: Path) -> None:
    world, bucket = sending
    config = (world.folder / "uptake.toml").read_text()
    url = config.split('url = "')[-1].split('"')[0]
    with gate(url) as door:
        world.configure(CONFIG + section(door.url, bucket))
        door.faults = [Fault(status=503, times=10**6)]
        collected = uptake("collect")
        assert collected.code == 0
        assert "is not well (HTTP 503)" in collected.err
        assert "Nothing is lost" in collected.err
        assert "figures wait here and go when it is mended" in collected.err
        assert "is not well (HTTP 503)" in uptake("status").out
        assert uptake("status", "--json").json["influxdb"]["lag"]["figures"] > 10
        door.faults = []
        assert uptake("note", "a talk").err == ""
        assert "InfluxDB: has every figure" in uptake("status").out
        assert uptake("influx", "verify").code == 0


def test_differences_are_listed_and_mended(sending: tuple[World, str], server: tuple[Influx, Server]) -> None:
    _, bucket = sending
    uptake("collect")
    server[0].query("DELETE FROM github WHERE topic = 'alpha'", bucket)
    verified = uptake("influx", "verify")
    assert verified.code == 1
    assert 'github.stars{topic="alpha"}' in verified.out
    assert "`uptake influx resend` mends that" in verified.out
    found = uptake("influx", "verify", "--json").json
    assert {Series.parse(d["series"]).topic for d in found["differences"]} == {"alpha"}
    assert all(d["missing"] == sum(m["missing"] for m in d["months"]) > 0 for d in found["differences"])
    assert uptake("influx", "resend").code == 0
    assert uptake("influx", "verify").code == 0
    server[0].query("DROP SERIES FROM github", bucket)
    assert uptake("influx", "resend", 'github.stars{topic="alpha"}').code == 0
    assert uptake("influx", "verify").code == 1
    assert uptake("influx", "resend", "--all").code == 0
    assert uptake("influx", "verify").code == 0


def test_a_figure_that_is_refused_is_shown_and_tried_again(sending: tuple[World, str], server: tuple[Influx, Server]) -> None:
    world, bucket = sending
    server[0].write(bucket, f"github,topic=alpha stars=1i {NOW}000000000")
    uptake("collect")
    checked = uptake("influx", "check")
    assert "figures are refused by the server and kept here" in checked.out
    assert 'refused: github.stars{topic="alpha"}' in checked.out
    assert "holds values of the type integer" in checked.out
    server[0].query("DROP MEASUREMENT github", bucket)
    assert uptake("influx", "resend").code == 0
    assert uptake("influx", "verify").code == 0
    assert uptake("influx", "check", "--json").json["parked"] == []
    assert world.values("github.stars")


def test_a_figure_that_is_rejected_by_hand_disappears_at_the_server(sending: tuple[World, str], server: tuple[Influx, Server]) -> None:
    _, bucket = sending
    uptake("collect")
    assert uptake("reject", 'github.stars{topic="alpha"}', "2026-11-20").code == 0
    assert server[0].query("SELECT stars FROM github WHERE topic = 'alpha'", bucket) == []
    assert server[0].query("SELECT forks FROM github WHERE topic = 'alpha'", bucket) != []


def test_what_a_summary_concludes_is_at_the_server_and_among_no_measurements(
    sending: tuple[World, str], server: tuple[Influx, Server]
) -> None:
    world, bucket = sending
    uptake("collect")
    found = server[0].query("SELECT share FROM trend WHERE basket = 'toys' AND metric = 'github.stars' GROUP BY topic", bucket)
    rank = server[0].query("SELECT rank FROM trend WHERE basket = 'toys' AND metric = 'github.stars' GROUP BY topic", bucket)
    assert {s["tags"]["topic"]: s["values"][-1][1] for s in rank} == {"alpha": 1, "beta": 2}
    assert found == [] or {s["tags"]["topic"] for s in found} == {"alpha", "beta"}
    measured = server[0].query("SELECT measured FROM coverage GROUP BY source", bucket)
    assert {s["tags"]["source"]: s["values"][-1][1] for s in measured} == {"github": 100, "hacker_news": 100, "stackoverflow": 100}
    assert "trend." not in uptake("export").out
    assert "trend.rank" in uptake("export", "--metric", "trend.rank").out
    head = Journal.open(world.folder / "data").head()
    uptake("collect")
    assert Journal.open(world.folder / "data").head() == head


# A machine that has only the server


def test_a_machine_with_only_the_server_says_the_same(sending: tuple[World, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = sending
    uptake("import", "--starting-history")
    uptake("collect")
    config = (world.folder / "uptake.toml").read_text()
    here = uptake("trends", "--json").json, uptake("compare", "alpha", "beta", "--json").json
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "uptake.toml").write_text(config + '\n[store]\npath = "nothing"\nread = "influxdb"\n')
    monkeypatch.setenv("UPTAKE_CONFIG", str(tmp_path / "other" / "uptake.toml"))
    there = uptake("trends", "--json"), uptake("compare", "alpha", "beta", "--json")
    assert "Read from http://" in there[0].err
    assert [stripped(one) for one in here] == [stripped(one.json) for one in there]
    report = uptake("report", "--output", tmp_path / "there.html")
    assert report.code == 0
    assert "Alpha" in (tmp_path / "there.html").read_text()
    assert not (tmp_path / "other" / "nothing" / "journal.sqlite3").exists()
    for command, words in (
        (["trends", "--as-of", "2026-11-20"], "--as-of: a server does not keep what was believed before"),
        (["status"], "what is missing and why is known to the journal only"),
        (["trace", 'github.stars{topic="alpha"}'], "where a figure was read is known to the journal only"),
        (["collect"], '[store] read = "influxdb" is for machines that only read'),
    ):
        refused = uptake(*command)
        assert refused.code == 2
        assert words in refused.err


def stripped(document: object) -> object:
    """Without what only the journal knows: the pages and citations."""
    if isinstance(document, dict):
        return {k: stripped(v) for k, v in document.items() if k not in {"citation", "page", "fetched_at", "pages", "as_of_sequence"}}
    return [stripped(one) for one in document] if isinstance(document, list) else document


# Wrong use


def test_without_a_section_the_commands_say_what_to_write(world: World) -> None:
    for name in ("setup", "check", "verify", "resend"):
        ran = uptake("influx", name)
        assert ran.code == 2
        assert 'has no [influxdb] section; add one with url = "http://127.0.0.1:8086"' in ran.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[influxdb]\nurl = "influx.example.org"\n', "[influxdb] url: 'influx.example.org' is not an address"),
        ('[influxdb]\nurl = "http://127.0.0.1:1"\ntoken = "x"\n', "[influxdb] token: unknown key; did you mean 'token_file'?"),
        ('[influxdb]\nurl = "http://127.0.0.1:1"\ntoken_file = "nowhere"\n', "[influxdb] token_file: cannot read nowhere"),
        ('[influxdb]\nurl = "http://127.0.0.1:1"\nca_file = "nowhere"\n', "[influxdb] ca_file: there is no file nowhere"),
        (
            '[influxdb]\nurl = "http://127.0.0.1:1"\nkind = "mysql"\n',
            "[influxdb] kind: write 'auto', 'influxdb' or 'victoriametrics', not 'mysql'",
        ),
        ('[store]\nread = "influxdb"\n', "[store] read: an [influxdb] section with url must say which server is read"),
    ],
)
def test_a_mistake_in_the_section_is_told_with_its_place(world: World, text: str, words: str) -> None:
    world.configure(CONFIG + "\n" + text)
    ran = uptake("trends")
    assert ran.code == 2
    assert words in ran.err


def test_a_token_file_is_read_beside_the_config(world: World, server: tuple[Influx, Server]) -> None:
    (world.folder / "secret").write_text(f"{TOKEN}\n")
    world.configure(CONFIG + section(server[1].url, token_file="secret"))
    assert uptake("influx", "setup").code == 0
    assert uptake("influx", "check").code == 0


def test_a_server_that_is_away_is_one_sentence(world: World) -> None:
    world.configure(CONFIG + section("http://127.0.0.1:9"))
    ran = uptake("influx", "check")
    assert ran.code == 1
    assert ran.err == "uptake: InfluxDB at http://127.0.0.1:9 cannot be reached: nothing listens there\n"


def test_a_series_that_is_not_there_is_told(sending: tuple[World, str]) -> None:
    ran = uptake("influx", "resend", 'github.stars{topic="nobody"}')
    assert ran.code == 2
    assert 'there is no series github.stars{topic="nobody"}' in ran.err


def test_the_ways_of_a_victoriametrics_are_told_by_setup_and_check(world: World, tmp_path: Path) -> None:
    one = victoria(tmp_path / "victoria")
    with running(one):
        world.configure(CONFIG + section(one.url))
        made = uptake("influx", "setup")
        assert "VictoriaMetrics has no buckets: nothing is to be made" in made.out
        assert "start it with -retentionPeriod=100y" in made.out
        checked = uptake("influx", "check")
        assert "keeps them: 31 days" in checked.out
        assert "start it with -dedup.minScrapeInterval=1ms" in checked.out


# InfluxDB 2, by its API's description


def test_setup_makes_bucket_mapping_and_two_tokens_at_an_influxdb_2(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPTAKE_INFLUXDB_ADMIN_TOKEN", ADMIN)
    with FakeInflux2() as fake:
        world.configure(CONFIG + section(fake.url, "mine", org="workshop"))
        made = uptake("influx", "setup")
        assert made.code == 0
        assert "made the bucket 'mine', which keeps everything" in made.out
        assert "InfluxQL finds it as the database 'mine'" in made.out
        assert [b["retentionRules"][0]["everySeconds"] for b in fake.buckets] == [0]
        assert [(a["permissions"][0]["action"], a["permissions"][0]["resource"]["id"]) for a in fake.authorizations] == [
            ("write", "b0"),
            ("read", "b0"),
        ]
        for action, token in (("write", "token-0"), ("read", "token-1")):
            path = world.folder / f"influxdb-{action}.token"
            assert path.read_text() == f"{token}\n"
            assert path.stat().st_mode & 0o777 == 0o600
        assert "token-0" not in made.out
        fake.buckets[0]["retentionRules"] = [{"type": "expire", "everySeconds": 30 * 86_400}]
        fake.dbrps.clear()
        assert "kept 30 days, and now keeps everything" in uptake("influx", "setup").out


def test_setup_without_the_right_to_it_says_which_token_it_needs(world: World) -> None:
    with FakeInflux2() as fake:
        world.configure(CONFIG + section(fake.url, "mine", org="workshop"))
        ran = uptake("influx", "setup")
        assert ran.code == 1
        assert "UPTAKE_INFLUXDB_ADMIN_TOKEN" in ran.err


def test_setup_in_an_organisation_that_is_not_there_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPTAKE_INFLUXDB_ADMIN_TOKEN", ADMIN)
    with FakeInflux2() as fake:
        world.configure(CONFIG + section(fake.url, "mine", org="elsewhere"))
        ran = uptake("influx", "setup")
        assert ran.code == 1
        assert "has no organisation 'elsewhere'; correct org under [influxdb]" in ran.err


def test_several_runs_of_a_command_share_one_feed(sending: tuple[World, str]) -> None:
    world, _ = sending
    uptake("collect")
    with Journal.open(world.folder / "data", writable=True) as journal:
        with journal.write(now=NOW) as tx:
            tx.put([Observation(Series("github.stars", "alpha"), TODAY - 86_400, 5.0, state=State.GOOD)])
        uptake("note", "hello")
        with journal.read() as connection:
            [one] = feed.every(connection)
            assert feed.lag(connection, one, NOW).points == 0
