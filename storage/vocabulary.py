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
    Cadence.YEAR,
    "Share of papers with code",
    "Share of paper implementations by framework, as published from Papers With Code.",
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

SHARED: tuple[Metric, ...] = (
    ARTICLES,
    JOB_POSTINGS,
    JOB_TOTAL,
    NEW_JOB_POSTINGS,
    PAPERS_MENTIONING,
    PAPERS_TOTAL,
    PWC_SHARE,
    DOWNLOADS,
    SURVEY_USAGE,
)
