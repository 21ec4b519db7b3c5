"""What a metric is a signal of, and how it may be read."""

from __future__ import annotations

from storage.model import Kind, Metric

SIGNALS = ("search", "jobs", "usage", "community", "research")
TITLES = {"search": "search interest", "jobs": "jobs", "usage": "usage", "community": "community", "research": "research"}

_BY_NAME = {"stackoverflow": "community", "github": "community", "articles": "community", "hacker_news": "community", "medium": "community"}
_BY_NAME |= {"jobs": "jobs", "pypi": "usage", "huggingface": "usage", "surveys": "usage"}
_BY_NAME |= {"google_trends": "search", "wikipedia": "search", "papers": "research", "paperswithcode": "research"}

# What only grows by people's deeds and hardly ever falls: its growth is what came in a year, not a percentage of all.
_STOCKS = {"github.stars", "github.forks", "github.watchers", "github.contributors"}
_STOCKS |= {"stackoverflow.tag_total", "medium.tag_total", "huggingface.models"}

# Not adoption: errors, lists of work, parts of another metric, what is estimated where it is also counted.
_APART = {"github.open_issues", "github.archived", "github.pushed_at", "google_trends.error", "papers.read", "papers.unreadable"}
_APART |= {"articles.estimated", "surveys.wanted"}


def signal_of(metric: Metric) -> str:
    """One of `SIGNALS`; empty for what belongs to none (a user's own counter)."""
    return _BY_NAME.get(metric.family, "")


def stock(metric: Metric) -> bool:
    """Whether a level adds up what people did: stars."""
    return metric.kind is Kind.LEVEL and metric.name in _STOCKS


def speaks(metric: Metric) -> bool:
    """Whether anything is claimed of a metric."""
    return metric.compared and metric.name not in _APART
