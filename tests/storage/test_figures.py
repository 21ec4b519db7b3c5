from __future__ import annotations

import re
from pathlib import Path

import pytest

from storage import figures
from storage.figures import Problem, read_csv, starting_history
from storage.journal import Changes
from storage.model import Bound, Observation, Series, State, UsageError
from storage.periods import read_time
from tests.storage.journals import dump, fresh, known

HEADER = "time,source,metric,topic,labels,value,bound,observed_at,citation\n"
GOOD = "2020-01-26T00:00:00Z,indeed,jobs.postings,pytorch,board=indeed;country=us,2701,at_least,2020-01-27,Hale 2020\n"


def messages(*lines: str) -> list[str]:
    return [str(p) for p in read_csv(HEADER + "".join(f"{line}\n" for line in lines)).problems]


def test_a_row_is_read_and_marked_as_imported() -> None:
    found = read_csv(HEADER + GOOD)
    series = Series("jobs.postings", "pytorch", (("board", "indeed"), ("country", "us")), origin="imported")
    time, seen = read_time("2020-01-26"), read_time("2020-01-27")
    assert found == figures.Figures([Observation(series, time, 2701.0, Bound.AT_LEAST, seen, citation="Hale 2020")], [])
    assert found.rows[0].series.source == "indeed"


@pytest.mark.parametrize(
    ("labels", "default", "expected"),
    [
        ("", "imported", "imported"),
        ("", "measured", "measured"),
        ("origin=measured", "imported", "measured"),
        ("origin=imported", "measured", "imported"),
    ],
)
def test_what_a_row_does_not_say_about_its_origin_the_caller_says(labels: str, default: str, expected: str) -> None:
    row = f"2020,github,github.stars,pytorch,{labels},1,exact,,somewhere\n"
    assert [o.series.origin for o in read_csv(HEADER + row, origin=default).rows] == [expected]


def test_columns_may_stand_in_any_order_and_windows_line_ends_and_marks_are_read(tmp_path: Path) -> None:
    file = tmp_path / "figures.csv"
    file.write_bytes(b"\xef\xbb\xbf" + (HEADER + GOOD).replace("\n", "\r\n").encode())
    assert read_csv(file) == read_csv(HEADER + GOOD) == read_csv("\ufeff" + HEADER + "\n" + GOOD.rstrip("\n"))
    turned = "\n".join(",".join(reversed(line.split(","))) for line in (HEADER + GOOD).splitlines())
    assert read_csv(turned) == read_csv(HEADER + GOOD)


def test_a_quoted_value_may_span_lines_and_problems_name_the_line_where_a_row_begins() -> None:
    text = (
        HEADER
        + '2020,s,a.b,x,,1,exact,,"two\nlines"\n2020,s,a.b,x,,one,exact,,c\n\n2021,s,a.b,x,,2,exact,,"un"quoted\n2022,s,a.b,x,,2,,,c\n'
    )
    found = read_csv(text)
    assert [o.citation for o in found.rows] == ["two\nlines", "c"]
    assert [p.line for p in found.problems] == [4, 6]
    assert "not CSV" in found.problems[1].message


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("soon,s,a.b,x,,1,exact,,c", "line 2: 'soon' is not a time; write 2026-11-20"),
        ("2020,s,a.b,x,,many,exact,,c", "line 2: the value 'many' is not a number"),
        ('2020,s,a.b,x,,"1,234",exact,,c', "line 2: the value '1,234' is not a number"),
        ("2020,s,a.b,x,,1_000,exact,,c", "line 2: the value '1_000' is not a number"),
        ("2020,s,a.b,x,,,exact,,c", "line 2: the value '' is not a number"),
        ("2020,s,a.b,x,,nan,exact,,c", "line 2: the value 'nan' is not a number"),
        ("2020,s,a.b,x,,inf,exact,,c", "line 2: the value 'inf' is not a number"),
        ("2020,s,a.b,x,,1e999,exact,,c", "line 2: the value '1e999' is not a number"),
        ("2020,s,a.b,x,,-1,exact,,c", "line 2: the value -1 is negative"),
        ("2020,s,a.b,x,,1,about,,c", "line 2: the bound 'about' is unknown: write exact, at_least or estimate"),
        ("2020,s,,x,,1,exact,,c", "line 2: the metric is empty: name it as family.name"),
        ("2020,s,stars,x,,1,exact,,c", "line 2: metric 'stars' is not of the form family.name"),
        ("2020,s,a.b,x,country,1,exact,,c", "line 2: label 'country' is not of the form key=value"),
        ("2020,s,a.b,x,Country=us,1,exact,,c", "line 2: label 'Country' of a.b: names are lower case"),
        ("2020,s,a.b,x,country=us;country=de,1,exact,,c", "line 2: label 'country' is given twice"),
        ("2020,s,a.b,x,topic=y,1,exact,,c", "line 2: the topic has a column of its own"),
        ("2020,s,a.b,x,origin=heard,1,exact,,c", "line 2: the origin 'heard' is unknown"),
        ("2020,s,a.b,x,version=two,1,exact,,c", "line 2: the version of a.b is not a number"),
        ("2020,s,a.b,x,version=0,1,exact,,c", "line 2: the version 0 of a.b is not 1 or more"),
        ("2020,s,a.b,x,,1,exact,later,c", "line 2: 'later' is not a time"),
        ("2020,s,a.b,x,,1,exact,,", "line 2: an imported figure needs a citation"),
        ("2020,s,a.b,x,,1,exact,c", "line 2: 8 values where the header names 9 columns"),
    ],
)
def test_a_line_that_cannot_be_read_is_listed_with_its_number(row: str, message: str) -> None:
    (told,) = messages(row)
    assert told.startswith(message)
    assert len(read_csv(HEADER + row + "\n" + GOOD).rows) == 1


