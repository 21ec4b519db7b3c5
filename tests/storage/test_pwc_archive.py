"""The archive of Papers With Code: exact figures per month, however it is stored, and what is left out."""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage import records
from storage.figures import Figures, import_rows
from storage.journal import Journal
from storage.model import Topic, UsageError
from storage.periods import read_time
from storage.pwc_archive import read_archive

PAPER, REPO = "https://paperswithcode.com/paper/", "https://github.com/"
TOPICS = [
    Topic("pytorch", "PyTorch", {"papers": ["pytorch", "torch"]}),
    Topic("tensorflow", "TensorFlow"),
    Topic("flax", "Flax", {"paperswithcode": "jax"}),
]
Rows = list[dict[str, Any]]


def link(paper: str | None, repo: str | None, framework: str | None = "pytorch", **more: object) -> dict[str, Any]:
    paper_url, repo_url = paper and PAPER + paper, repo and REPO + repo
    return {"paper_url": paper_url, "paper_title": "A title", "repo_url": repo_url, "is_official": True, "framework": framework, **more}


def paper(name: str, day: object, abstract: str = "We do things.") -> dict[str, Any]:
    return {"paper_url": PAPER + name, "title": "A title", "abstract": abstract, "authors": ["A. Person"], "date": day}


def as_json(path: Path, rows: Rows) -> Path:
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return path


def as_pretty_json(path: Path, rows: Rows) -> Path:
    path.write_text("\ufeff" + json.dumps(rows, indent=2), encoding="utf-8")
    return path


def as_lines(path: Path, rows: Rows) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return path


def as_gzip(path: Path, rows: Rows) -> Path:
    path.write_bytes(gzip.compress(json.dumps(rows).encode()))
    return path


def as_parquet(path: Path, rows: Rows) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=100)
    return path


def as_dated_parquet(path: Path, rows: Rows) -> Path:
    typed = [{**r, "date": date.fromisoformat(r["date"]) if r["date"] else None} if "date" in r else r for r in rows]
    return as_parquet(path, typed)


FORMS = [as_json, as_pretty_json, as_lines, as_gzip, as_parquet, as_dated_parquet]


def read(folder: Path, links: Rows, papers: Rows | None, topics: Sequence[Topic] = TOPICS, form: Callable[..., Path] = as_json) -> Figures:
    files = [form(folder / "links", links)] + ([] if papers is None else [form(folder / "papers", papers)])
    return read_archive(files[::-1], topics)


