"""Stack Overflow's survey: shares of respondents and pairs, in the shapes of its years, and what must not be read as use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from storage.figures import Figures, import_rows, starting_history
from storage.journal import Journal
from storage.model import Bound, Topic, UsageError
from storage.periods import read_time
from storage.surveys import read_survey

TOPICS = [
    Topic("pytorch", "PyTorch"),
    Topic("tensorflow", "TensorFlow"),
    Topic("react", "React", {"surveys": ["React", "React.js"]}),
    Topic("aws", "AWS"),
]


def graph(title: str, data: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"Title": title, "SubText": "1,000 responses; select all that apply", "Data": data, **more}


def report() -> dict[str, Any]:
    tools = {
        "Title": "Other Frameworks",
        "Graphs": [
            graph("All Respondents", {"TensorFlow": 10.2643, "Torch/PyTorch": 3.2831}),
            graph("Professional Developers", {"TensorFlow": 9.4, "Torch/PyTorch": 2.9}),
        ],
    }
    web = {"Title": "Web Frameworks", "Graphs": [graph("Web Frameworks", {"React.js": 31.2605})]}
    loved = {"Title": "Most Loved", "Graphs": [graph("All Respondents", {"TensorFlow": 73.0, "AWS": 50.0})]}
    paid = {"Title": "Most Popular and Paid", "Graphs": [graph("All Respondents", {"AWS": 90}, Format="${0:n0}k")]}
    return {
        "Title": "Technology",
        "SubSections": [
            {
                "Title": "Most Popular Technologies",
                "GraphCollections": [tools, web, {"Title": "A figure", "Graphs": [{"Title": "A figure", "Type": "CustomFigure"}]}],
            },
            {"Title": "Most Loved, Dreaded, and Wanted", "GraphCollections": [loved]},
            {"Title": "Top Paying Technologies", "GraphCollections": [paid]},
        ],
    }


def bars(name: str, rows: dict[str, float], **more: object) -> dict[str, Any]:
    data = [{"response": answer, "frequency": int(1000 * percent), "percent": percent} for answer, percent in rows.items()]
    return {"name": name, "total_respondents": 1000, "plot_type": "bar", "data": data, **more}


def question(name: str, **datasets: dict[str, Any]) -> dict[str, Any]:
    return {"qid": "QID1", "qname": name, "question": "Which have you worked with?", "datasets": datasets}


def chord(data: object, labels: list[str] | None = None, kind: str = "chord", **more: object) -> dict[str, Any]:
    about = {"plot_metadata": {"labels": labels}} if labels else {}
    return {"name": "All Respondents", "total_respondents": 1000, "plot_type": kind, "data": data, **about, **more}


def questions(pairs: dict[str, Any] | None = None) -> dict[str, Any]:
    salaries = bars("All Respondents", {"TensorFlow": 1.0}, plot_metadata={"label": {"key": "median_yearly_salary_usd"}})
    return {
        "MiscTech": question(
            "MiscTech",
            MiscTech=bars("All Respondents", {"TensorFlow": 0.0967, "PyTorch": 0.1055, "Other (please specify):": 0.2}),
            MiscTech_prof=bars("Professional Developers", {"TensorFlow": 0.5, "PyTorch": 0.5}),
        ),
        "Platform": question("Platform", Platform=bars("All Respondents", {"Amazon Web Services (AWS)": 0.48})),
        "Salary": question("Salary", Salary=salaries),
        "WW_MiscTech": question("MiscTech", MiscTech_worked_want=pairs or chord([], [])),
    }


def write(folder: Path, payload: object, name: str = "2024/json/technology.json") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(payload if isinstance(payload, str) else json.dumps(payload), encoding="utf-8")
    return path


def values(figures: Figures) -> dict[str, float]:
    found = {str(row.series).replace('origin="imported",', ""): row.value for row in figures.rows}
    assert len(found) == len(figures.rows)
    assert all(row.series.origin == "imported" and row.series.source == "surveys" and row.citation for row in figures.rows)
    return found


def usage(topic: str, other: str = "") -> str:
    return f'surveys.usage{{topic="{topic}",survey="stackoverflow"' + (f',with="{other}"' if other else "") + "}"


def wanted(topic: str, other: str) -> str:
    return usage(topic, other).replace("usage", "wanted")


def test_the_report_of_2019_gives_use_and_not_love_or_pay(tmp_path: Path) -> None:
    found = read_survey(write(tmp_path, report(), "2019/json/technology.json"), TOPICS)
    assert values(found) == {usage("tensorflow"): 10.2643, usage("pytorch"): 3.2831, usage("react"): 31.2605}
    assert {row.time for row in found.rows} == {read_time("2019")}
    assert {row.citation for row in found.rows} == {"Stack Overflow Developer Survey 2019 (ODbL)"}
    bounds = {row.series.topic: row.bound for row in found.rows}
    assert bounds == {"tensorflow": Bound.EXACT, "react": Bound.EXACT, "pytorch": Bound.ESTIMATE}  # with Torch in one answer
    assert found.problems == []
    assert any("no answer for aws" in note for note in found.notes)


def test_a_whole_report_says_its_year_itself(tmp_path: Path) -> None:
    whole = {"Name": "Developer Survey 2017", "Sections": [{"Title": "Overview", "SubSections": []}, report()]}
    found = read_survey(write(tmp_path, whole, "2031/report.json"), TOPICS)
    assert {row.time for row in found.rows} == {read_time("2017")}
    assert len(found.rows) == 3


def test_questions_give_fractions_of_all_respondents_as_percent(tmp_path: Path) -> None:
    found = read_survey(write(tmp_path, questions()), TOPICS)
    assert values(found) == {usage("tensorflow"): 9.67, usage("pytorch"): 10.55, usage("aws"): 48.0}
    assert {row.bound for row in found.rows} == {Bound.EXACT}


MATRIX = chord([[50, 0, 7], [30, 60, 0], [0, 0, 9]], ["TensorFlow", "PyTorch", "Keras"])
LISTED = chord([{"from": "TensorFlow", "to": "TensorFlow", "frequency": 50}, {"from": "PyTorch", "to": "TensorFlow", "frequency": 30}])
PLACED = chord([{"source": 1, "target": 0, "value": 30}], ["TensorFlow", "PyTorch"], "sankey")


@pytest.mark.parametrize("pairs", [MATRIX, LISTED, PLACED])
def test_pairs_are_of_those_who_use_one_and_want_the_other(pairs: dict[str, Any], tmp_path: Path) -> None:
    found = values(read_survey(write(tmp_path, questions(pairs)), TOPICS))
    assert found.pop(wanted("tensorflow", "pytorch")) == 3.0  # 30 of 1,000 use PyTorch and want TensorFlow
    assert not [name for name in found if "with" in name]  # 0 is "fewer than are shown", and the same twice is no pair


@pytest.mark.parametrize(
    "pairs",
    [
        chord([[1, 2], [3]], ["TensorFlow", "PyTorch"]),
        chord([[1, 2]], ["TensorFlow", "PyTorch"]),
        chord([[1, -2], [3, 4]], ["TensorFlow", "PyTorch"]),
        chord([[1, None], [3, 4]], ["TensorFlow", "PyTorch"]),
        chord([[1, 2000], [3, 4]], ["TensorFlow", "PyTorch"]),
        chord([{"source": 5, "target": 0, "value": 30}], ["TensorFlow"], "sankey"),
        chord([{"a": 5}], ["TensorFlow"]),
        chord([[1, 2], [3, 4]], ["TensorFlow", "PyTorch"], total_respondents=None),
    ],
)
def test_pairs_of_another_shape_are_refused(pairs: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"MiscTech: .*expected is a year's"):
        read_survey(write(tmp_path, questions(pairs)), TOPICS)


def test_an_answer_to_two_questions_must_be_told_apart(tmp_path: Path) -> None:
    payload = questions()
    payload["Database"] = question("Database", Database=bars("All Respondents", {"Firebase": 0.13}))
    payload["Platform"]["datasets"]["Platform"]["data"].append({"response": "Firebase", "frequency": 1, "percent": 0.14})
    path = write(tmp_path, payload)
    found = read_survey(path, [Topic("firebase", "Firebase"), *TOPICS])
    assert [str(p) for p in found.problems] == [
        "line 1: topic firebase: 'Firebase' answers 'Platform' (14 %) and 'Database' (13 %); write surveys = \"Platform: Firebase\""
    ]
    assert len(found.rows) == 3
    chosen = read_survey(path, [Topic("firebase", "Firebase", {"surveys": "Database: Firebase"})])
    assert values(chosen) == {usage("firebase"): 13.0}


SHEETS = """\
ResponseId,LanguageHaveWorkedWith,LanguageWantToWorkWith,MiscTechHaveWorkedWith,PlatformHaveWorkedWith
1,Python;C,PyTorch,TensorFlow;PyTorch,Amazon Web Services (AWS)
2,Python,NA,TensorFlow,NA
3,C,NA,PyTorch;NumPy,Heroku
4,Python,NA,NA,Amazon Web Services (AWS)
5,NA,TensorFlow;PyTorch,"PyTorch; TensorFlow",
"""


def test_answer_sheets_give_pairs_in_use(tmp_path: Path) -> None:
    found = read_survey(write(tmp_path, SHEETS, "survey-2024.csv"), TOPICS)
    assert values(found) == {
        usage("pytorch", "tensorflow"): 50.0,  # 2 of 4 who answered the question
        usage("tensorflow", "pytorch"): 50.0,
        usage("pytorch", "aws"): 50.0,  # 1 of 2 who answered both questions
        usage("aws", "pytorch"): 50.0,
        usage("tensorflow", "aws"): 50.0,
        usage("aws", "tensorflow"): 50.0,
    }
    assert {row.time for row in found.rows} == {read_time("2024")}
    assert any("technology.json" in note for note in found.notes)


@pytest.mark.parametrize("head", ["LanguageWorkedWith", "HaveWorkedLanguage", "LanguageHaveWorkedWith"])
def test_the_questions_of_answer_sheets_were_called_differently_over_the_years(head: str, tmp_path: Path) -> None:
    sheets = f"Id,{head},WantWorkLanguage,LanguageDesireNextYear\n1,C; R,R,R\n2,C,NA,NA\n3,R,NA,NA\n4,NA,C;R,C;R\n"
    found = read_survey(write(tmp_path, sheets, "2018.csv"), [Topic("c", "C"), Topic("r", "R")])
    assert values(found)[usage("c", "r")] == pytest.approx(100 / 3)


def test_the_year_comes_from_the_argument_or_the_path(tmp_path: Path) -> None:
    path = write(tmp_path, questions(), "technology.json")
    assert {row.time for row in read_survey(path, TOPICS, year=2022).rows} == {read_time("2022")}
    bare = write(tmp_path, questions(), "a/b/c/technology.json")
    with pytest.raises(UsageError, match="of which year is it"):
        read_survey(bare, TOPICS)
    with pytest.raises(UsageError, match="of which year is it"):
        read_survey(write(tmp_path, questions(), "a/b/c/2019-to-2024.json"), TOPICS)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ("", "no JSON, or was cut off"),
        ("<html>", "no JSON, or was cut off"),
        (json.dumps(questions())[:-50], "no JSON, or was cut off"),
        ([], "something else .list.; expected is a year's"),
        ({"survey": 1}, "something else .survey.; expected"),
        ({"Title": "Technology", "SubSections": []}, "no shares of all respondents"),
        ({"Q": question("Q", Q=bars("Professional Developers", {"C": 0.1}))}, "no shares of all respondents"),
        ({"Q": question("Q", Q=bars("All Respondents", {"C": 62.3}))}, "C has 62.3, which is no share of 1"),
        ({"Q": question("Q", Q={**bars("All Respondents", {}), "data": [{"response": "C"}]})}, "C has None"),
        ({"Q": question("Q", Q={**bars("All Respondents", {}), "data": [7]})}, "without a response"),
        (
            {
                "SubSections": [
                    {"Title": "Most Popular Technologies", "GraphCollections": [{"Title": "A", "Graphs": [graph("A", {"C": "12"})]}]}
                ]
            },
            "C has '12'",
        ),
        (
            {
                "SubSections": [
                    {"Title": "Most Popular Technologies", "GraphCollections": [{"Title": "A", "Graphs": [graph("A", {"C": 101})]}]}
                ]
            },
            "no share of 100",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_what_was_expected(payload: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        read_survey(write(tmp_path, payload), [Topic("c", "C")])


@pytest.mark.parametrize(
    ("sheets", "said"),
    [
        ("a,b\n1,2\n", "no column like LanguageHaveWorkedWith"),
        (SHEETS[:-20], "cut off"),
        ("Id,LanguageHaveWorkedWith\n1\n", "1 values for 2 columns"),
        ("Id,LanguageHaveWorkedWith\n1,\xff\n", "no CSV in UTF-8"),
    ],
)
def test_wrong_answer_sheets_are_refused(sheets: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "results-2024.csv"
    path.write_bytes(sheets.encode("latin-1"))
    with pytest.raises(UsageError, match=said):
        read_survey(path, TOPICS)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name in ("2024.json", "2024.csv"):
        with pytest.raises(UsageError, match=f"cannot read .*{name}"):
            read_survey(tmp_path / name, TOPICS)


def test_the_figures_continue_the_starting_history(tmp_path: Path) -> None:
    bundled = [row for row in starting_history().rows if row.series.family == "surveys"]
    found = read_survey(write(tmp_path, report(), "2019/json/technology.json"), TOPICS)
    assert {(row.series, row.time) for row in bundled} <= {(row.series, row.time) for row in found.rows}
    with Journal.open(tmp_path / "store", writable=True) as journal:
        with journal.write() as tx:
            assert import_rows(tx, bundled).new == len(bundled)
        with journal.write() as tx:
            assert import_rows(tx, found.rows).revised == len(bundled)
