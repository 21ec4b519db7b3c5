"""Jobs: postings by board and country, absolute, per thousand, and who is ahead."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as d

from deploy.grafana import frame, kit
from deploy.grafana.queries import NO_RANGE, POSTINGS, InfluxQL, alias, chosen, equals, line, of_total, tags, where

BOARDS = '"board" =~ /^${board:regex}$/'
COUNTRIES = '"country" =~ /^${country:regex}$/'


def dashboard(topics: Sequence[str]) -> d.Dashboard:
    board = frame.series_dashboard(
        "uptake-jobs",
        "Uptake: Jobs",
        "Job postings that ask for a technology, board by board. Boards count differently: compare topics within a board, never boards.",
        since="2011-01-01",
    )
    board.with_variable(frame.basket_variable("deep-learning"))
    board.with_variable(frame.topics_variable())
    one = "Boards, or all."
    board.with_variable(
        frame.tag_values("board", "Board", 'SHOW TAG VALUES FROM "jobs" WITH KEY = "board"', one, multi=True, everything=".*")
    )
    country = 'SHOW TAG VALUES FROM "jobs" WITH KEY = "country"'
    board.with_variable(
        frame.tag_values("country", "Country", country, "Countries, or all, also of boards that know none.", multi=True, everything=".*")
    )
    board.with_panel(_latest())
    board.with_panel(_postings(topics))
    board.with_panel(_share(topics))
    board.with_panel(_of_all())
    board.with_row(d.Row("Per topic").repeat("topic"))
    board.with_panel(_one())
    return board


def _latest() -> kit.Panel:
    condition = where(frame.TOPICS, BOARDS, COUNTRIES, NO_RANGE)
    query = f'SELECT last("postings") AS "postings" FROM "jobs" WHERE {condition} GROUP BY {tags("topic", "board", "country", "origin")}'
    text = "The newest figure of each board. An age beyond a few days means that the board is blind. Where it was read: " + POSTINGS.trace
    return kit.rows(
        "Newest figures",
        text,
        "short",
        [InfluxQL("A", query, table=True)],
        order=("topic", "board", "country", "postings", "Time"),
        sort="postings",
    )


def _postings(topics: Sequence[str]) -> kit.Panel:
    targets = []
    for ref, imported in (("A", False), ("B", True)):
        condition = f"{frame.TOPICS} AND {BOARDS} AND {COUNTRIES}"
        targets.append(InfluxQL(ref, line(POSTINGS, condition, imported=imported), alias(POSTINGS, imported=imported)))
    text = "Open postings that match the topic's keywords. Dotted: imported figures. Where a figure was read: " + POSTINGS.trace
    panel = kit.chart("Postings by board", text, "short", targets, pace=31)
    return kit.coloured(kit.dotted(panel, "B", 62), topics).data_links([kit.to_topic()])


def _share(topics: Sequence[str]) -> kit.Panel:
    condition = where(chosen("basket"), equals("metric", "jobs.postings"), frame.TOPICS, BOARDS, COUNTRIES)
    query = f'SELECT last("share") FROM "trend" WHERE {condition} GROUP BY time(4w, 4d), {tags("topic", "board", "country")} fill(none)'
    text = (
        "Each topic's part of the basket's postings on one board: what a board's own growth does not move."
        " How it was made: uptake trends --basket $basket"
    )
    panel = kit.chart("Share of the basket's postings", text, "percent", [InfluxQL("A", query, alias(POSTINGS))], pace=62)
    return kit.coloured(panel, topics).min(0)


def _of_all() -> kit.Panel:
    query = (
        'SELECT last("total") FROM "jobs" WHERE '
        + where(equals("topic"), BOARDS, COUNTRIES)
        + f" GROUP BY time(4w, 4d), {tags('board', 'country', 'origin')} fill(none)"
    )
    text = (
        "All postings of a board that were searched: what the topics' counts are a part of."
        " Where a figure was read: uptake trace 'jobs.total{board=\"…\"}'"
    )
    return kit.chart("All postings of the boards", text, "short", [InfluxQL("A", query, "$tag_board $tag_country $tag_origin")], pace=62)


def _one() -> kit.Panel:
    query = of_total("jobs", "postings", "total", ("board", "country", "origin"), BOARDS, COUNTRIES)
    text = (
        "Percent of all postings of the board that ask for it, at the times at which both are known. Where a figure was read: "
        + POSTINGS.trace
    )
    return kit.chart(
        "$topic: part of all postings", text, "percent", [InfluxQL("A", query, "$tag_board $tag_country $tag_origin")], pace=62, width=24
    ).min(0)
