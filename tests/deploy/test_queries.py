"""Every query of every panel, variable, annotation and alert rule, answered by real servers that hold real series."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from deploy.grafana import alerts
from storage.periods import DAY
from tests.deploy.conftest import Filled
from tests.deploy.grafana import FOLDER, PRESENT, Asked, dashboards, expanded, moment, queries, variables
from tests.deploy.world import EVENT
from tests.fakes.influx_servers import Influx, Victoria

ALL = dashboards()
SERIES = [name for name in ALL if name != "operations"]


def _chosen(server: Influx, database: str, name: str) -> dict[str, str | list[str]]:
    """What Grafana has chosen when the dashboard opens: the stored choice, All as what is listed or as its pattern."""
    document, chosen = ALL[name], dict[str, "str | list[str]"]()
    for variable in variables(document):
        found = server.query(expanded(variable["query"]["query"], chosen, *_range(name)), database)
        values = [str(row[1]) for series in found for row in series["values"]]
        if pattern := variable.get("regex"):
            values = [match[1] for value in values if (match := re.search(pattern.strip("/"), value))]
        assert values, f"{name}: the variable {variable['name']} has nothing to choose from"
        if variable.get("multi"):
            chosen[variable["name"]] = [variable["allValue"]] if variable.get("allValue") else sorted(set(values))
        else:
            assert variable["current"]["value"] in values
            chosen[variable["name"]] = variable["current"]["value"]
    return chosen


def _range(name: str) -> tuple[int, int]:
    return moment(ALL[name]["time"]["from"]), moment(ALL[name]["time"]["to"])


def _answer(server: Influx, database: str, query: Asked, chosen: dict[str, Any]) -> list[dict[str, Any]]:
    if "${topic:raw}" in query.text and isinstance(chosen.get("topic"), list):
        chosen = chosen | {"topic": "pytorch"}  # a row that is repeated for each
    return server.query(expanded(query.text, chosen, *_range(query.dashboard)), database)


def _rows(series: list[dict[str, Any]]) -> int:
    return sum(value is not None for each in series for row in each["values"] for value in row[1:])


def _empty(filled: Filled, database: str, name: str) -> set[str]:
    """Panels of which no query gives a value."""
    chosen = _chosen(filled.server, database, name)
    found: dict[str, int] = {}
    for query in queries(name, ALL[name]):
        found[query.panel] = found.get(query.panel, 0) + _rows(_answer(filled.server, database, query, chosen))
    return {panel for panel, rows in found.items() if not rows}


@pytest.mark.parametrize("name", SERIES)
def test_every_panel_shows_figures_once_all_sources_are_measured(filled: Filled, name: str) -> None:
    empty = _empty(filled, filled.spring, name)
    assert empty == set()


@pytest.mark.parametrize("name", SERIES)
def test_every_query_by_itself_gives_figures_or_is_of_figures_that_only_one_origin_has(filled: Filled, name: str) -> None:
    """A panel's second query must not hide that its first is wrong."""
    chosen = _chosen(filled.server, filled.spring, name)
    silent = {q for q in queries(name, ALL[name]) if not _rows(_answer(filled.server, filled.spring, q, chosen))}
    of_imported = {q for q in silent if "'imported'" in q.text}
    assert {q.panel for q in silent - of_imported} == set()
    for q in of_imported:  # the same question without its origin has an answer: only what is imported is lacking
        other = Asked(q.dashboard, q.panel, q.ref, q.kind, q.text.replace("\"origin\" = 'imported' AND ", ""))
        assert _rows(_answer(filled.server, filled.spring, other, chosen)), q


# What the documentation says of the first minute, before anything is measured.
FILLED_FROM_THE_START = {
    "basket": {
        "$metric, absolute",
        "$metric, share of the basket",
        "$metric, indexed to the first date shown",
        "Movers over 52 weeks",
        "Place by $metric",
        "GitHub stars",
        "PyPI downloads in 30 days",
    },
    "head-to-head": {
        "$first to $second, latest",
        "Ratio of $first to $second, by source",
        "Who is ahead, and since when",
        "Figures of a range of dates",
        "GitHub stars",
        "PyPI downloads in 30 days",
        "Job postings",
        "Share of papers with code",
    },
    "conferences": {
        "$topic among the basket's mentions, per venue",
        "$topic in all papers, per venue, by the rule $rule",
        "Papers that mention it",
        "All papers, per venue",
    },
    "jobs": {
        "Newest figures",
        "Postings by board",
        "Share of the basket's postings",
        "All postings of the boards",
        "$topic: part of all postings",
    },
}


