"""The summary for a terminal, in plain words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from rich.cells import cell_len

from trends import wording
from trends.findings import WINDOWS, BasketSummary, Blind, Change, Row, Summary, Table
from trends.overview import FEW, Cell, Line, families, lead_words, overview, when
from trends.panel import summable

WIDTH = 120  # of an overview: topics that do not fit are named below it


def text_of(summary: Summary, sources: Mapping[str, str] | None = None) -> str:
    """All baskets, each with its tables and what is blind; ``sources`` are titles by key."""
    head = f"As of {wording.date(summary.present)}"
    if summary.as_of is not None:
        head += f", as it was known after change {summary.as_of}"
    parts = [head + "."]
    parts += [_basket(basket, sources or {}) for basket in summary.baskets]
    return "\n\n".join(parts) + "\n"


def _basket(basket: BasketSummary, sources: Mapping[str, str]) -> str:
    title = basket.basket.title
    parts = [f"{title}\n{'=' * len(title)}"]
    older: list[Table] = []
    for family in families(basket.tables):
        fresh = [table for table in family if table.rows]
        if len(fresh) > FEW:
            parts.append(_overview(family, sources))
        else:
            parts += [_table(table, sources) for table in fresh]
            older += [table for table in family if table.stale or table.periods]
    if older:
        older.sort(key=basket.tables.index)
        parts.append("\n".join(_older(older)))
    if not basket.tables:
        parts.append("No figures yet. `uptake collect` measures now; `uptake import --starting-history` brings the bundled figures.")
    parts += ["\n".join(blind_lines(basket.blind))] if basket.blind else []
    if basket.unseen and basket.tables:
        parts.append(f"Nothing is known of {wording.listed(basket.unseen)}.")
    return "\n\n".join(parts)


def _table(table: Table, sources: Mapping[str, str]) -> str:
    head = ["", "date", "latest", "share", *(f"{w} weeks" for w in WINDOWS)]
    rows = [
        [
            row.title,
            when(table, row.latest) + (" *" if row.latest.imported else ""),
            wording.bounded(row.latest.value, row.latest.bound),
            share_of(row),
            *(change_text(c) for c in row.changes),
        ]
        for row in table.rows
    ]
    source = wording.sources_named(table.sources, sources)
    title = f"{wording.title_of(table.metric, table.labels)} ({table.metric.unit or 'count'}{'; ' + source if source else ''})"
    return "\n".join([title, *("  " + line for line in wording.columns(head, rows, left=(0, 1))), *("  " + n for n in notes(table))])


def _overview(tables: Sequence[Table], sources: Mapping[str, str]) -> str:
    """One table for all places of a metric: topics as columns, as many as fit."""
    seen = overview(tables)
    head = ["", "date", "leads"]
    rows = [[_place(line, seen.unit), line.date + ("" if line.fresh else ", not fresh"), lead_words(line.lead)] for line in seen.lines]
    room = WIDTH - 2 - sum(max(cell_len(row[i]) for row in [head, *rows]) + 2 for i in range(3))
    shown = 0
    for i, (_, title) in enumerate(seen.topics):
        cells = [_cell(line.cells[i]) for line in seen.lines]
        room -= max(map(cell_len, [title, *cells])) + 2
        if room < 0 and shown >= 2:
            break
        shown += 1
        head.insert(-1, title)
        for row, cell in zip(rows, cells, strict=True):
            row.insert(-1, cell)
    named = sorted({key for table in tables for key in table.sources})
    title = f"{seen.title} ({seen.unit}; {wording.sources_named(named, sources)})" if named else f"{seen.title} ({seen.unit})"
    said = _overview_notes(seen.lines, [title for _, title in seen.topics[shown:]])
    lines = wording.columns(head, rows, left=(0, 1, len(head) - 1))
    return "\n".join([title, *("  " + line for line in [*lines, *said])])


def _place(line: Line, usual: str) -> str:
    return line.place if line.unit == usual else f"{line.place} ({line.unit})"


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return wording.DASH
    text = wording.bounded(cell.figure.value, cell.figure.bound) + (" *" if cell.figure.imported else "")
    return f"{text} ({cell.date})" if cell.date else text


def _overview_notes(lines: Sequence[Line], left_out: Sequence[str]) -> list[str]:
    said = []
    held = [f"{row.title} ({line.place})" for line in lines for row in (*line.table.rows, *line.table.stale) if row.suspects]
    if held:
        said.append(f"Newer figures are held back as doubtful until confirmed: {wording.listed(held, 12)}.")
    if any(cell and cell.figure.imported for line in lines for cell in line.cells):
        said.append("* imported figure, not measured here.")
    if left_out:
        said.append(f"No room here for {wording.listed(left_out, 12)}.")
    return [*said, "Shares and changes at each of them: `uptake report`, or `uptake trends --json`."]


def share_of(row: Row) -> str:
    text = wording.percent(row.share)
    return text if row.share is None or not row.share_bound else f"≈ {text}"


def change_text(change: Change | None) -> str:
    """``+1,234 (+2.9 %)``; †: against an imported figure, ~: not exact."""
    if change is None:
        return wording.DASH
    mark = ("~" if change.bound else "") + ("†" if change.seam else "")
    percent = f" ({wording.percent(change.percent, signed=True)})" if change.percent is not None else ""
    return f"{mark}{wording.change(change.absolute)}{percent}"


def notes(table: Table) -> list[str]:
    """Sentences that a table needs to be read rightly: periods still open, values held back, marks, shares' period."""
    said = []
    partial = [row for row in table.rows if row.partial]
    if partial:
        parts = [f"{r.title} {wording.bounded(r.partial.value, r.partial.bound)}" for r in partial if r.partial]
        period = wording.period(max(r.partial.time for r in partial if r.partial), table.metric.cadence)
        said.append(f"Still counting, used in nothing above: {period}, {wording.listed(parts, 12)}.")
    held = [row.title for row in table.rows if row.suspects]
    if held:
        said.append(f"Newer figures are held back as doubtful until confirmed: {wording.listed(held)}.")
    if any(row.latest.imported for row in table.rows):
        said.append("* imported figure, not measured here.")
    if any(c and c.seam for row in table.rows for c in row.changes):
        said.append("† a figure measured here against an imported one.")
    if any(c and c.bound for row in table.rows for c in row.changes):
        said.append("~ not exact: a bound, an estimate, or periods without a value.")
    if summable(table.metric) and table.share_time is not None:
        said.append(f"Shares are of {wording.period(table.share_time, table.metric.cadence)}; changes compare sums of complete periods.")
    if table.without:
        said.append(f"No figures: {wording.listed(table.without, 12)}.")
    return said


