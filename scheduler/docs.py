"""Writes the generated documentation: tables of sources, metrics, commands and configuration keys.

``python -m scheduler.docs`` writes, ``--check`` only compares and fails when something is stale.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import typer
from pydantic import BaseModel

from crawlers.catalog import sources
from crawlers.source import SourceSpider
from scheduler import config as configuration
from storage.vocabulary import SHARED

ROOT = Path(__file__).parents[1]
BEGIN = "<!-- generated: {name} -->"
END = "<!-- end of generated -->"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; bars in cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(c).replace("|", "\\|").replace("\n", " ") for c in line) + " |" for line in lines)


def source_table() -> str:
    """What every source counts, what it costs, its key and its terms."""
    rows = []
    for name, cls in sources().items():
        if cls.__module__.split(".")[0] != "crawlers":
            continue  # a third party's source belongs to its own documentation
        allowance = cls.allowance({})
        secrets = [o for o in cls.options if o.secret]
        key = "no" if not secrets else ("required" if any(o.required for o in secrets) else "optional")
        rows.append(
            [
                f"`{name}`",
                ", ".join(dict.fromkeys(f"`{m.name}`" for m in cls.metrics())),
                key,
                cls.cost_words({}),
                allowance.words if allowance else "none published",
                ("with its key" if key == "required" else "on") if cls.enabled_by_default else "off",
                f"[{cls.terms.gist}]({cls.terms.url}) (read {cls.terms.checked})",
            ]
        )
    return table(["source", "counts", "key", "requests a day", "allowance without a key", "by default", "terms"], rows)


def source_pages() -> str:
    return "\n\n".join(_source_page(cls) for cls in sources().values() if cls.__module__.split(".")[0] == "crawlers")


def _source_page(cls: type[SourceSpider]) -> str:
    metrics = table(
        ["metric", "labels", "kind", "unit", "each", "how it is counted"],
        [
            [
                f"`{row.metric.name}`",
                " ".join(f"`{k}={v}`" for k, v in row.labels) + ("" if row.per_topic else " (no topic: a denominator)"),
                str(row.metric.kind),
                row.metric.unit,
                str(row.metric.cadence),
                row.metric.note,
            ]
            for row in cls.counts
        ],
    )
    keys = [[f"`{k}`", f"`{v}`" if v else "follows `base_url`", "where it is asked"] for k, v in cls.endpoints.items()]
    keys += [
        [
            f"`{o.name}_file`, or `UPTAKE_{cls.name.upper()}_{o.name.upper()}` in the environment" if o.secret else f"`{o.name}`",
            f"`{o.default}`" if o.default else "",
            o.help,
        ]
        for o in cls.options
    ]
    keys.append(["`schedule`", f"`{cls.schedule}`", "cron, UTC, weekdays by name"])
    return (
        f"### {cls.title} (`{cls.name}`)\n\n{cls.about}\n\n"
        f"A topic names itself here by {', '.join(f'`{s}`' for s in cls.signals)} (the first one present).\n\n{metrics}\n\n"
        f"Keys of `[sources.{cls.name}]`, beside `enabled`, `delay`, `obey_robots`, `budget` and `keep_days`:\n\n"
        f"{table(['key', 'default', 'meaning'], keys)}"
    )


def metric_table() -> str:
    every = [m for cls in sources().values() if cls.__module__.split(".")[0] == "crawlers" for m in cls.metrics()]
    found = {(m.name, m.version): m for m in [*every, *SHARED]}  # of a shared one its common meaning; what a source adds is on its page
    return table(
        ["metric", "title", "kind", "unit", "each", "how it is counted"],
        [
            [f"`{m.name}`" + (f" (version {m.version})" if m.version != 1 else ""), m.title, str(m.kind), m.unit, str(m.cadence), m.note]
            for _, m in sorted(found.items())
        ],
    )


def command_pages() -> str:
    """Every command with its help, as the command line shows it."""
    from scheduler.cli import commands  # noqa: F401  # it registers them
    from scheduler.cli.app import ORDER, app

    group = typer.main.get_command(app)
    parts = []
    for name in [*ORDER, *(c for c in group.commands if c not in ORDER)]:  # type: ignore[attr-defined]  # a group has commands
        command = group.commands.get(name)  # type: ignore[attr-defined]
        if command is None:
            continue
        context = command.make_context(name, [], resilient_parsing=True, terminal_width=100)
        help_text = command.get_help(context).replace(f"Usage: {name}", f"Usage: uptake {name}")
        parts.append(f"### `uptake {name}`\n\n```text\n{help_text.strip()}\n```")
    return "\n\n".join(parts)


def config_table() -> str:
    """Keys of the fixed sections of ``uptake.toml``, with their defaults."""
    sections: dict[str, type[BaseModel]] = {
        "store": configuration.Store,
        "crawl": configuration.Crawl,
        "http": configuration.Http,
        "daemon": configuration.Daemon,
        "influxdb": configuration.Influxdb,
        "digest": configuration.Digest,
        "mail": configuration.Mail,
        "alerts": configuration.Alerts,
    }
    rows = []
    for section, model in sections.items():
        for name, info in model.model_fields.items():
            default = "required" if info.is_required() else f"`{info.default!r}`"
            rows.append([f"`[{section}]`", f"`{info.alias or name}`", default, info.description or ""])
    return table(["section", "key", "default", "meaning"], rows)


def custom_tables() -> str:
    """Keys and placeholders of the ``[custom.…]`` sections."""
    from crawlers.address import DATES, TEXTS
    from scheduler.config_custom import KEYS

    keys = table(["key", "default", "meaning"], [[f"`{name}`", key.default, key.help] for name, key in KEYS.items()])
    dates = [[f"`{{{name}}}`", f"{words}; `{{{name}:%Y%m%d}}` is written so"] for name, words in DATES.items()]
    fields = table(
        ["placeholder of an address", "what stands there"], [*([f"`{{{name}}}`", words] for name, words in TEXTS.items()), *dates]
    )
    return f"{keys}\n\nAnd `enabled`, `schedule`, `delay`, `obey_robots`, `budget` and `keep_days`, as for any source.\n\n{fields}"


GENERATED: dict[str, Callable[[], str]] = {
    "sources": source_table,
    "source pages": source_pages,
    "metrics": metric_table,
    "commands": command_pages,
    "config": config_table,
    "custom": custom_tables,
}


def rendered(text: str) -> str:
    """A document with each generated part made anew."""
    for name, make in GENERATED.items():
        begin = BEGIN.format(name=name)
        pattern = re.compile(re.escape(begin) + r".*?" + re.escape(END), re.DOTALL)
        if pattern.search(text):
            part = f"{begin}\n{make()}\n{END}"
            text = pattern.sub(part.replace("\\", r"\\"), text)
    return text


def documents() -> Iterator[Path]:
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").glob("*.md"))


def stale() -> list[Path]:
    return [p for p in documents() if rendered(p.read_text(encoding="utf-8")) != p.read_text(encoding="utf-8")]


def main() -> int:
    found = stale()
    if "--check" in sys.argv:
        for path in found:
            sys.stderr.write(f"{path.relative_to(ROOT)} is stale: run make docs\n")
        return int(bool(found))
    for path in found:
        path.write_text(rendered(path.read_text(encoding="utf-8")), encoding="utf-8")
        sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