FRESH_ONLY = {"Movers over 52 weeks", "Place by $metric"}  # figures older than two of their periods are left out


@pytest.mark.parametrize("name", FILLED_FROM_THE_START)
def test_the_starting_history_alone_fills_these_panels(filled: Filled, name: str) -> None:
    panels = {query.panel for query in queries(name, ALL[name])}
    assert panels - _empty(filled, filled.history, name) == FILLED_FROM_THE_START[name]
    assert panels - _empty(filled, filled.later, name) == FILLED_FROM_THE_START[name] - FRESH_ONLY


def _panel(filled: Filled, database: str, name: str, title: str, ref: str = "A") -> dict[str, dict[int, float]]:
    """A panel's query: label values, joined, → time → value."""
    query = next(q for q in queries(name, ALL[name]) if q.panel == title and q.ref == ref)
    found = _answer(filled.server, database, query, _chosen(filled.server, database, name))
    return {
        " ".join(filter(None, series.get("tags", {}).values())): {row[0]: row[1] for row in series["values"] if row[1] is not None}
        for series in found
    }


def test_the_ratio_chart_is_that_of_the_2019_article(filled: Filled) -> None:
    """He, 2019: at CVPR 2018 TensorFlow was ahead with 116 papers to 82, at CVPR 2019 PyTorch with 280 to 125."""
    drawn = _panel(filled, filled.history, "conferences", "$topic among the basket's mentions, per venue")
    cvpr = drawn["he-2019 CVPR"]
    assert [round(value, 1) for _, value in sorted(cvpr.items())][-2:] == [round(8200 / (82 + 116), 1), round(28000 / (280 + 125), 1)]


def test_the_ratio_of_two_topics_is_their_quotient(filled: Filled) -> None:
    drawn = _panel(filled, filled.history, "head-to-head", "Ratio of $first to $second, by source", "J")
    assert [round(value, 2) for _, value in sorted(drawn["imported"].items())] == [
        round(a / b, 2) for a, b in ((47, 18), (58, 13), (60, 11), (59, 5))
    ]


def test_an_indexed_line_is_percent_of_its_first_figure(filled: Filled) -> None:
    absolute = _panel(filled, filled.history, "basket", "$metric, absolute", "B")
    drawn = _panel(filled, filled.history, "basket", "$metric, indexed to the first date shown")
    values = [v for _, v in sorted(absolute["pytorch"].items())]
    assert list(dict(sorted(drawn["imported pytorch"].items())).values()) == pytest.approx(
        [100 * (v + 0.5) / (values[0] + 0.5) for v in values[1:]]
    )


def test_part_of_all_postings_is_postings_by_the_board_s_total(filled: Filled) -> None:
    part = _panel(filled, filled.history, "jobs", "$topic: part of all postings")["hacker_news imported"]
    time = max(part)
    of_both = "\"board\" = 'hacker_news' AND (\"topic\" = 'pytorch' OR \"topic\" = '')"
    ask = f'SELECT "postings", "total" FROM "jobs" WHERE time = {time}s AND {of_both}'
    rows = [row for series in filled.server.query(ask, filled.history) for row in series["values"]]
    postings, total = (max(filter(None, column)) for column in list(zip(*rows, strict=True))[1:])
    assert part[time] == pytest.approx(100 * postings / total)


@pytest.mark.parametrize(("name", "topic"), [("topic", "c++"), ("basket", ["c++"])])
def test_a_topic_with_signs_is_found_by_its_name_alone(filled: Filled, name: str, topic: str | list[str]) -> None:
    filled.server.database("signs")
    filled.server.write("signs", "\n".join(f"github,topic={key} stars=1 {(PRESENT - DAY) * 10**9}" for key in ("c++", "c", "cc")))
    query = next(q for q in queries(name, ALL[name]) if (q.panel, q.ref) == ("GitHub stars", "A"))
    assert [series["tags"]["topic"] for series in _answer(filled.server, "signs", query, {"topic": topic})] == ["c++"]