def _older(tables: Sequence[Table]) -> list[str]:
    """One line per table and date: what was last known."""
    found: dict[tuple[str, str], list[str]] = {}
    for table in tables:
        title = wording.title_of(table.metric, table.labels)
        for name, date, figure in [
            *((row.title, when(table, row.latest), row.latest) for row in table.stale),
            *((name, figure.period, figure) for _, name, figure in table.periods),
        ]:
            found.setdefault((title, date), []).append(f"{name} {wording.bounded(figure.value, figure.bound)}")
    rows = [[title, date, wording.listed(names, 12)] for (title, date), names in found.items()]
    return ["Older figures, not called latest", *("  " + line for line in wording.columns(["", "", ""], rows, left=(0, 1, 2))[1:])]


def blind_lines(blind: Sequence[Blind]) -> list[str]:
    """What cannot be seen now and since when: whole metrics first, then single topics of metrics that others have fresh."""
    whole: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    single: dict[str, list[str]] = defaultdict(list)
    for b in sorted(blind, key=lambda b: -b.since):
        if b.topics:
            single[wording.title_of(b.metric, b.labels)].append(f"{wording.listed(b.topics)} since {wording.month(b.since)}")
        else:
            whole[b.metric.title][wording.month(b.since)].append(wording.label_words(b.labels))
    lines = ["Blind: no fresh figures"]
    for title, months in whole.items():
        parts = [f"{'; '.join(filter(None, labels))} since {month}".strip() for month, labels in months.items()]
        lines.append(f"  {title}: {wording.listed(parts, 4)}")
    return lines + [f"  {title}: {wording.listed(names, 12)}" for title, names in single.items()]


def headline(summary: Summary, *, tables: int = 3, topics: int = 4) -> str:
    """A few lines per basket: its fullest tables, their leading topics, and how old the figures are."""
    parts = []
    for basket in summary.baskets:
        parts.append(basket.basket.title)
        largest = [max(family, key=lambda t: len(t.rows) + len(t.stale)) for family in families(basket.tables)]
        full = sorted(largest, key=lambda t: -len(t.rows) - len(t.stale))[:tables]
        for table in full:
            rows = sorted([*table.rows, *table.stale], key=lambda r: -r.latest.value)
            if not rows:
                continue
            named = [f"{r.title} {wording.bounded(r.latest.value, r.latest.bound)}" for r in rows[:topics]]
            more = f" and {len(rows) - topics} more" if len(rows) > topics else ""
            age = "" if table.rows else ", not fresh"
            date = when(table, max((r.latest for r in rows), key=lambda f: f.time))
            parts.append(f"  {wording.title_of(table.metric, table.labels)} ({date}{age}): {', '.join(named)}{more}")
        if not full:
            parts.append("  no figures yet")
    return "\n".join([*parts, ""])
