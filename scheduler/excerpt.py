"""The part of a response that a number was read from, as text for a person."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

LINES = 20  # of a response that are shown where the number does not stand in it as it is
AROUND = 4  # lines before and after each place where it does
PLACES = 3
WIDE = 160  # characters a line


def excerpt(body: str, value: float | None) -> list[str]:
    """Lines of a body around a number, the ones that hold it marked with ``>``; else its first lines.

    JSON is laid out first. Long lines are cut around the number. What is left out shows as ``…``.
    """
    lines = laid_out(body)
    wanted = None if value is None else written(value)
    places = [] if wanted is None else [i for i, line in enumerate(lines) if wanted.search(line)][:PLACES]
    if not places:
        return [f"  {_cut(line, 0)}" for line in lines[:LINES]] + (["  …"] if len(lines) > LINES else [])
    shown = sorted({j for i in places for j in range(max(0, i - AROUND), min(len(lines), i + AROUND + 1))})
    return _with_gaps(lines, shown, set(places), wanted, len(lines))


def _with_gaps(lines: Sequence[str], shown: Sequence[int], places: set[int], wanted: re.Pattern[str] | None, total: int) -> list[str]:
    told: list[str] = []
    last = -1
    for i in shown:
        if i != last + 1:
            told.append("  …")
        match = wanted.search(lines[i]) if wanted is not None and i in places else None
        told.append(f"{'>' if i in places else ' '} {_cut(lines[i], match.start() if match else 0)}")
        last = i
    return told if last == total - 1 else [*told, "  …"]


def laid_out(body: str) -> list[str]:
    """The lines of a body; of JSON, one a key."""
    try:
        return json.dumps(json.loads(body), indent=1, ensure_ascii=False).splitlines()
    except (ValueError, RecursionError):
        return body.splitlines() or [""]


def written(value: float) -> re.Pattern[str]:
    """Finds a number as people and programs write it, thousands set apart or not, and not as a part of another one."""
    digits = f"{int(value):,}".replace(",", r"[,.'’\s]?") if float(value).is_integer() else re.escape(str(value))
    return re.compile(rf"(?<![\d.,]){digits}(?![\d]|[.,]\d)")


def _cut(line: str, at: int) -> str:
    start = max(0, at - WIDE // 2)
    part = line[start : start + WIDE]
    return f"{'…' if start else ''}{part}{'…' if start + WIDE < len(line) else ''}"
