"""Commands about what there is to measure: sources, plan."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli.app import app
from scheduler.cli.common import Json, config, print_json, table
from storage.model import Topic, UsageError
from storage.periods import DAY

if TYPE_CHECKING:
    from scheduler.config import SourceSetting

FROM_FILES = (
    "From files, without a request (uptake import): surveys, Papers With Code's archive, saved Google Trends, figures with a citation."
)


@app.command()
def sources(
    name: Annotated[str | None, typer.Argument(help="One source, in full.")] = None,
    json: Json = False,
) -> None:
    """Every source: what it counts, cost, terms, on or off.

    Example: uptake sources github
    """
    settings = config()
    if name is not None and name not in settings.sources:
        from scheduler.config import near

        raise UsageError(f"there is no source {name!r}{near(name, settings.sources)}")
    wanted = [settings.sources[name]] if name else list(settings.sources.values())
    if json:
        documents = [describe(s) for s in wanted]
        print_json(documents[0] if name else documents)
    elif name:
        typer.echo(_in_full(wanted[0]))
    else:
        typer.echo("\n\n".join(_in_short(s) for s in wanted))
        typer.echo(f"\n{FROM_FILES}\nOne in full: uptake sources NAME. What your topics cost: uptake plan.")


def _in_short(s: SourceSetting) -> str:
    """A source in a few lines that fit a terminal."""
    allowance = s.source.allowance(s.options)
    indent = " " * 4
    lines = [
        f"counts {', '.join(dict.fromkeys(m.name for m in s.source.metrics()))}",
        f"requests a day: about {s.source.cost_words(s.options)}; allowed: {allowance.words if allowance else 'not published'}",
        f"terms, read {s.source.terms.checked}: {s.source.terms.gist}",
    ]
    wide = min(shutil.get_terminal_size((100, 24)).columns, 110)
    told = [textwrap.fill(line, wide, initial_indent=indent, subsequent_indent=indent) for line in lines]
    return "\n".join([f"{s.source.name}: {_state(s)}", *told])


def _state(s: SourceSetting) -> str:
    """On, or off and why; of one that the user turned on, that its terms are another matter."""
    return ("on" if s.source.enabled_by_default else "on, though off by default: see its terms") if s.enabled else f"off, {s.why_off}"


def describe(s: SourceSetting) -> dict[str, Any]:
    """A source's declaration and settings as plain data."""
    cls = s.source
    allowance = cls.allowance(s.options)
    return {
        "name": cls.name,
        "title": cls.title,
        "about": cls.about,
        "enabled": s.enabled,
        "why_off": s.why_off,
        "counts": [
            {
                "metric": row.metric.name,
                "version": row.metric.version,
                "kind": str(row.metric.kind),
                "unit": row.metric.unit,
                "cadence": str(row.metric.cadence),
                "labels": dict(row.labels),
                "per_topic": row.per_topic,
                "note": row.metric.note,
            }
            for row in cls.counts
        ],
        "topic_keys": list(cls.signals),
        "endpoints": {k: s.endpoints.get(k) or v for k, v in cls.endpoints.items()},
        "options": [
            {"name": o.name, "help": o.help, "secret": o.secret, "required": o.required, "set": o.name in s.options} for o in cls.options
        ],
        "schedule": s.schedule,
        "terms": {"url": cls.terms.url, "checked": cls.terms.checked, "gist": cls.terms.gist},
        "allowance": {"requests": allowance.requests, "per": allowance.per, "words": allowance.words} if allowance else None,
        "requests_per_topic_and_day": cls.requests_per_day(10, s.options) / 10,
    }


