"""`uptake papers`: how far editions are read, what rules count side by side, and which papers count."""

from __future__ import annotations

import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from crawlers.catalog import sources
from scheduler.cli.main import run
from scheduler.demo.servers.proceedings import FakeProceedings, Paper, encrypted

CONFIG = """\
[crawl]
delay = 0

[sources.conferences]
enabled = true
editions = ["CVPR 2019", "NeurIPS 2019"]
enough = 50
{endpoints}

[baskets.frameworks]
topics = ["pytorch", "jax"]

[topics.pytorch]
papers = ["pytorch"]

[topics.jax]
papers = {{ any = ["jax"], not = [] }}
"""


def uptake(*words: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(list(words))
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which CVPR 2019 was read: seven papers, of which one is locked; NeurIPS 2019 is not there."""
    folder = tmp_path_factory.mktemp("papers")
    with FakeProceedings() as site:
        flags = [
            ("pytorch", ""),
            ("pytorch", "google"),
            ("pytorch tensorflow", ""),
            ("tensorflow", "mail"),
            ("jax pytorch", ""),
            ("", "meta"),
        ]
        papers = [Paper(f"P{n}_CVPR_2019_paper", f"Title {n}", frozenset(t.split()), employer=e) for n, (t, e) in enumerate(flags)]
        site.add("CVPR 2019", [*papers, Paper("L_CVPR_2019_paper", "Locked", raw=encrypted())], old=True)
        endpoints = "\n".join(f'{k} = "{v}"' for k, v in site.endpoints.items())
        off = "".join(f"\n[sources.{name}]\nenabled = false\n" for name in sources() if name != "conferences")
        (folder / "uptake.toml").write_text(CONFIG.format(endpoints=endpoints) + off)
        code, out, err = uptake("collect", "conferences", "--config", str(folder / "uptake.toml"))
    assert code == 1, out  # NeurIPS was not found
    assert err.startswith("conferences is on, though off by default"), err
    return folder


@pytest.fixture(autouse=True)
def here(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPTAKE_CONFIG", str(store / "uptake.toml"))


def test_editions_are_listed_with_their_state() -> None:
    code, out, _ = uptake("papers")
    assert code == 0
    assert "CVPR 2019     6 of 7 read, 1 unreadable: 1 encrypted" in out
    assert "NeurIPS 2019  not read yet" in out
    document = {d["edition"]: d for d in json.loads(uptake("papers", "--json")[1])}
    assert document["CVPR 2019"]["unreadable"] == [{"title": "Locked", "state": "encrypted", "detail": "it asks for a password"}]
    assert document["NeurIPS 2019"]["papers"] is None


def test_rules_are_laid_side_by_side() -> None:
    code, out, _ = uptake("papers", "ablate", "--edition", "CVPR 2019", "--json")
    assert code == 0
    rows = {r["rule"]: r for r in json.loads(out)}
    told = {name: (r["left_out"], r["mentioning"]["pytorch"], r["mentioning"]["tensorflow"]) for name, r in rows.items()}
    assert told["inclusive"] == (0, 4, None)
    assert told["he-2019-06-24"] == (3, 3, 1)
    assert told["he-2019"] == (3, 2, 0)
    assert told["he-2019-09-04-google-kept"] == (2, 3, 0)
    assert told["he-2020-07-28"] == (0, 3, 1)
    assert len([r for r in rows if r.startswith("he-")]) == 16
    assert rows["he-2019-06-24"]["several"] == 1
    assert {r["bound"] for r in rows.values()} == {"at_least"}
    assert rows["he-2019-10-03"]["about"].startswith("as he-2019")


def test_the_table_can_be_narrowed() -> None:
    code, out, _ = uptake("papers", "ablate", "--rules", "inclusive,exclusive", "--topics", "jax,pytorch")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["edition", "rule", "papers", "left", "out", "jax", "pytorch", "several", "what", "it", "does"]
    assert lines[2].split()[2:7] == ["inclusive", "6", "0", "1+", "4+"]
    assert lines[3].split()[2:7] == ["exclusive", "6", "0", "0+", "3+"]


def test_the_papers_that_count_are_named() -> None:
    code, out, _ = uptake("papers", "matches", "CVPR 2019", "pytorch", "--rule", "he-2019")
    assert code == 0
    assert [line for line in out.splitlines() if line.startswith("Title")] == ["Title 0", "Title 4"]
    assert "2 papers of CVPR 2019" in out
    found = json.loads(uptake("papers", "matches", "CVPR 2019", "pytorch", "--with", "jax", "--json")[1])
    assert [p["title"] for p in found] == ["Title 4"]
    assert found[0]["url"].endswith("/P4_CVPR_2019_paper.pdf")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ablate", "--edition", "CVPR 2018"), "no text of CVPR 2018 is kept; there are: CVPR 2019"),
        (("ablate", "--rules", "he-1999"), "there is no rule 'he-1999'"),
        (("ablate", "--topics", "torch"), "no topic 'torch'"),
        (("matches", "CVPR 2019", "tensorflow"), "has no keywords of 'tensorflow'"),
        (("matches", "KDD 2019", "pytorch"), "not an edition"),
    ],
)
def test_what_is_not_there_is_said(words: tuple[str, ...], said: str) -> None:
    code, out, err = uptake("papers", *words)
    assert code == 2
    assert said in err
    assert not out