def values(figures: Figures) -> dict[str, dict[str, float]]:
    """Series name without its origin -> month -> value."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for row in figures.rows:
        assert row.series.origin == "imported"
        assert row.series.source == "paperswithcode"
        assert "CC BY-SA 4.0" in row.citation
        name = str(row.series).replace('origin="imported"', "").replace("{}", "").replace(",}", "}")
        month = next(m for m in MONTHS if read_time(m) == row.time)
        assert month not in found[name]
        found[name][month] = row.value
    return dict(found)


MONTHS = [f"{year}-{month:02}" for year in range(1999, 2027) for month in range(1, 13)]


def test_papers_and_repositories_are_counted_once_for_each_framework(tmp_path: Path) -> None:
    links = [
        link("a", "x/one", "pytorch"),
        link("a", "x/One.git", "pytorch"),  # the same repository
        link("a", "x/two", "tf"),  # the paper counts for both
        link("b", "x/one", "pytorch"),  # a later paper of the first repository
        link("b", "y/three", "none"),
        link("c", "z/four", "none"),
        link("d", "z/five", "jax"),
    ]
    papers = [
        paper("b", "2020-03-31"),
        paper("a", "2020-02-01"),
        paper("c", "2020-03-01"),
        paper("d", "2020-05-05"),
        paper("no-code", "2020-04-04"),
    ]
    found = values(read(tmp_path, links, papers))
    assert found == {
        "paperswithcode.papers_total": {"2020-02": 1, "2020-03": 2, "2020-05": 1},  # April: nothing, not even a zero
        'paperswithcode.papers{topic="pytorch"}': {"2020-02": 1, "2020-03": 1, "2020-05": 0},
        'paperswithcode.papers{topic="tensorflow"}': {"2020-02": 1, "2020-03": 0, "2020-05": 0},
        'paperswithcode.papers{topic="flax"}': {"2020-02": 0, "2020-03": 0, "2020-05": 1},
        'paperswithcode.share{topic="pytorch",by="paper"}': {"2020-02": 100, "2020-03": 50, "2020-05": 0},
        'paperswithcode.share{topic="tensorflow",by="paper"}': {"2020-02": 100, "2020-03": 0, "2020-05": 0},
        'paperswithcode.share{topic="flax",by="paper"}': {"2020-02": 0, "2020-03": 0, "2020-05": 100},
        'paperswithcode.repositories_total{by="paper"}': {"2020-02": 2, "2020-03": 2, "2020-05": 1},
        'paperswithcode.repositories{topic="pytorch",by="paper"}': {"2020-02": 1, "2020-03": 0, "2020-05": 0},
        'paperswithcode.repositories{topic="tensorflow",by="paper"}': {"2020-02": 1, "2020-03": 0, "2020-05": 0},
        'paperswithcode.repositories{topic="flax",by="paper"}': {"2020-02": 0, "2020-03": 0, "2020-05": 1},
    }


@pytest.mark.parametrize("form", FORMS)
def test_a_generated_archive_gives_exact_shares_per_month(
    form: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "BATCH", 64)
    monkeypatch.setattr(records, "_STEP", 777)  # rows lie across the ends of what is read at once
    chance = random.Random(7)
    days = {f"p{n}": f"{chance.randrange(2015, 2018)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}" for n in range(400)}
    days |= {f"late{n}": "" for n in range(5)}
    tags = ["pytorch", "tf", "none", "jax", "mxnet"]
    links = [link(chance.choice([*days]), f"r{chance.randrange(500)}/λ", chance.choice(tags)) for _ in range(900)]
    papers = [paper(p, day or None, abstract='"}],[{' * chance.randrange(9)) for p, day in days.items()]
    chance.shuffle(papers)

    truth: dict[str, set[str]] = defaultdict(set)
    by_tag: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in links:
        name = row["paper_url"].removeprefix(PAPER)
        if days[name]:
            truth[days[name][:7]].add(name)
            by_tag[days[name][:7], row["framework"]].add(name)
    found = values(read(tmp_path, links, papers, form=form))
    assert found["paperswithcode.papers_total"] == {m: len(p) for m, p in truth.items()}
    for topic, tag in (("pytorch", "pytorch"), ("tensorflow", "tf"), ("flax", "jax")):
        counted = {m: len(by_tag[m, tag]) for m in truth}
        assert found[f'paperswithcode.papers{{topic="{topic}"}}'] == counted
        assert found[f'paperswithcode.share{{topic="{topic}",by="paper"}}'] == {m: 100 * n / len(truth[m]) for m, n in counted.items()}


def test_three_hundred_thousand_links_give_exact_shares_per_month(tmp_path: Path) -> None:
    """As many as the archive has, in the shape in which it is published."""
    chance, count = random.Random(11), 300_000
    days = [f"{chance.randrange(2014, 2026)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}" for _ in range(180_000)]
    tags = chance.choices(["pytorch", "tf", "none", "jax", "mxnet", "paddle"], [40, 20, 30, 3, 1, 1], k=count)
    papers = [chance.randrange(len(days)) for _ in range(count)]
    with gzip.open(tmp_path / "links.json.gz", "wt", compresslevel=1) as file:
        rows = (json.dumps(link(f"paper-{p}", f"someone/r{n}", tag)) for n, (p, tag) in enumerate(zip(papers, tags, strict=True)))
        file.write("[" + ",\n".join(rows) + "]")
    with gzip.open(tmp_path / "papers.json.gz", "wt", compresslevel=1) as file:
        file.write("[" + ",\n".join(json.dumps(paper(f"paper-{n}", day)) for n, day in enumerate(days)) + "]")
    months: dict[str, set[int]] = defaultdict(set)
    of: dict[str, dict[str, set[int]]] = {tag: defaultdict(set) for tag in set(tags)}
    for p, tag in zip(papers, tags, strict=True):
        months[days[p][:7]].add(p)
        of[tag][days[p][:7]].add(p)
    figures = read_archive([tmp_path / "links.json.gz", tmp_path / "papers.json.gz"], TOPICS)
    names = {m: read_time(m) for m in months}
    found = {(row.series.metric, row.series.topic, dict(row.series.labels).get("by"), row.time): row.value for row in figures.rows}
    for month, all_of_it in months.items():
        assert found["paperswithcode.papers_total", "", None, names[month]] == len(all_of_it)
        for topic, tag in (("pytorch", "pytorch"), ("tensorflow", "tf"), ("flax", "jax")):
            part = len(of[tag][month])
            assert found["paperswithcode.papers", topic, None, names[month]] == part
            assert found["paperswithcode.share", topic, "paper", names[month]] == 100 * part / len(all_of_it)
    assert len({time for *_, time in found}) == len(months) == 144


def test_a_file_in_parts_and_rows_given_twice_count_once(tmp_path: Path) -> None:
    links, papers = [link("a", "x/1"), link("b", "x/2", "tf")], [paper("a", "2020-01-01"), paper("b", "2020-01-02")]
    parts = [as_parquet(tmp_path / f"links-{n}", rows) for n, rows in enumerate([links[:1], links[1:], links])]
    parts += [as_json(tmp_path / f"papers-{n}", rows) for n, rows in enumerate([papers[1:], papers])]
    assert values(read_archive(parts, TOPICS))["paperswithcode.papers_total"] == {"2020-01": 2}


def test_what_has_no_date_or_no_name_is_told(tmp_path: Path) -> None:
    links = [
        link("a", "x/1"),
        link("b", "x/2"),
        link("c", "x/3"),
        link("d", "x/4"),
        link(None, "x/5"),
        link("e", None),
        link("f", "x/6", None),
    ]
    papers = [paper("a", "2020-01-01"), paper("b", None), paper("c", "soon"), paper("f", "2020-01-20")]
    found = read(tmp_path, links, papers)
    assert values(found)['paperswithcode.share{topic="pytorch",by="paper"}'] == {"2020-01": 50}
    notes = "\n".join(found.notes)
    assert "2 links name no paper or no repository" in notes
    assert "1 of 5 papers with code are not in the papers' file" in notes
    assert "2 papers with code have no date" in notes
    assert "no dates of repositories" in notes


def test_a_paper_that_is_listed_twice_has_its_first_date(tmp_path: Path) -> None:
    found = read(
        tmp_path, [link("a", "x/1")], [paper("a", "2020-05-01"), paper("a", "2020-02-01"), paper("a", None), paper("a", "2020-03-01")]
    )
    assert values(found)["paperswithcode.papers_total"] == {"2020-02": 1}


def test_frameworks_without_a_topic_and_topics_without_a_framework_are_told(tmp_path: Path) -> None:
    links = [
        link("a", "x/1", "mxnet"),
        link("b", "x/2", "torch"),
        link("b", "x/3", "torch"),
        link("c", "x/4", "PyTorch"),
        link("c", "x/5", "none"),
    ]
    found = read(tmp_path, links, [paper(p, "2020-01-01") for p in "abc"])
    series = values(found)
    assert series['paperswithcode.papers{topic="pytorch"}'] == {"2020-01": 1}  # not Lua Torch, though "torch" is among its keywords
    assert series["paperswithcode.papers_total"] == {"2020-01": 3}
    assert not any("tensorflow" in name or "flax" in name for name in series)  # unknown to the archive: no zero
    assert any("no framework for tensorflow, flax" in note for note in found.notes)
    assert any(note == "no topic is called mxnet (1 papers), torch (1 papers)" for note in found.notes)


def test_a_topic_may_have_several_words_of_the_archive(tmp_path: Path) -> None:
    links = [link("a", "x/1", "torch"), link("a", "x/2", "pytorch"), link("b", "x/3", "paddle"), link("c", "x/4", "tf")]
    topics = [
        Topic("torches", "Torches", {"paperswithcode": ["torch", "PyTorch"]}),
        Topic("p", "PaddlePaddle"),
        Topic("t", "T", {"papers": {"any": ['"TensorFlow"']}}),
    ]
    found = values(read(tmp_path, links, [paper(p, "2020-01-01") for p in "abc"], topics))
    assert {name: series["2020-01"] for name, series in found.items() if "papers{" in name} == {
        'paperswithcode.papers{topic="torches"}': 1,  # a paper with both counts once
        'paperswithcode.papers{topic="p"}': 1,
        'paperswithcode.papers{topic="t"}': 1,
    }


@pytest.mark.parametrize("form", [as_json, as_parquet])
def test_repositories_are_counted_by_their_own_dates_where_these_are_known(form: Callable[..., Path], tmp_path: Path) -> None:
    links = [
        link("a", "x/1", repo_created_at="2019-06-01T10:00:00Z"),
        link("b", "x/1", repo_created_at="2019-06-01T10:00:00Z"),
        link("b", "x/2", "tf", repo_created_at="2019-06-30"),
        link("b", "x/3", repo_created_at=None),
    ]
    found = read(tmp_path, links, [paper("a", "2020-01-01"), paper("b", "2020-02-01")], form=form)
    series = values(found)
    assert series['paperswithcode.repositories_total{by="repository"}'] == {"2019-06": 2}
    assert series['paperswithcode.repositories{topic="pytorch",by="repository"}'] == {"2019-06": 1}
    assert series['paperswithcode.share{topic="tensorflow",by="repository"}'] == {"2019-06": 50}
    assert series['paperswithcode.repositories_total{by="paper"}'] == {"2020-01": 1, "2020-02": 2}
    assert any("1 of 3 repositories have no date" in note for note in found.notes)
    alone = read(tmp_path, links, None, form=form)
    assert set(values(alone)) == {name for name in series if "repository" in name}
    assert any("only repositories are counted" in note for note in alone.notes)


def test_dates_may_be_milliseconds(tmp_path: Path) -> None:
    found = read(tmp_path, [link("a", "x/1")], [paper("a", read_time("2020-02-29") * 1000)])
    assert values(found)["paperswithcode.papers_total"] == {"2020-02": 1}


def cut(path: Path, share: float = 0.7) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


@pytest.mark.parametrize("form", [as_json, as_pretty_json, as_lines, as_gzip, as_parquet])
@pytest.mark.parametrize("share", [0.3, 0.72, 0.999])
def test_a_truncated_file_gives_nothing(form: Callable[..., Path], share: float, tmp_path: Path) -> None:
    links = as_json(tmp_path / "links", [link("a", "x/1")])
    papers = cut(
        form(
            tmp_path / "papers", [paper(f"{n}", "2020-01-01", abstract=f"{n * n:x}" * 9) for n in range(3000)] + [paper("a", "2020-01-01")]
        ),
        share,
    )
    with pytest.raises(UsageError, match=r"papers is damaged or was cut off.*Nothing of it was used"):
        read_archive([links, papers], TOPICS)


def test_a_list_that_ends_between_two_rows_is_truncated_too(tmp_path: Path) -> None:
    papers = tmp_path / "papers"
    papers.write_text(json.dumps([paper("a", "2020-01-01"), paper("b", "2020-01-01")]).removesuffix("]"), encoding="utf-8")
    with pytest.raises(UsageError, match="its list does not end after row 2"):
        read_archive([as_json(tmp_path / "links", [link("a", "x/1")]), papers], TOPICS)


def test_a_damaged_gzip_file_is_named(tmp_path: Path) -> None:
    path = as_gzip(tmp_path / "links", [link(f"{n}", f"x/{n * n}") for n in range(500)])
    data = bytearray(path.read_bytes())
    data[-6] ^= 255  # its check sum
    path.write_bytes(data)
    with pytest.raises(UsageError, match="damaged"):
        read_archive([path, as_json(tmp_path / "papers", [paper("1", "2020-01-01")])], TOPICS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "neither Parquet nor JSON"),
        (b"<!doctype html><html>", "neither Parquet nor JSON"),
        (b"\xff\xfe\x00", "neither Parquet nor JSON"),
        (b"version https://git-lfs.github.com/spec/v1\n", "neither Parquet nor JSON"),
        (b"[]", "of an empty file; expected are links-between-paper-and-code"),
        (b"[1, 2]", "row 1 is no object"),
        (b'[{"task": "Things", "datasets": []}]', "has the columns task, datasets; expected are"),
        (b"PAR1 and no more", "damaged"),
        (b"[" * 100_000, "damaged"),
    ],
)
def test_a_wrong_file_is_refused_with_what_was_expected(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        read_archive([path], TOPICS)


def test_half_of_the_archive_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    links, papers = as_json(tmp_path / "l", [link("a", "x/1")]), as_json(tmp_path / "p", [paper("a", "2020-01-01")])
    with pytest.raises(UsageError, match="the links bear no dates; expected"):
        read_archive([links], TOPICS)
    with pytest.raises(UsageError, match="name the file of links"):
        read_archive([papers], TOPICS)
    with pytest.raises(UsageError, match="do the files belong together"):
        read_archive([links, as_json(tmp_path / "q", [paper("other", "2020-01-01")])], TOPICS)
    with pytest.raises(UsageError, match="cannot read"):
        read_archive([links, tmp_path / "absent"], TOPICS)


def test_a_column_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="framework holds more than"):
        read(tmp_path, [link(f"{n}", f"x/{n}", f"words {n}") for n in range(1100)], [paper("1", "2020-01-01")])


def test_the_figures_go_into_the_journal_beside_the_published_ones(tmp_path: Path) -> None:
    figures = read(tmp_path, [link("a", "x/1"), link("b", "x/2", "none")], [paper("a", "2020-01-01"), paper("b", "2020-01-01")])
    with Journal.open(tmp_path / "store", writable=True) as journal:
        with journal.write() as tx:
            assert import_rows(tx, figures.rows).new == len(figures.rows)
        with journal.write() as tx:
            assert import_rows(tx, figures.rows).new == 0
        with journal.read() as connection:
            cadences: Mapping[str, str] = dict(connection.exec_driver_sql("SELECT name, cadence FROM metrics").all())  # type: ignore[arg-type]
    assert {name: cadences[name] for name in cadences if name.startswith("paperswithcode")} == dict.fromkeys(
        {row.series.metric for row in figures.rows}, "month"
    )