def _in_full(s: SourceSetting) -> str:
    d = describe(s)
    lines = [f"{d['title']} ({d['name']}): {_state(s)}", "", d["about"], "", "Counts"]
    for c in d["counts"]:
        labels = "".join(f" {k}={v}" for k, v in c["labels"].items())
        lines.append(f"  {c['metric']}{labels}  ({c['kind']}, {c['unit']}, each {c['cadence']}{'' if c['per_topic'] else ', denominator'})")
        lines.append(f"      {c['note']}")
    lines += ["", f"A topic names itself here by: {', '.join(d['topic_keys'])} (the first one present)"]
    lines += ["", "Endpoints (keys of its config section)", *(f"  {k} = {v!r}" for k, v in d["endpoints"].items())]
    if d["options"]:
        lines += ["", "Options"]
        for o in d["options"]:
            way = f"environment UPTAKE_{s.source.name.upper()}_{o['name'].upper()}, or {o['name']}_file" if o["secret"] else o["name"]
            lines.append(f"  {way}: {o['help']} ({'set' if o['set'] else 'not set'})")
    lines += ["", f"Schedule (UTC): {d['schedule']}", f"Terms, read {d['terms']['checked']}: {d['terms']['gist']} {d['terms']['url']}"]
    return "\n".join(lines)


@app.command()
def plan(
    topics: Annotated[
        int | None, typer.Option("--topics", metavar="N", min=0, help="For this many topics instead of the configured ones.")
    ] = None,
    json: Json = False,
) -> int:
    """Requests a day against each source's allowance, for your topics, for 10 and for 1,000.

    Where not all topics fit, they take turns. Where they fit, one request after the other may still take more than a day.
    Exit code 1 where neither is possible. Example: uptake plan --topics 200
    """
    settings = config()
    pace = settings.manners.delay
    rows = [cost(s, topics if topics is not None else _named(s, settings.topics.values()), pace) for s in settings.sources.values()]
    if json:
        print_json(rows)
    else:
        cells = [
            [
                r["source"] + ("" if r["enabled"] else " (off)"),
                str(r["topics"]),
                "<1" if 0 < r["requests_per_day"] < 1 else f"{r['requests_per_day']:,.0f}",
                f"{r['allowance_per_day']:,}" if r["allowance_per_day"] is not None else "not published",
                _verdict(r),
                *(_verdict(cost(settings.sources[r["source"]], n, pace)) for n in (10, 1000)),
            ]
            for r in rows
        ]
        header = ["source", "topics", "requests a day", "allowed a day", "yours", "10 topics", "1,000 topics"]
        typer.echo(table(cells, header, right=frozenset({1, 2, 3})))
        typer.echo(f"\n{FROM_FILES}")
    return 0 if all(r["fits"] or r["days_between"] or not r["enabled"] for r in rows) else 1


def _named(s: SourceSetting, topics: Iterable[Topic]) -> int:
    return sum(1 for t in topics if s.source.name_of(t) is not None)


def cost(s: SourceSetting, topics: int, pace: float = 0.0) -> dict[str, Any]:
    """What a number of topics costs at a source, against what may be sent a day.

    ``pace``: seconds between two requests to one host, unless the source's section says otherwise.
    """
    wanted = s.source.requests_per_day(topics, s.options) if topics else 0.0
    allowance = s.source.allowance(s.options)
    limit = min((x for x in (allowance.per_day if allowance else None, s.budget) if x is not None), default=None)
    pause = 0.0 if s.source.hosts_apart else pace if s.delay is None else s.delay
    fits = limit is None or wanted <= limit
    turns = not fits and s.source.takes_turns
    return {
        "source": s.source.name,
        "enabled": s.enabled,
        "topics": topics,
        "requests_per_day": round(wanted, 1),
        "allowance_per_day": limit,
        "fits": fits,
        "days_of_asking": round(wanted * pause / DAY, 2),
        "days_between": ceil(wanted / max(1, limit)) if turns and limit is not None else None,
    }


def _verdict(row: dict[str, Any]) -> str:
    if row["fits"]:
        return "fits" if row["days_of_asking"] <= 1 else f"takes {row['days_of_asking']:.1f} days"
    if row["days_between"]:
        return f"each every {row['days_between']} days"
    return f"does not fit: {row['requests_per_day'] / row['allowance_per_day']:.1f} days for one day's figures"
