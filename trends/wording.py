"""How figures, dates and bounds are written for readers: one place for the terminal, the page and the charts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from unicodedata import category

from rich.cells import cell_len

from storage.model import Bound, Cadence, Metric
from storage.periods import DAY, moment

DASH = "—"  # what is not known is a dash, never a zero
MINUS = "−"

_STEPS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_MONTHS = (  # not strftime, which speaks the machine's language
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_BOUND_SIGNS = {Bound.EXACT: "", Bound.AT_LEAST: "≥ ", Bound.ESTIMATE: "≈ "}
_BOUND_WORDS = {Bound.EXACT: "exact", Bound.AT_LEAST: "at least", Bound.ESTIMATE: "estimate"}
_ACRONYMS = {"us": "US", "uk": "UK", "eu": "EU", "pypi": "PyPI", "github": "GitHub", "devto": "DEV"}
_ACRONYMS |= {"linkedin": "LinkedIn", "stackoverflow": "Stack Overflow", "simplyhired": "SimplyHired", "paperswithcode": "Papers With Code"}
_ACRONYMS |= {"hacker_news": "Hacker News", "arxiv": "arXiv", "openalex": "OpenAlex", "huggingface": "Hugging Face"}
_ACRONYMS |= {"remoteok": "Remote OK", "weworkremotely": "We Work Remotely", "theirstack": "TheirStack", "usajobs": "USAJOBS"}
_ACRONYMS |= {"arbeitsagentur": "Bundesagentur für Arbeit", "france_travail": "France Travail", "world": "worldwide"}
_TURNS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_COMPOSED = 1000  # versions above it name what a series is composed of; those below are counted up by hand


def full(value: float | None) -> str:
    """All digits, grouped: ``87,347,847``; at most two decimals."""
    if value is None:
        return DASH
    text = f"{abs(value):,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{abs(value):,.2f}".rstrip("0").rstrip(".")
    return _signed(value, text)


def short(value: float | None) -> str:
    """Three digits that count: ``87.3 M``, ``13.7k``, ``1,541``, ``3.3``. Whole counts below 10,000 keep all their digits."""
    if value is None:
        return DASH
    size = abs(value)
    if size < 9999.5:
        if size >= 1000 or float(value).is_integer():
            return full(round(value))
        return _signed(value, f"{size:.3g}" if size < 100 else f"{size:.0f}")
    return _scaled(value)


def _scaled(value: float) -> str:
    size = abs(value)
    divisor, sign = next((d, s) for d, s in _STEPS if size >= d * 0.9995)
    scaled = size / divisor
    digits = f"{scaled:.1f}" if scaled < 99.95 else f"{scaled:,.0f}"
    return _signed(value, digits.removesuffix(".0") + ("k" if sign == "k" else f" {sign}"))


def _signed(value: float, text: str) -> str:
    return f"{MINUS}{text}" if value < 0 and text.strip("0.,") else text


def bounded(value: float | None, bound: Bound, *, digits: bool = False) -> str:
    """A value with the sign of its bound: ``≥ 9,000``, ``≈ 13.7k``."""
    if value is None:
        return DASH
    return _BOUND_SIGNS[bound] + (full(value) if digits else short(value))


def bound_word(bound: Bound) -> str:
    return _BOUND_WORDS[bound]


def change(value: float | None) -> str:
    """A difference with its sign: ``+10,256``, ``−28``, ``±0``."""
    if value is None:
        return DASH
    text = full(round(value)) if 1000 <= abs(value) < 99_999.5 else short(value)
    return "±0" if value == 0 else (f"+{text}" if value > 0 else text)


def percent(value: float | None, *, signed: bool = False) -> str:
    """A percentage of two or three digits: ``28 %``, ``0.73 %``, ``+86 %``."""
    if value is None:
        return DASH
    size = abs(value)
    text = f"{size:,.0f}" if size >= 9.95 else (f"{size:.1f}" if size >= 0.95 or size == 0 else f"{size:.2g}")
    text = "0" if size == 0 else text
    sign = (MINUS if value < 0 else "+" if value > 0 else "±") if signed else (MINUS if value < 0 else "")
    return f"{sign}{text} %"


def ratio(quotient: float | None) -> str:
    """``3.86:1``, or ``1:2.09`` below one; a dash for None."""
    if quotient is None or quotient <= 0:
        return DASH
    return f"{_quotient(quotient)}:1" if quotient >= 1 else f"1:{_quotient(1 / quotient)}"


def _quotient(value: float) -> str:
    return f"{value:.2f}" if value < 99.95 else f"{value:,.0f}"


def pair(a: float | None, b: float | None, bound: Bound = Bound.EXACT) -> str:
    """Two figures side by side as one reads them aloud: ``1541:1437``, ``≈ 13.7k:7.2k``, ``87.3 M:22.7 M``."""
    large = max(abs(a or 0), abs(b or 0)) >= 9999.5

    def one(value: float | None) -> str:
        if value is None or not large or abs(value) < 1000:
            return short(value).replace(",", "")
        return _scaled(value)

    return f"{_BOUND_SIGNS[bound]}{one(a)}:{one(b)}"


def date(time: int | None) -> str:
    """``2026-04-01``; a dash for None."""
    return DASH if time is None else moment(time).strftime("%Y-%m-%d")


def minute(time: int) -> str:
    return moment(time).strftime("%Y-%m-%d %H:%M UTC")


def month(time: int) -> str:
    """``April 2026``, for prose."""
    when = moment(time)
    return f"{_MONTHS[when.month - 1]} {when.year}"


def day(time: int) -> str:
    """``6 April 2026``, for prose."""
    return f"{moment(time).day} {month(time)}"


def period(time: int, cadence: Cadence) -> str:
    """The period of a flow that starts at a time: ``2026-11-20``, ``week of 2026-11-16``, ``2026-11``, ``2026``."""
    when = moment(time)
    if cadence is Cadence.YEAR:  # yearly events keep their month: conferences are in June or in December
        return f"{when:%Y}" if (when.month, when.day) == (1, 1) else f"{when:%Y-%m}"
    if cadence is Cadence.MONTH:
        return f"{when:%Y-%m}"
    if cadence is Cadence.WEEK:
        return f"week of {when:%Y-%m-%d}"
    return f"{when:%Y-%m-%d %H:00}" if cadence is Cadence.HOUR else f"{when:%Y-%m-%d}"


def days(seconds: float) -> str:
    """A length of time in the unit a person would use: ``3 days``, ``5 weeks``, ``2 years``."""
    count = seconds / DAY
    for size, name in ((365.25, "year"), (30.44, "month"), (7, "week")):
        if count >= 2 * size:
            return f"{round(count / size)} {name}s"
    whole = max(1, round(count))
    return f"{whole} day{'s' if whole != 1 else ''}"


def name_of(key: str) -> str:
    """A source's or label's key as a reader knows it: ``hacker_news`` → ``Hacker News``."""
    if key in _ACRONYMS:
        return _ACRONYMS[key]
    if "+" in key:
        return " + ".join(map(name_of, key.split("+")))
    return key.replace("_", " ")[:1].upper() + key.replace("_", " ")[1:] if key.islower() else key


def label_words(labels: Iterable[tuple[str, str]]) -> str:
    """Labels for a title: ``LinkedIn, US``; the names of labels are left out where their values speak."""
    return ", ".join(_label(key, value) for key, value in labels)


def _label(key: str, value: str) -> str:
    if key in {"rule", "with", "period"}:
        return f"{key} {value}"
    return value.upper() if key == "country" and len(value) == 2 else name_of(value)


def title_of(metric: Metric, labels: Iterable[tuple[str, str]]) -> str:
    """``Job postings, LinkedIn, US``; a later definition of the metric is named."""
    words = label_words(labels)
    return f"{metric.title}{', ' + words if words else ''}{definition(metric)}"


def definition(metric: Metric) -> str:
    """What is to be said after a title of a metric's version: `` (definition 2)``, `` (variant 876432)`` of a composition."""
    if metric.version == 1:
        return ""
    return f" ({'variant' if metric.version > _COMPOSED else 'definition'} {metric.version})"


def listed(words: Sequence[str], most: int = 6) -> str:
    """``A, B and C``; what is over ``most`` is counted."""
    if len(words) > most:
        words = [*words[: most - 1], f"{len(words) - most + 1} more"]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def one_line(text: str, most: int = 0) -> str:
    """Text without line breaks, control characters and characters that turn the direction of what follows; cut at ``most``."""
    kept = "".join(" " if category(c) in {"Cc", "Zl", "Zp"} else c for c in text if c not in _TURNS)
    kept = " ".join(kept.split())
    return kept if not most or len(kept) <= most else kept[: most - 1].rstrip() + "…"


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,)) -> list[str]:
    """Lines of a plain-text table; columns in ``left`` are aligned left, the others right."""
    widths = [max(cell_len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = []
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            space = " " * (width - cell_len(cell))  # cells of the terminal: an emoji takes two
            padded.append(cell + space if i in left else space + cell)
        return "  ".join(padded).rstrip()

    return [line(head), *map(line, rows)]


def sources_named(keys: Iterable[str], titles: Mapping[str, str]) -> str:
    return listed(sorted({titles.get(key) or name_of(key) for key in keys if key}))
