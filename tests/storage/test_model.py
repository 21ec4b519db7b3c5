from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.model import Series, UsageError, labels_text, read_labels

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True).filter(lambda name: name not in {"topic", "version", "origin"})
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters=";"), min_size=1, max_size=8)
SERIES = st.builds(
    Series,
    st.builds("{}.{}".format, NAMES, NAMES),
    WORDS | st.just(""),
    st.dictionaries(NAMES, WORDS, max_size=3).map(lambda d: tuple(d.items())),
    st.integers(1, 3),
    st.sampled_from(["measured", "imported"]),
)


@given(SERIES)
def test_a_series_reads_back_from_its_name_and_from_its_labels(series: Series) -> None:
    assert Series.parse(str(series)) == series
    assert Series.of(series.metric, series.topic, read_labels(labels_text(series.tags()))) == series


def test_reserved_labels_show_only_where_they_are_not_the_default() -> None:
    assert str(Series("github.stars", "x", (("country", "us"),))) == 'github.stars{topic="x",country="us"}'
    assert str(Series("github.stars", "x", (), 2, "imported")) == 'github.stars{topic="x",origin="imported",version="2"}'
    assert str(Series("jobs.total")) == "jobs.total"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ((("Country", "us"),), "names are lower case"),
        ((("topic", "us"),), "reserved"),
        ((("country", ""),), "must not be empty"),
        ((("country", " us"),), "begin or end with a space"),
        ((("country", "u;s"),), "or hold ;"),
        ((("country", "us"), ("country", "de")), "has a label twice"),
    ],
)
def test_labels_that_could_not_be_written_are_refused(labels: tuple[tuple[str, str], ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Series("jobs.postings", "x", labels)


@pytest.mark.parametrize("name", ["stars", "github.stars{", "github.stars{topic=x}", "Github.stars", 'github.stars{version="x"}'])
def test_what_is_no_series_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        Series.parse(name)
