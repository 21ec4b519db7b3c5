"""Medium's metrics and series, a topic's tags, and under which keys the source remembers what it knows of a tag."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import replace

from crawlers.spiders.medium_days import LAG, Refusal, Tag
from storage.model import Cadence, Kind, Metric, Series, Slot, Topic, UsageError
from storage.vocabulary import ARTICLES

logger = logging.getLogger(__name__)

NAME = "medium"
SITE = (("site", NAME),)
PUBLISHED = replace(
    ARTICLES,
    lag=LAG,
    settle=LAG,
    note=f"{ARTICLES.note} A topic with several tags has one series each (label tag). Medium shows only the ten newest articles "
    "of a tag: a day is exact if no stretch of it was missed between two looks, else the number is a lower bound. Counts from the "
    "archive's pages bear way=archive. A tag count is not the count of the 2019 analyses, which was of search results: any text "
    "that mentions the word, over a year, as a search engine puts it.",
)
ESTIMATED = Metric(
    "articles.estimated",
    Kind.FLOW,
    "articles",
    Cadence.DAY,
    "Articles published, estimated",
    "Of days that were seen in part only: articles seen, divided by the share of the day that was seen, "
    "if that is a tenth at least. articles.published has the number seen.",
    settle=LAG,
    lag=LAG,
)
TAG_TOTAL = Metric(
    "medium.tag_total",
    Kind.LEVEL,
    "articles",
    Cadence.DAY,
    "Medium articles in all",
    "Articles that bear the tag, as the tag's page says (label tag). Needs the option pages, or saved pages.",
)
_SLUG = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
REFUSED = "refused"


def tags_of(topic: Topic) -> tuple[str, ...]:
    """A topic's tags, none if it names none. Raises `UsageError` for what is no tag."""
    said = topic.names.get(NAME)
    found: list[str] = []
    for name in said if isinstance(said, list | tuple) else [said] if said else []:
        if not isinstance(name, str) or not _SLUG.fullmatch(name) or name != name.lower():
            slug = "-".join(re.findall(r"[^\W_]+", name.lower())) if isinstance(name, str) else ""
            raise UsageError(
                f"[topics.{topic.key}] medium: {name!r} is not a tag; write it as in its address medium.com/tag/…,"
                f' in lower case with hyphens, as in "{slug or "machine-learning"}"'
            )
        if name not in found:
            found.append(name)
    return tuple(found)


def known(topic: Topic) -> tuple[str, ...]:
    """A topic's tags; none where they cannot be read."""
    try:
        return tags_of(topic)
    except UsageError as error:
        logger.warning("medium: %s", error)
        return ()


def series(metric: Metric, topic: str, tag: str, **labels: str) -> Series:
    site = () if metric is TAG_TOTAL else SITE
    return Series(metric.name, topic, (*site, ("tag", tag), *labels.items()), metric.version, source=NAME)


def tag_of(of: Series) -> str:
    return dict(of.labels)["tag"]


def key_of(tag: str) -> str:
    return f"tag:{tag}"


def tried_of(tag: str) -> str:
    return f"page:{tag}"


def tried(slot: Slot, state: Mapping[str, object]) -> int:
    """The time of the latest slot like this one that ended, whether or not with a number."""
    tag = tag_of(slot.series)
    if slot.series.metric != TAG_TOTAL.name:
        return Tag.read(state.get(key_of(tag))).ended
    tried = state.get(tried_of(tag))
    return tried if isinstance(tried, int) else -1


def refusal_in(state: Mapping[str, object]) -> Refusal | None:
    return Refusal.read(state.get(REFUSED))


def tag_in(state: Mapping[str, object], tag: str) -> Tag:
    """What is remembered of a tag."""
    return Tag.read(state.get(key_of(tag)))