def test_releases_are_drawn_as_annotations(filled: Filled) -> None:
    for name in SERIES:
        (annotation,) = ALL[name]["annotations"]["list"]
        chosen = _chosen(filled.server, filled.spring, name)
        found = filled.server.query(expanded(annotation["target"]["query"], chosen, *_range(name)), filled.spring)
        assert [row[1] for series in found for row in series["values"]] == [EVENT.text], name


# The daemon's metrics, by PromQL


def _prom(server: Victoria, text: str, *, instant: bool, since: int = PRESENT - 4 * DAY) -> list[dict[str, Any]]:
    path, query = (
        ("query", {"time": str(PRESENT)}) if instant else ("query_range", {"start": str(since), "end": str(PRESENT), "step": "900"})
    )
    answer = json.loads(server.ask_text(f"/api/v1/{path}", query=text, **query))
    assert answer["status"] == "success"
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


@pytest.mark.parametrize("query", list(queries("operations", ALL["operations"])), ids=str)
def test_every_panel_of_operations_shows_figures(metrics_store: Victoria, query: Asked) -> None:
    assert _prom(metrics_store, query.text, instant=query.instant)


# Alert rules

RULES = {rule["uid"]: rule for rule in json.loads((FOLDER / "provisioning" / "alerting" / "uptake.json").read_text())["groups"][0]["rules"]}
FIRES = {  # by labels, which values are beyond the threshold in the servers above
    "uptake-away": [],
    "uptake-red": [],
    "uptake-source-blind": [{"source": "medium"}],
    "uptake-sending": [{"sink": "influxdb"}],
}
_BEYOND = {"gt": lambda value, limit: value > limit, "lt": lambda value, limit: value < limit}


def _fires(rule: dict[str, Any], value: float) -> bool:
    evaluator = rule["data"][2]["model"]["conditions"][0]["evaluator"]
    return bool(_BEYOND[evaluator["type"]](value, evaluator["params"][0]))


@pytest.mark.parametrize("uid", FIRES)
def test_a_rule_fires_for_what_is_wrong_and_for_nothing_else(metrics_store: Victoria, uid: str) -> None:
    found = _prom(metrics_store, RULES[uid]["data"][0]["model"]["expr"], instant=True)
    assert [series["metric"] for series in found if _fires(RULES[uid], float(series["value"][1]))] == FIRES[uid]


def test_a_daemon_that_is_away_or_red_fires() -> None:
    assert _fires(RULES["uptake-away"], 0)
    assert RULES["uptake-away"]["noDataState"] == "Alerting"
    assert _fires(RULES["uptake-red"], 0)
    assert not _fires(RULES["uptake-red"], 1)


def test_a_share_that_jumps_fires_and_one_that_moves_slowly_does_not(filled: Filled) -> None:
    server, rule = filled.server, RULES["uptake-sudden-change"]
    server.database("sudden")
    shares = {"calm": [30, 31, 33, 36], "sudden": [30, 31, 47, 48]}
    rows = [
        f"trend,basket=b,metric=github.stars,origin=derived,topic={topic} share={value} {(PRESENT - (4 - i) * 7 * DAY) * 10**9}"
        for topic, values in shares.items()
        for i, value in enumerate(values)
    ]
    server.write("sudden", "\n".join(rows))
    asked = rule["data"][0]["model"]["query"].replace("now()", f"{PRESENT}s")
    found = server.query(asked, "sudden")
    assert [s["tags"]["topic"] for s in found if _fires(rule, s["values"][0][1])] == ["sudden"]


def test_the_alerting_file_has_no_dollar_sign_that_grafana_would_take_for_its_environment() -> None:
    text = json.dumps(alerts.provisioned())
    assert re.findall(r"\$\w+", text) == ["$UPTAKE_ALERT_TO"]
    rules = alerts.provisioned()["groups"][0]["rules"]
    assert len({rule["uid"] for rule in rules}) == len(rules)
    assert all(rule["condition"] == rule["data"][-1]["refId"] for rule in rules)
