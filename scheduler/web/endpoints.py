"""Every address that can be asked, declared: its path, what it takes, what it gives. Reading and documents are made of this."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scheduler.web.parameters import CURSOR, Parameter

API = "/api/v1"

AS_OF = Parameter("as_of", "what was known at this time; a bare date means its end", "time", example="2026-04-06")
UNTIL = Parameter("until", "nothing after this time is looked at; a bare date means its end", "time")
START = Parameter("from", "nothing before this time", "time", example="2024-01-01")
END = Parameter("to", "nothing after this time; a bare date means its end", "time")
LIMIT = Parameter("limit", "how many at most", "whole", low=1, high=1000, default=200)
NEXT = Parameter("cursor", "where the page before ended: its `next`", pattern=CURSOR)
SERIES = Parameter("series", "a series' name", example='github.stars{topic="pytorch"}')
KEY = r"^[A-Za-z0-9._+-]+$"
METRIC = Parameter("metric", "only this metric", pattern=KEY, example="github.stars")
TOPIC = Parameter("topic", "only these topics", many=True, pattern=KEY, example="pytorch")
SOURCE = Parameter("source", "only this source", pattern=KEY, example="github")
SCALE = Parameter(
    "scale",
    "counts, share of the basket, an index that is 100 at `base`, or a log scale",
    "choice",
    choices=("absolute", "share", "indexed", "log"),
)
BASE = Parameter("base", "the date that an index is 100 at; else the first that all have", "time")
EVENTS = Parameter("events", "whether releases and notes are marked", "choice", choices=("on", "off"), default="on")
GROUP = Parameter("series", "what is drawn: a series' name without its topic", example="github.stars")
VIEW = (GROUP, SCALE, START, END, BASE, TOPIC, EVENTS, AS_OF)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address. ``gives``: media types, or a JSON Schema of the document; ``path_words`` describes its path's parts."""

    name: str
    path: str
    summary: str
    parameters: tuple[Parameter, ...] = ()
    gives: tuple[str, ...] = ("application/json",)
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "object"})
    path_parts: tuple[Parameter, ...] = ()
    live: tuple[str, ...] = ()  # what of the daemon's knowledge goes with the question: health, left


def _listed(name: str, *required: str, paged: bool = False) -> dict[str, Any]:
    """An object with a list of objects under a name."""
    item = {"type": "object", "required": list(required)}
    properties: dict[str, Any] = {name: {"type": "array", "items": item}, "sequence": {"type": "integer", "minimum": 0}}
    if paged:
        properties["next"] = {"type": ["string", "null"], "description": "the next page's `cursor`; null at the end"}
    return {"type": "object", "required": [name, "sequence", *(["next"] if paged else [])], "properties": properties}


