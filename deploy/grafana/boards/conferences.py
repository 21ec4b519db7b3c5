"""Conferences: the 2019 article's ratio chart per venue, and what lies behind it."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as d

from deploy.grafana import frame, kit
from deploy.grafana.queries import ALL_PAPERS, InfluxQL, chosen, equals, of_total, tags, where

VENUES = '"venue" =~ /^${venue:regex}$/'
YEARLY = 510  # days; half as many more bridge a conference that is held every other year


def dashboard(topics: Sequence[str]) -> d.Dashboard:
    board = frame.series_dashboard(
        "uptake-conferences",
        "Uptake: Conferences",
        "Papers of conferences that mention a technology: its part of the basket's mentions per venue,"
        " as He drew it in 2019, and of all papers.",
        since="2015-01-01",
    )
    board.with_variable(frame.basket_variable("deep-learning"))
    topic = 'SHOW TAG VALUES FROM "trend" WITH KEY = "topic" WHERE "basket" = \'$basket\' AND "metric" = \'papers.mentioning\''
    board.with_variable(frame.tag_values("topic", "Topic", topic, "The technology whose part is drawn.", current="pytorch"))
    venue = 'SHOW TAG VALUES FROM "papers" WITH KEY = "venue"'
    board.with_variable(frame.tag_values("venue", "Venue", venue, "Conferences, or all.", multi=True, everything=".*"))
    rule = 'SHOW TAG VALUES FROM "papers" WITH KEY = "rule"'
    board.with_variable(
        frame.tag_values("rule", "Rule", rule, "By which a paper counts as a mention, for the part of all papers.", current="he-2019")
    )
    board.with_panel(_ratio())
    board.with_panel(_of_all())
    board.with_panel(_counts(topics))
    board.with_panel(_papers())
    board.with_panel(_unread())
    return board


_RULE = "The rule by which a paper counts as a mention stands with each line; lines of different rules are not to be compared."


def _ratio() -> kit.Panel:
    condition = where(chosen("basket"), equals("metric", "papers.mentioning"), chosen("topic"), ALL_PAPERS, VENUES)
    query = f'SELECT last("share") FROM "trend" WHERE {condition} GROUP BY time(1d), {tags("venue", "rule")} fill(none)'
    text = (
        "Of the papers of one edition that mention a topic of the basket, the part that mentions this one (a paper may mention several)."
        f" Above 50 % it is mentioned more than all others together. {_RULE} How it was made: uptake papers"
    )
    return (
        kit.chart(
            "$topic among the basket's mentions, per venue",
            text,
            "percent",
            [InfluxQL("A", query, "$tag_venue ($tag_rule)")],
            pace=YEARLY,
            width=24,
            height=11,
        )
        .min(0)
        .max(100)
    )


def _of_all() -> kit.Panel:
    query = of_total("papers", "mentioning", "total", ("venue", "origin"), f"({chosen('rule')} OR {equals('rule')})", ALL_PAPERS, VENUES)
    text = (
        "Percent of all papers of an edition that mention it by the rule that is chosen above."
        " Where a figure was read: uptake trace 'papers.mentioning{topic=\"$topic\",…}'"
    )
    return kit.chart(
        "$topic in all papers, per venue, by the rule $rule", text, "percent", [InfluxQL("A", query, "$tag_venue $tag_origin")], pace=YEARLY
    ).min(0)


def _counts(topics: Sequence[str]) -> kit.Panel:
    query = (
        'SELECT sum("mentioning") FROM "papers" WHERE '
        + where("\"topic\" != ''", ALL_PAPERS, VENUES)
        + f" GROUP BY time(1d), {tags('topic', 'venue', 'rule')} fill(none)"
    )
    text = (
        f"Papers of one edition that mention a topic. {_RULE}"
        ' Where a figure was read: uptake trace \'papers.mentioning{topic="…",venue="…"}\''
    )
    panel = kit.chart("Papers that mention it", text, "short", [InfluxQL("A", query, "$tag_topic $tag_venue ($tag_rule)")], pace=YEARLY)
    return kit.coloured(panel, topics).data_links([kit.to_topic()])


def _papers() -> kit.Panel:
    query = (
        'SELECT last("total") FROM "papers" WHERE '
        + where(equals("topic"), VENUES)
        + f" GROUP BY time(1d), {tags('venue', 'origin')} fill(none)"
    )
    text = "All papers of one edition: what the mentions are a part of. Where a figure was read: uptake trace 'papers.total{venue=\"…\"}'"
    return kit.chart("All papers, per venue", text, "short", [InfluxQL("A", query, "$tag_venue $tag_origin")], pace=YEARLY)


def _unread() -> kit.Panel:
    read = 'SELECT last("read") FROM "papers" WHERE ' + where(VENUES) + f" GROUP BY time(1d), {tags('venue')} fill(none)"
    unread = 'SELECT sum("unreadable") FROM "papers" WHERE ' + where(VENUES) + f" GROUP BY time(1d), {tags('venue', 'state')} fill(none)"
    targets = [InfluxQL("A", read, "$tag_venue read"), InfluxQL("B", unread, "$tag_venue $tag_state")]
    text = (
        "Papers whose text was read, and those that could not be, by the reason."
        " Where some could not, mentions are a lower bound. More: uptake papers"
    )
    return kit.chart("Papers that were read", text, "short", targets, pace=YEARLY)
