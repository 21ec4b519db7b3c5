"""Metrics that several sources share, and those of imported figures whose source has no spider here.

A metric that only one source counts is declared by that source.
"""

from __future__ import annotations

from storage.model import Cadence, Kind, Metric

ARTICLES = Metric(
    "articles.published",
    Kind.FLOW,
    "articles",
    Cadence.DAY,
    "Articles published",
    "Articles that bear the topic's tag on a site, by day of publication (UTC).",
)
JOB_POSTINGS = Metric(
    "jobs.postings", Kind.LEVEL, "postings", Cadence.DAY, "Job postings", "Open postings that match the topic's keywords on a board."
)
JOB_TOTAL = Metric(
    "jobs.total",
    Kind.LEVEL,
    "postings",
    Cadence.DAY,
    "All job postings",
    "All postings of a board that were searched: the denominator of jobs.postings.",
)
NEW_JOB_POSTINGS = Metric(
    "jobs.new_postings",
    Kind.WINDOW,
    "postings",
    Cadence.DAY,
    "New job postings",
    "Postings that were new within a window and match the topic's keywords.",
)
PAPERS_MENTIONING = Metric(
    "papers.mentioning",
    Kind.FLOW,
    "papers",
    Cadence.YEAR,
    "Papers that mention it",
    "Papers of one edition of a conference that mention the topic, by a named rule.",
)
PAPERS_TOTAL = Metric(
    "papers.total",
    Kind.FLOW,
    "papers",
    Cadence.YEAR,
    "All papers",
    "All papers of one edition of a conference: the denominator of papers.mentioning.",
)
PWC_SHARE = Metric(
    "paperswithcode.share",
    Kind.SHARE,
    "% of papers with code",
    Cadence.MONTH,
    "Share of papers with code",
    "Share of paper implementations by framework: as published from Papers With Code, or counted in its archive and then with"
    " the label by: of the month's papers that have code those with code in it (paper), or of the month's new repositories (repository).",
)
PWC_PAPERS = Metric(
    "paperswithcode.papers",
    Kind.FLOW,
    "papers",
    Cadence.MONTH,
    "Papers with code in it",
    "Papers of a month that have a repository in the framework, in Papers With Code's archive. A paper counts once for each framework.",
)
PWC_PAPERS_TOTAL = Metric(
    "paperswithcode.papers_total",
    Kind.FLOW,
    "papers",
    Cadence.MONTH,
    "All papers with code",
    "Papers of a month that have any repository in Papers With Code's archive, each once: the denominator.",
)
PWC_REPOSITORIES = Metric(
    "paperswithcode.repositories",
    Kind.FLOW,
    "repositories",
    Cadence.MONTH,
    "Repositories of papers",
    "Repositories of papers that use the framework, each once: in the month of its first paper, or in which it was made (label by).",
)
PWC_REPOSITORIES_TOTAL = Metric(
    "paperswithcode.repositories_total",
    Kind.FLOW,
    "repositories",
    Cadence.MONTH,
    "All repositories of papers",
    "Repositories of papers in Papers With Code's archive, each once: the denominator.",
)
DOWNLOADS = Metric(
    "pypi.downloads_30d",
    Kind.WINDOW,
    "downloads",
    Cadence.DAY,
    "PyPI downloads",
    "Downloads of the package in the last 30 days, mirrors and continuous integration included.",
)
SURVEY_USAGE = Metric(
    "surveys.usage",
    Kind.SHARE,
    "% of respondents",
    Cadence.YEAR,
    "Survey: used by",
    "Share of a survey's respondents who say that they use it.",
)
SURVEY_WANTED = Metric(
    "surveys.wanted",
    Kind.SHARE,
    "% of respondents",
    Cadence.YEAR,
    "Survey: wanted by users of another",
    "Share of a survey's respondents who work with the one that the label names (with) and want to work with this one.",
)

# What summaries conclude, for dashboards: series of the origin *derived*, written by `trends.derived`.
TREND_SHARE = Metric(
    "trend.share",
    Kind.SHARE,
    "% of the basket",
    Cadence.WEEK,
    "Share of the basket",
    "A topic's part of the basket's sum in one metric (label metric; the metric's own labels stand beside it).",
)
TREND_GROWTH = Metric(
    "trend.growth_52w",
    Kind.LEVEL,
    "%",
    Cadence.WEEK,
    "Change over 52 weeks",
    "Percent by which a figure changed over 52 weeks; of a flow the sum of 52 weeks against the 52 before.",
)
TREND_INDEX = Metric(
    "trend.index",
    Kind.INDEX,
    "points",
    Cadence.WEEK,
    "Adoption index",
    "How a topic stands in its basket over all sources; comparable within a basket.",
)
TREND_RANK = Metric(
    "trend.rank",
    Kind.LEVEL,
    "place",
    Cadence.WEEK,
    "Place in the basket",
    "A topic's place in its basket by one metric's latest figures; 1 is the largest.",
)
COVERAGE_MEASURED = Metric(
    "coverage.measured",
    Kind.SHARE,
    "% of planned",
    Cadence.WEEK,
    "Planned figures that were measured",
    "Of the figures that were planned for a week those that were measured or recovered, by source.",
)
DERIVED = (TREND_SHARE, TREND_GROWTH, TREND_INDEX, TREND_RANK, COVERAGE_MEASURED)

SHARED: tuple[Metric, ...] = (
    ARTICLES,
    JOB_POSTINGS,
    JOB_TOTAL,
    NEW_JOB_POSTINGS,
    PAPERS_MENTIONING,
    PAPERS_TOTAL,
    PWC_SHARE,
    PWC_PAPERS,
    PWC_PAPERS_TOTAL,
    PWC_REPOSITORIES,
    PWC_REPOSITORIES_TOTAL,
    DOWNLOADS,
    SURVEY_USAGE,
    SURVEY_WANTED,
)