_KEY = Parameter("key", "its key in the configuration", pattern=KEY, example="pytorch")
_BASKET = Parameter("basket", "its key in the configuration", pattern=KEY, example="deep-learning")
_METRIC = Parameter("metric", "what is drawn", pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$", example="github.stars")
_PICTURE = (
    Parameter("labels", "what tells series of one metric apart", example="board=linkedin;country=us"),
    Parameter("version", "of the metric's definition", "whole", low=1, high=999_999_999, default=1),
    SCALE,
    START,
    END,
    BASE,
    TOPIC,
    EVENTS,
    Parameter("theme", "for light or dark paper", "choice", choices=("light", "dark"), default="light"),
    Parameter("width", "in pixels", "whole", low=200, high=1600, default=860),
    AS_OF,
)

ENDPOINTS = (
    Endpoint(
        "topics",
        f"{API}/topics",
        "Technologies that are tracked, with their names per source",
        (AS_OF,),
        schema=_listed("topics", "key", "title"),
    ),
    Endpoint(
        "topic", f"{API}/topics/{{key}}", "One technology and its series", (AS_OF,), path_parts=(_KEY,), schema=_listed("series", "name")
    ),
    Endpoint(
        "baskets",
        f"{API}/baskets",
        "Groups of technologies that are compared",
        (AS_OF,),
        schema=_listed("baskets", "key", "title", "topics"),
    ),
    Endpoint(
        "sources",
        f"{API}/sources",
        "Where counts come from: terms, cost, allowance left (null of the past), their newest figure",
        (AS_OF,),
        schema=_listed("sources", "name"),
        live=("left",),
    ),
    Endpoint(
        "series",
        f"{API}/series",
        "Series, with what they count",
        (METRIC, TOPIC, SOURCE, AS_OF, LIMIT, NEXT),
        schema=_listed("series", "name", "metric", "unit", "kind", paged=True),
    ),
    Endpoint(
        "points",
        f"{API}/points",
        'Figures as JSON, CSV or Parquet. The next page of CSV and Parquet is named by the header `Link: rel="next"`',
        (
            Parameter("series", "only these series", many=True, example='github.stars{topic="pytorch"}'),
            METRIC,
            TOPIC,
            SOURCE,
            START,
            END,
            AS_OF,
            Parameter("format", "of the answer", "choice", choices=("json", "csv", "parquet"), default="json"),
            Parameter("doubtful", "whether figures that are held as doubtful come too", "choice", choices=("yes", "no"), default="no"),
            Parameter("limit", "how many figures at most", "whole", low=1, high=100_000, default=10_000),
            NEXT,
        ),
        ("application/json", "text/csv", "application/vnd.apache.parquet"),
        _listed("points", "time", "series", "value", "bound", paged=True),
    ),
    Endpoint(
        "summary",
        f"{API}/summary",
        "What stands where now, shares, changes; with claims where they are made",
        (Parameter("basket", "only this basket", pattern=KEY, example="deep-learning"), UNTIL, AS_OF),
        schema={
            "type": "object",
            "required": ["present", "baskets"],
            "properties": {"baskets": {"type": "array", "items": {"type": "object"}}},
        },
    ),
    Endpoint(
        "coverage",
        f"{API}/coverage",
        "How planned figures ended, by source and day or week",
        (Parameter("weeks", "how many back", "whole", low=1, high=520, default=8), AS_OF),
        schema={"type": "object", "required": ["coverage", "calendar"]},
    ),
    Endpoint(
        "trace",
        f"{API}/trace",
        "One figure and the page that it was read from",
        (
            Parameter("series", SERIES.words, required=True, example=SERIES.example),
            Parameter("time", "the figure's time; else the newest", "time"),
            AS_OF,
        ),
        schema={"type": "object", "required": ["series", "time", "value", "pages", "revisions"]},
    ),
    Endpoint(
        "chart.svg",
        f"{API}/charts/{{basket}}/{{metric}}.svg",
        "A basket's chart as a picture, for READMEs",
        _PICTURE,
        ("image/svg+xml",),
        path_parts=(_BASKET, _METRIC),
    ),
    Endpoint(
        "chart.png",
        f"{API}/charts/{{basket}}/{{metric}}.png",
        "The same, for slides",
        _PICTURE,
        ("image/png",),
        path_parts=(_BASKET, _METRIC),
    ),
    Endpoint("digests", f"{API}/digests", "Digests that were made", (AS_OF,), schema=_listed("digests")),
)

PAGES = (
    Endpoint("page.home", "/", "What moved", (AS_OF,), live=("health",)),
    Endpoint("page.basket", "/baskets/{basket}", "Compare", VIEW, path_parts=(_BASKET,)),
    Endpoint("page.topic", "/topics/{topic}", "One technology", (AS_OF,), path_parts=(Parameter("topic", "", pattern=KEY),)),
    Endpoint("page.series", "/series", "One series", (Parameter("name", "", required=True), SCALE, START, END, AS_OF)),
    Endpoint("page.number", "/number", "One figure", (Parameter("series", "", required=True), Parameter("time", "", "time"), AS_OF)),
    Endpoint("page.coverage", "/coverage", "What was measured", (Parameter("weeks", "", "whole", low=1, high=520, default=8), AS_OF)),
    Endpoint("page.sources", "/sources", "Where counts come from", (AS_OF,), live=("left", "health")),
    Endpoint("page.digests", "/digests", "Digests", (AS_OF,)),
    Endpoint(
        "page.digest", "/digests/{number}", "A digest", (AS_OF,), path_parts=(Parameter("number", "", "whole", low=1, high=999_999_999),)
    ),
    Endpoint(
        "page.conferences",
        "/conferences",
        "Conference papers",
        (
            Parameter("basket", "", pattern=KEY),
            Parameter("rule", ""),
            Parameter("topic", "", pattern=KEY),
            Parameter("from", "", "whole", low=1950, high=2099),
            Parameter("to", "", "whole", low=1950, high=2099),
            AS_OF,
        ),
    ),
    Endpoint("page.api", "/api", "The API, to read", (AS_OF,)),
    Endpoint("openapi", f"{API}/openapi.json", "This document", ()),
    Endpoint("static.vega", "/static/vega.js", "Vega", (Parameter("v", ""),)),
    Endpoint("static.style", "/static/app.css", "Style", (Parameter("v", ""),)),
    Endpoint("static.script", "/static/app.js", "Script", (Parameter("v", ""),)),
    Endpoint("static.icon", "/static/icon.svg", "Icon", (Parameter("v", ""),)),
)

__all__ = ["API", "ENDPOINTS", "PAGES", "Endpoint"]