def test_a_line_that_contradicts_an_earlier_one_is_listed_and_one_that_repeats_it_is_left_out() -> None:
    first = "2020-01-01,s,a.b,x,k=v,1,exact,,c"
    assert messages(first, first, "2020,s,a.b,x,k=v,1,exact,,other words") == []
    assert len(read_csv(HEADER + first + "\n" + first + "\n").rows) == 1
    assert messages(first, "2020,s,a.b,x,k=v,2,exact,,c", "2020,s,a.b,x,k=v,1,estimate,,c", "2020,t,a.b,x,k=v,1,exact,,c") == [
        'line 3: line 2 already gives a.b{topic="x",k="v",origin="imported"} at 2020-01-01T00:00:00Z, with another value or bound',
        'line 4: line 2 already gives a.b{topic="x",k="v",origin="imported"} at 2020-01-01T00:00:00Z, with another value or bound',
        'line 5: a.b{topic="x",k="v",origin="imported"} comes from \'s\' on line 2 and from \'t\' here: tell them apart by a label',
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty: the first line must be time,source,metric,topic"),
        ("time,metric,topic,labels,value,bound,observed_at\n", "missing columns 'source', 'citation': the first line must be"),
        (HEADER.replace(",", ";"), "missing columns .*; the values must be separated by commas"),
        (HEADER.replace("citation", "citation,mood"), "unknown column 'mood': the first line must be .* and nothing else"),
        (HEADER.replace("citation", "citation,time"), "a column is named twice"),
        ('time,"source', "this is not CSV"),
        (HEADER.encode("utf-16").decode("latin-1"), "this is not UTF-8 text"),
    ],
)
def test_a_file_in_another_form_is_refused_with_the_form(text: str, message: str) -> None:
    found = read_csv(text)
    assert found.rows == []
    assert [p.line for p in found.problems] == [1]
    assert re.match(message, found.problems[0].message)


def test_bytes_that_are_no_utf_8_are_found_on_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "figures.csv"
    file.write_bytes(
        (HEADER + GOOD).encode() + "2021,s,a.b,x,,1,exact,,Müller\n".encode("latin-1") + "2022,s,a.b,x,,1,exact,,Müller\n".encode()
    )
    found = read_csv(file)
    assert [o.citation for o in found.rows] == ["Hale 2020", "Müller"]
    assert found.problems == [Problem(3, "this is not UTF-8 text: save the file as CSV in UTF-8")]


def test_a_file_that_is_not_there_and_an_origin_that_is_none_are_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*figures\.csv: No such file"):
        read_csv(tmp_path / "figures.csv")
    with pytest.raises(UsageError, match="write imported or measured"):
        read_csv(HEADER, origin="heard")


def test_measured_net_counts_may_be_negative_and_need_no_citation() -> None:
    row = "2020-01-01,github,github.new_stars,x,,-3,exact,,\n"
    assert [o.value for o in read_csv(HEADER + row, origin="measured").rows] == [-3.0]


def test_a_file_with_problems_is_imported_only_in_part_when_asked() -> None:
    found = read_csv(HEADER + GOOD + "2020,s,a.b,x,,x,exact,,c\n" * 12)
    with fresh() as journal:
        before = dump(journal)
        with (
            pytest.raises(UsageError, match=r"(?s)nothing was imported:\nline 3: the value 'x'.*\nand 2 more\nmend .* --partial"),
            journal.write() as tx,
        ):
            figures.import_figures(tx, found)
        assert dump(journal) == before
        with journal.write() as tx:
            assert figures.import_figures(tx, found, partial=True) == Changes(new=1)
        assert list(known(journal)) == [
            ('jobs.postings{topic="pytorch",board="indeed",country="us",origin="imported"}', read_time("2020-01-26"))
        ]


def test_the_starting_history_comes_with_citations_and_shares_nothing_with_measured_series() -> None:
    history = starting_history()
    assert history.problems == []
    assert len(history.rows) == 2656
    assert all(o.citation and o.series.origin == "imported" and o.state is State.GOOD for o in history.rows)
    assert all(o.series.topic == o.series.topic.lower() for o in history.rows)
    of_2020 = {
        o.series.topic: o.value for o in history.rows if o.series.metric == "jobs.postings" and dict(o.series.labels)["board"] == "linkedin"
    }
    assert of_2020.keys() == {"pytorch", "tensorflow"}


def test_importing_the_starting_history_again_changes_nothing() -> None:
    history = starting_history()
    with fresh() as journal:
        with journal.write() as tx:
            assert figures.import_rows(tx, history.rows) == Changes(new=2656)
        before = dump(journal)
        with journal.write() as tx:
            assert figures.import_rows(tx, history.rows) == Changes(same=2656)
            assert not tx.changed
        assert dump(journal) == before
        names = {(row[0], row[3]) for row in before["metrics"]}
        assert ("pypi.downloads_30d", "window") in names
        assert ("papers.mentioning", "flow") in names
