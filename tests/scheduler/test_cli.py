"""Every command of ``uptake``, in-process: what it does, what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
import typer

from crawlers.spiders import github_payloads
from scheduler.cli import commands  # noqa: F401  # it registers them
from scheduler.cli.app import ORDER, app
from scheduler.demo.servers.github import FakeGitHub
from storage.periods import DAY, HOUR, iso, read_time
from tests.scheduler.conftest import CONFIG, NOW, TODAY, YESTERDAY, World, uptake

Here = Callable[[Path], None]
ROOT = Path(__file__).parents[2]
ALPHA = 'github.stars{topic="alpha"}'
GITHUB_COUNTS = ("stars", "forks", "open_issues", "watchers", "pushed_at", "archived")
STOPS = (  # wrong use: the arguments, and what the sentence says
    (["collect", "githubb"], "there is no source 'githubb'; did you mean 'github'?"),
    (["collect", "--topic", "alhpa"], "--topic: there is no topic 'alhpa'; did you mean 'alpha'?"),
    (["collect", "--at", "2030-01-01"], "--at: 2030-01-01 is in the future"),
    (["collect", "--at", "soon"], "--at: 'soon' is not a time; write 2026-11-20"),
    (["collect", "--at"], "'--at' requires an argument"),
    (["collect", "--al", "x"], "No such option: --al"),
    (["backfill"], "Missing argument 'source'"),
    (["backfill", "nothing"], "there is no source 'nothing'"),
    (["backfill", "github", "--since", "2030"], "--since: 2030 is in the future"),
    (["reparse", "nothing"], "there is no source 'nothing'"),
    (["check", "nothing"], "there is no source 'nothing'"),
    (["check", "--topic", "gamma"], "--topic: there is no topic 'gamma'; there are: alpha, beta"),
    (["sources", "githbu"], "there is no source 'githbu'; did you mean 'github'?"),
    (["plan", "--topics", "-1"], "--topics"),
    (["plan", "--topics", "many"], "--topics"),
    (["import"], "name a file, or use --starting-history"),
    (["import", "none.csv"], "there is no file none.csv"),
    (["import", "none.csv", "--format", "word"], "--format: 'word' is not known; there are: csv, page, google-trends, pwc, survey"),
    (["compare", "alpha"], "Missing argument 'B'"),
    (["compare", "alpha", "alpha"], "name two different topics"),
    (["compare", "alpha", "betta"], "there is no topic 'betta'; did you mean 'beta'?"),
    (["compare", "alpha", "beta", "--from", "2020", "--to", "2019"], "--from must be before --to"),
    (["trends", "--basket", "toy"], "--basket: there is no basket 'toy'; did you mean 'toys'?"),
    (["trends", "--as-of", "then"], "--as-of: 'then' is not a time"),
    (["trends", "--until", "then"], "--until: 'then' is not a time"),
    (["report", "--basket", "toy"], "--basket: there is no basket 'toy'"),
    (["status", "--weeks", "0"], "--weeks"),
    (["status", "--as-of", "then"], "--as-of: 'then' is not a time"),
    (["export", "--format", "xml"], "--format: 'xml' is not known; there are: csv, json, lp, parquet"),
    (["export", "--topic", "gamma"], "--topic: there is no topic 'gamma'; there are: alpha, beta"),
    (["export", "--metric", "github.star"], "--metric: there is no metric 'github.star'; did you mean 'github.stars'?"),
    (["export", "--source", "gihub"], "--source: there is no source 'gihub'; did you mean 'github'?"),
    (["trace", "stars of alpha"], "is not a series name; one looks like github.stars"),
    (["trace", 'github.star{topic="alpha"}'], f'there is no series github.star{{topic="alpha"}}; did you mean {ALPHA}'),
    (["trace", 'github.stars{topic="alhpa"}'], f"of this metric there are: {ALPHA}"),
    (["trace", ALPHA, "2026-11-19"], f"{ALPHA} has no figure at 2026-11-19T00:00:00Z; near it are: 2026-11-20T00:00:00Z"),
    (["trace", ALPHA, "then"], "TIME: 'then' is not a time"),
    (["confirm", ALPHA], "Missing argument 'time'"),
    (["confirm", ALPHA, "2026-11-19"], "near it are: 2026-11-20T00:00:00Z"),
    (["reject", 'github.stars{topic="gamma"}', "2026-11-20"], "there is no series"),
    (["note", " "], "the note is empty"),
    (["note", "x", "--topic", "gamma"], "--topic: there is no topic 'gamma'"),
    (["note", "x", "--time", "then"], "--time: 'then' is not a time"),
    (["add", "Alpha"], "[topics.alpha] is in"),
    (["add", "!!"], "'!!' has no letter or digit in it"),
    (["add", "Gamma", "--basket", "toy"], "--basket: there is no basket 'toy'"),
    (["add", "Gamma", "--github", "gamma"], "github = 'gamma' is no repository"),
    (["init", "{folder}"], "uptake.toml is there already; edit it, or replace it with --force"),
    (["frobnicate"], "No such command 'frobnicate'"),
    (["--config"], "'--config' requires an argument"),
    (["status", "--config", "none.toml"], "there is no none.toml; `uptake init` writes one"),
)


@pytest.mark.parametrize(("arguments", "said"), STOPS, ids=lambda v: "_".join(v)[:50] if isinstance(v, list) else "")
def test_wrong_use_is_one_sentence_and_exit_code_2(measured: Path, look_at: Here, arguments: list[str], said: str) -> None:
    look_at(measured)
    ran = uptake(*(a.format(folder=measured) if a == "{folder}" else a for a in arguments))
    assert ran.code == 2
    assert said in ran.err
    assert ran.err.startswith("uptake: ")
    assert ran.err.count("\n") == 1
    assert (ran.out == "") or arguments[0] == "add"


def test_no_arguments_are_answered_with_the_help() -> None:
    ran = uptake()
    assert ran.code == 2
    assert "Usage: uptake" in ran.out


@pytest.mark.parametrize("command", ORDER)
def test_every_command_has_help_with_an_example(command: str) -> None:
    ran = uptake(command, "--help")
    assert ran.code == 0
    assert f"Usage: uptake {command}" in ran.out
    assert f"Example: uptake {command}" in " ".join(ran.out.split())


def test_the_order_names_every_command() -> None:
    assert set(typer.main.get_command(app).commands) == set(ORDER)  # type: ignore[attr-defined]
    assert uptake("--help").code == 0
    assert uptake("--version").out.startswith("uptake ")


# Set-up


def test_init_writes_a_config_that_works_and_replaces_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPTAKE_CONFIG", str(tmp_path / "new" / "uptake.toml"))
    ran = uptake("init", tmp_path / "new")
    assert (ran.code, ran.out) == (0, f"wrote {tmp_path}/new/uptake.toml\n")
    assert uptake("sources").code == 0
    (tmp_path / "new" / "uptake.toml").write_text("# mine", encoding="utf-8")
    assert uptake("init", tmp_path / "new").code == 2
    assert (tmp_path / "new" / "uptake.toml").read_text(encoding="utf-8") == "# mine"
    assert uptake("init", tmp_path / "new", "--force").code == 0
    assert "[topics.pytorch]" in (tmp_path / "new" / "uptake.toml").read_text(encoding="utf-8")


def test_sources_are_listed_with_cost_and_state_and_one_is_shown_in_full(measured: Path, look_at: Here) -> None:
    look_at(measured)
    listed = uptake("sources").out
    assert all(name in listed for name in ("github", "hacker_news", "stackoverflow", "60 requests an hour"))
    one = uptake("sources", "github").out
    assert "UPTAKE_GITHUB_TOKEN, or token_file" in one
    assert "base_url = 'http://127.0.0.1:" in one
    assert "Terms, read 2026-" in one
    documents = {d["name"]: d for d in uptake("sources", "--json").json}
    assert documents["github"]["enabled"] is True
    assert documents["github"] == uptake("sources", "github", "--json").json
    assert [o["set"] for o in documents["github"]["options"]] == [False]


def test_a_secret_is_said_to_be_set_and_never_shown(measured: Path, look_at: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    look_at(measured)
    monkeypatch.setenv("UPTAKE_GITHUB_TOKEN", "ghp_hidden")
    for arguments in (["sources", "github"], ["sources", "github", "--json"], ["plan", "--json"]):
        ran = uptake(*arguments)
        assert "ghp_hidden" not in ran.out + ran.err
    assert uptake("sources", "github", "--json").json["options"][0]["set"] is True
    assert "5,000 requests an hour" in uptake("sources").out


def test_the_plan_says_what_fits(tmp_path: Path, measured: Path, look_at: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    look_at(measured)
    ran = uptake("plan")
    assert ran.code == 0
    line = next(line for line in ran.out.splitlines() if line.startswith("github "))
    assert line.split()[4:6] == ["fits", "fits"], "for the two topics, and for ten"
    assert line.endswith("each every 2 days"), "for a thousand"
    assert "each every 25 days" in next(line for line in ran.out.splitlines() if line.startswith("adzuna "))
    rows = {r["source"]: r for r in uptake("plan", "--topics", "1000", "--json").json}
    assert (rows["github"]["allowance_per_day"], rows["github"]["fits"]) == (60 * 24, False)
    assert rows["github"]["days_between"] == 2
    assert rows["hacker_news"]["fits"]
    monkeypatch.setenv("UPTAKE_GITHUB_TOKEN", "t")
    monkeypatch.setenv("UPTAKE_STACKOVERFLOW_KEY", "k")
    assert uptake("plan", "--topics", "1000").code == 0
    config = tmp_path / "uptake.toml"
    said = (measured / "uptake.toml").read_text(encoding="utf-8")
    config.write_text(said.replace("[sources.medium]\nenabled = false", "[sources.medium]\nbudget = 100"), encoding="utf-8")
    ran = uptake("--config", config, "plan", "--topics", "1000")
    assert ran.code == 1
    assert "does not fit: 150.0 days for one day's figures" in next(line for line in ran.out.splitlines() if line.startswith("medium "))


def test_check_previews_what_every_name_matches(measured: Path, look_at: Here) -> None:
    look_at(measured)
    ran = uptake("check", "--json")
    previews = ran.json["previews"]
    assert ran.code == 0
    assert next(p["text"] for p in previews["github"] if p["topic"] == "alpha").startswith("made-up/alpha: ")
    assert any(p["text"].startswith("tag alpha: 2 ") for p in previews["stackoverflow"])
    assert not ran.json["off"].keys() & {"github", "hacker_news", "stackoverflow"}
    text = uptake("check", "github", "--topic", "beta").out
    assert "made-up/beta" in text
    assert "alpha" not in text.splitlines()[-1]


def test_check_tells_what_is_not_found_and_which_sources_are_off(world: World) -> None:
    off = CONFIG.replace("[sources.stackoverflow]", "[sources.stackoverflow]\nenabled = false")
    world.configure(off.replace("made-up/beta", "made-up/gone"))
    ran = uptake("check")
    assert ran.code == 1
    assert "! beta: GitHub knows no public repository made-up/gone" in ran.out
    assert "stackoverflow is off: off in the config" in ran.out
    assert world.stackoverflow.log == []
    ran = uptake("collect", "stackoverflow")
    assert (ran.code, ran.err) == (2, "uptake: stackoverflow is off: off in the config\n")


def test_check_stores_no_figure_and_no_response(world: World) -> None:
    assert uptake("check").code == 0
    assert uptake("export").rows() == []
    assert uptake("status", "--json").json["coverage"] == {}
    assert list((world.folder / "data").rglob("*.warc.gz")) == []


def test_add_writes_a_topic_that_is_valid_and_keeps_the_rest_of_the_file(world: World) -> None:
    world.github.add("gamma-org/gamma", 5)
    world.stackoverflow.ask(YESTERDAY, "gamma.ray")
    before = (world.folder / "uptake.toml").read_text(encoding="utf-8")
    arguments = ["add", "Gamma Ray", "--github", "gamma-org/gamma", "--stackoverflow", "gamma.ray", "--jobs", "gamma ray", "--jobs", "GR2"]
    assert uptake(*arguments, "--dry-run").code == 0
    assert (world.folder / "uptake.toml").read_text(encoding="utf-8") == before
    ran = uptake(*arguments)
    assert ran.code == 0
    assert "gamma-org/gamma: " in ran.out
    after = (world.folder / "uptake.toml").read_text(encoding="utf-8")
    assert after.startswith(before.replace('"beta"]', '"beta", "gamma-ray"]'))
    assert tomllib.loads(after)["topics"]["gamma-ray"] == {
        "title": "Gamma Ray",
        "github": "gamma-org/gamma",
        "stackoverflow": "gamma.ray",
        "jobs": ['"gamma ray"', '"GR2"'],
        "search": "Gamma Ray",
    }
    assert uptake("plan").code == 0
    assert uptake("add", "gamma-ray").code == 2
    assert uptake("collect", "github", "--topic", "gamma-ray").code == 0
    assert world.values("github.stars")["gamma-ray", "2026-11-20"] == world.github.repos[1002].stars


def test_guesses_that_match_nothing_are_left_out(world: World) -> None:
    ran = uptake("add", "C++", "--yes")
    assert ran.code == 0
    assert "left out: stackoverflow = 'c++' was only a guess" in ran.out
    assert not any("c++/c++" in a.path for a in world.github.log)  # no repository can be called so
    added = tomllib.loads((world.folder / "uptake.toml").read_text(encoding="utf-8"))["topics"]["c++"]
    assert added == {"title": "C++", "jobs": ['"C++"'], "search": "C++"}


@pytest.mark.parametrize(("name", "key"), [(".NET", "net"), ("scikit-learn", "scikit-learn"), ("Ruby on Rails", "ruby-on-rails")])
def test_a_key_is_made_of_any_name(world: World, name: str, key: str) -> None:
    assert uptake("add", name).code == 0
    assert tomllib.loads((world.folder / "uptake.toml").read_text(encoding="utf-8"))["topics"][key]["title"] == name
    assert uptake("plan").code == 0
    assert [p.name for p in world.folder.glob("uptake.toml*")] == ["uptake.toml"]


def test_guesses_that_could_not_be_looked_up_are_left_out(world: World) -> None:
    world.configure(CONFIG.replace("{github}", "http://127.0.0.1:9").replace("{stackoverflow}", "http://127.0.0.1:9"))
    ran = uptake("add", "Gamma", "--basket", "toys")
    assert ran.code == 0
    added = tomllib.loads((world.folder / "uptake.toml").read_text(encoding="utf-8"))["topics"]["gamma"]
    assert added == {"title": "Gamma", "jobs": ['"Gamma"'], "search": "Gamma"}


# Collecting


def test_collect_stores_what_is_served_and_a_second_call_asks_nothing(world: World) -> None:
    ran = uptake("collect")
    assert ran.code == 0
    assert "GitHub: 16 of 16 measured" in ran.out
    for name, repo in zip(("alpha", "beta"), world.github.repos.values(), strict=True):
        held = (repo.stars, repo.forks, repo.issues + repo.pulls, repo.watchers, repo.pushed_at, repo.archived)
        assert [world.values(f"github.{m}")[name, "2026-11-20"] for m in GITHUB_COUNTS] == list(map(float, held))
    assert world.values("hacker_news.stories") == {("alpha", "2026-11-19"): 2}
    assert world.values("hacker_news.stories_total") == {("", "2026-11-19"): 3}
    assert world.values("jobs.postings") == {("alpha", "2026-11-01"): 2}
    assert world.values("jobs.total") == {("", "2026-11-01"): 3}
    assert world.values("stackoverflow.questions") == {("alpha", "2026-11-19"): 2}
    assert world.values("stackoverflow.questions_total") == {("", "2026-11-19"): 3}
    assert world.values("stackoverflow.tag_total") == {("alpha", "2026-11-20"): 2}
    asked, exported = world.asked(), uptake("export").out
    world.clock.now += 600
    ran = uptake("collect")
    assert (ran.code, ran.out) == (0, "Everything that can be asked for now has its figure already; nothing was asked.\n")
    assert uptake("collect", "--json").json == []
    assert world.asked() == asked
    assert uptake("export").out == exported


def test_collect_of_one_topic_and_source_asks_for_nothing_else(world: World) -> None:
    ran = uptake("collect", "github", "--topic", "beta", "--json")
    assert ran.code == 0
    [document] = ran.json
    assert (document["source"], document["planned"], document["measured"], document["missing"]) == ("github", 8, 8, {})
    assert {r["topic"] for r in uptake("export").rows()} == {"beta"}
    assert world.hacker_news.log == world.stackoverflow.log == []
    assert not any("alpha" in a.path for a in world.github.log)


def test_what_could_not_be_measured_is_listed_and_is_exit_code_1(world: World) -> None:
    world.configure(CONFIG.replace("made-up/beta", "made-up/gone"))
    ran = uptake("collect", "github")
    assert ran.code == 1
    assert "GitHub: 8 of 16 measured" in ran.out
    assert 'missing, not found there: github.stars{topic="beta"}: ' in ran.out
    status = uptake("status").out
    assert "missing(not_found)" in status
    assert {t["outcome"] for t in uptake("status", "--json").json["troubles"]} == {"missing(not_found)"}
    [again] = uptake("collect", "github", "--json").json
    assert again["missing"] == {"not_found": 8}
    assert {d["series"].partition("{")[2] for d in again["details"]} == {'topic="beta"}'}


def test_a_level_of_a_day_that_is_gone_is_missing_and_nothing_is_asked_for_it(world: World) -> None:
    ran = uptake("collect", "stackoverflow", "--at", "2026-11-10T12:00Z", "--json")
    assert ran.code == 1
    assert world.values("stackoverflow.questions") == {("alpha", "2026-11-09"): 0}
    assert world.values("stackoverflow.tag_total") == {}
    troubles = uptake("status", "--json").json["troubles"]
    assert [(t["series"], t["outcome"]) for t in troubles] == [('stackoverflow.tag_total{topic="alpha"}', "missing(downtime)")]


def test_a_backfill_brings_every_day_and_a_second_one_changes_nothing(world: World) -> None:
    ran = uptake("backfill", "github")
    assert ran.code == 0
    for name, repo in zip(("alpha", "beta"), world.github.repos.values(), strict=True):
        stored = {time: v for (topic, time), v in world.values("github.new_stars").items() if topic == name}
        served = {iso(t)[:10]: float(n) for t, n in repo.stars_by_day.items() if t < TODAY}
        assert {t: v for t, v in stored.items() if v or t in served} == served
        assert sum(stored.values()) == repo.stars - repo.stars_by_day[TODAY]
    exported = uptake("export", "--format", "json").out
    world.clock.now += 600
    assert uptake("backfill", "github").code == 0
    assert uptake("export", "--format", "json").out == exported


def test_a_backfill_since_a_day_reads_no_further(world: World) -> None:
    assert uptake("backfill", "stackoverflow", "--since", "2026-11-17").code == 0
    assert {time for _, time in world.values("stackoverflow.questions")} == {"2026-11-17", "2026-11-18", "2026-11-19"}


def test_a_source_that_no_topic_names_has_no_history(world: World) -> None:
    text = CONFIG.replace('stackoverflow = "alpha"\n', "")
    world.configure(text)
    ran = uptake("backfill", "stackoverflow")
    assert ran.code == 2
    assert "Stack Overflow has no history that can be read, or no topic names it" in ran.err


# Import

HEAD = "time,source,metric,topic,labels,value,bound,observed_at,citation\n"
GOOD = "2019-02-02,github,github.stars,alpha,,120000,exact,,A book\n"


def test_figures_with_citations_are_imported_once(world: World) -> None:
    path = world.folder / "figures.csv"
    path.write_text(HEAD + GOOD, encoding="utf-8")
    ran = uptake("import", path)
    assert (ran.code, ran.out) == (0, f"{path}: 1 figure read, 1 new, 0 changed\n")
    assert "0 new, 0 changed" in uptake("import", path).out
    [row] = uptake("export").rows()
    assert (row["value"], row["labels"], row["citation"]) == ("120000", "origin=imported", "A book")
    assert "imported; published in: A book" in uptake("trace", 'github.stars{topic="alpha",origin="imported"}').out


def test_rows_that_cannot_be_read_are_listed_by_line_and_the_rest_waits_for_partial(world: World) -> None:
    path = world.folder / "figures.csv"
    bad = "someday,github,github.stars,alpha,,1,,,x\n2019-03-02,github,github.stars,alpha,,many,,,x\n"
    path.write_text(HEAD + GOOD + bad, encoding="utf-8")
    ran = uptake("import", path)
    assert (ran.code, ran.out) == (1, "")
    assert f"{path}, line 3: " in ran.err
    assert f"{path}, line 4: " in ran.err
    assert "nothing imported because of the lines above; mend them, or use --partial" in ran.err
    assert uptake("export").rows() == []
    [document] = uptake("import", path, "--partial", "--json").json
    assert (document["new"], [p["line"] for p in document["problems"]]) == (1, [3, 4])
    assert len(uptake("export").rows()) == 1
    ran = uptake("import", path, "--partial", "--json")
    assert ran.code == 1
    assert (ran.json[0]["new"], ran.json[0]["revised"]) == (0, 0)


# Reading

READING = (
    ["sources", "--json"],
    ["sources", "github", "--json"],
    ["plan", "--json"],
    ["check", "--json"],
    ["collect", "--json"],
    ["status", "--json"],
    ["status", "--json", "--as-of", "2026-11-20"],
    ["trends", "--json"],
    ["compare", "alpha", "beta", "--json"],
    ["trace", ALPHA, "--json"],
    ["export", "--format", "json"],
    ["reparse", "--json"],
)


@pytest.mark.parametrize("arguments", READING, ids="_".join)
def test_json_is_one_document_and_nothing_else(measured: Path, look_at: Here, arguments: list[str]) -> None:
    look_at(measured)
    ran = uptake(*arguments)
    assert ran.code == 0
    assert isinstance(ran.json, dict | list)
    assert ran.err == ""
    assert "NaN" not in ran.out


@pytest.mark.parametrize("command", ["status", "trends", "compare", "trace", "export", "report", "confirm"])
def test_before_anything_is_measured_the_way_to_begin_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("UPTAKE_CONFIG", str(tmp_path / "uptake.toml"))
    (tmp_path / "uptake.toml").write_text('[baskets.b]\ntopics = ["a", "c"]\n[topics.a]\n[topics.c]\n', encoding="utf-8")
    more = {"compare": ["a", "c"], "trace": [ALPHA], "confirm": [ALPHA, "2026-11-20"]}
    ran = uptake(command, *more.get(command, []))
    assert ran.code == 2
    assert "nothing is measured yet" in ran.err or "there is no series" in ran.err
    assert ran.err.count("\n") == 1


def test_status_counts_every_planned_slot(measured: Path, look_at: Here) -> None:
    look_at(measured)
    document = uptake("status", "--json").json
    assert document["coverage"] == {
        "github": {"2026-11-16": {"measured": 16}},
        "hacker_news": {"2026-11-16": {"measured": 4}},
        "stackoverflow": {"2026-11-16": {"measured": 3}},
    }
    assert document["unfinished_runs"] == document["troubles"] == []
    assert document["figures"] == len(uptake("export").rows())
    assert document["last_success"]["github"] == iso(NOW)
    text = uptake("status").out
    assert "github         2026-11-16        16" in text
    assert f"github: newest figure seen {iso(NOW)}" in text


def test_status_as_of_a_time_before_knows_nothing(measured: Path, look_at: Here) -> None:
    look_at(measured)
    document = uptake("status", "--json", "--as-of", "2026-11-19").json
    assert (document["figures"], document["series"], document["sequence"]) == (0, 0, 0)
    assert document["coverage"] == document["last_success"] == {}
    assert uptake("status", "--json", "--as-of", "2026-11-20").json["figures"] == uptake("status", "--json").json["figures"]


def test_trends_show_latest_figures_and_shares(measured: Path, look_at: Here) -> None:
    look_at(measured)
    text = uptake("trends").out
    assert text.startswith("As of 2026-11-20.")
    assert "GitHub stars" in text
    assert uptake("trends", "--basket", "toys").out == text


def test_the_figures_of_2019_are_compared_as_they_were_published(history: Path, look_at: Here) -> None:
    look_at(history)
    ran = uptake("compare", "tensorflow", "pytorch", "--from", "2018-09", "--to", "2019-03")
    assert ran.code == 0
    lines = {line.split()[0]: line for line in ran.out.splitlines() if "as published for this period" in line}
    assert "postings" in lines["1541:1437"]
    assert "articles" in lines["3230:1200"]
    assert "13.7k:7.2k stars" in ran.out
    found = uptake("compare", "tensorflow", "pytorch", "--from", "2018-09", "--to", "2019-03", "--json").json["comparisons"]
    pairs = {(c["in_period"]["a"], c["in_period"]["b"]) for c in found if c["in_period"] and c["in_period"]["how"] == "published"}
    assert pairs == {(1541, 1437), (3230, 1200), (13_700, 7_200)}


def test_trends_and_report_of_the_starting_history(history: Path, look_at: Here, tmp_path: Path) -> None:
    look_at(history)
    assert uptake("trends", "--until", "2026-04-06").out.startswith("As of 2026-04-06.")
    ran = uptake("report", "--output", tmp_path / "r" / "ml.html", "--basket", "deep-learning")
    assert (ran.code, ran.out) == (0, f"report: {tmp_path}/r/ml.html\n")
    page = (tmp_path / "r" / "ml.html").read_text(encoding="utf-8")
    assert "PyTorch" in page
    assert "EvanLi/Github-Ranking" in page


def test_a_report_that_cannot_be_written_is_one_sentence(measured: Path, look_at: Here, tmp_path: Path) -> None:
    look_at(measured)
    (tmp_path / "file").write_text("", encoding="utf-8")
    ran = uptake("report", "-o", tmp_path / "file" / "r.html")
    assert ran.code == 1
    assert ran.err.startswith(f"uptake: cannot write the report {tmp_path}/file/r.html: ")


def test_a_figure_is_traced_to_its_request_and_response(measured: Path, look_at: Here) -> None:
    look_at(measured)
    served = json.loads(uptake("trace", ALPHA, "--json", "--whole").json["pages"][0]["body"])
    document = uptake("trace", ALPHA, "2026-11-20", "--json").json
    assert (served["full_name"], served["stargazers_count"]) == ("made-up/alpha", document["value"])
    [page] = document["pages"]
    assert (page["method"], page["status"], page["fetched_at"]) == ("GET", 200, iso(NOW))
    assert page["url"].endswith("/repos/made-up/alpha")
    assert (document["parser"], document["state"], document["revisions"]) == (1, "good", [])
    text = uptake("trace", ALPHA).out
    assert '"full_name": "made-up/alpha"' in text
    assert "parser version 1" in text
    assert f"{page['file']}, byte {page['offset']}" in text


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "lp"])
def test_series_leave_in_every_format(measured: Path, look_at: Here, tmp_path: Path, form: str) -> None:
    look_at(measured)
    stars = next(r["value"] for r in uptake("export", "--metric", "github.stars", "--topic", "alpha").rows())
    ran = uptake("export", "--format", form, "--metric", "github.stars", "--topic", "alpha")
    assert (ran.code, ran.err) == (0, "")
    if form == "parquet":
        assert pd.read_parquet(BytesIO(ran.bytes))["value"].to_list() == [float(stars)]
    elif form == "lp":
        assert ran.out.split(" ")[0].startswith("github,topic=alpha")
        assert f"stars={stars}" in ran.out
        assert ran.out.rstrip().endswith(f" {TODAY}000000000")
    else:
        assert stars in ran.out
    told = uptake("export", "--format", form, "--metric", "github.stars", "--topic", "alpha", "-o", tmp_path / "out")
    assert told.out == f"wrote 1 figure to {tmp_path}/out\n"
    assert form == "parquet" or (tmp_path / "out").read_bytes() == ran.bytes


def test_exports_are_cut_by_time(measured: Path, look_at: Here) -> None:
    look_at(measured)
    rows = uptake("export", "--metric", "github.new_stars", "--since", "2026-11-15", "--until", "2026-11-17").rows()
    assert {r["time"][:10] for r in rows} == {"2026-11-15", "2026-11-16", "2026-11-17"}
    assert uptake("export", "--as-of", "2026-11-19").rows() == []


# Marks


def test_a_note_is_taken_once(world: World) -> None:
    assert uptake("note", "PyCon talk", "--topic", "alpha", "--time", "2026-10-01").out == "noted\n"
    assert uptake("note", "PyCon talk", "--topic", "alpha", "--time", "2026-10-01").out == "that note is there already\n"


def test_a_figure_that_is_held_as_doubtful_is_confirmed_or_withdrawn_by_hand(world: World) -> None:
    assert uptake("collect", "github").code == 0
    stars = [r["value"] for r in uptake("export", "--metric", "github.stars", "--topic", "alpha").rows()]
    assert uptake("confirm", ALPHA, "2026-11-20").out == "nothing changed: it is confirmed already\n"
    world.clock.now += HOUR
    assert uptake("reject", ALPHA, "2026-11-20").out == "withdrawn\n"
    assert uptake("export", "--metric", "github.stars", "--topic", "alpha").rows() == []
    assert [r["value"] for r in uptake("export", "--metric", "github.stars", "--topic", "alpha", "--as-of", iso(NOW)).rows()] == stars
    document = uptake("trace", ALPHA, "--json").json
    assert (document["value"], document["state"]) == (None, "retracted")
    assert [str(r["value"]) for r in document["revisions"]] == stars
    assert "withdrawn" in uptake("trace", ALPHA).out
    ran = uptake("confirm", ALPHA, "2026-11-20")
    assert ran.code == 2
    assert "was withdrawn" in ran.err


# A better parser


def test_reading_again_makes_revisions_and_the_past_stays_readable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert uptake("collect", "github").code == 0
    stars = world.values("github.stars")
    inner = github_payloads.read_repository

    def better(body: bytes) -> github_payloads.Repository:
        found = inner(body)
        return replace(found, counts={**found.counts, "github.stars": found.counts["github.stars"] + 1000})

    monkeypatch.setattr(github_payloads, "read_repository", better)
    world.clock.now += HOUR
    asked = world.asked()
    ran = uptake("reparse", "github", "--json")
    assert ran.code == 0
    assert [(d["revised"], d["new"], d["requests"]) for d in ran.json] == [(2, 0, 0)]
    assert world.asked() == asked
    assert world.values("github.stars") == {k: v + 1000 for k, v in stars.items()}
    assert world.values("github.stars", "--as-of", iso(NOW + HOUR - 1)) == stars
    [before] = uptake("trace", ALPHA, "--json").json["revisions"]
    assert (before["value"], before["replaced_at"]) == (stars["alpha", "2026-11-20"], iso(NOW + HOUR))
    world.clock.now += HOUR
    assert [d["revised"] for d in uptake("reparse", "github", "--json").json] == [0]


def test_a_renamed_topic_keeps_its_series(world: World) -> None:
    assert uptake("collect", "github").code == 0
    stars = world.values("github.stars")["alpha", "2026-11-20"]
    text = CONFIG.replace('["alpha", "beta"]', '["omega", "beta"]').replace("[topics.alpha]", '[topics.omega]\nformerly = ["alpha"]')
    world.configure(text)
    asked = len(world.github.log)
    assert uptake("collect", "github").code == 0
    assert len(world.github.log) == asked
    assert world.values("github.stars")["omega", "2026-11-20"] == stars
    assert not any(topic == "alpha" for topic, _ in world.values("github.stars"))
    world.clock.now = world.github.now = NOW + DAY
    assert uptake("collect", "github").code == 0
    assert [time for topic, time in world.values("github.stars") if topic == "omega"] == ["2026-11-20", "2026-11-21"]


def test_the_config_may_be_named_anywhere_on_the_line(measured: Path, look_at: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    look_at(measured)
    monkeypatch.setenv("UPTAKE_CONFIG", "nothing.toml")
    for arguments in (["--config", measured / "uptake.toml", "plan"], ["plan", f"--config={measured}/uptake.toml"]):
        assert uptake(*arguments).code == 0
        monkeypatch.setenv("UPTAKE_CONFIG", "nothing.toml")
    assert uptake("plan").code == 2


# Scrapy's own commands


def scrapy(*arguments: str, config: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "UPTAKE_CONFIG": str(config)}
    return subprocess.run(
        [sys.executable, "-m", "scrapy", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_scrapy_lists_the_sources_and_crawls_one(tmp_path: Path) -> None:
    now = read_time("2026-11-20") + 12 * HOUR
    with FakeGitHub(now) as github:
        repo = github.add("made-up/alpha", 30, forks=17)
        config = tmp_path / "uptake.toml"
        config.write_text(
            f'[crawl]\ndelay = 0\n[sources.github]\nbase_url = "{github.url}"\n'
            '[baskets.b]\ntopics = ["alpha"]\n[topics.alpha]\ngithub = "made-up/alpha"\n',
            encoding="utf-8",
        )
        listed = scrapy("list", config=config)
        assert set(listed.stdout.split()) >= {"github", "hacker_news", "stackoverflow"}, listed.stderr
        crawled = scrapy("crawl", "github", "-O", str(tmp_path / "items.json"), config=config)
        assert crawled.returncode == 0, crawled.stderr
        assert "Traceback" not in crawled.stderr
        items = {i["series"]: i.get("value") for i in json.loads((tmp_path / "items.json").read_text(encoding="utf-8"))}
    assert items[ALPHA] == repo.stars
    assert items['github.forks{topic="alpha"}'] == 17
    assert items['github.contributors{topic="alpha"}'] == repo.contributors
    assert not (tmp_path / "data").exists()
